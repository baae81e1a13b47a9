//! `ulak schedule show`: what facts planned and skipped, and what became of each notification.

use std::collections::BTreeMap;

use anyhow::anyhow;
use chrono_tz::Tz;
use ledger::find::By;
use ledger::look::{Keys, SeenAppointment};
use ledger::planned::SeenFact;
use ledger::record::{Entry, Planned};
use ledger::report::Listed;
use serde_json::{Value, json};

use super::{MOST, nothing_about, of_appointment, short, wall_ms, zone_of};
use crate::cli::schedule::{Named, ShowArgs};
use crate::commands::desk::{Desk, instant, local};
use crate::commands::{Failure, say};
use crate::start;

/// All that is known about one appointment, or about what a receipt is about.
#[derive(Default)]
struct Plan {
    /// Keyed hash of the appointment, or of the thing.
    about: Option<String>,
    /// Oldest first.
    facts: Vec<SeenFact>,
    /// Oldest first.
    rows: Vec<Listed>,
}

/// Runs the command.
///
/// # Errors
/// Nothing is known about it, or the ledger does not answer.
pub(super) async fn run(desk: &Desk, args: &ShowArgs) -> Result<(), Failure> {
    let mut plan = match (&args.id, &args.appointment, &args.clinic) {
        (Some(Named::Notification(ntf)), ..) => of_notification(desk, ntf.as_str()).await?,
        (Some(Named::Fact(fact)), ..) => of_fact(desk, fact.as_str()).await?,
        (None, Some(id), Some(clinic)) => {
            let (key, rows) = of_appointment(desk, clinic, id).await?;
            Plan { about: Some(key), rows, ..Plan::default() }
        }
        _ => return Err(anyhow!("say whose plan: an id, or --appointment with --clinic").into()),
    };
    if let Some(about) = &plan.about {
        plan.facts = desk.ledger.facts_about(about).await.map_err(start::ledger_failure)?;
    }
    if plan.facts.is_empty()
        && plan.rows.is_empty()
        && let (Some(id), Some(clinic)) = (&args.appointment, &args.clinic)
    {
        return Err(nothing_about(desk, clinic, id));
    }
    let clinic = plan.rows.first().map(|row| row.clinic.clone());
    let clinic = clinic.or_else(|| args.clinic.as_ref().map(|id| id.as_str().to_owned()));
    let zone = zone_of(&desk.settings.config, clinic.as_deref().unwrap_or_default());
    tell(desk, &plan, zone).await
}

/// What one notification is about, with everything else about it.
async fn of_notification(desk: &Desk, ntf: &str) -> Result<Plan, Failure> {
    let row = desk.find(ntf).await?;
    let about = desk.ledger.about(ntf).await.map_err(start::ledger_failure)?;
    let Some(about) = about.and_then(|about| about.appointment.or(about.thing)) else {
        return Ok(Plan { rows: vec![row], ..Plan::default() });
    };
    let rows = rows_about(desk, &about).await?;
    Ok(Plan { rows, about: Some(about), ..Plan::default() })
}

async fn of_fact(desk: &Desk, fact: &str) -> Result<Plan, Failure> {
    let about = desk.ledger.about_of_fact(fact).await.map_err(start::ledger_failure)?;
    let Some(about) = about else {
        return Err(anyhow!(
            "{fact} is not in this ledger; a fact that was refused is in `ulak dead-letter list`"
        )
        .into());
    };
    let Some(about) = about else {
        return Err(anyhow!(
            "{fact} is in this ledger, and is about no appointment and no payment: it plans nothing"
        )
        .into());
    };
    let rows = rows_about(desk, &about).await?;
    Ok(Plan { rows, about: Some(about), ..Plan::default() })
}

/// Notifications of an appointment, or of a thing, by its keyed hash.
async fn rows_about(desk: &Desk, about: &str) -> Result<Vec<Listed>, Failure> {
    for by in [By::Appointment(about.to_owned()), By::Things(vec![about.to_owned()])] {
        let mut rows = desk.ledger.find_by(&by, MOST).await.map_err(start::ledger_failure)?;
        if !rows.is_empty() {
            rows.reverse();
            return Ok(rows);
        }
    }
    Ok(vec![])
}

async fn tell(desk: &Desk, plan: &Plan, zone: Tz) -> Result<(), Failure> {
    if let Some(known) = visit(desk, plan).await? {
        if desk.json {
            say(visit_json(&known))?;
        } else {
            say(visit_line(&known, zone))?;
        }
    }
    let rules = rules(&plan.facts);
    for fact in &plan.facts {
        if desk.json {
            say(fact_json(fact))?;
            continue;
        }
        for line in fact_lines(fact) {
            say(line)?;
        }
    }
    for row in &plan.rows {
        let rule = rules.get(row.ntf.as_str()).copied();
        if desk.json {
            say(row_json(row, rule))?;
        } else {
            say(row_line(row, rule, zone))?;
        }
    }
    Ok(())
}

