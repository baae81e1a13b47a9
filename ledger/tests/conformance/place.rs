//! A migrated ledger on a database of its own. Which engine keeps it is `crate::engine`'s affair.

use crate::engine;
use ledger::state::State;
use ledger::vault::Secret32;
use ledger::{Ledger, LedgerError, LedgerSettings, migrate};
use sqlx::AssertSqlSafe;
use std::ops::Deref;

pub use crate::engine::Database;

/// A ledger, the way to open another connection to it, and a way round its rules.
pub struct Place {
    pub ledger: Ledger,
    pub settings: LedgerSettings,
    /// For what no caller of the ledger may do: move due times, tamper, hold a transaction open.
    pub raw: engine::Pool,
    pub database: Database,
}

impl Deref for Place {
    type Target = Ledger;

    fn deref(&self) -> &Ledger {
        &self.ledger
    }
}

/// A row of `slot`: kind, holder, until.
pub type Slot = (String, String, Option<i64>);

/// A migrated ledger on its own database.
pub async fn fresh() -> Place {
    let (database, settings) = empty().await;
    migrate(&settings).await.unwrap();
    open(database, settings).await.unwrap()
}

/// A database without a schema, and settings to reach it.
pub async fn empty() -> (Database, LedgerSettings) {
    let database = Database::create().await;
    let settings = settings_of(&database);
    (database, settings)
}

/// The ledger that a database holds.
pub async fn open(database: Database, settings: LedgerSettings) -> Result<Place, LedgerError> {
    let ledger = Ledger::open(&settings).await?;
    Ok(Place { ledger, settings, raw: database.pool(), database })
}

/// How to reach a database.
pub fn settings_of(database: &Database) -> LedgerSettings {
    LedgerSettings {
        url: database.url(),
        master_key: Secret32::new([7; 32]),
        connections: 10,
        max_mib: None,
        name: "conformance".to_owned(),
    }
}

impl Place {
    /// Runs SQL round the ledger's back; returns how many rows it touched.
    pub async fn run(&self, text: &str) -> u64 {
        sqlx::query(AssertSqlSafe(text)).execute(&self.raw).await.unwrap().rows_affected()
    }

    /// Keeps every state that a budget was ever in, in `permit_watched`.
    pub async fn watch_permits(&self) {
        self.run("CREATE TABLE permit_watched (span BIGINT NOT NULL, used BIGINT NOT NULL)").await;
        for statement in engine::WATCH_PERMITS {
            self.run(statement).await;
        }
    }

    /// Works with a ledger on connections of its own, and waits until these are gone: then the server has counted what they read.
    pub async fn apart(&self, work: impl AsyncFnOnce(&Ledger)) {
        let settings = LedgerSettings { name: "apart".to_owned(), ..self.settings.clone() };
        let ledger = Ledger::open(&settings).await.unwrap();
        work(&ledger).await;
        ledger.close().await;
        let Some(there) = engine::CONNECTIONS_APART else { return };
        while self.number(there).await > 0 {
            tokio::task::yield_now().await;
        }
    }

    /// How many rows were read so far by connections that are gone; `None`: this engine does not count them.
    pub async fn rows_read(&self) -> Option<i64> {
        match engine::ROWS_READ {
            Some(count) => Some(self.number(count).await),
            None => None,
        }
    }

    /// One number.
    pub async fn number(&self, text: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(text)).fetch_one(&self.raw).await.unwrap()
    }

    /// Has the reader note all that there is. Transactions of other databases of the server may hold it back for a while.
    pub async fn note_all(&self) {
        let left = "SELECT count(*) FROM record WHERE (xid, id) > (SELECT xid, id FROM reader WHERE name = 'ends')";
        loop {
            self.note_ends().await.unwrap();
            let begun = "SELECT count(*) FROM reader WHERE name = 'ends'";
            if self.number(begun).await == 1 && self.number(left).await == 0 {
                return;
            }
        }
    }

    /// Now, by the database's clock.
    pub async fn now(&self) -> i64 {
        self.number(&format!("SELECT {}", engine::NOW)).await
    }

    /// Makes a row due at this moment.
    pub async fn make_due(&self, ntf: &str) {
        let moved = self.run(&format!("UPDATE open SET due_at = 0 WHERE ntf = '{ntf}'")).await;
        assert_eq!(moved, 1, "{ntf} has no due time");
    }

    /// Lets the usefulness of a row run out.
    pub async fn run_out(&self, ntf: &str) {
        for table in ["open", "notification"] {
            self.run(&format!("UPDATE {table} SET expires_at = 1 WHERE ntf = '{ntf}'")).await;
        }
    }

    /// Moves on a row whose time has come.
    pub async fn sweep_due(&self, ntf: &str) -> Option<State> {
        self.make_due(ntf).await;
        let (_, swept) = self.ledger.sweep(&[ntf.to_owned()]).await.unwrap();
        swept.first().map(|swept| swept.to)
    }

    /// The slot under a key.
    pub async fn slot(&self, key: &str) -> Option<Slot> {
        sqlx::query_as("SELECT kind, holder, until FROM slot WHERE key = $1")
            .bind(key)
            .fetch_optional(&self.raw)
            .await
            .unwrap()
    }

    /// The due time of a row that is not final, and how long it is from now.
    pub async fn due_in(&self, ntf: &str) -> Option<i64> {
        let due = self.ledger.find(ntf).await.unwrap().unwrap().due_at?;
        Some(due - self.now().await)
    }

    /// Everything that must hold whatever happened: one due time for each row that is not final and in the same state (and for an
    /// accepted one, if its next channel is tried some day), no slot
    /// of an attempt that is over, one `received` for each row, balanced books.
    pub async fn assert_sound(&self) {
        let wrong = "SELECT count(*) FROM notification n FULL JOIN open o ON o.ntf = n.ntf \
             WHERE n.ntf IS NULL OR (n.state IN ('waiting', 'released', 'sending', 'unknown')) IS DISTINCT FROM (o.state IS NOT NULL AND o.state <> 'accepted') \
             OR (o.state IS NOT NULL AND o.state <> n.state)";
        assert_eq!(self.number(wrong).await, 0, "rows whose due time does not fit their state");
        let numbers = "SELECT count(*) FROM slot s LEFT JOIN notification n ON n.ntf = s.holder \
             WHERE s.kind = 'number' AND coalesce(n.state, '') NOT IN ('sending', 'unknown')";
        assert_eq!(self.number(numbers).await, 0, "numbers held by nobody who is sending");
        let held = "SELECT count(*) FROM slot s LEFT JOIN notification n ON n.ntf = s.holder WHERE s.kind <> 'number' \
             AND s.until IS NULL AND coalesce(n.state, '') NOT IN ('sending', 'unknown', 'waiting', 'released')";
        assert_eq!(self.number(held).await, 0, "slots held without end by a finished notification");
        let last = "SELECT count(*) FROM notification n \
             WHERE n.attempt <> (SELECT count(*) FROM attempt a WHERE a.ntf = n.ntf)";
        assert_eq!(self.number(last).await, 0, "rows that miscount their attempts");
        let twice = "SELECT count(*) FROM (SELECT ntf FROM record WHERE kind = 'received' GROUP BY ntf HAVING count(*) > 1) d";
        assert_eq!(self.number(twice).await, 0, "events received twice");
        let books = self.ledger.balance(None).await.unwrap();
        assert!(books.balances(), "{books:?}");
    }
}
