//! What one scenario says: a JSON line, or a few words a person reads.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use super::super::say;

/// One scenario's result, its fields in order.
pub struct Line {
    scenario: &'static str,
    fields: Vec<(&'static str, Value)>,
    goals: Vec<(String, bool)>,
}

impl Line {
    /// Of a scenario, by the name it has on the command line.
    pub fn of(scenario: &'static str) -> Self {
        Self { scenario, fields: vec![], goals: vec![] }
    }

    /// Adds a count.
    #[must_use]
    pub fn count(mut self, name: &'static str, n: usize) -> Self {
        self.fields.push((name, n.into()));
        self
    }

    /// Adds a number, to two digits behind the point.
    #[must_use]
    pub fn number(mut self, name: &'static str, n: f64) -> Self {
        self.fields.push((name, rounded(n)));
        self
    }

    /// Adds a number that is not known everywhere.
    #[must_use]
    pub fn known(self, name: &'static str, n: Option<f64>) -> Self {
        match n {
            Some(n) => self.number(name, n),
            None => self,
        }
    }

    /// Adds a number for each of several things; nothing if there are none.
    #[must_use]
    pub fn each(mut self, name: &'static str, of: &BTreeMap<String, f64>) -> Self {
        if !of.is_empty() {
            let rounded = of.iter().map(|(what, n)| (what.clone(), rounded(*n)));
            self.fields.push((name, Value::Object(rounded.collect())));
        }
        self
    }

    /// What was added under this name.
    fn field(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(of, _)| *of == name).map(|(_, value)| value)
    }