/// The appointment as it is known.
async fn visit(desk: &Desk, plan: &Plan) -> Result<Option<SeenAppointment>, Failure> {
    let keys = Keys { appointment: plan.about.clone(), ..Keys::default() };
    let seen = desk.ledger.surroundings(&[keys]).await.map_err(start::ledger_failure)?;
    Ok(seen.into_iter().next().and_then(|seen| seen.appointment))
}

fn visit_json(known: &SeenAppointment) -> Value {
    json!({
        "visit": if known.cancelled { "cancelled" } else { "stands" },
        "starts_at": (known.starts_at > 0).then(|| instant(known.starts_at)),
        "version": known.version, "version_kind": known.version_kind, "from_fact": known.from_fact,
    })
}

fn visit_line(known: &SeenAppointment, zone: Tz) -> String {
    let begins = if known.starts_at > 0 {
        format!(", begins {}", wall_ms(known.starts_at, zone))
    } else {
        String::new()
    };
    let version = if known.version_kind == "explicit" {
        format!("version {}", known.version)
    } else {
        format!("as of {}", local(known.version))
    };
    let stands = if known.cancelled { "is cancelled" } else { "stands" };
    let from = if known.from_fact { "" } else { "; known from notifications only, no fact came" };
    format!("the visit {stands}{begins}, {version}{from}")
}

/// The rule by which each notification was planned.
fn rules(facts: &[SeenFact]) -> BTreeMap<&str, &str> {
    facts
        .iter()
        .flat_map(|fact| planned(fact).0)
        .filter_map(|one| Some((one.ntf.as_deref()?, one.rule.as_str())))
        .collect()
}

/// What a fact planned and what it cancelled.
fn planned(fact: &SeenFact) -> (&[Planned], &[String]) {
    match &fact.entry {
        Some(Entry::FactApplied { plan, cancelled, .. }) => (plan, cancelled),
        _ => (&[], &[]),
    }
}

/// Where a fact came from.
fn via(fact: &SeenFact) -> &str {
    match &fact.entry {
        Some(Entry::FactApplied { via, .. } | Entry::FactStale { via, .. }) => via,
        _ => "?",
    }
}

fn fact_json(fact: &SeenFact) -> Value {
    let (plan, cancelled) = planned(fact);
    json!({
        "fact": fact.id, "type": fact.fact_type, "id": fact.event_id, "state": fact.state,
        "why": Some(&fact.why).filter(|why| !why.is_empty()), "via": via(fact), "at": instant(fact.at),
        "plan": plan.iter().map(|one| json!({
            "rule": one.rule, "ntf": one.ntf, "at": one.at.map(instant), "wall": one.wall, "skipped": one.skipped,
        })).collect::<Vec<_>>(),
        "cancelled": cancelled,
    })
}

/// A fact, and below it what came of each rule.
fn fact_lines(fact: &SeenFact) -> Vec<String> {
    let (plan, cancelled) = planned(fact);
    let why = if fact.why.is_empty() { String::new() } else { format!(" ({})", fact.why) };
    let mut lines = vec![format!(
        "{}  {} {}{why} from {}, {}",
        local(fact.at),
        short(&fact.fact_type),
        fact.state,
        via(fact),
        fact.id
    )];
    for one in plan {
        let what = match (&one.skipped, one.at) {
            (Some(why), _) => format!("skipped: {}", skipped(why)),
            (None, at) => {
                let wall = one.wall.clone().map(|wall| wall.replacen('T', " ", 1));
                let wall = wall.or(at.map(local)).unwrap_or_else(|| "at once".to_owned());
                format!("{wall}  {}", one.ntf.as_deref().unwrap_or("kept"))
            }
        };
        lines.push(format!("    {:<12} {what}", one.rule));
    }
    lines.extend(cancelled.iter().map(|ntf| format!("    cancelled    {ntf}")));
    lines
}

/// Why a rule of a plan is skipped, for people.
pub(super) fn skipped(why: &str) -> String {
    let means = match why {
        "too-late" => "its moment had passed when the fact came",
        "quiet-hours" => "its moment is in quiet hours, and no other place is left",
        "too-close" => "another reminder of this visit goes out within the clinic's gap",
        "appointment-past" => "the visit has begun",
        _ => return why.to_owned(),
    };
    format!("{why} ({means})")
}

fn row_json(row: &Listed, rule: Option<&str>) -> Value {
    json!({
        "ntf": row.ntf, "type": row.event_type, "id": row.event_id, "rule": rule, "state": row.state, "why": row.why,
        "attempts": row.attempts, "due_at": row.due_at.map(instant), "changed_at": instant(row.changed_at), "lane": row.lane,
    })
}

fn row_line(row: &Listed, rule: Option<&str>, zone: Tz) -> String {
    let why = if row.why.is_empty() { String::new() } else { format!(" ({})", row.why) };
    let when = match row.due_at {
        Some(due) => format!("due {}", wall_ms(due, zone)),
        None => format!("since {}", wall_ms(row.changed_at, zone)),
    };
    format!(
        "{}  {} {:<12} {}{why}, {when}",
        row.ntf,
        short(&row.event_type),
        rule.unwrap_or("direct"),
        row.state
    )
}

