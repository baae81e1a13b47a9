//! What must become of each event (`demo/expected.txt`).

use anyhow::{Context as _, anyhow};

const EXPECTED: &str = include_str!("../../../demo/expected.txt");

/// What must become of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Its id in `demo/events.json`; of an event that is refused only what stands before a blank.
    pub event: String,
    /// The section it is shown in.
    pub section: String,
    /// State in the ledger.
    pub state: String,
    /// How its reason begins.
    pub why: String,
    /// Attempts, at least.
    pub attempts: i64,
    /// Texts that the providers took.
    pub texts: usize,
    /// Status of the HTTP door's answer; what is not taken in there is not in the ledger either.
    pub http: u16,
    /// What it shows.
    pub shows: String,
}

/// All of them.
#[derive(Debug, Clone)]
pub struct Expectations(pub Vec<Expected>);

impl Expectations {
    /// Those of `demo/expected.txt`.
    ///
    /// # Errors
    /// The line that is wrong.
    pub fn embedded() -> anyhow::Result<Self> {
        let mut all = vec![];
        let mut section = String::new();
        for line in
            EXPECTED.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty())
        {
            let fields: Vec<&str> = line.split('|').map(str::trim).collect();
            match fields.as_slice() {
                [name] => (*name).clone_into(&mut section),
                [event, state, why, attempts, texts, http, shows] => all.push(Expected {
                    event: (*event).to_owned(),
                    section: section.clone(),
                    state: (*state).to_owned(),
                    why: (*why).to_owned(),
                    attempts: attempts.parse().with_context(|| line.to_owned())?,
                    texts: texts.parse().with_context(|| line.to_owned())?,
                    http: http.parse().with_context(|| line.to_owned())?,
                    shows: (*shows).to_owned(),
                }),
                _ => return Err(anyhow!("seven fields, or one: {line}")),
            }
        }
        Ok(Self(all))
    }
}

impl Expected {
    /// Whether nothing of it is trusted, not even its id.
    pub fn is_refused(&self) -> bool {
        self.state == "dead-lettered"
    }
}
