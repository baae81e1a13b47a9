//! Decisions alone: nothing is read or written.

use super::*;
use crate::facts::decide::{Becomes, Case, Memory, Verdict, What, decide};
use crate::facts::{Consequences, Desk, draft};
use ledger::facts::{FactGround, MadeRow, SaidWord};
use ledger::look::SeenAppointment;
use ledger::state::State;
use schemas::{Channel, Event, Incoming, Rule, Version};

const NOW: &str = "2026-11-01T09:00:00Z";

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn now() -> DateTime<Utc> {
    utc(NOW)
}

/// A visit twenty days ahead.
fn start() -> DateTime<Utc> {
    utc("2026-11-21T11:30:00Z")
}

fn decided_at(
    fact: &FactEvent,
    ground: &FactGround,
    rules: &Rules,
    memory: &Memory,
    now: DateTime<Utc>,
) -> Verdict {
    let registry = registry();
    let thing =
        |event: &Event, event_type: &schemas::EventType| event.same_thing(&event_type.policy);
    decide(&Case {
        fact,
        digest: "digest",
        content: "content",
        ground,
        memory,
        rules,
        desk: &Desk { registry: &registry, thing: &thing },
        now,
    })
}

fn decided(fact: &FactEvent, ground: &FactGround, rules: &Rules) -> Verdict {
    decided_at(fact, ground, rules, &Memory::default(), now())
}

fn applied(verdict: Verdict) -> Consequences {
    let Verdict::Apply(consequences) = verdict else { panic!("{verdict:?}") };
    *consequences
}

/// The plan in words: `24h 2026-…`, `2h too-late`.
fn plan(consequences: &Consequences) -> Vec<String> {
    let word = |what: &What| match what {
        What::Make { at, .. } => at.to_rfc3339_opts(SecondsFormat::Secs, true),
        What::Skip(why) => (*why).to_owned(),
    };
    consequences.plan.iter().map(|line| format!("{} {}", line.rule, word(&line.what))).collect()
}

fn event_of<'a>(consequences: &'a Consequences, rule: &str) -> &'a Event {
    let line = consequences.plan.iter().find(|line| line.rule == rule).unwrap();
    let What::Make { event, .. } = &line.what else { panic!("{line:?}") };
    event
}

/// What is known after a fact that booked version `version`.
fn standing(version: i64, starts_at: DateTime<Utc>) -> FactGround {
    FactGround {
        appointment: Some(SeenAppointment {
            rev: 1,
            version,
            version_kind: "explicit".to_owned(),
            starts_at: starts_at.timestamp_millis(),
            cancelled: false,
            from_fact: true,
        }),
        content: Some("other".to_owned()),
        ..FactGround::default()
    }
}

fn tombstone(version: i64) -> FactGround {
    let mut ground = standing(version, start());
    ground.appointment.as_mut().unwrap().cancelled = true;
    ground
}

/// A reminder that was planned by `version` for `starts_at`.
fn made(version: i64, rule: &str, starts_at: DateTime<Utc>, state: State) -> MadeRow {
    let thing = schemas_thing(rule, starts_at);
    MadeRow {
        ntf: format!("ntf-{version}-{rule}"),
        event_type: draft::REMINDER.to_owned(),
        event_id: format!("plan/A-1/{version}/{rule}"),
        state,
        thing,
        version: Some(("explicit".to_owned(), version)),
        due_at: (!state.is_final()).then_some(1_000),
    }
}

fn schemas_thing(rule: &str, starts_at: DateTime<Utc>) -> String {
    json!(["A-1", starts_at.timestamp_millis(), rule]).to_string()
}

fn cancels(consequences: &Consequences) -> Vec<(&str, &str)> {
    consequences.cancels.iter().map(|cancel| (cancel.ntf.as_str(), cancel.why)).collect()
}

#[test]
fn a_booking_plans_its_reminders_as_valid_events_at_their_times() {
    let fact = booked(3, now(), start());
    let follows = applied(decided(&fact, &FactGround::default(), &rules()));
    assert_eq!(plan(&follows), ["24h 2026-11-20T11:30:00Z", "2h 2026-11-21T09:30:00Z"]);
    let version = Version::Explicit(3);
    let starts_at = start().timestamp_millis();
    assert_eq!(follows.becomes, Some(Becomes { version, starts_at, cancelled: false }));
    let event = event_of(&follows, "24h");
    assert_eq!((event.id.as_str(), event.time), ("plan/A-1/3/24h", fact.time));
    assert_eq!(event.subject.as_deref(), Some("appointment/A-1"));
    assert_eq!(event.data["reminder"], json!({ "rule": "24h" }));
    assert_eq!(event.data["appointment"], fact.data["appointment"]);
    let registry = registry();
    let again = registry.read(&event.envelope_json(), None, &|_| true);
    assert!(matches!(again, Ok(Incoming::Event(_))));
}

