//! Whether and when: a pure function of what was read. Same inputs, same decision.

mod ask;

pub use ask::with_consent;

use crate::quiet::{Quiet, QuietHours};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use ledger::intake::version_of;
use ledger::look::{Holder, SeenAppointment, Surroundings};
use ledger::state::State;
use schemas::{ConsentRule, Rule, Version, Visit};

/// Longest validity of a decision, seconds (PROTOCOL rule 2).
const HOLDS_S: i64 = 60;
/// Age after which a consent answer is asked for again, seconds.
const CONSENT_HOLDS_S: i64 = 60;
/// A row never comes back sooner than this, seconds (PROTOCOL rule 15).
const SOONEST_S: i64 = 5;

/// Why a row waits on its SMS lane.
pub const LANE_CLOSED: &str = "lane-closed";
/// Why a row waits on the lane of its consent source, which does not answer.
pub const CONSENT_SILENT: &str = "consent-silent";
/// Why a row waits on the lane of its consent source, which may not be asked before a certain instant.
pub const CONSENT_LATER: &str = "consent-later";

/// Why a message is suppressed that its consent source does not allow.
pub const NO_CONSENT: &str = "no-consent";

/// Why a message is suppressed whose channel needs an opt-in that the registry does not have.
pub const NO_OPT_IN: &str = "no-opt-in";

/// What is known about consent for the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// Nobody was asked yet, and nobody has to be if the rule is `none`.
    NotAsked,
    /// The answer allows it.
    Given {
        /// When it was asked.
        asked_at: DateTime<Utc>,
    },
    /// The answer does not allow it.
    NotGiven,
    /// The source does not answer: rows wait.
    Silent,
    /// The source may not be asked before this instant: its budget is used up.
    NotBefore(DateTime<Utc>),
}

impl Consent {
    /// Whether it is an answer that needs not be asked for again.
    pub fn holds_at(&self, now: DateTime<Utc>) -> bool {
        matches!(self, Self::Given { asked_at } if *asked_at + seconds(CONSENT_HOLDS_S) > now)
    }
}

/// What the registry says about the channel where that needs a person's own opt-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptIn {
    /// The channel needs none.
    NotNeeded,
    /// The person agreed, and has not taken it back.
    Given,
    /// The person never agreed, or has taken it back.
    Missing,
}

/// Everything a decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The database's clock.
    pub now: DateTime<Utc>,
    /// The notification itself.
    pub ntf: &'a str,
    /// When it is of no use any more.
    pub expires_at: DateTime<Utc>,
    /// Version and start of the appointment, as the event says.
    pub appointment: Option<(Version, i64)>,
    /// Which appointment its type speaks of: one that stands, or one that was cancelled.
    pub visit: Visit,
    /// Quiet hours that this type and clinic observe.
    pub quiet_hours: Option<QuietHours>,
    /// The clinic's zone.
    pub zone: Tz,
    /// The rule that applies.
    pub rule: ConsentRule,
    /// What is known about consent.
    pub consent: Consent,
    /// What is known of the opt-in.
    pub opt_in: OptIn,
    /// Nothing goes on the message's lane now.
    pub lane_blocked: bool,
    /// What the ledger knows.
    pub seen: &'a Surroundings,
}

/// The decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Send, if it is claimed before this instant.
    Send {
        /// When the decision would change by itself.
        until: DateTime<Utc>,
        /// A waiting notification of the same thing that gives way.
        supersedes: Option<String>,
    },
    /// Decide again at this instant.
    Defer {
        /// At least 5 s ahead.
        until: DateTime<Utc>,
        /// Bounded word.
        why: &'static str,
    },
    /// Do not contact the person about this.
    Suppress(String),
    /// Something newer says that it is not to be sent.
    Cancel(String),
    /// Its time has passed.
    Expire(String),
    /// The event contradicts what is known.
    Reject(Rule),
}

/// Decides.
pub fn decide(case: &Case<'_>) -> Decision {
    past(case)
        .or_else(|| appointment(case))
        .or_else(|| {
            case.seen
                .suppressed
                .as_ref()
                .map(|why| Decision::Suppress(format!("suppressed: {why}")))
        })
        .or_else(|| opt_in(case))
        .unwrap_or_else(|| among_others(case))
}

