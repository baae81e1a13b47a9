//! One row as a line of the file. The columns are the same in every export and in this order.

use super::Format;
use super::opened::Person;
use crate::error::LedgerError;
use crate::search::Found;
use chrono::{DateTime, SecondsFormat};
use serde::Serialize;
use std::borrow::Cow;

/// Names of the columns, in order. Instants are RFC 3339 in UTC with milliseconds; what there is none of is empty, in JSON null.
pub const COLUMNS: [&str; 18] = [
    "id",
    "received_at",
    "clinic",
    "type",
    "event_id",
    "subject",
    "state",
    "reason",
    "why",
    "channel",
    "lane",
    "attempts",
    "segments",
    "changed_at",
    "due_at",
    "name",
    "phone",
    "text",
];

/// A row; its fields are [`COLUMNS`].
#[derive(Serialize)]
pub(super) struct Line<'a> {
    id: &'a str,
    received_at: String,
    clinic: &'a str,
    #[serde(rename = "type")]
    event_type: &'a str,
    event_id: &'a str,
    subject: Option<&'a str>,
    state: &'a str,
    reason: Option<&'a str>,
    why: &'a str,
    channel: Option<&'a str>,
    lane: Option<&'a str>,
    attempts: i64,
    segments: i64,
    changed_at: String,
    due_at: Option<String>,
    name: &'a str,
    phone: &'a str,
    text: &'a str,
}

/// What stands before the first row.
pub(super) fn head(format: Format) -> Vec<u8> {
    match format {
        Format::Csv => format!("{}\r\n", COLUMNS.join(",")).into_bytes(),
        Format::Jsonl => vec![],
    }
}

impl<'a> Line<'a> {
    pub(super) fn of(found: &'a Found, person: &'a Person) -> Self {
        let row = &found.row;
        Line {
            id: &row.ntf,
            received_at: instant(row.created_at),
            clinic: &row.clinic,
            event_type: &row.event_type,
            event_id: &row.event_id,
            subject: row.subject.as_deref(),
            state: row.state.as_str(),
            reason: found.code.as_deref(),
            why: &row.why,
            channel: found.channel.as_deref(),
            lane: found.lane.as_deref(),
            attempts: found.attempts,
            segments: found.segments,
            changed_at: instant(row.changed_at),
            due_at: row.due_at.map(instant),
            name: &person.name,
            phone: &person.phone,
            text: &person.text,
        }
    }

    /// Writes it with its end.
    pub(super) fn write(&self, format: Format, to: &mut Vec<u8>) -> Result<(), LedgerError> {
        match format {
            Format::Jsonl => {
                serde_json::to_writer(&mut *to, self)
                    .map_err(|e| LedgerError::Corrupt(format!("a row of an export: {e}")))?;
                to.push(b'\n');
            }
            Format::Csv => {
                for (place, cell) in self.cells().iter().enumerate() {
                    if place > 0 {
                        to.push(b',');
                    }
                    write_cell(cell, to);
                }
                to.extend(b"\r\n");
            }
        }
        Ok(())
    }

    fn cells(&self) -> [Cow<'_, str>; COLUMNS.len()] {
        [
            self.id.into(),
            self.received_at.as_str().into(),
            self.clinic.into(),
            self.event_type.into(),
            self.event_id.into(),
            self.subject.unwrap_or_default().into(),
            self.state.into(),
            self.reason.unwrap_or_default().into(),
            self.why.into(),
            self.channel.unwrap_or_default().into(),
            self.lane.unwrap_or_default().into(),
            self.attempts.to_string().into(),
            self.segments.to_string().into(),
            self.changed_at.as_str().into(),
            self.due_at.as_deref().unwrap_or_default().into(),
            self.name.into(),
            self.phone.into(),
            self.text.into(),
        ]
    }
}

/// A cell of RFC 4180, guarded.
fn write_cell(cell: &str, to: &mut Vec<u8>) {
    let cell = guarded(cell);
    if cell.contains(['"', ',', ';', '\t', '\r', '\n']) {
        to.push(b'"');
        to.extend(cell.replace('"', "\"\"").bytes());
        to.push(b'"');
    } else {
        to.extend(cell.bytes());
    }
}

/// A spreadsheet takes what begins with `=`, `+`, `-`, `@`, a tab or a return for a formula and may run it (OWASP, CSV Injection): `'`
/// before it says that it is text. Behind blanks and quotes too, which some programs leave out, and in the wide forms of these
/// characters. A Turkish Excel ends a cell at `;`, others at a tab, and then a quote in the middle of what it takes for a cell holds
/// nothing together: so it is the same behind everything that may end a cell or a line.
fn guarded(cell: &str) -> Cow<'_, str> {
    let is_separator = |c| matches!(c, ',' | ';' | '\t' | '\r' | '\n');
    let is_formula = |c| matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠');
    let (mut out, mut begins) = (String::new(), true);
    if cell.trim_start_matches(' ').starts_with(['\t', '\r', '\n']) {
        out.push('\'');
    }
    for c in cell.chars() {
        if begins && is_formula(c) {
            out.push('\'');
        }
        begins = is_separator(c) || (begins && (c.is_whitespace() || c == '"'));
        out.push(c);
    }
    if out.len() == cell.len() { cell.into() } else { out.into() }
}