#[test]
fn the_facts_own_reminders_are_planned_and_are_no_part_of_what_is_sent() {
    let mut fact = booked(1, now(), start());
    fact.data["appointment"]["reminders"] = json!(["3d"]);
    let fact = registry().reopen_fact(&fact.envelope_json()).unwrap();
    let follows = applied(decided(&fact, &FactGround::default(), &rules()));
    assert_eq!(plan(&follows), ["3d 2026-11-18T11:30:00Z"]);
    assert!(event_of(&follows, "3d").data["appointment"].get("reminders").is_none());
}

#[test]
fn versions_decide_which_fact_counts() {
    let word = |verdict| match verdict {
        Verdict::Apply(_) => "applied".to_owned(),
        Verdict::Stale(why) => why.to_owned(),
        Verdict::Refuse(refusal) => format!("{} {}", refusal.rule, refusal.path),
        Verdict::Known { same } => format!("known {same}"),
    };
    let conflict = "version-conflict /data/appointment/version";
    let booking = |version| booked(version, now(), start());
    let table = [
        (booking(2), standing(1, start()), "applied"),
        (booking(1), standing(2, start()), "older"),
        (booking(2), standing(2, start()), conflict),
        (booking(2), tombstone(2), "cancelled"),
        (booking(1), tombstone(2), "cancelled"),
        (booking(3), tombstone(2), "applied"),
        (cancelled(2, now()), standing(2, start()), "applied"),
        (cancelled(1, now()), standing(2, start()), "older"),
        (cancelled(2, now()), tombstone(2), "known"),
        (cancelled(1, now()), tombstone(2), "cancelled"),
        (cancelled(3, now()), tombstone(2), "applied"),
    ];
    for (fact, ground, expected) in table {
        assert_eq!(word(decided(&fact, &ground, &rules())), expected, "{fact:?} {ground:?}");
    }
    let same = FactGround { content: Some("content".to_owned()), ..standing(2, start()) };
    assert_eq!(word(decided(&booking(2), &same, &rules())), "known");
    for (digest, expected) in [("digest", "known true"), ("another", "known false")] {
        let ground = FactGround { known: Some(digest.to_owned()), ..standing(9, start()) };
        assert_eq!(word(decided(&booking(1), &ground, &rules())), expected);
    }
}

#[test]
fn an_appointment_has_versions_or_it_has_none() {
    let mut without = booked(1, now(), start());
    without.data["appointment"].as_object_mut().unwrap().remove("version");
    let without = registry().reopen_fact(&without.envelope_json()).unwrap();
    let mut by_time = standing(1, start());
    by_time.appointment.as_mut().unwrap().version_kind = "event-time".to_owned();
    for (fact, ground) in [(&without, standing(1, start())), (&booked(1, now(), start()), by_time)]
    {
        let Verdict::Refuse(refusal) = decided(fact, &ground, &rules()) else { panic!("{fact:?}") };
        assert_eq!(
            (refusal.rule, refusal.path.as_str()),
            (Rule::VersionMissing, "/data/appointment/version")
        );
    }
}

#[test]
fn what_a_direct_notification_made_known_does_not_count_against_a_fact() {
    let mut ground = standing(9, start());
    ground.appointment.as_mut().unwrap().from_fact = false;
    let follows = applied(decided(&booked(1, now(), start()), &ground, &rules()));
    assert_eq!(plan(&follows).len(), 2);
}

#[test]
fn a_moved_visit_replaces_what_waits_and_leaves_what_the_clinic_published() {
    let old = start() - TimeDelta::days(1);
    let mut ground = standing(1, old);
    ground.made = vec![
        made(1, "24h", old, State::Accepted),
        made(1, "2h", old, State::Waiting),
        MadeRow { event_id: "direct".to_owned(), ..made(1, "direct", old, State::Waiting) },
    ];
    let follows = applied(decided(&moved(2, now(), start()), &ground, &rules()));
    assert_eq!(cancels(&follows), [("ntf-1-2h", "appointment-moved")]);
    assert_eq!(plan(&follows), ["24h 2026-11-20T11:30:00Z", "2h 2026-11-21T09:30:00Z"]);
}

#[test]
fn another_doctor_for_the_same_start_does_not_send_a_reminder_twice() {
    let mut ground = standing(1, start());
    for state in [State::Accepted, State::Sending, State::Unknown, State::Delivered] {
        ground.made = vec![made(1, "24h", start(), state), made(1, "2h", start(), State::Released)];
        let follows = applied(decided(&moved(2, now(), start()), &ground, &rules()));
        assert_eq!(cancels(&follows), [("ntf-1-2h", "superseded-by-newer-version")]);
        assert_eq!(plan(&follows), ["24h sent-before", "2h 2026-11-21T09:30:00Z"], "{state}");
    }
}