    /// A number that was added under this name.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.field(name).and_then(Value::as_f64)
    }

    /// Adds a goal and whether it was met.
    #[must_use]
    pub fn goal(mut self, goal: impl Into<String>, met: bool) -> Self {
        self.goals.push((goal.into(), met));
        self
    }

    fn met(&self) -> bool {
        self.goals.iter().all(|(_, met)| *met)
    }

    fn goals(&self) -> String {
        self.goals.iter().map(|(goal, _)| goal.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// In the order in which the fields were added: `serde_json` would sort them.
    fn json(&self) -> String {
        let (goals, met) = (Value::from(self.goals()), Value::from(self.met()));
        let first = ("scenario", Value::from(self.scenario));
        let last = [("goal", goals), ("met", met)];
        let all = std::iter::once(&first).chain(&self.fields).chain(&last);
        let fields: Vec<_> = all.map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", fields.join(","))
    }

    fn text(&self) -> String {
        let mut text = match (self.goals.is_empty(), self.met()) {
            (true, _) => self.scenario.to_owned(),
            (false, met) => {
                let met = if met { "met" } else { "MISSED" };
                format!("{:<18} {met:<6} goal: {}", self.scenario, self.goals())
            }
        };
        for (name, value) in &self.fields {
            match value {
                Value::Object(each) => {
                    for (of, value) in each {
                        let _ = write!(text, "\n    {:<34} {value:>12}", format!("{name} {of}"));
                    }
                }
                // a String takes it all
                value => {
                    let _ = write!(text, "\n    {name:<34} {value:>12}");
                }
            }
        }
        text
    }
}

fn rounded(n: f64) -> Value {
    ((n * 100.0).round() / 100.0).into()
}

/// What the table at the end shows of each scenario: heading, field.
const COLUMNS: [(&str, &str); 9] = [
    ("messages", "messages"),
    ("per s", "per_s"),
    ("p50 ms", "p50_ms"),
    ("p95 ms", "p95_ms"),
    ("p99 ms", "p99_ms"),
    ("own µs", "cpu_us_per_message"),
    ("PostgreSQL µs", "postgres_cpu_us_per_message"),
    ("RabbitMQ µs", "rabbitmq_cpu_us_per_message"),
    ("peak MiB", "rss_peak_mib"),
];

/// One row a scenario; µs are processor time a message.
fn table(lines: &[Line]) -> String {
    let mut text = format!("{:<18}", "scenario");
    for (heading, _) in COLUMNS {
        let _ = write!(text, " {heading:>13}");
    }
    for line in lines {
        let _ = write!(text, "\n{:<18}", line.scenario);
        for (_, field) in COLUMNS {
            let value = line.field(field).map_or_else(|| "-".to_owned(), Value::to_string);
            let _ = write!(text, " {value:>13}");
        }
        text.push_str(match (line.goals.is_empty(), line.met()) {
            (true, _) => "",
            (false, true) => "  met",
            (false, false) => "  MISSED",
        });
    }
    text
}

/// Where lines go.
pub struct Lines {
    json: bool,
    said: Vec<Line>,
}

impl Lines {
    /// For machines or for a person, who is told first what the numbers are worth.
    ///
    /// # Errors
    /// Nobody reads.
    pub fn new(json: bool) -> anyhow::Result<Self> {
        if !json && cfg!(debug_assertions) {
            say("This is a debug build: the numbers are those of a debug build.")?;
        }
        Ok(Self { json, said: vec![] })
    }

    /// Says one.
    ///
    /// # Errors
    /// Nobody reads.
    pub fn say(&mut self, line: Line) -> anyhow::Result<()> {
        let said = if self.json { say(line.json()) } else { say(line.text()) };
        self.said.push(line);
        said.context("standard output")
    }

    /// What a scenario that was said before gave under this name.
    pub fn value(&self, scenario: &str, field: &str) -> Option<f64> {
        self.said.iter().find(|line| line.scenario == scenario)?.value(field)
    }

    /// Says all of them once more, as a table, to a person.
    ///
    /// # Errors
    /// Nobody reads.
    pub fn table(&self) -> anyhow::Result<()> {
        if self.json || self.said.len() < 2 {
            return Ok(());
        }
        say(format_args!("\n{}", table(&self.said))).context("standard output")
    }
}

/// The value below which so much of all lies; `all` is sorted. 0 of nothing.
pub fn percentile<T: Copy + Default>(all: &[T], part: f64) -> T {
    let place = (all.len() as f64 * part).ceil() as usize;
    all.get(place.saturating_sub(1).min(all.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// Microseconds of a duration.
pub fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        let all: Vec<u32> = (1..=100).collect();
        assert_eq!(
            (percentile(&all, 0.5), percentile(&all, 0.99), percentile(&all, 1.0)),
            (50, 99, 100)
        );
        assert_eq!((percentile(&[7], 0.5), percentile(&[7], 0.99)), (7, 7));
        assert_eq!(percentile(&[1, 2, 3], 0.0), 1);
        assert_eq!(percentile::<u32>(&[], 0.5), 0);
    }

    #[test]
    fn a_line_names_its_goals_and_is_met_only_if_each_is() {
        let line = Line::of("x").count("messages", 3).number("per_s", 1.2499).known("none", None);
        let line = line.goal("a >= 1", true).goal("b <= 2", false);
        let json =
            r#"{"scenario":"x","messages":3,"per_s":1.25,"goal":"a >= 1, b <= 2","met":false}"#;
        assert_eq!(line.json(), json);
        assert!(line.text().contains("MISSED"), "{}", line.text());
        assert_eq!((line.value("per_s"), line.value("none")), (Some(1.25), None));
    }

    #[test]
    fn numbers_of_several_things_are_one_field() {
        let line = Line::of("x").each("none", &BTreeMap::new());
        let line = line.each("stages_us", &[("claim".to_owned(), 12.345)].into());
        let json = r#"{"scenario":"x","stages_us":{"claim":12.35},"goal":"","met":true}"#;
        assert_eq!(line.json(), json);
        let text = line.text();
        assert!(text.contains("stages_us claim") && !text.contains("goal"), "{text}");
    }

    #[test]
    fn the_table_has_a_row_a_scenario_and_a_dash_where_nothing_is_known() {
        let lines = [
            Line::of("floor").count("messages", 7).number("per_s", 1.5),
            Line::of("latency").number("p99_ms", 25.5).goal("p99_ms <= 25", false),
        ];
        let text = table(&lines);
        let rows: Vec<Vec<&str>> =
            text.lines().skip(1).map(|row| row.split_whitespace().collect()).collect();
        assert_eq!(rows[0], ["floor", "7", "1.5", "-", "-", "-", "-", "-", "-", "-"]);
        assert_eq!(rows[1], ["latency", "-", "-", "-", "-", "25.5", "-", "-", "-", "-", "MISSED"]);
    }
}
