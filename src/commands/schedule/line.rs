//! How a list says what goes out: a row as a line, and the counts of the hours.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use ledger::planned::{DueCount, DueRow};
use ledger::state::State;
use schemas::Recipient;
use serde_json::{Value, json};
use worker::pipeline::decide::Decision;

use super::{short, wall, wall_ms};
use crate::commands::desk::instant;

/// What is no later than this, in milliseconds, is not overdue but about to go.
const PUNCTUAL_MS: i64 = 60_000;

/// A row as it is shown.
pub(super) struct Line<'a> {
    pub row: &'a DueRow,
    /// The zone of its clinic.
    pub zone: Tz,
    /// When the list was asked for.
    pub now: DateTime<Utc>,
    /// The rule of a reminder.
    pub rule: Option<String>,
    /// Whom it is for; `None`: its body cannot be read.
    pub to: Option<Recipient>,
    /// The lane that it would take.
    pub lane: Option<String>,
    /// What would be decided about it when it is due.
    pub then: Then,
    /// Its text, for whoever said why.
    pub text: Option<String>,
}

/// What would be decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Then {
    /// `send`, `wait`, `suppress`, `cancel`, `expire`, `reject`; `nothing`: no decision is possible.
    pub word: &'static str,
    /// Why, unless it is sent.
    pub why: String,
}

impl Then {
    pub(super) fn of(decision: &Decision, zone: Tz) -> Self {
        let (word, why) = match decision {
            Decision::Send { .. } => ("send", String::new()),
            Decision::Defer { until, why } => {
                ("wait", format!("{why}, until {}", wall(*until, zone)))
            }
            Decision::Suppress(why) => ("suppress", why.clone()),
            Decision::Cancel(why) => ("cancel", why.clone()),
            Decision::Expire(why) => ("expire", why.clone()),
            Decision::Reject(rule) => ("reject", rule.as_str().to_owned()),
        };
        Self { word, why }
    }

    pub(super) fn nothing(why: impl Into<String>) -> Self {
        Self { word: "nothing", why: why.into() }
    }
}

impl Line<'_> {
    /// For machines.
    pub(super) fn json(&self) -> Value {
        let mut line = json!({
            "ntf": self.row.ntf, "clinic": self.row.clinic, "type": self.row.event_type, "id": self.row.event_id,
            "rule": self.rule, "state": self.row.state, "why": self.row.why,
            "due_at": instant(self.row.due_at), "wall": wall_ms(self.row.due_at, self.zone),
            "to": self.to.as_ref().map(|to| json!({ "name": to.name.to_string(), "phone": to.phone.to_string() })),
            "lane": self.lane, "then": self.then.word,
            "then_why": Some(&self.then.why).filter(|why| !why.is_empty()),
        });
        if let (Some(text), Some(object)) = (&self.text, line.as_object_mut()) {
            object.insert("text".to_owned(), text.as_str().into());
        }
        line
    }

    /// For people: the row, and its text below it.
    pub(super) fn lines(&self) -> Vec<String> {
        let (name, phone) = match &self.to {
            Some(to) => (to.name.to_string(), to.phone.to_string()),
            None => ("?".to_owned(), "?".to_owned()),
        };
        let mut line = format!(
            "{}  {:<16} {:<24} {:<7} {phone} {name:<16} {:<28} {}",
            wall_ms(self.row.due_at, self.zone),
            self.row.clinic,
            short(&self.row.event_type),
            self.rule.as_deref().unwrap_or("-"),
            self.lane.as_deref().unwrap_or("no lane"),
            self.row.ntf,
        );
        for note in self.notes() {
            line.push_str("; ");
            line.push_str(&note);
        }
        let mut lines = vec![line];
        lines.extend(self.text.iter().map(|text| format!("    {text}")));
        lines
    }

    /// What is not as its due time says.
    fn notes(&self) -> Vec<String> {
        let mut notes = vec![];
        if self.row.state == State::Released {
            notes.push("on its way".to_owned());
        } else if self.row.due_at < self.now.timestamp_millis() - PUNCTUAL_MS {
            notes.push(format!("overdue ({})", self.row.why));
        }
        match self.then.word {
            "send" => {}
            "nothing" => notes.push(self.then.why.clone()),
            word => notes.push(format!("would {word}: {}", self.then.why)),
        }
        notes
    }
}

/// The counts of quarters as those of the hours on each clinic's wall: (hour, clinic, zone), rows.
pub(super) fn by_hour(
    counts: &[DueCount],
    zone_of: impl Fn(&str) -> Tz,
) -> BTreeMap<(String, String, &'static str), i64> {
    let mut hours = BTreeMap::new();
    for count in counts {
        let zone = zone_of(&count.clinic);
        let at: DateTime<Utc> = DateTime::from_timestamp_millis(count.quarter).unwrap_or_default();
        let hour = at.with_timezone(&zone).format("%Y-%m-%d %H:00").to_string();
        *hours.entry((hour, count.clinic.clone(), zone.name())).or_default() += count.rows;
    }
    hours
}

