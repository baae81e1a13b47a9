//! Which channel, provider, account and sender; and the permit to use them now.

mod choice;
mod ways;

pub use ways::{Way, is_any_taken};

use super::Halt;
use super::render::Letter;
use super::validate::Work;
use crate::caps::{self, Share};
use crate::consent::opt_in;
use crate::measure;
use crate::pace::{Pace, Place};
use crate::settings::{SendLane, Template, channel_of};
use crate::worker::Worker;
use choice::Gate;
use ledger::look::Tried;
use ledger::protocol::Copy;
use ledger::vault::Purpose;
use schemas::{Channel, Class};
use std::time::Duration;
use tokio::time::Instant;
use ways::{Known, Taken};

/// The claim begins this much before its place, so that how long it takes moves no request out of its place: a provider counts
/// requests, and a few that bunch behind a slow commit are over its cap (ADR 0006). Long enough that on a busy machine few miss theirs.
const LEAD: Duration = Duration::from_millis(400);
/// A request this much behind its place still is in it. [`PLACE_US`](crate::pace::PLACE_US) leaves three times as much free in a second: the rest is
/// for what happens between this last look and the provider's count.
const LATE: Duration = Duration::from_millis(10);

/// Where a message would go out.
#[derive(Debug, Clone)]
pub struct Route<'a> {
    /// The channel.
    pub channel: Channel,
    /// Provider, account, sender.
    pub lane: SendLane,
    /// The approved template, where the channel takes nothing else.
    pub template: Option<&'a Template>,
    /// Under which key it is remembered that the number could not be reached here.
    pub reach_key: String,
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
    /// Where the message may go on if it certainly cannot arrive here; `None`: no other channel is left.
    pub next: Option<SendLane>,
}

/// A permit that was taken.
#[derive(Debug)]
pub struct Permit {
    taken: Option<Place>,
    /// Its place in the lane's pace: the request leaves then, not earlier.
    at: Instant,
    /// Whether the pace had no earlier one: the cap is used up until then.
    waits: bool,
}

impl Permit {
    /// Waits for the place itself, once everything else is done. `false`: it has passed, and a request now would stand in another's.
    pub async fn come(&self) -> bool {
        tokio::time::sleep_until(self.at).await;
        self.taken.is_none() || self.at.elapsed() < LATE
    }

    /// The first moment at which the cap allows the message; `None`: it does at any, or there is none.
    pub fn allowed_at(&self) -> Option<Instant> {
        self.waits.then_some(self.at)
    }

    /// Under what is left of the cap its place was taken; `None`: there is no cap.
    pub fn share(&self) -> Option<Share> {
        self.taken.map(|place| place.share)
    }
}

/// The channels that a message may take, best first, each with its lane: its clinic has a lane there and may use it, a template is
/// mapped where one is needed, and no attempt on it stands in the way.
pub fn ways<'a>(worker: &'a Worker, work: &Work<'_>) -> Vec<Way<'a>> {
    let order = order(work)
        .filter(|channel| !ways::is_taken(*channel, &work.tried) && !work.unfit.contains(channel));
    order.filter_map(|channel| way(worker, work, channel)).collect()
}

/// The person's channels, else the clinic's, else the type's; the type's own narrow them all.
fn order<'w>(work: &'w Work<'_>) -> impl Iterator<Item = Channel> + use<'w> {
    let allowed = &work.event_type.policy.channels;
    let order = match &work.clinic.channels {
        _ if work.event.names_channels() => &work.event.recipient.channels,
        none if none.is_empty() => allowed,
        order => order,
    };
    order.iter().copied().filter(|channel| allowed.contains(channel))
}

fn way<'a>(worker: &'a Worker, work: &Work<'_>, channel: Channel) -> Option<Way<'a>> {
    let lanes = lanes(worker, work, channel);
    let choice = choice::pick(lanes, &work.tried, |lane| gate(worker, work, lane))?;
    let lane = &choice.lane;
    let place = [lane.provider.as_str(), &lane.account, work.event.recipient.phone.e164()];
    let number = worker.ledger.vault().hash(Purpose::Number, &place);
    let waits_for_nobody = work.event_type.policy.class == Class::Urgent;
    let number_slot = (lane.needs_slot() && !waits_for_nobody).then(|| number.clone());
    let template = template(worker, work, lane);
    let worn = ways::is_worn(channel, &work.tried);
    Some(Way { channel, choice, template, number, number_slot, worn })
}

/// The lanes of a channel that could carry this message.
fn lanes(worker: &Worker, work: &Work<'_>, channel: Channel) -> Vec<SendLane> {
    let mut lanes = worker.settings.lanes(channel, work.clinic);
    if channel == Channel::Whatsapp {
        lanes.retain(|lane| template(worker, work, lane).is_some());
    }
    lanes
}