/// What others of the same thing, appointment and number mean for it, then the hour, the lane and consent. Quiet hours come before
/// the short waits, or a row would be looked at again every few seconds all night.
fn among_others(case: &Case<'_>) -> Decision {
    let supersedes = match thing(case) {
        Ok(supersedes) => supersedes,
        Err(wait @ Decision::Defer { .. }) => return quiet(case).unwrap_or(wait),
        Err(end) => return end,
    };
    match near(case, supersedes.as_deref()) {
        Some(wait @ Decision::Defer { .. }) => return quiet(case).unwrap_or(wait),
        Some(end) => return end,
        None => {}
    }
    quiet(case)
        .or_else(|| number(case))
        .or_else(|| lane(case))
        .or_else(|| consent(case))
        .unwrap_or_else(|| Decision::Send { until: holds_until(case), supersedes })
}

/// Whether the answer about consent would decide: only then somebody is asked.
pub fn depends_on_consent(case: &Case<'_>) -> bool {
    let given = Case { consent: Consent::Given { asked_at: case.now }, ..*case };
    case.rule != ConsentRule::None && matches!(decide(&given), Decision::Send { .. })
}

/// Whatever the consent source says, and whether anybody is asked at all.
fn opt_in(case: &Case<'_>) -> Option<Decision> {
    (case.opt_in == OptIn::Missing).then(|| Decision::Suppress(NO_OPT_IN.to_owned()))
}

fn past(case: &Case<'_>) -> Option<Decision> {
    let about_a_visit =
        case.appointment.is_some_and(|(_, starts_at)| starts_at <= case.now.timestamp_millis());
    (case.now >= case.expires_at).then(|| {
        Decision::Expire(if about_a_visit { "appointment-past" } else { "too-late" }.to_owned())
    })
}

/// PROTOCOL rule 12: a tombstone stops everything up to its version; a newer version stops older ones only if it moved the start.
fn appointment(case: &Case<'_>) -> Option<Decision> {
    let (version, starts_at) = case.appointment?;
    let known = case.seen.appointment.as_ref()?;
    let known_version = known.known_version();
    let newer = version.newer_than(&known_version);
    if case.visit == Visit::Cancelled {
        return notice_of_cancellation(version, known);
    }
    if known.cancelled {
        return (newer != Some(true)).then(|| Decision::Cancel("appointment-cancelled".to_owned()));
    }
    if known.starts_at == starts_at {
        return None;
    }
    match newer {
        Some(false) if version == known_version && matches!(version, Version::Explicit(_)) => {
            Some(Decision::Reject(Rule::VersionConflict))
        }
        Some(false) => Some(Decision::Cancel("appointment-moved".to_owned())),
        // newer, or not comparable: what it says about itself stands
        Some(true) | None => None,
    }
}

/// A notice of a cancellation is true only while the visit is cancelled, at its version or before. One that is newer than all that is
/// known says so itself, and where no fact ever came one of the same version too: clinics that publish notices only need not count.
fn notice_of_cancellation(version: Version, known: &SeenAppointment) -> Option<Decision> {
    let known_version = known.known_version();
    let why = match (known.cancelled, version.newer_than(&known_version)) {
        // not comparable: what it says about itself stands
        (_, Some(true) | None) => return None,
        (_, Some(false)) if version == known_version && (known.cancelled || !known.from_fact) => {
            return None;
        }
        // a later cancellation has a notice of its own
        (true, Some(false)) => "appointment-cancelled-again",
        (false, Some(false)) => "appointment-stands",
    };
    Some(Decision::Cancel(why.to_owned()))
}

