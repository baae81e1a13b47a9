//! `[whatsapp.templates.<name>]`: which approved template carries which type of event in which language, and with what values.

use std::collections::BTreeMap;

use figment::value::Value;
use schemas::{ClinicId, Language};

use super::clinics::TypeRules;
use super::process::{WHATSAPP_PROVIDERS, WhatsappProvider};
use super::reader::{Parsed, Reader, Reported};
use super::values;

/// An approved template, mapped to an event type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedTemplate {
    /// Its name in the configuration.
    pub name: String,
    /// The event type that it carries.
    pub event_type: String,
    /// The recipients' language.
    pub language: Language,
    /// Where it is approved.
    pub provider: WhatsappProvider,
    /// At Meta its name, at Twilio its `ContentSid`.
    pub template: String,
    /// Its language as the vendor writes it: `tr`, `en_US`.
    pub vendor_language: String,
    /// What goes into `{{1}}`, `{{2}}`, …: names of texts, with filters as there.
    pub parameters: Vec<String>,
    /// Buttons that take a value.
    pub buttons: Vec<MappedButton>,
    /// The clinics that it is for, before one that is for all; empty: all.
    pub clinics: Vec<ClinicId>,
}

/// A button of a template that takes a value with each message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedButton {
    /// Its place, from 0.
    pub index: u8,
    /// Whether it opens an address; else it answers with a payload.
    pub is_url: bool,
    /// Its value, written as a parameter.
    pub value: String,
}

/// Most parameters of a template.
const MOST_PARAMETERS: usize = 50;
/// Most buttons of a template.
const MOST_BUTTONS: usize = 10;

const LANGUAGES: &[(&str, Language)] = &[("tr", Language::Tr), ("en", Language::En)];

pub(super) fn templates(
    r: &mut Reader<'_>,
    types: &TypeRules,
) -> Result<BTreeMap<String, MappedTemplate>, Reported> {
    let mut all: Vec<Result<MappedTemplate, Reported>> = Vec::new();
    for name in r.names(&["whatsapp", "templates"]) {
        let fits = (1..=63).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        all.push(if fits {
            template(r, &name, types)
        } else {
            let problem = "is no name of a template; use 1 to 63 letters, digits, - and _";
            Err(r.refuse_section(&["whatsapp", "templates", &name], problem))
        });
    }
    let mut templates: BTreeMap<String, MappedTemplate> = BTreeMap::new();
    let mut trouble = None;
    for template in all {
        match template {
            Ok(template) => {
                if let Some(other) = templates.values().find(|other| contend(other, &template)) {
                    let problem = format!(
                        "is the second template of this type and language at the same provider and for the same clinic, besides {}; keep one, or give each its clinics",
                        other.name
                    );
                    let names = &[template.name.as_str()];
                    trouble = Some(r.refuse_key(TYPE, names, &problem));
                }
                templates.insert(template.name.clone(), template);
            }
            Err(reported) => trouble = Some(reported),
        }
    }
    trouble.map_or(Ok(templates), Err)
}

const TYPE: &str = "whatsapp.templates.<name>.type";
const TEMPLATE: &str = "whatsapp.templates.<name>.template";

fn template(r: &mut Reader<'_>, name: &str, types: &TypeRules) -> Result<MappedTemplate, Reported> {
    let names = &[name];
    let event_type = r.required(TYPE, names, |value| {
        let text = value.as_str().unwrap_or_default().trim();
        let known = types.contains_key(text).then(|| text.to_owned());
        known.ok_or_else(|| format!("one of the event types {}", values::choices(types)))
    });
    let language = r.required("whatsapp.templates.<name>.language", names, values::word(LANGUAGES));
    let provider =
        r.required("whatsapp.templates.<name>.provider", names, values::word(WHATSAPP_PROVIDERS));
    let template = r.required(TEMPLATE, names, values::text(512));
    let vendor_language =
        r.optional("whatsapp.templates.<name>.vendor_language", names, values::text(16));
    let parameters = r.optional("whatsapp.templates.<name>.parameters", names, parameters);
    let buttons = r.optional("whatsapp.templates.<name>.buttons", names, buttons);
    let clinics = r.optional("whatsapp.templates.<name>.clinics", names, clinics);
    let (language, provider, template) = (language?, provider?, template?);
    let buttons = buttons?.unwrap_or_default();
    check_name(r, names, provider, &template)?;
    if provider == WhatsappProvider::Twilio && !buttons.is_empty() {
        let problem = "is for templates of Meta; at Twilio the value of a button is a variable like the others: write it among the parameters";
        return Err(r.refuse_key("whatsapp.templates.<name>.buttons", names, problem));
    }
    Ok(MappedTemplate {
        name: name.to_owned(),
        event_type: event_type?,
        language,
        provider,
        template,
        vendor_language: vendor_language?.unwrap_or_else(|| language.as_str().to_owned()),
        parameters: parameters?.unwrap_or_default(),
        buttons,
        clinics: clinics?.unwrap_or_default(),
    })
}

