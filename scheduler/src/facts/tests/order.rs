//! In whatever order facts of one appointment arrive, however often: what stands afterwards is the same.

use super::applying::{House, house};
use super::*;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

/// One version of an appointment's history.
#[derive(Debug, Clone, Copy)]
enum Step {
    Booked { days: i64 },
    Moved { days: i64 },
    Cancelled,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (5i64..9).prop_map(|days| Step::Booked { days }),
        (5i64..9).prop_map(|days| Step::Moved { days }),
        Just(Step::Cancelled),
    ];
    prop::collection::vec(step, 1..6)
}

/// A history, and the order in which its facts arrive, some of them more than once.
fn histories() -> impl Strategy<Value = (Vec<Step>, Vec<usize>)> {
    steps().prop_flat_map(|steps| {
        let all: Vec<usize> = (0..steps.len()).collect();
        let again = prop::collection::vec(0..steps.len(), 0..4);
        let order =
            again.prop_flat_map(move |again| Just([all.clone(), again].concat()).prop_shuffle());
        (Just(steps), order)
    })
}

fn facts(steps: &[Step], now: DateTime<Utc>) -> Vec<FactEvent> {
    let start = |days| now + TimeDelta::days(days);
    let fact = |(n, step): (usize, &Step)| {
        let version = i64::try_from(n).unwrap() + 1;
        match step {
            Step::Booked { days } => booked(version, now, start(*days)),
            Step::Moved { days } => moved(version, now, start(*days)),
            Step::Cancelled => cancelled(version, now),
        }
    };
    steps.iter().enumerate().map(fact).collect()
}

/// What counts afterwards: the appointment without its revision, and what waits at which time.
async fn afterwards(house: &House) -> (Option<(i64, bool, Option<i64>)>, Vec<(String, i64)>) {
    let key = ledger::intake::appointment_key(
        house.ledger.vault(),
        &schemas::ClinicId::parse("atasehir").unwrap(),
        "A-1",
    );
    let mut tx = house.ledger.begin_facts().await.unwrap();
    let ground = tx.ground("fct_none", Some(&key), None, None).await.unwrap();
    drop(tx);
    // when a cancelled visit would have begun is known only if its booking came first
    let appointment = ground.appointment.map(|known| {
        (known.version, known.cancelled, (!known.cancelled).then_some(known.starts_at))
    });
    let waiting = house.rows().await.into_iter();
    let waiting = waiting.filter_map(|row| row.due_at.map(|due| (row.event_id, due))).collect();
    assert!(house.ledger.balance(None).await.unwrap().balances());
    (appointment, waiting)
}

#[test]
fn any_order_with_any_duplicates_ends_as_the_right_order_without() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(ProptestConfig { cases: 24, ..ProptestConfig::default() });
    runner
        .run(&histories(), |(steps, order)| {
            runtime.block_on(async {
                let (right, other) = (house(rules()).await, house(rules()).await);
                let facts = facts(&steps, right.now());
                for told in right.applier.apply(&facts, "test").await {
                    told.unwrap();
                }
                for index in &order {
                    other.apply(&facts[*index]).await;
                }
                let (expected, found) = (afterwards(&right).await, afterwards(&other).await);
                prop_assert_eq!(expected, found, "{:?} in the order {:?}", steps, order);
                Ok(())
            })
        })
        .unwrap();
}
