//! What the books cost: segments times the price that is configured now. A lane without a price has no cost that is known, and is in
//! no sum.

use super::Books;
use super::numbers::{NOTHING, Numbers};
use super::parts::{self, MARKS, Part, Table, Texts};
use crate::audit::plots::{self, Caption, Series};
use ledger::days::{DayBooks, Taken};
use metrics::{Currency, MICROS, Price, Prices};
use std::collections::{BTreeMap, BTreeSet};

/// What cost how much.
#[derive(Debug, Default)]
struct Bill {
    /// Millionths by currency: amounts of two currencies have no sum.
    sums: BTreeMap<Currency, u128>,
    /// Segments on lanes without a price, by account and channel.
    unknown: BTreeMap<(String, String), i64>,
}

impl Bill {
    fn of(books: &DayBooks, prices: &Prices) -> Self {
        let mut bill = Self::default();
        for taken in &books.taken {
            match prices.of_lane(&taken.lane, &taken.channel) {
                Some(price) => {
                    *bill.sums.entry(price.currency()).or_default() += micros(taken, price);
                }
                None => {
                    let key = (account(&taken.lane).to_owned(), taken.channel.clone());
                    *bill.unknown.entry(key).or_default() += taken.segments;
                }
            }
        }
        bill
    }
}

/// What was taken costs, in one line: a sum for each currency, and that there is more where a price is not known.
pub(super) fn said(books: &DayBooks, prices: &Prices, text: Texts<'_>, numbers: Numbers) -> String {
    let bill = Bill::of(books, prices);
    let sums = bill.sums.iter().map(|(currency, micros)| numbers.money(*micros, *currency));
    let unknown = (!bill.unknown.is_empty()).then(|| text("books.cost.unknown").to_owned());
    let all: Vec<String> = sums.chain(unknown).collect();
    if all.is_empty() { NOTHING.to_owned() } else { all.join(" + ") }
}

/// A part for each currency, and which lanes are in none of them. Nothing was taken: no part.
pub(super) fn parts(
    books: &Books,
    prices: &Prices,
    text: Texts<'_>,
    numbers: Numbers,
) -> Vec<Part> {
    let bill = Bill::of(&books.all, prices);
    let unknown: Vec<String> = bill
        .unknown
        .iter()
        .map(|((account, channel), n)| format!("{account} {channel} ({})", numbers.count(*n)))
        .collect();
    let mut found: Vec<Part> =
        bill.sums.keys().map(|of| part(books, prices, *of, text, numbers)).collect();
    if found.is_empty() && !unknown.is_empty() {
        found.push(Part { heading: text("books.cost.title").to_owned(), ..empty("cost", text) });
    }
    // said once, with the first of them
    if let Some(first) = found.first_mut() {
        first.unknown = unknown.join(", ");
    }
    found
}

/// A lane, or all that have no column of their own.
struct Column {
    name: String,
    /// Lane and channel.
    lanes: BTreeSet<(String, String)>,
}

impl Column {
    /// What of a day stands in it, millionths. `None`: these lanes took nothing.
    fn of(&self, books: &DayBooks, prices: &Prices) -> Option<u128> {
        // there may be thousands
        let mine =
            |taken: &&Taken| self.lanes.contains(&(taken.lane.clone(), taken.channel.clone()));
        let each = books.taken.iter().filter(mine);
        let each = each.filter_map(|of| Some(micros(of, prices.of_lane(&of.lane, &of.channel)?)));
        each.fold(None, |sum, micros| Some(sum.unwrap_or(0) + micros))
    }
}

