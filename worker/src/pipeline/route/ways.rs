//! Which channels a message may take, and which one it takes now (`shared/PROTOCOL.md` transition 6, DESIGN §4 *Identity*).

use super::choice::Choice;
use crate::settings::{SendLane, Template};
use ledger::look::Tried;
use ledger::receipts::unreachable_key;
use ledger::state::AttemptState;
use schemas::Channel;

/// A channel that a message may take, with its lane there.
#[derive(Debug, Clone)]
pub struct Way<'a> {
    /// The channel.
    pub channel: Channel,
    /// The lane, and whether it can be used now.
    pub choice: Choice,
    /// The approved template, where the channel takes nothing else.
    pub template: Option<&'a Template>,
    /// Keyed hash of account and number.
    pub number: String,
    /// The same, where the number needs a slot.
    pub number_slot: Option<String>,
    /// It was put off there so often that another channel is better.
    pub worn: bool,
}

/// After so many certain failures of one message on WhatsApp a text steps in, if one may: its vendors put a single number off for hours
/// while their lane is well (131056, 63023), and the message would expire.
const WORN: usize = 3;

/// Whether a channel has put this message off often enough.
pub fn is_worn(channel: Channel, tried: &[Tried]) -> bool {
    let failed = |it: &&Tried| it.channel == channel.as_str() && it.state == AttemptState::Failed;
    channel == Channel::Whatsapp && tried.iter().filter(failed).count() >= WORN
}

impl Way<'_> {
    /// Under which key it is remembered that the number could not be reached here.
    pub fn reach_key(&self) -> String {
        unreachable_key(self.channel.as_str(), &self.number)
    }
}

/// Whether an attempt keeps its channel from another one: what may have arrived is not sent again, and what was refused there would
/// be again.
pub fn is_taken(channel: Channel, tried: &[Tried]) -> bool {
    tried.iter().any(|attempt| {
        attempt.channel == channel.as_str()
            && matches!(
                attempt.state,
                AttemptState::Open
                    | AttemptState::Unknown
                    | AttemptState::Accepted
                    | AttemptState::Refused
            )
    })
}

/// Whether an attempt keeps any channel from another one.
pub fn is_any_taken(tried: &[Tried]) -> bool {
    [Channel::Sms, Channel::Whatsapp].into_iter().any(|channel| is_taken(channel, tried))
}

/// What decides between channels.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The registry has the person's opt-in to WhatsApp.
    pub opted_in: bool,
    /// Keys of numbers that could not be reached lately.
    pub unreachable: &'a [String],
}

/// The way that is taken, the one that follows it, and why it is not the first.
#[derive(Debug)]
pub struct Taken<'a> {
    /// It.
    pub way: Way<'a>,
    /// Where the message may go on if it certainly cannot arrive there.
    pub next: Option<SendLane>,
    /// Why it is not the first of the order, for the record.
    pub instead: Option<String>,
}

/// Of the ways in their order: those with the person's opt-in where it is needed, without those on which the number was not reached
/// lately, and of these the first on which anything goes and that has not put the message off again and again. Each of these stands back where nothing would be left, so that the decision
/// says what is missing, or the row waits where it belongs.
pub fn take<'a>(ways: Vec<Way<'a>>, known: Known<'_>) -> Option<Taken<'a>> {
    let allowed = |way: &Way<'_>| way.channel != Channel::Whatsapp || known.opted_in;
    let reached = |way: &Way<'_>| !known.unreachable.contains(&way.reach_key());
    let usable = |way: &Way<'_>| allowed(way) && reached(way);
    let first = ways.first()?;
    let at = ways
        .iter()
        .position(|way| usable(way) && !way.choice.shut && !way.worn)
        .or_else(|| ways.iter().position(|way| usable(way) && !way.choice.shut))
        .or_else(|| ways.iter().position(usable))
        .or_else(|| ways.iter().position(allowed))
        .unwrap_or(0);
    let instead = if at == 0 {
        first.choice.instead.clone()
    } else if !allowed(first) {
        Some(format!("no-opt-in: {}", first.channel))
    } else if !reached(first) {
        Some(format!("unreachable: {}", first.choice.lane.name))
    } else if first.worn && !first.choice.shut {
        Some(format!("put-off: {}", first.choice.lane.name))
    } else {
        Some(format!("lane-closed: {}", first.choice.lane.name))
    };
    let others = ways.iter().enumerate().filter(|(place, way)| *place != at && usable(way));
    let next = others.map(|(_, way)| way.choice.lane.clone()).next();
    let way = ways.into_iter().nth(at)?;
    Some(Taken { way, next, instead })
}

#[cfg(test)]
#[path = "ways/tests.rs"]
mod tests;
