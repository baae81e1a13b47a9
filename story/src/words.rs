//! The words of a story: one module a language, each with the same functions. No word comes from a patient.

use ledger::access::AccessKind;
use ledger::lanes::Lane;
use ledger::record::{ConsentEvidence, Entry, Planned};
use ledger::report::Listed;
use ledger::state::State;

use crate::{Tongue, english, turkish};

/// Where a notification stands now, for what happens next.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// Its row.
    pub row: &'a Listed,
    /// The lane that it is on, if that is or was in trouble.
    pub lane: Option<&'a Lane>,
    /// A dead letter that somebody has looked after.
    pub handled: bool,
}

/// The one line that answers the question.
pub fn verdict(tongue: Tongue, row: &Listed) -> String {
    match tongue {
        Tongue::En => english::verdict(row.state, &row.why),
        Tongue::Tr => turkish::verdict(row.state, &row.why),
    }
}

/// [`verdict`] without the reason's code, where [`meaning`] says it in words beside it.
pub fn answer(tongue: Tongue, row: &Listed) -> String {
    let said = verdict(tongue, row);
    if meaning(tongue, &row.why).is_none() {
        return said;
    }
    // English writes a suppression's code as its sentence's end
    let code = format!(": {}.", row.why);
    let said = said.replace(&format!(" ({})", row.why), "");
    match said.strip_suffix(&code) {
        Some(head) => format!("{head}."),
        None => said,
    }
}

/// What a reason means; `None` where it says so itself.
pub fn meaning(tongue: Tongue, why: &str) -> Option<&'static str> {
    match tongue {
        Tongue::En => english::meaning(why),
        Tongue::Tr => turkish::meaning(why),
    }
}

/// [`meaning`] as a sentence of its own.
pub fn because(tongue: Tongue, why: &str) -> Option<String> {
    meaning(tongue, why).map(|said| begun(tongue, said) + ".")
}

/// A text that begins a line: with a large letter, Turkish `i` with its dot.
pub fn begun(tongue: Tongue, text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), tongue) {
        (Some('i'), Tongue::Tr) => format!("İ{}", letters.as_str()),
        (Some(first), _) => first.to_uppercase().chain(letters).collect(),
        (None, _) => String::new(),
    }
}

/// A state in a word or two, for a list.
pub fn state(tongue: Tongue, state: State) -> &'static str {
    match tongue {
        Tongue::En => english::state(state),
        Tongue::Tr => turkish::state(state),
    }
}

/// What a record says.
pub fn sentence(tongue: Tongue, entry: &Entry) -> String {
    match tongue {
        Tongue::En => english::sentence(entry),
        Tongue::Tr => turkish::sentence(entry),
    }
}

/// What somebody saw or did on the pages.
pub fn did(tongue: Tongue, what: &AccessKind) -> String {
    match tongue {
        Tongue::En => english::did(what),
        Tongue::Tr => turkish::did(what),
    }
}

/// What became of a fact.
pub fn fact_verdict(tongue: Tongue, state: &str, why: &str) -> String {
    match tongue {
        Tongue::En => english::fact_verdict(state, why),
        Tongue::Tr => turkish::fact_verdict(state, why),
    }
}

/// What one rule of a plan came to.
pub fn planned(tongue: Tongue, line: &Planned) -> String {
    match tongue {
        Tongue::En => english::planned(line),
        Tongue::Tr => turkish::planned(line),
    }
}

/// On what evidence it was decided.
pub fn consent(tongue: Tongue, evidence: &ConsentEvidence) -> String {
    match tongue {
        Tongue::En => english::consent(evidence),
        Tongue::Tr => turkish::consent(evidence),
    }
}

/// What happens next, and when; what a person can do.
pub fn next(tongue: Tongue, situation: Situation<'_>) -> Vec<String> {
    match tongue {
        Tongue::En => english::next(situation),
        Tongue::Tr => turkish::next(situation),
    }
}

/// Words that stand between the parts of a story.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    /// Before a clinic.
    pub clinic: &'static str,
    /// Before an event's id.
    pub event: &'static str,
    /// For what could not be read.
    pub unknown: &'static str,
    /// Before the end of its use.
    pub useful_until: &'static str,
    /// Before what a reason means.
    pub because: &'static str,
    /// Before the evidence of consent.
    pub consent: &'static str,
    /// Before an opened text.
    pub text: &'static str,
    /// Before an opened body.
    pub body: &'static str,
    /// Before what happens next.
    pub next: &'static str,
}

/// Those of a language.
pub const fn frame(tongue: Tongue) -> &'static Frame {
    match tongue {
        Tongue::En => &english::FRAME,
        Tongue::Tr => &turkish::FRAME,
    }
}

/// The lane of what has none yet.
pub(crate) const NO_LANE: &str = "none";

/// The reason without what follows its first words: `suppressed: asked us to stop` is a `suppressed`.
pub(crate) fn first_words(why: &str) -> &str {
    let why = why.split(" ntf_").next().unwrap_or(why);
    why.split_once(": ").map_or(why, |(first, _)| first)
}

/// Whether an unresolved one is known not to have arrived: it was looked for often enough.
pub(crate) fn is_proven_absent(why: &str) -> bool {
    why.starts_with("absent, and")
}

/// Which event was refused, as far as it said so in a way that may be told.
pub(crate) fn named(source: Option<&str>, id: Option<&str>) -> String {
    match (source, id) {
        (Some(source), Some(id)) => format!(", {source} {id}"),
        (Some(one), None) | (None, Some(one)) => format!(", {one}"),
        (None, None) => String::new(),
    }
}

/// A refused event's reason is its rule and where.
pub(crate) fn place(path: &str, whole: &'static str) -> String {
    if path.is_empty() { whole.to_owned() } else { path.to_owned() }
}

#[cfg(test)]
mod tests;
