//! A configured WhatsApp template beside what the vendor approved, at Meta and at Twilio.
//!
//! Checked at start and by `doctor`: a template with other parameters than the vendor approved would fail with every
//! message (132000, 63028), so it is refused with both lists.

use std::fmt;

use crate::meta::ButtonKind;

/// Most placeholders that are looked for in one text (Twilio allows 100 variables).
const MOST_PLACEHOLDERS: usize = 100;

/// A template as the configuration has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Meta: the template's name. Twilio: its `ContentSid`.
    pub name: String,
    /// As the vendor writes it: `tr`.
    pub language: String,
    /// What goes into `{{1}}`, `{{2}}`, …, in this order; names of the event's flat view.
    pub parameters: Vec<String>,
    /// Buttons that take a value (Meta; at Twilio a button's value is a variable like the others).
    pub buttons: Vec<WantedButton>,
}

/// A button of a configured template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedButton {
    /// Its place, from 0.
    pub index: u8,
    /// What it does.
    pub kind: ButtonKind,
}

/// A template as the vendor lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The vendor's id: Meta's number, Twilio's `ContentSid`.
    pub id: String,
    /// Its name: Meta's, Twilio's friendly name.
    pub name: String,
    /// As the vendor writes it.
    pub language: String,
    /// In capitals, as it came: `APPROVED`, `PENDING`, `REJECTED`, `PAUSED`, `DISABLED`, …
    pub status: String,
    /// In capitals: `UTILITY`, `MARKETING`, `AUTHENTICATION`; empty where it was not told.
    pub category: String,
    /// Names of the placeholders, each once, in the order of the text: `1`, `2`, …
    pub parameters: Vec<String>,
    /// Its buttons, by place.
    pub buttons: Vec<ListedButton>,
    /// What else it wants with each message and this project does not send: a header with a value, a copy code.
    pub unsupported: Vec<String>,
}

/// A button of a listed template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedButton {
    /// What it does; `None`: anything but a quick reply or an address.
    pub kind: Option<ButtonKind>,
    /// Whether each message must give it a value.
    pub needs_value: bool,
}

impl Listed {
    /// Whether it may be sent.
    pub fn is_approved(&self) -> bool {
        self.status.eq_ignore_ascii_case("approved")
    }
}

/// What is wrong with a configured template; one line that holds both lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misfit {
    /// The vendor has none of this name in this language.
    Missing {
        /// The configured one.
        wanted: String,
        /// Those that the vendor has approved; at most 20.
        approved: Vec<String>,
    },
    /// The vendor has it, and did not approve it, or not any more.
    NotApproved {
        /// The configured one.
        wanted: String,
        /// The vendor's word.
        status: String,
    },
    /// It takes other values than are configured.
    Differs {
        /// The configured one.
        wanted: String,
        /// What is configured: `1=appointment.date`, `button 0 url`.
        configured: Vec<String>,
        /// What the vendor approved: `1`, `2`, `button 0 url`.
        approved: Vec<String>,
    },
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { wanted, approved } => {
                write!(f, "template {wanted} is not among those the vendor approved ")?;
                write!(f, "[{}]; take one of these, or have it approved", approved.join(", "))
            }
            Self::NotApproved { wanted, status } => {
                write!(f, "template {wanted} is {status} at the vendor; ")?;
                f.write_str("take another one, or see the vendor's console for the reason")
            }
            Self::Differs { wanted, configured, approved } => {
                write!(f, "template {wanted}: configured are [{}], ", configured.join(", "))?;
                write!(f, "the vendor approved [{}]; make them agree", approved.join(", "))
            }
        }
    }
}

/// Most names in a message about a missing template.
const MOST_NAMES: usize = 20;

/// Compares a configured template with what the vendor lists. Pure.
///
/// # Errors
/// What does not fit, with both lists.
pub fn compare(wanted: &Wanted, vendor: &[Listed]) -> Result<(), Misfit> {
    let called = format!("{} ({})", wanted.name, wanted.language);
    let is_it = |listed: &&Listed| {
        (listed.name == wanted.name || listed.id == wanted.name)
            && listed.language.eq_ignore_ascii_case(&wanted.language)
    };
    let Some(listed) = vendor.iter().filter(is_it).max_by_key(|listed| listed.is_approved()) else {
        let approved = vendor.iter().filter(|listed| listed.is_approved());
        let approved = approved.map(|listed| format!("{} ({})", listed.name, listed.language));
        return Err(Misfit::Missing {
            wanted: called,
            approved: approved.take(MOST_NAMES).collect(),
        });
    };
    if !listed.is_approved() {
        return Err(Misfit::NotApproved { wanted: called, status: listed.status.clone() });
    }
    if fits(wanted, listed) {
        return Ok(());
    }
    Err(Misfit::Differs {
        wanted: called,
        configured: configured_list(wanted),
        approved: approved_list(listed),
    })
}

