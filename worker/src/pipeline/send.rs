//! One attempt after another under one lease, until one is certain or none is left.

mod numbers;
mod whatsapp;

use super::claim::{self, Attempt};
use super::record::Then;
use super::render::Letter;
use super::route::{self, Permit, Route, rate_permit};
use super::validate::Work;
use super::{End, record, trace};
use crate::caps::{Share, throttle};
use crate::hold::{self, Place};
use crate::jobs::{Answered, Jobs, Outgoing};
use crate::measure;
use crate::retry;
use crate::settings::Provider;
use crate::spans;
use crate::worker::Worker;
use ledger::outcome::{ClaimAgain, Written};
use ledger::state::State;
use ledger::vault::random_id;
use metrics::Stage;
use providers::netgsm::{JOB_REFUSED, Sms};
use providers::twilio::TwilioSms;
use providers::{FailedKind, Freshness, Outcome, traced};
use schemas::Class;
use secrecy::ExposeSecret;
use std::time::Duration;
use templates::{Encoding, Message};

/// Sends and records. Always ends durably: from the claim on, nothing gives the delivery back.
pub async fn send(
    worker: &Worker,
    work: &Work<'_>,
    route: &Route<'_>,
    letter: &Letter,
    mut attempt: Attempt,
    mut permit: Permit,
) -> End {
    let mut delays = retry::quick();
    let mut tries = 0;
    // from here on it could have been accepted: what its first place waited for is the cap's, all else is ours or the provider's
    let since = permit.allowed_at().map_or(work.since, |at| at.max(work.since));
    loop {
        let began = worker.spans.begins(work);
        let share = in_place(worker, route, letter, &attempt, permit).await;
        let sent = once(worker, work, route, letter, &attempt);
        let sent = traced(trace::of_attempt(work, attempt.n), sent);
        let Answered { outcome, speaks } = worker.metrics.work.timed(Stage::Send, sent).await;
        spans::ended(worker, (work, route), attempt.n, &outcome, began);
        if matches!(outcome, Outcome::Accepted(_)) {
            worker.metrics.sends.accepted_after(&route.lane.name, since.elapsed());
        }
        hold::at(Place::AfterAnswer).await;
        hold::panic_at(Place::AfterAnswer, &work.event.id);
        if speaks {
            watch_lane(worker, route, &outcome).await;
            watch_cap(worker, route, &outcome, share).await;
        }
        hold::at(Place::BeforeOutcome).await;
        tries += 1;
        let pause = quick_pause(worker, route, &outcome, &attempt, tries, &mut delays);
        let then = match pause {
            Some(_) => Then::Again,
            None => elsewhere(worker, work, route, &outcome, tries),
        };
        let written = record::outcome(worker, work, route, attempt.n, &outcome, &then);
        let written = worker.metrics.work.timed(Stage::Record, written).await;
        measure::attempt(worker, work, route, letter, &outcome, written);
        if numbers::is_unreachable(&outcome) {
            // rare, and found out again if it is not written
            Box::pin(numbers::remember(worker, work, route)).await;
        }
        hold::at(Place::BeforeAck).await;
        let Some(pause) = pause.filter(|_| goes_on(written)) else { return End::Sent };
        tokio::time::sleep(pause).await;
        hold::at(Place::BackOff).await;
        let Some(place) = in_pace(worker, route, letter, &attempt).await else {
            return End::Sent;
        };
        permit = place;
        match next_attempt(worker, work, route, letter, &attempt).await {
            Some(next) => attempt = next,
            // the row moved on, or its lease will run out and its time comes again
            None => return End::Sent,
        }
    }
}

/// Where an attempt that is the last of its lease goes on: nothing but a certain failure of the provider is a reason for another.
fn elsewhere(
    worker: &Worker,
    work: &Work<'_>,
    route: &Route<'_>,
    outcome: &Outcome,
    tries: u32,
) -> Then {
    match outcome {
        Outcome::Failed(FailedKind::NextChannel, _) => {
            route.next.clone().map_or(Then::Later, Then::NextChannel)
        }
        Outcome::Failed(_, trouble) if !is_ours(&trouble.code) => {
            route::after_failure(worker, work, route, tries).map_or(Then::Later, Then::Elsewhere)
        }
        _ => Then::Later,
    }
}

async fn once(
    worker: &Worker,
    work: &Work<'_>,
    route: &Route<'_>,
    letter: &Letter,
    attempt: &Attempt,
) -> Answered {
    let message = match letter {
        Letter::Text(message) => message,
        Letter::Template { .. } => {
            // the larger of both, and rarer
            let outcome = Box::pin(whatsapp::send(worker, work, route, letter, attempt)).await;
            return Answered { outcome, speaks: true };
        }
    };
    let account = &route.lane.account;
    let outcome = match route.lane.provider {
        Provider::Netgsm => {
            if let Some(jobs) = jobs(worker, work, route, attempt) {
                let shared = in_a_job(worker, jobs, work, route, message, attempt);
                if let Some(answered) = Box::pin(shared).await {
                    return answered;
                }
            }
            match worker.netgsm.get(account) {
                Some(client) => by_netgsm(client, work, route, message, attempt).await,
                None => no_client(),
            }
        }
        Provider::Twilio => match worker.twilio.get(account) {
            Some(client) => by_twilio(worker, client, work, route, message, attempt).await,
            None => no_client(),
        },
        // it takes templates only
        Provider::Whatsapp => no_client(),
    };
    Answered { outcome, speaks: true }
}

