//! `ulak log …`: what became of each notification, from the ledger only.

use anyhow::{Context as _, anyhow};
use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Europe::Istanbul;
use ledger::record::Entry;
use ledger::report::{Balance, Dated, ListFilter, Listed};
use ledger::state::State;
use ledger::vault::DataKey;
use ledger::{Ledger, intake};
use serde_json::{Value, json};

use super::{Failure, Settings, explain, runtime, say};
use crate::cli::Global;
use crate::cli::records::{BalanceArgs, LogCommand, LogListArgs, NotificationArgs};
use crate::config::Purpose;
use crate::start;

/// Runs the command.
///
/// # Errors
/// The ledger is not there, there is no such notification, or the books do not balance.
pub fn run(global: &Global, command: &LogCommand) -> Result<(), Failure> {
    with_ledger(global, async |ledger| match command {
        LogCommand::List(args) => list(global, &ledger, args).await,
        LogCommand::Show(args) => show(global, &ledger, args).await,
        LogCommand::Explain(args) => explain::run(global, &ledger, args).await,
        LogCommand::Balance(args) => balance(global, &ledger, args).await,
    })
}

/// Opens the ledger for a command that ends.
pub(super) fn with_ledger(
    global: &Global,
    work: impl AsyncFnOnce(Ledger) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let settings = Settings::for_purpose(global, Purpose::Records)?;
    let told = start::ledger_settings(&settings.config, "log", 2)?;
    runtime()?.block_on(async {
        let ledger = Ledger::open(&told).await.map_err(start::ledger_failure)?;
        let done = work(ledger.clone()).await;
        ledger.close().await;
        done
    })
}

async fn list(global: &Global, ledger: &Ledger, args: &LogListArgs) -> Result<(), Failure> {
    let state = match args.state.as_deref() {
        Some(text) => Some(State::parse(text).with_context(|| {
            let all: Vec<_> = State::ALL.iter().map(|s| s.as_str()).collect();
            format!("--state {} is no state; use one of {}", text.escape_debug(), all.join(", "))
        })?),
        None => None,
    };
    let filter = ListFilter {
        clinic: args.clinic.as_ref().map(|c| c.as_str().to_owned()),
        state,
        limit: i64::from(args.limit),
        ..ListFilter::default()
    };
    for row in ledger.list(&filter).await.map_err(start::ledger_failure)? {
        if global.json {
            say(listed_json(&row))?;
        } else {
            say(listed_line(&row))?;
        }
    }
    Ok(())
}

