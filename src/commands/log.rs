//! `ulak log …`: what became of each notification, from the ledger only.

mod balance;
mod export;

use anyhow::{Context as _, anyhow};
use ledger::record::Entry;
use ledger::report::{Dated, ListFilter, Listed};
use serde_json::{Value, json};

use super::desk::{Desk, Opened, instant, local, with_ledger};
use super::{Failure, explain, say};
use crate::cli::Global;
use crate::cli::records::{LogCommand, LogListArgs, RecordArgs, RevealArgs};
use crate::cli::schedule::Named;
use crate::start;

/// Runs the command.
///
/// # Errors
/// The ledger is not there, there is no such notification, or the books do not balance.
pub fn run(global: &Global, command: &LogCommand) -> Result<(), Failure> {
    with_ledger(global, async |desk| match command {
        LogCommand::List(args) => list(desk, args).await,
        LogCommand::Show(args) => show(desk, args).await,
        LogCommand::Explain(args) => explain::run(desk, args).await,
        LogCommand::Balance(args) => balance::run(desk, args).await,
        LogCommand::Export(args) => export::run(desk, args).await,
    })
}

async fn list(desk: &Desk, args: &LogListArgs) -> Result<(), Failure> {
    let (now, asked) = (desk.ledger.clock().now_ms(), &args.filter);
    let filter = ListFilter {
        clinic: asked.clinic.as_ref().map(|c| c.as_str().to_owned()),
        state: asked.state,
        event_type: desk.event_type(asked.event_type.as_deref())?,
        since: asked.since.map(|moment| moment.ms(now)),
        until: asked.until.map(|moment| moment.ms(now)),
        provider: asked.provider.clone(),
        reason: asked.reason.clone(),
        // one more than is shown: whether there are others
        limit: i64::from(args.limit).saturating_add(1),
        ..ListFilter::default()
    };
    let mut rows = desk.ledger.list(&filter).await.map_err(start::ledger_failure)?;
    let more = rows.len() > args.limit as usize;
    rows.truncate(args.limit as usize);
    for row in rows {
        if desk.json {
            say(listed_json(&row))?;
        } else {
            say(listed_line(&row))?;
        }
    }
    if more {
        // not among the lines that a program reads
        super::note(&format!("there are more: the newest {} are shown, see --limit", args.limit));
    }
    Ok(())
}

/// One object a line.
fn listed_json(row: &Listed) -> Value {
    json!({
        "ntf": row.ntf,
        "clinic": row.clinic,
        "type": row.event_type,
        "id": row.event_id,
        "state": row.state,
        "why": row.why,
        "attempts": row.attempts,
        "received_at": instant(row.created_at),
        "changed_at": instant(row.changed_at),
        "due_at": row.due_at.map(instant),
        "lane": row.lane,
    })
}

fn listed_line(row: &Listed) -> String {
    let kind = row.event_type.trim_start_matches("ulak.");
    let due = row.due_at.map(|at| format!(" due {}", local(at))).unwrap_or_default();
    let why = if row.why.is_empty() { String::new() } else { format!(" ({})", row.why) };
    format!(
        "{} {:<13} {:<24} {:<16} {} attempt(s) {}{why}{due}",
        local(row.created_at),
        row.state,
        kind,
        row.clinic,
        row.attempts,
        row.ntf
    )
}

async fn show(desk: &Desk, args: &RecordArgs) -> Result<(), Failure> {
    let ntf = match &args.id {
        Named::Notification(ntf) => ntf,
        Named::Fact(fact) => return show_fact(desk, fact.as_str(), &args.reveal).await,
    };
    let row = desk.find(ntf.as_str()).await?;
    let opened = desk.reveal(&args.reveal, &row, &["body", "text"]).await?;
    if desk.json {
        say(listed_json(&row))?;
    } else {
        say(listed_line(&row))?;
    }
    for record in desk.ledger.records(&row.ntf).await.map_err(start::ledger_failure)? {
        let shown = shown(desk, &row.ntf, &record, opened.as_ref())?;
        if desk.json {
            say(shown)?;
        } else {
            say(format_args!("{}  {}", local(record.at), one_line(&shown)))?;
        }
    }
    Ok(())
}

/// Every record of one fact.
async fn show_fact(desk: &Desk, id: &str, reveal: &RevealArgs) -> Result<(), Failure> {
    let found = desk.ledger.fact(id).await.map_err(start::ledger_failure)?;
    let row = found.ok_or_else(|| anyhow!("{id} is not in this ledger; is this the right one?"))?;
    let opened = desk.reveal_fact(reveal, &row.clinic, &row.id).await?;
    if desk.json {
        say(json!({
            "fact": row.id,
            "clinic": row.clinic,
            "type": row.fact_type,
            "source": row.source,
            "id": row.event_id,
            "state": row.state,
            "why": row.why,
            "received_at": instant(row.created_at),
        }))?;
    } else {
        let why = if row.why.is_empty() { String::new() } else { format!(" ({})", row.why) };
        let kind = row.fact_type.trim_start_matches("clinic.");
        say(format_args!(
            "{} {:<13} {:<24} {:<16} {}{why}",
            local(row.created_at),
            row.state,
            kind,
            row.clinic,
            row.id
        ))?;
    }
    for record in desk.ledger.records(&row.id).await.map_err(start::ledger_failure)? {
        let mut value = shown(desk, &row.id, &record, None)?;
        if opened
            && let Some(body) = desk.fact_body(&row.id, &record.entry).await?
            && let Some(object) = value.as_object_mut()
        {
            object.insert("body".to_owned(), serde_json::from_str(&body).unwrap_or(Value::Null));
        }
        if desk.json {
            say(value)?;
        } else {
            say(format_args!("{}  {}", local(record.at), one_line(&value)))?;
        }
    }
    Ok(())
}

/// A record without its ciphertexts, or with what is in them.
fn shown(
    desk: &Desk,
    ntf: &str,
    record: &Dated,
    opened: Option<&Opened>,
) -> Result<Value, Failure> {
    let mut value = serde_json::to_value(&record.entry).context("a record cannot be shown")?;
    let clear = match (&record.entry, opened) {
        (Entry::Received { body, .. }, Some(opened)) => opened
            .body(ntf, body)?
            .map(|body| ("body", serde_json::from_str(&body).unwrap_or(Value::Null))),
        (Entry::Claimed { text, attempt, .. }, Some(opened)) => {
            opened.text(ntf, *attempt, text)?.map(|text| ("text", Value::String(text)))
        }
        (Entry::EventRefused { body, .. }, Some(_)) => {
            Some(("body", Value::String(desk.refused_body(ntf, body)?)))
        }
        _ => None,
    };
    if let Some(object) = value.as_object_mut() {
        for field in ["body", "text"] {
            if object.contains_key(field) {
                let sealed = "sealed (--reveal --reason opens it)".to_owned();
                object.insert(field.to_owned(), Value::String(sealed));
            }
        }
        if let Some((field, clear)) = clear {
            object.insert(field.to_owned(), clear);
        }
        object.insert("at".to_owned(), Value::String(instant(record.at)));
    }
    Ok(value)
}

fn one_line(value: &Value) -> String {
    let Some(object) = value.as_object() else { return value.to_string() };
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or("");
    let rest: Vec<String> = object
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "kind" | "at"))
        .map(|(name, value)| match value {
            Value::String(text) => format!("{name}={text}"),
            other => format!("{name}={other}"),
        })
        .collect();
    format!("{kind:<14} {}", rest.join(" "))
}
