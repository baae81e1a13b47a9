//! `/audit/books`: what came in on each day, what became of it, how fast, why not and how large, as plots and as tables.

mod cost;
pub(super) mod numbers;
mod parts;
mod span;

use crate::audit::call::Call;
use crate::audit::guard::{Shell, Turned, guard};
use crate::audit::{filter, page};
use crate::door::Door;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use ledger::access::Right;
use ledger::days::DayBooks;
use numbers::Numbers;
use serde::Serialize;
use span::Span;
use std::collections::BTreeMap;
use tera::{Context, Value};

/// The books of a span of days, as they are shown.
#[derive(Debug)]
struct Books {
    /// Every day of the span, also those on which nothing came.
    days: Vec<DayBooks>,
    /// All days of each clinic.
    clinics: Vec<DayBooks>,
    /// Everything.
    all: DayBooks,
    /// Of each clinic and day, and not only of their sum: what one day lacks another one's surplus does not mend.
    balances: bool,
}

/// The numbers above the plots.
#[derive(Serialize)]
struct Sums {
    received: String,
    sent: String,
    delivered: String,
    open: String,
    duplicates: String,
    sent_twice: String,
    cost: String,
    gap: String,
    balances: bool,
}

/// One clinic of several.
#[derive(Serialize)]
struct ClinicLine {
    /// Empty: the events whose clinic could not be read.
    id: String,
    name: String,
    received: String,
    sent: String,
    delivered: String,
    slow: String,
    segments: String,
    cost: String,
    gap: String,
}

/// `GET /audit/books?clinic=…&from=…&to=…`
pub(super) async fn get(State(door): State<Door>, call: Call) -> Result<Response, Turned> {
    let shell = guard(&door, call, Right::Read).await?;
    let Ok(clinic) = shell.held_to(shell.call.asked("clinic")) else {
        return Err(shell.missing(true).await);
    };
    let zone = filter::zone(&shell, clinic.as_deref());
    let today = shell.ledger.clock().now().with_timezone(&zone).date_naive();
    let asked = Span::asked(shell.call.asked("from"), shell.call.asked("to"), today);
    let mut context = Context::new();
    context.insert("clinic", clinic.as_deref().unwrap_or_default());
    context.insert("clinics", &shell.clinics());
    context.insert("longest", &span::LONGEST);
    context.insert("fault", "");
    let span = match asked {
        Ok(span) => span,
        Err(fault) => {
            context.insert("from", shell.call.asked("from"));
            context.insert("to", shell.call.asked("to"));
            context.insert("fault", fault);
            return Ok(page::page_with(&shell, StatusCode::BAD_REQUEST, "books.html", context));
        }
    };
    let days = shell.ledger.days(clinic.as_deref(), span.from, span.to, zone);
    let books = Books::of(shell.heavy(days).await?, span);
    context.insert("from", &span.from.to_string());
    context.insert("to", &span.to.to_string());
    context.insert("zone", zone.name());
    show(&shell, &books, clinic.is_none(), &mut context);
    Ok(page::page(&shell, "books.html", context))
}

fn show(shell: &Shell, books: &Books, of_all: bool, context: &mut Context) {
    let numbers = Numbers(shell.call.tongue);
    context.insert("sums", &sums(shell, books, numbers));
    let several = of_all && books.clinics.len() > 1;
    let lines = books.clinics.iter().filter(|_| several);
    let lines: Vec<ClinicLine> = lines.map(|books| line(shell, books, numbers)).collect();
    context.insert("lines", &lines);
    let parts = if books.all.received == 0 && books.all.states.is_empty() {
        vec![]
    } else {
        parts::all(books, &shell.call.settings().prices, &|key| shell.call.text(key), numbers)
    };
    // escaped where it is drawn
    let plots: BTreeMap<String, Value> =
        parts.iter().map(|part| (part.id.clone(), Value::safe_string(&part.svg))).collect();
    context.insert_value("plots", Value::from(plots));
    context.insert("parts", &parts);
}

fn sums(shell: &Shell, books: &Books, numbers: Numbers) -> Sums {
    let all = &books.all;
    let open = all.states.iter().filter(|(state, _)| !state.is_final()).map(|(_, n)| n).sum();
    Sums {
        received: numbers.count(all.received),
        sent: numbers.count(all.sent()),
        delivered: numbers.share_of(all.delivered_of_known()),
        open: numbers.count(open),
        duplicates: numbers.count(all.duplicates),
        sent_twice: numbers.count(all.sent_twice),
        cost: costs(shell, all, numbers),
        gap: numbers.count(all.gap),
        balances: books.balances,
    }
}

/// What was taken costs, at the prices of now.
fn costs(shell: &Shell, books: &DayBooks, numbers: Numbers) -> String {
    cost::said(books, &shell.call.settings().prices, &|key| shell.call.text(key), numbers)
}

fn line(shell: &Shell, books: &DayBooks, numbers: Numbers) -> ClinicLine {
    let name = match books.clinic.as_str() {
        "" => shell.call.text("books.no-clinic"),
        id => shell.call.settings().name(id),
    };
    ClinicLine {
        id: books.clinic.clone(),
        name: name.to_owned(),
        received: numbers.count(books.received),
        sent: numbers.count(books.sent()),
        delivered: numbers.share_of(books.delivered_of_known()),
        slow: numbers.within(&books.time_to_send, 0.95),
        segments: numbers.count(books.segments()),
        cost: costs(shell, books, numbers),
        gap: numbers.count(books.gap),
    }
}

impl Books {
    fn of(found: Vec<DayBooks>, span: Span) -> Self {
        let balances = found.iter().all(|one| one.gap == 0);
        let mut all = DayBooks::empty("", span.from);
        let mut days: Vec<DayBooks> = span.days().map(|day| DayBooks::empty("", day)).collect();
        let mut clinics: BTreeMap<String, DayBooks> = BTreeMap::new();
        for one in found {
            let at = (one.day - span.from).num_days();
            let day = usize::try_from(at).ok().and_then(|at| days.get_mut(at));
            let Some(day) = day else { continue };
            day.add(&one);
            all.add(&one);
            let clinic = clinics.entry(one.clinic.clone());
            clinic.or_insert_with(|| DayBooks::empty(&one.clinic, span.from)).add(&one);
        }
        Self { days, clinics: clinics.into_values().collect(), all, balances }
    }
}

#[cfg(test)]
mod tests;