/// Meta's names are small letters, digits and `_`; Twilio's templates have a sid (facts/twilio_turkeysms_smsala.md A6).
fn check_name(
    r: &mut Reader<'_>,
    names: &[&str],
    provider: WhatsappProvider,
    template: &str,
) -> Result<(), Reported> {
    let (fits, allowed) = match provider {
        WhatsappProvider::Whatsapp => (
            template.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
            "the template's name at Meta: small letters, digits and _",
        ),
        WhatsappProvider::Twilio => (
            template.strip_prefix("HX").is_some_and(|rest| {
                rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_hexdigit())
            }),
            "the template's ContentSid at Twilio: HX and 32 hexadecimal digits",
        ),
    };
    if fits {
        return Ok(());
    }
    Err(r.refuse_key(TEMPLATE, names, &format!("is not allowed; use {allowed}")))
}

/// Whether a message could not tell which of the two is meant.
fn contend(a: &MappedTemplate, b: &MappedTemplate) -> bool {
    let same_clinic = if a.clinics.is_empty() && b.clinics.is_empty() {
        true
    } else {
        a.clinics.iter().any(|clinic| b.clinics.contains(clinic))
    };
    a.event_type == b.event_type
        && a.language == b.language
        && a.provider == b.provider
        && same_clinic
}

/// An expression may have commas: a list is written as one.
fn parameters(value: &Value) -> Parsed<Vec<String>> {
    let allowed = || {
        format!(
            "a list of 1 to {MOST_PARAMETERS} names of texts in the order of the template's {{{{1}}}}, {{{{2}}}}, …, such as [\"recipient_name\", \"clinic_name\"]"
        )
    };
    values::list_of(MOST_PARAMETERS, values::text(300))(value).map_err(|_| allowed())
}

/// `INDEX:KIND=VALUE`, such as `0:url=appointment_id`.
fn buttons(value: &Value) -> Parsed<Vec<MappedButton>> {
    const ALLOWED: &str = "a list of buttons that take a value, each once, as PLACE:KIND=NAME with the place from 0 and KIND url or quick_reply, such as [\"0:url=payment_id\"]";
    let one = |value: &Value| {
        let text = values::text(300)(value)?;
        let button = text.split_once(':').and_then(|(index, rest)| {
            let (kind, value) = rest.split_once('=')?;
            let is_url = match kind.trim() {
                "url" => true,
                "quick_reply" => false,
                _ => return None,
            };
            let index = index.trim().parse().ok().filter(|at| usize::from(*at) < MOST_BUTTONS)?;
            let value = value.trim().to_owned();
            (!value.is_empty()).then_some(MappedButton { index, is_url, value })
        });
        button.ok_or_else(String::new)
    };
    let mut buttons = values::list_of(MOST_BUTTONS, one)(value).map_err(|_| ALLOWED.to_owned())?;
    buttons.sort_by_key(|button| button.index);
    let twice = buttons.windows(2).any(|pair| pair[0].index == pair[1].index);
    if twice { Err(ALLOWED.to_owned()) } else { Ok(buttons) }
}

fn clinics(value: &Value) -> Parsed<Vec<ClinicId>> {
    let one = |value: &Value| {
        ClinicId::parse(value.as_str().unwrap_or_default().trim()).map_err(|_| String::new())
    };
    values::list_of(1_000, one)(value)
        .map_err(|_| "a list of clinic ids, such as [\"atasehir\"]".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn button(index: u8, is_url: bool, value: &str) -> MappedButton {
        MappedButton { index, is_url, value: value.to_owned() }
    }

    #[test]
    fn a_button_has_its_place_its_kind_and_its_value() {
        let both = buttons(&Value::from(vec!["1:quick_reply=appointment_id", "0:url=payment_id"]));
        let expected = vec![button(0, true, "payment_id"), button(1, false, "appointment_id")];
        assert_eq!(both, Ok(expected));
        for wrong in ["", "0:url=", "0:call=x", "url=x", "-1:url=x", "10:url=x", "0:url"] {
            assert!(buttons(&Value::from(vec![wrong])).is_err(), "{wrong}");
        }
        assert!(buttons(&Value::from(vec!["0:url=a", "0:url=b"])).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_a_parser_panic(text in any::<String>()) {
            let value = Value::from(text.as_str());
            let _ = (parameters(&value), buttons(&value), clinics(&value));
        }
    }
}
