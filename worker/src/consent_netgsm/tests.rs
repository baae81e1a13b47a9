use super::*;
use proptest::prelude::*;
use providers::iys::ConsentRecord;
use providers::{LaneTrouble, Trouble};

const RULES: [ConsentRule; 2] = [ConsentRule::Required, ConsentRule::NotRefused];

fn found(status: ConsentStatus) -> SingleAnswer {
    let transaction_id = Some("ab12".to_owned());
    let record = ConsentRecord { status, source: None, consent_at: None, transaction_id };
    SingleAnswer::Found(record)
}

fn trouble(code: &str) -> Trouble {
    Trouble { code: code.to_owned(), detail: String::new() }
}

fn busy(code: &str, after: Option<Duration>) -> Result<SingleAnswer, ProbeTrouble> {
    Err(ProbeTrouble::Busy { after, trouble: trouble(code) })
}

fn allows(answer: Result<SingleAnswer, ProbeTrouble>, rule: ConsentRule) -> Option<bool> {
    match heard(answer, rule) {
        Heard::Said { allowed, .. } => Some(allowed),
        _ => None,
    }
}

#[test]
fn onay_allows_ret_does_not_and_no_record_is_enough_where_only_a_refusal_counts() {
    for rule in RULES {
        assert_eq!(allows(Ok(found(ConsentStatus::Onay)), rule), Some(true));
        assert_eq!(allows(Ok(found(ConsentStatus::Ret)), rule), Some(false));
    }
    assert_eq!(allows(Ok(SingleAnswer::NoRecord), ConsentRule::Required), Some(false));
    assert_eq!(allows(Ok(SingleAnswer::NoRecord), ConsentRule::NotRefused), Some(true));
    let said = Heard::Said { allowed: false, word: "ret", request_id: Some("ab12".to_owned()) };
    assert_eq!(heard(Ok(found(ConsentStatus::Ret)), ConsentRule::Required), said);
}

#[test]
fn too_many_is_waited_for_and_is_no_outage_while_a_system_error_is_one() {
    let after = |seconds| Some(Duration::from_secs(seconds));
    for (answer, waits) in [
        (busy("netgsm:80", after(60)), 60_000),
        (busy("http:429", after(7)), 7_000),
        (busy("http:429", after(0)), 1_000),
        (busy("http:429", None), 60_000),
    ] {
        let heard = heard(answer, ConsentRule::Required);
        assert!(matches!(heard, Heard::Throttled { after_ms, .. } if after_ms == waits));
    }
    for code in ["netgsm:100", "netgsm:101"] {
        let silent = Heard::Silent { code: code.to_owned() };
        assert_eq!(heard(busy(code, None), ConsentRule::Required), silent);
    }
}

#[test]
fn a_refused_account_closes_the_lane_and_a_refused_question_does_not() {
    let account = ProbeTrouble::Lane(LaneTrouble::Account, trouble("netgsm:51"));
    let heard_account = heard(Err(account), ConsentRule::Required);
    assert_eq!(heard_account, Heard::AccountRefused { code: "netgsm:51".to_owned() });
    let question = ProbeTrouble::Request(trouble("netgsm:70"));
    let heard_question = heard(Err(question), ConsentRule::Required);
    assert_eq!(heard_question, Heard::NotAccepted { code: "netgsm:70".to_owned() });
}

#[test]
fn the_cap_is_said_as_messages_a_day() {
    assert_eq!(messages_a_day(Some(10)), Some(13_980));
    assert_eq!(messages_a_day(Some(1)), Some(1_398));
    assert_eq!(messages_a_day(None), None);
}

#[test]
fn those_without_a_place_come_back_one_after_another() {
    let mut line = Line::default();
    let told: Vec<i64> = (0..3).map(|_| line.behind(1_000_000, 6_180)).collect();
    assert_eq!(told, [1_006_180, 1_012_360, 1_018_540]);
    assert_eq!(line.behind(2_000_000, 6_180), 2_006_180, "the line has passed");
    for _ in 0..2_000 {
        assert!(line.behind(2_000_000, 6_180) <= 2_000_000 + FARTHEST_MS);
    }
    line.hold(9_000_000);
    line.hold(8_000_000);
    assert_eq!([line.held(8_500_000), line.held(9_000_000)], [true, false]);
    let behind_the_hold = [line.behind(8_500_000, 6_180), line.behind(8_500_000, 6_180)];
    assert_eq!(behind_the_hold, [9_006_180, 9_012_360]);
}

fn any_trouble() -> impl Strategy<Value = ProbeTrouble> {
    let code = prop_oneof![Just("netgsm:50".to_owned()), "netgsm:[0-9]{1,3}", "[a-z]{1,8}"];
    let after = proptest::option::of(0_u64..10_000);
    (code, after, 0..4).prop_map(|(code, after, kind)| {
        let trouble = trouble(&code);
        match kind {
            0 => ProbeTrouble::Lane(LaneTrouble::Credentials, trouble),
            1 => ProbeTrouble::Busy { after: after.map(Duration::from_secs), trouble },
            2 => ProbeTrouble::Request(trouble),
            _ => ProbeTrouble::Silent(trouble),
        }
    })
}

proptest! {
    #[test]
    fn no_trouble_ever_says_anything_about_consent(trouble in any_trouble(), strict in any::<bool>()) {
        let rule = RULES[usize::from(strict)];
        let is_an_answer = matches!(heard(Err(trouble), rule), Heard::Said { .. });
        prop_assert!(!is_an_answer);
    }

    #[test]
    fn no_pace_lets_more_than_the_cap_through_in_a_minute(cap in 1_u32..100_000) {
        prop_assert!(place_us(cap) * i64::from(cap) >= 60_000_000);
    }

    #[test]
    fn nobody_is_told_to_come_back_in_the_past_or_too_far_ahead(
        now in 0_i64..4_000_000_000_000, last in 0_i64..8_000_000_000_000, step in 1_i64..70_000,
    ) {
        let mut line = Line { last_ms: last, held_until_ms: 0 };
        let at = line.behind(now, step);
        prop_assert!(at > now && at <= now + FARTHEST_MS);
    }
}
