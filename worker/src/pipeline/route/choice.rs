//! Which lane of a channel a message takes, and which one follows a lane that failed. Pure: same inputs, same choice.

use crate::settings::{Provider, SendLane, channel_of};
use ledger::look::Tried;
use ledger::state::AttemptState;

/// What a lane does for a copy now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// It goes.
    Open,
    /// Who wants it waits: it is being tried, a few rows at a time, or a person holds it. No reason for another provider, or nobody
    /// would be left to try it, and what a person holds would go all the same.
    Turn,
    /// Nothing goes.
    Shut,
}

/// The lane that a message takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Provider, account, sender.
    pub lane: SendLane,
    /// It cannot go on it now: it waits.
    pub blocked: bool,
    /// Nothing goes on it now, on none of the others either.
    pub shut: bool,
    /// Why it is not the first of the clinic's order, for the log: `lane-closed: <that lane>`, `failover: <that lane>`.
    pub instead: Option<String>,
}

/// Of the lanes that may be used, in their order: one that is not shut before any that is, then the one whose provider certainly
/// failed least often with this notification, then the earlier one. An attempt that was refused or may have arrived is no reason
/// for another provider, and after one that may have arrived there is no claim (PROTOCOL transition 6).
pub fn pick(
    lanes: Vec<SendLane>,
    tried: &[Tried],
    gate: impl Fn(&SendLane) -> Gate,
) -> Option<Choice> {
    let first = lanes.first().map(|lane| (lane.name.clone(), gate(lane)));
    let rank = |lane: &SendLane| (gate(lane) == Gate::Shut, failures(tried, lane));
    // of equals `min_by_key` takes the first
    let lane = lanes.into_iter().min_by_key(rank)?;
    let now = gate(&lane);
    let instead = first.filter(|(name, _)| *name != lane.name).map(|(name, of_first)| {
        let shut = of_first == Gate::Shut && now != Gate::Shut;
        format!("{}: {name}", if shut { "lane-closed" } else { "failover" })
    });
    Some(Choice { lane, blocked: now != Gate::Open, shut: now == Gate::Shut, instead })
}

/// The lane on which a message goes on at once after `tries` attempts under one lease certainly failed on `failed`: of another
/// provider, not blocked, and failed less often. `None`: nobody is better, so it waits for its time; two providers that are both
/// down are not asked in turn without a pause.
pub fn follower(
    lanes: Vec<SendLane>,
    tried: &[Tried],
    failed: &SendLane,
    tries: u32,
    blocked: impl Fn(&SendLane) -> bool,
) -> Option<SendLane> {
    let here = failures(tried, failed).saturating_add(tries);
    lanes
        .into_iter()
        .filter(|lane| lane.provider != failed.provider && !blocked(lane))
        .map(|lane| (failures(tried, &lane), lane))
        .filter(|(there, _)| *there < here)
        .min_by_key(|(there, _)| *there)
        .map(|(_, lane)| lane)
}

/// How many attempts on a lane's channel certainly failed at its provider, whatever its account and sender were then.
fn failures(tried: &[Tried], lane: &SendLane) -> u32 {
    let there = |t: &&Tried| {
        Provider::of_lane(&t.lane) == Some(lane.provider)
            && channel_of(&t.lane) == Some(lane.channel)
    };
    let failed = tried.iter().filter(|t| t.state == AttemptState::Failed).filter(there);
    u32::try_from(failed.count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[path = "choice/tests.rs"]
mod tests;
