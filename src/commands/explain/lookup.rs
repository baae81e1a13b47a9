//! From what a person knows to notifications. What was asked for is never printed back if it may name somebody.

use ledger::facts::FactRow;
use ledger::find::{By, RefusedBody, person_key, thing_key};
use ledger::intake;
use ledger::report::Listed;
use schemas::{ClinicId, FactId, NotificationId, PhoneNumber};
use serde_json::Value;

use crate::cli::records::ExplainArgs;
use crate::cli::schedule::Named;
use crate::commands::Failure;
use crate::commands::desk::Desk;
use crate::start;

/// Hits that are told of at most.
pub(super) const MOST: i64 = 50;
/// Refused events that are opened to see what they are about: the newest.
const REFUSED: i64 = 2_000;

/// What was asked for.
#[derive(Debug, Clone)]
pub(super) enum Question {
    Notification(NotificationId),
    Fact(FactId),
    Event { source: String, id: String },
    Appointment(ClinicId, String),
    Payment(ClinicId, String),
    Phone(ClinicId, PhoneNumber),
}

impl Question {
    /// What was asked; `None` is excluded by the command line's own rules.
    pub(super) fn of(args: &ExplainArgs) -> Option<Self> {
        let clinic = args.clinic.clone();
        if let Some(named) = &args.ntf {
            return Some(match named {
                Named::Notification(ntf) => Self::Notification(ntf.clone()),
                Named::Fact(fact) => Self::Fact(fact.clone()),
            });
        }
        if let (Some(source), Some(id)) = (&args.source, &args.event_id) {
            return Some(Self::Event { source: source.clone(), id: id.clone() });
        }
        let clinic = clinic?;
        match (&args.appointment, &args.payment, &args.phone) {
            (Some(id), _, _) => Some(Self::Appointment(clinic, id.clone())),
            (_, Some(id), _) => Some(Self::Payment(clinic, id.clone())),
            (_, _, Some(phone)) => Some(Self::Phone(clinic, phone.number()?.clone())),
            _ => None,
        }
    }

    /// What was looked for, and where to look next: for an answer that is empty.
    pub(super) fn nothing(&self, known: bool) -> String {
        let unknown = |clinic: &ClinicId| {
            if known {
                String::new()
            } else {
                format!(
                    "; clinic {clinic} is not in this configuration: is its id right, and is this the right ledger?"
                )
            }
        };
        let never =
            "either it was never published, or it is still in a queue, or in another clinic's name";
        match self {
            Self::Notification(ntf) => {
                format!("{ntf} is not in this ledger; `ulak log list` shows what is")
            }
            Self::Fact(fact) => format!("{fact} is not in this ledger; is this the right one?"),
            Self::Event { source, id } => format!(
                "no event {} of {} is in this ledger, accepted or refused: either it was never published, or it is still in a queue; `ulak log list --since 1h` shows what came last",
                id.escape_debug(),
                source.escape_debug()
            ),
            Self::Appointment(clinic, id) => format!(
                "nothing about appointment {} of clinic {clinic} is in this ledger, accepted or refused: {never}; try `ulak log list --clinic {clinic} --since 1d`, then `ulak dead-letter list --since 1d`{}",
                id.escape_debug(),
                unknown(clinic)
            ),
            Self::Payment(clinic, id) => format!(
                "nothing about payment {} of clinic {clinic} is in this ledger, accepted or refused: {never}; try `ulak log list --clinic {clinic} --since 1d`, then `ulak dead-letter list --since 1d`{}",
                id.escape_debug(),
                unknown(clinic)
            ),
            Self::Phone(clinic, _) => format!(
                "nothing for this number at clinic {clinic} is in this ledger, accepted or refused: {never}; the clinic may have another number of the same person, so ask by --appointment or --payment{}",
                unknown(clinic)
            ),
        }
    }

    /// The clinic it is about.
    pub(super) fn clinic(&self) -> Option<ClinicId> {
        match self {
            Self::Notification(_) | Self::Fact(_) => None,
            Self::Event { source, .. } => ClinicId::of_source(source).ok(),
            Self::Appointment(clinic, _) | Self::Payment(clinic, _) | Self::Phone(clinic, _) => {
                Some(clinic.clone())
            }
        }
    }
}

/// The fact that the question names, if it does and there is one.
pub(super) async fn fact(desk: &Desk, question: &Question) -> Result<Option<FactRow>, Failure> {
    let id = match question {
        Question::Fact(id) => id.clone(),
        Question::Event { source, id } => FactId::of_event(source, id),
        _ => return Ok(None),
    };
    desk.ledger.fact(id.as_str()).await.map_err(start::ledger_failure)
}