/// One object a line.
pub(super) fn listed_json(row: &Listed) -> Value {
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

async fn show(global: &Global, ledger: &Ledger, args: &NotificationArgs) -> Result<(), Failure> {
    let ntf = args.id.as_str();
    let row = find(ledger, ntf).await?;
    let key = if args.reveal { data_key(ledger, ntf).await? } else { None };
    if global.json {
        say(listed_json(&row))?;
    } else {
        say(listed_line(&row))?;
    }
    for record in ledger.records(ntf).await.map_err(start::ledger_failure)? {
        let shown = shown(ledger, ntf, &record, key.as_ref(), args.reveal)?;
        if global.json {
            say(shown)?;
        } else {
            say(format_args!("{}  {}", local(record.at), one_line(&shown)))?;
        }
    }
    Ok(())
}

/// One notification, or a line that says that there is none.
pub(super) async fn find(ledger: &Ledger, ntf: &str) -> Result<Listed, Failure> {
    let found = ledger.find(ntf).await.map_err(start::ledger_failure)?;
    found.ok_or_else(|| {
        Failure::Failed(anyhow!("{ntf} is not in this ledger; `ulak log list` shows what is"))
    })
}

/// The key that opens a notification's body and texts.
pub(super) async fn data_key(ledger: &Ledger, ntf: &str) -> Result<Option<DataKey>, Failure> {
    let Some(sealed) = ledger.sealed_body(ntf).await.map_err(start::ledger_failure)? else {
        return Ok(None);
    };
    let key =
        ledger.vault().data_key(&sealed.person, &sealed.wrapped).map_err(start::ledger_failure)?;
    Ok(Some(key))
}

/// The exact text of an attempt.
pub(super) fn text_of(
    key: &DataKey,
    ntf: &str,
    attempt: u32,
    sealed: &str,
) -> Result<String, Failure> {
    let bytes =
        key.open(&intake::text_place(ntf, attempt), sealed).map_err(start::ledger_failure)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A record without its ciphertexts, or with what is in them.
fn shown(
    ledger: &Ledger,
    ntf: &str,
    record: &Dated,
    key: Option<&DataKey>,
    reveal: bool,
) -> Result<Value, Failure> {
    let mut value = serde_json::to_value(&record.entry).context("a record cannot be shown")?;
    let opened = match (&record.entry, key) {
        (Entry::Received { body, .. }, Some(key)) => {
            let bytes = key.open(&intake::body_place(ntf), body).map_err(start::ledger_failure)?;
            Some(("body", serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
        }
        (Entry::Claimed { text, attempt, .. }, Some(key)) => {
            Some(("text", Value::String(text_of(key, ntf, *attempt, text)?)))
        }
        (Entry::EventRefused { body, .. }, _) if reveal => {
            let bytes = ledger
                .vault()
                .open_own(&intake::body_place(ntf), body)
                .map_err(start::ledger_failure)?;
            Some(("body", Value::String(String::from_utf8_lossy(&bytes).into_owned())))
        }
        _ => None,
    };
    if let Some(object) = value.as_object_mut() {
        for field in ["body", "text"] {
            if object.contains_key(field) {
                object.insert(
                    field.to_owned(),
                    Value::String("sealed (--reveal opens it)".to_owned()),
                );
            }
        }
        if let Some((field, opened)) = opened {
            object.insert(field.to_owned(), opened);
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

async fn balance(global: &Global, ledger: &Ledger, args: &BalanceArgs) -> Result<(), Failure> {
    let clinic = args.clinic.as_ref().map(schemas::ClinicId::as_str);
    let books = ledger.balance(clinic).await.map_err(start::ledger_failure)?;
    if global.json {
        say(balance_json(&books))?;
    } else {
        for line in balance_lines(&books) {
            say(line)?;
        }
    }
    if books.balances() {
        return Ok(());
    }
    Err(anyhow!(
        "the books do not balance: gap {}, open {} with {} due times ({} astray), {} notifications disagree with their records",
        books.gap(),
        books.open,
        books.due_rows,
        books.astray,
        books.disagreeing
    )
    .into())
}

fn balance_json(books: &Balance) -> Value {
    let states: serde_json::Map<String, Value> =
        books.states.iter().map(|(state, n)| (state.clone(), json!(n))).collect();
    json!({
        "received": books.received,
        "states": states,
        "open": books.open,
        "gap": books.gap(),
        "duplicates": books.duplicates,
        "sent_twice": books.sent_twice,
        "due_rows": books.due_rows,
        "astray": books.astray,
        "disagreeing": books.disagreeing,
        "balances": books.balances(),
    })
}

fn balance_lines(books: &Balance) -> Vec<String> {
    let mut lines = vec![format!("{:<16}{:>10}", "received", books.received)];
    lines.extend(
        books
            .states
            .iter()
            .filter(|(_, n)| *n > 0)
            .map(|(state, n)| format!("  {state:<14}{n:>10}")),
    );
    lines.push(format!("{:<16}{:>10}", "duplicates", books.duplicates));
    lines.push(format!("{:<16}{:>10}", "sent twice", books.sent_twice));
    let word = if books.balances() { "the books balance" } else { "THE BOOKS DO NOT BALANCE" };
    lines.push(format!("gap {}: {word}", books.gap()));
    lines
}

/// RFC 3339 in UTC, for machines.
pub(super) fn instant(ms: i64) -> String {
    at(ms).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Wall clock of Türkiye, for people; the zone is in the text.
pub(super) fn local(ms: i64) -> String {
    at(ms).with_timezone(&Istanbul).format("%Y-%m-%d %H:%M:%S%:z").to_string()
}

fn at(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap_or_default()
}
