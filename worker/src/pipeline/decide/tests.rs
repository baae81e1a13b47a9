use super::*;
use chrono::NaiveTime;
use ledger::look::SeenAppointment;
use proptest::prelude::*;

const NOW: &str = "2026-11-21T10:00:00Z"; // 13:00 in Istanbul

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn hours(start: &str, end: &str) -> Option<QuietHours> {
    let time = |t| NaiveTime::parse_from_str(t, "%H:%M").unwrap();
    QuietHours::new(time(start), time(end))
}

fn case(seen: &Surroundings) -> Case<'_> {
    Case {
        now: utc(NOW),
        ntf: "ntf_self",
        expires_at: utc("2026-11-22T11:30:00Z"),
        appointment: Some((Version::Explicit(3), utc("2026-11-22T11:30:00Z").timestamp_millis())),
        visit: Visit::Standing,
        quiet_hours: hours("20:00", "09:00"),
        zone: chrono_tz::Europe::Istanbul,
        rule: ConsentRule::Required,
        consent: Consent::Given { asked_at: utc(NOW) },
        opt_in: OptIn::NotNeeded,
        lane_blocked: false,
        seen,
    }
}

fn holder(state: State, version: i64, until: Option<i64>) -> Holder {
    Holder { ntf: "ntf_other".into(), state, version: Some(("explicit".into(), version)), until }
}

fn known(version: i64, starts: &str, cancelled: bool) -> SeenAppointment {
    SeenAppointment {
        rev: 1,
        version,
        version_kind: "explicit".into(),
        starts_at: utc(starts).timestamp_millis(),
        cancelled,
        from_fact: false,
    }
}

#[test]
fn with_consent_by_day_it_is_sent_and_holds_for_a_minute() {
    let seen = Surroundings::default();
    assert_eq!(
        decide(&case(&seen)),
        Decision::Send { until: utc("2026-11-21T10:01:00Z"), supersedes: None }
    );
}

#[test]
fn without_the_opt_in_that_its_channel_needs_it_ends_whatever_the_rule_and_nobody_is_asked() {
    let seen = Surroundings::default();
    for rule in [ConsentRule::Required, ConsentRule::NotRefused, ConsentRule::None] {
        let missing = Case { opt_in: OptIn::Missing, rule, ..case(&seen) };
        assert_eq!(decide(&missing), Decision::Suppress(NO_OPT_IN.to_owned()), "{rule:?}");
        assert!(!depends_on_consent(&missing));
        let given = Case { opt_in: OptIn::Given, ..missing };
        assert_eq!(decide(&given), decide(&Case { opt_in: OptIn::NotNeeded, ..missing }));
        assert!(matches!(decide(&given), Decision::Send { .. }), "{rule:?}");
    }
    // the opt-in stands beside the answer of the consent source, and not in its place
    let refused = Case { opt_in: OptIn::Given, consent: Consent::NotGiven, ..case(&seen) };
    assert_eq!(decide(&refused), Decision::Suppress(NO_CONSENT.to_owned()));
    // what is over is over
    let late = Case { opt_in: OptIn::Missing, expires_at: utc(NOW), ..case(&seen) };
    assert_eq!(decide(&late), Decision::Expire("too-late".to_owned()));
}

#[test]
fn a_decision_ends_where_quiet_hours_begin() {
    let seen = Surroundings::default();
    let now = utc("2026-11-21T16:59:30Z");
    let case = Case { now, consent: Consent::Given { asked_at: now }, ..case(&seen) };
    assert_eq!(
        decide(&case),
        Decision::Send { until: utc("2026-11-21T17:00:00Z"), supersedes: None }
    );
}

#[test]
fn a_decision_ends_when_the_consent_answer_grows_old() {
    let seen = Surroundings::default();
    let case =
        Case { consent: Consent::Given { asked_at: utc("2026-11-21T09:59:30Z") }, ..case(&seen) };
    assert_eq!(
        decide(&case),
        Decision::Send { until: utc("2026-11-21T10:00:30Z"), supersedes: None }
    );
}

#[test]
fn at_night_it_waits_for_the_morning_or_expires_if_that_is_too_late() {
    let seen = Surroundings::default();
    let night = Case { now: utc("2026-11-21T20:00:00Z"), ..case(&seen) };
    assert_eq!(
        decide(&night),
        Decision::Defer { until: utc("2026-11-22T06:00:00Z"), why: "quiet-hours" }
    );
    let early_visit = Case { expires_at: utc("2026-11-22T05:30:00Z"), ..night };
    assert_eq!(decide(&early_visit), Decision::Expire("quiet-hours-until-too-late".into()));
}

