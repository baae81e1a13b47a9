//! From what a person knows to notifications. What was asked for is never printed back if it may name somebody.

use ledger::facts::FactRow;
use ledger::find::{By, REFUSED_AT_MOST, REFUSED_BYTES, RefusedBody, person_key, thing_key};
use ledger::report::{ListFilter, Listed};
use ledger::state::State;
use ledger::vault::Vault;
use ledger::{Ledger, LedgerError, intake};
use schemas::{ClinicId, FactId, NotificationId, PhoneNumber, Registry};
use serde_json::Value;

/// Hits that are told of at most.
const MOST: i64 = 50;

/// What was asked for.
#[derive(Debug, Clone)]
pub enum Question {
    /// One notification.
    Notification(NotificationId),
    /// One fact.
    Fact(FactId),
    /// An event, by its identity.
    Event {
        /// CloudEvents source.
        source: String,
        /// CloudEvents id.
        id: String,
    },
    /// All about an appointment of a clinic.
    Appointment(ClinicId, String),
    /// All about a payment of a clinic.
    Payment(ClinicId, String),
    /// All for a number at a clinic.
    Phone(ClinicId, PhoneNumber),
}

/// Where is looked: the ledger, the event types, and which clinics are configured.
#[derive(Clone, Copy)]
pub struct Where<'a> {
    /// The ledger.
    pub ledger: &'a Ledger,
    /// The event types.
    pub registry: &'a Registry,
    /// Whether a clinic is configured.
    pub knows: &'a (dyn Fn(&ClinicId) -> bool + Sync),
}

/// What answers a question.
#[derive(Debug, Clone, Default)]
pub struct Hits {
    /// Newest first.
    pub rows: Vec<Listed>,
    /// Whether every refused event was looked at that may be about it; else only the newest [`REFUSED_AT_MOST`], without those that
    /// are too large.
    pub all_refused: bool,
}

impl Hits {
    /// What was not looked at, in one line; `None`: nothing.
    pub fn unseen(&self) -> Option<String> {
        (!self.all_refused).then(|| {
            format!(
                "of the refused events only the newest {REFUSED_AT_MOST} were looked through; `ulak dead-letter list --limit 100000` lists all"
            )
        })
    }
}

