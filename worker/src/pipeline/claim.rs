//! The claim: the one write before a request leaves.

use super::Halt;
use super::render::Letter;
use super::route::Route;
use super::validate::Work;
use crate::quiet::Quiet;
use crate::settings::Provider;
use crate::worker::Worker;
use chrono::{DateTime, TimeDelta, Utc};
use ledger::LedgerError;
use ledger::decision::{
    AppointmentBasis, AppointmentVersion, Claim as ClaimWrite, Claimed, Origin, PersonBasis,
};
use ledger::intake;
use ledger::protocol::Copy;
use ledger::record::{ConsentEvidence, Entry};
use ledger::slots::{SlotKind, SlotNeed};
use ledger::vault::random_id;
use providers::{FRESH_FOR, Freshness};
use schemas::Visit;
use std::time::Duration;

/// Longest span that a provider keeps trying, hours: Netgsm's `stopdate` (`facts/netgsm_iys.md` A1, A6 code 49), Twilio's
/// `ValidityPeriod` (`facts/twilio_turkeysms_smsala.md` A1). Meta is told none: it keeps a template for up to 30 days, as
/// its validity says at Meta (`facts/netgsm_iys.md` A8); what is recorded is what would be of use.
const fn longest_window_h(provider: Provider) -> i64 {
    match provider {
        Provider::Netgsm => 21,
        Provider::Twilio => 10,
        Provider::Whatsapp => 30 * 24,
    }
}

/// What became of a claim.
#[derive(Debug)]
pub enum Claim {
    /// The attempt is ours.
    Won(Box<Attempt>),
    /// Nothing was written.
    LookAgain(&'static str),
}

/// An attempt that is ours.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Its number.
    pub n: u32,
    /// Started before the claim statement left.
    pub fresh: Freshness,
    /// Until when the decision behind it holds.
    pub until: DateTime<Utc>,
    /// What the provider is told: not before.
    pub starts: DateTime<Utc>,
    /// What the provider is told: not after.
    pub stops: DateTime<Utc>,
    /// On what permission.
    pub consent: ConsentEvidence,
    /// The person's lookup hash, and its revision as decided on.
    pub person: (String, i64),
    /// The appointment's keyed hash, and its revision once the claim is written.
    pub appointment: Option<(String, i64)>,
}

/// Claims the next attempt.
///
/// # Errors
/// [`Halt`] if the ledger went away before anything was written.
pub async fn claim(
    worker: &Worker,
    work: &Work<'_>,
    route: &Route<'_>,
    letter: &Letter,
    consent: &ConsentEvidence,
    until: DateTime<Utc>,
    supersedes: Option<String>,
) -> Result<Claim, Halt> {
    let n = work.attempts + 1;
    let appointment = appointment_basis(work).map(|basis| (basis.key.clone(), basis.rev_after()));
    let (starts, stops) = window(worker, work, route.lane.provider);
    let token = random_id("clm_")?;
    let mut entries = vec![];
    if work.copy == Copy::First {
        entries.push(received(work)?);
    }
    entries.push(claimed(work, route, letter, consent, n, (starts, stops))?);
    let mut needs = vec![SlotNeed { key: work.keys.thing.clone(), kind: SlotKind::Thing }];
    needs.extend(work.keys.gap.clone().map(|key| SlotNeed { key, kind: SlotKind::Gap }));
    needs.extend(route.number_slot.clone().map(|key| SlotNeed { key, kind: SlotKind::Number }));
    let write = ClaimWrite {
        origin: origin(work),
        person: person_basis(worker, work),
        appointment: appointment_basis(work),
        until: until.timestamp_millis(),
        n,
        channel: channel(route).to_owned(),
        next_channel: next_channel(route),
        lane: route.lane.name.clone(),
        number: route.number.clone(),
        token: token.clone(),
        segments: letter.segments(),
        deadline_ms: deadline_ms(worker),
        needs,
        supersedes,
        entries,
    };
    // read before the statement leaves: what arrives later than 5 s after it is not sent (PROTOCOL rule 6)
    let fresh = Freshness::start();
    let won = Attempt {
        n,
        fresh,
        until,
        starts,
        stops,
        consent: consent.clone(),
        person: (work.keys.person.clone(), work.person.rev.max(1)),
        appointment,
    };
    let seen = worker.outage.count();
    match worker.asks.claim.ask(write).await {
        Ok(Claimed::Won) => {
            let now = worker.ledger.clock().now_ms();
            worker.consent_share.count(
                work.event.clinic.as_str(),
                &work.event.event_type,
                now,
                false,
            );
            Ok(Claim::Won(Box::new(won)))
        }
        Ok(Claimed::LookAgain(why)) => Ok(Claim::LookAgain(why)),
        Err(error @ LedgerError::Away(_)) => {
            // a look may succeed where no write does, such as on a full disk: others must not go on meanwhile
            worker.outage.met(seen, &error);
            in_doubt(worker, work, &token, won, error).await
        }
        Err(error) => Err(error.into()),
    }
}