fn template<'a>(worker: &'a Worker, work: &Work<'_>, lane: &SendLane) -> Option<&'a Template> {
    if lane.channel != Channel::Whatsapp {
        return None;
    }
    let (clinic, language) = (&work.event.clinic, work.event.recipient.language);
    worker.settings.template(lane.provider, clinic, &work.event.event_type, language)
}

/// Chooses among the ways with what surrounds the message; `None`: there is none.
pub fn choose<'a>(work: &Work<'_>, ways: Vec<Way<'a>>) -> Option<Box<Route<'a>>> {
    let known = Known { opted_in: opt_in::allows(work), unreachable: &work.seen.unreachable };
    let first = ways.first()?.channel;
    let Taken { way, next, mut instead } = ways::take(ways, known)?;
    let reach_key = way.reach_key();
    let Way { channel, choice, template, number, number_slot, .. } = way;
    if instead.is_none() && channel == first {
        instead = passed_over(work, first);
    }
    let lane = choice.lane;
    let transfer_basis = work.clinic.transfer_abroad.clone().filter(|_| lane.provider.is_abroad());
    let blocked = choice.blocked;
    // kept as long as the message is in work
    Some(Box::new(Route {
        channel,
        lane,
        template,
        reach_key,
        number,
        number_slot,
        blocked,
        instead,
        transfer_basis,
        next,
    }))
}

/// Why the first channel of the order is no way at all, for the record.
fn passed_over(work: &Work<'_>, first_way: Channel) -> Option<String> {
    let wanted = order(work).next().filter(|wanted| *wanted != first_way)?;
    let of_it = |tried: &&Tried| tried.channel == wanted.as_str();
    if work.unfit.contains(&wanted) {
        return Some(format!("no-text: {wanted}"));
    }
    Some(match work.tried.iter().rev().find(of_it) {
        Some(tried) => format!("next-channel: {}", tried.lane),
        None => format!("not-available: {wanted}"),
    })
}

/// Where the message goes on at once after `tries` attempts under one lease certainly failed on `route`; `None`: it waits for its
/// time.
pub fn after_failure(
    worker: &Worker,
    work: &Work<'_>,
    route: &Route<'_>,
    tries: u32,
) -> Option<SendLane> {
    let lanes = lanes(worker, work, route.channel);
    // of a lane that is being tried the scheduler counts the rows: nobody goes there at once
    let blocked = |lane: &SendLane| worker.lanes.in_trouble(&lane.name);
    let follower = choice::follower(lanes, &work.tried, &route.lane, tries, blocked);
    // nobody of this channel, and nothing goes here any more: the next channel does not wait for it
    let shut = worker.lanes.closed(&route.lane.name) && !worker.lanes.paused(&route.lane.name);
    follower.or_else(|| route.next.clone().filter(|next| shut && !blocked(next)))
}

/// What a lane does for this copy. What the scheduler released for a lane was counted against the width of one that is being
/// tried; what it released for another lane has its place there.
fn gate(worker: &Worker, work: &Work<'_>, lane: &SendLane) -> Gate {
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
        // one of another channel says nothing of who should try this one
        (Copy::Numbered(_), Some(own)) if channel_of(own) == Some(lane.channel) => Gate::Shut,
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
    route: &Route<'_>,
    letter: &Letter,
) -> Result<Option<Permit>, Halt> {
    let Some(pace) = pace(worker, route) else {
        return Ok(Some(Permit { taken: None, at: Instant::now(), waits: false }));
    };
    let place = pace.place(letter.segments()).await?;
    measure::permit(worker, route, place.is_some());
    let Some(place) = place else { return Ok(None) };
    let wait = place.at.saturating_duration_since(Instant::now());
    tokio::time::sleep(wait.saturating_sub(LEAD)).await;
    Ok(Some(Permit { taken: Some(place), at: place.at, waits: !wait.is_zero() }))
}

/// Gives a permit back after a claim that wrote nothing.
pub fn give_back(worker: &Worker, route: &Route<'_>, permit: &Permit) {
    if let (Some(place), Some(pace)) = (permit.taken, pace(worker, route)) {
        pace.give_back(place);
    }
}

/// The pace of the route's account; `None`: it has no cap.
fn pace<'a>(worker: &'a Worker, route: &Route<'_>) -> Option<&'a Pace> {
    worker.paces.get(&pace_key(route))
}

/// Its key.
pub fn pace_key(route: &Route<'_>) -> String {
    caps::key(route.lane.provider.as_str(), &route.lane.account)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permit(taken: bool, behind: Duration) -> Permit {
        Permit {
            taken: taken.then(|| Place { at: Instant::now(), us: 1, share: Share::ALL }),
            at: Instant::now() - behind,
            waits: false,
        }
    }

    #[tokio::test]
    async fn who_comes_late_to_a_place_does_not_have_it_and_without_a_cap_nobody_is_late() {
        assert!(permit(true, Duration::ZERO).come().await);
        assert!(!permit(true, LATE).come().await);
        assert!(permit(false, Duration::from_secs(3)).come().await);
    }
}
