//! The fragments in which the two engines differ. Everything else is SQL that both understand (`facts/probes.md` §2).

use crate::test_clock::moved;
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

/// What one engine writes for each fragment.
pub(crate) struct Dialect {
    /// `{lock}`: the rows are ours until the commit. SQLite has one writer.
    lock: &'static str,
    /// `{skip}`: as `{lock}`, leaving out rows that somebody else is writing.
    skip: &'static str,
    /// `{now}`: the database's clock, milliseconds since 1970 UTC.
    now: &'static str,
    /// `{now_us}`: the same in microseconds.
    now_us: &'static str,
    greatest: &'static str,
    least: &'static str,
    /// `{after}`: record `r` comes after cursor `c`.
    after: &'static str,
    /// `{beyond}`: the same of the one cursor in `c`, in words that the index of records is entered by: with a join PostgreSQL may walk
    /// through all that was ever recorded.
    beyond: &'static str,
    /// `{by_commit}`: the order in which records are read, with `{by_commit_desc}` the other way round.
    by_commit: &'static str,
    by_commit_desc: &'static str,
    /// `{committed}`: no transaction that began before record `r` may still commit (PROTOCOL rule 16).
    committed: &'static str,
    /// `{xid}`: the number of this transaction.
    xid: &'static str,
    /// `{record_id}` and `{record_key}`: the columns that order records.
    record_id: &'static str,
    record_key: &'static str,
    /// `{fill}`: room for updates in place.
    fill: &'static str,
    /// `{as_json:…}`.
    json_cast: &'static str,
    rows: fn(&str) -> String,
    list: fn(&str) -> String,
}

impl Dialect {
    pub const POSTGRES: Self = Self {
        lock: "FOR UPDATE",
        skip: "FOR UPDATE SKIP LOCKED",
        now: "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
        now_us: "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)",
        greatest: "greatest",
        least: "least",
        after: "(r.xid, r.id) > (c.xid, c.id)",
        beyond: "(r.xid, r.id) > ((SELECT xid FROM c), (SELECT id FROM c))",
        by_commit: "xid, id",
        by_commit_desc: "xid DESC, id DESC",
        committed: "r.xid < CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS TEXT) AS BIGINT)",
        xid: "(CAST(CAST(pg_current_xact_id() AS TEXT) AS BIGINT))",
        record_id: "BIGINT GENERATED ALWAYS AS IDENTITY NOT NULL",
        record_key: "PRIMARY KEY (xid, id)",
        fill: "WITH (fillfactor = 85)",
        json_cast: "::json",
        rows: |columns| format!("json_to_recordset($1::json) AS r({columns})"),
        list: |parameter| format!("json_array_elements_text({parameter}::json) AS l(value)"),
    };

    pub const SQLITE: Self = Self {
        lock: "",
        skip: "",
        now: "CAST(round(unixepoch('subsec') * 1000) AS INTEGER)",
        now_us: "CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000",
        greatest: "max",
        least: "min",
        after: "r.id > c.id",
        beyond: "r.id > (SELECT id FROM c)",
        by_commit: "id",
        by_commit_desc: "id DESC",
        committed: "TRUE",
        xid: "0",
        record_id: "INTEGER PRIMARY KEY AUTOINCREMENT",
        record_key: "CHECK (xid = 0)",
        fill: "",
        json_cast: "",
        rows: |columns| {
            let names = columns.split(',').filter_map(|column| column.split_whitespace().next());
            let values: Vec<_> = names.map(|name| format!("value->>'{name}' AS {name}")).collect();
            format!("(SELECT {} FROM json_each($1)) AS r", values.join(", "))
        },
        list: |parameter| format!("json_each({parameter})"),
    };

    /// A statement, or a file of them, as this engine understands it.
    pub fn statement(&self, text: &str) -> SqlStr {
        AssertSqlSafe(self.fill_in(text)).into_sql_str()
    }

    fn fill_in(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + 200);
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            let Some((fragment, after)) = after.split_once('}') else {
                out.push('{');
                rest = after;
                continue;
            };
            out.push_str(&self.fragment(fragment));
            rest = after;
        }
        out.push_str(rest);
        out
    }

    fn fragment(&self, name: &str) -> String {
        let text = match name.split_once(':') {
            Some(("rows", columns)) => return (self.rows)(columns),
            Some(("list", parameter)) => return (self.list)(parameter),
            Some(("as_json", value)) => return format!("{value}{}", self.json_cast),
            _ => match name {
                "lock" => self.lock,
                "skip" => self.skip,
                "now" => return moved(self.now, 1),
                "now_us" => return moved(self.now_us, 1_000),
                "greatest" => self.greatest,
                "least" => self.least,
                "after" => self.after,
                "beyond" => self.beyond,
                "by_commit" => self.by_commit,
                "by_commit_desc" => self.by_commit_desc,
                "committed" => self.committed,
                "xid" => self.xid,
                "record_id" => self.record_id,
                "record_key" => self.record_key,
                "fill" => self.fill,
                // left as it is, so that the engine refuses the statement and a test sees it
                _ => return format!("{{{name}}}"),
            },
        };
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_become_what_each_engine_understands() {
        let text =
            "SELECT a FROM {rows:a text, b bigint} WHERE a IN (SELECT value FROM {list:$2}) {skip}";
        assert_eq!(
            Dialect::POSTGRES.fill_in(text),
            "SELECT a FROM json_to_recordset($1::json) AS r(a text, b bigint) WHERE a IN \
             (SELECT value FROM json_array_elements_text($2::json) AS l(value)) FOR UPDATE SKIP LOCKED"
        );
        assert_eq!(
            Dialect::SQLITE.fill_in(text),
            "SELECT a FROM (SELECT value->>'a' AS a, value->>'b' AS b FROM json_each($1)) AS r WHERE a IN \
             (SELECT value FROM json_each($2)) "
        );
    }

    #[test]
    fn only_a_process_that_was_started_for_it_goes_by_a_tests_clock() {
        for dialect in [Dialect::POSTGRES, Dialect::SQLITE] {
            assert_eq!(
                dialect.fill_in("{now} {now_us}"),
                format!("{} {}", dialect.now, dialect.now_us)
            );
        }
    }

    #[test]
    fn what_is_no_fragment_stays() {
        assert_eq!(Dialect::SQLITE.fill_in("a {what} b { c"), "a {what} b { c");
    }
}