/// The jobs that this attempt may share (ADR 0011): what failed once goes alone, urgent ones wait for nobody, and a lane that is
/// tried is widened row by row.
fn jobs<'a>(
    worker: &'a Worker,
    work: &Work<'_>,
    route: &Route<'_>,
    attempt: &Attempt,
) -> Option<&'a Jobs> {
    let jobs = worker.jobs.get(&route.lane.account)?;
    let shares = attempt.n == 1
        && work.event_type.policy.class != Class::Urgent
        && !worker.lanes.in_trouble(&route.lane.name);
    shares.then_some(jobs)
}

/// `None`: it shares nothing; nothing was done.
async fn in_a_job(
    worker: &Worker,
    jobs: &Jobs,
    work: &Work<'_>,
    route: &Route<'_>,
    message: &Message,
    attempt: &Attempt,
) -> Option<Answered> {
    let outgoing = Outgoing {
        to: work.event.recipient.phone.clone(),
        text: message.text.clone(),
        turkish: message.segments.encoding == Encoding::Turkish,
        sender: route.lane.sender.clone(),
        starts: attempt.starts,
        stops: attempt.stops,
        until: attempt.until,
        fresh: attempt.fresh,
    };
    jobs.send(outgoing, worker.metrics.work.in_flight()).await
}

/// `choose` found the account a moment ago; nothing has left.
fn no_client() -> Outcome {
    let detail = "no client for this account".to_owned();
    Outcome::Failed(
        FailedKind::NotSent,
        providers::Trouble { code: "no-client".to_owned(), detail },
    )
}

async fn by_netgsm(
    client: &providers::netgsm::Client,
    work: &Work<'_>,
    route: &Route<'_>,
    message: &Message,
    attempt: &Attempt,
) -> Outcome {
    let reference = format!("{}-{}", work.ntf, attempt.n);
    let sms = Sms {
        to: &work.event.recipient.phone,
        text: message.text.expose(),
        turkish: message.segments.encoding == Encoding::Turkish,
        sender: &route.lane.sender,
        reference: &reference,
        starts: attempt.starts,
        stops: attempt.stops,
    };
    client.send(sms, attempt.fresh).await
}

async fn by_twilio(
    worker: &Worker,
    client: &providers::twilio::Client,
    work: &Work<'_>,
    route: &Route<'_>,
    message: &Message,
    attempt: &Attempt,
) -> Outcome {
    let now = worker.ledger.clock().now();
    let sms = TwilioSms {
        to: &work.event.recipient.phone,
        text: message.text.expose(),
        validity: (attempt.stops - now).to_std().unwrap_or_default(),
        reference: &format!("{}-{}", work.ntf, attempt.n),
        attempt: attempt.n,
        status_callback: status_callback(worker, &route.lane.account),
    };
    client.send(sms, attempt.fresh).await
}

/// Where Twilio reports what becomes of an account's messages.
fn status_callback<'a>(worker: &'a Worker, account: &str) -> Option<&'a str> {
    worker.settings.twilio.get(account)?.status_callback.as_ref().map(ExposeSecret::expose_secret)
}

/// A documented answer shows that the lane works, whatever it says about the message; a throttle answer says nothing.
async fn watch_lane(worker: &Worker, route: &Route<'_>, outcome: &Outcome) {
    let lane = &route.lane.name;
    match outcome {
        Outcome::Accepted(_)
        | Outcome::Refused(_)
        | Outcome::Failed(FailedKind::NextChannel, _) => {
            worker.lanes.good(&worker.ledger, lane).await;
        }
        Outcome::Failed(FailedKind::Lane(_), trouble) => {
            worker.lanes.refused(&worker.ledger, lane, &trouble.code).await;
        }
        Outcome::Failed(_, trouble)
            if throttle(&trouble.code).is_some() || is_ours(&trouble.code) => {}
        Outcome::Failed(_, trouble) | Outcome::Unknown(trouble) => {
            worker.lanes.bad(&worker.ledger, lane, &trouble.code).await;
        }
    }
}

/// "Too fast" to a request whose place was taken under `share` of the account's cap lowers it, for all workers.
async fn watch_cap(worker: &Worker, route: &Route<'_>, outcome: &Outcome, share: Option<Share>) {
    let (caps, key) = (&worker.lanes.caps, route::pace_key(route));
    match (outcome, share) {
        (
            Outcome::Accepted(_)
            | Outcome::Refused(_)
            | Outcome::Failed(FailedKind::NextChannel, _),
            Some(_),
        ) => caps.taken(&worker.ledger, &key),
        (Outcome::Failed(_, trouble), share) => {
            let Some(how) = throttle(&trouble.code) else { return };
            match share {
                Some(share) => {
                    caps.throttled(&worker.ledger, &key, (&trouble.code, how), share).await;
                }
                None => caps.throttled_without(&key, &trouble.code),
            }
        }
        _ => {}
    }
}

