//! Search: notifications by whatever is known of them, newest first, a page at a time.
//!
//! Pages are taken by the place of the last row and not by counting rows, so that none is skipped or repeated while others arrive.

mod ask;
pub(crate) mod ends;
mod rows;

use crate::access::Visitor;
use crate::db::{Ledger, json};
use crate::engine::{Engine, Query, Tx, query, scalar};
use crate::error::LedgerError;
use crate::facts::FactRow;
use crate::report::Listed;
use crate::state::State;
use ask::{Ask, Part};
use chrono::{DateTime, SecondsFormat};
use rows::{facts, found};

/// How many of the newest rows are looked through in order, before all others are searched at once: what is common is found among
/// them, and what is rare is cheaper to collect and sort. Of those whose attempts must be looked up a fifth.
const WINDOW: i64 = 10_000;
/// Fewer attempts than these are looked up one by one.
const FEW: i64 = 20_000;
/// So many more for each row that is wanted.
const WINDOW_A_ROW: i64 = 50;
/// So often it is looked where rows are noted; then all others are searched at once. Each time but the first so many times as far.
const LOOKS: usize = 3;
const MORE: i64 = 10;
/// For a transaction that looks. The plans of the hot path are wrong for spans and for what is rare; and whoever waits for a page has
/// gone after 15 seconds, so that no statement goes on for nobody.
const LOOKING: &str = "SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on; \
    SET LOCAL statement_timeout = '14s'";

/// What is searched for: everything that is given must fit. Keyed hashes are [`crate::intake::appointment_key`],
/// [`crate::find::thing_key`] and [`crate::find::person_key`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchFilter {
    /// Received at or after, milliseconds since 1970 UTC.
    pub from: Option<i64>,
    /// Received before.
    pub to: Option<i64>,
    /// Clinic.
    pub clinic: Option<String>,
    /// CloudEvents type, whole.
    pub event_type: Option<String>,
    /// State.
    pub state: Option<State>,
    /// Channel of the last attempt: `sms`, `whatsapp`.
    pub channel: Option<String>,
    /// First words of the lane that it waits on or that its last attempt took: `netgsm`, `netgsm/default`, or the whole lane.
    pub provider: Option<String>,
    /// Its reason's code ([`crate::telling::code_of`]), or the first whole words of it: `no-consent`, `unknown-clinic`.
    pub reason: Option<String>,
    /// CloudEvents id, whole.
    pub event_id: Option<String>,
    /// Keyed hash of clinic and appointment.
    pub appointment: Option<String>,
    /// Keyed hashes of the same thing, one for each type that it may be.
    pub things: Vec<String>,
    /// Keyed hash of clinic and number.
    pub person: Option<String>,
    /// Beside notifications also the facts about this appointment, these things or this event id ([`SearchPage::facts`]).
    pub with_facts: bool,
}

impl SearchFilter {
    /// The same for whoever may see one clinic only: nothing of another one is found, whatever was asked for.
    #[must_use]
    pub fn seen_by(mut self, visitor: &Visitor) -> Self {
        if let Some(own) = &visitor.clinic {
            self.clinic = Some(own.clone());
        }
        self
    }

    /// What is asked for, in words that may be recorded: that an id or a number was given, never which one.
    pub fn words(&self) -> String {
        let instant = |at: i64| {
            DateTime::from_timestamp_millis(at)
                .map_or_else(|| at.to_string(), |at| at.to_rfc3339_opts(SecondsFormat::Secs, true))
        };
        let named = [
            ("from", self.from.map(instant)),
            ("to", self.to.map(instant)),
            ("clinic", self.clinic.clone()),
            ("type", self.event_type.clone()),
            ("state", self.state.map(|state| state.to_string())),
            ("channel", self.channel.clone()),
            ("provider", self.provider.clone()),
            ("reason", self.reason.clone()),
        ];
        let mut words: Vec<String> = named
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{name} {}", value?)))
            .collect();
        let given = [
            ("an event id", self.event_id.is_some()),
            ("an appointment", self.appointment.is_some()),
            ("a payment", !self.things.is_empty()),
            ("a phone number", self.person.is_some()),
        ];
        words.extend(given.iter().filter(|(_, is)| *is).map(|(word, _)| (*word).to_owned()));
        if words.is_empty() { "everything".to_owned() } else { words.join(", ") }
    }

    /// Whether so few rows fit, whatever else is asked for, that they are collected at once.
    fn has_key(&self) -> bool {
        self.event_id.is_some()
            || self.appointment.is_some()
            || !self.things.is_empty()
            || self.person.is_some()
    }

    /// Whether rows that do not fit may lie between those that do.
    fn passes_over(&self, engine: Engine) -> bool {
        let by_attempt = self.by_attempt();
        match engine {
            // the others are in the index that is walked through
            Engine::Sqlite => by_attempt || self.by_end(),
            Engine::Postgres => {
                by_attempt || self.by_end() || self.clinic.is_some() || self.event_type.is_some()
            }
        }
    }

