//! The values of an approved template of WhatsApp: made of an event by the names and filters that texts have, one line each.
//!
//! What a person reads of such a message is the vendor's wording with these values in it; the wording itself is approved
//! there and never sent.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use data_encoding::HEXLOWER;
use schemas::{Channel, ClinicId, Event, EventType, Language};
use sha2::{Digest, Sha256};
use tera::Tera;

use crate::clean::clean;
use crate::clinic::ClinicFace;
use crate::content;
use crate::error::RenderError;
use crate::files::File;
use crate::filters;
use crate::load::uses;
use crate::message::Text;
use crate::plan::Plan;
use crate::renderer::{Failure, Renderer};
use crate::sample::{self, Sample};
use crate::scan;
use crate::view::{Facts, Use, fill};
use crate::words::Words;

/// Most characters of one value (`facts/netgsm_iys.md` A8: a body with its values has at most 1,024).
const MOST_CHARS: usize = 1_024;

/// What an approved template wants to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its name in the configuration, unique.
    pub name: String,
    /// What records call it: `whatsapp:randevu_hatirlatma/tr`.
    pub label: String,
    /// The recipients' language.
    pub language: Language,
    /// The clinics that it is for; empty: all.
    pub clinics: Vec<ClinicId>,
    /// Its values, each a name with filters (`clinic_name`) or a text (`{% if … %}…{% endif %}`).
    pub values: Vec<String>,
}

/// What is wrong with one value of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueProblem {
    /// Its place in [`Wanted::values`], from 0.
    pub index: usize,
    /// What is wrong, and what to do.
    pub problem: String,
}

/// The values of one message. They hold a person's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filled {
    /// As [`Wanted::label`].
    pub template: String,
    /// Hex of the first 8 bytes of SHA-256 over label and values as they are configured.
    pub template_version: String,
    /// In the order of [`Wanted::values`]; none is empty.
    pub values: Vec<Text>,
}

/// A template whose values are checked.
#[derive(Debug)]
pub(crate) struct Mapped {
    label: String,
    version: String,
    language: Language,
    plan: Arc<Plan>,
    values: Vec<Value>,
}

/// One value: its name in the engine, and the names that it uses.
#[derive(Debug)]
struct Value {
    label: String,
    uses: Vec<Use>,
}

