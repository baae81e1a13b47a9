//! WhatsApp at Meta: the webhook is set up by Meta's own question, its signed statuses come late, twice, in the wrong order, several at
//! once, or while nobody is there, and the end is the same. A message that failed becomes exactly one SMS.

use simulator::{Fault, FaultKind, MetaEnd, MetaOutcome, Operation, Provider};

use crate::harness::hooks::{self, A_WHILE};
use crate::harness::proxy::Way;
use crate::harness::whatsapp::{self, all_agree, at_meta};
use crate::harness::{Event, Installation, Options, Proxy, reminder};

const SECRET: &str = "meta-app-secret";
const VERIFY: &str = "verify-token-of-the-test";

fn lands(options: &mut Options, event: &Event, status: MetaEnd, error_code: u32, after_sent: bool) {
    let outcome = MetaOutcome { status, error_code, after_sent };
    options.script.meta.outcomes.insert(event.national().to_owned(), outcome);
}

/// An installation with its gateway; Meta posts to it once it has asked.
async fn started(mut options: Options) -> (Installation, Proxy) {
    hooks::quick(&mut options.script);
    let meta = &mut options.script.meta;
    (meta.send_ms, meta.delivery_ms, meta.read_ms) = ([50, 150], [50, 150], [50, 150]);
    meta.webhook_retry_ms = vec![500; 10];
    let options = at_meta(options)
        .set("ULAK_PROVIDERS__WHATSAPP__APP_SECRET", SECRET)
        .set("ULAK_PROVIDERS__WHATSAPP__VERIFY_TOKEN", VERIFY);
    let mut door = Proxy::closed("nobody yet").await;
    let options = options.set("ULAK_GATEWAY__PUBLIC_URL", hooks::url(&door));
    let (workers, schedulers) = (options.workers, options.schedulers);
    let clinic = whatsapp::prepare(options).await;
    let mut clinic = clinic.launch(workers, schedulers).await;
    hooks::gateway(&mut clinic, &mut door, &[]).await;
    let address = format!("{}/v1/webhooks/whatsapp/status", hooks::url(&door));
    let wrong = clinic.outside.subscribe_meta("200000000000001", &address, "another").await;
    assert!(wrong.is_err(), "somebody else's token");
    clinic.outside.subscribe_meta("200000000000001", &address, VERIFY).await.expect("subscribed");
    (clinic, door)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_doubled_reversed_and_gathered_ones_end_alike() {
    let [read, delivered, late, lost] = ["read", "delivered", "late", "lost"].map(reminder);
    let mut options = Options::default();
    let meta = &mut options.script.meta;
    (meta.webhooks_reversed, meta.webhook_copies, meta.statuses_per_webhook) = (true, 2, 3);
    lands(&mut options, &read, MetaEnd::Read, 0, false);
    let (clinic, _door) = started(options).await;
    let events = [&read, &delivered, &late, &lost];
    all_agree(&clinic, &events.map(Clone::clone)).await;
    for (event, kind) in [(&late, FaultKind::Slow { ms: 2_000 }), (&lost, FaultKind::Down)] {
        let fault = Fault::new(Provider::Meta, Operation::Callback, kind);
        clinic.outside.add_fault(fault.number(event.national())).expect("a fault");
    }
    for event in events {
        clinic.publish(event).await;
    }
    for event in [&read, &delivered, &late] {
        let row = clinic.until_state(event, "delivered", "").await;
        assert_eq!(row.attempts, 1, "{row:?}");
    }
    clinic
        .until("the read one is on record", async || {
            let receipts = clinic.receipts(&read.ntf()).await;
            receipts.iter().any(|(delivery, _)| delivery == "read").then_some(())
        })
        .await;
    // Meta cannot be asked: what it never told stays as it was
    assert_eq!(clinic.until_state(&lost, "accepted", "").await.attempts, 1);
    assert_eq!(clinic.wanted().await, 0);
    clinic.until_accepted(4).await;
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_cannot_arrive_becomes_exactly_one_sms() {
    let [nobody, later] = ["nobody", "later"].map(reminder);
    let mut options = Options::default();
    options.script.meta.webhook_copies = 3;
    lands(&mut options, &nobody, MetaEnd::Failed, 131_026, false);
    lands(&mut options, &later, MetaEnd::Failed, 131_026, true);
    let (clinic, _door) = started(options).await;
    all_agree(&clinic, &[nobody.clone(), later.clone()]).await;
    for event in [&nobody, &later] {
        clinic.publish(event).await;
    }
    for event in [&nobody, &later] {
        let sent = format!(
            "SELECT count(*) FROM attempt WHERE ntf = '{}' AND channel = 'sms' AND state = 'accepted'",
            event.ntf()
        );
        clinic.until("an SMS", async || (clinic.number(&sent).await == 1).then_some(())).await;
    }
    tokio::time::sleep(A_WHILE).await;
    for event in [&nobody, &later] {
        let row = clinic.row(event).await.expect("a row");
        assert_eq!((row.attempts, row.state.as_str()), (2, "accepted"), "{row:?}");
        let texts = clinic.outside.messages_to(event.national());
        assert_eq!(texts.len(), 2, "one WhatsApp and one SMS");
    }
    assert_eq!(clinic.number("SELECT count(*) FROM unreachable").await, 2, "both numbers");
    let balance = clinic.balance().await;
    assert_eq!(
        (&balance["sent_twice"], &balance["two_channel"]),
        (&0.into(), &2.into()),
        "{balance}"
    );
    clinic.finish().await;
}

/// The answer to the send is lost; the status says that Meta has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_was_lost_is_resolved_by_its_status_and_nothing_is_sent_again() {
    let event = reminder("unheard");
    let (clinic, door) = started(Options::default()).await;
    all_agree(&clinic, std::slice::from_ref(&event)).await;
    let reset = FaultKind::Reset { accept: true };
    let fault = Fault::new(Provider::Meta, Operation::Send, reset).number(event.national());
    clinic.outside.add_fault(fault).expect("a fault");
    // nobody is there at first: Meta comes again
    door.set(Way::Cut);
    clinic.publish(&event).await;
    clinic.until_state(&event, "unknown", "").await;
    door.set(Way::Open);
    let row = clinic.until_state(&event, "delivered", "").await;
    assert_eq!(row.attempts, 1, "{row:?}");
    clinic.until_accepted(1).await;
    clinic.finish().await;
}