#[test]
fn a_visit_that_began_expires_before_anything_else_is_asked() {
    let mut seen = Surroundings { suppressed: Some("ret".into()), ..Surroundings::default() };
    seen.appointment = Some(known(9, "2026-11-25T11:30:00Z", true));
    let late = Case { now: utc("2026-11-22T11:30:00Z"), ..case(&seen) };
    assert_eq!(decide(&late), Decision::Expire("appointment-past".into()));
    assert!(!depends_on_consent(&late));
}

#[test]
fn a_cancelled_appointment_stops_its_version_and_older_ones_and_a_newer_one_books_anew() {
    for (version, stopped) in [(2, true), (3, true), (4, false)] {
        let seen = Surroundings {
            appointment: Some(known(3, "1970-01-01T00:00:00Z", true)),
            ..Surroundings::default()
        };
        let starts_at = utc("2026-11-22T11:30:00Z").timestamp_millis();
        let case =
            Case { appointment: Some((Version::Explicit(version), starts_at)), ..case(&seen) };
        assert_eq!(matches!(decide(&case), Decision::Cancel(_)), stopped, "version {version}");
    }
}

#[test]
fn an_older_version_stops_only_if_the_start_moved_and_an_equal_one_is_a_conflict() {
    let moved = "2026-11-23T11:30:00Z";
    let same = "2026-11-22T11:30:00Z";
    for (known_version, starts, expected) in [
        (4, moved, Some(Decision::Cancel("appointment-moved".into()))),
        (4, same, None),
        (3, moved, Some(Decision::Reject(Rule::VersionConflict))),
        (3, same, None),
        (2, moved, None),
    ] {
        let seen = Surroundings {
            appointment: Some(known(known_version, starts, false)),
            ..Surroundings::default()
        };
        let got = decide(&case(&seen));
        match expected {
            Some(expected) => assert_eq!(got, expected),
            None => assert!(matches!(got, Decision::Send { .. }), "{got:?}"),
        }
    }
}

#[test]
fn a_notice_of_a_cancellation_goes_only_while_the_visit_is_cancelled_at_its_version_or_before() {
    const SENT: &str = "";
    // what is known: version, cancelled, from a fact; of a notice of version 3
    for (version, cancelled, from_fact, expected) in [
        (2, true, true, SENT),
        (3, true, true, SENT),
        (3, true, false, SENT),
        (4, true, true, "appointment-cancelled-again"),
        (4, false, true, "appointment-stands"),
        (4, false, false, "appointment-stands"),
        (3, false, true, "appointment-stands"),
        // the fact of the cancellation is still on its way: the notice is the newest word
        (2, false, true, SENT),
        (2, false, false, SENT),
        // a clinic that publishes notices only, and does not count its versions
        (3, false, false, SENT),
    ] {
        for starts in ["2026-11-22T11:30:00Z", "2026-11-25T11:30:00Z"] {
            let known = SeenAppointment { from_fact, ..known(version, starts, cancelled) };
            let seen = Surroundings { appointment: Some(known), ..Surroundings::default() };
            let said = match decide(&Case { visit: Visit::Cancelled, ..case(&seen) }) {
                Decision::Send { .. } => SENT.to_owned(),
                Decision::Cancel(why) => why,
                other => format!("{other:?}"),
            };
            assert_eq!(said, expected, "{version} {cancelled} {from_fact} {starts}");
        }
    }
    let seen = Surroundings::default();
    let unknown = Case { visit: Visit::Cancelled, ..case(&seen) };
    assert!(matches!(decide(&unknown), Decision::Send { .. }));
}

#[test]
fn versions_that_cannot_be_compared_stop_no_notice_of_a_cancellation() {
    for cancelled in [true, false] {
        let seen = Surroundings {
            appointment: Some(SeenAppointment {
                version_kind: "event-time".into(),
                from_fact: true,
                ..known(1_800_000_000_000, "2026-11-22T11:30:00Z", cancelled)
            }),
            ..Surroundings::default()
        };
        let case = Case { visit: Visit::Cancelled, ..case(&seen) };
        assert!(matches!(decide(&case), Decision::Send { .. }), "{cancelled}");
    }
}

#[test]
fn a_suppressed_number_is_not_contacted_and_nobody_is_asked() {
    let seen = Surroundings { suppressed: Some("said no".into()), ..Surroundings::default() };
    assert_eq!(decide(&case(&seen)), Decision::Suppress("suppressed: said no".into()));
    assert!(!depends_on_consent(&case(&seen)));
}

