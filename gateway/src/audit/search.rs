//! `/audit`: what is searched for, and what was found, newest first, a page at a time.

use crate::audit::books::numbers::Numbers;
use crate::audit::call::Call;
use crate::audit::catalogue;
use crate::audit::filter::{Filter, channels};
use crate::audit::guard::{Shell, Turned, guard};
use crate::audit::message::{self, FactView};
use crate::audit::page;
use crate::audit::when::{self, When};
use crate::door::Door;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use ledger::access::Right;
use ledger::find::REFUSED_AT_MOST;
use ledger::report::Listed;
use ledger::search::{Found, SearchCursor};
use ledger::state::State as NtfState;
use serde::Serialize;
use tera::Context;

/// Rows of a page.
const ROWS: i64 = 50;
/// Rows of a file that are counted at most.
const COUNTED: i64 = 100_000;
/// Facts of a page.
const FACTS: usize = 20;

/// A row of a list.
#[derive(Serialize)]
pub(super) struct Row {
    ntf: String,
    received: When,
    clinic: String,
    event_type: String,
    event_id: String,
    state: &'static str,
    state_said: &'static str,
    verdict: String,
    because: Option<String>,
    channel: Option<String>,
    lane: Option<String>,
    attempts: i64,
}

/// One of a list to choose from.
#[derive(Serialize)]
struct Choice {
    value: String,
    text: String,
    chosen: bool,
}

/// A field at fault, for the summary and beside the field.
#[derive(Serialize)]
struct Fault {
    field: &'static str,
    key: &'static str,
}

pub(super) async fn get(State(door): State<Door>, call: Call) -> Result<Response, Turned> {
    let shell = guard(&door, call, Right::Read).await?;
    let read = Filter::read(&shell, &|name| shell.call.asked(name).to_owned());
    let Ok(filter) = read else { return Err(shell.missing(true).await) };
    show(&shell, &filter, None).await
}