fn fits(wanted: &Wanted, listed: &Listed) -> bool {
    // `{{2}}` may stand before `{{1}}` in a text: what counts is which there are.
    let mut theirs: Vec<&str> = listed.parameters.iter().map(String::as_str).collect();
    let ours: Vec<String> = (1..=wanted.parameters.len()).map(|n| n.to_string()).collect();
    theirs.sort_by_key(|name| (name.len(), *name));
    let parameters = theirs == ours;
    let each_is_there = wanted.buttons.iter().all(|button| {
        let theirs = listed.buttons.get(usize::from(button.index));
        theirs.is_some_and(|theirs| {
            // an address without a placeholder takes no value
            theirs.kind == Some(button.kind)
                && (theirs.needs_value || button.kind == ButtonKind::QuickReply)
        })
    });
    let none_is_missing = listed.buttons.iter().enumerate().all(|(index, theirs)| {
        !theirs.needs_value
            || wanted.buttons.iter().any(|button| usize::from(button.index) == index)
    });
    let mut places: Vec<u8> = wanted.buttons.iter().map(|button| button.index).collect();
    places.sort_unstable();
    places.dedup();
    let each_once = places.len() == wanted.buttons.len();
    parameters && each_is_there && none_is_missing && each_once && listed.unsupported.is_empty()
}

fn configured_list(wanted: &Wanted) -> Vec<String> {
    let parameters = wanted.parameters.iter().enumerate();
    let mut list: Vec<String> =
        parameters.map(|(index, name)| format!("{}={name}", index + 1)).collect();
    let buttons = wanted.buttons.iter();
    list.extend(buttons.map(|button| format!("button {} {}", button.index, button.kind.as_str())));
    list
}

fn approved_list(listed: &Listed) -> Vec<String> {
    let mut list = listed.parameters.clone();
    list.extend(listed.buttons.iter().enumerate().map(|(index, button)| {
        let kind = button.kind.map_or("other", ButtonKind::as_str);
        let value = if button.needs_value { "" } else { " without a value" };
        format!("button {index} {kind}{value}")
    }));
    list.extend(listed.unsupported.iter().cloned());
    list
}