#[test]
fn the_same_thing_follows_rule_4() {
    let far = utc("2027-11-21T10:00:00Z").timestamp_millis();
    let past = utc("2026-11-20T10:00:00Z").timestamp_millis();
    for (holder, expected) in [
        (holder(State::Accepted, 3, Some(far)), "duplicate of ntf_other"),
        (holder(State::Unresolved, 3, Some(far)), "duplicate of ntf_other"),
        (holder(State::Accepted, 3, Some(past)), "send"),
        (holder(State::Sending, 3, None), "defer"),
        (holder(State::Unknown, 2, None), "defer"),
        (holder(State::Waiting, 2, None), "supersedes"),
        (holder(State::Released, 4, None), "superseded by ntf_other"),
        (holder(State::Waiting, 3, None), "defer"),
        (Holder { ntf: "ntf_self".into(), ..holder(State::Waiting, 3, None) }, "send"),
    ] {
        let seen = Surroundings { thing: Some(holder.clone()), ..Surroundings::default() };
        let said = match decide(&case(&seen)) {
            Decision::Send { supersedes: None, .. } => "send".to_owned(),
            Decision::Send { supersedes: Some(_), .. } => "supersedes".to_owned(),
            Decision::Defer { .. } => "defer".to_owned(),
            Decision::Suppress(why) | Decision::Cancel(why) => why,
            other => format!("{other:?}"),
        };
        assert_eq!(said, expected, "{holder:?}");
    }
}

#[test]
fn two_reminders_within_the_gap_become_one() {
    let soon = utc("2026-11-21T12:00:00Z").timestamp_millis();
    let seen = Surroundings {
        gap: Some(holder(State::Accepted, 3, Some(soon))),
        ..Surroundings::default()
    };
    assert_eq!(decide(&case(&seen)), Decision::Suppress("too soon after ntf_other".into()));
    let seen =
        Surroundings { gap: Some(holder(State::Sending, 3, None)), ..Surroundings::default() };
    assert!(matches!(
        decide(&case(&seen)),
        Decision::Defer { why: "another-reminder-in-flight", .. }
    ));
}

#[test]
fn consent_decides_last() {
    let seen = Surroundings::default();
    for (consent, expected) in [
        (Consent::NotGiven, Decision::Suppress("no-consent".into())),
        (
            Consent::Silent,
            Decision::Defer { until: utc("2026-11-21T10:00:05Z"), why: "consent-silent" },
        ),
        (
            Consent::NotAsked,
            Decision::Defer { until: utc("2026-11-21T10:00:05Z"), why: "consent-not-asked" },
        ),
        (
            Consent::Given { asked_at: utc("2026-11-21T09:59:00Z") },
            Decision::Defer { until: utc("2026-11-21T10:00:05Z"), why: "consent-not-asked" },
        ),
    ] {
        assert_eq!(decide(&Case { consent, ..case(&seen) }), expected);
    }
    let none = Case { consent: Consent::NotAsked, rule: ConsentRule::None, ..case(&seen) };
    assert!(matches!(decide(&none), Decision::Send { .. }) && !depends_on_consent(&none));
}

#[test]
fn a_blocked_lane_makes_rows_wait_before_anybody_is_asked_for_consent() {
    let seen = Surroundings::default();
    let blocked = Case { lane_blocked: true, consent: Consent::NotAsked, ..case(&seen) };
    assert!(matches!(decide(&blocked), Decision::Defer { why: LANE_CLOSED, .. }));
    assert!(!depends_on_consent(&blocked));
}

#[test]
fn a_newer_version_takes_thing_and_gap_of_the_waiting_older_one() {
    let older = holder(State::Waiting, 2, None);
    let seen =
        Surroundings { thing: Some(older.clone()), gap: Some(older), ..Surroundings::default() };
    let decision = decide(&case(&seen));
    assert!(matches!(decision, Decision::Send { supersedes: Some(_), .. }), "{decision:?}");
    let other = Holder { ntf: "ntf_third".into(), ..holder(State::Waiting, 2, None) };
    let seen = Surroundings {
        thing: Some(holder(State::Waiting, 2, None)),
        gap: Some(other),
        ..Surroundings::default()
    };
    assert!(matches!(
        decide(&case(&seen)),
        Decision::Defer { why: "another-reminder-in-flight", .. }
    ));
}

#[test]
fn at_night_nobody_is_looked_at_every_few_seconds() {
    for state in [State::Sending, State::Waiting] {
        let seen = Surroundings { thing: Some(holder(state, 3, None)), ..Surroundings::default() };
        let night = Case { now: utc("2026-11-21T20:00:00Z"), ..case(&seen) };
        assert_eq!(
            decide(&night),
            Decision::Defer { until: utc("2026-11-22T06:00:00Z"), why: "quiet-hours" }
        );
    }
}

