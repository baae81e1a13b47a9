//! Signed status callbacks come late, twice, in the wrong order, before the answer or never: the end is the same. What was lost is
//! asked for, what came while the ledger was away counts when it comes again.

use std::time::Duration;

use simulator::{Fault, FaultKind, Operation, Provider, Script, TwilioEnd, TwilioOutcome};

use crate::harness::hooks::{self, A_WHILE, Callback};
use crate::harness::proxy::Way;
use crate::harness::{Embedded, Event, Installation, Options, Proxy, receipt, reminder, scrape};

fn lands(script: &mut Script, event: &Event, status: TwilioEnd, error_code: u32) {
    let outcome = TwilioOutcome { status, error_code };
    script.twilio.outcomes.insert(event.national().to_owned(), outcome);
}

fn callbacks(event: &Event, kind: FaultKind) -> Fault {
    Fault::new(Provider::Twilio, Operation::Callback, kind).number(event.national())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_doubled_reversed_and_lost_ones_end_alike() {
    let plain = receipt("plain");
    let (late, lost, off) = (reminder("late"), receipt("lost"), receipt("off"));
    let mut options = Options::default();
    // the end first, then what was before it, each twice
    options.script.twilio.callbacks_reversed = true;
    options.script.twilio.callback_copies = 2;
    lands(&mut options.script, &off, TwilioEnd::Undelivered, 30003);
    let (mut clinic, _door) = hooks::with_twilio(options).await;
    let slow = callbacks(&late, FaultKind::Slow { ms: 2_000 });
    clinic.outside.add_fault(slow).expect("a fault");
    clinic.outside.add_fault(callbacks(&lost, FaultKind::Down)).expect("a fault");
    for event in [&plain, &late, &lost, &off] {
        clinic.publish(event).await;
    }
    clinic.until_state(&plain, "delivered", "").await;
    clinic.until_state(&late, "delivered", "").await;
    clinic.until_state(&off, "undelivered", "twilio:30003").await;
    // twice and backwards: one receipt on record
    let receipts = clinic.receipts(&off.ntf()).await;
    assert_eq!(receipts, [("undelivered".to_owned(), "webhook".to_owned())]);
    // nobody told; its turn to be asked about comes after a quarter of an hour
    assert_eq!(clinic.until_state(&lost, "accepted", "").await.attempts, 1);
    clinic
        .until("one to be asked about", async || (clinic.wanted().await == 1).then_some(()))
        .await;
    clinic.ask_now().await;
    clinic.until_state(&lost, "delivered", "").await;
    let receipts = clinic.receipts(&lost.ntf()).await;
    assert_eq!(receipts, [("delivered".to_owned(), "poll".to_owned())]);
    clinic
        .until("nothing to be asked about", async || (clinic.wanted().await == 0).then_some(()))
        .await;
    clinic.until_accepted(4).await;
    let gateway = clinic.schedulers.last_mut().expect("the gateway");
    let said = scrape::scrape(gateway).await;
    let provider = ("provider", "twilio");
    assert!(said.sum("ulak_receipts_without_effect_total", &[provider, ("why", "known")]) > 0.0);
    let refused = said.sum("ulak_webhooks_total", &[provider])
        - said.sum("ulak_webhooks_total", &[provider, ("result", "taken")]);
    assert_eq!(refused as u64, 0, "{}", said.text);
    let balance = clinic.balance().await;
    assert_eq!(
        (&balance["states"]["delivered"], &balance["states"]["undelivered"]),
        (&3.into(), &1.into()),
        "{balance}"
    );
    clinic.finish().await;
}

/// The answer to the send is lost, and long before anybody looks for the message its callback says that Twilio has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_was_lost_is_resolved_by_its_callback_and_nothing_is_sent_again() {
    let events = [receipt("reset"), reminder("garbage")];
    let kinds = [FaultKind::Reset { accept: true }, FaultKind::Garbage { accept: true }];
    let (clinic, _door) = hooks::with_twilio(Options::default()).await;
    for (event, kind) in events.iter().zip(kinds) {
        let fault = Fault::new(Provider::Twilio, Operation::Send, kind).number(event.national());
        clinic.outside.add_fault(fault).expect("a fault");
        clinic.publish(event).await;
    }
    for event in &events {
        let row = clinic.until_state(event, "delivered", "").await;
        assert_eq!(row.attempts, 1, "{row:?}");
        let records = clinic.log_show(&event.ntf()).await;
        let looked = records.iter().any(|record| record["kind"] == "looked");
        assert!(!looked, "reconciliation was faster: {records:?}");
    }
    tokio::time::sleep(A_WHILE).await;
    clinic.until_accepted(2).await;
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_ledger_is_away_twilio_is_told_to_come_again_and_then_it_counts() {
    let mut options = Options::default();
    hooks::quick(&mut options.script);
    let mut door = Proxy::closed("nobody yet").await;
    let mut clinic = Installation::prepare(options).await;
    let env = hooks::twilio(&clinic.outside.url(), &door);
    clinic.env.extend(env.into_iter().map(|(name, value)| (name.to_owned(), value)));
    let mut clinic = clinic.launch(1, 1).await;
    // only the gateway's way to the ledger breaks
    let url = clinic.store.url();
    let host = url.split('@').nth(1).and_then(|rest| rest.split('/').next()).expect("a host");
    let way = Proxy::to(host).await;
    let by_proxy = url.replace(host, &way.address());
    hooks::gateway(&mut clinic, &mut door, &[("ULAK_DATABASE__URL", &by_proxy)]).await;
    let event = receipt("away");
    let fault = callbacks(&event, FaultKind::Down);
    clinic.outside.add_fault(fault).expect("a fault");
    clinic.publish(&event).await;
    clinic.until_state(&event, "accepted", "").await;
    let sid = clinic.until_accepted(1).await[0].jobid.clone();
    let client = hooks::client();
    let callback = Callback::of(&door, &event.ntf(), &sid, "delivered", None);
    way.set(Way::Cut);
    assert_eq!(callback.post(&client, &door).await, 503);
    assert_eq!(clinic.row(&event).await.expect("a row").state, "accepted");
    way.set(Way::Open);
    clinic
        .until("the callback is taken", async || {
            let status = callback.post(&client, &door).await;
            assert!(matches!(status, 200 | 503), "{status}");
            (status == 200).then_some(())
        })
        .await;
    clinic.until_state(&event, "delivered", "").await;
    // replayed, and the contrary of what is known
    assert_eq!(callback.post(&client, &door).await, 200);
    let failed = Callback::of(&door, &event.ntf(), &sid, "undelivered", Some("30003"));
    assert_eq!(failed.post(&client, &door).await, 200);
    let gateway = clinic.schedulers.last_mut().expect("the gateway");
    let alert = gateway.log_where("an alert", |line| line["alert"] == "receipt-contradicts").await;
    assert_eq!(alert["ntf"], event.ntf());
    assert_eq!(clinic.row(&event).await.expect("a row").state, "delivered");
    assert_eq!(clinic.receipts(&event.ntf()).await.len(), 1);
    // a message that nobody knows
    let nobodys = Callback::of(&door, &receipt("nobodys").ntf(), &sid, "delivered", None);
    assert_eq!(nobodys.post(&client, &door).await, 200);
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_one_machine_too() {
    let mut script = Script::default();
    hooks::quick(&mut script);
    script.twilio.callback_copies = 2;
    let (arrives, off, unheard) = (receipt("arrives"), reminder("off"), receipt("unheard"));
    lands(&mut script, &off, TwilioEnd::Undelivered, 30003);
    let mut door = Proxy::closed("nobody yet").await;
    let mut machine = Embedded::prepare(script, &[]).await;
    let env = hooks::twilio(&machine.outside.url(), &door);
    machine.env.extend(env.into_iter().map(|(name, value)| (name.to_owned(), value)));
    machine.up(&[]).await;
    door.open_to(machine.door.trim_start_matches("http://")).await;
    let reset = FaultKind::Reset { accept: true };
    let fault = Fault::new(Provider::Twilio, Operation::Send, reset).number(unheard.national());
    machine.outside.add_fault(fault).expect("a fault");
    for event in [&arrives, &off, &unheard] {
        machine.post(event).await;
    }
    machine.until_state(&arrives, "delivered", "").await;
    machine.until_state(&off, "undelivered", "twilio:30003").await;
    machine.until_state(&unheard, "delivered", "").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    machine.until_accepted(3).await;
    machine.finish().await;
}
