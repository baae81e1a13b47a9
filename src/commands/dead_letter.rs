//! `ulak dead-letter …`: what was refused or given up, from the ledger only.

use ledger::Ledger;
use ledger::record::Entry;
use ledger::report::{ListFilter, Listed};
use ledger::state::State;
use serde_json::{Value, json};

use super::log::{find, instant, local, with_ledger};
use super::{Failure, explain, say};
use crate::cli::Global;
use crate::cli::records::{DeadLetterCommand, DeadLetterListArgs};
use crate::start;

/// Runs the command.
///
/// # Errors
/// The ledger is not there, or there is no such dead letter.
pub fn run(global: &Global, command: &DeadLetterCommand) -> Result<(), Failure> {
    with_ledger(global, async |ledger| match command {
        DeadLetterCommand::List(args) => list(global, &ledger, args).await,
        DeadLetterCommand::Show(args) => {
            let row = find(&ledger, args.id.as_str()).await?;
            if row.state != State::DeadLettered {
                let problem = anyhow::anyhow!(
                    "{} is no dead letter but {}; `ulak log explain` tells more",
                    row.ntf,
                    row.state
                );
                return Err(problem.into());
            }
            explain::run(global, &ledger, args).await
        }
    })
}

async fn list(global: &Global, ledger: &Ledger, args: &DeadLetterListArgs) -> Result<(), Failure> {
    let filter = ListFilter {
        state: Some(State::DeadLettered),
        limit: i64::from(args.limit),
        ..ListFilter::default()
    };
    for row in ledger.list(&filter).await.map_err(start::ledger_failure)? {
        let (rule, path) = reason(ledger, &row).await?;
        if args.rule.as_ref().is_some_and(|wanted| *wanted != rule) {
            continue;
        }
        if global.json {
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

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

async fn reason(ledger: &Ledger, row: &Listed) -> Result<(String, String), Failure> {
    for record in ledger.records(&row.ntf).await.map_err(start::ledger_failure)? {
        if let Entry::EventRefused { rule, path, .. } = record.entry {
            return Ok((rule, path));
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
