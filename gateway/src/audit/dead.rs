//! `/audit/dead-letters`: what was refused or given up and waits for a person; put back or dropped with a reason, several at once.
//!
//! Without scripts a choice takes two pages: the list posts what is ticked, the next one says what would become of each and asks why,
//! and only a form of that one does it. What may be put back is found out anew each time.

mod outlook;
mod pile;

use crate::audit::call::Call;
use crate::audit::form::Form;
use crate::audit::guard::{Shell, Turned, form_guard, guard};
use crate::audit::when::When;
use crate::audit::{page, reason, search, when};
use crate::door::Door;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use ledger::access::{Access, AccessKind, Right};
use ledger::dead::Act;
use ledger::report::{ListFilter, Listed};
use ledger::state;
use outlook::Outlook;
use pile::{PAGE, Place};
use serde::Serialize;
use tera::Context;

/// One letter of the list.
#[derive(Serialize)]
struct Line {
    ntf: String,
    at: When,
    clinic: String,
    event_type: String,
    /// The rule, or why it was given up.
    why: String,
    meaning: String,
}

/// One letter with what would become, or became, of it.
#[derive(Serialize)]
struct Told {
    ntf: String,
    clinic: String,
    why: String,
    /// Key of what is said, and the values that it names.
    key: &'static str,
    into: String,
    rule: String,
    place: String,
    /// The end of its use.
    expires: String,
    possible: bool,
}

/// What is done with letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Replay,
    Drop,
}

impl Verb {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Drop => "drop",
        }
    }
}

/// `GET /audit/dead-letters?clinic=…&rule=…&before=…`
pub(super) async fn get(State(door): State<Door>, call: Call) -> Result<Response, Turned> {
    let shell = guard(&door, call, Right::Read).await?;
    let Ok(clinic) = shell.held_to(shell.call.asked("clinic")) else {
        return Err(shell.missing(true).await);
    };
    let rule = Some(shell.call.asked("rule")).filter(|rule| !rule.is_empty());
    let filter = ListFilter {
        state: Some(state::State::DeadLettered),
        clinic: clinic.clone(),
        rule: rule.map(str::to_owned),
        unhandled: true,
        ..ListFilter::default()
    };
    let at = shell.call.asked("before");
    let after = Place::parse(at);
    let found = pile::page(&shell.ledger, &filter, after.as_ref());
    let (rows, next) = shell.heavy(found).await?;
    let mut context = Context::new();
    context.insert("clinic", clinic.as_deref().unwrap_or_default());
    context.insert("clinics", &shell.clinics());
    context.insert("rule", rule.unwrap_or_default());
    context.insert("rows", &rows.iter().map(|row| line(&shell, row)).collect::<Vec<_>>());
    let older = next.map(|next| next.to_string());
    context.insert("older", &older.map(|before| here(&shell.call, &[("before", &before)])));
    context.insert("may_act", &shell.may(Right::Operate));
    let ticked = !shell.call.asked("ticked").is_empty();
    let other = if ticked { "" } else { "1" };
    context.insert("tick", &here(&shell.call, &[("before", at), ("ticked", other)]));
    context.insert("ticked", &ticked);
    Ok(page::page(&shell, "dead.html", context))
}

/// This list with its filter and these fields; empty ones are left out.
fn here(call: &Call, fields: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let own = ["clinic", "rule"].map(|name| (name, call.asked(name)));
    query.extend_pairs(own.iter().chain(fields).filter(|(_, value)| !value.is_empty()));
    format!("/audit/dead-letters?{}", query.finish())
}

/// `POST /audit/dead-letters/replay`
pub(super) async fn replay(
    State(door): State<Door>,
    call: Call,
    body: Body,
) -> Result<Response, Turned> {
    act(&door, call, body, Verb::Replay).await
}

/// `POST /audit/dead-letters/drop`
pub(super) async fn drop_letters(
    State(door): State<Door>,
    call: Call,
    body: Body,
) -> Result<Response, Turned> {
    act(&door, call, body, Verb::Drop).await
}