/// Notifications and refused events that answer the question, newest first.
pub(super) async fn hits(desk: &Desk, question: &Question) -> Result<Vec<Listed>, Failure> {
    let ledger = &desk.ledger;
    let by = match question {
        Question::Notification(ntf) => {
            let found = ledger.find(ntf.as_str()).await.map_err(start::ledger_failure)?;
            return Ok(found.into_iter().collect());
        }
        Question::Fact(_) => return Ok(vec![]),
        Question::Event { .. } => None,
        Question::Appointment(clinic, id) => {
            Some(By::Appointment(intake::appointment_key(ledger.vault(), clinic, id)))
        }
        Question::Payment(clinic, id) => Some(By::Things(payment_keys(desk, clinic, id)?)),
        Question::Phone(clinic, phone) => {
            Some(By::Person(person_key(ledger.vault(), clinic.as_str(), phone)))
        }
    };
    let mut hits = match (&by, question) {
        (Some(by), _) => ledger.find_by(by, MOST).await.map_err(start::ledger_failure)?,
        (None, Question::Event { source, id }) => {
            let ntf = NotificationId::of_event(source, id);
            let found = ledger.find(ntf.as_str()).await.map_err(start::ledger_failure)?;
            found.into_iter().collect()
        }
        (None, _) => Vec::new(),
    };
    let clinic = question.clinic();
    let refused = ledger
        .refused_bodies(clinic.as_ref().map_or("", ClinicId::as_str), REFUSED)
        .await
        .map_err(start::ledger_failure)?;
    for event in refused {
        if is_about(desk, question, &event)? {
            hits.push(event.row);
        }
    }
    hits.sort_by(|a, b| b.created_at.cmp(&a.created_at).then_with(|| a.ntf.cmp(&b.ntf)));
    Ok(hits)
}

/// The keyed hashes that a payment has in each type that is about one payment.
fn payment_keys(desk: &Desk, clinic: &ClinicId, id: &str) -> Result<Vec<String>, Failure> {
    desk.settings
        .registry
        .types()
        .filter(|t| t.policy.same_as == ["payment.id"])
        .map(|t| thing_key(desk.ledger.vault(), clinic.as_str(), &t.name, id))
        .collect::<Result<_, _>>()
        .map_err(start::ledger_failure)
}

/// Whether a refused event is what was asked for: its body is opened, compared and forgotten.
fn is_about(desk: &Desk, question: &Question, event: &RefusedBody) -> Result<bool, Failure> {
    if let Question::Event { source, id } = question {
        return Ok(event.source.as_ref() == Some(source) && event.id.as_ref() == Some(id));
    }
    let body = desk.refused_body(&event.row.ntf, &event.sealed)?;
    let Ok(body) = serde_json::from_str::<Value>(&body) else { return Ok(false) };
    let configured = |id: &ClinicId| desk.settings.config.clinics.contains_key(id);
    Ok(speaks_of(question, &body, &configured))
}

/// Whether a body that no rule accepted speaks of it. Of another clinic's matter it never does; a source that names no clinic
/// of this installation may be a misspelt one.
fn speaks_of(question: &Question, body: &Value, configured: &dyn Fn(&ClinicId) -> bool) -> bool {
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str);
    let theirs = text("/source").and_then(|source| ClinicId::of_source(source).ok());
    if theirs
        .is_some_and(|theirs| question.clinic().as_ref() != Some(&theirs) && configured(&theirs))
    {
        return false;
    }
    let names = |thing: &str, id: &str| {
        text(&format!("/data/{thing}/id")) == Some(id)
            || text("/subject") == Some(&format!("{thing}/{id}"))
    };
    match question {
        Question::Appointment(_, id) => names("appointment", id),
        Question::Payment(_, id) => names("payment", id),
        Question::Phone(_, phone) => text("/data/recipient/phone")
            .and_then(|text| PhoneNumber::parse(text).ok())
            .is_some_and(|theirs| theirs.e164() == phone.e164()),
        Question::Notification(_) | Question::Fact(_) | Question::Event { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refused_body_speaks_of_what_it_names_and_only_for_its_clinic() {
        let clinic = ClinicId::parse("atasehir").expect("a clinic");
        let body = json!({
            "source": "/clinics/atasehir", "subject": "appointment/A-1",
            "data": { "recipient": { "phone": "0532 123 45 67" }, "payment": { "id": "P-77" } },
        });
        let phone = PhoneNumber::parse("+905321234567").expect("a number");
        for question in [
            Question::Appointment(clinic.clone(), "A-1".to_owned()),
            Question::Payment(clinic.clone(), "P-77".to_owned()),
            Question::Phone(clinic.clone(), phone.clone()),
        ] {
            let configured = |id: &ClinicId| ["atasehir", "besiktas"].contains(&id.as_str());
            let speaks = |body: &Value| speaks_of(&question, body, &configured);
            assert!(speaks(&body), "{question:?}");
            let mut elsewhere = body.clone();
            elsewhere["source"] = "/clinics/besiktas".into();
            assert!(!speaks(&elsewhere), "{question:?}");
            elsewhere["source"] = "/clinics/atashehir".into();
            assert!(speaks(&elsewhere), "a misspelt clinic: {question:?}");
        }
        let another = Question::Payment(clinic, "P-7".to_owned());
        assert!(!speaks_of(&another, &body, &|_| true));
    }

    #[test]
    fn an_empty_answer_says_what_was_looked_for_and_never_a_number() {
        let clinic = ClinicId::parse("atasehir").expect("a clinic");
        let phone = PhoneNumber::parse("+905321234567").expect("a number");
        let said = Question::Phone(clinic.clone(), phone).nothing(true);
        assert!(!said.contains("532") && said.contains("--appointment"), "{said}");
        let said = Question::Appointment(clinic, "A-1042".to_owned()).nothing(false);
        assert!(said.contains("A-1042") && said.contains("not in this configuration"), "{said}");
    }
}