    /// Whether rows are told by their last attempt, which is looked up.
    fn by_attempt(&self) -> bool {
        self.channel.is_some() || self.provider.is_some()
    }

    /// Whether it is known where to look ([`ends`]).
    fn by_end(&self) -> bool {
        self.state.is_some() || self.reason.is_some()
    }
}

/// The place of a row in the order of a search. Opaque text; holds an instant and a notification's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchCursor {
    created_at: i64,
    ntf: String,
}

impl SearchCursor {
    /// Reads what [`std::fmt::Display`] wrote; `None`: something else.
    pub fn parse(text: &str) -> Option<Self> {
        let (created_at, ntf) = text.split_once('.')?;
        let is_id = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-');
        let fits = (1..=64).contains(&ntf.len()) && ntf.bytes().all(is_id);
        Some(Self { created_at: created_at.parse().ok()?, ntf: fits.then(|| ntf.to_owned())? })
    }
}

impl std::fmt::Display for SearchCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.created_at, self.ntf)
    }
}

/// A row that was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The notification.
    pub row: Listed,
    /// Channel of its last attempt.
    pub channel: Option<String>,
    /// The lane of its last attempt, or else the one that it waits on.
    pub lane: Option<String>,
    /// Code of its reason ([`crate::telling::code_of`]); `None`: it has none.
    pub code: Option<String>,
    /// Attempts made.
    pub attempts: i64,
    /// Segments of all attempts that a provider took.
    pub segments: i64,
}

/// A page of rows.
#[derive(Debug, Clone, Default)]
pub struct SearchPage {
    /// Rows, newest first.
    pub rows: Vec<Found>,
    /// Facts about the same, newest first; on the first page only, and only if asked for.
    pub facts: Vec<FactRow>,
    /// The place of the last row; `None`: nothing comes after it.
    pub next: Option<SearchCursor>,
}

impl Ledger {
    /// A page of what fits, newest first, at most `limit` rows. What was there when the first page was read stands on exactly one page,
    /// whatever arrives meanwhile; what a row says is as of its own page.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn search(
        &self,
        filter: &SearchFilter,
        after: Option<&SearchCursor>,
        limit: i64,
    ) -> Result<SearchPage, LedgerError> {
        let limit = limit.max(1);
        let mut tx = self.looking().await?;
        let mut page = SearchPage::default();
        if let Some(mut ask) = self.ask(&mut tx, filter, after).await? {
            let places = self.places(&mut tx, &mut ask, limit).await?;
            let last = places.last().filter(|_| places.len() as i64 == limit);
            page.next = last.cloned();
            page.rows = found(&mut tx, places).await?;
        }
        if filter.with_facts && after.is_none() {
            page.facts = facts(&mut tx, filter, limit).await?;
        }
        tx.rollback().await?;
        Ok(page)
    }

    /// How many fit, counted up to `at_most`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count_found(
        &self,
        filter: &SearchFilter,
        at_most: i64,
    ) -> Result<i64, LedgerError> {
        let mut tx = self.looking().await?;
        let Some(ask) = self.ask(&mut tx, filter, None).await? else { return Ok(0) };
        let (text, values) = ask.places(Part::All, at_most.max(1));
        let text = format!("-- count found\nSELECT count(*) FROM ({text}) f");
        let asked = values.into_iter().fold(scalar(text), Query::bind);
        let counted = asked.fetch_one(&mut tx).await?;
        tx.rollback().await?;
        Ok(counted)
    }

    /// One notification, if the visitor may see it; `None`: it is not there, or another clinic's.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_for(
        &self,
        visitor: &Visitor,
        ntf: &str,
    ) -> Result<Option<Listed>, LedgerError> {
        Ok(self.find(ntf).await?.filter(|row| visitor.sees(&row.clinic)))
    }

    /// A snapshot for whoever asks for spans and for what is rare ([`LOOKING`]).
    pub(crate) async fn looking(&self) -> Result<crate::engine::Transaction, LedgerError> {
        let mut tx = self.db.begin_snapshot().await?;
        tx.set(LOOKING).await?;
        Ok(tx)
    }

    /// The question with the person looked up; `None`: nobody has this number, so nothing fits.
    async fn ask<'a>(
        &self,
        tx: &mut Tx,
        filter: &'a SearchFilter,
        after: Option<&'a SearchCursor>,
    ) -> Result<Option<Ask<'a>>, LedgerError> {
        let person: Option<String> = match &filter.person {
            None => None,
            Some(key) => {
                let found = scalar("-- search: person\nSELECT id FROM person WHERE lookup = $1")
                    .bind(key)
                    .fetch_optional(tx)
                    .await?;
                let Some(person) = found else { return Ok(None) };
                Some(person)
            }
        };
        let engine = self.engine();
        Ok(Some(Ask { filter, after, person, engine, few_attempts: false }))
    }

    /// The places of the rows of a page, in order.
    async fn places(
        &self,
        tx: &mut Tx,
        ask: &mut Ask<'_>,
        limit: i64,
    ) -> Result<Vec<SearchCursor>, LedgerError> {
        let filter = ask.filter;
        if filter.has_key() {
            return read(tx, ask, Part::All, limit).await;
        }
        let edge = if filter.passes_over(ask.engine) {
            let window = WINDOW.saturating_add(limit.saturating_mul(WINDOW_A_ROW));
            let (text, values) = ask.edge(if filter.by_attempt() { window / 5 } else { window });
            let asked = values.into_iter().fold(scalar(text), Query::bind);
            asked.fetch_optional(&mut *tx).await?
        } else {
            None
        };
        let Some(edge) = edge else { return read(tx, ask, Part::InOrder, limit).await };
        let mut places = read(tx, ask, Part::After(edge), limit).await?;
        let left = limit - places.len() as i64;
        // nothing older is asked for
        if left == 0 || filter.from.is_some_and(|from| from > edge) {
            return Ok(places);
        }
        if filter.by_end() && !filter.by_attempt() {
            places.extend(where_noted(tx, ask, edge, left).await?);
        } else {
            if let Some((text, values)) = ask.some_attempts(FEW) {
                let asked = values.into_iter().fold(scalar(text), Query::bind);
                let some: i64 = asked.fetch_one(&mut *tx).await?;
                ask.few_attempts = some < FEW;
            }
            places.extend(read(tx, ask, Part::UpTo(edge), left).await?);
        }
        Ok(places)
    }
}

