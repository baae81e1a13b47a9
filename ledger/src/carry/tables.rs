//! Which tables and columns a ledger has, as data. A test compares this with the schema.

use crate::engine::{Engine, Row};
use crate::error::LedgerError;
use serde_json::{Map, Value as Json};
use std::fmt::Write as _;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Int,
}

pub(super) type Column = (&'static str, Kind);

pub(super) struct Table {
    pub name: &'static str,
    /// Columns of its primary key, which may be more than those that are moved.
    pub keys: &'static [Column],
    pub columns: &'static [Column],
}

const fn text(name: &'static str) -> Column {
    (name, Kind::Text)
}

const fn int(name: &'static str) -> Column {
    (name, Kind::Int)
}

/// Records, in the order in which they became visible. Their numbers are given anew: 1, 2, 3, …
pub(super) static RECORD: Table = Table {
    name: "record",
    keys: &[int("xid"), int("id")],
    columns: &[text("clinic"), text("ntf"), text("kind"), int("at"), text("bytes")],
};

/// All other tables, except what is not moved (see [`LEFT`]).
pub(super) static TABLES: [Table; 22] = [
    Table {
        name: "notification",
        keys: &[text("ntf")],
        columns: &[
            text("ntf"),
            text("clinic"),
            text("type"),
            text("source"),
            text("event_id"),
            text("subject"),
            text("digest"),
            text("person"),
            text("appointment"),
            int("version"),
            text("version_kind"),
            text("thing"),
            text("gap"),
            int("gap_ms"),
            int("class"),
            text("on_unknown"),
            int("expires_at"),
            int("created_at"),
            text("state"),
            text("why"),
            int("fence"),
            int("attempt"),
            int("changed_at"),
        ],
    },
    Table {
        name: "open",
        keys: &[text("ntf")],
        columns: &[
            text("ntf"),
            text("lane"),
            text("state"),
            text("clinic"),
            int("due_at"),
            int("class"),
            int("expires_at"),
            text("number"),
            int("releases"),
        ],
    },
    Table {
        name: "attempt",
        keys: &[text("ntf"), int("n")],
        columns: &[
            text("ntf"),
            int("n"),
            text("channel"),
            text("lane"),
            text("state"),
            text("token"),
            text("number"),
            int("segments"),
            int("started_at"),
            int("deadline_at"),
            int("ended_at"),
            text("code"),
            text("provider_ref"),
            int("looks"),
            int("absences"),
            int("looked_at"),
            int("look_fence"),
            text("reach"),
            text("next_channel"),
            text("delivery"),
        ],
    },
    Table {
        name: "receipt_wanted",
        keys: &[text("ntf"), int("n")],
        columns: &[
            text("ntf"),
            int("n"),
            text("provider"),
            text("account"),
            text("provider_ref"),
            text("number"),
            int("started_at"),
            int("next_at"),
            int("looks"),
            int("until"),
        ],
    },
    Table { name: "unreachable", keys: &[text("key")], columns: &[text("key"), int("until")] },
    Table {
        name: "person",
        keys: &[text("id")],
        columns: &[
            text("id"),
            text("clinic"),
            text("lookup"),
            text("wrapped"),
            text("master"),
            int("rev"),
            int("created_at"),
        ],
    },
    Table {
        name: "appointment",
        keys: &[text("key")],
        columns: &[
            text("key"),
            text("clinic"),
            int("rev"),
            int("version"),
            text("version_kind"),
            int("starts_at"),
            int("cancelled"),
            int("from_fact"),
            text("content"),
        ],
    },
    Table {
        name: "fact",
        keys: &[text("id")],
        columns: &[
            text("id"),
            text("clinic"),
            text("type"),
            text("source"),
            text("event_id"),
            text("digest"),
            text("state"),
            text("why"),
            int("created_at"),
            text("about"),
        ],
    },
    Table {
        name: "fact_watch",
        keys: &[text("name")],
        columns: &[text("name"), int("current_at")],
    },
    Table {
        name: "consent_word",
        keys: &[text("key"), text("channel")],
        columns: &[
            text("key"),
            text("channel"),
            text("clinic"),
            int("refused"),
            int("said_at"),
            text("fact"),
        ],
    },
    Table {
        name: "suppression",
        keys: &[text("key")],
        columns: &[text("key"), text("clinic"), text("why"), int("at")],
    },
    Table {
        name: "slot",
        keys: &[text("key")],
        columns: &[text("key"), text("kind"), text("holder"), int("until")],
    },
    Table {
        name: "lane",
        keys: &[text("lane")],
        columns: &[
            text("lane"),
            text("state"),
            text("why"),
            int("since"),
            int("probe_at"),
            int("probes"),
            int("width"),
        ],
    },
    Table {
        name: "permit",
        keys: &[text("key")],
        columns: &[text("key"), int("span"), int("used")],
    },
    Table {
        name: "cap",
        keys: &[text("key")],
        columns: &[text("key"), int("share"), int("at"), text("why")],
    },
    Table {
        name: "token",
        keys: &[text("account")],
        columns: &[
            text("account"),
            text("sealed"),
            int("expires_at"),
            int("refresh_expires_at"),
            int("lease_until"),
        ],
    },
    Table {
        name: "books",
        keys: &[text("clinic"), int("hour"), text("kind")],
        columns: &[text("clinic"), int("hour"), text("kind"), int("n")],
    },
    Table {
        name: "api_token",
        keys: &[text("id")],
        columns: &[
            text("id"),
            text("clinic"),
            text("label"),
            text("hash"),
            int("created_at"),
            int("revoked_at"),
            text("role"),
            int("expires_at"),
        ],
    },
    Table { name: "parked", keys: &[text("ntf")], columns: &[text("ntf")] },
    Table {
        name: "end_kind",
        keys: &[text("state"), text("word")],
        columns: &[text("state"), text("word")],
    },
    Table {
        name: "end_span",
        keys: &[text("state"), text("word"), int("span")],
        columns: &[text("state"), text("word"), int("span"), int("n")],
    },
    Table { name: "hour_told", keys: &[int("hour")], columns: &[int("hour"), int("n")] },
];

/// Tables that are not moved row by row: `meta` is made there (its lookup key is taken along), leases are of processes that
/// are gone, readers are moved as the number of records that they are done with, people log in anew, and hours are counted anew.
const LEFT: [&str; 6] = ["meta", "lease", "reader", "session", "login_try", "hour_kept"];

/// Every table that a move knows, with the columns that it takes along; for the test that compares this with the schema.
pub fn covered() -> Vec<(&'static str, Vec<&'static str>)> {
    let tables = TABLES.iter().chain([&RECORD]);
    let moved = tables.map(|table| {
        let mut columns: Vec<_> = table.columns.iter().map(|column| column.0).collect();
        columns.extend(table.keys.iter().map(|key| key.0));
        columns.sort_unstable();
        columns.dedup();
        (table.name, columns)
    });
    moved.chain(LEFT.map(|name| (name, vec![]))).collect()
}

impl Table {
    fn is_record(&self) -> bool {
        self.name == RECORD.name
    }

    /// The columns by which this engine can read it in order. SQLite has an index on the number of a record alone, and that is their
    /// order there.
    pub fn keys(&self, engine: Engine) -> &'static [Column] {
        match engine {
            Engine::Sqlite if self.is_record() => &RECORD.keys[1..],
            _ => self.keys,
        }
    }

    /// The next slice in the order of the key.
    pub fn select(&self, keys: &[Column], from_the_middle: bool, limit: usize) -> String {
        let mut names: Vec<_> = self.columns.iter().map(|column| column.0).collect();
        let others = keys.iter().map(|key| key.0).filter(|key| !names.contains(key));
        let others: Vec<_> = others.collect();
        names.extend(others);
        let count = keys.len();
        let keys: Vec<_> = keys.iter().map(|key| key.0).collect();
        let keys = keys.join(", ");
        let mut text = format!("-- carry\nSELECT {} FROM {}", names.join(", "), self.name);
        if from_the_middle {
            let places: Vec<_> = (1..=count).map(|n| format!("${n}")).collect();
            // a String takes it all
            let _ = write!(text, " WHERE ({keys}) > ({})", places.join(", "));
        }
        let _ = write!(text, " ORDER BY {keys} LIMIT {limit}");
        text
    }

    /// How rows are written at the other end.
    pub fn insert(&self, engine: Engine) -> String {
        let mut columns = self.columns.to_vec();
        let mut over = "";
        if self.is_record() {
            columns.push(int("id"));
            if engine == Engine::Postgres {
                over = "OVERRIDING SYSTEM VALUE ";
            }
        }
        let names: Vec<_> = columns.iter().map(|column| column.0).collect();
        let names = names.join(", ");
        let typed: Vec<_> = columns
            .iter()
            .map(|(name, kind)| match kind {
                Kind::Text => format!("{name} text"),
                Kind::Int => format!("{name} bigint"),
            })
            .collect();
        format!(
            "-- carry\nINSERT INTO {} ({names}) {over}SELECT {names} FROM {{rows:{}}} WHERE TRUE",
            self.name,
            typed.join(", ")
        )
    }

    /// A row as it is written and compared; `position` is the new number of a record.
    pub fn json(&self, row: &Row, position: u64) -> Result<Json, LedgerError> {
        let mut object = Map::new();
        for (name, kind) in self.columns {
            let value = match kind {
                Kind::Text => row.try_get::<Option<String>, _>(*name)?.into(),
                Kind::Int => row.try_get::<Option<i64>, _>(*name)?.into(),
            };
            object.insert((*name).to_owned(), value);
        }
        if self.is_record() {
            object.insert("id".to_owned(), position.into());
        }
        Ok(Json::Object(object))
    }
}
