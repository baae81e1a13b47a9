//! The story in English.

mod reasons;

pub(crate) use reasons::meaning;

use ledger::access::AccessKind;
use ledger::lanes::LaneState;
use ledger::record::{ConsentEvidence, Entry, Planned, WordEvidence};
use ledger::state::State;

use crate::delivery::{self, goes_on};
use crate::local;
use crate::words::{Frame, NO_LANE, Situation, is_proven_absent, named, place};

pub(crate) const FRAME: Frame = Frame {
    clinic: "clinic",
    event: "event",
    unknown: "unknown",
    useful_until: "useful until",
    because: "because",
    consent: "consent",
    text: "text",
    body: "body",
    next: "next",
};

pub(crate) fn verdict(state: State, why: &str) -> String {
    match state {
        State::Accepted => "Sent: the provider accepted it.".to_owned(),
        State::Delivered => "Sent and delivered.".to_owned(),
        State::Undelivered => "Sent, but it will not arrive.".to_owned(),
        State::Refused => format!("Not sent: the provider refused it ({why})."),
        State::Suppressed if why == "no-consent" => {
            "Not sent: no consent (ONAY) is on record for this number and brand.".to_owned()
        }
        State::Suppressed if why == "no-opt-in" => {
            "Not sent: the person's opt-in to WhatsApp is not in the clinic's registry.".to_owned()
        }
        State::Suppressed => format!("Not sent: {why}."),
        State::Cancelled => format!("Not sent: cancelled ({why})."),
        State::Expired => format!("Not sent: its time had passed ({why})."),
        State::Unresolved if is_proven_absent(why) => {
            format!("Not sent, as far as the provider's books show ({why}); it is not sent again.")
        }
        State::Unresolved => {
            "May have been sent: the provider's answer was lost and could not be found out; it is not sent again.".to_owned()
        }
        State::DeadLettered => format!("Not sent: it could not be handled ({why})."),
        State::Waiting if goes_on(why) => {
            format!("Sent, but not known to have arrived: it waits for its next channel ({why}).")
        }
        State::Waiting => format!("Not sent yet: it waits ({why})."),
        State::Released => "Not sent yet: released to the workers.".to_owned(),
        State::Sending => "Being sent now.".to_owned(),
        State::Unknown => format!("May have been sent: the outcome is unknown ({why})."),
    }
}

/// The lane that it waits on, if it has one.
fn on_lane(before: &str, lane: &str) -> String {
    if lane == NO_LANE { String::new() } else { format!("{before}on lane {lane}") }
}

/// A state in a word or two.
pub(crate) fn state(state: State) -> &'static str {
    match state {
        State::Waiting => "waiting",
        State::Released => "released to the workers",
        State::Sending => "being sent",
        State::Unknown => "outcome unknown",
        State::Accepted => "accepted",
        State::Delivered => "delivered",
        State::Undelivered => "not delivered",
        State::Refused => "refused",
        State::Suppressed => "suppressed",
        State::Cancelled => "cancelled",
        State::Expired => "too late",
        State::Unresolved => "never found out",
        State::DeadLettered => "could not be handled",
    }
}

/// The reason with what it means.
fn reason(why: &str) -> String {
    meaning(why).map_or_else(|| why.to_owned(), |meaning| format!("{why}: {meaning}"))
}

