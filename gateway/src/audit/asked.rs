//! A search that is posted: it goes on as a page of its own whose address holds nothing personal.
//!
//! An appointment's or a payment's id and a phone number are looked up by their keyed hashes. The hashes are sealed for the
//! visitor's token, with a new nonce each time: what stands in the address, the history and a proxy's log is of no use to anybody
//! else, says nothing of the number, and does not even show that two searches were for the same one.

use crate::audit::call::Call;
use crate::audit::filter::{Asked, Filter, LONGEST};
use crate::audit::form::Form;
use crate::audit::guard::{Shell, Turned, form_guard};
use crate::audit::search;
use crate::door::Door;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use ledger::LedgerError;
use ledger::access::Right;
use ledger::find::By;
use ledger::search::SearchFilter;
use schemas::{ClinicId, FactId, NotificationId, PhoneNumber};
use story::lookup::{self, Question, Where};

/// Clinics that are looked through where none is named.
const CLINICS: usize = 64;
/// Refused events that one search goes on with.
const REFUSED: usize = 20;

/// What is wrong with what was posted: the field, and the key of what is said.
type Wrong = (&'static str, &'static str);

pub(super) async fn post(
    State(door): State<Door>,
    call: Call,
    body: Body,
) -> Result<Response, Turned> {
    let (shell, form) = form_guard(&door, call, Right::Read, body).await?;
    if let Some(place) = named(form.get("event")) {
        return Ok(shell.call.see(&place));
    }
    let posted = ["appointment", "payment", "phone"].map(|name| (name, form.get(name)));
    let given: Vec<_> = posted.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    // what an earlier search was about goes on where nothing new is given and no field was emptied that said it
    let was = Asked::open(&shell, form.get("asked"));
    let stays = given.is_empty() && was.is_some_and(|was| was.id.is_empty());
    let read = Filter::read(&shell, &|name| match name {
        "asked" if !stays => String::new(),
        name => form.get(name).to_owned(),
    });
    let Ok(filter) = read else { return Err(shell.missing(true).await) };
    if !filter.faults.is_empty() {
        return search::show(&shell, &filter, Some(&kept(&form, None))).await;
    }
    let sealed = match given.as_slice() {
        [] => None,
        [(kind, value)] => match resolve(&shell, &filter, kind, value).await? {
            Ok(asked) => Some(asked.sealed(&shell).await?),
            Err(wrong) => {
                return search::show(&shell, &filter, Some(&kept(&form, Some(wrong)))).await;
            }
        },
        _ => {
            let wrong = ("appointment", "search.fault.one");
            return search::show(&shell, &filter, Some(&kept(&form, Some(wrong)))).await;
        }
    };
    let more: Vec<(&str, &str)> = sealed.iter().map(|sealed| ("asked", sealed.as_str())).collect();
    Ok(shell.call.see(&format!("/audit?{}", filter.query(&more))))
}

/// The page of what Ulak itself has an id for.
fn named(id: &str) -> Option<String> {
    if let Some(ntf) = NotificationId::parse(id) {
        return Some(format!("/audit/messages/{ntf}"));
    }
    FactId::parse(id).map(|fact| format!("/audit/facts/{fact}"))
}

/// What the form shows again. A number is not written back.
fn kept(form: &Form, wrong: Option<Wrong>) -> Vec<(&'static str, String)> {
    let ids = ["appointment", "payment"].map(|name| (name, form.get(name).to_owned()));
    let wrong = wrong.map(|(field, key)| (field, key.to_owned()));
    ids.into_iter().filter(|(_, value)| !value.is_empty()).chain(wrong).collect()
}

