//! Receipts: on time, late, doubled, out of order, contradicting, of nobody, before the outcome; what they do to rows, attempts, slots
//! and books (ADR 0012).

use crate::draft::{FAILED, claim, claim_copy, need, ntf, one, outcome};
use crate::place::{Place, fresh};
use ledger::decision::{Claim, Claimed};
use ledger::outcome::OutcomeWrite;
use ledger::protocol::Outcome;
use ledger::receipts::{Delivery, ReceiptWrite, Took, Whose};
use ledger::record::Entry;
use ledger::slots::SlotKind;
use ledger::state::State;
use ledger::sweep::ReleasedCopy;

/// Lane of messages whose provider echoes our reference.
pub const WHATSAPP: &str = "whatsapp/default/905321112233";

/// A claim on WhatsApp of an event that has no row, with SMS as what may be tried instead.
pub fn on_whatsapp(name: &str) -> Claim {
    Claim {
        channel: "whatsapp".to_owned(),
        next_channel: Some("sms".to_owned()),
        lane: WHATSAPP.to_owned(),
        needs: vec![need(SlotKind::Thing, &format!("thing-{name}"))],
        ..claim(name)
    }
}

/// What the provider of WhatsApp says of attempt `n`.
pub fn receipt(name: &str, n: u32, delivery: Delivery) -> ReceiptWrite {
    ReceiptWrite {
        ntf: ntf(name),
        n,
        whose: Whose::Provider("whatsapp"),
        provider_ref: format!("wamid.{name}"),
        word: delivery.as_str().to_owned(),
        delivery: Some(delivery),
        code: String::new(),
        detail: String::new(),
        next_channel: false,
        bad_number: false,
        at: Some(1_767_225_600_000),
        via: "webhook",
    }
}

/// It cannot reach the number, and another channel may.
pub fn lost(name: &str, n: u32) -> ReceiptWrite {
    ReceiptWrite {
        code: "whatsapp:131026".to_owned(),
        next_channel: true,
        ..receipt(name, n, Delivery::Failed)
    }
}

impl Place {
    pub async fn receipt_one(&self, receipt: ReceiptWrite) -> Took {
        one(self.ledger.record_receipts(&[receipt]).await).unwrap()
    }

    /// A row that a provider of WhatsApp has accepted.
    pub async fn accepted(&self, name: &str) {
        assert_eq!(self.claim_one(on_whatsapp(name)).await, Claimed::Won);
        self.outcome_one(name, 1, Outcome::Accepted).await;
    }

    /// The same, of which nothing was heard for so long that its next channel is due.
    pub async fn overdue(&self, name: &str) {
        assert_eq!(self.claim_one(on_whatsapp(name)).await, Claimed::Won);
        let write = falling_back(name, 60_000);
        one(self.ledger.record_outcomes(&[write]).await).unwrap();
        assert_eq!(self.sweep_due(&ntf(name)).await, Some(State::Waiting));
    }

    /// What is written of an attempt: state, reach, delivery.
    pub async fn attempt(&self, name: &str, n: u32) -> String {
        let text = "SELECT state || ' ' || reach || ' ' || coalesce(delivery, '-') FROM attempt WHERE ntf = $1 AND n = $2";
        sqlx::query_scalar(text)
            .bind(ntf(name))
            .bind(i64::from(n))
            .fetch_one(&self.raw)
            .await
            .unwrap()
    }

    pub async fn kinds(&self, name: &str) -> Vec<&'static str> {
        self.records(&ntf(name)).await.unwrap().iter().map(|dated| dated.entry.kind()).collect()
    }

    /// Nothing is wrong with a row, seen by the books.
    pub async fn assert_told(&self, names: &[&str]) {
        let ntfs: Vec<String> = names.iter().map(|name| ntf(name)).collect();
        assert_eq!(self.faults(&ntfs).await.unwrap(), []);
        self.assert_sound().await;
    }
}

/// It is accepted, and waited for so long before the next channel is tried, milliseconds.
pub fn falling_back(name: &str, ms: i64) -> OutcomeWrite {
    OutcomeWrite { fallback_in_ms: Some(ms), ..outcome(name, 1, Outcome::Accepted) }
}

