//! Grouped statements: one bad item fails alone, every item gets an answer, and a slice costs the same few statements.

use crate::alone;
use crate::draft::{FAILED_IN_BACK_OFF, LANE, again, claim, ntf, outcome, settle};
use crate::engine;
use crate::place::{Place, fresh};
use ledger::LedgerError;
use ledger::decision::{Claim, Claimed, Origin};
use ledger::protocol::Outcome;
use ledger::state::State;
use std::sync::atomic::{AtomicUsize, Ordering};
use tracing::span;

fn poison(claim: &mut Claim) {
    let Origin::New(new) = &mut claim.origin else { panic!("a new event") };
    new.subject = Some("appointment/\u{0}".to_owned());
}

#[tokio::test]
async fn of_200_claims_with_a_poisonous_one_only_that_one_fails() {
    let place = fresh().await;
    let mut claims: Vec<Claim> = (0..200).map(|i| claim(&format!("a{i}"))).collect();
    poison(&mut claims[117]);
    let answers = place.claim(&claims).await;
    assert_eq!(answers.len(), 200);
    for (i, answer) in answers.into_iter().enumerate() {
        match answer {
            Ok(Claimed::Won) => assert_ne!(i, 117),
            Err(LedgerError::Statement(text)) => {
                assert_eq!(i, 117);
                assert!(!text.contains("appointment/"), "values stay out of errors: {text}");
            }
            other => panic!("claim {i}: {other:?}"),
        }
    }
    assert_eq!(place.number("SELECT count(*) FROM notification").await, 199);
    assert_eq!(place.state("a117").await, None);
    place.assert_sound().await;
}

#[tokio::test]
async fn of_200_settles_with_a_poisonous_one_only_that_one_fails() {
    let place = fresh().await;
    let mut settles: Vec<_> = (0..200).map(|i| settle(&format!("a{i}"), State::Waiting)).collect();
    settles[0].why = "be\u{0}cause".to_owned();
    let answers = place.settle(&settles).await;
    let failed: Vec<_> =
        answers.iter().enumerate().filter(|(_, a)| a.is_err()).map(|(i, _)| i).collect();
    assert_eq!(failed, [0]);
    assert!(answers.into_iter().skip(1).all(|a| a.unwrap()));
    place.assert_sound().await;
}

#[tokio::test]
async fn an_empty_slice_has_no_answers() {
    let place = fresh().await;
    assert!(place.claim(&[]).await.is_empty());
    assert!(place.settle(&[]).await.is_empty());
    assert!(place.record_outcomes(&[]).await.is_empty());
    assert!(place.claim_again(&[]).await.is_empty());
    assert!(place.refuse(&[]).await.unwrap().is_empty());
    assert!(place.rows(&[]).await.unwrap().is_empty());
    assert!(place.surroundings(&[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_person_with_many_events_in_one_slice_gets_one_key() {
    let place = fresh().await;
    let claims: Vec<Claim> = (0..5)
        .map(|i| {
            let mut claim = claim(&format!("a{i}"));
            "person-same".clone_into(&mut claim.person.lookup);
            claim
        })
        .collect();
    let won = place.claim(&claims).await.into_iter().filter(|a| matches!(a, Ok(Claimed::Won)));
    assert_eq!(won.count(), 1, "the others look again and use the key that is there now");
    let mut second = claims[1].clone();
    second.person.id = "per_a0".to_owned();
    second.person.rev = 1;
    assert_eq!(place.claim_one(second).await, Claimed::Won);
    assert_eq!(place.number("SELECT count(*) FROM person").await, 1);
    place.assert_sound().await;
}

const STATEMENTS_TEST: &str = "slices::a_slice_costs_the_same_few_statements_whatever_its_size";

static SENT: AtomicUsize = AtomicUsize::new(0);

/// Counts the statements that this process sends, as the driver reports them.
struct Statements;

impl tracing::Subscriber for Statements {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, _: &tracing::Event<'_>) {
        SENT.fetch_add(1, Ordering::SeqCst);
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

async fn counted<T>(what: impl Future<Output = T>) -> (T, usize) {
    let before = SENT.load(Ordering::SeqCst);
    let done = what.await;
    (done, SENT.load(Ordering::SeqCst) - before)
}

async fn statements_of(place: &Place, size: usize) -> [usize; 5] {
    let names: Vec<String> = (0..size).map(|i| format!("s{size}-{i}")).collect();
    let claims: Vec<_> = names.iter().map(|name| claim(name)).collect();
    let (answers, claiming) = counted(place.claim(&claims)).await;
    assert!(answers.into_iter().all(|a| a.unwrap() == Claimed::Won));
    let failed: Vec<_> = names.iter().map(|name| outcome(name, 1, FAILED_IN_BACK_OFF)).collect();
    place.record_outcomes(&failed).await;
    let claims: Vec<_> = names.iter().map(|name| again(name, 1)).collect();
    let (answers, again) = counted(place.claim_again(&claims)).await;
    assert!(answers.into_iter().all(|a| a.unwrap()));
    let done: Vec<_> = names.iter().map(|name| outcome(name, 2, Outcome::Accepted)).collect();
    let (answers, ending) = counted(place.record_outcomes(&done)).await;
    assert!(answers.into_iter().all(|a| a.unwrap().state == State::Accepted));
    let settles: Vec<_> =
        names.iter().map(|name| settle(&format!("w{name}"), State::Waiting)).collect();
    let mut settles = settles;
    for (settle, name) in settles.iter_mut().zip(&names) {
        settle.person = crate::draft::known(name);
        settle.due = Some((0, LANE.to_owned()));
    }
    let (answers, settling) = counted(place.settle(&settles)).await;
    assert!(answers.into_iter().all(|a| a.unwrap()));
    let waiting: Vec<String> = names.iter().map(|name| ntf(&format!("w{name}"))).collect();
    let (released, releasing) = counted(place.release(&waiting)).await;
    assert_eq!(released.unwrap().len(), size);
    [claiming, again, ending, settling, releasing]
}

#[tokio::test]
async fn a_slice_costs_the_same_few_statements_whatever_its_size() {
    if alone::given().is_none() {
        return alone::run(STATEMENTS_TEST, "");
    }
    let place = fresh().await;
    tracing::subscriber::set_global_default(Statements).unwrap();
    let one = statements_of(&place, 1).await;
    let many = statements_of(&place, 64).await;
    assert_eq!(one, many, "claim, claim again, outcome, settle, release");
    assert_eq!(many, [8, 7, 8, 4 + engine::CALLS, 6].map(|n| n + engine::REPORTED_BRACKETS));
}