async fn act(door: &Door, call: Call, body: Body, verb: Verb) -> Result<Response, Turned> {
    let (shell, form) = form_guard(door, call, Right::Operate, body).await?;
    let rows = chosen(&shell, &form).await?;
    if rows.is_empty() {
        return Ok(shell.call.see("/audit/dead-letters?said=dead.none"));
    }
    let mut letters = Vec::with_capacity(rows.len());
    for row in rows {
        let outlook = match verb {
            Verb::Replay => shell.asked(outlook::replay(door, &shell.ledger, &row)).await?,
            Verb::Drop => outlook::dropping(&row),
        };
        letters.push((row, outlook));
    }
    let reason = form.get("reason");
    let fault = reason::fault(reason).filter(|_| form.get("step") == "do");
    if form.get("step") != "do" || fault.is_some() {
        return Ok(confirm(&shell, verb, &letters, reason, fault));
    }
    let who = shell.visitor.who();
    let act = Act { who: &who, why: reason };
    let (mut told, mut done) = (vec![], 0);
    for (row, outlook) in &letters {
        let did = match verb {
            _ if !outlook.is_possible() => None,
            Verb::Replay => {
                Some(shell.asked(outlook::put_back(door, &shell, row, outlook, act)).await?)
            }
            Verb::Drop => {
                let dropped = shell.ledger.drop_dead_letters(std::slice::from_ref(&row.ntf), act);
                Some(!shell.asked(dropped).await?.is_empty())
            }
        };
        done += usize::from(did == Some(true));
        told.push(said(&shell, row, outlook, did));
    }
    // each letter has its own record; this one says by which session
    let what = AccessKind::Acted { what: format!("{} {done} dead letters", verb.as_str()) };
    shell.note(&Access::by(&shell.visitor, what)).await?;
    let mut context = Context::new();
    context.insert("verb", verb.as_str());
    context.insert("letters", &told);
    context.insert("done", &done);
    context.insert("all", &told.len());
    Ok(page::page(&shell, "dead_done.html", context))
}

/// The letters that are ticked, each once, of those that the visitor may see.
async fn chosen(shell: &Shell, form: &Form) -> Result<Vec<Listed>, Turned> {
    let mut rows: Vec<Listed> = vec![];
    for id in form.all("id").take(PAGE) {
        let row = shell.asked(shell.ledger.find_for(&shell.visitor, id)).await?;
        if let Some(row) = row
            && rows.iter().all(|known| known.ntf != row.ntf)
        {
            rows.push(row);
        }
    }
    Ok(rows)
}

/// What would become of each, and why it is done: nothing is done yet.
fn confirm(
    shell: &Shell,
    verb: Verb,
    letters: &[(Listed, Outlook)],
    reason: &str,
    fault: Option<&'static str>,
) -> Response {
    let told: Vec<Told> =
        letters.iter().map(|(row, outlook)| said(shell, row, outlook, None)).collect();
    let possible = told.iter().filter(|letter| letter.possible).count();
    let mut context = Context::new();
    context.insert("verb", verb.as_str());
    context.insert("letters", &told);
    context.insert("possible", &possible);
    context.insert("reason", reason);
    context.insert("longest", &reason::LONGEST);
    context.insert("fault", &fault.unwrap_or_default());
    let status = if fault.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    page::page_with(shell, status, "dead_check.html", context)
}

fn line(shell: &Shell, row: &Listed) -> Line {
    let tongue = shell.call.tongue;
    Line {
        ntf: row.ntf.clone(),
        at: when::shown(row.created_at, shell.call.zone(&row.clinic), tongue),
        clinic: clinic(shell, row),
        event_type: search::type_name(shell, &row.event_type),
        why: row.why.clone(),
        meaning: story::because(tongue, &row.why).unwrap_or_default(),
    }
}

fn said(shell: &Shell, row: &Listed, outlook: &Outlook, did: Option<bool>) -> Told {
    let key = match did {
        Some(false) => "dead.late",
        Some(true) => outlook.done(),
        None => outlook.key(),
    };
    let (rule, place) = outlook.refusal().unwrap_or_default();
    Told {
        ntf: row.ntf.clone(),
        clinic: clinic(shell, row),
        why: row.why.clone(),
        key,
        into: outlook.becomes().unwrap_or_default().to_owned(),
        rule: rule.to_owned(),
        place: place.to_owned(),
        expires: when::shown(row.expires_at, shell.call.zone(&row.clinic), shell.call.tongue).text,
        possible: outlook.is_possible(),
    }
}

/// A clinic's name; none where the event does not say whose it is.
fn clinic(shell: &Shell, row: &Listed) -> String {
    match row.clinic.as_str() {
        "" => shell.call.text("dead.no-clinic").to_owned(),
        id => shell.call.settings().name(id).to_owned(),
    }
}
