//! What one scenario says: a JSON line, or a few words a person reads.

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
        self.fields.push((name, ((n * 100.0).round() / 100.0).into()));
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
        let met = if self.met() { "met" } else { "MISSED" };
        let mut text = format!("{:<18} {met:<6} goal: {}", self.scenario, self.goals());
        for (name, value) in &self.fields {
            // a String takes it all
            let _ = write!(text, "\n    {name:<30} {value:>12}");
        }
        text
    }
}

/// Where lines go.
pub struct Lines {
    json: bool,
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
        Ok(Self { json })
    }

    /// Says one.
    ///
    /// # Errors
    /// Nobody reads.
    pub fn say(&self, line: &Line) -> anyhow::Result<()> {
        let said = if self.json { say(line.json()) } else { say(line.text()) };
        said.context("standard output")
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
    }
}
