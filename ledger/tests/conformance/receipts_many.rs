//! Receipts in number, whom to ask for them, and numbers that cannot be reached.

use crate::draft::{LATER, claim, ntf, one, outcome};
use crate::place::{Place, fresh};
use crate::receipts::{WHATSAPP, lost, on_whatsapp, receipt};
use ledger::look::Keys;
use ledger::outcome::OutcomeWrite;
use ledger::protocol::Outcome;
use ledger::receipts::{AskedAccount, Delivery, ReceiptWrite, Took, Whose, unreachable_key};
use ledger::state::State;
use std::time::Duration;

/// Accepted rows that nobody claimed one by one.
async fn accepted(place: &Place, many: u32) {
    let rows =
        format!("WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < {many})");
    for text in [
        format!(
            "INSERT INTO notification (ntf, clinic, type, source, event_id, digest, gap_ms, class, on_unknown, expires_at, created_at, state, why, fence, attempt, changed_at) \
             {rows} SELECT 'ntf_' || n, 'c', 't', 's', 'e', 'd', 0, 1, 'resend', {LATER}, 0, 'accepted', '', 0, 1, 0 FROM i"
        ),
        format!(
            "INSERT INTO attempt (ntf, n, channel, lane, state, token, number, segments, started_at, deadline_at) \
             {rows} SELECT 'ntf_' || n, 1, 'whatsapp', '{WHATSAPP}', 'accepted', '', 'number-' || n, 1, 0, 0 FROM i"
        ),
    ] {
        // SQLite wants the names of a statement before what it inserts from
        place.run(&text).await;
    }
}

#[tokio::test]
async fn twenty_five_thousand_receipts_are_taken_in_slices_each_with_its_own_answer() {
    const MANY: u32 = 25_000;
    let place = fresh().await;
    accepted(&place, MANY).await;
    // every third is lost, every seventh comes twice, every thousandth is of nobody
    let mut receipts = vec![];
    for n in 1..=MANY {
        let what = if n % 3 == 0 { Delivery::Undelivered } else { Delivery::Delivered };
        let mut one = receipt(&n.to_string(), 1, what);
        if n % 1000 == 0 {
            one.n = 2;
        }
        receipts.extend(std::iter::repeat_n(one, if n % 7 == 0 { 2 } else { 1 }));
    }
    let took = place.record_receipts(&receipts).await;
    assert_eq!(took.len(), receipts.len());
    let mut seen = std::collections::HashSet::new();
    for (receipt, took) in receipts.iter().zip(took) {
        let took = took.unwrap();
        match (receipt.n, seen.insert(&receipt.ntf)) {
            (2, _) => assert_eq!(took, Took::Unmatched),
            (_, true) => assert!(matches!(took, Took::Written { .. }), "{took:?}"),
            (_, false) => assert_eq!(took, Took::Nothing),
        }
    }
    let state = |state: &str| format!("SELECT count(*) FROM notification WHERE state = '{state}'");
    let (thirds, nobody) = (i64::from(MANY) / 3, 25);
    let lost_of_nobody = 8;
    assert_eq!(place.number(&state("undelivered")).await, thirds - lost_of_nobody);
    assert_eq!(place.number(&state("accepted")).await, nobody);
    let records = "SELECT count(*) FROM record WHERE kind = 'receipt'";
    assert_eq!(place.number(records).await, i64::from(MANY) - nobody);
}

#[tokio::test]
async fn one_receipt_that_cannot_be_written_does_not_hold_up_its_neighbours() {
    let place = fresh().await;
    accepted(&place, 3).await;
    place.run("UPDATE attempt SET reach = 'nonsense' WHERE ntf = 'ntf_2'").await;
    let receipts: Vec<_> =
        (1..=3).map(|n| receipt(&n.to_string(), 1, Delivery::Delivered)).collect();
    let took = place.record_receipts(&receipts).await;
    let written: Vec<bool> = took.iter().map(Result::is_ok).collect();
    assert_eq!(written, [true, false, true]);
    assert_eq!(place.state("3").await, Some(State::Delivered));
}

#[tokio::test]
async fn a_number_that_cannot_be_reached_is_remembered_until_something_arrives_there() {
    let place = fresh().await;
    let key = unreachable_key("whatsapp", "number-a");
    let known = async || {
        let keys =
            Keys { reach: vec![key.clone(), "whatsapp:other".to_owned()], ..Keys::default() };
        one(place.surroundings(&[keys]).await.unwrap()).unreachable
    };
    place.accepted("a").await;
    assert!(known().await.is_empty());
    place.receipt_one(ReceiptWrite { bad_number: true, ..lost("a", 1) }).await;
    assert_eq!(known().await, std::slice::from_ref(&key));
    let days =
        (place.number("SELECT until FROM unreachable").await - place.now().await) / 86_400_000;
    assert!((29..=30).contains(&days), "{days}");
    place.run("UPDATE unreachable SET until = 1").await;
    assert!(known().await.is_empty(), "it is believed for a while only");
    place.run(&format!("UPDATE unreachable SET until = {LATER}")).await;
    place.receipt_one(receipt("a", 1, Delivery::Delivered)).await;
    assert!(known().await.is_empty());
}

