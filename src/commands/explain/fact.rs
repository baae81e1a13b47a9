//! The story of one fact: whether it counts, and what followed from it.

use ledger::facts::FactRow;
use serde_json::{Value, json};
use story::FactStory;

use super::spoken;
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
    let tongue = spoken(tongue);
    let story = FactStory::of(&desk.ledger, row, tongue).await.map_err(start::ledger_failure)?;
    let frame = story::frame(tongue);
    let mut steps: Vec<Value> = vec![];
    if !desk.json {
        say(format_args!(
            "{}  {}  {} {}  {} {}",
            row.id, row.fact_type, frame.clinic, row.clinic, frame.event, row.event_id
        ))?;
        say(&story.verdict)?;
    }
    for step in &story.steps {
        let body = if opened { desk.fact_body(&row.id, &step.entry).await? } else { None };
        if desk.json {
            steps.push(json!({
                "at": instant(step.at), "kind": step.entry.kind(), "said": step.said, "plan": step.plan,
                "cancelled": step.cancelled(), "body": body,
            }));
            continue;
        }
        say(format_args!("  {}  {}", local(step.at), step.said))?;
        for line in &step.plan {
            say(format_args!("      {line}"))?;
        }
        for ntf in step.cancelled() {
            say(format_args!("      - {ntf}"))?;
        }
        if let Some(body) = body {
            say(format_args!("      {}: {body}", frame.body))?;
        }
    }
    if desk.json {
        say(json!({
            "fact": row.id, "clinic": row.clinic, "type": row.fact_type, "source": row.source, "id": row.event_id,
            "state": row.state, "why": row.why, "verdict": story.verdict, "steps": steps,
        }))?;
    }
    Ok(())
}