#[cfg(test)]
mod tests {
    use ledger::planned::QUARTER_MS;
    use schemas::{Channel, Language, PersonName, PhoneNumber, RecipientType};

    use super::*;

    const NINE: i64 = 1_795_327_200_000;

    fn row() -> DueRow {
        DueRow {
            ntf: "ntf_aaaaaaaaaaaaaaaaaaaaaaaaaa".to_owned(),
            clinic: "atasehir".to_owned(),
            event_type: "ulak.appointment-reminder.v1".to_owned(),
            event_id: "plan/A-1042/3/24h".to_owned(),
            state: State::Waiting,
            why: "plan".to_owned(),
            lane: "none".to_owned(),
            due_at: NINE,
            expires_at: NINE + 86_400_000,
        }
    }

    fn line(row: &DueRow, now_ms: i64) -> Line<'_> {
        Line {
            row,
            zone: Tz::Europe__Istanbul,
            now: DateTime::from_timestamp_millis(now_ms).expect("an instant"),
            rule: Some("24h".to_owned()),
            to: Some(Recipient {
                name: PersonName::parse("Ayşe Yılmaz").expect("a name"),
                phone: PhoneNumber::parse("0532 123 45 67").expect("a number"),
                channels: vec![Channel::Sms],
                language: Language::Tr,
                recipient_type: RecipientType::Bireysel,
            }),
            lane: Some("netgsm/default/KLINIK".to_owned()),
            then: Then { word: "send", why: String::new() },
            text: None,
        }
    }

    #[test]
    fn a_line_says_when_what_to_whom_and_masks_who() {
        let row = row();
        let shown = line(&row, NINE - 1).lines();
        assert_eq!(shown.len(), 1);
        for part in [
            "2026-11-22 09:00:00 Europe/Istanbul",
            "atasehir",
            "appointment-reminder",
            "24h",
            "A*** Y***",
            "+90532*****67",
            "KLINIK",
            "ntf_",
        ] {
            assert!(shown[0].contains(part), "{part} in {}", shown[0]);
        }
        let json = line(&row, NINE - 1).json();
        assert_eq!(json["due_at"], "2026-11-22T06:00:00.000Z");
        assert_eq!(
            (&json["then"], &json["then_why"], &json["text"]),
            (&"send".into(), &Value::Null, &Value::Null)
        );
        for said in [shown[0].clone(), json.to_string()] {
            assert!(
                !said.contains("Yılmaz") && !said.contains("1234567") && !said.contains(';'),
                "{said}"
            );
        }
    }

    #[test]
    fn what_does_not_go_as_its_due_time_says_is_noted() {
        let row = row();
        let mut late = line(&row, NINE + PUNCTUAL_MS + 1);
        late.then = Then::of(
            &Decision::Defer {
                until: DateTime::from_timestamp_millis(NINE).expect("an instant"),
                why: "quiet-hours",
            },
            Tz::Europe__Istanbul,
        );
        let said = late.lines().remove(0);
        assert!(said.ends_with("; overdue (plan); would wait: quiet-hours, until 2026-11-22 09:00:00 Europe/Istanbul"), "{said}");
        let released = DueRow { state: State::Released, ..row.clone() };
        assert!(line(&released, NINE).lines()[0].ends_with("; on its way"));
        let mut unread = line(&row, NINE);
        unread.to = None;
        unread.then = Then::nothing("its body is not in the ledger any more");
        unread.text = Some("the text".to_owned());
        let said = unread.lines();
        assert!(said[0].ends_with("; its body is not in the ledger any more"), "{}", said[0]);
        assert_eq!((said[1].as_str(), &unread.json()["to"]), ("    the text", &Value::Null));
    }

    #[test]
    fn quarters_are_counted_by_the_hours_of_each_clinics_wall() {
        let count = |clinic: &str, quarter, rows| DueCount {
            clinic: clinic.to_owned(),
            quarter: NINE + quarter * QUARTER_MS,
            rows,
        };
        let counts = [
            count("a", 0, 2),
            count("a", 3, 1),
            count("a", 4, 5),
            count("k", 0, 7),
            count("k", 1, 1),
        ];
        let zone =
            |clinic: &str| if clinic == "k" { Tz::Asia__Kathmandu } else { Tz::Europe__Istanbul };
        let hours: Vec<_> = by_hour(&counts, zone)
            .into_iter()
            .map(|((hour, clinic, _), n)| (hour, clinic, n))
            .collect();
        let hour = |text: &str, clinic: &str, n| (text.to_owned(), clinic.to_owned(), n);
        assert_eq!(
            hours,
            [
                hour("2026-11-22 09:00", "a", 3),
                hour("2026-11-22 10:00", "a", 5),
                hour("2026-11-22 11:00", "k", 7),
                hour("2026-11-22 12:00", "k", 1),
            ]
        );
    }
}
