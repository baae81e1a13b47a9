//! The process itself.

use crate::book::{Book, Counters, Gauges};
use std::sync::atomic::Ordering;

/// What is told of the connection to the broker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Link {
    /// The connection for publishing stands.
    pub publishing: bool,
    /// The connection for consuming stands.
    pub consuming: bool,
    /// The broker lets nobody publish now.
    pub blocked: bool,
    /// Publications by their fate: confirmed, returned, nacked, unconfirmed.
    pub published: [u64; 4],
    /// Messages published once more.
    pub republished: u64,
    /// Sessions of the publishing connection, the first included.
    pub sessions: u64,
}

/// Build, broker, ledger.
#[derive(Debug)]
pub struct Process {
    build: Gauges,
    up: Gauges,
    blocked: Gauges,
    published: Counters,
    republished: Counters,
    sessions: Counters,
    consumed: Counters,
    away: Gauges,
    outages: Counters,
    offset: Gauges,
    ahead: Gauges,
    ready: Gauges,
    requests: Counters,
}

impl Process {
    pub(crate) fn new(book: &mut Book) -> Self {
        Self {
            build: book.gauge("ulak_build_info", &["process", "version"], "1; which program this is and what it runs as."),
            away: book.gauge("ulak_ledger_away", &[], "1 while nothing is taken because the ledger does not answer."),
            outages: book.counter("ulak_ledger_outages_total", &[], "How often this process stopped taking because the ledger did not answer."),
            ahead: book.gauge("ulak_clock_ahead_seconds", &["host"], "By how much our clock (the database's) is ahead of the one of a provider or of İYS, by the Date of its answers in the last five minutes; negative: behind. Right to some seconds."),
            offset: book.gauge("ulak_clock_offset_seconds", &[], "How far this machine's clock is from the database's; above 5 s the process is not ready."),
            ready: book.gauge("ulak_ready", &["part"], "What /readyz says: all is 1 while it is 200; beside it each part that it asks of: configuration, texts, ledger, broker, clock, not-stopping. Looked at every 5 s."),
            up: book.gauge("ulak_broker_connected", &["link"], "1 while the connection to the broker stands: publishing, consuming."),
            blocked: book.gauge("ulak_broker_blocked", &[], "1 while the broker takes no publications: it is short of memory or disk."),
            published: book.counter("ulak_broker_published_total", &["fate"], "Publications by their fate: confirmed, returned (no queue takes it), nacked, unconfirmed (in time)."),
            republished: book.counter("ulak_broker_republished_total", &[], "Messages published once more because a session ended before their confirm."),
            sessions: book.counter("ulak_broker_sessions_total", &[], "Sessions of the publishing connection, the first included."),
            consumed: book.counter("ulak_broker_deliveries_total", &["queue", "result"], "Deliveries of each queue: delivered, acked, lost-ack (it comes again), requeued, dropped."),
            requests: book.counter("ulak_http_requests_total", &["path", "method", "status"], "Requests at the HTTP door by path (parameters in braces), method and status."),
        }
    }

    /// Which process this is.
    pub fn is(&self, process: &str, version: &str) {
        let labels = vec![("process", process.to_owned()), ("version", version.to_owned())];
        self.build.get_or_create(&labels).set(1.0);
    }

    /// How the broker's connections stand.
    pub fn broker(&self, link: &Link) {
        for (name, up) in [("publishing", link.publishing), ("consuming", link.consuming)] {
            self.up.get_or_create(&vec![("link", name.to_owned())]).set(f64::from(u8::from(up)));
        }
        self.blocked.get_or_create(&vec![]).set(f64::from(u8::from(link.blocked)));
        let fates = ["confirmed", "returned", "nacked", "unconfirmed"];
        for (fate, n) in fates.into_iter().zip(link.published) {
            total(&self.published, &[("fate", fate)], n);
        }
        total(&self.republished, &[], link.republished);
        total(&self.sessions, &[], link.sessions);
    }

    /// What was consumed from a queue so far.
    pub fn consumed(&self, queue: &str, counts: &[(&'static str, u64)]) {
        for (result, n) in counts {
            total(&self.consumed, &[("queue", queue), ("result", result)], *n);
        }
    }

    /// How the ledger answers.
    pub fn ledger(&self, away: bool, outages: u64) {
        self.away.get_or_create(&vec![]).set(f64::from(u8::from(away)));
        total(&self.outages, &[], outages);
    }

    /// Whether a part of what readiness is asked of does what it should.
    pub fn ready(&self, part: &'static str, is: bool) {
        self.ready.get_or_create(&vec![("part", part.to_owned())]).set(f64::from(u8::from(is)));
    }

    /// How far the clock is off, milliseconds.
    pub fn clock_off(&self, ms: i64) {
        self.offset.get_or_create(&vec![]).set(ms as f64 / 1_000.0);
    }

    /// By how much our clock is ahead of each host's, milliseconds; of those that are not named nobody knows any more.
    pub fn clock_ahead(&self, hosts: &[(String, i64)]) {
        self.ahead.clear();
        for (host, ms) in hosts {
            self.ahead.get_or_create(&vec![("host", host.clone())]).set(*ms as f64 / 1_000.0);
        }
    }

    /// The HTTP door answered. `path` is the route's, never what was asked for.
    pub fn answered(&self, path: &str, method: &str, status: u16) {
        let labels = vec![
            ("path", path.to_owned()),
            ("method", method.to_owned()),
            ("status", status.to_string()),
        ];
        self.requests.get_or_create(&labels).inc();
    }
}

/// Sets a counter that somebody else counts.
fn total(family: &Counters, labels: &[(&'static str, &str)], n: u64) {
    let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    family.get_or_create(&labels).inner().store(n, Ordering::Relaxed);
}
