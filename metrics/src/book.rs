//! Registering a metric and describing it are one step, so that the document cannot miss one.

use crate::cells::Times;
use crate::costs::Amounts;
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Metric, Registry};
use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::atomic::AtomicU64;

/// Names and values of labels.
pub(crate) type Labels = Vec<(&'static str, String)>;
/// A counter by its labels.
pub(crate) type Counters = Family<Labels, Counter>;
/// A gauge by its labels.
pub(crate) type Gauges = Family<Labels, Gauge<f64, AtomicU64>>;
/// A histogram of seconds by its labels.
pub(crate) type Histograms = Family<Labels, Times>;

/// How a metric moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only up, from 0 at the start of the process.
    Counter,
    /// Up and down.
    Gauge,
    /// Counts of seconds by bucket.
    Histogram,
}

/// What is told of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// Its name, as it is scraped.
    pub name: &'static str,
    /// How it moves.
    pub kind: Kind,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

impl About {
    /// Its line in the table of `docs/metrics.md`.
    pub fn line(&self) -> String {
        let kind = match self.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let labels: Vec<_> = self.labels.iter().map(|label| format!("`{label}`")).collect();
        format!("| `{}` | {kind} | {} | {} |", self.name, labels.join(" "), self.help)
    }
}

/// The registry of one process and what is in it.
#[derive(Debug, Default)]
pub(crate) struct Book {
    registry: Registry,
    about: Vec<About>,
}

impl Book {
    pub fn counter(
        &mut self,
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Counters {
        self.kept(Counters::default(), About { name, kind: Kind::Counter, labels, help })
    }

    pub fn gauge(
        &mut self,
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Gauges {
        self.kept(Gauges::default(), About { name, kind: Kind::Gauge, labels, help })
    }

    pub fn histogram(
        &mut self,
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Histograms {
        self.kept(Histograms::default(), About { name, kind: Kind::Histogram, labels, help })
    }

    /// A counter of money.
    pub fn amount(
        &mut self,
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Amounts {
        self.kept(Amounts::default(), About { name, kind: Kind::Counter, labels, help })
    }

    fn kept<F: Metric + Clone>(&mut self, family: F, about: About) -> F {
        let name = match about.kind {
            // the encoder writes the suffix itself
            Kind::Counter => about.name.strip_suffix("_total").unwrap_or(about.name),
            _ => about.name,
        };
        self.registry.register(name, about.help.trim_end_matches('.'), family.clone());
        self.about.push(about);
        family
    }

    pub fn about(&self) -> &[About] {
        &self.about
    }

    /// The encoder writes OpenMetrics, in which a counter is described without its suffix and which has an end mark; every scraper, and
    /// `promtool check metrics`, reads the older text format. What has no value yet is left out.
    pub fn text(&self) -> String {
        let mut written = String::new();
        if text::encode(&mut written, &self.registry).is_err() {
            // a String takes everything
            return String::new();
        }
        let counters: HashSet<&str> = self
            .about
            .iter()
            .filter(|about| about.kind == Kind::Counter)
            .filter_map(|about| about.name.strip_suffix("_total"))
            .collect();
        let mut out = String::with_capacity(written.len());
        let mut heads: Vec<String> = vec![];
        for line in written.lines() {
            let Some(comment) = line.strip_prefix("# ") else {
                out.extend(heads.drain(..));
                out.push_str(line);
                out.push('\n');
                continue;
            };
            let mut words = comment.splitn(3, ' ');
            let (Some(word), Some(name), Some(rest)) = (words.next(), words.next(), words.next())
            else {
                continue;
            };
            if word == "HELP" {
                // the one before had no value
                heads.clear();
            }
            let suffix = if counters.contains(name) { "_total" } else { "" };
            let mut head = String::new();
            // a String takes it all
            let _ = writeln!(head, "# {word} {name}{suffix} {rest}");
            heads.push(head);
        }
        out
    }
}

/// Sets a gauge family to exactly these values: what is not among them any more goes.
pub(crate) fn replace(family: &Gauges, known: &mut Vec<Labels>, values: Vec<(Labels, f64)>) {
    let mut now = Vec::with_capacity(values.len());
    for (labels, value) in values {
        family.get_or_create(&labels).set(value);
        now.push(labels);
    }
    for gone in known.iter().filter(|labels| !now.contains(labels)) {
        family.remove(gone);
    }
    *known = now;
}