/// The claim of a copy by SMS.
pub fn by_sms(name: &str, copy: &ReleasedCopy, n: u32) -> Claim {
    claim_copy(name, copy, n)
}

pub fn written(took: &Took) -> State {
    match took {
        Took::Written { state, .. } => *state,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_receipt_moves_an_accepted_row_to_delivered_and_the_same_one_again_does_nothing() {
    let place = fresh().await;
    place.accepted("a").await;
    let took = place.receipt_one(receipt("a", 1, Delivery::Delivered)).await;
    let expected = Took::Written {
        state: State::Delivered,
        lane: WHATSAPP.to_owned(),
        clinic: "atasehir".to_owned(),
        resolved_unknown: false,
        sent_twice: false,
    };
    assert_eq!(took, expected);
    assert_eq!(place.state("a").await, Some(State::Delivered));
    let records = place.kinds("a").await;
    assert_eq!(place.receipt_one(receipt("a", 1, Delivery::Delivered)).await, Took::Nothing);
    assert_eq!(place.kinds("a").await, records, "a doubled receipt leaves no record");
    assert_eq!(records, ["received", "claimed", "outcome", "receipt"]);
    assert_eq!(place.attempt("a", 1).await, "accepted arrived delivered");
    place.assert_told(&["a"]).await;
}

#[tokio::test]
async fn receipts_are_monotone_in_whatever_order_they_come() {
    let place = fresh().await;
    let (sent, delivered, read) = (Delivery::Sent, Delivery::Delivered, Delivery::Read);
    for (i, order) in [
        [sent, delivered, read],
        [sent, read, delivered],
        [delivered, sent, read],
        [delivered, read, sent],
        [read, sent, delivered],
        [read, delivered, sent],
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("m{i}");
        place.accepted(&name).await;
        let mut best = None;
        for what in order {
            let took = place.receipt_one(receipt(&name, 1, what)).await;
            let news = best.is_none_or(|best| what > best);
            assert_eq!(took != Took::Nothing, news, "{order:?}: {what}: {took:?}");
            best = best.max(Some(what));
        }
        assert_eq!(place.attempt(&name, 1).await, "accepted arrived read", "{order:?}");
        assert_eq!(place.state(&name).await, Some(State::Delivered));
        place.assert_told(&[&name]).await;
    }
}

#[tokio::test]
async fn that_it_is_on_its_way_is_written_once_and_moves_nothing() {
    let place = fresh().await;
    place.accepted("a").await;
    assert_eq!(place.receipt_one(receipt("a", 1, Delivery::Queued)).await, Took::Nothing);
    assert_eq!(written(&place.receipt_one(receipt("a", 1, Delivery::Sent)).await), State::Accepted);
    assert_eq!(place.receipt_one(receipt("a", 1, Delivery::Queued)).await, Took::Nothing);
    let odd = ReceiptWrite {
        word: "beamed".to_owned(),
        delivery: None,
        ..receipt("a", 1, Delivery::Sent)
    };
    assert_eq!(place.receipt_one(odd).await, Took::Nothing, "a word that nobody knows");
    assert_eq!(place.attempt("a", 1).await, "accepted unheard sent");
    assert_eq!(place.kinds("a").await, ["received", "claimed", "outcome", "receipt"]);
    place.assert_told(&["a"]).await;
}

#[tokio::test]
async fn a_receipt_that_contradicts_what_is_known_changes_nothing_unless_it_arrived_after_all() {
    let place = fresh().await;
    place.accepted("a").await;
    place.receipt_one(receipt("a", 1, Delivery::Delivered)).await;
    assert_eq!(place.receipt_one(lost("a", 1)).await, Took::Contradicts);
    assert_eq!(place.state("a").await, Some(State::Delivered));
    for (name, what) in [("b", FAILED), ("c", Outcome::Refused { next_channel: false })] {
        place.claim_one(on_whatsapp(name)).await;
        let state = place.outcome_one(name, 1, what).await.state;
        for delivery in Delivery::ALL {
            let took = place.receipt_one(receipt(name, 1, *delivery)).await;
            assert_eq!(took, Took::Contradicts, "{what:?} {delivery}");
        }
        assert_eq!(place.state(name).await, Some(state));
    }
    place.accepted("d").await;
    place.receipt_one(receipt("d", 1, Delivery::Undelivered)).await;
    assert_eq!(place.state("d").await, Some(State::Undelivered));
    assert_eq!(
        written(&place.receipt_one(receipt("d", 1, Delivery::Delivered)).await),
        State::Delivered
    );
    assert_eq!(place.attempt("d", 1).await, "accepted arrived-late delivered");
    place.assert_told(&["a", "b", "c", "d"]).await;
}

#[tokio::test]
async fn receipts_of_nobody_are_told_apart_and_harm_no_neighbour() {
    let place = fresh().await;
    place.accepted("a").await;
    let other =
        ReceiptWrite { whose: Whose::Provider("twilio"), ..receipt("a", 1, Delivery::Delivered) };
    let slice = [
        receipt("nobody", 1, Delivery::Delivered),
        receipt("a", 0, Delivery::Delivered),
        receipt("a", 2, Delivery::Delivered),
        receipt("a", u32::MAX, Delivery::Delivered),
        other,
        ReceiptWrite {
            whose: Whose::Account("whatsapp/second".to_owned()),
            ..receipt("a", 1, Delivery::Delivered)
        },
        ReceiptWrite {
            whose: Whose::Sender { provider: "whatsapp", sender: "905329998877".to_owned() },
            ..receipt("a", 1, Delivery::Delivered)
        },
        ReceiptWrite { ntf: "\0'; --".to_owned(), ..receipt("a", 1, Delivery::Read) },
        receipt("a", 1, Delivery::Read),
    ];
    let took: Vec<Took> =
        place.record_receipts(&slice).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(took[..8], vec![Took::Unmatched; 8]);
    assert_eq!(written(&took[8]), State::Delivered);
    // it is known under another id by now
    let read = ReceiptWrite {
        whose: Whose::Account("whatsapp/default".to_owned()),
        ..receipt("a", 1, Delivery::Read)
    };
    let foreign = ReceiptWrite { provider_ref: "wamid.b".to_owned(), ..read.clone() };
    assert_eq!(place.receipt_one(foreign).await, Took::Unmatched);
    assert_eq!(place.receipt_one(read).await, Took::Nothing);
    place.assert_told(&["a"]).await;
}

#[tokio::test]
async fn a_receipt_before_the_outcome_is_the_outcome() {
    let place = fresh().await;
    place.claim_one(on_whatsapp("a")).await;
    let took = place.receipt_one(receipt("a", 1, Delivery::Delivered)).await;
    assert_eq!(written(&took), State::Delivered);
    let late = one(place.record_outcomes(&[falling_back("a", 60_000)]).await).unwrap();
    assert_eq!((late.applied, late.state, late.sent_twice), (false, State::Delivered, false));
    assert_eq!(place.due_in("ntf_a").await, None);
    // the provider's word is quicker than its answer, and says only that it has it: what the worker knows of the next channel counts
    place.claim_one(on_whatsapp("b")).await;
    let took = place.receipt_one(receipt("b", 1, Delivery::Queued)).await;
    assert_eq!(written(&took), State::Accepted);
    assert_eq!(place.due_in("ntf_b").await, None);
    one(place.record_outcomes(&[falling_back("b", 60_000)]).await).unwrap();
    let due = place.due_in("ntf_b").await.unwrap();
    assert!((50_000..=60_000).contains(&due), "{due}");
    // a worker that read nothing, or a refusal, is corrected
    place.claim_one(on_whatsapp("c")).await;
    place.receipt_one(receipt("c", 1, Delivery::Sent)).await;
    assert!(!place.outcome_one("c", 1, Outcome::Unknown).await.applied);
    assert_eq!(place.state("c").await, Some(State::Accepted));
    assert_eq!(place.due_in("ntf_c").await, None);
    // and it knows for how long the provider is waited for, whatever it heard itself
    place.claim_one(on_whatsapp("d")).await;
    place.receipt_one(receipt("d", 1, Delivery::Sent)).await;
    let unknown = OutcomeWrite { outcome: Outcome::Unknown, ..falling_back("d", 60_000) };
    assert!(!one(place.record_outcomes(&[unknown]).await).unwrap().applied);
    assert!((50_000..=60_000).contains(&place.due_in("ntf_d").await.unwrap()));
    place.assert_told(&["a", "b", "c"]).await;
}

#[tokio::test]
async fn a_receipt_resolves_an_unknown_attempt_and_nothing_is_sent_again() {
    let place = fresh().await;
    for (name, what, ends) in [
        ("a", Delivery::Queued, State::Accepted),
        ("b", Delivery::Delivered, State::Delivered),
        ("c", Delivery::Undelivered, State::Undelivered),
    ] {
        place.claim_one(on_whatsapp(name)).await;
        place.outcome_one(name, 1, Outcome::Unknown).await;
        let took = place.receipt_one(receipt(name, 1, what)).await;
        let Took::Written { state, resolved_unknown, .. } = took else { panic!("{took:?}") };
        assert_eq!((state, resolved_unknown), (ends, true));
        assert_eq!(place.due_in(&ntf(name)).await, None);
        let (_, holder, until) = place.slot(&format!("thing-{name}")).await.unwrap();
        assert!(holder == ntf(name) && until.is_some());
        let known =
            "SELECT count(*) FROM attempt WHERE provider_ref IS NOT NULL AND ended_at IS NOT NULL";
        assert!(place.number(known).await > 0);
    }
    place.assert_told(&["a", "b", "c"]).await;
}

#[tokio::test]
async fn a_receipt_of_what_was_looked_for_in_vain_kills_the_copy_that_would_send_it_again() {
    let place = fresh().await;
    place.claim_one(on_whatsapp("a")).await;
    place.outcome_one("a", 1, Outcome::Unknown).await;
    place.run("UPDATE attempt SET state = 'absent'").await;
    place.run("UPDATE notification SET state = 'waiting'").await;
    place.run("UPDATE open SET state = 'waiting'").await;
    let copy = place.release_one("a").await;
    let took = place.receipt_one(receipt("a", 1, Delivery::Delivered)).await;
    assert_eq!(written(&took), State::Delivered);
    let again = place.claim_one(by_sms("a", &copy, 2)).await;
    assert!(matches!(again, Claimed::LookAgain(_)), "{again:?}");
    place.assert_sound().await;
}

/// What the clinic is told, once so much can be: other tests on the same server may hold a transaction open for a moment.
async fn told(place: &Place, many: usize) -> Vec<serde_json::Value> {
    let all = async {
        loop {
            let from = ledger::telling::Place::default();
            let messages = place.outcomes("atasehir", from, 100).await.unwrap().messages;
            if messages.len() >= many {
                break messages.iter().map(|m| serde_json::from_slice(&m.body).unwrap()).collect();
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), all).await.unwrap()
}

#[tokio::test]
async fn what_came_of_it_is_told_once_and_only_if_it_changed_something() {
    let place = fresh().await;
    place.accepted("a").await;
    for what in [Delivery::Sent, Delivery::Delivered, Delivery::Delivered, Delivery::Read] {
        place.receipt_one(receipt("a", 1, what)).await;
    }
    let told = told(&place, 2).await;
    let states: Vec<_> = told.iter().map(|event| event["data"]["state"].as_str()).collect();
    assert_eq!(states, [Some("accepted"), Some("delivered")]);
    assert_eq!(told[1]["data"]["channel"], "whatsapp");
    let records = place.records("ntf_a").await.unwrap();
    let said: Vec<_> = records
        .iter()
        .filter_map(|dated| match &dated.entry {
            Entry::Receipt { word, then, moved, .. } => Some((word.as_str(), *then, *moved)),
            _ => None,
        })
        .collect();
    let delivered = State::Delivered;
    assert_eq!(
        said,
        [
            ("sent", State::Accepted, false),
            ("delivered", delivered, true),
            ("read", delivered, false)
        ]
    );
}
