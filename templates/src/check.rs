//! Everything that is wrong with the texts at once: for `ulak template check`.

use std::fmt;
use std::path::{Path, PathBuf};

use schemas::{ClinicId, Registry};

use crate::content;
use crate::error::TemplateError;
use crate::files::File;
use crate::load;

/// One thing that somebody should mend.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file: as it was opened, or `templates/messages/…` for a built-in one.
    pub file: String,
    /// Line, from 1; `None` if it is about the whole file.
    pub line: Option<usize>,
    /// Column in characters, from 1.
    pub column: Option<usize>,
    /// Whether the texts may be used as they are.
    pub severity: Severity,
    /// What is wrong, and what to do.
    pub what: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The start is refused, a message would be, or the text breaks a rule of law.
    Error,
    /// It works, but costs more than it must.
    Warning,
}

impl Severity {
    /// `error`, `warning`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
            if let Some(column) = self.column {
                write!(f, ":{column}")?;
            }
        }
        write!(f, ": {}: {}", self.severity.as_str(), self.what)
    }
}

impl From<TemplateError> for Finding {
    fn from(error: TemplateError) -> Self {
        Self {
            file: error.file,
            line: error.place.map(|(line, _)| line),
            column: error.place.map(|(_, column)| column),
            severity: Severity::Error,
            what: error.problem,
        }
    }
}

/// Checks every text of every type, language and channel, built in, of an operator's own types
/// (`<own_types>/messages/`), and in the clinics' `folders`:
/// what [`Renderer::load`](crate::Renderer::load) refuses, and beyond that words that tell why
/// somebody is treated, words that make a message commercial, the length with the longest sample,
/// and texts that cost as UCS-2.
///
/// In order of file and place; empty if all is well.
pub fn check(
    registry: &Registry,
    own_types: Option<&Path>,
    folders: &[(ClinicId, PathBuf)],
) -> Vec<Finding> {
    let mut findings = Findings { thorough: true, found: Vec::new() };
    match load::load(registry, own_types, folders, &mut findings) {
        // What ends even a thorough load: the types themselves, or the engine as a whole.
        Err(error) => findings.found.push(error.into()),
        Ok(renderer) => {
            for note in renderer.notes() {
                let (file, what) = note.split_once(": ").unwrap_or(("templates", note));
                findings.found.push(Finding {
                    file: file.to_owned(),
                    line: None,
                    column: None,
                    severity: Severity::Warning,
                    what: what.to_owned(),
                });
            }
        }
    }
    let mut found = findings.found;
    found.sort();
    // A clinic's own words.json brings the built-in text beside it once more.
    found.dedup();
    found
}

/// Where a load puts what it finds.
pub(crate) struct Findings {
    /// Go on after an error, and look at the content too.
    pub(crate) thorough: bool,
    found: Vec<Finding>,
}

impl Findings {
    /// For a start: the first error ends it.
    pub(crate) fn first_error() -> Self {
        Self { thorough: false, found: Vec::new() }
    }

    /// Passes `result` on; an error is kept, and `None` passed on, where all are wanted.
    pub(crate) fn take<T>(
        &mut self,
        result: Result<T, TemplateError>,
    ) -> Result<Option<T>, TemplateError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if self.thorough => {
                self.found.push(error.into());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Looks for words that no text may say.
    pub(crate) fn read(&mut self, text: &File, words: Option<&File>) {
        if !self.thorough {
            return;
        }
        let written = content::in_template(&text.content);
        let said = words.map(|file| (file, content::in_json(&file.content)));
        for (file, content) in std::iter::once((text, written)).chain(said) {
            for (place, what) in content::refused_words(&content) {
                self.found.push(TemplateError::at(&file.shown, place, what).into());
            }
        }
    }
}
