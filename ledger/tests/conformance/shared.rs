//! What processes share besides messages: permits, the token, leases, lanes.

use crate::place::{Place, fresh};
use ledger::lanes::LaneState;
use ledger::shared::{HOUR_MS, SharedToken};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn permits_never_exceed_their_cap_in_any_span() {
    const CAP: i64 = 20;
    const SPAN_MS: i64 = 50;
    let place = fresh().await;
    place.watch_permits().await;
    let tasks: Vec<_> = (0..8)
        .map(|task: i64| {
            let ledger = place.ledger.clone();
            tokio::spawn(async move {
                let mut granted = 0;
                for i in 0..60 {
                    let want = 1 + (task + i) % 4;
                    if ledger.permits("k", want, CAP, SPAN_MS).await.unwrap() {
                        granted += want;
                    }
                }
                granted
            })
        })
        .collect();
    let mut granted = 0;
    for task in tasks {
        granted += task.await.unwrap();
    }
    let spans = "(SELECT max(used) AS used FROM permit_watched GROUP BY span) s";
    let most = place.number(&format!("SELECT max(used) FROM {spans}")).await;
    assert!(most <= CAP, "{most} in one span");
    let used = place.number(&format!("SELECT CAST(sum(used) AS BIGINT) FROM {spans}")).await;
    assert_eq!(granted, used, "what was granted is what the spans handed out");
    assert!(granted >= CAP, "permits are handed out at all: {granted}");
}

#[tokio::test]
async fn within_one_span_exactly_the_cap_is_granted_to_whoever_comes() {
    let place = fresh().await;
    // a span of 100 years does not end during the test
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let ledger = place.ledger.clone();
            tokio::spawn(async move {
                let mut granted = 0;
                for _ in 0..10 {
                    granted +=
                        i64::from(ledger.permits("k", 1, 37, 36_525 * 24 * HOUR_MS).await.unwrap());
                }
                granted
            })
        })
        .collect();
    let mut granted = 0;
    for task in tasks {
        granted += task.await.unwrap();
    }
    assert_eq!(granted, 37);
}