/// Rows up to an instant where it is noted that they may be, while these are few; or else all of them.
async fn where_noted(
    tx: &mut Tx,
    ask: &Ask<'_>,
    edge: i64,
    limit: i64,
) -> Result<Vec<SearchCursor>, LedgerError> {
    let Some(mut noted) = ends::places(tx, ask, edge).await? else {
        return read(tx, ask, Part::UpTo(edge), limit).await;
    };
    let ids = json(&noted.fresh)?;
    let (mut found, mut to): (Vec<SearchCursor>, _) = (vec![], edge);
    for looks in 0.. {
        let left = limit - found.len() as i64;
        if left <= 0 || to == i64::MIN {
            break;
        }
        let is_last = noted.spans.is_empty();
        if (is_last && noted.more) || looks == LOOKS {
            found.extend(read(tx, ask, Part::UpTo(to), left).await?);
            break;
        }
        let spans = noted.take(left.saturating_mul(if looks == 0 { 1 } else { MORE }));
        // behind the last place only what has moved since
        let from = if noted.spans.is_empty() && !noted.more {
            i64::MIN
        } else {
            spans.last().copied().unwrap_or(i64::MIN)
        };
        let spans = json(&spans)?;
        let part = Part::In { from, to, spans: &spans, ids: &ids };
        found.extend(read(tx, ask, part, left).await?);
        to = from.saturating_sub(1);
    }
    Ok(found)
}

async fn read(
    tx: &mut Tx,
    ask: &Ask<'_>,
    part: Part<'_>,
    limit: i64,
) -> Result<Vec<SearchCursor>, LedgerError> {
    let (text, values) = ask.places(part, limit);
    let asked = values.into_iter().fold(query(text), Query::bind);
    let rows = asked.fetch_all(tx).await?;
    rows.iter()
        .map(|row| {
            Ok(SearchCursor { created_at: row.try_get("created_at")?, ntf: row.try_get("ntf")? })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cursor_is_read_back(created_at in any::<i64>(), ntf in "(ntf|bad)_[a-z2-7]{1,52}") {
            let cursor = SearchCursor { created_at, ntf };
            prop_assert_eq!(SearchCursor::parse(&cursor.to_string()), Some(cursor));
        }

        #[test]
        fn whatever_comes_as_a_cursor_is_a_place_or_none(text in "\\PC{0,80}") {
            if let Some(cursor) = SearchCursor::parse(&text) {
                prop_assert!(cursor.ntf.is_ascii() && cursor.ntf.len() <= 64);
            }
        }
    }

    #[test]
    fn words_of_a_filter_never_hold_what_names_somebody() {
        let filter = SearchFilter {
            clinic: Some("atasehir".to_owned()),
            state: Some(State::Suppressed),
            from: Some(1_795_294_800_000),
            event_id: Some("E-1".to_owned()),
            appointment: Some("keyed".to_owned()),
            person: Some("keyed".to_owned()),
            ..SearchFilter::default()
        };
        assert_eq!(
            filter.words(),
            "from 2026-11-21T21:00:00Z, clinic atasehir, state suppressed, an event id, an appointment, a phone number"
        );
        assert_eq!(SearchFilter::default().words(), "everything");
    }
}