/// Nothing was asked: the decision had grown old, or its window had closed. Or nobody knows of which member a job was refused for: that
/// says nothing of the lane, and is no reason for another provider.
fn is_ours(code: &str) -> bool {
    matches!(
        code,
        "stale" | "window-closed" | "no-client" | "content-sid" | "reference" | JOB_REFUSED
    )
}

/// How long to wait for the next attempt under the same lease; `None`: there is none.
fn quick_pause(
    worker: &Worker,
    route: &Route<'_>,
    outcome: &Outcome,
    attempt: &Attempt,
    tries: u32,
    delays: &mut (impl FnMut() -> Duration + Send),
) -> Option<Duration> {
    let Outcome::Failed(kind, trouble) = outcome else { return None };
    let named = match kind {
        FailedKind::NotSent => Duration::ZERO,
        FailedKind::Retry { after } => after.unwrap_or_default(),
        FailedKind::Lane(_) | FailedKind::NextChannel => return None,
    };
    let pause = delays().max(named);
    let left = (attempt.until - worker.ledger.clock().now()).to_std().unwrap_or_default();
    let quick = tries <= worker.settings.quick_retries
        && pause <= retry::QUICK_AT_MOST.mul_f64(1.3)
        && pause < left
        && trouble.code != "window-closed"
        && !worker.lanes.closed(&route.lane.name);
    quick.then_some(pause)
}

fn goes_on(written: Written) -> bool {
    written.applied && written.state == State::Sending
}

/// Waits for the place in the lane's pace. Whoever was held up behind it, by a slow commit, takes another one: late ones bunch, and
/// the provider counts them. Held up for too long, the attempt is not made: its age is looked at right before the bytes. Returns under
/// what is left of the cap the place was taken.
async fn in_place(
    worker: &Worker,
    route: &Route<'_>,
    letter: &Letter,
    attempt: &Attempt,
    mut permit: Permit,
) -> Option<Share> {
    while !permit.come().await && !attempt.fresh.too_old() {
        match rate_permit(worker, route, letter).await {
            Ok(Some(next)) => permit = next,
            // without a place it does not go: its age ends this
            Ok(None) | Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
    permit.share()
}

/// A further attempt keeps the lane's pace like the first. `None`: not before the decision runs out; the lease is looked after.
async fn in_pace(
    worker: &Worker,
    route: &Route<'_>,
    letter: &Letter,
    attempt: &Attempt,
) -> Option<Permit> {
    while worker.ledger.clock().now() < attempt.until {
        match rate_permit(worker, route, letter).await {
            Ok(Some(permit)) => return Some(permit),
            Ok(None) => {}
            Err(_) => return None,
        }
        // nothing within a second: the next places are further away
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    None
}

async fn next_attempt(
    worker: &Worker,
    work: &Work<'_>,
    route: &Route<'_>,
    letter: &Letter,
    failed: &Attempt,
) -> Option<Attempt> {
    let n = failed.n + 1;
    let window = (worker.ledger.clock().now(), failed.stops);
    let entry = claim::claimed(work, route, letter, &failed.consent, n, window);
    let (Ok(entry), Ok(token)) = (entry, random_id("clm_")) else { return None };
    let again = ClaimAgain {
        ntf: work.ntf.clone(),
        failed: failed.n,
        channel: claim::channel(route).to_owned(),
        next_channel: claim::next_channel(route),
        lane: route.lane.name.clone(),
        number: route.number.clone(),
        token: token.clone(),
        segments: letter.segments(),
        deadline_ms: claim::deadline_ms(worker),
        until: failed.until.timestamp_millis(),
        person: failed.person.clone(),
        appointment: failed.appointment.clone(),
        entry,
    };
    let fresh = Freshness::start();
    let next = Attempt { n, fresh, starts: window.0, ..failed.clone() };
    match worker.asks.again.ask(again).await {
        Ok(true) => Some(next),
        Ok(false) => None,
        // in doubt: if it was written it is ours, and if that comes out late the send says so
        Err(error) => {
            tracing::warn!(ntf = work.ntf, %error, "next claim in doubt: looking for it");
            found(worker, work, &token, &next).await.then_some(next)
        }
    }
}

async fn found(worker: &Worker, work: &Work<'_>, token: &str, next: &Attempt) -> bool {
    loop {
        let seen = worker.outage.count();
        match worker.ledger.find_claim(&work.ntf, token).await {
            Ok(Some(_)) => return true,
            Ok(None) if next.fresh.too_old() => return false,
            Ok(None) => {}
            Err(error) if error.is_away() => worker.outage.met(seen, &error),
            Err(_) => return false,
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
