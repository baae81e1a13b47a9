//! Which channel, provider, account and sender; and the permit to use them now.

mod choice;

use super::Halt;
use super::validate::Work;
use crate::caps::{self, Share};
use crate::measure;
use crate::pace::{Pace, Place};
use crate::settings::{SmsLane, SmsProvider};
use crate::worker::Worker;
use choice::{Choice, Gate};
use ledger::protocol::Copy;
use ledger::vault::Purpose;
use schemas::{Channel, Class};
use std::time::Duration;
use templates::Message;
use tokio::time::Instant;

/// The claim begins this much before its place, so that how long it takes moves no request out of its place: a provider counts
/// requests, and a few that bunch behind a slow commit are over its cap (ADR 0006). Long enough that on a busy machine few miss theirs.
const LEAD: Duration = Duration::from_millis(400);
/// A request this much behind its place still is in it: no more of them bunch than [`PLACE_US`](crate::pace::PLACE_US) leaves free in a second.
const LATE: Duration = Duration::from_millis(25);

/// Where a message would go out.
#[derive(Debug, Clone)]
pub struct Route {
    /// The channel.
    pub channel: Channel,
    /// Provider, account, sender.
    pub lane: SmsLane,
    /// Keyed hash of account and number.
    pub number: String,
    /// The same, where the number needs a slot: the provider does not echo our reference and nobody waits for a code.
    pub number_slot: Option<String>,
    /// Nothing goes on this lane now, for this copy.
    pub blocked: bool,
    /// Why it is not the first lane of the clinic's order, for the log.
    pub instead: Option<String>,
    /// The clinic's legal basis for a provider abroad; `None`: the provider is in Türkiye.
    pub transfer_basis: Option<String>,
}

/// A permit that was taken.
#[derive(Debug)]
pub struct Permit {
    taken: Option<Place>,
    /// Its place in the lane's pace: the request leaves then, not earlier.
    at: Instant,
}

impl Permit {
    /// Waits for the place itself, once everything else is done. `false`: it has passed, and a request now would stand in another's.
    pub async fn come(&self) -> bool {
        tokio::time::sleep_until(self.at).await;
        self.taken.is_none() || self.at.elapsed() < LATE
    }

    /// Under what is left of the cap its place was taken; `None`: there is no cap.
    pub fn share(&self) -> Option<Share> {
        self.taken.map(|place| place.share)
    }
}

/// Chooses the route; `None`: the clinic has no usable account for any channel that the message may take.
pub fn choose(worker: &Worker, work: &Work<'_>) -> Option<Route> {
    let wished = &work.event.recipient.channels;
    let allowed = &work.event_type.policy.channels;
    let sms =
        allowed.contains(&Channel::Sms) && (wished.is_empty() || wished.contains(&Channel::Sms));
    if !sms {
        return None;
    }
    let lanes = worker.settings.sms_lanes(work.clinic);
    let gate = |lane: &SmsLane| gate(worker, work, lane);
    let Choice { lane, blocked, instead } = choice::pick(lanes, &work.tried, gate)?;
    let phone = work.event.recipient.phone.e164();
    let place = [lane.provider.as_str(), &lane.account, phone];
    let number = worker.ledger.vault().hash(Purpose::Number, &place);
    let waits_for_nobody = work.event_type.policy.class == Class::Urgent;
    let number_slot = (!lane.echoes_reference && !waits_for_nobody).then(|| number.clone());
    let transfer_basis = work.clinic.transfer_abroad.clone().filter(|_| lane.provider.is_abroad());
    Some(Route {
        channel: Channel::Sms,
        lane,
        number,
        number_slot,
        blocked,
        instead,
        transfer_basis,
    })
}

/// Where the message goes on at once after `tries` attempts under one lease certainly failed on `route`; `None`: it waits for its
/// time.
pub fn after_failure(
    worker: &Worker,
    work: &Work<'_>,
    route: &Route,
    tries: u32,
) -> Option<SmsLane> {
    let lanes = worker.settings.sms_lanes(work.clinic);
    // of a lane that is being tried the scheduler counts the rows: nobody goes there at once
    let blocked = |lane: &SmsLane| worker.lanes.in_trouble(&lane.name);
    choice::follower(lanes, &work.tried, &route.lane, tries, blocked)
}

/// What a lane does for this copy. What the scheduler released for a lane was counted against the width of one that is being
/// tried; what it released for another lane of SMS has its place there.
fn gate(worker: &Worker, work: &Work<'_>, lane: &SmsLane) -> Gate {
    if worker.lanes.paused(&lane.name) {
        return Gate::Turn;
    }
    if worker.lanes.closed(&lane.name) {
        return Gate::Shut;
    }
    if !worker.lanes.in_trouble(&lane.name) {
        return Gate::Open;
    }
    match (work.copy, work.waited_on.as_deref()) {
        (Copy::Numbered(_), Some(own)) if own == lane.name => Gate::Open,
        (Copy::Numbered(_), Some(own)) if SmsProvider::of_lane(own).is_some() => Gate::Shut,
        _ => Gate::Turn,
    }
}

/// Takes a place for the text's real segments in the pace that all workers keep, and waits until shortly before it. `None`: not
/// within 2 s.
///
/// # Errors
/// [`Halt`] while the ledger is away.
pub async fn rate_permit(
    worker: &Worker,
    route: &Route,
    message: &Message,
) -> Result<Option<Permit>, Halt> {
    let Some(pace) = pace(worker, route) else {
        return Ok(Some(Permit { taken: None, at: Instant::now() }));
    };
    let place = pace.place(message.segments.segments).await?;
    measure::permit(worker, route, place.is_some());
    let Some(place) = place else { return Ok(None) };
    let wait = place.at.saturating_duration_since(Instant::now());
    tokio::time::sleep(wait.saturating_sub(LEAD)).await;
    Ok(Some(Permit { taken: Some(place), at: place.at }))
}

/// Gives a permit back after a claim that wrote nothing.
pub fn give_back(worker: &Worker, route: &Route, permit: &Permit) {
    if let (Some(place), Some(pace)) = (permit.taken, pace(worker, route)) {
        pace.give_back(place);
    }
}

/// The pace of the route's account; `None`: it has no cap.
fn pace<'a>(worker: &'a Worker, route: &Route) -> Option<&'a Pace> {
    worker.paces.get(&pace_key(route))
}

/// Its key.
pub fn pace_key(route: &Route) -> String {
    caps::key(route.lane.provider.as_str(), &route.lane.account)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permit(taken: bool, behind: Duration) -> Permit {
        Permit {
            taken: taken.then(|| Place { at: Instant::now(), us: 1, share: Share::ALL }),
            at: Instant::now() - behind,
        }
    }

    #[tokio::test]
    async fn who_comes_late_to_a_place_does_not_have_it_and_without_a_cap_nobody_is_late() {
        assert!(permit(true, Duration::ZERO).come().await);
        assert!(!permit(true, LATE).come().await);
        assert!(permit(false, Duration::from_secs(3)).come().await);
    }
}
