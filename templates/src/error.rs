//! What can be wrong with a text, when it is loaded and when it is rendered.

use std::fmt;

use thiserror::Error;

/// A text that cannot be used: found at start, before anything is sent.
///
/// `Display` is one line: file, line, column, what is wrong and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// The file: as it was opened, or `templates/messages/…` for a built-in one.
    pub file: String,
    /// Line and column, both from 1, where they are known.
    pub place: Option<(usize, usize)>,
    /// What is wrong, and what to do.
    pub problem: String,
}

impl TemplateError {
    pub(crate) fn new(file: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { file: file.into(), place: None, problem: problem.into() }
    }

    pub(crate) fn at(
        file: impl Into<String>,
        place: (usize, usize),
        problem: impl Into<String>,
    ) -> Self {
        Self { file: file.into(), place: Some(place), problem: problem.into() }
    }

    /// From an error of the engine about `file`.
    pub(crate) fn of_engine(file: &str, error: &tera::Error) -> Self {
        let (problem, place) = engine_problem(error);
        Self { file: file.to_owned(), place, problem }
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some((line, column)) => write!(f, "{}:{line}:{column}: {}", self.file, self.problem),
            None => write!(f, "{}: {}", self.file, self.problem),
        }
    }
}

impl std::error::Error for TemplateError {}

/// Why there is no text for an event. Never carries a value of the event.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RenderError {
    /// Nobody wrote this text: type, language or channel is missing.
    #[error("there is no text {template}: add its file (templates/README.md says where)")]
    NoTemplate {
        /// `appointment-reminder/tr/sms`
        template: String,
    },
    /// A field of the event cannot be written for a person.
    #[error("{template}: field {field} {problem}")]
    Field {
        /// Which text.
        template: String,
        /// Path under `data`, with dots: `payment.amount`.
        field: String,
        /// What was expected of it; never its value.
        problem: &'static str,
    },
    /// The engine refused a line with which it had no trouble for any of the samples at load.
    ///
    /// Its words are left out: some of its filters quote the value they stumbled over.
    #[error("{template}: line {line} cannot be written for this event: simplify it")]
    Engine {
        /// Which text.
        template: String,
        /// Line of the text, from 1; 0 if unknown.
        line: usize,
    },
    /// Nothing but blanks came out.
    #[error("{template}: the text is empty for this event")]
    Empty {
        /// Which text.
        template: String,
    },
    /// A value of an approved template is longer than a whole message may be.
    #[error("{template}: a value is longer than 1,024 characters: WhatsApp does not take it")]
    LongValue {
        /// Which template.
        template: String,
    },
    /// The text costs more segments than its type may (`x-ulak.max_segments`).
    #[error(
        "{template}: the text needs {segments} segments, its type may have {max}: \
         shorten the text or raise max_segments"
    )]
    TooLong {
        /// Which text.
        template: String,
        /// What it would cost.
        segments: u32,
        /// What the type's policy allows.
        max: u32,
    },
}

impl RenderError {
    /// Stable kebab-case name for records and metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::NoTemplate { .. } => "no-template",
            Self::Field { .. } => "template-field",
            Self::Engine { .. } => "template-engine",
            Self::Empty { .. } => "empty-text",
            Self::LongValue { .. } | Self::TooLong { .. } => "too-long",
        }
    }

    pub(crate) fn of_engine(template: &str, error: &tera::Error) -> Self {
        let line = engine_problem(error).1.map_or(0, |(line, _)| line);
        Self::Engine { template: template.to_owned(), line }
    }
}

/// The engine's words in one line, without the excerpt of the source that its `Display` adds.
fn engine_problem(error: &tera::Error) -> (String, Option<(usize, usize)>) {
    match error.kind() {
        tera::ErrorKind::SyntaxError(report) | tera::ErrorKind::RenderingError(report) => {
            let span = report.span();
            (one_line(report.message()), Some((span.start_line, span.start_col + 1)))
        }
        // Unknown filters, tests and functions come as finished reports in plain text.
        tera::ErrorKind::Msg(report) => {
            let mut lines = report.lines();
            let problem = lines.next().unwrap_or_default().trim_start_matches("error: ");
            let place = lines.next().and_then(|line| {
                let mut parts = line.rsplitn(3, ':');
                let column = parts.next()?.parse().ok()?;
                Some((parts.next()?.parse().ok()?, column))
            });
            (one_line(problem), place)
        }
        other => (one_line(&other.to_string()), None),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
