//! The log of accepted messages: a ring in memory that answers by number, by job and by time.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::lock::locked;
use crate::{meta, twilio};

mod view;

pub use view::MessageView;

/// Most messages kept; the oldest go first.
const MOST_MESSAGES: usize = 1_000_000;
/// Most bytes of text kept; the oldest go first.
const MOST_TEXT_BYTES: usize = 512 * 1024 * 1024;
/// Most messages in one answer of the control API; `more` says that there are others.
pub(crate) const MOST_IN_ONE_ANSWER: usize = 100_000;
/// First sixteen digits that follow the seconds in a jobid.
const JOBID_BASE: u64 = 1_000_000_000_000_000;

/// One accepted message, kept small: a million of these must fit beside everything else.
#[derive(Debug)]
pub(crate) struct Entry {
    pub at_ms: i64,
    pub start_ms: i64,
    /// 0: none given.
    pub stop_ms: i64,
    /// A key of [`crate::number`]: ten digits of a Turkish mobile, or a number abroad.
    pub to: u64,
    /// Number of the first message of its job.
    pub job: u64,
    /// Number of the message to the same phone before this one; 0: none.
    previous: u64,
    pub text: Box<str>,
    pub reference: Option<Box<str>>,
    /// The twelve digits as given; 0: none.
    startdate: u64,
    stopdate: u64,
    account: u32,
    pub sender: u32,
    /// Twilio's Messaging Service; [`NO_NAME`]: none.
    pub service: u32,
    /// The WhatsApp template it was made of; [`NO_NAME`]: none.
    pub template: u32,
    /// The error code with which it ends whatever the script says of its number (Twilio, Meta); 0: none.
    pub error: u32,
    pub segments: u16,
    pub mark: Mark,
    pub kind: Kind,
    turkish: bool,
    filter: u8,
    /// Whether its text was taken out of what its vendor shows (Twilio); this log keeps it.
    pub redacted: bool,
}

/// Which call accepted a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Netgsm `send`.
    Send,
    /// Netgsm `otp`.
    Otp,
    /// Twilio `Messages`, SMS.
    Twilio,
    /// Twilio `Messages`, WhatsApp.
    TwilioWhatsApp,
    /// Meta `messages`.
    Meta,
}

impl Kind {
    /// Whether Twilio has it.
    pub(crate) fn is_twilio(self) -> bool {
        matches!(self, Self::Twilio | Self::TwilioWhatsApp)
    }

    /// Whether it went over WhatsApp.
    pub(crate) fn is_whatsapp(self) -> bool {
        matches!(self, Self::TwilioWhatsApp | Self::Meta)
    }
}

/// What became of a message already when it was accepted, or since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// On its way.
    Normal,
    /// Accepted without credit: status 14.
    NoCredit,
    /// Stopped by the İYS filter: status 16.
    IysRefused,
    /// Accepted with code 1000: the report never knows it.
    NotReportable,
    /// Cancelled before its start.
    Cancelled,
    /// Waits for a time that was asked for (Twilio `SendAt`).
    Scheduled,
    /// Deleted at its vendor (Twilio); this log keeps it.
    Deleted,
}

/// A message before it has a number.
#[derive(Debug)]
pub(crate) struct Draft {
    pub to: u64,
    pub text: String,
    pub reference: Option<String>,
    pub segments: u16,
    pub mark: Mark,
}

/// What the messages of one job share.
#[derive(Debug)]
pub(crate) struct Job<'a> {
    pub at_ms: i64,
    pub account: &'a str,
    pub sender: &'a str,
    pub startdate: Option<&'a str>,
    pub stopdate: Option<&'a str>,
    pub start_ms: i64,
    pub stop_ms: Option<i64>,
    pub turkish: bool,
    pub filter: u8,
    pub kind: Kind,
    pub service: Option<&'a str>,
    pub template: Option<&'a str>,
    pub error: u32,
}

/// The number that stands for "no iysfilter given".
pub(crate) const NO_FILTER: u8 = u8::MAX;
/// The number that stands for "no name".
pub(crate) const NO_NAME: u32 = u32::MAX;

/// Messages of an answer, and whether there are others after them.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    pub messages: Vec<MessageView>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Ring {
    /// Number of the oldest message kept, minus one.
    dropped: u64,
    entries: VecDeque<Entry>,
    last_to: HashMap<u64, u64>,
    names: Vec<Box<str>>,
    name_numbers: HashMap<Box<str>, u32>,
    text_bytes: usize,
    segments: u64,
}

