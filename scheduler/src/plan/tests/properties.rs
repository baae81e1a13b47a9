//! What holds for every appointment, clinic and clock change of the years 2014 to 2030.

use super::*;
use chrono::{LocalResult, Offset, TimeZone};
use proptest::prelude::*;
use std::sync::LazyLock;

/// Türkiye with its changes until 2016, KKTC with its own way from 2016 to 2017, the south of the island, Germany.
const ZONES: [Tz; 4] = [ISTANBUL, chrono_tz::Asia::Famagusta, chrono_tz::Europe::Nicosia, BERLIN];
const FIRST: &str = "2014-01-01T00:00:00Z";
const MINUTES: i64 = 17 * 365 * 24 * 60;

/// All instants at which a clock of [`ZONES`] is changed, to the minute.
static CHANGES: LazyLock<Vec<(Tz, DateTime<Utc>)>> = LazyLock::new(|| {
    let offset = |zone: Tz, minute| {
        let at = utc(FIRST) + TimeDelta::minutes(minute);
        zone.offset_from_utc_datetime(&at.naive_utc()).fix()
    };
    let mut changes = vec![];
    for zone in ZONES {
        for day in (0..MINUTES).step_by(24 * 60) {
            let (mut before, mut after) = (day, day + 24 * 60);
            if offset(zone, before) == offset(zone, after) {
                continue;
            }
            while after - before > 1 {
                let middle = i64::midpoint(before, after);
                if offset(zone, middle) == offset(zone, before) {
                    before = middle;
                } else {
                    after = middle;
                }
            }
            changes.push((zone, utc(FIRST) + TimeDelta::minutes(after)));
        }
    }
    changes
});

/// Any minute of the years, and as often one within four days of a clock change.
fn starts() -> impl Strategy<Value = (Tz, DateTime<Utc>)> {
    prop_oneof![
        (prop::sample::select(ZONES.to_vec()), 0..MINUTES)
            .prop_map(|(zone, minute)| (zone, utc(FIRST) + TimeDelta::minutes(minute))),
        (prop::sample::select(CHANGES.clone()), -5760i64..5760)
            .prop_map(|((zone, change), off)| (zone, change + TimeDelta::minutes(off))),
    ]
}

fn own() -> impl Strategy<Value = Vec<ReminderRule>> {
    let rule = prop_oneof![
        prop_oneof![1u32..=4, 1u32..=60].prop_map(|n| format!("{n}d")),
        (1u32..=100).prop_map(|n| format!("{n}h")),
        // the same moment as some days, but on the day of a clock change
        (1u32..=4).prop_map(|n| format!("{}h", 24 * n)),
        (1u32..=600).prop_map(|n| format!("{n}m")),
    ];
    prop::collection::vec(rule.prop_map(|text| ReminderRule::parse(&text).unwrap()), 0..7)
}

/// First quiet minute and first one that is not, on the wall.
type Times = (NaiveTime, NaiveTime);

fn quiet() -> impl Strategy<Value = Option<Times>> {
    let time = |minute: u32| NaiveTime::from_hms_opt(minute / 60, minute % 60, 0).unwrap();
    prop_oneof![
        Just(None),
        Just(Some((20 * 60, 9 * 60))),
        // an end and a start in the hours that clocks leave out or give twice
        Just(Some((22 * 60, 2 * 60 + 30))),
        Just(Some((3 * 60 + 30, 9 * 60))),
        (0u32..1440, 0u32..1440).prop_map(Some),
        // nearly the whole day
        (0u32..1440, 1u32..45).prop_map(|(from, open)| Some((from, (from + 1440 - open) % 1440))),
    ]
    .prop_map(move |minutes| minutes.map(|(from, to)| (time(from), time(to))))
    .prop_filter("start and end differ", |times| times.is_none_or(|(from, to)| from != to))
}

/// An appointment, its clinic, and the instant of planning.
#[derive(Debug, Clone)]
struct World {
    starts_at: DateTime<Utc>,
    own: Vec<ReminderRule>,
    quiet: Option<Times>,
    rules: Rules,
    now: DateTime<Utc>,
}

