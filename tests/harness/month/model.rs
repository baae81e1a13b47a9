//! What each appointment must get, from the promises alone: reminders 24 and 2 hours before (or its own), none from 20:00 to 09:00 on
//! the clinic's wall, ninety minutes' notice for what is moved, six hours between two.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveTime, Timelike as _};

use super::book::Month;
use super::calendar::{Clinic, DAY, HOUR, MINUTE, Ms};
use super::facts::{Said, Visit, What};

/// The clinics' own reminders.
const RULES: &[&str] = &["24h", "2h"];
/// Nothing is planned for an instant so near to when a fact arrives: whether it is late would be luck.
const IN_DOUBT: Ms = 90_000;
/// Least time between two reminders.
const GAP: Ms = 6 * HOUR;
/// Least time before the start that a moved reminder leaves.
const NOTICE: Ms = 90 * MINUTE;

/// A message that somebody must get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Index of the appointment.
    pub visit: usize,
    /// When, by the ledger's clock.
    pub at: Ms,
    /// What that clock showed when it had come to it: more, where it was put forward.
    pub reached: Ms,
    /// What it says: when the visit is.
    pub starts_at: Ms,
    /// What it says: who will be seen.
    pub with: &'static str,
}

/// A reminder that is to go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Planned {
    at: Ms,
    visit: usize,
    rule: &'static str,
}

/// What is known of an appointment.
#[derive(Debug, Clone, Default)]
struct Known {
    version: Option<i64>,
    /// Start and doctor, while it stands.
    stands: Option<(Ms, &'static str)>,
    /// What has gone out, by the start it was about, and when.
    sent: BTreeMap<(Ms, &'static str), Ms>,
}

/// The model.
#[derive(Debug)]
pub struct Model<'a> {
    visits: &'a [Visit],
    known: Vec<Known>,
    planned: BTreeSet<Planned>,
    /// What has to have been sent by now, in order.
    pub expected: Vec<Expected>,
}

impl<'a> Model<'a> {
    /// Of a month in which nothing has happened yet.
    pub fn new(month: &'a Month) -> Self {
        let known = vec![Known::default(); month.visits.len()];
        Self { visits: &month.visits, known, planned: BTreeSet::new(), expected: vec![] }
    }

    /// It is `now` by the ledger's clock: what is due goes out.
    pub fn pass(&mut self, now: Ms) {
        while let Some(due) = self.planned.first().copied().filter(|due| due.at <= now) {
            self.planned.remove(&due);
            let (starts_at, with) =
                self.known[due.visit].stands.expect("only what stands is planned");
            self.send(due, now, starts_at, with);
        }
    }

    fn send(&mut self, due: Planned, reached: Ms, starts_at: Ms, with: &'static str) {
        let before = self.known[due.visit].sent.insert((starts_at, due.rule), due.at);
        assert_eq!(before, None, "planned twice");
        self.expected.push(Expected { visit: due.visit, at: due.at, reached, starts_at, with });
    }

    /// A fact arrives at `now`, for the first time or again.
    pub fn hear(&mut self, said: &Said, now: Ms) {
        let known = &mut self.known[said.visit];
        let newer = known.version.is_none_or(|version| said.version > version);
        if !newer {
            return;
        }
        known.version = Some(said.version);
        self.planned.retain(|planned| planned.visit != said.visit);
        let What::Stands { starts_at, with } = said.what else {
            known.stands = None;
            return;
        };
        known.stands = Some((starts_at, with));
        let visit = &self.visits[said.visit];
        for (rule, at) in reminders(visit.clinic, starts_at, visit.own.unwrap_or(RULES), now) {
            // whoever was reminded of this start by this rule, or a little before this one, is not reminded again
            let mut sent = known.sent.iter().filter(|((start, _), _)| *start == starts_at);
            if !sent.any(|((_, by), sent_at)| *by == rule || at - sent_at < GAP) {
                self.planned.insert(Planned { at, visit: said.visit, rule });
            }
        }
    }