impl Ring {
    /// Number of the newest message; 0: none yet.
    pub(crate) fn newest(&self) -> u64 {
        self.dropped + self.entries.len() as u64
    }

    /// Segments of all messages ever accepted.
    pub(crate) fn segments(&self) -> u64 {
        self.segments
    }

    pub(crate) fn get(&self, n: u64) -> Option<&Entry> {
        let index = n.checked_sub(self.dropped + 1)?;
        self.entries.get(usize::try_from(index).ok()?)
    }

    pub(crate) fn get_mut(&mut self, n: u64) -> Option<&mut Entry> {
        let index = n.checked_sub(self.dropped + 1)?;
        self.entries.get_mut(usize::try_from(index).ok()?)
    }

    pub(crate) fn name(&self, number: u32) -> &str {
        self.names.get(number as usize).map_or("", |name| name)
    }

    fn name_number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.name_numbers.get(name) {
            return *number;
        }
        let number = self.names.len() as u32;
        self.names.push(name.into());
        self.name_numbers.insert(name.into(), number);
        number
    }

    /// Whether this is a message of the account.
    pub(crate) fn is_of(&self, entry: &Entry, account: &str) -> bool {
        self.name(entry.account) == account
    }

    /// Jobs of an account to a number that were accepted after an instant; counts up to `enough`.
    pub(crate) fn recent_to(&self, account: &str, to: u64, after_ms: i64, enough: u32) -> u32 {
        let (mut count, mut next) = (0, self.last_to.get(&to).copied().unwrap_or(0));
        while let Some(entry) = self.get(next) {
            if entry.at_ms <= after_ms || count >= enough {
                break;
            }
            if self.is_of(entry, account) {
                count += 1;
            }
            next = entry.previous;
        }
        count
    }

    /// Takes the messages of a job in and returns the job's id.
    pub(crate) fn append(&mut self, job: &Job<'_>, drafts: Vec<Draft>) -> String {
        let first = self.newest() + 1;
        // Requests are worked on side by side; the log must stay sorted by time all the same.
        let at_ms = self.entries.back().map_or(job.at_ms, |last| job.at_ms.max(last.at_ms));
        let (account, sender) = (self.name_number(job.account), self.name_number(job.sender));
        let service = job.service.map_or(NO_NAME, |service| self.name_number(service));
        let template = job.template.map_or(NO_NAME, |template| self.name_number(template));
        let date = |text: Option<&str>| text.and_then(|text| text.parse().ok()).unwrap_or(0);
        for draft in drafts {
            let n = self.newest() + 1;
            self.text_bytes += draft.text.len();
            self.segments += u64::from(draft.segments);
            let previous = self.last_to.insert(draft.to, n).unwrap_or(0);
            self.entries.push_back(Entry {
                at_ms,
                start_ms: job.start_ms,
                stop_ms: job.stop_ms.unwrap_or(0),
                to: draft.to,
                job: first,
                previous,
                text: draft.text.into_boxed_str(),
                reference: draft.reference.map(String::into_boxed_str),
                startdate: date(job.startdate),
                stopdate: date(job.stopdate),
                account,
                sender,
                service,
                template,
                error: job.error,
                segments: draft.segments,
                mark: draft.mark,
                kind: job.kind,
                turkish: job.turkish,
                filter: job.filter,
                redacted: false,
            });
        }
        while self.entries.len() > MOST_MESSAGES || self.text_bytes > MOST_TEXT_BYTES {
            self.drop_oldest();
        }
        id(job.kind, at_ms, first)
    }

    fn drop_oldest(&mut self) {
        let Some(entry) = self.entries.pop_front() else { return };
        self.dropped += 1;
        self.text_bytes = self.text_bytes.saturating_sub(entry.text.len());
        if self.last_to.get(&entry.to) == Some(&self.dropped) {
            self.last_to.remove(&entry.to);
        }
    }

    /// Numbers of the messages of an account's job; empty where there is no such job.
    pub(crate) fn job(&self, account: &str, jobid_text: &str) -> Vec<u64> {
        let Some(first) = job_number(jobid_text) else { return Vec::new() };
        (first..)
            .map_while(|n| self.get(n).filter(|entry| entry.job == first).map(|entry| (n, entry)))
            .filter(|(_, entry)| {
                self.is_of(entry, account) && jobid(entry.at_ms, entry.job) == jobid_text
            })
            .map(|(n, _)| n)
            .collect()
    }

    /// Numbers below `before` of the messages to a phone (or to anybody), newest first.
    pub(crate) fn newest_first(
        &self,
        to: Option<u64>,
        before: u64,
    ) -> impl Iterator<Item = (u64, &Entry)> {
        let mut next = match to {
            Some(to) => self.last_to.get(&to).copied().unwrap_or(0),
            None => self.newest().min(before.saturating_sub(1)),
        };
        std::iter::from_fn(move || {
            let n = next;
            let entry = self.get(n)?;
            next = if to.is_some() { entry.previous } else { n - 1 };
            Some((n, entry))
        })
        .filter(move |(n, _)| *n < before)
    }

    /// Numbers of all messages accepted between two instants, both included.
    pub(crate) fn between(&self, from_ms: i64, to_ms: i64) -> impl Iterator<Item = (u64, &Entry)> {
        // Numbers are given in the order of acceptance, so the ring is sorted by time.
        let start = self.entries.partition_point(|entry| entry.at_ms < from_ms);
        self.entries
            .range(start..)
            .take_while(move |entry| entry.at_ms <= to_ms)
            .enumerate()
            .map(move |(offset, entry)| (self.dropped + 1 + (start + offset) as u64, entry))
    }

    /// Marks the messages of a job.
    pub(crate) fn mark(&mut self, numbers: &[u64], mark: Mark) {
        for n in numbers {
            if let Some(entry) = self.get_mut(*n) {
                entry.mark = mark;
            }
        }
    }

    fn page(&self, after: u64, to: Option<u64>, most: usize) -> Page {
        let oldest = after.max(self.dropped) + 1;
        let mut numbers = Vec::new();
        match to {
            Some(to) => {
                let mut next = self.last_to.get(&to).copied().unwrap_or(0);
                while next >= oldest {
                    numbers.push(next);
                    next = self.get(next).map_or(0, |entry| entry.previous);
                }
                numbers.reverse();
                numbers.truncate(most + 1);
            }
            None => numbers.extend((oldest..=self.newest()).take(most + 1)),
        }
        let more = numbers.len() > most;
        numbers.truncate(most);
        Page { messages: numbers.iter().filter_map(|n| self.view(*n)).collect(), more }
    }
}