impl World {
    /// By the clock on the wall alone, without the code under test.
    fn wall_is_quiet(&self, at: DateTime<Utc>) -> bool {
        let wall = at.with_timezone(&self.rules.zone).time();
        self.quiet.is_some_and(|(from, to)| {
            if from < to { from <= wall && wall < to } else { from <= wall || wall < to }
        })
    }

    fn plan(&self) -> Vec<Planned> {
        reminders(self.starts_at.fixed_offset(), Some(&self.own), &self.rules, self.now)
    }
}

fn worlds() -> impl Strategy<Value = World> {
    // seconds from now to the start: days, weeks, or about the length of a short rule
    let ahead = prop_oneof![-86_400i64..40 * 86_400, 0i64..3 * 86_400, -120i64..3 * 3_600];
    let minutes = |most: i64| prop_oneof![Just(0), 0..most];
    (starts(), own(), quiet(), minutes(600), minutes(2_000), ahead).prop_map(
        |((zone, starts_at), own, quiet, notice, gap, ahead)| World {
            starts_at,
            own,
            quiet,
            rules: Rules {
                quiet: quiet.and_then(|(from, to)| QuietHours::new(from, to)),
                min_notice: TimeDelta::minutes(notice),
                min_gap: TimeDelta::minutes(gap),
                ..rules(zone)
            },
            now: starts_at - TimeDelta::try_seconds(ahead).unwrap(),
        },
    )
}

