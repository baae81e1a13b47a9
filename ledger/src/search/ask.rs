//! The statements of a search: only what is asked for stands in them, so that each is planned for what it is.

use super::ends::SPAN_MS;
use super::{SearchCursor, SearchFilter};
use crate::engine::{Engine, Value};
use crate::state::State;

/// A search, ready to be asked.
pub(super) struct Ask<'a> {
    pub filter: &'a SearchFilter,
    pub after: Option<&'a SearchCursor>,
    /// Id of the person that is asked for.
    pub person: Option<String>,
    pub engine: Engine,
    /// Whether so few attempts fit that it is cheapest to begin with them; only SQLite has to be told ([`Ask::some_attempts`]).
    pub few_attempts: bool,
}

/// Which rows are asked for, and how they are best found.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part<'p> {
    /// All, walking through them in order.
    InOrder,
    /// Those after an instant, likewise.
    After(i64),
    /// Those up to an instant, collected and sorted.
    UpTo(i64),
    /// All, likewise.
    All,
    /// Those up to an instant that were made in one of these places ([`super::ends`]), or that have one of these ids; likewise.
    In {
        /// No later than this.
        to: i64,
        /// No earlier than this.
        from: i64,
        /// Beginnings of places, as JSON.
        spans: &'p str,
        /// Ids, as JSON.
        ids: &'p str,
    },
}

impl Part<'_> {
    const fn is_walked(self) -> bool {
        matches!(self, Self::InOrder | Self::After(_))
    }
}

/// Conditions with their values.
struct Where {
    text: Vec<String>,
    values: Vec<Value>,
}

impl Where {
    /// The place of a value that has been added.
    fn value(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    /// The same of a text, whose type PostgreSQL does not see from where it stands.
    fn text(&mut self, value: &str) -> String {
        let place = self.value(value);
        format!("CAST({place} AS TEXT)")
    }

    fn equal(&mut self, column: &str, value: Option<&str>) {
        if let Some(value) = value {
            let place = self.value(value);
            self.text.push(format!("{column} = {place}"));
        }
    }

    fn joined(&self) -> String {
        if self.text.is_empty() { "TRUE".to_owned() } else { self.text.join(" AND ") }
    }
}

impl Ask<'_> {
    /// The places of the rows of one part, in order: `ntf`, `created_at`.
    pub fn places(&self, part: Part<'_>, limit: i64) -> (String, Vec<Value>) {
        let mut at = Where { text: vec![], values: vec![] };
        if let Part::In { spans, ids, .. } = part {
            return self.places_in(&mut at, part, (spans, ids), limit);
        }
        self.of_time(&mut at, part);
        self.of_row(&mut at);
        let by_attempt = self.filter.by_attempt();
        // without an index to walk through in order: it would pass over nearly everything
        let order = if part.is_walked() { "n.created_at" } else { "n.created_at + 0" };
        if !by_attempt || part.is_walked() {
            if !part.is_walked() && self.filter.state.is_some_and(|state| !state.is_final()) {
                let place = at.text(self.filter.state.map_or("", State::as_str));
                at.text
                    .push(format!("n.ntf IN (SELECT o.ntf FROM open o WHERE o.state = {place})"));
            }
            if by_attempt {
                let condition = self.of_attempt_of_row(&mut at);
                at.text.push(condition);
            }
            let text = format!(
                "-- search: places\nSELECT n.ntf, n.created_at FROM notification n WHERE {} \
                 ORDER BY {order} DESC, n.ntf DESC LIMIT {limit}",
                at.joined()
            );
            return (text, at.values);
        }
        let rows = at.joined();
        let of_attempt = self.of_attempt(&mut at);
        let mut text = format!(
            "SELECT n.ntf, n.created_at + 0 AS created_at FROM {} WHERE {rows} AND {of_attempt}",
            self.attempts_with_rows()
        );
        if let Some(waits) = self.of_waiting(&mut at) {
            let waiting = format!(
                " UNION SELECT n.ntf, n.created_at + 0 FROM open o JOIN notification n ON n.ntf = o.ntf WHERE {rows} AND {waits}"
            );
            text.push_str(&waiting);
        }
        let text = format!(
            "-- search: places by attempt\nSELECT ntf, created_at FROM ({text}) f ORDER BY created_at DESC, ntf DESC LIMIT {limit}"
        );
        (text, at.values)
    }

