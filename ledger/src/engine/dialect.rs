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
    /// `{up_to:XID,ID}`: it comes no later than that, in words that bound the index of records.
    up_to: fn(&str, &str) -> String,
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
    /// `{code:…}`: the bounded word of a reason (`telling::code_of`).
    code: fn(&str) -> String,
    /// `{word:…}`: its first word.
    word: fn(&str) -> String,
    /// `{rows:…}`, always the first parameter, and how many parameters it is more than one.
    rows: fn(&str) -> (String, usize),
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
        up_to: |xid, id| format!("(r.xid, r.id) <= (CAST({xid} AS BIGINT), CAST({id} AS BIGINT))"),
        by_commit: "xid, id",
        by_commit_desc: "xid DESC, id DESC",
        committed: "r.xid < CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS TEXT) AS BIGINT)",
        xid: "(CAST(CAST(pg_current_xact_id() AS TEXT) AS BIGINT))",
        record_id: "BIGINT GENERATED ALWAYS AS IDENTITY NOT NULL",
        record_key: "PRIMARY KEY (xid, id)",
        fill: "WITH (fillfactor = 85)",
        json_cast: "::json",
        code: |why| format!("split_part({why}, ': ', 1)"),
        word: |why| format!("split_part({why}, ' ', 1)"),
        rows: |columns| {
            let mut arrays = vec![];
            let mut names = vec![];
            for (place, column) in columns.split(',').enumerate() {
                let (name, kind) = column.trim().split_once(' ').unwrap_or((column, "text"));
                arrays.push(format!("${}::{kind}[]", place + 1));
                names.push(name);
            }
            let text = format!("unnest({}) AS r({})", arrays.join(", "), names.join(", "));
            (text, arrays.len().saturating_sub(1))
        },
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
        // as a pair it is no bound: SQLite would read every record there is
        up_to: |_, id| format!("r.id <= CAST({id} AS BIGINT)"),
        by_commit: "id",
        by_commit_desc: "id DESC",
        committed: "TRUE",
        xid: "0",
        record_id: "INTEGER PRIMARY KEY AUTOINCREMENT",
        record_key: "CHECK (xid = 0)",
        fill: "",
        json_cast: "",
        code: |why| format!("substr({why}, 1, instr({why} || ': ', ': ') - 1)"),
        word: |why| format!("substr({why}, 1, instr({why} || ' ', ' ') - 1)"),
        rows: |columns| {
            let names = columns.split(',').filter_map(|column| column.split_whitespace().next());
            let values: Vec<_> = names.map(|name| format!("value->>'{name}' AS {name}")).collect();
            (format!("(SELECT {} FROM json_each($1)) AS r", values.join(", ")), 0)
        },
        list: |parameter| format!("json_each({parameter})"),
    };

    /// A statement, or a file of them, as this engine understands it.
    pub fn statement(&self, text: &str) -> SqlStr {
        AssertSqlSafe(self.fill_in(text)).into_sql_str()
    }

    fn fill_in(&self, text: &str) -> String {
        let shift = rows_columns(text).map_or(0, |columns| (self.rows)(columns).1);
        let mut out = String::with_capacity(text.len() + 200);
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            renumber(before, shift, &mut out);
            let Some((fragment, after)) = after.split_once('}') else {
                out.push('{');
                rest = after;
                continue;
            };
            if fragment.starts_with("rows:") {
                // its parameters are what the others are shifted by
                out.push_str(&self.fragment(fragment));
            } else {
                renumber(&self.fragment(fragment), shift, &mut out);
            }
            rest = after;
        }
        renumber(rest, shift, &mut out);
        out
    }

    fn fragment(&self, name: &str) -> String {
        let text = match name.split_once(':') {
            Some(("rows", columns)) => return (self.rows)(columns).0,
            Some(("list", parameter)) => return (self.list)(parameter),
            Some(("as_json", value)) => return format!("{value}{}", self.json_cast),
            Some(("code", why)) => return (self.code)(why),
            Some(("word", why)) => return (self.word)(why),
            Some(("up_to", place)) => {
                let (xid, id) = place.split_once(',').unwrap_or((place, place));
                return (self.up_to)(xid, id);
            }
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

/// The columns of the rows that a statement takes, if it takes any.
pub(crate) fn rows_columns(text: &str) -> Option<&str> {
    let (_, after) = text.split_once("{rows:")?;
    after.split_once('}').map(|(columns, _)| columns)
}

/// Parameters after the first one, `shift` places further.
fn renumber(text: &str, shift: usize, out: &mut String) {
    if shift == 0 {
        out.push_str(text);
        return;
    }
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let (number, behind) = after.split_at(digits);
        out.push_str(before);
        out.push('$');
        match number.parse::<usize>() {
            Ok(n) => out.push_str(&(n + shift).to_string()),
            Err(_) => out.push_str(number),
        }
        rest = behind;
    }
    out.push_str(rest);
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
            "SELECT a FROM unnest($1::text[], $2::bigint[]) AS r(a, b) WHERE a IN \
             (SELECT value FROM json_array_elements_text($3::json) AS l(value)) FOR UPDATE SKIP LOCKED"
        );
        assert_eq!(
            Dialect::SQLITE.fill_in(text),
            "SELECT a FROM (SELECT value->>'a' AS a, value->>'b' AS b FROM json_each($1)) AS r WHERE a IN \
             (SELECT value FROM json_each($2)) "
        );
    }

    #[test]
    fn parameters_after_the_rows_move_as_far_as_the_rows_have_columns() {
        let text = "UPDATE t SET a = $2, b = $10 FROM {rows:a text, b bigint, c text} WHERE x = $3 AND y = '$'";
        let written = Dialect::POSTGRES.fill_in(text);
        assert!(
            written.starts_with(
                "UPDATE t SET a = $4, b = $12 FROM unnest($1::text[], $2::bigint[], $3::text[])"
            ),
            "{written}"
        );
        assert!(written.ends_with("WHERE x = $5 AND y = '$'"), "{written}");
        assert!(Dialect::SQLITE.fill_in(text).contains("a = $2, b = $10"));
        assert_eq!(Dialect::POSTGRES.fill_in("SELECT $1, $2"), "SELECT $1, $2");
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
