//! What can go wrong with the ledger, by what to do about it.

use sqlx::sqlite::SqliteError;

/// An error of the ledger. Carries no personal data: statements are named, values are not shown.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LedgerError {
    /// The database does not answer now. Keep what you hold and try again.
    #[error("database is not reachable: {0}")]
    Away(String),
    /// The database refuses the login. Waiting does not help.
    #[error("database refuses the login: {0}; check database.url")]
    Login(String),
    /// The database is set up in a way that would break a promise, or is a file that is no ledger's or not ours to write.
    #[error("{0}")]
    Unsafe(String),
    /// Another master key, or a value that it does not open. Never the message's fault: the process stops.
    #[error("{0}")]
    Key(String),
    /// The schema is missing or newer than this program.
    #[error("{0}")]
    Schema(String),
    /// The ledger and this program disagree about what a row holds.
    #[error("ledger row cannot be understood: {0}")]
    Corrupt(String),
    /// A statement failed for a reason of its own.
    #[error("statement failed: {0}")]
    Statement(String),
    /// Two transactions stood in each other's way; the same call may go through when repeated.
    #[error("two transactions stood in each other's way")]
    Conflict,
}

impl LedgerError {
    /// Whether the same call may work later without anybody's help.
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Away(_) | Self::Conflict)
    }
}

impl From<sqlx::Error> for LedgerError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(db) if db.try_downcast_ref::<SqliteError>().is_some() => {
                of_sqlite(db.code().as_deref().unwrap_or_default(), db.message())
            }
            sqlx::Error::Database(db) => {
                let code = db.code().map(std::borrow::Cow::into_owned).unwrap_or_default();
                match code.as_str() {
                    // serialization failure, deadlock
                    "40001" | "40P01" => Self::Conflict,
                    // invalid authorization; database does not exist
                    "28000" | "28P01" | "3D000" => Self::Login(db.message().to_owned()),
                    "42P01" => Self::Schema(
                        "the ledger's tables are missing: run `ulak migrate`".to_owned(),
                    ),
                    "42501" => Self::Login(format!(
                        "a right is missing (SQLSTATE 42501, table {})",
                        db.table().unwrap_or("?")
                    )),
                    // cardinality, data, integrity: what a row holds is at fault. `message` may quote values: only the code is kept
                    code if ["21", "22", "23"].iter().any(|class| code.starts_with(class)) => {
                        Self::Statement(format!(
                            "SQLSTATE {code} in table {}",
                            db.table().unwrap_or("?")
                        ))
                    }
                    "53100" => Self::Away(
                        "the database's disk is full (SQLSTATE 53100): make room on it".to_owned(),
                    ),
                    // time limits, shutting down, starting up, a connection cut, a plan out of date, …: never a message's
                    // fault, and halving a slice would only wait as long for each half
                    code => Self::Away(format!("SQLSTATE {code}")),
                }
            }
            sqlx::Error::Io(e) => Self::Away(e.kind().to_string()),
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                Self::Away("no connection in time".to_owned())
            }
            // a transaction that cannot begin has seen no message
            sqlx::Error::BeginFailed | sqlx::Error::InvalidSavePointStatement => {
                Self::Away("no transaction could begin".to_owned())
            }
            sqlx::Error::Tls(_) => Self::Away("TLS failed".to_owned()),
            sqlx::Error::Protocol(_) => Self::Away("protocol error".to_owned()),
            sqlx::Error::Configuration(e) => Self::Login(e.to_string()),
            sqlx::Error::ColumnDecode { index, .. } => Self::Corrupt(format!("column {index}")),
            sqlx::Error::ColumnNotFound(name) => Self::Corrupt(format!("column {name} is missing")),
            _ => Self::Statement("unexpected answer of the database driver".to_owned()),
        }
    }
}

/// By SQLite's result code (sqlite.org/rescode.html); the low byte is the kind. Messages of kinds that may quote a value are not kept.
fn of_sqlite(code: &str, message: &str) -> LedgerError {
    let code: i64 = code.parse().unwrap_or(1);
    match code & 0xff {
        // busy, locked: another process writes
        5 | 6 => LedgerError::Away("another process is writing to the file".to_owned()),
        13 => LedgerError::Away(crate::engine::full()),
        // cannot be opened
        14 => LedgerError::Away("the file or its folder cannot be opened".to_owned()),
        8 | 3 | 23 => {
            LedgerError::Away("the file cannot be written; give this user the right to".to_owned())
        }
        // damaged, or no database at all: somebody has to look at it
        11 | 26 => LedgerError::Unsafe(
            "the file is no SQLite database, or is damaged; put a backup in its place".to_owned(),
        ),
        // constraint, too big, mismatch: what a row holds is at fault
        18..=20 => LedgerError::Statement(format!("SQLite result {code}")),
        1 if message.starts_with("no such table") => {
            LedgerError::Schema("the ledger's tables are missing: run `ulak migrate`".to_owned())
        }
        1 => LedgerError::Statement(format!("SQLite result {code}: {message}")),
        // input and output, memory, interrupted: never a message's fault
        _ => LedgerError::Away(format!("SQLite result {code}: {message}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_row_holds_is_a_messages_fault() {
        // busy, locked, no right, read-only, out of memory, interrupted, input and output, full, cannot be opened
        for code in ["5", "517", "6", "3", "8", "1032", "7", "9", "10", "778", "4874", "13", "14"] {
            assert!(of_sqlite(code, "x").is_away(), "{code}");
        }
        // unique, not null, a trigger's refusal, too big, mismatch
        for code in ["2067", "1299", "1811", "18", "20"] {
            let error = of_sqlite(code, "values of a row");
            assert!(matches!(error, LedgerError::Statement(_)), "{code}: {error:?}");
            assert!(!error.to_string().contains("values"), "{error}");
        }
        // damaged, and no database
        for code in ["11", "267", "779", "26"] {
            let error = of_sqlite(code, "x");
            assert!(matches!(error, LedgerError::Unsafe(_)), "{code}: {error:?}");
        }
        assert!(matches!(of_sqlite("1", "no such table: meta"), LedgerError::Schema(_)));
        assert!(matches!(of_sqlite("1", "near \"x\": syntax error"), LedgerError::Statement(_)));
    }

    #[test]
    fn a_transaction_that_could_not_begin_has_seen_no_message() {
        for error in [sqlx::Error::BeginFailed, sqlx::Error::InvalidSavePointStatement] {
            assert!(LedgerError::from(error).is_away());
        }
    }
}