#[test]
fn a_used_up_budget_is_waited_for() {
    let seen = Surroundings::default();
    let at = utc("2026-11-21T11:00:00Z");
    let case = Case { consent: Consent::NotBefore(at), ..case(&seen) };
    assert_eq!(decide(&case), Decision::Defer { until: at, why: CONSENT_LATER });
}

fn any_holder() -> impl Strategy<Value = Option<Holder>> {
    let states = prop::sample::select(State::ALL.to_vec());
    prop::option::of(
        (states, 0i64..5, prop::option::of(0i64..4_000_000_000_000), any::<bool>()).prop_map(
            |(state, version, until, ours)| Holder {
                ntf: if ours { "ntf_self" } else { "ntf_other" }.into(),
                state,
                version: Some(("explicit".into(), version)),
                until,
            },
        ),
    )
}

proptest! {
    /// Of two messages about one appointment at one version, one that tells of the visit and one that tells of its cancellation,
    /// never both go once a fact has spoken at that version or later.
    #[test]
    fn a_visit_and_its_cancellation_are_never_both_told(
        ours in 0i64..6, theirs in 0i64..6, cancelled in any::<bool>(), moved in any::<bool>(),
    ) {
        let starts = if moved { "2026-11-25T11:30:00Z" } else { "2026-11-22T11:30:00Z" };
        let known = SeenAppointment { from_fact: true, ..known(theirs, starts, cancelled) };
        let seen = Surroundings { appointment: Some(known), ..Surroundings::default() };
        let starts_at = utc("2026-11-22T11:30:00Z").timestamp_millis();
        let goes = |visit| {
            let case = Case { visit, appointment: Some((Version::Explicit(ours), starts_at)), ..case(&seen) };
            matches!(decide(&case), Decision::Send { .. })
        };
        let (visit, notice) = (goes(Visit::Standing), goes(Visit::Cancelled));
        prop_assert!(!(visit && notice) || ours > theirs, "both went");
        prop_assert!(!visit || !cancelled || ours > theirs, "a cancelled visit was told of");
        prop_assert!(!notice || cancelled || ours > theirs, "a cancellation of a visit that stands was told");
        // whoever speaks of what is known last is heard
        if ours == theirs && !moved {
            prop_assert_eq!(visit, !cancelled);
            prop_assert_eq!(notice, cancelled);
        }
    }

    #[test]
    fn a_send_always_has_consent_time_and_daylight(
        now_s in 1_700_000_000i64..2_000_000_000, lifetime_s in -3600i64..200_000, consent in 0u8..4,
        version in 0i64..5, suppressed in any::<bool>(), thing in any_holder(), gap in any_holder(), number in any_holder(),
        cancelled in any::<bool>(), quiet in any::<bool>(), age_s in 0i64..120, opt_in in 0u8..3,
    ) {
        let now = DateTime::from_timestamp(now_s, 0).unwrap();
        let seen = Surroundings {
            person: None,
            unreachable: vec![],
            suppressed: suppressed.then(|| "x".to_owned()),
            appointment: Some(known(2, "2026-11-22T11:30:00Z", cancelled)),
            thing, gap, number,
        };
        let case = Case {
            now,
            expires_at: now + seconds(lifetime_s),
            appointment: Some((Version::Explicit(version), utc("2026-11-22T11:30:00Z").timestamp_millis())),
            quiet_hours: if quiet { hours("20:00", "09:00") } else { None },
            consent: [Consent::NotAsked, Consent::Given { asked_at: now - seconds(age_s) }, Consent::NotGiven, Consent::Silent][consent as usize],
            opt_in: [OptIn::NotNeeded, OptIn::Given, OptIn::Missing][opt_in as usize],
            ..case(&seen)
        };
        let decision = decide(&case);
        prop_assert_eq!(&decision, &decide(&case));
        match decision {
            Decision::Send { until, .. } => {
                prop_assert!(until > now && until <= case.expires_at);
                let given = matches!(case.consent, Consent::Given { .. });
                prop_assert!(given && age_s < 60 && !suppressed && case.opt_in != OptIn::Missing);
                prop_assert!(!(cancelled && version <= 2));
                if let Some(hours) = case.quiet_hours {
                    let before_quiet = matches!(hours.at(now, case.zone), Quiet::From(start) if until <= start);
                    prop_assert!(before_quiet);
                }
            }
            Decision::Defer { until, .. } => prop_assert!(until >= now + seconds(5)),
            _ => {}
        }
    }
}