#[cfg(test)]
mod tests {
    use ledger::state::State;

    use super::*;

    const NTF: &str = "ntf_aaaaaaaaaaaaaaaaaaaaaaaaaa";
    const NINE: i64 = 1_795_327_200_000;

    fn fact() -> SeenFact {
        let plan = vec![
            Planned {
                rule: "24h".to_owned(),
                ntf: Some(NTF.to_owned()),
                at: Some(NINE),
                wall: Some("2026-11-22T09:00:00 Europe/Istanbul".to_owned()),
                skipped: None,
            },
            Planned {
                rule: "2h".to_owned(),
                ntf: None,
                at: None,
                wall: None,
                skipped: Some("quiet-hours".to_owned()),
            },
        ];
        SeenFact {
            id: "fct_aaaaaaaaaaaaaaaaaaaaaaaaaa".to_owned(),
            fact_type: "clinic.appointment-booked.v1".to_owned(),
            event_id: "01JD".to_owned(),
            state: "applied".to_owned(),
            why: String::new(),
            at: NINE,
            entry: Some(Entry::FactApplied {
                fact_type: "clinic.appointment-booked.v1".to_owned(),
                source: "/clinics/atasehir".to_owned(),
                id: "01JD".to_owned(),
                digest: "d".to_owned(),
                person: None,
                body: "sealed".to_owned(),
                via: "http".to_owned(),
                plan,
                cancelled: vec!["ntf_b".to_owned()],
            }),
        }
    }

    #[test]
    fn a_fact_is_told_with_every_rule_and_why_it_is_skipped() {
        let lines = fact_lines(&fact());
        assert!(
            lines[0].contains("clinic.appointment-booked applied from http, fct_"),
            "{}",
            lines[0]
        );
        assert_eq!(
            lines[1].trim(),
            format!("24h          2026-11-22 09:00:00 Europe/Istanbul  {NTF}")
        );
        assert!(
            lines[2].contains("2h") && lines[2].contains("skipped: quiet-hours (its moment"),
            "{}",
            lines[2]
        );
        assert_eq!(lines[3].trim(), "cancelled    ntf_b");
        let json = fact_json(&fact());
        assert_eq!(
            (&json["plan"][0]["ntf"], &json["plan"][1]["skipped"]),
            (&NTF.into(), &"quiet-hours".into())
        );
        assert_eq!((&json["why"], &json["cancelled"][0]), (&Value::Null, &"ntf_b".into()));
        assert!(!json.to_string().contains("sealed"));
        assert_eq!(rules(&[fact()]).get(NTF), Some(&"24h"));
    }

    #[test]
    fn a_stale_fact_says_why_and_plans_nothing() {
        let stale = SeenFact {
            state: "stale".to_owned(),
            why: "older-version".to_owned(),
            entry: Some(Entry::FactStale {
                fact_type: "clinic.appointment-booked.v1".to_owned(),
                source: "/clinics/atasehir".to_owned(),
                id: "01JD".to_owned(),
                why: "older-version".to_owned(),
                via: "ulak.facts".to_owned(),
            }),
            ..fact()
        };
        let lines = fact_lines(&stale);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].contains("stale (older-version) from ulak.facts"), "{}", lines[0]);
    }

    #[test]
    fn a_notification_is_told_with_its_rule_and_when_it_is_due() {
        let row = Listed {
            ntf: NTF.to_owned(),
            clinic: "atasehir".to_owned(),
            event_type: "ulak.appointment-reminder.v1".to_owned(),
            event_id: "plan/A-1/1/24h".to_owned(),
            state: State::Waiting,
            why: "plan".to_owned(),
            attempts: 0,
            created_at: 0,
            changed_at: 0,
            due_at: Some(NINE),
            lane: Some("none".to_owned()),
            subject: None,
            expires_at: NINE,
            fence: 0,
        };
        let said = row_line(&row, Some("24h"), Tz::Europe__Istanbul);
        assert!(said.contains("appointment-reminder 24h"), "{said}");
        assert!(
            said.ends_with("waiting (plan), due 2026-11-22 09:00:00 Europe/Istanbul"),
            "{said}"
        );
        assert!(row_line(&row, None, Tz::Europe__Istanbul).contains("direct"));
        assert_eq!(row_json(&row, None)["rule"], Value::Null);
    }

    #[test]
    fn a_visit_is_told_with_what_stands_of_it() {
        let known = SeenAppointment {
            rev: 2,
            version: 3,
            version_kind: "explicit".to_owned(),
            starts_at: NINE,
            cancelled: false,
            from_fact: true,
        };
        assert_eq!(
            visit_line(&known, Tz::Europe__Istanbul),
            "the visit stands, begins 2026-11-22 09:00:00 Europe/Istanbul, version 3"
        );
        let gone = SeenAppointment { starts_at: 0, cancelled: true, ..known };
        assert_eq!(visit_line(&gone, Tz::Europe__Istanbul), "the visit is cancelled, version 3");
        assert_eq!(visit_json(&gone)["starts_at"], Value::Null);
    }
}