#[test]
fn what_was_due_and_has_not_left_keeps_its_place_in_the_new_plan() {
    let mut ground = standing(1, start());
    // its lane is closed since before the moment of the rule
    let late = start() - TimeDelta::hours(20);
    let due = start() - TimeDelta::hours(24);
    for (state, expected) in [
        (State::Waiting, "24h 2026-11-20T11:30:00Z"),
        (State::Released, "24h 2026-11-20T15:30:00Z"),
        (State::Suppressed, "24h too-late"),
        (State::Accepted, "24h sent-before"),
    ] {
        let row = made(1, "24h", start(), state);
        let due_at = (!state.is_final()).then_some(due.timestamp_millis());
        ground.made = vec![MadeRow { due_at, ..row }];
        let memory = Memory::default();
        let fact = moved(2, late, start());
        let follows = applied(decided_at(&fact, &ground, &rules(), &memory, late));
        assert_eq!(plan(&follows)[0], expected, "{state}");
    }
}

#[test]
fn a_cancellation_stops_all_of_its_rows_but_newer_ones_and_the_word_about_it() {
    let mut ground = standing(3, start());
    let notice = MadeRow {
        event_type: draft::CANCELLATION.to_owned(),
        ntf: "notice".to_owned(),
        ..made(3, "cancellation", start(), State::Waiting)
    };
    let direct = MadeRow {
        ntf: "direct".to_owned(),
        event_id: "direct".to_owned(),
        ..made(3, "direct", start(), State::Waiting)
    };
    let newer = MadeRow { ntf: "newer".to_owned(), ..made(9, "24h", start(), State::Waiting) };
    ground.made = vec![
        made(3, "24h", start(), State::Accepted),
        made(3, "2h", start(), State::Waiting),
        notice,
        direct,
        newer,
    ];
    let follows = applied(decided(&cancelled(3, now()), &ground, &rules()));
    let why = "appointment-cancelled";
    assert_eq!(cancels(&follows), [("ntf-3-2h", why), ("direct", why)]);
    assert!(follows.plan.is_empty() && follows.becomes.unwrap().cancelled);
}

#[test]
fn what_the_clinic_wants_told_is_told_once() {
    let wanted = Rules { confirmation: true, cancellation: true, change_notice: true, ..rules() };
    let first = applied(decided(&booked(1, now(), start()), &FactGround::default(), &wanted));
    assert_eq!(plan(&first)[0], format!("confirmation {NOW}"));
    let confirmation = event_of(&first, "confirmation");
    assert!(confirmation.data.get("change").is_none());
    let mut ground = standing(1, start());
    // it still waits: the person has been told nothing
    let mut row = made(1, "confirmation", start(), State::Waiting);
    row.event_type = draft::CONFIRMATION.to_owned();
    ground.made = vec![row.clone()];
    let later = start() + TimeDelta::days(1);
    let follows = applied(decided(&moved(2, now(), later), &ground, &wanted));
    assert_eq!(plan(&follows)[0], format!("confirmation {NOW}"));
    // it was sent: one word about the change
    ground.made = vec![MadeRow { state: State::Accepted, due_at: None, ..row }];
    let memory = Memory { told: Some(confirmation.clone()), newest: Some(confirmation.clone()) };
    let fact = moved(2, now(), later);
    let follows = applied(decided_at(&fact, &ground, &wanted, &memory, now()));
    assert_eq!(plan(&follows)[0], format!("change {NOW}"));
    let change = &event_of(&follows, "change").data["change"];
    let previous = change["previous_starts_at"].as_str().unwrap();
    assert_eq!(previous.parse::<DateTime<Utc>>().unwrap(), start());
    // moved back before anybody was told of it
    let ground = FactGround { made: ground.made.clone(), ..standing(2, later) };
    let back = moved(3, now(), start());
    let follows = applied(decided_at(&back, &ground, &wanted, &memory, now()));
    assert_eq!(plan(&follows).len(), 2, "{:?}", plan(&follows));
    // a cancellation that names nobody is told to whoever was told last
    let gone = cancelled(4, now());
    let follows = applied(decided_at(&gone, &ground, &wanted, &memory, now()));
    let notice = event_of(&follows, "cancellation");
    assert_eq!(notice.appointment.as_ref().unwrap().starts_at, later);
    assert_eq!(notice.recipient, confirmation.recipient);
    assert_eq!(notice.data["appointment"]["with"], "Dr. Çağrı Şahin");
    let follows = applied(decided(&gone, &standing(1, start()), &wanted));
    assert_eq!(plan(&follows), ["cancellation nobody-known"]);
    // nothing of this unless the clinic wants it
    let follows = applied(decided_at(&gone, &ground, &rules(), &memory, now()));
    assert!(follows.plan.is_empty());
}

