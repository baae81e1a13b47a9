//! Rows as a file: CSV or JSON Lines of whatever a search finds, piece by piece, in memory that does not grow with the rows.
//!
//! Names, numbers and texts are `***` unless the export is an open one; its opening is recorded by whoever begins it.

mod opened;
mod written;

use crate::db::Ledger;
use crate::error::LedgerError;
use crate::search::{Found, SearchCursor, SearchFilter};
use crate::state::named;
use opened::Person;
use written::{Line, head};

pub use written::COLUMNS;

/// Rows of one piece.
const PIECE: i64 = 500;

/// Fields of personal data that an open export holds, for [`crate::access::AccessKind::Opened`].
pub const OPENED: [&str; 3] = ["name", "phone", "text"];

named! {
    /// How rows are written.
    Format {
        /// RFC 4180 in UTF-8, with a first line of names. A cell that a spreadsheet would take for a formula begins with `'`.
        Csv = "csv",
        /// One JSON object a line.
        Jsonl = "jsonl",
    }
}

impl Format {
    /// For `Content-Type`.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Jsonl => "application/x-ndjson",
        }
    }
}

/// A file in the making: of what fits a filter and was received before the export began, newest first.
#[derive(Debug)]
pub struct Export {
    ledger: Ledger,
    filter: SearchFilter,
    format: Format,
    open: bool,
    at: At,
    rows: u64,
}

/// How far an export has come.
#[derive(Debug, Clone)]
enum At {
    Begin,
    After(SearchCursor),
    End,
}

impl Export {
    /// Begins. `open`: names, numbers and texts are written instead of `***`; whoever says so has recorded it first
    /// ([`crate::access::AccessKind::Opened`] with [`OPENED`]).
    pub fn new(ledger: &Ledger, mut filter: SearchFilter, format: Format, open: bool) -> Self {
        let now = ledger.clock().now_ms();
        filter.to = Some(filter.to.map_or(now, |to| to.min(now)));
        filter.with_facts = false;
        Self { ledger: ledger.clone(), filter, format, open, at: At::Begin, rows: 0 }
    }

    /// The next piece of the file, some hundred rows; `None`: that was all.
    ///
    /// # Errors
    /// When the database does not answer: the same call may be repeated, nothing is lost or written twice.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, LedgerError> {
        let after = match &self.at {
            At::Begin => None,
            At::After(cursor) => Some(cursor),
            At::End => return Ok(None),
        };
        let page = self.ledger.search(&self.filter, after, PIECE).await?;
        let persons = self.persons(&page.rows).await?;
        let mut piece = if after.is_none() { head(self.format) } else { vec![] };
        for (found, person) in page.rows.iter().zip(&persons) {
            Line::of(found, person).write(self.format, &mut piece)?;
        }
        self.rows += page.rows.len() as u64;
        self.at = page.next.map_or(At::End, At::After);
        Ok(Some(piece))
    }

    /// Rows written so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    async fn persons(&self, rows: &[Found]) -> Result<Vec<Person>, LedgerError> {
        if self.open {
            self.ledger.persons_of(rows).await
        } else {
            Ok(rows.iter().map(Person::masked).collect())
        }
    }
}
