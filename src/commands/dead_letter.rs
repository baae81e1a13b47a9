//! `ulak dead-letter …`: what was refused or given up, from the ledger only; put back or dropped by a person, on the record.

pub(super) mod forecast;

use anyhow::anyhow;
use forecast::{Forecast, Forecaster};
use ledger::dead::Act;
use ledger::record::Entry;
use ledger::report::{ListFilter, Listed};
use ledger::state::State;
use scheduler::facts::Told;
use serde_json::{Value, json};

use super::desk::{Desk, instant, local, with_ledger};
use super::{Failure, explain, say};
use crate::cli::Global;
use crate::cli::dead_letter::{ActArgs, DeadLetterCommand, Filter, ListArgs};
use crate::{operator, start};

/// Runs the command.
///
/// # Errors
/// The ledger is not there, there is no such dead letter, or not everything that was asked for could be done.
pub fn run(global: &Global, command: &DeadLetterCommand) -> Result<(), Failure> {
    with_ledger(global, async |desk| match command {
        DeadLetterCommand::List(args) => list(desk, args).await,
        DeadLetterCommand::Show(args) => {
            let row = desk.find(args.id.as_str()).await?;
            if row.state != State::DeadLettered {
                return Err(anyhow!(
                    "{} is no dead letter but {}; `ulak log explain` tells more",
                    row.ntf,
                    row.state
                )
                .into());
            }
            explain::one(desk, args).await
        }
        DeadLetterCommand::Replay(args) => replay(desk, args).await,
        DeadLetterCommand::Drop(args) => drop_letters(desk, args).await,
    })
}

async fn list(desk: &Desk, args: &ListArgs) -> Result<(), Failure> {
    for row in chosen(desk, &args.filter, !args.all).await? {
        let (rule, path) = reason(desk, &row).await?;
        if desk.json {
            say(line_json(&row, &rule, &path))?;
        } else {
            let place = if path.is_empty() { "the body" } else { &path };
            say(format_args!(
                "{} {:<20} at {place}  clinic {}  {}",
                local(row.created_at),
                rule,
                or_dash(&row.clinic),
                row.ntf
            ))?;
        }
    }
    Ok(())
}

/// The dead letters of a filter, newest first.
async fn chosen(desk: &Desk, filter: &Filter, unhandled: bool) -> Result<Vec<Listed>, Failure> {
    let now = desk.ledger.clock().now_ms();
    let filter = ListFilter {
        state: Some(State::DeadLettered),
        rule: filter.rule.clone(),
        clinic: filter.clinic.as_ref().map(|clinic| clinic.as_str().to_owned()),
        since: filter.since.map(|moment| moment.ms(now)),
        event_type: desk.event_type(filter.event_type.as_deref())?,
        limit: i64::from(filter.limit),
        unhandled,
        ..ListFilter::default()
    };
    desk.ledger.list(&filter).await.map_err(start::ledger_failure)
}

/// Those that a command is to act on: by id, or by filter.
async fn meant(desk: &Desk, args: &ActArgs) -> Result<Vec<Listed>, Failure> {
    if args.ids.is_empty() {
        return chosen(desk, &args.filter, true).await;
    }
    let mut rows = Vec::with_capacity(args.ids.len());
    for id in &args.ids {
        let row = desk.find(id.as_str()).await?;
        if !rows.iter().any(|known: &Listed| known.ntf == row.ntf) {
            rows.push(row);
        }
    }
    Ok(rows)
}

async fn replay(desk: &Desk, args: &ActArgs) -> Result<(), Failure> {
    let rows = meant(desk, args).await?;
    let forecaster = Forecaster::new(desk).await?;
    let (mut possible, mut done) = (0, 0);
    for row in &rows {
        let forecast = forecaster.of(row).await?;
        possible += usize::from(forecast.is_possible());
        let mut acted = None;
        if let Some(why) = &args.reason
            && forecast.is_possible()
        {
            let who = operator::name();
            acted = Some(put_back(desk, row, &forecast, Act { who: &who, why }).await?);
            done += usize::from(acted == Some(true));
        }
        tell(desk, row, &forecast, acted)?;
    }
    end(desk, "replayed", (rows.len(), possible, done), args)
}