/// Finds the clinic and the keys.
async fn resolve(
    shell: &Shell,
    filter: &Filter,
    kind: &'static str,
    value: &str,
) -> Result<Result<Asked, Wrong>, Turned> {
    if value.chars().count() > LONGEST || value.contains(char::is_control) {
        return Ok(Err((kind, "search.fault.text")));
    }
    let phone = (kind == "phone").then(|| PhoneNumber::parse(value));
    if matches!(phone, Some(Err(_))) {
        return Ok(Err(("phone", "search.fault.phone")));
    }
    let phone = phone.and_then(Result::ok);
    let clinics = match &filter.search.clinic {
        Some(one) => vec![one.clone()],
        None => shell.clinics().into_iter().map(|(id, _)| id).collect(),
    };
    if clinics.len() > CLINICS {
        return Ok(Err(("clinic", "search.fault.clinic")));
    }
    let questions: Vec<Question> = clinics
        .iter()
        .filter_map(|id| ClinicId::parse(id).ok())
        .map(|clinic| match (&phone, kind) {
            (Some(phone), _) => Question::Phone(clinic, phone.clone()),
            (None, "payment") => Question::Payment(clinic, value.to_owned()),
            (None, _) => Question::Appointment(clinic, value.to_owned()),
        })
        .collect();
    let _turn = shell.turn().await?;
    let (mut found, all) = shell.heavy(look(shell, &questions, (kind, value))).await?;
    let several = found.len() > 1;
    Ok(match found.pop() {
        Some(_) if several => Err(("clinic", "search.fault.several")),
        found => found.ok_or(if all {
            (kind, "search.fault.nothing")
        } else {
            (kind, "search.fault.unseen")
        }),
    })
}

/// What there is about it, each clinic's for itself: by key at every one, and once among the refused events, which no key finds; and
/// whether all of these were looked at.
async fn look(
    shell: &Shell,
    questions: &[Question],
    named: (&str, &str),
) -> Result<(Vec<Asked>, bool), LedgerError> {
    let knows = |clinic: &ClinicId| shell.call.settings().clinics.contains_key(clinic);
    let of = Where { ledger: &shell.ledger, registry: shell.call.door().registry(), knows: &knows };
    let mut all = Vec::with_capacity(questions.len());
    for question in questions {
        let Some(asked) = keyed(of, question, named)? else { return Ok((vec![], true)) };
        let filter = SearchFilter {
            clinic: Some(asked.clinic.clone()),
            appointment: asked.appointment.clone(),
            things: asked.things.clone(),
            person: asked.person.clone(),
            with_facts: asked.kind != "phone",
            ..SearchFilter::default()
        };
        let page = shell.ledger.search(&filter, None, 1).await?;
        all.push((asked, !page.rows.is_empty() || !page.facts.is_empty()));
    }
    let (refused, is_all) = match questions {
        [one] => {
            let hits = lookup::refused(of, one).await?;
            (hits.rows.into_iter().map(|row| (0, row)).collect(), hits.all_refused)
        }
        [] => (vec![], true),
        several => lookup::refused_of_any(of, several).await?,
    };
    for (n, row) in refused.into_iter().filter(|(_, row)| shell.sees(&row.clinic)) {
        if let Some((asked, _)) = all.get_mut(n)
            && asked.refused.len() < REFUSED
        {
            asked.refused.push(row.ntf);
        }
    }
    let found = all.into_iter().filter(|(asked, by_key)| *by_key || !asked.refused.is_empty());
    let found = found.map(|(asked, _)| Asked { unseen: !is_all, ..asked });
    Ok((found.collect(), is_all))
}

/// The question with its keys; `None`: it is about none of the three.
fn keyed(
    of: Where<'_>,
    question: &Question,
    (kind, value): (&str, &str),
) -> Result<Option<Asked>, LedgerError> {
    let Some((clinic, by)) = question.clinic().zip(lookup::by(of, question)?) else {
        return Ok(None);
    };
    let mut asked = Asked {
        kind: kind.to_owned(),
        id: if kind == "phone" { String::new() } else { value.to_owned() },
        clinic: clinic.as_str().to_owned(),
        ..Asked::default()
    };
    match by {
        By::Appointment(key) => asked.appointment = Some(key),
        By::Things(keys) => asked.things = keys,
        By::Person(key) => asked.person = Some(key),
    }
    Ok(Some(asked))
}
