//! Ops at the pages of a large installation, in a browser: pause a lane with a reason and resume it, put back what was refused once
//! what was wrong is mended, drop what is hopeless. First it is said what would happen; without a reason nothing does. Ops open no
//! personal data; who did what is in the records.

use crate::harness::audit::{Pages, token};
use crate::harness::lanes::until_workers_know;
use crate::harness::process::Process;
use crate::harness::{Installation, Options, receipt, reminder};

const LANE: &str = "netgsm/default/KLINIK";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ops_pause_replay_and_drop_with_a_reason() {
    let mut clinic = Installation::start(Options::default()).await;
    let early = receipt("early").of_clinic("kadikoy");
    let hopeless = receipt("hopeless").set("/data/payment/amount", "abc");
    for event in [&early, &hopeless] {
        clinic.publish(event).await;
    }
    clinic.until_settled(2).await;
    let (mut gateway, door) = gateway(&mut clinic).await;
    let token = token(async |args| clinic.ulak(args).await, "ops", None).await;
    let pages = Pages::of(&door).await;
    pages.log_in(&token).await;

    pause_and_resume(&clinic, &pages).await;

    // what is still wrong cannot be put back, whatever is ticked
    pages.at("/audit/dead-letters").await;
    assert_eq!(pages.all("input[name=id]").await.len(), 2, "{}", pages.source().await);
    pages.go_by("main a[href*='ticked=1']").await;
    pages.go_by("main form[method=post] button:not([formaction])").await;
    let said = pages.read("main").await;
    assert!(said.contains("unknown-clinic") && said.contains("amount"), "{said}");
    assert!(pages.all("textarea[name=reason]").await.is_empty(), "nothing can be done: {said}");

    let text = std::fs::read_to_string(&clinic.config).expect("the configuration");
    let kadikoy = "[clinics.kadikoy]\nname = \"Kadıköy Kliniği\"\nquiet_hours = \"none\"\n";
    std::fs::write(&clinic.config, format!("{text}{kadikoy}")).expect("written");
    clinic.restart_workers(&[]).await;
    assert!(gateway.stopped().await.success(), "{}", gateway.tail());
    clinic.gone.push(gateway);
    pages.close().await;
    let (mut gateway, door) = self::gateway(&mut clinic).await;
    let pages = Pages::of(&door).await;
    pages.log_in(&token).await;
    pages.at("/audit/dead-letters?ticked=1").await;
    pages.go_by("main form[method=post] button:not([formaction])").await;
    let said = pages.read("main").await;
    assert!(said.contains(&early.ntf()), "it says what it would become: {said}");
    let before = clinic.rows().await.len();
    assert!(clinic.row(&early).await.is_none(), "saying it does nothing");
    // the browser itself holds a form back whose reason is missing
    pages.press("main form button[type=submit]").await;
    assert_eq!(clinic.rows().await.len(), before, "without a reason nothing is done");
    pages.fill("textarea[name=reason]", "the clinic is configured now").await;
    pages.go_by("main form button[type=submit]").await;
    clinic.until_state(&early, "accepted", "").await;
    let sent = clinic.until_accepted(2).await;
    assert_eq!(sent.iter().filter(|message| message.to == early.national()).count(), 1);

    pages.at("/audit/dead-letters?ticked=1").await;
    assert_eq!(pages.all("input[name=id]").await.len(), 1, "only the hopeless one is left");
    pages.go_by("main button[formaction]").await;
    pages.fill("textarea[name=reason]", "the clinic knows and sends it anew").await;
    pages.go_by("main form button[type=submit]").await;
    pages.at("/audit/dead-letters").await;
    assert!(pages.all("input[name=id]").await.is_empty(), "{}", pages.source().await);
    assert_eq!(clinic.balance().await["states"]["dead-lettered"], 2, "both stay in the books");

    // whoever steers opens nothing
    pages.at(&format!("/audit/messages/{}", early.ntf())).await;
    let story = pages.source().await;
    assert!(!story.contains("Mehmet") && !story.contains(early.national()), "{story}");
    assert!(pages.all("textarea[name=reason]").await.is_empty(), "{story}");
    pages.close().await;
    assert!(gateway.stopped().await.success(), "{}", gateway.tail());
    clinic.gone.push(gateway);
    clinic.finish().await;
}

/// A lane that is paused holds what comes; resumed it lets it go.
async fn pause_and_resume(clinic: &Installation, pages: &Pages) {
    pages.at("/audit/lanes").await;
    pages.go_by(&format!("main a[href='/audit/lanes?pause={}']", LANE.replace('/', "%2F"))).await;
    pages.fill("textarea[name=reason]", "the clinic moves its number").await;
    pages.go_by("main form button[type=submit]").await;
    assert_eq!(pages.path().await, "/audit/lanes");
    until_workers_know(clinic).await;
    let held = reminder("held");
    clinic.publish(&held).await;
    let row = clinic.until_state(&held, "waiting", "lane-closed").await;
    assert_eq!(row.lane.as_deref(), Some(LANE));
    pages.at("/audit/lanes").await;
    let said = pages.read("main").await;
    assert!(said.contains("the clinic moves its number"), "{said}");
    pages.go_by(&format!("main a[href='/audit/lanes?resume={}']", LANE.replace('/', "%2F"))).await;
    pages.fill("textarea[name=reason]", "it has moved").await;
    pages.go_by("main form button[type=submit]").await;
    clinic.until_state(&held, "accepted", "").await;
    let records = "SELECT count(*) FROM record WHERE kind = 'lane' AND bytes LIKE '%e2e%'";
    assert_eq!(clinic.number(records).await, 2, "who paused and resumed it is on record");
}

/// `ulak gateway` and its address.
async fn gateway(clinic: &mut Installation) -> (Process, String) {
    let mut gateway = clinic.process("gateway", &[("ULAK_GATEWAY__LISTEN", "127.0.0.1:0")]);
    let said = gateway.log_where("its address", |line| line["listen"].is_string()).await;
    gateway.line("events come in at").await;
    let door = format!("http://{}", said["listen"].as_str().expect("text"));
    (gateway, door)
}