#[tokio::test]
async fn a_pace_is_even_shared_and_does_not_reach_further_ahead_than_asked() {
    let place = fresh().await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let ledger = place.ledger.clone();
            tokio::spawn(async move {
                let mut waits = vec![];
                for _ in 0..5 {
                    waits.extend(
                        ledger.pace("p", 200_000_000, Duration::from_secs(2_000)).await.unwrap(),
                    );
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
    // places of 200 s, from now to 2,000 s ahead
    assert_eq!(waits.len(), 11, "{waits:?}");
    for pair in waits.windows(2) {
        let apart = pair[1].as_secs_f64() - pair[0].as_secs_f64();
        assert!((190.0..=200.1).contains(&apart), "{waits:?}");
    }
    assert_eq!(place.ledger.pace("p", 1, Duration::from_secs(2_000)).await.unwrap(), None);
    place.ledger.give_back("p", 200_000_000).await.unwrap();
    assert!(place.ledger.pace("p", 1, Duration::from_secs(2_000)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_wish_larger_than_the_budget_is_granted_when_a_span_begins() {
    let place = fresh().await;
    assert!(place.permits("k", 50, 10, 36_525 * 24 * HOUR_MS).await.unwrap());
    assert!(!place.permits("k", 1, 10, 36_525 * 24 * HOUR_MS).await.unwrap());
    place.run("UPDATE permit SET span = span - 1").await;
    assert!(place.permits("k", 50, 10, 36_525 * 24 * HOUR_MS).await.unwrap());
}

#[tokio::test]
async fn a_clock_that_was_put_back_keeps_nobody_waiting_until_it_has_come_again_to_where_it_was() {
    let place = fresh().await;
    for (span_ms, back_ms) in [(125, 600_000), (HOUR_MS, 3 * HOUR_MS)] {
        let key = format!("k{span_ms}");
        assert!(place.permits(&key, 1, 1, span_ms).await.unwrap());
        let ahead =
            format!("UPDATE permit SET span = span + {} WHERE key = '{key}'", back_ms / span_ms);
        place.run(&ahead).await;
        assert!(place.permits(&key, 1, 1, span_ms).await.unwrap(), "{span_ms}");
    }
    // the span before an hour's turn is no sign of that: what was used then counts
    assert!(place.permits("turn", 1, 1, HOUR_MS).await.unwrap());
    place.run("UPDATE permit SET span = span + 1 WHERE key = 'turn'").await;
    assert!(!place.permits("turn", 1, 1, HOUR_MS).await.unwrap());

    let ahead = Duration::from_secs(1);
    assert!(place.pace("p", 500_000, ahead).await.unwrap().is_some());
    place.run("UPDATE permit SET span = span + 600000000 WHERE key = 'p'").await;
    let wait = place.pace("p", 500_000, ahead).await.unwrap();
    assert_eq!(wait, Some(Duration::ZERO));
    let next = place.pace("p", 500_000, ahead).await.unwrap().expect("a place");
    assert!(next <= Duration::from_millis(500), "{next:?}");
}

async fn ask(place: &Place, callers: usize, per_hour: i64) -> (usize, usize, usize) {
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let ledger = place.ledger.clone();
            tokio::spawn(async move { ledger.token("iys/100001", per_hour).await.unwrap() })
        })
        .collect();
    let (mut ready, mut fetch, mut wait) = (0, 0, 0);
    for task in tasks {
        match task.await.unwrap() {
            SharedToken::Ready { .. } => ready += 1,
            SharedToken::Fetch { .. } => fetch += 1,
            SharedToken::Wait => wait += 1,
        }
    }
    (ready, fetch, wait)
}

#[tokio::test]
async fn of_ten_callers_without_a_token_exactly_one_fetches_it() {
    let place = fresh().await;
    assert_eq!(ask(&place, 10, 10).await, (0, 1, 9));
    let now = place.now().await;
    place.keep_token("iys/100001", b"secret", now + 60_000, now + 120_000).await.unwrap();
    assert_eq!(ask(&place, 10, 10).await, (10, 0, 0));
    let SharedToken::Ready { secret, expires_at } = place.token("iys/100001", 10).await.unwrap()
    else {
        panic!("not ready")
    };
    assert_eq!((secret.as_slice(), expires_at), (b"secret".as_slice(), now + 60_000));
    let sealed = "SELECT count(*) FROM token WHERE sealed LIKE '%secret%'";
    assert_eq!(place.number(sealed).await, 0);
}

#[tokio::test]
async fn who_fetches_after_it_ran_out_may_refresh_while_the_refresh_token_lives() {
    let place = fresh().await;
    assert_eq!(ask(&place, 1, 10).await, (0, 1, 0));
    let now = place.now().await;
    place.keep_token("iys/100001", b"old", now + 60_000, now + 120_000).await.unwrap();
    place.drop_token("iys/100001", 1, false).await.unwrap();
    assert_eq!(ask(&place, 1, 10).await, (1, 0, 0), "another token was meant");
    place.drop_token("iys/100001", now + 60_000, false).await.unwrap();
    let SharedToken::Fetch { refresh_with } = place.token("iys/100001", 10).await.unwrap() else {
        panic!("it is this caller's turn")
    };
    assert_eq!(refresh_with.unwrap().as_slice(), b"old");
    place.run("UPDATE token SET lease_until = 0").await;
    place.drop_token("iys/100001", 0, true).await.unwrap();
    let SharedToken::Fetch { refresh_with } = place.token("iys/100001", 10).await.unwrap() else {
        panic!("it is this caller's turn")
    };
    assert!(refresh_with.is_none());
}

#[tokio::test]
async fn a_fetch_that_never_came_back_is_tried_by_another_within_the_hourly_budget() {
    let place = fresh().await;
    for fetch in 1..=3 {
        assert_eq!(ask(&place, 5, 3).await, (0, 1, 4), "fetch {fetch}");
        place.run("UPDATE token SET lease_until = 0").await;
    }
    assert_eq!(ask(&place, 5, 3).await, (0, 0, 5), "the budget of this hour is used up");
    place.run("UPDATE token SET lease_until = 0").await;
    place.run("UPDATE permit SET span = span - 1").await;
    assert_eq!(ask(&place, 5, 3).await, (0, 1, 4), "a new hour");
}

#[tokio::test]
async fn during_a_ban_nobody_fetches_a_token_for_as_long_as_it_lasts() {
    let place = fresh().await;
    assert_eq!(ask(&place, 5, 10).await, (0, 1, 4));
    place.token_not_for("iys/100001", HOUR_MS).await.unwrap();
    assert_eq!(ask(&place, 5, 10).await, (0, 0, 5));
    // a minute before its end, when any lease of a fetch would have run out
    place.run("UPDATE token SET lease_until = lease_until - 3540000").await;
    assert_eq!(ask(&place, 5, 10).await, (0, 0, 5));
    place.run("UPDATE token SET lease_until = lease_until - 60000").await;
    assert_eq!(ask(&place, 5, 10).await, (0, 1, 4), "it is over");
    // a short time that is named does not shorten what the one who fetches has
    place.token_not_for("iys/100001", 0).await.unwrap();
    assert_eq!(ask(&place, 5, 10).await, (0, 0, 5));
}

#[tokio::test]
async fn a_lease_has_one_holder_until_it_runs_out() {
    let place = fresh().await;
    let tasks: Vec<_> = (0..8)
        .map(|i| {
            let ledger = place.ledger.clone();
            tokio::spawn(
                async move { ledger.lease("sweep", &format!("p{i}"), 60_000).await.unwrap() },
            )
        })
        .collect();
    let mut holders = vec![];
    for (i, task) in tasks.into_iter().enumerate() {
        if task.await.unwrap() {
            holders.push(format!("p{i}"));
        }
    }
    assert_eq!(holders.len(), 1);
    assert!(place.lease("sweep", &holders[0], 60_000).await.unwrap(), "its holder renews it");
    assert!(!place.lease("sweep", "another", 60_000).await.unwrap());
    assert!(place.lease("relay", "another", 60_000).await.unwrap(), "another work, another lease");
    assert_eq!(place.number("SELECT fence FROM lease WHERE name = 'sweep'").await, 1);
    place.run("UPDATE lease SET until = 0").await;
    assert!(place.lease("sweep", "another", 60_000).await.unwrap());
    assert!(!place.lease("sweep", &holders[0], 60_000).await.unwrap());
    assert_eq!(place.number("SELECT fence FROM lease WHERE name = 'sweep'").await, 2);
}

#[tokio::test]
async fn a_lane_closes_once_is_probed_by_one_and_opens_step_by_step() {
    let place = fresh().await;
    let (a, b) =
        tokio::join!(place.close_lane("l", "netgsm:30", 0), place.close_lane("l", "netgsm:30", 0));
    assert!(a.unwrap() ^ b.unwrap(), "one of them alerts");
    let (a, b) = tokio::join!(place.lease_probe("l"), place.lease_probe("l"));
    assert!(a.unwrap() ^ b.unwrap(), "one of them probes");
    assert!(!place.lease_probe("l").await.unwrap(), "the lease lasts 30 s");
    place.probe_later("l", "still", 0).await.unwrap();
    assert!(place.lease_probe("l").await.unwrap());
    assert_eq!(place.widen_lane("l", LaneState::Closed).await.unwrap(), Some(LaneState::Trying));
    let mut widths = vec![];
    while let Some(width) = place.lanes().await.unwrap().remove(0).width {
        widths.push(width);
        place.widen_lane("l", LaneState::Trying).await.unwrap();
    }
    assert_eq!(widths, [1, 4, 16, 64, 256]);
    let lane = place.lanes().await.unwrap().remove(0);
    assert_eq!((lane.state, lane.probes), (LaneState::Open, 2));
    assert_eq!(place.widen_lane("l", LaneState::Trying).await.unwrap(), None);
    assert_eq!(place.count_records("", "lane").await.unwrap(), 3, "closed, trying, open");
    assert!(place.close_lane("l", "netgsm:40", 60_000).await.unwrap());
    assert!(!place.lease_probe("l").await.unwrap(), "its probe is not due");
    assert_eq!(place.lanes().await.unwrap().remove(0).probes, 0);
}

#[tokio::test]
async fn a_lane_that_fails_its_tries_is_tried_later_each_time_and_alerts_once() {
    let place = fresh().await;
    assert!(place.close_lane("netgsm/a/B", "outage", 2_000).await.unwrap(), "it was open");
    let mut pauses = vec![];
    for _ in 0..8 {
        place.run("UPDATE lane SET probe_at = 0").await;
        assert!(place.lease_probe("netgsm/a/B").await.unwrap());
        place.widen_lane("netgsm/a/B", LaneState::Closed).await.unwrap();
        assert!(
            !place.close_lane("netgsm/a/B", "outage", 2_000).await.unwrap(),
            "a failed try is no news"
        );
        let lane = place.lanes().await.unwrap().remove(0);
        pauses.push((lane.probe_at - lane.since) / 1_000);
    }
    assert_eq!(pauses, [4, 8, 16, 32, 64, 120, 120, 120]);
}
