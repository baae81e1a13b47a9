//! Events and notifications.

use crate::book::{Book, Counters, Labels};
use crate::cells::{One, Words, first_word};

/// Reasons that are told apart, for each type and state.
const REASONS: usize = 24;
/// The final states, as the ledger names them.
const FINAL: [&str; 9] = [
    "accepted",
    "delivered",
    "undelivered",
    "refused",
    "suppressed",
    "cancelled",
    "expired",
    "unresolved",
    "dead-lettered",
];
/// Stands for types that this process does not know.
const OTHER: &str = "other";

/// What came in and how it ended.
#[derive(Debug)]
pub struct Events {
    /// By type; the last one is of all others.
    types: Box<[OfType]>,
    refused: Counters,
    facts: Counters,
    twice: One,
    given_back: One,
}

#[derive(Debug)]
struct OfType {
    name: String,
    received: One,
    duplicates: One,
    deferred: Words,
    ended: Vec<(&'static str, Words)>,
}

impl Events {
    pub(crate) fn new<'a>(book: &mut Book, types: impl IntoIterator<Item = &'a str>) -> Self {
        let received = book.counter(
            "ulak_events_received_total",
            &["type"],
            "Events taken in as new notifications by this process, from a queue or over HTTP. What the scheduler plans from facts is not among them.",
        );
        let duplicates = book.counter(
            "ulak_events_duplicate_total",
            &["type"],
            "Events that were there already: the clinic published them again.",
        );
        let refused = book.counter(
            "ulak_events_refused_total",
            &["type", "rule"],
            "Events that no rule accepts; over HTTP they are answered and not kept. The rules are those of docs/events.md.",
        );
        let facts = book.counter(
            "ulak_facts_total",
            &["result"],
            "Facts decided about: applied, stale, refused, duplicate.",
        );
        let ended = book.counter(
            "ulak_notifications_ended_total",
            &["type", "state", "why"],
            "Notifications that this process moved to a final state. why is the first word of the reason, `provider` where the provider's answer decided (its code is in ulak_attempts_total). A late outcome may move one twice.",
        );
        let deferred = book.counter(
            "ulak_notifications_deferred_total",
            &["type", "why"],
            "Decisions to wait, by their reason.",
        );
        let twice = book.counter(
            "ulak_sent_twice_total",
            &[],
            "Notifications of which a second attempt was accepted. Each is an alert: it must stay 0.",
        );
        let given_back = book.counter(
            "ulak_messages_given_back_total",
            &[],
            "Messages given back because nothing durable could happen: the ledger was away, or others kept being in the way.",
        );
        let of = |name: &str| {
            let labels = || -> Labels { vec![("type", short(name).to_owned())] };
            let of_state = |state: &'static str| {
                let mut labels = labels();
                labels.push(("state", state.to_owned()));
                (state, Words::new(&ended, labels, "why", REASONS))
            };
            OfType {
                name: name.to_owned(),
                received: One::new(&received, labels()),
                duplicates: One::new(&duplicates, labels()),
                deferred: Words::new(&deferred, labels(), "why", REASONS),
                ended: FINAL.iter().map(|state| of_state(state)).collect(),
            }
        };
        let types = types.into_iter().chain([OTHER]).map(of).collect();
        let twice = One::new(&twice, vec![]).shown_at_zero();
        let given_back = One::new(&given_back, vec![]).shown_at_zero();
        Self { types, refused, facts, twice, given_back }
    }

    fn of(&self, event_type: &str) -> &OfType {
        // a handful of names: no map is faster
        let found = self.types.iter().find(|of| of.name == event_type);
        found.unwrap_or_else(|| &self.types[self.types.len() - 1])
    }

    /// An event was taken in as a new notification.
    pub fn received(&self, event_type: &str) {
        self.of(event_type).received.count();
    }

    /// An event was there already.
    pub fn duplicate(&self, event_type: &str) {
        self.of(event_type).duplicates.count();
    }

    /// An event was refused by a rule.
    pub fn refused(&self, event_type: &str, rule: &'static str) {
        let of = &self.of(event_type).name;
        let labels = vec![("type", short(of).to_owned()), ("rule", rule.to_owned())];
        self.refused.get_or_create(&labels).inc();
    }

    /// A fact was decided about.
    pub fn fact(&self, result: &'static str) {
        self.facts.get_or_create(&vec![("result", result.to_owned())]).inc();
    }

    /// A notification waits by a decision.
    pub fn deferred(&self, event_type: &str, why: &str) {
        self.of(event_type).deferred.count(first_word(why));
    }

    /// A notification came to a final state. `why`: its reason, or `provider`.
    pub fn ended(&self, event_type: &str, state: &str, why: &str) {
        let ended = self.of(event_type).ended.iter().find(|(name, _)| *name == state);
        if let Some((_, words)) = ended {
            words.count(first_word(why));
        }
    }

    /// A second attempt of a notification was accepted.
    pub fn sent_twice(&self) {
        self.twice.count();
    }

    /// A message was given back.
    pub fn given_back(&self) {
        self.given_back.count();
    }
}

/// `payment-receipt` of `ulak.payment-receipt.v1`.
pub(crate) fn short(name: &str) -> &str {
    let name = name.strip_prefix("ulak.").unwrap_or(name);
    name.rsplit_once(".v").map_or(name, |(name, _)| name)
}
