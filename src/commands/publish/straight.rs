//! `ulak publish` without a broker: straight into the ledger, where `ulak up` or a worker notices it at once.

use anyhow::{Context as _, anyhow};
use ledger::door::{TakeIn, Taken};
use ledger::refused::RefusedEvent;
use ledger::{Ledger, intake};
use scheduler::facts::Told;
use schemas::{ClinicId, Incoming, Refusal, Rule};

use super::Event;
use crate::commands::{Failure, Settings, runtime, say};
use crate::start;

/// What records name as the place that these events came from.
const VIA: &str = "ulak publish";
/// Why a row waits that was just taken in: the worker decides about it.
const WHY: &str = "new";
/// Events that are taken in together: all of them or none.
const SLICE: usize = 500;

/// Takes events in, or records that they were refused. They are durable before their lines are printed.
///
/// # Errors
/// The ledger is not there or does not answer, or an id stands for another event.
pub(super) fn publish(settings: &Settings, events: &[Event], json: bool) -> Result<(), Failure> {
    let told = start::ledger_settings(&settings.config, "publish", 2)?;
    runtime()?.block_on(async {
        let said = start::Said::by(&settings.config);
        let ledger = Ledger::open(&told).await.map_err(|error| said.ledger_failure(error))?;
        let done = take_in(&ledger, settings, events, json).await;
        ledger.close().await;
        done
    })
}

async fn take_in(
    ledger: &Ledger,
    settings: &Settings,
    events: &[Event],
    json: bool,
) -> Result<(), Failure> {
    let (mut done, mut refused) = (0, 0);
    for slice in events.chunks(SLICE) {
        let mut items = vec![];
        let (mut bad, told) = facts(ledger, settings, slice).await?;
        for (event, told) in &told {
            report_fact(event, told, json)?;
        }
        done += told.len();
        for event in slice.iter().filter(|event| !event.is_fact()) {
            match read(ledger, settings, event)? {
                Ok(item) => items.push((event, item)),
                Err(refusal) => bad.push((event, refusal)),
            }
        }
        let (names, items): (Vec<&Event>, Vec<TakeIn>) = items.into_iter().unzip();
        let taken = ledger.take_in_all(&items).await.map_err(start::ledger_failure)?;
        if let Some(index) = taken.iter().position(|taken| *taken == Taken::IdReused) {
            let name = names[index].name();
            return Err(anyhow!(
                "{name}: its id stands for another event already (id-reused); {done} of {} events were taken in, the rest was not: give it an id of its own and publish the file again, what is there is known by its id",
                events.len()
            )
            .into());
        }
        for (event, taken) in names.iter().zip(&taken) {
            report(
                event,
                if *taken == Taken::New { "taken in" } else { "known already" },
                None,
                json,
            )?;
        }
        done += taken.len();
        let records: Vec<RefusedEvent> = bad.iter().map(|(_, (bad, _))| bad.clone()).collect();
        if !records.is_empty() {
            ledger.refuse(&records).await.map_err(start::ledger_failure)?;
        }
        for (event, (record, refusal)) in &bad {
            report(event, "refused", Some((record, refusal)), json)?;
        }
        refused += bad.len();
    }
    if refused == 0 {
        return Ok(());
    }
    Err(anyhow!(
        "{refused} of {} events were refused, as a worker would have; `ulak dead-letter list` shows them",
        events.len()
    )
    .into())
}

/// What becomes of the facts among these events: those that were refused, and the others.
async fn facts<'a>(
    ledger: &Ledger,
    settings: &Settings,
    events: &'a [Event],
) -> Result<(Vec<(&'a Event, (RefusedEvent, Refusal))>, Vec<(&'a Event, Told)>), Failure> {
    let applier = start::applier(&settings.config, &settings.registry, ledger);
    let (mut named, mut facts, mut bad) = (vec![], vec![], vec![]);
    for event in events.iter().filter(|event| event.is_fact()) {
        let key = Some(event.routing_key.as_str());
        match settings.registry.read_fact(&event.body, key, &|id| applier.knows(id)) {
            Ok(fact) => {
                named.push(event);
                facts.push(fact);
            }
            Err(refusal) => bad.push((event, refusal)),
        }
    }
    let mut told = vec![];
    for (event, answer) in named.into_iter().zip(applier.apply(&facts, VIA).await) {
        match answer.map_err(start::ledger_failure)? {
            Told::Refused(refusal) => bad.push((event, refusal)),
            answer => told.push((event, answer)),
        }
    }
    let bad: Result<Vec<_>, Failure> = bad
        .into_iter()
        .map(|(event, refusal)| Ok((event, (refused(ledger, settings, event, &refusal)?, refusal))))
        .collect();
    Ok((bad?, told))
}

