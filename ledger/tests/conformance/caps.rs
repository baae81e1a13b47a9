//! Places in a pace that are taken together, and caps that throttle answers lower.

use crate::place::fresh;
use ledger::caps::{Lowered, Throttle, TooFast, WHOLE};
use std::time::Duration;

const AHEAD: Duration = Duration::from_secs(2_000);
/// A place of 100 s: no test takes so long that it passes.
const PLACE: i64 = 100_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_that_are_taken_together_are_one_behind_the_other_and_nobody_elses() {
    let place = fresh().await;
    let tasks: Vec<_> = (0..6)
        .map(|task: usize| {
            let ledger = place.ledger.clone();
            tokio::spawn(async move {
                let mut waits = vec![];
                for _ in 0..3 {
                    let got = ledger.paces("p", &vec![PLACE; 1 + task % 3], AHEAD).await.unwrap();
                    assert_eq!(got.len(), 1 + task % 3);
                    let none = got.iter().position(Option::is_none).unwrap_or(got.len());
                    assert!(got[none..].iter().all(Option::is_none), "{got:?}");
                    waits.extend(got.into_iter().flatten());
                }
                waits
            })
        })
        .collect();
    let mut waits = vec![];
    for task in tasks {
        waits.extend(task.await.unwrap());
    }
    waits.sort_unstable();
    // from now to 2,000 s ahead
    assert_eq!(waits.len(), 21, "{waits:?}");
    for pair in waits.windows(2) {
        let apart = pair[1].as_secs_f64() - pair[0].as_secs_f64();
        assert!((90.0..=100.1).contains(&apart), "{waits:?}");
    }
    assert_eq!(place.ledger.paces("p", &[1, 1], AHEAD).await.unwrap(), [None, None]);
    assert!(place.ledger.paces("q", &[], AHEAD).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_long_text_takes_as_many_places_as_it_has_segments() {
    let place = fresh().await;
    let waits = place.paces("p", &[PLACE, 3 * PLACE, PLACE], AHEAD).await.unwrap();
    let next = place.pace("p", PLACE, AHEAD).await.unwrap().expect("a place");
    let seconds: Vec<u64> = waits
        .into_iter()
        .chain([Some(next)])
        .map(|wait| wait.unwrap().as_secs_f64().round() as u64)
        .collect();
    assert_eq!(seconds, [0, 100, 400, 500]);
    place.give_back("p", 2 * PLACE).await.unwrap();
    let moved_up = place.pace("p", PLACE, AHEAD).await.unwrap().expect("a place");
    assert_eq!(moved_up.as_secs_f64().round() as u64, 400);
}

#[tokio::test]
async fn of_places_that_are_asked_for_together_those_within_reach_are_taken() {
    let place = fresh().await;
    let reach = Duration::from_secs(250);
    let waits = place.paces("p", &[PLACE; 5], reach).await.unwrap();
    assert_eq!(waits.iter().filter(|wait| wait.is_some()).count(), 3, "{waits:?}");
    assert!(waits[2].is_some(), "{waits:?}");
    // nothing of the others was taken
    let next = place.pace("p", PLACE, AHEAD).await.unwrap().expect("a place");
    assert_eq!(next.as_secs_f64().round() as u64, 300);
}

/// Half of what was sent was refused.
fn half(under: i64) -> TooFast {
    TooFast { throttle: Throttle::Account, under, refused: 500 }
}

fn shares(caps: &[Lowered]) -> Vec<(&str, i64, &str)> {
    caps.iter().map(|cap| (cap.key.as_str(), cap.share, cap.why.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_throttle_answers_at_once_one_lowers_the_cap() {
    let place = fresh().await;
    for (round, left) in [(0, 500), (1, 250)] {
        let under = place.lowered_caps().await.unwrap().first().map_or(0, |cap| cap.at);
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let ledger = place.ledger.clone();
                tokio::spawn(async move {
                    match ledger.lower_cap("rate/netgsm/a", "netgsm:80", half(under)).await {
                        // as a worker: another one was first
                        Err(ledger::LedgerError::Conflict) => None,
                        lowered => lowered.unwrap(),
                    }
                })
            })
            .collect();
        let mut told = vec![];
        for task in tasks {
            told.extend(task.await.unwrap());
        }
        assert_eq!(told.len(), 1, "round {round}: {told:?}");
        let caps = place.lowered_caps().await.unwrap();
        assert_eq!(caps, told);
        assert_eq!(shares(&caps), [("rate/netgsm/a", left, "netgsm:80")]);
        // a second later
        place.run("UPDATE cap SET at = at - 1000").await;
    }
}

#[tokio::test]
async fn a_cap_that_was_lowered_is_each_ones_own_and_is_told_once_to_be_whole() {
    let place = fresh().await;
    let lower =
        async |key: &str, under: i64| place.lower_cap(key, "iys:H083", half(under)).await.unwrap();
    let iys = lower("rate/iys", 0).await.expect("lowered");
    assert_eq!(lower("rate/iys", 0).await, None, "its place was taken before");
    assert_eq!(lower("rate/iys", iys.at).await, None, "within the same second");
    lower("rate/netgsm/a", 0).await.expect("another cap");
    assert_eq!(place.lowered_caps().await.unwrap().len(), 2);

    let now = place.now().await;
    assert!((now - iys.at).abs() < 60_000, "by the database's clock");
    assert_eq!(iys.share_at(now + 3_600_000), WHOLE);
    assert!(place.cap_is_whole(&iys).await.unwrap());
    assert!(!place.cap_is_whole(&iys).await.unwrap(), "told already");
    let again = lower("rate/iys", 0).await.expect("lowered");
    place.run("UPDATE cap SET at = at - 60000").await;
    assert!(!place.cap_is_whole(&again).await.unwrap(), "it was lowered again since");
    assert_eq!(shares(&place.lowered_caps().await.unwrap()).len(), 2);
}