    /// The same of what is noted. The order in which tables are read stands in the text: neither engine sees how little a place holds.
    fn places_in(
        &self,
        at: &mut Where,
        part: Part<'_>,
        (spans, ids): (&str, &str),
        limit: i64,
    ) -> (String, Vec<Value>) {
        let (spans, ids) = (at.text(spans), at.text(ids));
        self.of_time(at, part);
        self.of_row(at);
        let rows = at.joined();
        let spans = format!("(SELECT CAST(value AS BIGINT) AS span FROM {{list:{spans}}}) s");
        let made = format!("n.created_at >= s.span AND n.created_at < s.span + {SPAN_MS}");
        let row = "SELECT n.ntf, n.created_at + 0 AS created_at FROM";
        let noted = match self.engine {
            Engine::Sqlite => {
                format!("{row} {spans} CROSS JOIN notification n WHERE {made} AND {rows}")
            }
            // OFFSET 0: not to be taken apart
            Engine::Postgres => format!(
                "SELECT p.ntf, p.created_at FROM {spans} CROSS JOIN LATERAL ({row} notification n WHERE {made} AND {rows} OFFSET 0) p"
            ),
        };
        let text = format!(
            "-- search: places by ends\nSELECT ntf, created_at FROM ({noted} \
             UNION {row} notification n WHERE n.ntf IN (SELECT value FROM {{list:{ids}}}) AND {rows}) f \
             ORDER BY created_at DESC, ntf DESC LIMIT {limit}"
        );
        (text, std::mem::take(&mut at.values))
    }

    /// The places up to an instant of which a record told what is asked for, the newest first, with how often it was told.
    pub fn ends(&self, edge: i64, limit: i64) -> (String, Vec<Value>) {
        let mut at = Where { text: vec![], values: vec![] };
        at.equal("k.state", self.filter.state.map(State::as_str));
        if let Some(reason) = &self.filter.reason {
            let place = at.text(reason);
            // the word is the beginning of the reason, and so is what is asked for: one of them is the beginning of the other
            at.text.push(format!(
                "k.word <> '' AND substr(k.word, 1, length({place})) = substr({place}, 1, length(k.word))"
            ));
        }
        let to = at.value(edge);
        at.text.push(format!("s.span <= {to}"));
        if let Some(from) = self.filter.from {
            let from = at.value(from);
            at.text.push(format!("s.span > {from} - {SPAN_MS}"));
        }
        let text = format!(
            "-- search: ends\nSELECT s.span, CAST(sum(s.n) AS BIGINT) FROM end_kind k JOIN end_span s ON s.state = k.state AND s.word = k.word \
             WHERE {} GROUP BY s.span ORDER BY s.span DESC LIMIT {limit}",
            at.joined()
        );
        (text, at.values)
    }

    /// The instant before which rows lie further from the beginning than `rows`; no answer: none do.
    pub fn edge(&self, rows: i64) -> (String, Vec<Value>) {
        let mut at = Where { text: vec![], values: vec![] };
        self.of_time(&mut at, Part::All);
        let text = format!(
            "-- search: edge\nSELECT n.created_at FROM notification n WHERE {} ORDER BY n.created_at DESC LIMIT 1 OFFSET {rows}",
            at.joined()
        );
        (text, at.values)
    }

    fn of_time(&self, at: &mut Where, part: Part<'_>) {
        // nearly all rows lie up to the edge: no reason to read them in order
        let in_places = matches!(part, Part::In { .. });
        let collected = in_places || matches!(part, Part::UpTo(_));
        let created_at = if collected { "n.created_at + 0" } else { "n.created_at" };
        let from_column = if in_places { "n.created_at + 0" } else { "n.created_at" };
        if let Some(from) = self.filter.from {
            let place = at.value(from);
            at.text.push(format!("{from_column} >= {place}"));
        }
        if let Some(to) = self.filter.to {
            let place = at.value(to);
            at.text.push(format!("{created_at} < {place}"));
        }
        match part {
            Part::After(edge) => {
                let place = at.value(edge);
                at.text.push(format!("n.created_at > {place}"));
            }
            Part::UpTo(edge) => {
                let place = at.value(edge);
                at.text.push(format!("{created_at} <= {place}"));
            }
            Part::In { from, to, .. } => {
                let (from, to) = (at.value(from), at.value(to));
                at.text.push(format!("{created_at} >= {from} AND {created_at} <= {to}"));
            }
            Part::InOrder | Part::All => {}
        }
        if let Some(after) = self.after {
            let (instant, ntf) = (at.value(after.created_at), at.value(after.ntf.as_str()));
            // the first half for the index
            at.text.push(format!(
                "{created_at} <= {instant} AND ({created_at} < {instant} OR n.ntf < {ntf})"
            ));
        }
    }

