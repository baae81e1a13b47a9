//! Netgsm tells nothing by itself: its report is asked in batches, a hint makes the question come sooner and is not believed, and
//! several messages of one job are told apart by number.

use simulator::{Outcome, Script};

use crate::harness::hooks::{self, A_WHILE};
use crate::harness::{Embedded, Event, Installation, Options, Proxy, receipt, scrape};

fn outcome(script: &mut Script, event: &Event, status: u32, error_code: u32) {
    script.netgsm.outcomes.insert(event.national().to_owned(), Outcome { status, error_code });
}

async fn started(options: Options) -> (Installation, Proxy) {
    let mut door = Proxy::closed("nobody yet").await;
    let mut clinic = Installation::start(options).await;
    hooks::gateway(&mut clinic, &mut door, &[]).await;
    (clinic, door)
}

fn options(env: &[(&'static str, &str)]) -> Options {
    let mut options = Options::default();
    hooks::quick(&mut options.script);
    let own = env.iter().map(|(name, value)| (*name, (*value).to_owned()));
    options.env.extend(hooks::netgsm().into_iter().chain(own));
    options
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accepted_becomes_delivered_or_undelivered_and_what_stays_pending_is_given_up() {
    let (there, wrong, off) = (receipt("there"), receipt("wrong"), receipt("off"));
    let mut options = options(&[]);
    outcome(&mut options.script, &wrong, 3, 105);
    outcome(&mut options.script, &off, 0, 0);
    let (mut clinic, door) = started(options).await;
    for event in [&there, &wrong, &off] {
        clinic.publish(event).await;
    }
    for event in [&there, &wrong, &off] {
        clinic.until_state(event, "accepted", "").await;
    }
    clinic
        .until("three to be asked about", async || (clinic.wanted().await == 3).then_some(()))
        .await;
    // the first question comes after a minute; a hint at two of them, and at somebody else's
    let messages = clinic.until_accepted(3).await;
    let job = |event: &Event| {
        let of = messages.iter().find(|message| message.to == event.national()).expect("accepted");
        of.jobid.clone()
    };
    let client = hooks::client();
    hooks::hint(&client, &door, &[job(&there), job(&wrong), "99999999".to_owned()]).await;
    let row = clinic.until_state(&there, "delivered", "").await;
    assert_eq!(row.attempts, 1);
    clinic.until_state(&wrong, "undelivered", "netgsm:status-3").await;
    assert_eq!(clinic.row(&off).await.expect("a row").state, "accepted", "nobody hinted at it");
    for (event, delivery) in [(&there, "delivered"), (&wrong, "undelivered")] {
        let receipts = clinic.receipts(&event.ntf()).await;
        assert_eq!(receipts, [(delivery.to_owned(), "report".to_owned())]);
    }
    assert_eq!(clinic.number("SELECT count(*) FROM unreachable").await, 1, "the wrong number");
    // pending is no news; it is asked about again later, and not for ever
    clinic.ask_now().await;
    clinic
        .until("a question about the pending one", async || {
            let looks = "SELECT count(*) FROM receipt_wanted WHERE looks > 0 AND next_at > 0";
            (clinic.number(looks).await == 1).then_some(())
        })
        .await;
    assert_eq!(clinic.receipts(&off.ntf()).await, []);
    clinic
        .run("UPDATE receipt_wanted SET started_at = started_at - 49 * 3600000, next_at = 0")
        .await;
    clinic
        .until("nothing to be asked about", async || (clinic.wanted().await == 0).then_some(()))
        .await;
    assert_eq!(clinic.row(&off).await.expect("a row").state, "accepted");
    let said = scrape::scrape(&mut clinic.schedulers[0]).await;
    let account = ("account", "netgsm/default");
    assert_eq!(said.sum("ulak_receipt_polls_total", &[account, ("what", "told")]) as u64, 2);
    assert_eq!(said.sum("ulak_receipt_polls_total", &[account, ("what", "given-up")]) as u64, 1);
    let labels = [("provider", "netgsm"), ("delivery", "undelivered"), ("code", "netgsm:status-3")];
    assert_eq!(said.sum("ulak_receipts_total", &labels) as u64, 1);
    let balance = clinic.balance().await;
    assert_eq!(
        (&balance["states"]["delivered"], &balance["states"]["undelivered"]),
        (&1.into(), &1.into()),
        "{balance}"
    );
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_one_job_are_told_apart_by_number() {
    let events: Vec<Event> = (0..40).map(|n| receipt(&format!("job-{n}"))).collect();
    // two that could ask: one of them does
    let batch = options(&[("ULAK_PROVIDERS__NETGSM__BATCH", "50")]);
    let mut options = Options { schedulers: 2, ..batch };
    for event in events.iter().skip(1).step_by(2) {
        outcome(&mut options.script, event, 2, 111);
    }
    let (clinic, _door) = started(options).await;
    for event in &events {
        clinic.publish(event).await;
    }
    clinic
        .until("all to be asked about", async || (clinic.wanted().await == 40).then_some(()))
        .await;
    clinic.ask_now().await;
    for (n, event) in events.iter().enumerate() {
        let state = if n % 2 == 0 { "delivered" } else { "undelivered" };
        clinic.until_state(event, state, "").await;
    }
    let jobs = clinic.number("SELECT count(DISTINCT provider_ref) FROM attempt").await;
    assert!(jobs < 40, "they were to share jobs, and there are {jobs}");
    let questions =
        clinic.outside.requests().iter().filter(|it| it.path.ends_with("/report")).count();
    assert!(questions <= 10, "{questions} questions for {jobs} jobs");
    clinic.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_one_machine_too() {
    let (there, wrong) = (receipt("there"), receipt("wrong"));
    let mut script = Script::default();
    hooks::quick(&mut script);
    outcome(&mut script, &wrong, 3, 105);
    let env = hooks::netgsm();
    let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let machine = Embedded::start(script, &env).await;
    for event in [&there, &wrong] {
        machine.post(event).await;
        machine.until_state(event, "accepted", "").await;
    }
    let jobs: Vec<String> = machine.outside.messages().into_iter().map(|it| it.jobid).collect();
    let hint = async || {
        let path = format!("{}/v1/webhooks/netgsm/report/{}", machine.door, hooks::NETGSM_TOKEN);
        let post = hooks::client().post(path).body(jobs.join(" "));
        assert_eq!(post.send().await.expect("an answer").status().as_u16(), 200);
    };
    // a hint that comes before the attempt was gone over has nothing to move
    machine
        .until("the report's answers", async || {
            hint().await;
            tokio::time::sleep(A_WHILE).await;
            let state = async |event: &Event| machine.row(event).await.map(|row| row.state);
            let (there, wrong) = (state(&there).await?, state(&wrong).await?);
            (there.as_str() == "delivered" && wrong.as_str() == "undelivered").then_some(())
        })
        .await;
    machine.finish().await;
}