/// The names between `{{` and `}}`, each once, in their order; at most 100.
pub(crate) fn placeholders(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("{{") {
        let Some((name, tail)) = after.split_once("}}") else { break };
        let name = name.trim();
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let fits = (1..=64).contains(&name.len()) && plain;
        if fits && !found.iter().any(|known| known == name) {
            found.push(name.to_owned());
        }
        if found.len() == MOST_PLACEHOLDERS {
            break;
        }
        rest = tail;
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wanted(parameters: usize, buttons: &[(u8, ButtonKind)]) -> Wanted {
        Wanted {
            name: "randevu".into(),
            language: "tr".into(),
            parameters: (1..=parameters).map(|n| format!("field{n}")).collect(),
            buttons: buttons
                .iter()
                .map(|(index, kind)| WantedButton { index: *index, kind: *kind })
                .collect(),
        }
    }

    fn listed(text: &str, buttons: &[(Option<ButtonKind>, bool)]) -> Listed {
        Listed {
            id: "1".into(),
            name: "randevu".into(),
            language: "tr".into(),
            status: "APPROVED".into(),
            category: "UTILITY".into(),
            parameters: placeholders(text),
            buttons: buttons
                .iter()
                .map(|(kind, needs_value)| ListedButton { kind: *kind, needs_value: *needs_value })
                .collect(),
            unsupported: Vec::new(),
        }
    }

    /// `{{1}} {{2}} …`
    fn numbered(count: usize) -> String {
        let each: Vec<String> = (1..=count).map(|n| format!("{{{{{n}}}}}")).collect();
        each.join(" ")
    }

    const URL: ButtonKind = ButtonKind::Url;
    const REPLY: ButtonKind = ButtonKind::QuickReply;

    #[test]
    fn a_template_fits_where_every_value_has_its_place() {
        let text = "Sayın {{1}}, {{2}} randevunuz. {{1}}";
        assert_eq!(compare(&wanted(2, &[]), &[listed(text, &[])]), Ok(()));
        let swapped = listed("{{2}} {{1}}", &[(Some(REPLY), false), (Some(URL), true)]);
        assert_eq!(compare(&wanted(2, &[(1, URL)]), std::slice::from_ref(&swapped)), Ok(()));
        assert_eq!(compare(&wanted(2, &[(1, URL), (0, REPLY)]), &[swapped]), Ok(()));
        assert_eq!(compare(&wanted(0, &[]), &[listed("düz", &[])]), Ok(()));
        assert_eq!(compare(&wanted(12, &[]), &[listed(&numbered(12), &[])]), Ok(()));
    }

    #[test]
    fn one_that_does_not_fit_is_refused_with_both_lists() {
        let three = listed("{{1}} {{2}} {{3}}", &[(Some(URL), true)]);
        let line = compare(&wanted(2, &[]), &[three]).unwrap_err().to_string();
        assert_eq!(
            line,
            "template randevu (tr): configured are [1=field1, 2=field2], the vendor approved \
             [1, 2, 3, button 0 url]; make them agree"
        );
        for (ours, theirs) in [
            (wanted(1, &[]), listed("{{2}}", &[])),
            (wanted(1, &[]), listed("{{name}}", &[])),
            (wanted(0, &[(0, URL)]), listed("", &[])),
            (wanted(0, &[(0, URL)]), listed("", &[(Some(URL), false)])),
            (wanted(0, &[(0, URL)]), listed("", &[(Some(REPLY), false)])),
            (wanted(0, &[]), listed("", &[(None, true)])),
            (wanted(0, &[(0, REPLY), (0, REPLY)]), listed("", &[(Some(REPLY), false)])),
            (wanted(0, &[]), Listed { unsupported: vec!["header".into()], ..listed("", &[]) }),
        ] {
            let misfit = compare(&ours, std::slice::from_ref(&theirs)).unwrap_err();
            assert!(matches!(misfit, Misfit::Differs { .. }), "{ours:?} {theirs:?}");
        }
    }

    #[test]
    fn a_missing_and_an_unapproved_one_are_told_apart() {
        let paused = Listed { status: "PAUSED".into(), ..listed("", &[]) };
        let misfit = compare(&wanted(0, &[]), std::slice::from_ref(&paused)).unwrap_err();
        assert!(misfit.to_string().contains("is PAUSED at the vendor"), "{misfit}");
        let other = Listed { language: "en_US".into(), ..listed("", &[]) };
        let misfit = compare(&wanted(0, &[]), &[other, paused.clone()]).unwrap_err();
        assert!(matches!(misfit, Misfit::NotApproved { .. }));
        let other = Listed { name: "makbuz".into(), ..listed("", &[]) };
        let misfit = compare(&wanted(0, &[]), &[other]).unwrap_err().to_string();
        assert!(misfit.contains("randevu (tr)") && misfit.contains("[makbuz (tr)]"), "{misfit}");
        // an approved one beside an older one of the same name
        assert_eq!(compare(&wanted(0, &[]), &[paused, listed("", &[])]), Ok(()));
    }

    proptest! {
        #[test]
        fn any_text_gives_its_placeholders_once_and_bounded(text in "(\\{\\{|\\}\\}|[0-9a-z ]|\\PC){0,60}") {
            let found = placeholders(&text);
            prop_assert!(found.len() <= MOST_PLACEHOLDERS);
            for name in &found {
                prop_assert!(text.contains(name.as_str()));
                prop_assert_eq!(found.iter().filter(|other| *other == name).count(), 1);
            }
        }

        /// It fits exactly where the numbers of values agree.
        #[test]
        fn counts_decide(ours in 0_usize..6, theirs in 0_usize..6) {
            let text = numbered(theirs);
            prop_assert_eq!(compare(&wanted(ours, &[]), &[listed(&text, &[])]).is_ok(), ours == theirs);
        }
    }
}