fn part(
    books: &Books,
    prices: &Prices,
    currency: Currency,
    text: Texts<'_>,
    numbers: Numbers,
) -> Part {
    let columns = columns(books, prices, currency, text, numbers);
    let drawn = |micros: Option<u128>| Some(micros.unwrap_or(0) as f64 / MICROS as f64);
    let series: Vec<Series> = columns
        .iter()
        .zip(MARKS)
        .map(|(column, class)| Series {
            class,
            name: column.name.clone(),
            values: books.days.iter().map(|day| drawn(column.of(day, prices))).collect(),
        })
        .collect();
    let row = |books: &DayBooks| {
        let sum = Bill::of(books, prices).sums.get(&currency).copied();
        let each = columns.iter().map(|column| column.of(books, prices));
        let said = |micros: Option<u128>| {
            micros.map_or_else(|| NOTHING.to_owned(), |micros| numbers.money(micros, currency))
        };
        [sum].into_iter().chain(each).map(said).collect()
    };
    let head = ["books.col.day", "books.total"].map(text).map(str::to_owned).into_iter();
    let head = head.chain(series.iter().map(|of| of.name.clone())).collect();
    let id = format!("cost-{}", currency.as_str().to_ascii_lowercase());
    let with_currency = |key| format!("{} ({currency})", text(key));
    let title = with_currency("books.cost.title");
    let caption = Caption { id: &id, title: &title, desc: text("books.cost.note") };
    let table = parts::by_day("books.cost.caption", text, head, books, numbers, &row);
    Part {
        svg: plots::columns(caption, &parts::days(books, numbers), &series, &|units| {
            drawn_amount(numbers, units)
        }),
        legend: parts::legend(&series),
        table: Table { caption: with_currency("books.cost.caption"), ..table },
        heading: title.clone(),
        ..empty(&id, text)
    }
}

/// An amount beside the plot: whole units, as the lines across have them, without digits behind the point, for which there is no room.
fn drawn_amount(numbers: Numbers, units: f64) -> String {
    let micros = (units * MICROS as f64).round() as u128;
    if micros.is_multiple_of(u128::from(MICROS)) {
        numbers.whole(units)
    } else {
        numbers.amount(micros)
    }
}

/// The lanes of a currency, those that cost most first; what has no mark of its own stands together.
fn columns(
    books: &Books,
    prices: &Prices,
    currency: Currency,
    text: Texts<'_>,
    numbers: Numbers,
) -> Vec<Column> {
    let mut lanes: Vec<(u128, Column)> = vec![];
    for taken in &books.all.taken {
        let Some(price) = prices.of_lane(&taken.lane, &taken.channel) else { continue };
        if price.currency() == currency {
            let price_said = numbers.money(u128::from(price.micros()), currency);
            let name = format!("{} × {price_said}", taken.lane);
            let lane = BTreeSet::from([(taken.lane.clone(), taken.channel.clone())]);
            lanes.push((micros(taken, price), Column { name, lanes: lane }));
        }
    }
    lanes.sort_by(|(a, one), (b, other)| b.cmp(a).then_with(|| one.name.cmp(&other.name)));
    let mut columns: Vec<Column> = lanes.into_iter().map(|(_, column)| column).collect();
    if columns.len() > MARKS.len() {
        let others = columns.split_off(MARKS.len() - 1);
        let name = format!("{} ({})", text("books.cost.others"), others.len());
        let lanes = others.into_iter().flat_map(|column| column.lanes).collect();
        columns.push(Column { name, lanes });
    }
    columns
}

/// Provider and account of a lane, as they stand in the configuration.
fn account(lane: &str) -> &str {
    lane.match_indices('/').nth(1).map_or(lane, |(at, _)| &lane[..at])
}

/// A part without its plot.
fn empty(id: &str, text: Texts<'_>) -> Part {
    Part {
        id: id.to_owned(),
        svg: String::new(),
        heading: String::new(),
        note: text("books.cost.note"),
        legend: vec![],
        unknown: String::new(),
        table: Table::default(),
    }
}

fn micros(taken: &Taken, price: Price) -> u128 {
    u128::try_from(taken.segments).unwrap_or(0) * u128::from(price.micros())
}