    fn of_row(&self, at: &mut Where) {
        let filter = self.filter;
        at.equal("n.event_id", filter.event_id.as_deref());
        at.equal("n.person", self.person.as_deref());
        at.equal("n.appointment", filter.appointment.as_deref());
        if !filter.things.is_empty() {
            let things = filter.things.iter().map(|thing| {
                let place = at.value(thing.as_str());
                format!("n.thing = {place}")
            });
            let things: Vec<_> = things.collect();
            at.text.push(format!("({})", things.join(" OR ")));
        }
        at.equal("n.clinic", filter.clinic.as_deref());
        at.equal("n.type", filter.event_type.as_deref());
        at.equal("n.state", filter.state.map(State::as_str));
        if let Some(reason) = &filter.reason {
            let place = at.text(reason);
            // what nearly no row is, first and cheaply
            let begins = match self.engine {
                Engine::Sqlite => format!("n.why >= {place} AND n.why < {place} || ';'"),
                Engine::Postgres => format!("starts_with(n.why, {place})"),
            };
            at.text.push(format!(
                "({begins} AND (n.why = {place} OR substr(n.why, 1, length({place}) + 1) IN ({place} || ':', {place} || ' ')))"
            ));
        }
    }

    /// The lane of `of` begins with the words that are asked for.
    fn of_lane(&self, at: &mut Where, of: &str) -> Option<String> {
        let provider = self.filter.provider.as_deref()?;
        let place = at.text(provider);
        let exact = format!(
            "({of}.lane = {place} OR substr({of}.lane, 1, length({place}) + 1) = {place} || '/')"
        );
        Some(match self.engine {
            // the same in words that the index is entered by
            Engine::Sqlite => {
                format!("{of}.lane >= {place} AND {of}.lane < {place} || '0' AND {exact}")
            }
            Engine::Postgres => exact,
        })
    }

    /// What is asked of attempt `a`.
    fn of_attempt(&self, at: &mut Where) -> String {
        let mut all = vec![];
        match (&self.filter.channel, self.engine) {
            (Some(channel), _) => {
                let place = at.value(channel.as_str());
                all.push(format!("a.channel = {place}"));
            }
            (None, Engine::Sqlite) => all.push("a.channel IN ('sms', 'whatsapp')".to_owned()),
            (None, Engine::Postgres) => {}
        }
        if let (Some(provider), Engine::Postgres) = (&self.filter.provider, self.engine) {
            let first = at.text(provider.split('/').next().unwrap_or_default());
            all.push(format!("split_part(a.lane, '/', 1) = {first}"));
        }
        all.extend(self.of_lane(at, "a"));
        all.join(" AND ")
    }

    /// What is asked of the lane `o` that a row waits on; `None`: a row without attempts cannot fit.
    fn of_waiting(&self, at: &mut Where) -> Option<String> {
        if self.filter.channel.is_some() {
            return None;
        }
        self.of_lane(at, "o")
    }

    /// The same of row `n`, looked up for each. As values and not by EXISTS: of that PostgreSQL may make a table of all attempts first.
    fn of_attempt_of_row(&self, at: &mut Where) -> String {
        let of_attempt = self.of_attempt(at);
        let last = format!(
            "(SELECT 1 FROM attempt a WHERE a.ntf = n.ntf AND a.n = n.attempt AND {of_attempt})"
        );
        match self.of_waiting(at) {
            Some(waits) => format!(
                "coalesce({last}, (SELECT 1 FROM open o WHERE o.ntf = n.ntf AND {waits})) = 1"
            ),
            None => format!("{last} = 1"),
        }
    }

    /// How many attempts fit, counted up to `most`; `None`: nothing is asked of them, or the engine knows by itself.
    pub fn some_attempts(&self, most: i64) -> Option<(String, Vec<Value>)> {
        if !self.filter.by_attempt() || self.engine == Engine::Postgres {
            return None;
        }
        let mut at = Where { text: vec![], values: vec![] };
        let of_attempt = self.of_attempt(&mut at);
        let text = format!(
            "-- search: attempts that fit\nSELECT count(*) FROM (SELECT 1 FROM attempt a WHERE {of_attempt} LIMIT {most})"
        );
        Some((text, at.values))
    }

    /// Attempts `a` with their rows `n`. SQLite takes them in the order in which they stand here.
    const fn attempts_with_rows(&self) -> &'static str {
        match (self.engine, self.few_attempts) {
            (Engine::Sqlite, true) => {
                "attempt a CROSS JOIN notification n ON n.ntf = a.ntf AND n.attempt = a.n"
            }
            (Engine::Sqlite, false) => {
                "notification n CROSS JOIN attempt a ON a.ntf = n.ntf AND a.n = n.attempt"
            }
            (Engine::Postgres, _) => {
                "attempt a JOIN notification n ON n.ntf = a.ntf AND n.attempt = a.n"
            }
        }
    }
}
