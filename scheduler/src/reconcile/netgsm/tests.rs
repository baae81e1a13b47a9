use super::super::judge::Judgement;
use super::super::windows::tests::attempt;
use super::*;
use proptest::prelude::*;
use providers::netgsm::ReportStatus;

const AYSE: &str = "+905321234567";
const MEHMET: &str = "+905329999999";

fn row(jobid: &str, number: Option<&str>, segments: Option<u32>) -> ReportRow {
    ReportRow {
        jobid: jobid.to_owned(),
        number: number.map(|number| PhoneNumber::parse(number).unwrap()),
        status: ReportStatus { code: Some(1), class: StatusClass::Delivered },
        segments,
        operator: None,
        delivered_at: None,
        error: None,
        reference: None,
    }
}

fn echoed(mut row: ReportRow, reference: &str) -> ReportRow {
    row.reference = Some(reference.to_owned());
    row
}

/// Numbers stand for their own hashes here.
fn hash(row: &ReportRow) -> Option<String> {
    row.number.as_ref().map(|number| number.e164().to_owned())
}

fn judged(
    rows: &[ReportRow],
    known: &[(&str, &str)],
    attempts: &[UnknownAttempt],
    echoes: bool,
) -> Vec<Judgement> {
    let mut refs = KnownRefs::new();
    for (job, number) in known {
        refs.entry((*job).to_owned()).or_default().push((*number).to_owned());
    }
    let known = refs;
    let books = Books::of(rows, &known, attempts, echoes, hash);
    let doubts = attempts.iter().map(|attempt| {
        let edges = books.edges(attempt, echoes);
        Doubt { edges, proof: super::super::judge::Proof::Shown, last_look: true, under_way: false }
    });
    let kinds = books.rows.iter().map(|row| u8::from(is_refused(row.row.status.class)));
    let gap = books.gap.map(str::to_owned);
    judge(&Evidence { rows: kinds.collect(), doubts: doubts.collect(), gap })
}

fn one() -> Vec<UnknownAttempt> {
    vec![attempt("ntf_a", AYSE, 0, 25_000)]
}

#[test]
fn a_row_of_the_number_and_segments_is_it() {
    let rows = [row("1", Some("+905329999999"), Some(1)), row("2", Some(AYSE), Some(1))];
    assert_eq!(judged(&rows, &[], &one(), false), [Judgement::Found(1)]);
}

#[test]
fn a_row_whose_job_is_known_is_another_messages() {
    let rows = [row("1", Some(AYSE), Some(1))];
    assert_eq!(judged(&rows, &[("1", AYSE)], &one(), false), [Judgement::Absent]);
}

/// The counterexample of ADR 0011: the outcome of one member of a job is written, and its worker dies before the other's.
#[test]
fn a_member_of_a_job_is_found_also_where_the_job_is_known_for_another_member() {
    let rows = [row("1", Some(MEHMET), Some(1)), row("1", Some(AYSE), Some(1))];
    assert_eq!(judged(&rows, &[("1", MEHMET)], &one(), false), [Judgement::Found(0)]);
    // a job of which the report shows only the other one says nothing of this one
    assert_eq!(judged(&rows[..1], &[("1", MEHMET)], &one(), false), [Judgement::Absent]);
    // what cannot be read may be this one, whatever is known of the job
    let rows = [row("1", None, Some(1))];
    let judged = &judged(&rows, &[("1", MEHMET)], &one(), false)[0];
    assert!(matches!(judged, Judgement::Nothing(_)), "{judged:?}");
}

#[test]
fn all_members_of_a_job_without_an_answer_are_found_each_by_its_number() {
    let two = [attempt("ntf_a", AYSE, 0, 25_000), attempt("ntf_b", MEHMET, 10, 25_010)];
    let rows = [row("1", Some(MEHMET), Some(1)), row("1", Some(AYSE), Some(1))];
    assert_eq!(judged(&rows, &[], &two, false), [Judgement::Found(1), Judgement::Found(0)]);
    assert_eq!(judged(&rows[..1], &[], &two, false), [Judgement::Absent, Judgement::Found(0)]);
}

#[test]
fn a_control_is_shown_by_its_own_row_and_not_by_another_of_its_job() {
    let controls = [Control {
        provider_ref: "1".to_owned(),
        number: AYSE.to_owned(),
        started_at: 0,
        ended_at: 0,
    }];
    let rows =
        [row("1", Some(MEHMET), Some(1)), row("2", Some(AYSE), Some(1)), row("1", None, None)];
    assert!(shown(&rows, &controls, hash).is_empty());
    let rows = [rows[0].clone(), row("1", Some(AYSE), Some(1))];
    assert_eq!(shown(&rows, &controls, hash), HashSet::from(["1"]));
}

#[test]
fn segments_that_differ_prove_neither_arrival_nor_absence() {
    let rows = [row("1", Some(AYSE), Some(2))];
    assert_eq!(judged(&rows, &[], &one(), false), [Judgement::Ambiguous]);
    // Netgsm may leave them out
    let rows = [row("1", Some(AYSE), None)];
    assert_eq!(judged(&rows, &[], &one(), false), [Judgement::Found(0)]);
}