/// The id that a vendor gives to the message with this number.
fn id(kind: Kind, at_ms: i64, n: u64) -> String {
    match kind {
        Kind::Send | Kind::Otp => jobid(at_ms, n),
        Kind::Twilio | Kind::TwilioWhatsApp => twilio::sid(at_ms, n),
        Kind::Meta => meta::id(at_ms, n),
    }
}

/// A jobid as Netgsm gives them: 26 digits, too many for 64 bits (facts A0).
pub(crate) fn jobid(at_ms: i64, job: u64) -> String {
    format!("{:010}{}", at_ms / 1000, JOBID_BASE + job)
}

fn job_number(jobid: &str) -> Option<u64> {
    if jobid.len() != 26 || !jobid.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    jobid[10..].parse::<u64>().ok()?.checked_sub(JOBID_BASE)
}

/// The ring and the bell that rings when something is added.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    ring: Mutex<Ring>,
    added: Notify,
}

impl Messages {
    /// Works on the ring under its lock.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Ring) -> T) -> T {
        work(&mut locked(&self.ring))
    }

    /// Wakes those who wait for messages.
    pub(crate) fn ring_the_bell(&self) {
        self.added.notify_waiters();
    }

    /// Messages newer than `after`, at most `most`.
    pub(crate) fn page(&self, after: u64, to: Option<u64>, most: usize) -> Page {
        self.with(|ring| ring.page(after, to, most))
    }

    /// Waits until `count` messages fit, at most so long, and returns what fits then.
    pub(crate) async fn wait(
        &self,
        (after, to, most): (u64, Option<u64>, usize),
        count: usize,
        at_most: Duration,
    ) -> Page {
        let deadline = Instant::now() + at_most;
        loop {
            let added = self.added.notified();
            tokio::pin!(added);
            // Registered before the look, so nothing added in between is missed.
            added.as_mut().enable();
            let fitting = self.with(|ring| match to {
                Some(_) => ring.page(after, to, count).messages.len(),
                None => (ring.newest() - after.max(ring.dropped).min(ring.newest())) as usize,
            });
            if fitting >= count || tokio::time::timeout_at(deadline, added).await.is_err() {
                return self.page(after, to, most);
            }
        }
    }
}

#[cfg(test)]
mod tests;