fn instant(ms: i64) -> String {
    let at = DateTime::from_timestamp_millis(ms).unwrap_or_default();
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Listed;
    use crate::state::State;
    use proptest::prelude::*;
    use zeroize::Zeroizing;

    fn found() -> Found {
        let row = Listed {
            ntf: "ntf_a".to_owned(),
            clinic: "atasehir".to_owned(),
            event_type: "ulak.payment-receipt.v1".to_owned(),
            event_id: "=cmd|' /C calc'!A0".to_owned(),
            state: State::Suppressed,
            why: "no-consent: \"none\", said".to_owned(),
            attempts: 0,
            created_at: 1_795_294_800_000,
            changed_at: 1_795_294_800_001,
            due_at: None,
            lane: None,
            subject: None,
            expires_at: 0,
            fence: 0,
        };
        Found {
            row,
            channel: None,
            lane: None,
            code: Some("no-consent".to_owned()),
            attempts: 0,
            segments: 0,
        }
    }

    fn written(found: &Found, person: &Person, format: Format) -> String {
        let mut to = vec![];
        Line::of(found, person).write(format, &mut to).unwrap();
        String::from_utf8(to).unwrap()
    }

    #[test]
    fn a_line_has_the_columns_in_their_order() {
        let found = found();
        let line = written(&found, &Person::masked(&found), Format::Csv);
        assert_eq!(
            line,
            "ntf_a,2026-11-21T21:00:00.000Z,atasehir,ulak.payment-receipt.v1,'=cmd|' /C calc'!A0,,suppressed,no-consent,\
             \"no-consent: \"\"none\"\", said\",,,0,0,2026-11-21T21:00:00.001Z,,***,***,\r\n"
        );
        let line = written(&found, &Person::masked(&found), Format::Jsonl);
        let names: Vec<String> = line
            .trim_matches(['{', '}', '\n'])
            .split(",\"")
            .map(|field| field.trim_start_matches('"').split('"').next().unwrap().to_owned())
            .collect();
        assert_eq!(names.iter().filter(|name| COLUMNS.contains(&name.as_str())).count(), 18);
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["event_id"], "=cmd|' /C calc'!A0", "JSON needs no guard");
        assert!(value["channel"].is_null() && value["text"] == "", "{value}");
        assert_eq!(head(Format::Csv), format!("{}\r\n", COLUMNS.join(",")).as_bytes());
    }

    proptest! {
        /// Whatever stands in a cell is read back by a CSV reader as it was, but for the guard, and no cell begins as a formula does.
        #[test]
        fn a_cell_is_read_back_and_is_never_a_formula(name in "[ =+@\\-\t\r\n\"',;a-zşı＝]{0,12}", text in "\\PC{0,20}") {
            let person = Person {
                name: Zeroizing::new(name.clone()),
                phone: Zeroizing::new("+905321234567".to_owned()),
                text: Zeroizing::new(text.clone()),
            };
            let line = written(&found(), &person, Format::Csv);
            let cells = parse(&line);
            prop_assert_eq!(cells.len(), COLUMNS.len());
            prop_assert_eq!(cells[16].as_str(), "'+905321234567");
            for (cell, was) in [(&cells[15], &name), (&cells[17], &text)] {
                prop_assert!(is_guarded(cell, was), "{cell:?} of {was:?}");
                prop_assert!(!cell.trim_start_matches(' ').starts_with(['=', '+', '-', '@', '\t', '\r', '＝']), "{cell:?}");
            }
        }

        /// Wherever a program ends a cell, and whether or not it knows quotes: what it finds begins as no formula does.
        #[test]
        fn no_part_of_a_line_is_a_formula(name in "[ =+@\\-\t\r\n\"',;a-z\u{a0}＝＠]{0,16}", text in "\\PC{0,20}[;,\t\n][ \"]{0,3}[=+@\\-]\\PC{0,9}") {
            let person = Person {
                name: Zeroizing::new(name),
                phone: Zeroizing::new("+905321234567".to_owned()),
                text: Zeroizing::new(text),
            };
            let line = written(&found(), &person, Format::Csv);
            for part in line.split([',', ';', '\t', '\r', '\n']) {
                let part = part.trim_matches(|c: char| c.is_whitespace() || c == '"');
                prop_assert!(!part.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']), "{part:?} of {line:?}");
            }
        }
    }

    /// Whether it is the same but for `'` that were put before characters of it.
    fn is_guarded(cell: &str, was: &str) -> bool {
        let mut was = was.chars().peekable();
        let same = cell.chars().all(|c| was.next_if_eq(&c).is_some() || c == '\'');
        same && was.next().is_none()
    }

    /// One line of RFC 4180.
    fn parse(line: &str) -> Vec<String> {
        let (mut cells, mut cell, mut quoted) = (vec![], String::new(), false);
        let mut rest = line.strip_suffix("\r\n").unwrap().chars().peekable();
        while let Some(c) = rest.next() {
            match (c, quoted) {
                ('"', true) if rest.peek() == Some(&'"') => cell.extend(rest.next()),
                ('"', _) => quoted = !quoted,
                (',', false) => cells.push(std::mem::take(&mut cell)),
                _ => cell.push(c),
            }
        }
        cells.push(cell);
        cells
    }
}