#[test]
fn a_row_without_a_readable_number_keeps_absence_from_being_proven() {
    let rows = [row("1", None, Some(1))];
    let Judgement::Nothing(why) = &judged(&rows, &[], &one(), false)[0] else { panic!() };
    assert!(why.contains("number"), "{why}");
}

#[test]
fn an_echoed_reference_is_proof_and_another_reference_is_another_message() {
    let own = echoed(row("1", Some(AYSE), Some(9)), "ntf_a-1");
    let other = echoed(row("2", Some(AYSE), Some(1)), "ntf_b-1");
    for echoes in [true, false] {
        let rows = [other.clone(), own.clone()];
        let judged = judged(&rows, &[], &one(), echoes);
        assert!(matches!(judged[0], Judgement::Found(_)), "{judged:?}");
    }
    assert_eq!(judged(std::slice::from_ref(&other), &[], &one(), true), [Judgement::Absent]);
    // where the echo is not trusted, somebody else's reference is only a doubt
    assert_eq!(judged(&[other], &[], &one(), false), [Judgement::Ambiguous]);
}

#[test]
fn where_the_echo_is_trusted_a_row_without_one_is_a_doubt() {
    let rows = [row("1", Some(AYSE), Some(1))];
    assert_eq!(judged(&rows, &[], &one(), true), [Judgement::Ambiguous]);
}

#[test]
fn two_attempts_to_one_number_need_two_rows() {
    let two = [attempt("ntf_a", AYSE, 0, 25_000), attempt("ntf_b", AYSE, 1_000, 26_000)];
    let rows = [row("1", Some(AYSE), Some(1)), row("2", Some(AYSE), Some(1))];
    let both = judged(&rows, &[], &two, false);
    assert!(both.iter().all(|it| matches!(it, Judgement::Found(_))), "{both:?}");
    assert_ne!(both[0], both[1]);
    let neither = [Judgement::Ambiguous, Judgement::Ambiguous];
    assert_eq!(judged(&rows[..1], &[], &two, false), neither);
}

#[test]
fn only_a_bad_number_and_refusals_end_it_as_refused() {
    for (class, refused) in [
        (StatusClass::BadNumber, true),
        (StatusClass::Blacklisted, true),
        (StatusClass::IysRefused, true),
        (StatusClass::Pending, false),
        (StatusClass::NotSent, false),
        (StatusClass::NoCredit, false),
        (StatusClass::Expired, false),
    ] {
        let mut found = row("1", Some(AYSE), Some(1));
        found.status.class = class;
        let seen = BookRow { row: &found, number: None }.seen(&one()[0]);
        let Seen::Found { outcome, code, provider_ref, .. } = seen else { panic!() };
        assert_eq!(outcome == Outcome::Refused { next_channel: false }, refused, "{class:?}");
        assert_eq!(
            (code, provider_ref),
            (format!("found: {}", class.as_str()), Some("1".to_owned()))
        );
    }
}

#[test]
fn a_control_message_lengthens_the_stretch_and_one_far_behind_it_does_not() {
    let control = |at| Control {
        provider_ref: String::new(),
        number: String::new(),
        started_at: at,
        ended_at: at,
    };
    let stretch = Stretch { from: 0, to: 30_000 };
    assert_eq!(with_controls(stretch, &[]), stretch);
    let long = with_controls(stretch, &[control(100_000), control(130_000), control(900_000)]);
    assert_eq!(long, Stretch { from: 0, to: 135_000 });
}

#[test]
fn a_row_that_moved_to_the_next_page_counts_once() {
    let mut scan = Scan::default();
    let page = |rows: &[ReportRow]| ReportPage { rows: rows.to_vec(), unreadable: 0, last: false };
    let (a, b) = (row("1", Some(AYSE), Some(1)), row("2", Some(AYSE), Some(1)));
    scan.take(page(&[a, b.clone()]));
    scan.take(page(&[b]));
    assert_eq!(scan.rows.len(), 2);
}

fn any_rows() -> impl Strategy<Value = Vec<ReportRow>> {
    let number = prop_oneof![Just(None), Just(Some(AYSE)), Just(Some("+905329999999"))];
    let reference =
        prop_oneof![Just(None), Just(Some("ntf_a-1")), Just(Some("ntf_b-1")), Just(Some("x"))];
    let one = (number, prop::option::of(1u32..3), reference);
    prop::collection::vec(one, 0..6).prop_map(|rows| {
        let rows = rows.into_iter().enumerate().map(|(i, (number, segments, reference))| {
            let row = row(&i.to_string(), number, segments);
            reference.map_or(row.clone(), |reference| echoed(row, reference))
        });
        rows.collect()
    })
}

proptest! {
    /// What is in the report under the attempt's number, and not another message's for certain, never makes it absent.
    #[test]
    fn a_row_of_the_number_never_makes_it_absent(rows in any_rows(), echoes in any::<bool>()) {
        let judged = judged(&rows, &[], &one(), echoes);
        let could_be = rows.iter().any(|row| {
            let own = row.reference.as_deref() == Some("ntf_a-1");
            let other = echoes && row.reference.is_some();
            own || (!other && row.number.as_ref().is_none_or(|number| number.e164() == AYSE))
        });
        prop_assert!(!could_be || judged[0] != Judgement::Absent, "{judged:?}");
    }
}
