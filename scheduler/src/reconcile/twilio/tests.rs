use super::super::windows::tests::attempt;
use super::*;
use chrono::DateTime;
use providers::{Accepted, FailedKind, Trouble};

#[test]
fn attempts_to_one_number_share_a_list_and_the_oldest_number_comes_first() {
    let attempts = vec![
        attempt("ntf_c", "b", 30, 40),
        attempt("ntf_a", "a", 20, 30),
        attempt("ntf_b", "b", 10, 20),
    ];
    let numbers = by_number(attempts);
    let names: Vec<Vec<&str>> =
        numbers.iter().map(|it| it.iter().map(|a| a.ntf.as_str()).collect()).collect();
    assert_eq!(names, [vec!["ntf_c", "ntf_b"], vec!["ntf_a"]]);
}

#[test]
fn what_twilio_says_of_a_message_is_what_became_of_the_attempt() {
    let trouble = || Trouble { code: "twilio:30410".to_owned(), detail: "words".to_owned() };
    let accepted =
        Accepted { provider_ref: "SM1".to_owned(), code: "twilio:sent".to_owned(), warning: None };
    let outcome_of = |outcome: &providers::Outcome| match seen(outcome, "SM1") {
        Seen::Found { outcome, provider_ref, code, .. } => {
            assert_eq!(provider_ref.as_deref(), Some("SM1"));
            assert!(code.starts_with("found: twilio:"), "{code}");
            Some(outcome)
        }
        Seen::Nothing { why } => {
            assert!(why.contains("twilio:30410"), "{why}");
            None
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(outcome_of(&providers::Outcome::Accepted(accepted)), Some(Outcome::Accepted));
    let refused = Some(Outcome::Refused { next_channel: false });
    assert_eq!(outcome_of(&providers::Outcome::Refused(trouble())), refused);
    let failed = Some(Outcome::Failed { keep_lease: false, useful: true });
    assert_eq!(outcome_of(&providers::Outcome::Failed(FailedKind::NotSent, trouble())), failed);
    assert_eq!(outcome_of(&providers::Outcome::Unknown(trouble())), None);
}

#[test]
fn a_text_of_the_same_minute_is_weighed_against_what_was_said() {
    let attempts =
        [attempt("ntf_a", "n", 100_000, 120_000), attempt("ntf_b", "n", 100_000, 120_000)];
    let texts = [Some("Yarin 14:30".to_owned()), Some("Yarin 15:30".to_owned())];
    let sender = From::Number("KLINIK".to_owned());
    let fit = |text: &str, created_s: i64, from: Option<&str>| {
        let row = row(text, created_s, from);
        let edges = edges(&[&row], &attempts[0], &texts, 0, &sender);
        edges.first().map(|edge| edge.fit)
    };
    assert_eq!(fit("Yarin 14:30", 110, Some("KLINIK")), Some(Fit::Likely));
    assert_eq!(fit("Yarin 14:30", 110, None), Some(Fit::Likely));
    assert_eq!(
        fit("Sent from a trial account - Yarin 14:30", 110, Some("klinik")),
        Some(Fit::Likely)
    );
    // from somebody else, or too late for the request: no proof, and no absence either
    assert_eq!(fit("Yarin 14:30", 110, Some("+13185550100")), Some(Fit::Maybe));
    assert_eq!(fit("Yarin 14:30", 600, Some("KLINIK")), Some(Fit::Maybe));
    // another text of the same minute that nobody here sent
    assert_eq!(fit("Merhaba", 110, Some("KLINIK")), Some(Fit::Maybe));
    assert_eq!(fit("Merhaba", 600, Some("KLINIK")), None);
    // what the other attempt said is the other attempt's
    assert_eq!(fit("Yarin 15:30", 110, Some("KLINIK")), None);
    // older than the attempt
    assert_eq!(fit("Yarin 14:30", 60, Some("KLINIK")), None);
}

/// A row as a page of the list has it.
fn row(text: &str, created_s: i64, from: Option<&str>) -> MessageRow {
    let created = DateTime::from_timestamp(created_s, 0).unwrap();
    MessageRow {
        state: twilio::MessageState {
            sid: "SM00000000000000000000000000000001".to_owned(),
            status: twilio::Status::Sent,
            error_code: None,
            error_words: String::new(),
        },
        to: None,
        from: from.map(str::to_owned),
        text: twilio::MessageText::new(text),
        created_at: created,
        sent_at: None,
        segments: Some(1),
    }
}
