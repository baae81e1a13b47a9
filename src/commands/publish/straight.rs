//! `ulak publish` without a broker: straight into the ledger, where `ulak up` or a worker notices it at once.

use anyhow::{Context as _, anyhow};
use ledger::door::{TakeIn, Taken};
use ledger::refused::RefusedEvent;
use ledger::{Ledger, intake};
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
        let ledger = Ledger::open(&told).await.map_err(start::ledger_failure)?;
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
        let mut bad = vec![];
        for event in slice {
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
    let clinic = refusal.source.as_deref().and_then(|source| ClinicId::of_source(source).ok());
    let clinic = clinic.filter(|clinic| clinics.contains_key(clinic));
    let event_type = settings.registry.get(&event.routing_key).map_or("", |t| t.name.as_str());
    let record = intake::refused(
        ledger.vault(),
        (VIA, "", &event.body),
        &refusal,
        clinic.as_ref().map_or("", ClinicId::as_str),
        event_type,
    )
    .map_err(start::ledger_failure)?;
    Ok(Err((record, refusal)))
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
        None => event.ntf().map(|ntf| ntf.as_str().to_owned()).unwrap_or_default(),
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