/// Does what was foreseen. `false`: somebody else was faster.
async fn put_back(
    desk: &Desk,
    row: &Listed,
    forecast: &Forecast,
    act: Act<'_>,
) -> Result<bool, Failure> {
    let ledger = &desk.ledger;
    let done = match forecast {
        Forecast::Replay { .. } => {
            ledger.replay(std::slice::from_ref(&row.ntf), act).await.map(|done| !done.is_empty())
        }
        Forecast::TakeIn { event, gap_ms, .. } => {
            let Some(event_type) = desk.settings.registry.get(&event.event_type) else {
                return Ok(false);
            };
            let via = format!("replay of {}", row.ntf);
            let why = "taken in after a refusal";
            // the mark comes second: after a crash between the two the next replay finds the notification and marks it then
            ledger
                .take_in(event, event_type, *gap_ms, &via, why)
                .await
                .map_err(start::ledger_failure)?;
            ledger.mark_taken_in(&row.ntf, event.ntf().as_str(), act).await
        }
        Forecast::Apply { fact, .. } => {
            let via = format!("replay of {}", row.ntf);
            let told = desk.applier().apply(std::slice::from_ref(fact.as_ref()), &via).await.pop();
            match told.transpose().map_err(start::ledger_failure)? {
                Some(Told::Applied { fact, .. } | Told::Duplicate { fact }) => {
                    ledger.mark_taken_in(&row.ntf, &fact, act).await
                }
                _ => Ok(false),
            }
        }
        Forecast::Known { ntf, .. } => ledger.mark_taken_in(&row.ntf, ntf, act).await,
        Forecast::Not { .. } => Ok(false),
    };
    done.map_err(start::ledger_failure)
}

fn tell(
    desk: &Desk,
    row: &Listed,
    forecast: &Forecast,
    acted: Option<bool>,
) -> Result<(), Failure> {
    let (would, said, into) = (forecast.word(), forecast.said(), forecast.becomes());
    if desk.json {
        let line = json!({
            "ntf": row.ntf, "clinic": row.clinic, "type": row.event_type, "why": row.why,
            "would": would, "said": said, "into": into, "done": acted == Some(true),
        });
        return Ok(say(line)?);
    }
    let head = match acted {
        Some(true) => "done",
        Some(false) => "not done, somebody was faster",
        None if would == "nothing" => "stays",
        None => "would",
    };
    Ok(say(format_args!("{}  ({})  {head}: {said}", row.ntf, row.why))?)
}

async fn drop_letters(desk: &Desk, args: &ActArgs) -> Result<(), Failure> {
    let rows = meant(desk, args).await?;
    let (mut possible, mut done) = (0, 0);
    for row in &rows {
        let is_dead = row.state == State::DeadLettered;
        possible += usize::from(is_dead);
        let mut dropped = false;
        if let Some(why) = &args.reason {
            let who = operator::name();
            let act = Act { who: &who, why };
            let marked = desk.ledger.drop_dead_letters(std::slice::from_ref(&row.ntf), act).await;
            dropped = !marked.map_err(start::ledger_failure)?.is_empty();
            done += usize::from(dropped);
        }
        let said = match (is_dead, args.yes, dropped) {
            (false, _, _) => format!("stays: it is no dead letter but {}", row.state),
            (_, _, true) => "dropped: it leaves the lists and stays in the books".to_owned(),
            (_, true, _) => "stays: somebody has looked after it before".to_owned(),
            _ => "would be dropped: it leaves the lists and stays in the books".to_owned(),
        };
        if desk.json {
            say(json!({ "ntf": row.ntf, "why": row.why, "said": said, "done": dropped }))?;
        } else {
            say(format_args!("{}  ({})  {said}", row.ntf, row.why))?;
        }
    }
    end(desk, "dropped", (rows.len(), possible, done), args)
}

/// The last line; an act that did not do everything is a failure.
fn end(
    desk: &Desk,
    verb: &str,
    (all, possible, done): (usize, usize, usize),
    args: &ActArgs,
) -> Result<(), Failure> {
    let limit = usize::try_from(args.filter.limit).unwrap_or(usize::MAX);
    if args.ids.is_empty() && all >= limit && !desk.json {
        say(format_args!("These are the newest {limit}; there may be more: --limit N."))?;
    }
    if !args.yes {
        if !desk.json {
            say(format_args!(
                "{possible} of {all} would be {verb}. Nothing was done: add --yes --reason '…' to do it."
            ))?;
        }
        return Ok(());
    }
    if done == all {
        return if desk.json { Ok(()) } else { Ok(say(format_args!("{done} {verb}."))?) };
    }
    Err(anyhow!("{done} of {all} were {verb}; why the others were not stands above").into())
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

async fn reason(desk: &Desk, row: &Listed) -> Result<(String, String), Failure> {
    if row.ntf.starts_with("bad_") {
        for record in desk.ledger.records(&row.ntf).await.map_err(start::ledger_failure)? {
            if let Entry::EventRefused { rule, path, .. } = record.entry {
                return Ok((rule, path));
            }
        }
    }
    Ok((row.why.clone(), String::new()))
}

fn line_json(row: &Listed, rule: &str, path: &str) -> Value {
    json!({
        "ntf": row.ntf, "clinic": row.clinic, "type": row.event_type, "rule": rule, "path": path,
        "received_at": instant(row.created_at),
    })
}