pub(crate) fn sentence(entry: &Entry) -> String {
    match entry {
        Entry::Received { via, .. } => format!("received by {via}"),
        Entry::Waiting { why, until, lane, .. } => {
            let on = on_lane(" ", lane);
            format!("decided to wait until {}{on}: {}", local(*until), reason(why))
        }
        Entry::Released { n, facts_not_current } => {
            let although = if *facts_not_current {
                ", although facts had not been current for minutes: a cancellation may not have been known"
            } else {
                ""
            };
            format!("due: released to the workers, copy {n}{although}")
        }
        Entry::Claimed {
            attempt,
            channel,
            lane,
            template,
            segments,
            encoding,
            stops_at,
            instead,
            transfer_basis,
            ..
        } => {
            let instead = instead
                .as_ref()
                .map(|why| format!(", not on the first one ({why})"))
                .unwrap_or_default();
            let abroad = transfer_basis
                .as_ref()
                .map(|basis| format!("; data leaves Türkiye on the legal basis: {basis}"))
                .unwrap_or_default();
            format!(
                "decided to send: attempt {attempt} by {channel} on lane {lane}{instead}, template {template}, {segments} segment(s) {encoding}, to be delivered before {}{abroad}",
                local(*stops_at)
            )
        }
        Entry::Outcome { attempt, outcome, code, detail, provider_ref, late, .. } => {
            let late = if *late { " (late)" } else { "" };
            let reference =
                provider_ref.as_ref().map(|r| format!(", provider's id {r}")).unwrap_or_default();
            let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
            format!("attempt {attempt} {outcome}{late}, {code}{detail}{reference}")
        }
        Entry::Ended { state, why, .. } => format!("ended {state}: {}", reason(why)),
        Entry::LeaseRanOut { attempt, then } => {
            format!("the worker of attempt {attempt} did not come back in time: {then}")
        }
        Entry::Looked { attempt, saw, why, absences } => {
            let why = if why.is_empty() { String::new() } else { format!(" ({})", reason(why)) };
            let times = if *absences == 0 {
                String::new()
            } else {
                format!("; proven absent {absences} time(s) so far")
            };
            let saw = match saw.as_str() {
                "nothing" => "proves nothing",
                "absent" => "not there",
                other => other,
            };
            format!("looked for attempt {attempt} at the provider: {saw}{why}{times}")
        }
        Entry::NotFound { attempt, resend, absent, why, .. } => {
            let what = if *absent { "did not arrive" } else { "could not be found" };
            let then = if *resend { "sent once more" } else { "not sent again" };
            format!("attempt {attempt} {what} ({why}): {then}")
        }
        Entry::Duplicate { via } => {
            format!("the clinic published the same event again ({via}): nothing was done")
        }
        Entry::SentTwice { attempt } => {
            format!("attempt {attempt} was accepted although another one was: SENT TWICE")
        }
        Entry::Receipt { .. } | Entry::Overdue { .. } | Entry::TwoChannel { .. } => {
            delivery::english(entry).unwrap_or_default()
        }
        Entry::EventRefused { queue, rule, path, source, id, .. } => {
            let what = named(source.as_deref(), id.as_deref());
            format!("refused from {queue}{what}: {rule} at {}", place(path, "the body"))
        }
        Entry::Returned { queue } => format!("came back from the broker by {queue}"),
        Entry::Replayed { who, why } => format!("put back by {who}: {why}"),
        Entry::TakenIn { into, who, why } => format!("taken in as {into} by {who}: {why}"),
        Entry::Dropped { who, why } => format!("dropped as looked after by {who}: {why}"),
        Entry::Stopped { who, why } => format!("stopped by {who}: {why}"),
        Entry::Revealed { who, why, fields } => {
            format!("{} shown to {who}: {why}", fields.join(" and "))
        }
        Entry::Lane { lane, state, why, .. } => format!("lane {lane} {state}: {why}"),
        Entry::PersonSuppressed { why } => format!("number suppressed: {why}"),
        Entry::ConsentSaid { channels, said, said_at, evidence, by } => {
            let proof = evidence.as_ref().map(|e| format!(", proof {e}")).unwrap_or_default();
            let by = by.as_ref().map(|by| {
                let place = by.place.as_ref().map(|p| format!(", {p}")).unwrap_or_default();
                format!(", written down by {}: {}{place}", by.who, by.why)
            });
            format!(
                "consent {said} on {} for {}{proof}{}",
                local(*said_at),
                channels.join(" and "),
                by.unwrap_or_default()
            )
        }
        Entry::ConsentChecked { who, source, answer, .. } => {
            format!("{who} asked {source} about a number's consent: {answer}")
        }
        Entry::Access { who, what, .. } => format!("{who}: {}", did(what)),
        Entry::TokenCreated { token, label, who, .. } => {
            format!("token {token} made by {who}: {label}")
        }
        Entry::FactApplied { fact_type, via, plan, cancelled, .. } => format!(
            "fact {fact_type} from {via} applied: {} planned, {} cancelled",
            plan.iter().filter(|rule| rule.ntf.is_some()).count(),
            cancelled.len()
        ),
        Entry::FactStale { fact_type, why, .. } => format!("fact {fact_type} came too late: {why}"),
        Entry::TokenRevoked { token, who } => format!("token {token} revoked by {who}"),
    }
}

/// What somebody saw or did on the pages.
pub(crate) fn did(what: &AccessKind) -> String {
    match what {
        AccessKind::LoggedIn => "logged in".to_owned(),
        AccessKind::LoggedOut { everywhere: true } => "logged out everywhere".to_owned(),
        AccessKind::LoggedOut { everywhere: false } => "logged out".to_owned(),
        AccessKind::LogInFailed { why } => format!("showed a token that opens nothing ({why})"),
        AccessKind::Denied { path, right: Some(right) } => {
            format!("was refused {path}: the role does not have the right to {right}")
        }
        AccessKind::Denied { path, right: None } => {
            format!("was refused {path}: another clinic's, or a form of elsewhere")
        }
        AccessKind::Opened { reason, fields } => format!("opened {}: {reason}", fields.join(", ")),
        AccessKind::Exported { filter, rows } => format!("took {rows} row(s) as a file: {filter}"),
        AccessKind::Acted { what } => what.clone(),
    }
}

/// What became of a fact.
pub(crate) fn fact_verdict(state: &str, why: &str) -> String {
    let why = match why {
        "older" => "something newer about the same thing was known",
        "cancelled" => "the appointment had been cancelled in this version or a newer one",
        "known" => "the same was known already",
        other => other,
    };
    match state {
        "applied" => "It counts: the plans follow it.".to_owned(),
        _ => format!("Nothing was done: {why}."),
    }
}

/// A source's answer in İYS's own words, with its code.
fn answered(code: &str) -> String {
    let said = match code {
        "listed" => "ONAY",
        "not-listed" => "no ONAY",
        other => return other.to_owned(),
    };
    format!("{said} ({code})")
}