fn sends(planned: &[Planned]) -> Vec<(&Planned, DateTime<Utc>)> {
    let sent = planned.iter().filter_map(|one| match one.outcome {
        Outcome::Send { at } => Some((one, at)),
        Outcome::Skip { .. } => None,
    });
    sent.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_rule_has_one_outcome_in_its_place(world in worlds()) {
        let planned = world.plan();
        let asked: Vec<&str> = world.own.iter().map(|rule| rule.text.as_str()).collect();
        let answered: Vec<&str> = planned.iter().map(|one| one.rule.as_str()).collect();
        prop_assert_eq!(asked, answered);
        let past = Outcome::Skip { why: SkipWhy::AppointmentPast };
        for one in &planned {
            prop_assert_eq!(one.outcome == past, world.now >= world.starts_at);
        }
    }

    #[test]
    fn the_same_is_planned_again_whatever_offset_it_is_written_in(world in worlds(), offset in -43_200i32..43_200) {
        let planned = world.plan();
        prop_assert_eq!(&planned, &world.plan());
        let elsewhere = FixedOffset::east_opt(offset).unwrap();
        let written = world.starts_at.with_timezone(&elsewhere);
        prop_assert_eq!(planned, reminders(written, Some(&world.own), &world.rules, world.now));
    }

    #[test]
    fn nothing_goes_before_now_or_in_quiet_hours_or_at_the_visit(world in worlds()) {
        for (one, at) in sends(&world.plan()) {
            prop_assert!(at >= world.now, "{one:?}");
            prop_assert!(at < world.starts_at, "{one:?}");
            prop_assert!(!world.wall_is_quiet(at), "{one:?}");
            let asked = world.starts_at - one.wanted;
            let least = world.rules.min_notice.min(asked) - GRACE;
            prop_assert!(world.starts_at - at >= least, "{one:?} leaves too little");
        }
    }

    #[test]
    fn those_that_go_are_apart_and_in_the_order_of_their_rules(world in worlds()) {
        let planned = world.plan();
        let sent = sends(&planned);
        for (n, (a, a_at)) in sent.iter().enumerate() {
            for (b, b_at) in &sent[n + 1..] {
                prop_assert!(a_at != b_at && (*a_at - *b_at).abs() >= world.rules.min_gap, "{a:?} {b:?}");
                prop_assert_eq!(a_at < b_at, a.wanted < b.wanted, "{:?} {:?}", a, b);
            }
        }
    }

    #[test]
    fn too_close_is_only_what_would_go_alone(world in worlds()) {
        let planned = world.plan();
        for (one, rule) in planned.iter().zip(&world.own) {
            let alone = World { own: vec![rule.clone()], ..world.clone() }.plan();
            if one.outcome == (Outcome::Skip { why: SkipWhy::TooClose }) {
                prop_assert_eq!(sends(&alone).len(), 1, "{:?}", one);
                prop_assert!(!sends(&planned).is_empty());
            } else {
                prop_assert_eq!(one, &alone[0]);
            }
        }
    }

    #[test]
    fn a_rule_of_days_names_one_instant_by_the_wall(start in starts(), days in 1u32..=60) {
        let (zone, starts_at) = start;
        let rule = ReminderRule::parse(&format!("{days}d")).unwrap();
        let any_hour = Rules { quiet: None, ..rules(zone) };
        let long_before = starts_at - TimeDelta::days(90);
        let planned = reminders(starts_at.fixed_offset(), Some(&[rule]), &any_hour, long_before);
        let got = planned[0].wanted;
        prop_assert_eq!(planned[0].outcome, Outcome::Send { at: got });
        let wall = starts_at.with_timezone(&zone).naive_local() - Days::new(u64::from(days));
        match zone.from_local_datetime(&wall) {
            LocalResult::Single(only) => prop_assert_eq!(got, only),
            LocalResult::Ambiguous(earlier, later) => {
                prop_assert!(earlier < later);
                prop_assert_eq!(got, earlier);
            }
            LocalResult::None => {
                let local = |at: DateTime<Utc>| at.with_timezone(&zone).naive_local();
                prop_assert!(local(got) > wall);
                prop_assert!(local(got - TimeDelta::nanoseconds(1)) < wall);
            }
        }
    }

    #[test]
    fn a_rule_of_hours_is_time_that_passes(start in starts(), minutes in 1i64..=14_400) {
        let (zone, starts_at) = start;
        let rule = ReminderRule::parse(&format!("{minutes}m")).unwrap();
        let long_before = starts_at - TimeDelta::days(90);
        let planned = reminders(starts_at.fixed_offset(), Some(&[rule]), &rules(zone), long_before);
        prop_assert_eq!(starts_at - planned[0].wanted, TimeDelta::minutes(minutes));
    }

    /// A fact that changes nothing about the time, such as another doctor, does not take a reminder away that is still ahead.
    #[test]
    fn planned_again_before_its_instant_a_reminder_stands(world in worlds(), part in 0.0f64..=1.0) {
        for rule in &world.own {
            let once = World { own: vec![rule.clone()], ..world.clone() };
            let planned = once.plan();
            let Outcome::Send { at } = planned[0].outcome else { continue };
            let left_ms = (at - world.now).num_milliseconds() as f64;
            let later = world.now + TimeDelta::milliseconds((left_ms * part) as i64);
            let again = World { now: later, ..once }.plan();
            prop_assert_eq!(again, planned);
        }
    }

    #[test]
    fn a_notice_goes_now_or_when_it_is_quiet_no_more(world in worlds()) {
        let World { starts_at, ref rules, now, .. } = world;
        let end = rules.quiet.and_then(|q| q.span_at(now, rules.zone)).map(|span| span.ends);
        match notice(now, rules.quiet, rules.zone, starts_at.fixed_offset()) {
            Some(at) => {
                prop_assert!(at >= now && at < starts_at && !world.wall_is_quiet(at));
                prop_assert_eq!(at, end.unwrap_or(now));
            }
            None => prop_assert!(end.unwrap_or(now) >= starts_at),
        }
    }
}

#[test]
fn the_years_have_the_clock_changes_that_the_properties_are_about() {
    let changes = |zone| CHANGES.iter().filter(|(of, _)| *of == zone).count();
    // 2014 and 2015 both ways and the spring of 2016
    assert_eq!(changes(ISTANBUL), 5);
    // not in autumn 2016 and spring 2017
    assert_eq!(changes(chrono_tz::Asia::Famagusta), 32);
    assert_eq!(changes(BERLIN), 34);
    assert_eq!(changes(chrono_tz::Europe::Nicosia), 34);
}
