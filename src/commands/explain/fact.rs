//! The story of one fact: whether it counts, and what followed from it.

use ledger::facts::FactRow;
use ledger::record::Entry;
use serde_json::{Value, json};

use super::words;
use crate::cli::records::{RevealArgs, Tongue};
use crate::commands::desk::{Desk, instant, local};
use crate::commands::{Failure, say};
use crate::start;

/// Tells it.
pub(super) async fn tell(
    desk: &Desk,
    row: &FactRow,
    tongue: Tongue,
    reveal: &RevealArgs,
) -> Result<(), Failure> {
    // the record of who looks comes before what is looked at, and is part of the story that is told
    let opened = desk.reveal_fact(reveal, &row.clinic, &row.id).await?;
    let verdict = words::fact_verdict(tongue, &row.state, &row.why);
    let frame = words::frame(tongue);
    let mut steps: Vec<Value> = vec![];
    if !desk.json {
        say(format_args!(
            "{}  {}  {} {}  {} {}",
            row.id, row.fact_type, frame.clinic, row.clinic, frame.event, row.event_id
        ))?;
        say(&verdict)?;
    }
    for record in desk.ledger.records(&row.id).await.map_err(start::ledger_failure)? {
        let said = words::sentence(tongue, &record.entry);
        let body = if opened { desk.fact_body(&row.id, &record.entry).await? } else { None };
        let (plan, cancelled) = match &record.entry {
            Entry::FactApplied { plan, cancelled, .. } => (&plan[..], &cancelled[..]),
            _ => (&[][..], &[][..]),
        };
        let plan: Vec<String> = plan.iter().map(|line| words::planned(tongue, line)).collect();
        if desk.json {
            steps.push(json!({
                "at": instant(record.at), "kind": record.entry.kind(), "said": said, "plan": plan,
                "cancelled": cancelled, "body": body,
            }));
            continue;
        }
        say(format_args!("  {}  {said}", local(record.at)))?;
        for line in plan {
            say(format_args!("      {line}"))?;
        }
        for ntf in cancelled {
            say(format_args!("      - {ntf}"))?;
        }
        if let Some(body) = body {
            say(format_args!("      {}: {body}", frame.body))?;
        }
    }
    if desk.json {
        say(json!({
            "fact": row.id, "clinic": row.clinic, "type": row.fact_type, "source": row.source, "id": row.event_id,
            "state": row.state, "why": row.why, "verdict": verdict, "steps": steps,
        }))?;
    }
    Ok(())
}