/// PROTOCOL rule 4. `Ok`: free, with whom it supersedes.
fn thing(case: &Case<'_>) -> Result<Option<String>, Decision> {
    let Some(holder) = holding(case, case.seen.thing.as_ref()) else { return Ok(None) };
    if holder.until.is_some() {
        return Err(Decision::Suppress(format!("duplicate of {}", holder.ntf)));
    }
    if !matches!(holder.state, State::Waiting | State::Released) {
        return Err(Decision::Defer { until: soon(case, 10), why: "same-thing-in-flight" });
    }
    let theirs = holder.version.as_ref().map(|(kind, n)| version_of(kind, *n));
    let ours = case.appointment.map(|(version, _)| version);
    match ours
        .zip(theirs)
        .map(|(ours, theirs)| (ours.newer_than(&theirs), theirs.newer_than(&ours)))
    {
        Some((Some(true), _)) => Ok(Some(holder.ntf.clone())),
        Some((_, Some(true))) => Err(Decision::Cancel(format!("superseded by {}", holder.ntf))),
        // ADR 0003: it may still end without a send, and this one may carry the right number
        _ => Err(Decision::Defer { until: soon(case, 60), why: "same-thing-waiting" }),
    }
}

/// The older one that gives way gives its gap with it.
fn near(case: &Case<'_>, supersedes: Option<&str>) -> Option<Decision> {
    let holder = holding(case, case.seen.gap.as_ref())?;
    if supersedes == Some(holder.ntf.as_str()) {
        return None;
    }
    Some(match holder.until {
        Some(_) => Decision::Suppress(format!("too soon after {}", holder.ntf)),
        None => Decision::Defer { until: soon(case, 10), why: "another-reminder-in-flight" },
    })
}

fn number(case: &Case<'_>) -> Option<Decision> {
    holding(case, case.seen.number.as_ref())?;
    Some(Decision::Defer { until: soon(case, SOONEST_S), why: "number-busy" })
}

/// A holder that is somebody else and still holds.
fn holding<'a>(case: &Case<'_>, holder: Option<&'a Holder>) -> Option<&'a Holder> {
    let now = case.now.timestamp_millis();
    holder.filter(|h| h.ntf != case.ntf && h.until.is_none_or(|until| until > now))
}

fn quiet(case: &Case<'_>) -> Option<Decision> {
    match case.quiet_hours?.at(case.now, case.zone) {
        Quiet::From(_) => None,
        Quiet::Until(end) if end >= case.expires_at => {
            Some(Decision::Expire("quiet-hours-until-too-late".to_owned()))
        }
        Quiet::Until(end) => {
            Some(Decision::Defer { until: end.max(soon(case, SOONEST_S)), why: "quiet-hours" })
        }
    }
}

fn lane(case: &Case<'_>) -> Option<Decision> {
    case.lane_blocked.then(|| Decision::Defer { until: soon(case, SOONEST_S), why: LANE_CLOSED })
}

fn consent(case: &Case<'_>) -> Option<Decision> {
    if case.rule == ConsentRule::None {
        return None;
    }
    match case.consent {
        Consent::Given { asked_at } if asked_at + seconds(CONSENT_HOLDS_S) > case.now => None,
        // too old or never asked: whoever decides asks first
        Consent::Given { .. } | Consent::NotAsked => {
            Some(Decision::Defer { until: soon(case, SOONEST_S), why: "consent-not-asked" })
        }
        Consent::NotGiven => Some(Decision::Suppress(NO_CONSENT.to_owned())),
        Consent::NotBefore(at) => {
            Some(Decision::Defer { until: at.max(soon(case, SOONEST_S)), why: CONSENT_LATER })
        }
        Consent::Silent => {
            Some(Decision::Defer { until: soon(case, SOONEST_S), why: CONSENT_SILENT })
        }
    }
}

fn holds_until(case: &Case<'_>) -> DateTime<Utc> {
    let mut until = (case.now + seconds(HOLDS_S)).min(case.expires_at);
    if let Some(Quiet::From(start)) = case.quiet_hours.map(|quiet| quiet.at(case.now, case.zone)) {
        until = until.min(start);
    }
    if let (Consent::Given { asked_at }, true) = (case.consent, case.rule != ConsentRule::None) {
        until = until.min(asked_at + seconds(CONSENT_HOLDS_S));
    }
    until
}

fn soon(case: &Case<'_>, after_s: i64) -> DateTime<Utc> {
    case.now + seconds(after_s.max(SOONEST_S))
}

fn seconds(n: i64) -> TimeDelta {
    TimeDelta::try_seconds(n).unwrap_or_default()
}

#[cfg(test)]
#[path = "decide/tests.rs"]
mod tests;
