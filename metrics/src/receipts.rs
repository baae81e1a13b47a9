//! What became of accepted messages: receipts, webhooks, questions about them.

use crate::book::{Book, Counters, Gauges, Histograms, Labels};
use crate::cells::Words;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

/// Codes that are told apart, for each provider and state.
const CODES: usize = 48;
/// Providers that send receipts.
const PROVIDERS: [&str; 3] = ["netgsm", "twilio", "whatsapp"];
/// What alerts at its first time.
const CONTRADICTS: &str = "contradicts";

/// Receipts, webhooks and questions, by provider or account. The words of all labels but `code` are this project's own.
#[derive(Debug)]
pub struct Receipts {
    written: Counters,
    codes: Mutex<Vec<Code>>,
    without_effect: Counters,
    age: Histograms,
    webhooks: Counters,
    polls: Counters,
    late: Gauges,
}

#[derive(Debug)]
struct Code {
    provider: &'static str,
    delivery: &'static str,
    words: Words,
}

impl Receipts {
    pub(crate) fn new(book: &mut Book) -> Self {
        let receipts = Self {
            written: book.counter(
                "ulak_receipts_total",
                &["provider", "delivery", "code"],
                "Receipts that said something new of an accepted message, by what they say: queued, sent, delivered, read, undelivered, failed; unlisted for a word that no table has. code as in ulak_attempts_total.",
            ),
            codes: Mutex::default(),
            without_effect: book.counter(
                "ulak_receipts_without_effect_total",
                &["provider", "why"],
                "Receipts that changed nothing: known (the same again, or an earlier state late), contradicts (an alert), unmatched (no such attempt, or another provider's), no-reference (none of ours came back), other (no state of a message, such as a reply), unreadable, dropped (beyond the limit of one webhook).",
            ),
            age: book.histogram(
                "ulak_receipt_age_seconds",
                &["provider"],
                "Time from what a receipt tells, by the provider's clock where it says when, to its record.",
            ),
            webhooks: book.counter(
                "ulak_webhooks_total",
                &["provider", "result"],
                "Calls of webhooks: taken; refused as unsigned, forged, token (wrong or missing), not-configured, too-large, slow, unreadable; told to come again: crowded, full, away, stopping, defect.",
            ),
            polls: book.counter(
                "ulak_receipt_polls_total",
                &["account", "what"],
                "Asking a provider what became of messages: questions, refused (questions without an answer), asked (messages), told (messages whose answer is final), given-up (messages without one after the last look).",
            ),
            late: book.gauge(
                "ulak_receipt_polls_late_seconds",
                &["account"],
                "For how long the message that has waited longest to be asked about has been due; told by the scheduler that asks.",
            ),
        };
        for provider in PROVIDERS {
            let labels = vec![("provider", provider.to_owned()), ("why", CONTRADICTS.to_owned())];
            drop(receipts.without_effect.get_or_create(&labels));
        }
        receipts
    }

    /// A receipt said something new.
    pub fn written(&self, provider: &'static str, delivery: &'static str, code: &str) {
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        let is = |of: &Code| of.provider == provider && of.delivery == delivery;
        if let Some(of) = codes.iter().find(|of| is(of)) {
            return of.words.count(code);
        }
        let labels: Labels =
            vec![("provider", provider.to_owned()), ("delivery", delivery.to_owned())];
        let words = Words::new(&self.written, labels, "code", CODES);
        words.count(code);
        codes.push(Code { provider, delivery, words });
    }

    /// A receipt changed nothing.
    pub fn without_effect(&self, provider: &'static str, why: &'static str) {
        self.without_effect_of(provider, why, 1);
    }

    /// So many receipts changed nothing.
    pub fn without_effect_of(&self, provider: &'static str, why: &'static str, n: usize) {
        if n > 0 {
            let labels = vec![("provider", provider.to_owned()), ("why", why.to_owned())];
            self.without_effect.get_or_create(&labels).inc_by(n as u64);
        }
    }

    /// How old a receipt was when it was written.
    pub fn age(&self, provider: &'static str, age: Duration) {
        self.age.get_or_create(&vec![("provider", provider.to_owned())]).took(age);
    }

    /// A webhook was called.
    pub fn webhook(&self, provider: &'static str, result: &'static str) {
        let labels = vec![("provider", provider.to_owned()), ("result", result.to_owned())];
        self.webhooks.get_or_create(&labels).inc();
    }

    /// Something was asked of an account, or said by it, so often.
    pub fn polled(&self, account: &str, what: &'static str, n: usize) {
        if n > 0 {
            let labels = vec![("account", account.to_owned()), ("what", what.to_owned())];
            self.polls.get_or_create(&labels).inc_by(n as u64);
        }
    }

    /// For how long an account's oldest question has been due.
    pub fn polls_late(&self, account: &str, by: Duration) {
        let labels = vec![("account", account.to_owned())];
        self.late.get_or_create(&labels).set(by.as_secs_f64());
    }
}