/// PROTOCOL rule 7: the reply was lost. The delivery is kept until the ledger says whether the claim is there.
async fn in_doubt(
    worker: &Worker,
    work: &Work<'_>,
    token: &str,
    won: Attempt,
    error: LedgerError,
) -> Result<Claim, Halt> {
    tracing::warn!(ntf = work.ntf, %error, "claim in doubt: looking for it");
    let mut pause = Duration::from_millis(100);
    loop {
        let seen = worker.outage.count();
        match worker.ledger.find_claim(&work.ntf, token).await {
            // there: if it is too old by now, the send says so and writes `Failed(not sent)`
            Ok(Some(_)) => return Ok(Claim::Won(Box::new(won))),
            Ok(None) if won.fresh.too_old() => return Ok(Claim::LookAgain("its claim was lost")),
            // a commit may still be under way on the server; it is decided once the claim could not be used any more
            Ok(None) => {}
            Err(error) if error.is_away() => worker.outage.met(seen, &error),
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
    }
}

/// Longest time from the claim to the end of the request, milliseconds.
pub fn deadline_ms(worker: &Worker) -> i64 {
    i64::try_from((FRESH_FOR + worker.settings.request_deadline).as_millis()).unwrap_or(i64::MAX)
}

/// Name of the route's channel.
pub fn channel(route: &Route<'_>) -> &'static str {
    route.channel.as_str()
}

/// Name of the channel that may be tried after the route's.
pub fn next_channel(route: &Route<'_>) -> Option<String> {
    Some(route.next.as_ref()?.channel.as_str().to_owned())
}

/// What the provider is told: now, and the earlier of expiry and the start of quiet hours, so that nothing accepted at 19:55
/// arrives at 03:00.
fn window(worker: &Worker, work: &Work<'_>, provider: Provider) -> (DateTime<Utc>, DateTime<Utc>) {
    let now = worker.ledger.clock().now();
    let policy = &work.event_type.policy;
    let longest = TimeDelta::try_hours(longest_window_h(provider)).unwrap_or_default();
    let mut stops = work.event.expires_at(policy).min(now + longest);
    if let Some(hours) = work.clinic.quiet_hours.filter(|_| policy.quiet_hours)
        && let Quiet::From(start) = hours.at(now, work.clinic.face.zone)
    {
        stops = stops.min(start);
    }
    (now, stops)
}

/// What the worker holds, for the ledger.
pub fn origin(work: &Work<'_>) -> Origin {
    match work.copy {
        Copy::Numbered(fence) => Origin::Released { ntf: work.ntf.clone(), fence },
        Copy::First => {
            let gap_ms = work.clinic.min_gap.num_milliseconds();
            let row =
                intake::new_row(&work.event, work.event_type, &work.keys, &work.person.id, gap_ms);
            Origin::New(Box::new(row))
        }
    }
}

/// The person, as the decision saw it.
pub fn person_basis(worker: &Worker, work: &Work<'_>) -> PersonBasis {
    PersonBasis {
        id: work.person.id.clone(),
        clinic: work.event.clinic.as_str().to_owned(),
        lookup: work.keys.person.clone(),
        wrapped: work.person.wrapped.clone(),
        master: worker.ledger.vault().master_name().to_owned(),
        rev: work.person.rev,
    }
}

/// The appointment, as the decision saw it, and what this notification makes of it (PROTOCOL rule 12).
pub fn appointment_basis(work: &Work<'_>) -> Option<AppointmentBasis> {
    let (key, facts) = work.keys.appointment.clone().zip(work.event.appointment.as_ref())?;
    let known = work.seen.appointment.as_ref();
    let starts_at = facts.starts_at.timestamp_millis();
    let newer = known.is_none_or(|known| {
        !known.from_fact && facts.version.newer_than(&known.known_version()) == Some(true)
    });
    let (kind, version) = intake::version_parts(facts.version);
    // a notice of a cancellation books nothing: where no fact ever came, it is the tombstone itself
    let cancelled = work.event_type.policy.visit == Visit::Cancelled;
    let becomes = newer.then(|| AppointmentVersion {
        version,
        kind: kind.to_owned(),
        starts_at,
        cancelled,
        moved: known
            .is_some_and(|known| known.starts_at != starts_at || known.cancelled != cancelled),
    });
    let clinic = work.event.clinic.as_str().to_owned();
    Some(AppointmentBasis { key, clinic, rev: known.map_or(0, |known| known.rev), becomes })
}

/// The record that keeps the event's body, sealed.
///
/// # Errors
/// When there is no randomness.
pub fn received(work: &Work<'_>) -> Result<Entry, LedgerError> {
    intake::received(&work.event, &work.person.id, &work.person.key, &work.via)
}

/// The record of an attempt, with its exact text, sealed.
///
/// # Errors
/// When there is no randomness.
pub fn claimed(
    work: &Work<'_>,
    route: &Route<'_>,
    letter: &Letter,
    consent: &ConsentEvidence,
    n: u32,
    (starts, stops): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Entry, LedgerError> {
    let (template, template_version) = letter.template();
    let text = letter.sealed();
    Ok(Entry::Claimed {
        attempt: n,
        channel: channel(route).to_owned(),
        lane: route.lane.name.clone(),
        template: template.to_owned(),
        template_version: template_version.to_owned(),
        encoding: letter.encoding().to_owned(),
        segments: letter.segments(),
        text: work.person.key.seal(&intake::text_place(&work.ntf, n), text.as_bytes())?,
        consent: consent.clone(),
        starts_at: starts.timestamp_millis(),
        stops_at: stops.timestamp_millis(),
        instead: route.instead.clone(),
        transfer_basis: route.transfer_basis.clone(),
    })
}
