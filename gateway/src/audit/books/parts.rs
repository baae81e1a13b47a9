//! The parts of the page of books: each a plot, what its marks stand for, and a table of the same numbers.

use super::numbers::{Numbers, drawn};
use super::{Books, cost};
use crate::audit::plots::{self, Caption, Scale, Series};
use ledger::days::DayBooks;
use ledger::state::State;
use metrics::Prices;
use serde::Serialize;
use std::collections::BTreeMap;

/// Reasons that are drawn; the table has all.
const REASONS: usize = 10;
/// Marks of what has no colour of its own, such as providers, in their order.
pub(super) const MARKS: [&str; 6] = ["mark-1", "mark-2", "mark-3", "mark-4", "mark-5", "mark-6"];

/// A text of the catalogue.
pub(super) type Texts<'a> = &'a dyn Fn(&'static str) -> &'static str;

/// One part.
#[derive(Debug, Serialize)]
pub(super) struct Part {
    /// Unique on the page, and the key of its texts.
    pub id: String,
    /// The plot. It is inserted apart, as text that is escaped already.
    #[serde(skip)]
    pub svg: String,
    pub heading: String,
    /// What to know for reading it.
    pub note: &'static str,
    /// What marks stand for.
    pub legend: Vec<(&'static str, String)>,
    /// What is in none of its numbers because it is not known; empty: nothing.
    pub unknown: String,
    pub table: Table,
}

/// Numbers as text.
#[derive(Debug, Default, Serialize)]
pub(super) struct Table {
    pub caption: String,
    /// Columns at the left that are words.
    pub words: usize,
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
    pub foot: Vec<String>,
}

/// All parts.
pub(super) fn all(books: &Books, prices: &Prices, text: Texts<'_>, numbers: Numbers) -> Vec<Part> {
    let mut parts = vec![
        volume(books, text, numbers),
        delivered(books, text, numbers),
        speed(books, text, numbers),
        failures(books, text, numbers),
        segments(books, text, numbers),
    ];
    parts.extend(cost::parts(books, prices, text, numbers));
    parts
}

fn volume(books: &Books, text: Texts<'_>, numbers: Numbers) -> Part {
    let there = |state: &&State| books.all.states.get(*state).is_some_and(|n| *n > 0);
    let states: Vec<State> = State::ALL.iter().filter(there).copied().collect();
    let of = |books: &DayBooks, state: State| books.states.get(&state).copied().unwrap_or(0);
    let series: Vec<Series> = states
        .iter()
        .map(|state| Series {
            class: state_mark(*state),
            name: story::state(numbers.0, *state).to_owned(),
            values: books.days.iter().map(|day| Some(of(day, *state) as f64)).collect(),
        })
        .collect();
    let row = |books: &DayBooks| {
        let by_state = states.iter().map(|state| numbers.count(of(books, *state)));
        let sides = [books.received, books.gap].map(|n| numbers.count(n));
        sides.into_iter().chain(by_state).collect::<Vec<_>>()
    };
    let head =
        ["books.col.day", "books.col.received", "books.col.gap"].map(text).map(str::to_owned);
    let head = head.into_iter().chain(series.iter().map(|of| of.name.clone())).collect();
    Part {
        svg: plots::columns(caption("volume", text), &days(books, numbers), &series, &|n| {
            numbers.whole(n)
        }),
        legend: legend(&series),
        table: by_day("books.volume.caption", text, head, books, numbers, &row),
        ..part("volume", text)
    }
}

fn delivered(books: &Books, text: Texts<'_>, numbers: Numbers) -> Part {
    let share = |books: &DayBooks| {
        let (arrived, known) = books.delivered_of_known();
        (known > 0).then(|| arrived as f64 / known as f64)
    };
    let series = [Series {
        class: "line-1",
        name: text("books.delivered.share").to_owned(),
        values: books.days.iter().map(share).collect(),
    }];
    let row = |books: &DayBooks| {
        let (arrived, known) = books.delivered_of_known();
        let counts = [books.sent(), known, arrived].map(|n| numbers.count(n));
        counts.into_iter().chain([numbers.share_of((arrived, known))]).collect::<Vec<_>>()
    };
    let keys = [
        "books.col.day",
        "books.col.sent",
        "books.col.known",
        "books.col.arrived",
        "books.delivered.share",
    ];
    let head = keys.map(|key| text(key).to_owned()).to_vec();
    Part {
        svg: plots::lines(
            caption("delivered", text),
            &days(books, numbers),
            &series,
            &Scale::shares(),
            &|share| numbers.share(share),
        ),
        legend: legend(&series),
        table: by_day("books.delivered.caption", text, head, books, numbers, &row),
        ..part("delivered", text)
    }
}

fn speed(books: &Books, text: Texts<'_>, numbers: Numbers) -> Part {
    let of = |class: &'static str, key: &'static str, share: f64| Series {
        class,
        name: text(key).to_owned(),
        values: books.days.iter().map(|day| drawn(&day.time_to_send, share)).collect(),
    };
    let series = [of("line-1", "books.speed.p50", 0.50), of("line-2", "books.speed.p95", 0.95)];
    let all = series.iter().flat_map(|of| of.values.iter().flatten().copied());
    let scale = Scale::durations(all);
    let row = |books: &DayBooks| {
        let times = &books.time_to_send;
        let count = numbers.count(times.count());
        vec![count, numbers.within(times, 0.50), numbers.within(times, 0.95)]
    };
    let keys = ["books.col.day", "books.col.measured", "books.speed.p50", "books.speed.p95"];
    let head = keys.map(|key| text(key).to_owned()).to_vec();
    Part {
        svg: plots::lines(caption("speed", text), &days(books, numbers), &series, &scale, &|ms| {
            numbers.duration(ms)
        }),
        legend: legend(&series),
        table: by_day("books.speed.caption", text, head, books, numbers, &row),
        ..part("speed", text)
    }
}

fn failures(books: &Books, text: Texts<'_>, numbers: Numbers) -> Part {
    let mut failures: Vec<_> = books.all.failures.iter().collect();
    failures.sort_by(|a, b| b.n.cmp(&a.n).then_with(|| a.reason.cmp(&b.reason)));
    let drawn: Vec<(String, f64)> =
        failures.iter().take(REASONS).map(|of| (of.reason.clone(), of.n as f64)).collect();
    let total: i64 = failures.iter().map(|of| of.n).sum();
    let head = ["books.col.reason", "books.col.meaning", "books.col.state", "books.col.count"];
    let rows = failures.iter().map(|of| {
        let meaning = story::meaning(numbers.0, &of.reason).unwrap_or_default().to_owned();
        let state = story::state(numbers.0, of.state).to_owned();
        vec![of.reason.clone(), meaning, state, numbers.count(of.n)]
    });
    let foot = [text("books.total"), "", ""].map(str::to_owned).into_iter();
    Part {
        svg: plots::bars(caption("failures", text), "mark-1", &drawn, &|n| numbers.whole(n)),
        legend: vec![],
        table: Table {
            caption: text("books.failures.caption").to_owned(),
            words: 3,
            head: head.map(|key| text(key).to_owned()).to_vec(),
            rows: rows.collect(),
            foot: foot.chain([numbers.count(total)]).collect(),
        },
        ..part("failures", text)
    }
}

fn segments(books: &Books, text: Texts<'_>, numbers: Numbers) -> Part {
    let mut providers: BTreeMap<&str, i64> = BTreeMap::new();
    for taken in &books.all.taken {
        *providers.entry(provider(&taken.lane)).or_default() += taken.segments;
    }
    let of = |books: &DayBooks, name: &str| -> i64 {
        let lanes = books.taken.iter().filter(|taken| provider(&taken.lane) == name);
        lanes.map(|taken| taken.segments).sum()
    };
    let series: Vec<Series> = providers
        .keys()
        .zip(MARKS.into_iter().cycle())
        .map(|(name, class)| Series {
            class,
            name: (*name).to_owned(),
            values: books.days.iter().map(|day| Some(of(day, name) as f64)).collect(),
        })
        .collect();
    let accepted = |books: &DayBooks| books.taken.iter().map(|taken| taken.accepted).sum::<i64>();
    let row = |books: &DayBooks| {
        let sums = [accepted(books), books.segments()].map(|n| numbers.count(n));
        let each = providers.keys().map(|name| numbers.count(of(books, name)));
        sums.into_iter().chain(each).collect::<Vec<_>>()
    };
    let head = ["books.col.day", "books.col.accepted", "books.col.segments"].map(text);
    let head = head.map(str::to_owned).into_iter();
    let head = head.chain(providers.keys().map(|name| (*name).to_owned())).collect();
    Part {
        svg: plots::columns(caption("segments", text), &days(books, numbers), &series, &|n| {
            numbers.whole(n)
        }),
        legend: legend(&series),
        table: by_day("books.segments.caption", text, head, books, numbers, &row),
        ..part("segments", text)
    }
}

/// The first word of a lane.
fn provider(lane: &str) -> &str {
    lane.split('/').next().unwrap_or(lane)
}

pub(super) fn days(books: &Books, numbers: Numbers) -> Vec<String> {
    books.days.iter().map(|day| numbers.short_day(day.day)).collect()
}

pub(super) fn legend(series: &[Series]) -> Vec<(&'static str, String)> {
    series.iter().map(|of| (of.class, of.name.clone())).collect()
}

/// A row a day, newest first, and the sum of all.
pub(super) fn by_day(
    caption: &'static str,
    text: Texts<'_>,
    head: Vec<String>,
    books: &Books,
    numbers: Numbers,
    row: &dyn Fn(&DayBooks) -> Vec<String>,
) -> Table {
    let line = |first: String, of: &DayBooks| [vec![first], row(of)].concat();
    let days = books.days.iter().rev();
    // a day on which nothing came says nothing that the plot does not
    let days = days.filter(|day| day.received != 0 || !day.states.is_empty());
    Table {
        caption: text(caption).to_owned(),
        words: 1,
        head,
        rows: days.map(|day| line(numbers.day(day.day), day)).collect(),
        foot: line(text("books.total").to_owned(), &books.all),
    }
}

fn caption(id: &'static str, text: Texts<'_>) -> Caption<'static> {
    let (title, desc) = keys(id);
    Caption { id, title: text(title), desc: text(desc) }
}

/// A part with its texts, and nothing else yet.
fn part(id: &'static str, text: Texts<'_>) -> Part {
    let (heading, note) = keys(id);
    Part {
        id: id.to_owned(),
        svg: String::new(),
        heading: text(heading).to_owned(),
        note: text(note),
        legend: vec![],
        unknown: String::new(),
        table: Table::default(),
    }
}

/// Title and note of a part.
fn keys(id: &'static str) -> (&'static str, &'static str) {
    match id {
        "volume" => ("books.volume.title", "books.volume.note"),
        "delivered" => ("books.delivered.title", "books.delivered.note"),
        "speed" => ("books.speed.title", "books.speed.note"),
        "failures" => ("books.failures.title", "books.failures.note"),
        _ => ("books.segments.title", "books.segments.note"),
    }
}

/// The mark of a state in the style sheet.
const fn state_mark(state: State) -> &'static str {
    match state {
        State::Waiting => "s-waiting",
        State::Released => "s-released",
        State::Sending => "s-sending",
        State::Unknown => "s-unknown",
        State::Accepted => "s-accepted",
        State::Delivered => "s-delivered",
        State::Undelivered => "s-undelivered",
        State::Refused => "s-refused",
        State::Suppressed => "s-suppressed",
        State::Cancelled => "s-cancelled",
        State::Expired => "s-expired",
        State::Unresolved => "s-unresolved",
        State::DeadLettered => "s-dead-lettered",
    }
}