impl Renderer {
    /// Makes the values of a template of `event_type` ready; whatever would fail for some event fails now.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn map(
        &mut self,
        event_type: &EventType,
        wanted: &Wanted,
    ) -> Result<(), Vec<ValueProblem>> {
        let whole = |problem| vec![ValueProblem { index: 0, problem }];
        let plan = Arc::new(Plan::of(event_type).map_err(whole)?);
        let words = self.words_of(event_type, wanted);
        let mut values = Vec::new();
        let mut sources = Vec::new();
        let mut problems = Vec::new();
        for (index, written) in wanted.values.iter().enumerate() {
            let label = format!("whatsapp:{}/{}", wanted.name, index + 1);
            let file = File { shown: label.clone(), content: source(written) };
            match checked(&file, &plan, &words, wanted.language) {
                Ok(uses) => {
                    values.push(Value { label: label.clone(), uses });
                    sources.push((label, file.content));
                }
                Err(problem) => problems.push(ValueProblem { index, problem }),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        self.tera
            .add_raw_templates(sources)
            .map_err(|error| whole(crate::TemplateError::of_engine("", &error).problem))?;
        let mapped = Mapped {
            label: wanted.label.clone(),
            version: version(wanted),
            language: wanted.language,
            plan,
            values,
        };
        self.mapped.insert(wanted.name.clone(), mapped);
        Ok(())
    }

    /// The values of a template for an event.
    ///
    /// # Errors
    /// See [`RenderError`]; none carries a value of the event.
    pub fn fill(
        &self,
        name: &str,
        event: &Event,
        event_type: &EventType,
        clinic: &ClinicFace,
        now: DateTime<Utc>,
    ) -> Result<Filled, RenderError> {
        let Some(mapped) = self.mapped.get(name) else {
            return Err(RenderError::NoTemplate { template: format!("whatsapp:{name}") });
        };
        let facts = Facts {
            data: &event.data,
            person: &event.recipient.name,
            clinic,
            language: mapped.language,
            now,
        };
        let none = Words::default();
        let words = self.words(event_type, clinic, mapped.language).unwrap_or(&none);
        let one = |value: &Value| {
            let text = compose(&self.tera, value, &mapped.plan, words, facts)
                .map_err(|failure| failure.of_template(&mapped.label))?;
            match text.chars().count() {
                0 => Err(RenderError::Empty { template: mapped.label.clone() }),
                n if n > MOST_CHARS => {
                    Err(RenderError::LongValue { template: mapped.label.clone() })
                }
                _ => Ok(Text::new(text)),
            }
        };
        Ok(Filled {
            template: mapped.label.clone(),
            template_version: mapped.version.clone(),
            values: mapped.values.iter().map(one).collect::<Result<_, _>>()?,
        })
    }

    /// The words of a clinic's choices in a language: those of its texts.
    fn words(
        &self,
        event_type: &EventType,
        clinic: &ClinicFace,
        language: Language,
    ) -> Option<&Words> {
        Some(&self.entry(event_type, clinic, language, Channel::Sms).ok()?.words)
    }

    /// The words with which a template is tried: the built-in ones, and those of each clinic that has its own and uses it.
    fn words_of(&self, event_type: &EventType, wanted: &Wanted) -> Vec<Words> {
        let of = |entries: &Vec<crate::renderer::Entry>| {
            let entry = entries
                .iter()
                .find(|entry| entry.language == wanted.language && entry.channel == Channel::Sms);
            entry.map(|entry| entry.words.clone())
        };
        let built_in = self.built_in.get(&event_type.name).and_then(of);
        let for_clinic = |id: &ClinicId| wanted.clinics.is_empty() || wanted.clinics.contains(id);
        let own = self.clinics.iter().filter(|(id, _)| for_clinic(id));
        let own = own.filter_map(|(_, catalogue)| catalogue.get(&event_type.name).and_then(of));
        let mut words: Vec<Words> = built_in.into_iter().chain(own).collect();
        if words.is_empty() {
            words.push(Words::default());
        }
        words
    }
}

/// A name with filters stands for itself; whatever has braces is a text.
fn source(written: &str) -> String {
    if written.contains("{{") || written.contains("{%") {
        return written.to_owned();
    }
    format!("{{{{ {written} }}}}")
}

/// The names that a value uses, once it was tried with every sample.
fn checked(
    file: &File,
    plan: &Plan,
    words: &[Words],
    language: Language,
) -> Result<Vec<Use>, String> {
    if let Some(refused) = scan::refused_name(&file.content) {
        return Err(format!("`{}` {}", refused.name, refused.reason));
    }
    if let Some((_, what)) = content::refused_words(&content::in_template(&file.content)).first() {
        return Err(what.clone());
    }
    let mut trial = filters::engine();
    trial
        .add_raw_template(&file.shown, &file.content)
        .map_err(|error| crate::TemplateError::of_engine("", &error).problem)?;
    let uses = uses(&trial, &file.shown, file, plan).map_err(|error| error.problem)?;
    let value = Value { label: file.shown.clone(), uses };
    for words in words {
        words.check_complete("", plan, &value.uses).map_err(|error| error.problem)?;
        for Sample { what, data, person, clinic, now } in &sample::all(plan, &value.uses) {
            let facts = Facts { data, person, clinic, language, now: *now };
            let text = compose(&trial, &value, plan, words, facts)
                .map_err(|failure| failure.at_load("", what).problem)?;
            if text.is_empty() {
                return Err(format!(
                    "is empty {what}, which WhatsApp does not take; write a wording for that, such as {{% if name %}}{{{{ name }}}}{{% else %}}…{{% endif %}}"
                ));
            }
        }
    }
    Ok(value.uses)
}

/// View, engine, one clean line.
fn compose(
    tera: &Tera,
    value: &Value,
    plan: &Plan,
    words: &Words,
    facts: Facts<'_>,
) -> Result<String, Failure> {
    let view = fill(&value.uses, plan, words, facts).map_err(Failure::Field)?;
    let raw = tera.render(&value.label, &view).map_err(Failure::Engine)?;
    Ok(clean(&raw))
}

fn version(wanted: &Wanted) -> String {
    let mut hash = Sha256::new();
    hash.update(wanted.label.as_bytes());
    for value in &wanted.values {
        hash.update([0]);
        hash.update(value.as_bytes());
    }
    HEXLOWER.encode(&hash.finalize()[..8])
}

#[cfg(test)]
mod tests {
    use schemas::{Incoming, Registry};

    use super::*;
    use crate::clinic::NameStyle;

    const REMINDER: &str = "ulak.appointment-reminder.v1";
    const RECEIPT: &str = "ulak.payment-receipt.v1";

    fn wanted(values: &[&str]) -> Wanted {
        Wanted {
            name: "one".to_owned(),
            label: "whatsapp:randevu/tr".to_owned(),
            language: Language::Tr,
            clinics: Vec::new(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        }
    }

    fn mapped(event_type: &str, values: &[&str]) -> Result<Renderer, Vec<ValueProblem>> {
        let registry = Registry::embedded().unwrap();
        let mut renderer = Renderer::load(&registry, &[]).unwrap();
        renderer.map(registry.get(event_type).unwrap(), &wanted(values)).map(|()| renderer)
    }

    fn problem(event_type: &str, value: &str) -> String {
        let mut problems = mapped(event_type, &["clinic_name", value]).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].index, 1);
        problems.remove(0).problem
    }

    fn event(with: &str) -> Event {
        let registry = Registry::embedded().unwrap();
        let json = format!(
            r#"{{"specversion":"1.0","id":"1","source":"/clinics/atasehir","type":"{REMINDER}","time":"2026-11-21T10:00:00+03:00",
            "datacontenttype":"application/json","data":{{"recipient":{{"name":"Ayşe Yılmaz","phone":"+905321234567"}},
            "appointment":{{"id":"A-1","starts_at":"2026-11-22T14:30:00+03:00"{with}}}}}}}"#
        );
        match registry.read(json.as_bytes(), None, &|_| true) {
            Ok(Incoming::Event(event)) => *event,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn values_are_written_as_in_texts_one_line_each_and_none_is_empty() {
        let values = [
            "recipient_name",
            "appointment_starts_at_date_time",
            "appointment_starts_at_time | ek(hal=\"de\")",
            "{% if appointment_with %}{{ appointment_with }}{% else %}kliniğimiz{% endif %}",
            "clinic_name",
        ];
        let renderer = mapped(REMINDER, &values).unwrap();
        let registry = Registry::embedded().unwrap();
        let clinic = ClinicFace {
            id: ClinicId::parse("atasehir").unwrap(),
            name: "Ataşehir  Kliniği".to_owned(),
            phone: None,
            address: None,
            zone: chrono_tz::Europe::Istanbul,
            name_style: NameStyle::First,
        };
        let now = "2026-11-21T07:00:00Z".parse().unwrap();
        let filled = |event: &Event| {
            let filled =
                renderer.fill("one", event, registry.get(REMINDER).unwrap(), &clinic, now).unwrap();
            assert_eq!(filled.template, "whatsapp:randevu/tr");
            assert_eq!(filled.template_version.len(), 16);
            filled.values.iter().map(|text| text.expose().to_owned()).collect::<Vec<_>>()
        };
        let said = filled(&event(r#","with":"Dr. Çağrı Şahin""#));
        assert_eq!(said[0], "Ayşe");
        assert!(said[1].contains("22 Kasım"), "{said:?}");
        assert_eq!(said[2], "14:30'da");
        assert_eq!(said[3..], ["Dr. Çağrı Şahin", "Ataşehir Kliniği"]);
        assert_eq!(filled(&event(""))[3], "kliniğimiz");
        let unknown =
            renderer.fill("two", &event(""), registry.get(REMINDER).unwrap(), &clinic, now);
        assert!(matches!(unknown, Err(RenderError::NoTemplate { .. })));
    }

    #[test]
    fn what_would_fail_for_some_event_is_refused_when_it_is_mapped() {
        assert!(problem(REMINDER, "payment_amount").contains("unknown name `payment_amount`"));
        assert!(problem(REMINDER, "appointment_with").contains("{% if name %}"));
        assert!(
            problem(REMINDER, "{% if appointment_with %}{{ appointment_with }}{% endif %}")
                .contains("is empty without appointment.with")
        );
        assert!(problem(REMINDER, "recipient_name | upper").contains("Turkish İ"));
        assert!(problem(REMINDER, "recipient_name |").len() > 5);
        assert!(problem(REMINDER, "recipient_name | nosuch").contains("nosuch"));
        assert!(problem(RECEIPT, "payment_method").contains("{% if name %}"));
        assert!(mapped(RECEIPT, &["payment_amount", "payment_paid_at_date"]).is_ok());
        assert!(mapped(RECEIPT, &[]).is_ok());
    }

    #[test]
    fn another_order_of_values_is_another_version() {
        let one = version(&wanted(&["clinic_name", "recipient_name"]));
        assert_eq!(one, version(&wanted(&["clinic_name", "recipient_name"])));
        assert_ne!(one, version(&wanted(&["recipient_name", "clinic_name"])));
        assert_ne!(version(&wanted(&["a", "b"])), version(&wanted(&["ab"])));
    }
}