const NETGSM: &str = "netgsm/8501234567";

fn with_ref(name: &str, provider_ref: Option<&str>) -> OutcomeWrite {
    let provider_ref = provider_ref.map(str::to_owned);
    OutcomeWrite { provider_ref, ..outcome(name, 1, Outcome::Accepted) }
}

async fn gather(place: &Place, accounts: &[AskedAccount], due: usize) -> Vec<String> {
    // other tests on the same server may hold a transaction open for a moment
    tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            while place.want_receipts(accounts, 2).await.unwrap() {}
            let found = place.receipts_due(NETGSM, 10).await.unwrap();
            if found.len() == due {
                break found.into_iter().map(|wanted| wanted.ntf).collect();
            }
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn accepted_attempts_are_gathered_from_records_and_asked_about_until_their_answer_is_final() {
    let place = fresh().await;
    for name in ["a", "b", "c", "d"] {
        place.claim_one(claim(name)).await;
    }
    place.claim_one(on_whatsapp("w")).await;
    let writes = [
        with_ref("a", Some("job1")),
        with_ref("b", Some("job2")),
        with_ref("c", None),
        with_ref("w", Some("x")),
    ];
    place.record_outcomes(&writes).await;
    place.outcome_one("d", 1, Outcome::Unknown).await;
    let asked =
        |first_ms| AskedAccount { account: NETGSM.to_owned(), first_ms, last_ms: 3_600_000 };
    assert!(place.receipts_due(NETGSM, 10).await.unwrap().is_empty());
    let mut due = gather(&place, &[asked(0)], 2).await;
    due.sort_unstable();
    assert_eq!(due, ["ntf_a", "ntf_b"], "only what has an id, and whose account is asked");
    let wanted = place.receipts_due(NETGSM, 10).await.unwrap();
    let a = wanted.iter().find(|wanted| wanted.ntf == "ntf_a").unwrap();
    assert_eq!((a.provider.as_str(), a.account.as_str()), ("netgsm", NETGSM));
    assert_eq!((a.provider_ref.as_str(), a.number.as_str()), ("job1", "number-a"));
    assert_eq!((a.n, a.looks, a.until - a.started_at), (1, 0, 3_600_000));
    // asked: one is due again later, of the other nothing is left to ask
    let later = place.now().await + 60_000;
    place.receipts_looked(&[(ntf("a"), 1, Some(later)), (ntf("b"), 1, None)]).await.unwrap();
    assert!(place.receipts_due(NETGSM, 10).await.unwrap().is_empty());
    assert_eq!(place.number("SELECT looks FROM receipt_wanted WHERE ntf = 'ntf_a'").await, 1);
    // its last word may come by another way
    let sms = ReceiptWrite {
        whose: Whose::Account(NETGSM.to_owned()),
        provider_ref: "job1".to_owned(),
        ..receipt("a", 1, Delivery::Delivered)
    };
    place.receipt_one(sms).await;
    assert_eq!(place.number("SELECT count(*) FROM receipt_wanted").await, 0);
    // a reader that begins anew wants nothing that is answered, and nothing of long ago
    place.run("DELETE FROM reader").await;
    assert_eq!(gather(&place, &[asked(0)], 1).await, ["ntf_b"]);
    place.run("DELETE FROM reader").await;
    place.run("DELETE FROM receipt_wanted").await;
    place.run("UPDATE attempt SET started_at = 1").await;
    while place.want_receipts(&[asked(0)], 100).await.unwrap() {}
    assert_eq!(place.number("SELECT count(*) FROM receipt_wanted").await, 0);
}

#[tokio::test]
async fn an_attempt_that_only_a_receipt_proved_is_asked_about_too() {
    let place = fresh().await;
    place.claim_one(claim("a")).await;
    place.outcome_one("a", 1, Outcome::Unknown).await;
    let sms = ReceiptWrite { whose: Whose::Provider("netgsm"), ..receipt("a", 1, Delivery::Sent) };
    place.receipt_one(sms).await;
    let asked = AskedAccount { account: NETGSM.to_owned(), first_ms: 0, last_ms: 3_600_000 };
    assert_eq!(gather(&place, &[asked], 1).await, ["ntf_a"]);
}
