//! The story in English.

use ledger::lanes::LaneState;
use ledger::record::{ConsentEvidence, Entry, Planned, WordEvidence};
use ledger::state::State;

use super::delivery::{self, goes_on};
use super::words::{Frame, Situation, first_words, is_proven_absent, named, place};
use crate::commands::desk::local;

pub(super) const FRAME: Frame = Frame {
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

pub(super) fn verdict(state: State, why: &str) -> String {
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

pub(super) fn meaning(why: &str) -> Option<&'static str> {
    Some(match first_words(why) {
        "quiet-hours" => "it is quiet hours at the clinic, and this type observes them",
        "lane-closed" => "the provider account or sender does not work now, so its messages wait",
        "consent-silent" => {
            "the consent source does not answer, and without its answer nothing is sent"
        }
        "consent-later" => "no more questions about consent are allowed now, so it is asked later",
        "consent-not-asked" => "the answer about consent was too old and is asked for again",
        "retry" => "the last try certainly sent nothing, so it is tried again later",
        "failover" => "the provider certainly sent nothing, so the next one is tried at once",
        "rate" => "the account's cap of messages a second was used up",
        "no-route" => "the clinic has no provider account or sender for its channels",
        "contended" => "other messages about the same person or visit were being decided",
        "number-busy" => "another message to the same number is on its way",
        "another-reminder-in-flight" => "another reminder of the same visit is on its way",
        "same-thing-in-flight" => "another message about the same thing is on its way",
        "same-thing-waiting" => "another message about the same thing waits to be sent",
        "returned by the broker" => "the broker gave it back, and it was taken in again",
        "replayed" => "a person put it back after it was dead-lettered",
        "taken in after a refusal" => "a person took it in after it had been refused",
        "no-consent" => "the rule asks for consent, and whoever was asked has none on record",
        "no-opt-in" => {
            "WhatsApp needs the person's own agreement, and the registry has none that stands"
        }
        "suppressed" => "the number is on the list of those who must not be contacted",
        "duplicate of" => "a message about the same thing was sent before",
        "too soon after" => "a reminder of the same visit was sent a short time before",
        "superseded by" => "a newer message about the same thing took its place",
        "appointment-past" => "the visit had begun before it could be sent",
        "too-late" => "it was of no use any more",
        "too-late-after-failures" => "every try had failed until it was of no use any more",
        "quiet-hours-until-too-late" => "quiet hours last until it is of no use any more",
        "appointment-cancelled" => "the visit was cancelled",
        "stopped-by-operator" => "somebody stopped it with `ulak schedule cancel`",
        "superseded-by-newer-version" => {
            "the visit was changed, and another message took its place"
        }
        "plan" => "a fact planned it for its time",
        "new" => "it has just come, and a worker decides about it",
        "appointment-moved" => "the visit was moved, and this was about the old time",
        "appointment-stands" => "it told of a cancellation, and the visit stands",
        "appointment-cancelled-again" => {
            "it told of a cancellation, and the visit was cancelled once more since then"
        }
        "template" => "its text could not be made from the template",
        "crash-loop" => "the broker gave it back three times: handling it did not end",
        "handler-panic" => "handling it failed twice inside Ulak",
        "its body is missing" => "the sealed event is not in the ledger any more",
        "its body no longer fits the schema" => "the event type has changed since it was taken in",
        "its clinic or type is not configured" => "the configuration does not know them any more",
        "lease-ran-out" => "the worker that was sending it did not come back",
        "accepted-before" => "an earlier attempt was accepted",
        "next-channel" => {
            "it did not arrive on one channel, or nobody heard of it there, so the next one is tried"
        }
        "no-next-channel" => {
            "it was sent on one channel, and it was decided not to try the next one"
        }
        "resend" => {
            "the provider's books show that the attempt never arrived there, and its type is sent once more"
        }
        "found" => "its answer was lost, and the provider's books have it",
        "absent, and its type is not sent again" => {
            "the provider's books show that it never arrived there, and its type is not sent on its own a second time"
        }
        "absent, and too late to be sent again" => {
            "the provider's books show that it never arrived there, and it would come too late"
        }
        "absent, and it was sent again once before" => {
            "it was sent again once before, and no message is sent a third time"
        }
        "ambiguous" => {
            "the provider's books have messages to this number that may be it or another one"
        }
        "no later message of the account to compare with" => {
            "only a later message that is in the books proves that a missing one is missing, and there was none"
        }
        "the provider does not show a later message yet" => {
            "the provider's books were behind: what was sent later was not there either"
        }
        "a message is there that may be it or another one" => {
            "the provider's books have a message to this number that differs in something, or several"
        }
        "no answer" => "the provider did not answer the question",
        "its account is not configured any more" => "nobody can log in to look for it",
        "its provider cannot be asked" => "this provider has no books that can be asked",
        "its number and text cannot be opened any more" => "nobody knows any more what to look for",
        "nobody could look for it" => "no scheduler ran that could look for it",
        _ => return None,
    })
}

/// The reason with what it means.
fn reason(why: &str) -> String {
    meaning(why).map_or_else(|| why.to_owned(), |meaning| format!("{why}: {meaning}"))
}

pub(super) fn sentence(entry: &Entry) -> String {
    match entry {
        Entry::Received { via, .. } => format!("received by {via}"),
        Entry::Waiting { why, until, lane, .. } => {
            format!("decided to wait until {} on lane {lane}: {}", local(*until), reason(why))
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
        Entry::TokenCreated { token, label, who } => {
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

/// What became of a fact.
pub(super) fn fact_verdict(state: &str, why: &str) -> String {
    let why = match why {
        "older" => "something newer about the same thing was known",
        "cancelled" => "the appointment had been cancelled in this version or a newer one",
        "known" => "the same was known already",
        other => other,
    };
    match state {
        "applied" => "It counts: what follows from it is planned.".to_owned(),
        _ => format!("Nothing was done: {why}."),
    }
}

/// What one rule of a plan came to.
pub(super) fn planned(line: &Planned) -> String {
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

pub(super) fn consent(evidence: &ConsentEvidence) -> String {
    let version =
        evidence.rule_version.as_deref().map(|v| format!(", version {v}")).unwrap_or_default();
    let mut parts =
        vec![format!("rule {} (of the {}{version})", evidence.rule, evidence.rule_from)];
    parts.extend(evidence.basis.as_ref().map(|basis| format!("legal basis: {basis}")));
    parts.extend(evidence.source.as_ref().map(|source| format!("asked {source}")));
    parts.extend(evidence.brand.as_ref().map(|brand| format!("brand {brand}")));
    parts.extend(evidence.asked_at.map(|at| format!("at {}", local(at))));
    parts.extend(evidence.request_id.as_ref().map(|id| format!("request {id}")));
    parts.extend(evidence.answer.as_ref().map(|answer| format!("answer: {answer}")));
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

pub(super) fn next(now: Situation<'_>) -> Vec<String> {
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
                _ => format!("decided again at {due}, on lane {lane}"),
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