impl Question {
    /// What was looked for, and where to look next: for an answer that is empty. `all_refused`: as in [`Hits`].
    pub fn nothing(&self, known: bool, all_refused: bool) -> String {
        let looked = if all_refused {
            "accepted or refused".to_owned()
        } else {
            format!(
                "accepted or among the newest {REFUSED_AT_MOST} refused ones, and there are more of these"
            )
        };
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
                "no event {} of {} is in this ledger, {looked}: either it was never published, or it is still in a queue; `ulak log list --since 1h` shows what came last",
                id.escape_debug(),
                source.escape_debug()
            ),
            Self::Appointment(clinic, id) => format!(
                "nothing about appointment {} of clinic {clinic} is in this ledger, {looked}: {never}; try `ulak log list --clinic {clinic} --since 1d`, then `ulak dead-letter list --since 1d`{}",
                id.escape_debug(),
                unknown(clinic)
            ),
            Self::Payment(clinic, id) => format!(
                "nothing about payment {} of clinic {clinic} is in this ledger, {looked}: {never}; try `ulak log list --clinic {clinic} --since 1d`, then `ulak dead-letter list --since 1d`{}",
                id.escape_debug(),
                unknown(clinic)
            ),
            Self::Phone(clinic, _) => format!(
                "nothing for this number at clinic {clinic} is in this ledger, {looked}: {never}; the clinic may have another number of the same person, so ask by --appointment or --payment{}",
                unknown(clinic)
            ),
        }
    }

    /// The clinic it is about.
    pub fn clinic(&self) -> Option<ClinicId> {
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
///
/// # Errors
/// When the database does not answer.
pub async fn fact(ledger: &Ledger, question: &Question) -> Result<Option<FactRow>, LedgerError> {
    let id = match question {
        Question::Fact(id) => id.clone(),
        Question::Event { source, id } => FactId::of_event(source, id),
        _ => return Ok(None),
    };
    ledger.fact(id.as_str()).await
}

/// Notifications and refused events that answer the question, newest first.
///
/// # Errors
/// When the database does not answer.
pub async fn hits(of: Where<'_>, question: &Question) -> Result<Hits, LedgerError> {
    let ledger = of.ledger;
    let mut rows = match question {
        Question::Notification(ntf) => {
            let rows = ledger.find(ntf.as_str()).await?.into_iter().collect();
            return Ok(Hits { rows, all_refused: true });
        }
        Question::Fact(_) => return Ok(Hits { rows: vec![], all_refused: true }),
        Question::Event { source, id } => {
            let ntf = NotificationId::of_event(source, id);
            ledger.find(ntf.as_str()).await?.into_iter().collect()
        }
        _ => match by(of, question)? {
            Some(by) => ledger.find_by(&by, MOST).await?,
            None => vec![],
        },
    };
    let refused = refused(of, question).await?;
    rows.extend(refused.rows);
    rows.sort_by(|a, b| b.created_at.cmp(&a.created_at).then_with(|| a.ntf.cmp(&b.ntf)));
    Ok(Hits { rows, all_refused: refused.all_refused })
}

/// The keyed hashes by which notifications about it are found; `None`: it is about none of the three.
///
/// # Errors
/// When an id cannot be written as JSON, which no text is.
pub fn by(of: Where<'_>, question: &Question) -> Result<Option<By>, LedgerError> {
    let vault = of.ledger.vault();
    Ok(Some(match question {
        Question::Appointment(clinic, id) => {
            By::Appointment(intake::appointment_key(vault, clinic, id))
        }
        Question::Payment(clinic, id) => By::Things(payment_keys(vault, of.registry, clinic, id)?),
        Question::Phone(clinic, phone) => By::Person(person_key(vault, clinic.as_str(), phone)),
        _ => return Ok(None),
    }))
}

/// Refused events that the question is about: nobody can find these by a key, so the newest are opened, compared and forgotten.
///
/// # Errors
/// When the database does not answer.
pub async fn refused(of: Where<'_>, question: &Question) -> Result<Hits, LedgerError> {
    let clinic = question.clinic();
    let clinic = clinic.as_ref().map_or("", ClinicId::as_str);
    let bodies = of.ledger.refused_bodies(clinic, REFUSED_AT_MOST).await?;
    let mut rows = vec![];
    for event in bodies.events {
        // opening a body is work that no other task of this thread should wait for more than once
        tokio::task::yield_now().await;
        if is_about(of, question, &event)? {
            rows.push(event.row);
        }
    }
    Ok(Hits { rows, all_refused: bodies.all })
}

/// The same for questions about several clinics, looked for once among the newest dead letters of all: each with the place of the
/// question that it is about, and whether these were all that there are. An event that does not say whose it is may be about several.
///
/// # Errors
/// When the database does not answer.
pub async fn refused_of_any(
    of: Where<'_>,
    questions: &[Question],
) -> Result<(Vec<(usize, Listed)>, bool), LedgerError> {
    let newest = ListFilter {
        state: Some(State::DeadLettered),
        // one more than is looked at: whether there are more
        limit: REFUSED_AT_MOST + 1,
        ..ListFilter::default()
    };
    let mut hits = vec![];
    let mut rows = of.ledger.list(&newest).await?;
    let mut all = rows.len() as i64 <= REFUSED_AT_MOST;
    rows.truncate(usize::try_from(REFUSED_AT_MOST).unwrap_or_default());
    for row in rows.into_iter().filter(|row| row.ntf.starts_with("bad_")) {
        let sealed = of.ledger.refused_body(&row.ntf).await?;
        tokio::task::yield_now().await;
        let Some(sealed) = sealed.filter(|sealed| sealed.len() as i64 <= REFUSED_BYTES) else {
            all = false;
            continue;
        };
        let Some(body) = opened(of, &row.ntf, &sealed)? else { continue };
        let theirs = |question: &Question| {
            row.clinic.is_empty() || question.clinic().is_some_and(|it| it.as_str() == row.clinic)
        };
        let about = questions
            .iter()
            .enumerate()
            .filter(|(_, question)| theirs(question) && speaks_of(question, &body, of.knows));
        hits.extend(about.map(|(n, _)| (n, row.clone())));
    }
    Ok((hits, all))
}

/// The keyed hashes that a payment has in each type that is about one payment.
fn payment_keys(
    vault: &Vault,
    registry: &Registry,
    clinic: &ClinicId,
    id: &str,
) -> Result<Vec<String>, LedgerError> {
    let types = registry.types().filter(|t| t.policy.same_as == ["payment.id"]);
    types.map(|t| thing_key(vault, clinic.as_str(), &t.name, id)).collect()
}

/// Whether a refused event is what was asked for: its body is opened, compared and forgotten.
fn is_about(of: Where<'_>, question: &Question, event: &RefusedBody) -> Result<bool, LedgerError> {
    if let Question::Event { source, id } = question {
        return Ok(event.source.as_ref() == Some(source) && event.id.as_ref() == Some(id));
    }
    let body = opened(of, &event.row.ntf, &event.sealed)?;
    Ok(body.is_some_and(|body| speaks_of(question, &body, of.knows)))
}

/// The body of a refused event; `None`: it is no JSON.
fn opened(of: Where<'_>, ntf: &str, sealed: &str) -> Result<Option<Value>, LedgerError> {
    let body = of.ledger.vault().open_own(&intake::body_place(ntf), sealed)?;
    Ok(serde_json::from_slice(&body).ok())
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
        let said = Question::Phone(clinic.clone(), phone).nothing(true, true);
        assert!(!said.contains("532") && said.contains("--appointment"), "{said}");
        let appointment = Question::Appointment(clinic, "A-1042".to_owned());
        let said = appointment.nothing(false, true);
        assert!(said.contains("A-1042") && said.contains("not in this configuration"), "{said}");
        assert!(said.contains("accepted or refused"), "{said}");
        // what was not looked at is not said to be absent
        let said = appointment.nothing(true, false);
        assert!(!said.contains("accepted or refused"), "{said}");
        assert!(said.contains("among the newest 200 refused ones, and there are more"), "{said}");
        let hits = |all_refused| Hits { rows: vec![], all_refused }.unseen();
        assert_eq!(hits(true), None);
        assert!(hits(false).is_some_and(|said| said.contains("only the newest 200")));
    }
}