/// Reads one event as a worker would.
fn read(
    ledger: &Ledger,
    settings: &Settings,
    event: &Event,
) -> Result<Result<TakeIn, (RefusedEvent, Refusal)>, Failure> {
    let clinics = &settings.config.clinics;
    let knows = |id: &str| ClinicId::parse(id).is_ok_and(|id| clinics.contains_key(&id));
    let refusal = match settings.registry.read(&event.body, Some(&event.routing_key), &knows) {
        Ok(Incoming::Event(read)) => {
            let event_type =
                settings.registry.get(&read.event_type).context("its type vanished meanwhile")?;
            let gap = clinics.get(&read.clinic).map_or_else(Default::default, |c| c.min_gap);
            let gap_ms = start::delta(gap).num_milliseconds();
            let vault = ledger.vault();
            return Ok(Ok(TakeIn::new(vault, *read, event_type, gap_ms, VIA, WHY)));
        }
        // only Ulak itself releases
        Ok(Incoming::Reference(reference)) => Refusal {
            rule: Rule::Envelope,
            path: "/ulakrelease".to_owned(),
            source: Some(reference.source),
            id: Some(reference.id),
            holds_person: false,
        },
        Err(refusal) => refusal,
    };
    Ok(Err((refused(ledger, settings, event, &refusal)?, refusal)))
}

/// The record of a refused event.
fn refused(
    ledger: &Ledger,
    settings: &Settings,
    event: &Event,
    refusal: &Refusal,
) -> Result<RefusedEvent, Failure> {
    let clinic = refusal.source.as_deref().and_then(|source| ClinicId::of_source(source).ok());
    let clinic = clinic.filter(|clinic| settings.config.clinics.contains_key(clinic));
    let (registry, key) = (&settings.registry, &event.routing_key);
    let event_type = registry.get(key).map(|t| t.name.as_str());
    let event_type = event_type.or_else(|| registry.fact(key).map(|t| t.name.as_str()));
    intake::refused(
        ledger.vault(),
        (VIA, "", &event.body),
        refusal,
        clinic.as_ref().map_or("", ClinicId::as_str),
        event_type.unwrap_or_default(),
    )
    .map_err(start::ledger_failure)
}

/// One line for a fact: what became of it, under which id it is found, and what follows from it.
fn report_fact(event: &Event, told: &Told, json: bool) -> std::io::Result<()> {
    let made = told.made();
    let (fate, why, cancelled): (_, _, &[String]) = match told {
        Told::Applied { cancelled, .. } => ("applied", None, cancelled),
        Told::Stale { why, .. } => ("stale", Some(*why), &[]),
        // refused ones are told with the other refused events
        Told::Duplicate { .. } | Told::Refused(_) => ("known already", None, &[]),
    };
    if json {
        return say(serde_json::json!({
            "fate": fate,
            "routing_key": event.routing_key,
            "id": event.id,
            "source": event.source,
            "fact": event.known_as(),
            "reason": why,
            "made": made,
            "cancelled": cancelled,
        }));
    }
    let follows = match why {
        Some(why) => format!(" ({why})"),
        None if fate == "applied" => {
            format!(": {} planned, {} cancelled", made.len(), cancelled.len())
        }
        None => String::new(),
    };
    say(format_args!(
        "{fate}: {} as {}, {}{follows}",
        event.name(),
        event.routing_key.escape_debug(),
        event.known_as().unwrap_or_default()
    ))
}

/// One line for each event: what became of it, and under which id it is found.
fn report(
    event: &Event,
    fate: &str,
    refused: Option<(&RefusedEvent, &Refusal)>,
    json: bool,
) -> std::io::Result<()> {
    let ntf = match refused {
        Some((record, _)) => record.ntf.clone(),
        None => event.known_as().unwrap_or_default(),
    };
    if json {
        return say(serde_json::json!({
            "fate": fate,
            "routing_key": event.routing_key,
            "id": event.id,
            "source": event.source,
            "notification": ntf,
            "rule": refused.map(|(_, refusal)| refusal.rule.as_str()),
            "path": refused.map(|(_, refusal)| refusal.path.as_str()),
        }));
    }
    let why = refused.map(|(_, refusal)| format!(": {refusal}")).unwrap_or_default();
    say(format_args!(
        "{fate}: {} as {}, {ntf}{why}",
        event.name(),
        event.routing_key.escape_debug()
    ))
}