/// What one rule of a plan came to.
pub(crate) fn planned(line: &Planned) -> String {
    let rule = &line.rule;
    if let (Some(ntf), Some(at)) = (&line.ntf, line.at) {
        let wall = line.wall.as_ref().map(|wall| format!(" ({wall})")).unwrap_or_default();
        return format!("{rule}: {ntf}, at {}{wall}", local(at));
    }
    let why = match line.skipped.as_deref().unwrap_or_default() {
        "too-late" => "its moment had passed",
        "quiet-hours" => "no instant outside of quiet hours was left",
        "too-close" => "another one goes out within the clinic's gap",
        "appointment-past" => "the visit had begun",
        "sent-before" => "it was sent before the fact came",
        "nobody-known" => "nobody knows whom to tell",
        other => other,
    };
    format!("{rule}: not planned, {why}")
}

pub(crate) fn consent(evidence: &ConsentEvidence) -> String {
    let version =
        evidence.rule_version.as_deref().map(|v| format!(", version {v}")).unwrap_or_default();
    let mut parts =
        vec![format!("rule {} (of the {}{version})", evidence.rule, evidence.rule_from)];
    parts.extend(evidence.basis.as_ref().map(|basis| format!("legal basis: {basis}")));
    parts.extend(evidence.source.as_ref().map(|source| format!("asked {source}")));
    parts.extend(evidence.brand.as_ref().map(|brand| format!("brand {brand}")));
    parts.extend(evidence.asked_at.map(|at| format!("at {}", local(at))));
    parts.extend(evidence.request_id.as_ref().map(|id| format!("request {id}")));
    parts.extend(evidence.answer.as_ref().map(|answer| format!("answer: {}", answered(answer))));
    parts.extend(evidence.word.as_ref().map(|known| format!("word about {}", word(known))));
    parts.extend(evidence.opt_in.as_ref().map(|known| format!("opt-in to {}", word(known))));
    parts.join(", ")
}

/// What the registry said of a channel, when, and which fact tells more.
fn word(known: &WordEvidence) -> String {
    let at = known.said_at.map(|at| format!(" on {}", local(at))).unwrap_or_default();
    let fact = known.fact.as_ref().map(|fact| format!(" ({fact})")).unwrap_or_default();
    let said = if known.said == "none" { "none on record" } else { &known.said };
    format!("{}: {said}{at}{fact}", known.channel)
}

pub(crate) fn next(now: Situation<'_>) -> Vec<String> {
    let row = now.row;
    let due = row.due_at.map(local).unwrap_or_default();
    let lane = row.lane.as_deref().unwrap_or("?");
    match row.state {
        State::Waiting => {
            let mut lines = vec![match now.lane {
                Some(trouble) if trouble.is_paused() => format!(
                    "a person paused lane {lane} on {} ({}): it waits until `ulak lane resume {lane} --reason …`",
                    local(trouble.since),
                    trouble.why
                ),
                Some(trouble) if trouble.state != LaneState::Open => format!(
                    "lane {lane} is {} since {} ({}), next probe {}: it goes when the lane opens, at the earliest {due}",
                    trouble.state,
                    local(trouble.since),
                    trouble.why,
                    local(trouble.probe_at)
                ),
                _ => format!("decided again at {due}{}", on_lane(", ", lane)),
            }];
            lines.push(format!("if it has not gone by {}, it expires", local(row.expires_at)));
            lines
        }
        State::Released => {
            vec![format!("a worker takes copy {}; if none does, it is released again at {due}", row.fence)]
        }
        State::Sending => vec![format!(
            "its worker writes the outcome; if it does not come back, the attempt is unknown from {due} on"
        )],
        State::Unknown => vec![format!(
            "it is not sent again blindly: the provider is asked again at {due}; an answer that still comes counts"
        )],
        State::Suppressed if row.why == "no-consent" => vec![
            "nothing more. If the person agrees, have the consent entered at İYS (where consent.source is the registry: `ulak consent record`), then let the clinic publish it under a new id".to_owned(),
        ],
        State::Suppressed if row.why == "no-opt-in" => vec![
            "nothing more. If the person agrees to WhatsApp, write it down with `ulak consent record`, then let the clinic publish it under a new id".to_owned(),
        ],
        State::DeadLettered if now.handled => {
            vec!["nothing more: somebody has looked after it".to_owned()]
        }
        State::DeadLettered => vec![
            format!("nothing by itself. Mend the cause, then see what would happen: ulak dead-letter replay {}", row.ntf),
            "or let the clinic publish it again, corrected; a refused event's id is still free".to_owned(),
        ],
        State::Unresolved => vec![
            "nothing by itself: it may be on the phone. Ask the provider; an answer that still comes counts".to_owned(),
        ],
        State::Refused => vec!["nothing more: the provider's no is final for this message".to_owned()],
        State::Accepted if row.due_at.is_some() => {
            vec![format!("if nothing is heard of it by {due}, its next channel is tried")]
        }
        State::Accepted => {
            vec!["nothing more from here: a receipt of the provider that still comes counts".to_owned()]
        }
        _ => vec!["nothing more".to_owned()],
    }
}