#[test]
fn who_was_told_of_it_before_is_told_of_a_new_booking_as_a_change() {
    let wanted = Rules { confirmation: true, ..rules() };
    let mut ground = tombstone(2);
    let mut row = made(1, "confirmation", start(), State::Accepted);
    row.event_type = draft::CONFIRMATION.to_owned();
    ground.made = vec![row];
    let follows = applied(decided(&booked(3, now(), start()), &ground, &wanted));
    assert!(event_of(&follows, "confirmation").data["change"].is_object());
}

#[test]
fn a_word_about_a_visit_waits_for_the_morning() {
    let wanted = Rules { confirmation: true, ..observing_quiet_hours() };
    let night = utc("2026-11-01T20:00:00Z");
    let fact = booked(1, night, start());
    let (ground, memory) = (FactGround::default(), Memory::default());
    let follows = applied(decided_at(&fact, &ground, &wanted, &memory, night));
    assert_eq!(plan(&follows)[0], "confirmation 2026-11-02T06:00:00Z");
}

#[test]
fn money_is_told_at_once_one_receipt_for_each_payment_and_refund() {
    let ground = FactGround::default();
    let follows = applied(decided(&paid("f1", "P-1", now()), &ground, &rules()));
    assert_eq!(plan(&follows), [format!("receipt {NOW}")]);
    assert_eq!(event_of(&follows, "receipt").id, "plan/payment/P-1");
    let refund = refunded("f2", "P-1", "R-1", now());
    let follows = applied(decided(&refund, &ground, &rules()));
    let event = event_of(&follows, "receipt");
    assert_eq!(
        (event.id.as_str(), event.event_type.as_str()),
        ("plan/refund/P-1/R-1", draft::REFUND)
    );
    let told = FactGround { told: true, ..FactGround::default() };
    assert!(matches!(decided(&refund, &told, &rules()), Verdict::Stale("known")));
    let old = paid("f3", "P-2", now() - TimeDelta::days(8));
    assert_eq!(plan(&applied(decided(&old, &ground, &rules()))), ["receipt too-late"]);
}

#[test]
fn two_long_keys_of_a_refund_still_make_an_id() {
    let (long, other) = ("p".repeat(100), "r".repeat(100));
    let ids: Vec<String> = [(&long, &other), (&other, &long)]
        .into_iter()
        .map(|(payment, refund)| {
            let fact = refunded("f", payment, refund, now());
            let follows = applied(decided(&fact, &FactGround::default(), &rules()));
            event_of(&follows, "receipt").id.clone()
        })
        .collect();
    assert!(ids[0] != ids[1] && ids[0].len() <= 200);
}

#[test]
fn of_two_words_about_a_channel_the_later_one_holds() {
    let word = |channel, refused, days| SaidWord {
        channel,
        refused,
        said_at: (now() + TimeDelta::days(days)).timestamp_millis(),
    };
    let known = FactGround {
        words: vec![word(Channel::Sms, true, 0), word(Channel::Whatsapp, false, 0)],
        ..FactGround::default()
    };
    let stale = |verdict| match verdict {
        Verdict::Stale(why) => Some(why),
        Verdict::Apply(_) => None,
        other => panic!("{other:?}"),
    };
    let at = |days| now() + TimeDelta::days(days);
    let table = [
        (said("1", "given", None, at(1)), None),
        (said("2", "given", None, at(-1)), Some("older")),
        (said("3", "given", Some("sms"), at(0)), Some("older")),
        (said("4", "refused", Some("whatsapp"), at(0)), None),
        (said("5", "refused", Some("sms"), at(0)), Some("known")),
    ];
    for (fact, expected) in table {
        assert_eq!(stale(decided(&fact, &known, &rules())), expected, "{fact:?}");
    }
}

#[test]
fn a_fact_whose_notification_its_own_schema_refuses_is_refused_whole() {
    let mut fact = booked(1, now(), start());
    fact.data["appointment"]["with"] = "Kardiyoloji".into();
    let verdict = decided(&fact, &FactGround::default(), &rules());
    let Verdict::Refuse(refusal) = verdict else { panic!("{verdict:?}") };
    assert_eq!(refusal.path, "/data/appointment/with");
    assert_eq!(refusal.id.as_deref(), Some("appointment-booked-1"));
}