    /// The clinic's system reminds of a visit by itself at `now`, by the rule `24h`, if that makes sense: version, start and doctor as
    /// they are known. Whoever was reminded by that rule gets nothing more, whoever was not gets it now instead.
    pub fn direct(&mut self, visit: usize, now: Ms) -> Option<(i64, Ms, &'static str)> {
        let known = &self.known[visit];
        let (starts_at, with) = known.stands?;
        let clinic = self.visits[visit].clinic;
        let far = |at: Ms| (at - now).abs() >= GAP + HOUR;
        let others = self.planned.iter().filter(|p| p.visit == visit && p.rule != "24h");
        let sent =
            known.sent.iter().filter(|((start, rule), _)| *start == starts_at && *rule != "24h");
        let alone = others.map(|p| p.at).chain(sent.map(|(_, at)| *at)).all(far);
        if is_quiet(clinic, now)
            || is_quiet(clinic, now + HOUR)
            || now + NOTICE > starts_at
            || !alone
        {
            return None;
        }
        if !known.sent.contains_key(&(starts_at, "24h")) {
            self.planned.retain(|planned| planned.visit != visit || planned.rule != "24h");
            self.send(Planned { at: now, visit, rule: "24h" }, now, starts_at, with);
        }
        Some((self.known[visit].version?, starts_at, with))
    }
}

/// Whether nobody may be written to.
pub fn is_quiet(clinic: Clinic, at: Ms) -> bool {
    let hour = clinic.wall(at).hour();
    !(9..20).contains(&hour)
}

/// The reminders of a visit that is heard of at `now`.
fn reminders(
    clinic: Clinic,
    starts_at: Ms,
    rules: &[&'static str],
    now: Ms,
) -> Vec<(&'static str, Ms)> {
    if now >= starts_at {
        return vec![];
    }
    let mut all: Vec<(&'static str, Ms, Ms)> = vec![];
    for rule in rules {
        let wanted = moment(clinic, starts_at, rule);
        let at = place(clinic, starts_at, wanted);
        assert!(
            (at - now).abs() > IN_DOUBT,
            "whether it is late is in doubt: {rule} at {at}, heard at {now}; badly made, or time had to pass"
        );
        if at > now {
            all.push((rule, at, wanted));
        }
    }
    // the nearest to the visit first, those that leave no notice last
    all.sort_by_key(|(_, at, wanted)| (starts_at - at < NOTICE, -at, -wanted));
    let mut kept: Vec<(&'static str, Ms, Ms)> = vec![];
    for one in all {
        if kept.iter().all(|other| (other.1 - one.1).abs() >= GAP) {
            kept.push(one);
        }
    }
    kept.into_iter().map(|(rule, at, _)| (rule, at)).collect()
}

/// The moment that a rule names: hours as they pass, days on the wall.
fn moment(clinic: Clinic, starts_at: Ms, rule: &str) -> Ms {
    let (number, unit) = rule.split_at(rule.len() - 1);
    let number: u32 = number.parse().expect("a number");
    match unit {
        "h" => starts_at - Ms::from(number) * HOUR,
        "d" => {
            let day = Days::new(u64::from(number));
            clinic.at(clinic.wall(starts_at).checked_sub_days(day).expect("a date"))
        }
        _ => panic!("{rule}"),
    }
}

/// Where a reminder goes that is wanted at a moment.
fn place(clinic: Clinic, starts_at: Ms, wanted: Ms) -> Ms {
    if !is_quiet(clinic, wanted) {
        return wanted;
    }
    let nine = |at: Ms| {
        let morning = NaiveTime::from_hms_opt(9, 0, 0).expect("a time");
        clinic.at(clinic.wall(at).date().and_time(morning))
    };
    let evening = clinic.wall(wanted).hour() >= 20;
    let morning = if evening { nine(wanted + DAY / 2) } else { nine(wanted) };
    if starts_at - morning >= NOTICE {
        return morning;
    }
    // half an hour before it became quiet, on the evening before that morning
    let half_past_seven = NaiveTime::from_hms_opt(19, 30, 0).expect("a time");
    let day = clinic.wall(morning).date().pred_opt().expect("a date");
    clinic.at(day.and_time(half_past_seven))
}

#[test]
fn the_model_is_right_where_the_answer_is_plain() {
    use super::calendar::utc;
    // in Istanbul, in March: three hours before UTC
    let at = |day, hour, minute| utc(2031, 3, day, hour, minute) - 3 * HOUR;
    let told = |start, rules: &[&'static str], now| {
        reminders(Clinic::Atasehir, start, rules, now)
            .into_iter()
            .map(|(_, at)| at)
            .collect::<Vec<_>>()
    };
    let early = at(1, 12, 0);
    assert_eq!(told(at(10, 14, 0), RULES, early), [at(10, 12, 0), at(9, 14, 0)]);
    assert_eq!(told(at(10, 10, 0), RULES, early), [at(9, 19, 30), at(9, 10, 0)]);
    assert_eq!(told(at(10, 10, 30), RULES, early), [at(10, 9, 0), at(9, 10, 30)]);
    assert_eq!(told(at(10, 22, 0), RULES, early), [at(10, 19, 30), at(10, 9, 0)]);
    assert_eq!(told(at(10, 14, 0), RULES, at(9, 15, 0)), [at(10, 12, 0)], "too late for the first");
    assert_eq!(told(at(10, 14, 0), RULES, at(10, 13, 0)), [0; 0], "too late for both");
    assert_eq!(told(at(10, 14, 0), &["4h", "1h"], early), [at(10, 10, 0)], "one of two");
    // in Berlin on the day of the change: 9:00 is two hours before UTC
    let nine = utc(2031, 3, 30, 7, 0);
    assert_eq!(place(Clinic::Besiktas, utc(2031, 3, 30, 10, 0), utc(2031, 3, 30, 3, 0)), nine);
    assert_eq!(place(Clinic::Besiktas, nine + HOUR, nine - HOUR), utc(2031, 3, 29, 18, 30));
}