/// The page of a search. `tried`: it was posted and is wrong, so nothing is looked up.
pub(super) async fn show(
    shell: &Shell,
    filter: &Filter,
    tried: Option<&[(&'static str, String)]>,
) -> Result<Response, Turned> {
    let mut context = Context::new();
    context.insert("reasons", &reasons(shell).await?);
    let wrong = tried.is_some() || !filter.faults.is_empty();
    fields(shell, filter, tried.unwrap_or_default(), &mut context);
    // folded away where the question is about one thing and nothing narrows it
    context.insert("unfolded", &(filter.asked.is_none() || filter.is_narrowed() || wrong));
    if wrong {
        context.insert("searched", &false);
        return Ok(page::page_with(
            shell,
            StatusCode::UNPROCESSABLE_ENTITY,
            "search.html",
            context,
        ));
    }
    context.insert("searched", &true);
    let after = SearchCursor::parse(shell.call.asked("after"));
    let found = shell.ledger.search(&filter.search, after.as_ref(), ROWS);
    let found = shell.heavy(found).await?;
    let rows: Vec<Row> = found.rows.iter().map(|one| row_of(shell, one)).collect();
    let refused = if after.is_none() { refused(shell, filter).await? } else { vec![] };
    let facts = facts(shell, &found.facts).await?;
    context.insert("empty", &(rows.is_empty() && refused.is_empty() && facts.is_empty()));
    context.insert("rows", &rows);
    context.insert("refused", &refused);
    context.insert("facts", &facts);
    if shell.may(Right::Export) {
        let all = after.is_none() && found.next.is_none();
        let size = size(shell, filter, all.then_some(rows.len())).await?;
        context.insert("size", &size);
        context.insert("size_at", &format!("/audit?{}#take", filter.query(&[("size", "1")])));
    }
    let next = found.next.map(|next| filter.query(&[("after", &next.to_string())]));
    context.insert("next", &next.map(|query| format!("/audit?{query}")));
    context.insert("first", &after.map(|_| format!("/audit?{}", filter.query(&[]))));
    let take = |format| format!("/audit/export.{format}?{}", filter.query(&[]));
    let take = shell.may(Right::Export).then(|| [take("csv"), take("jsonl")]);
    context.insert("take", &take);
    Ok(page::page(shell, "search.html", context))
}

/// Reason codes to choose from, while somebody types one; a clinic's own people are not told what others' messages ran into.
async fn reasons(shell: &Shell) -> Result<Vec<String>, Turned> {
    if shell.visitor.clinic.is_some() {
        return Ok(vec![]);
    }
    shell.asked(shell.ledger.reasons()).await
}

/// How many rows a file of them has: key of what is said, and a number. `all`: so many are all that there are. Otherwise they are
/// counted only where somebody asks, since that may take longer than the page.
async fn size(
    shell: &Shell,
    filter: &Filter,
    all: Option<usize>,
) -> Result<Option<(&'static str, String)>, Turned> {
    let said = |n: i64| Numbers(shell.call.tongue).count(n);
    if let Some(all) = all {
        return Ok(Some(("search.size", said(i64::try_from(all).unwrap_or(i64::MAX)))));
    }
    if shell.call.asked("size").is_empty() {
        return Ok(None);
    }
    // as the file itself: who asks sees no other rows
    let search = filter.search.clone().seen_by(&shell.visitor);
    let _place = shell.place().await?;
    // a ledger that needs too long for it is no reason to keep back the rows that are found
    let Ok(counted) = shell.ledger.count_found(&search, COUNTED + 1).await else {
        return Ok(Some(("search.size_unknown", String::new())));
    };
    let over = counted > COUNTED;
    Ok(Some(if over {
        ("search.size_over", said(COUNTED))
    } else {
        ("search.size", said(counted))
    }))
}

/// Everything that the form shows.
fn fields(shell: &Shell, filter: &Filter, tried: &[(&'static str, String)], context: &mut Context) {
    let tongue = shell.call.tongue;
    for name in ["from", "to", "provider", "reason", "event"] {
        context.insert(name, filter.said(name));
    }
    for name in ["appointment", "payment"] {
        let posted = tried.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
        let asked = filter.asked.as_ref().filter(|asked| asked.kind == name);
        context.insert(name, posted.or(asked.map(|asked| asked.id.as_str())).unwrap_or_default());
    }
    let asked = filter.asked.as_ref();
    context.insert("asked", &asked.map(|asked| format!("search.about.{}", asked.kind)));
    context.insert("asked_id", asked.map_or("", |asked| &asked.id));
    context.insert("sealed", filter.said("asked"));
    context.insert("without", &format!("/audit?{}", filter.query_but("asked", &[])));
    context.insert("unseen", &asked.is_some_and(|asked| asked.unseen));
    context.insert("bound", &REFUSED_AT_MOST);
    context.insert("zone", filter.zone.name());
    let own = filter.search.clinic.as_deref().unwrap_or_default();
    let choices = |all: Vec<(String, String)>, chosen: &str| -> Vec<Choice> {
        let all = all.into_iter();
        all.map(|(value, text)| Choice { chosen: value == chosen, value, text }).collect()
    };
    context.insert("clinics", &choices(shell.clinics(), own));
    let types = shell.call.door().registry().types();
    let types = types.map(|one| (one.name.clone(), type_name(shell, &one.name)));
    context.insert("types", &choices(types.collect(), filter.said("type")));
    let states = NtfState::ALL.iter();
    let states = states.map(|one| (one.as_str().to_owned(), story::state(tongue, *one).to_owned()));
    context.insert("states", &choices(states.collect(), filter.said("state")));
    let channels = channels().map(|one| (one.to_owned(), channel_name(&shell.call, one)));
    context.insert("channels", &choices(channels.collect(), filter.said("channel")));
    let mut faults: Vec<Fault> =
        filter.faults.iter().map(|(field, key)| Fault { field: visible(field), key }).collect();
    let posted = tried.iter().filter(|(_, key)| key.starts_with("search.fault."));
    faults.extend(posted.filter_map(|(field, key)| Some(Fault { field, key: fault(key)? })));
    context.insert("faults", &faults);
}

/// Keys of what may be wrong with what is posted.
pub(super) const POSTED: [&str; 7] = [
    "search.fault.text",
    "search.fault.phone",
    "search.fault.one",
    "search.fault.clinic",
    "search.fault.several",
    "search.fault.nothing",
    "search.fault.unseen",
];

/// The field that a fault is shown at: what was asked for by post has none of its own.
fn visible(field: &'static str) -> &'static str {
    if field == "asked" { "appointment" } else { field }
}

fn fault(key: &str) -> Option<&'static str> {
    POSTED.into_iter().find(|known| *known == key)
}

/// An event type in words; its own name where the catalogue does not know it.
pub(super) fn type_name(shell: &Shell, name: &str) -> String {
    let key = format!("type.{name}");
    let known = catalogue::of(shell.call.tongue).get(&key);
    known.cloned().unwrap_or_else(|| name.to_owned())
}

/// A channel in words.
pub(super) fn channel_name(call: &Call, name: &str) -> String {
    match name {
        "sms" => call.text("channel.sms").to_owned(),
        "whatsapp" => "WhatsApp".to_owned(),
        other => other.to_owned(),
    }
}

fn row_of(shell: &Shell, found: &Found) -> Row {
    Row {
        channel: found.channel.as_deref().map(|name| channel_name(&shell.call, name)),
        lane: found.lane.clone(),
        attempts: found.attempts,
        ..listed(shell, &found.row)
    }
}

/// A row of which nothing else is known.
fn listed(shell: &Shell, row: &Listed) -> Row {
    let tongue = shell.call.tongue;
    Row {
        received: when::shown(row.created_at, shell.call.zone(&row.clinic), tongue),
        clinic: shell.call.settings().name(&row.clinic).to_owned(),
        event_type: type_name(shell, &row.event_type),
        state: row.state.as_str(),
        state_said: story::state(tongue, row.state),
        verdict: story::answer(tongue, row),
        because: story::because(tongue, &row.why),
        channel: None,
        lane: row.lane.clone(),
        attempts: row.attempts,
        ntf: row.ntf.clone(),
        event_id: row.event_id.clone(),
    }
}

/// The refused events that speak of what was asked for.
async fn refused(shell: &Shell, filter: &Filter) -> Result<Vec<Row>, Turned> {
    let Some(asked) = &filter.asked else { return Ok(vec![]) };
    let mut rows = Vec::with_capacity(asked.refused.len());
    for ntf in &asked.refused {
        let row = shell.asked(shell.ledger.find_for(&shell.visitor, ntf)).await?;
        rows.extend(row.map(|row| listed(shell, &row)));
    }
    Ok(rows)
}

/// The facts, each with what it planned and skipped: the answer where there never was a message.
async fn facts(shell: &Shell, found: &[ledger::facts::FactRow]) -> Result<Vec<FactView>, Turned> {
    let mut views = Vec::with_capacity(found.len().min(FACTS));
    for row in found.iter().filter(|row| shell.sees(&row.clinic)).take(FACTS) {
        let told = story::FactStory::of(&shell.ledger, row, shell.call.tongue);
        let told = shell.asked(told).await?;
        views.push(message::fact_view(shell, &told, None));
    }
    Ok(views)
}
