//! WhatsApp beside text messages: Meta's number, Twilio's sender, a mapped template, people who agreed.

use serde_json::Value;
use simulator::{MessageView, Provider};

use super::cli::Said;
use super::clock;
use super::event::{Event, REMINDER};
use super::installation::{Installation, Options, Row};
use super::process::Process;

/// The lane at Meta.
pub const META: &str = "whatsapp/default/100000000000001";
/// The lane of WhatsApp at Twilio.
pub const TWILIO: &str = "twilio/default/whatsapp:+13185550100";
/// The lane of texts at Netgsm.
pub const NETGSM: &str = "netgsm/default/KLINIK";
/// The clinic's legal basis for what is abroad.
pub const BASIS: &str = "explicit consent on the clinic's form of 2026-01-05";
/// What goes into the twins' template, in its order.
pub const PARAMETERS: &str = "recipient_name,appointment_starts_at_date,appointment_starts_at_time";

/// WhatsApp before text messages at Meta, for reminders of the clinic `atasehir`; its base address comes with [`start`].
pub fn at_meta(options: Options) -> Options {
    for_everybody(options)
        .set("ULAK_PROVIDERS__WHATSAPP__PHONE_NUMBER_ID", "100000000000001")
        .set("ULAK_PROVIDERS__WHATSAPP__BUSINESS_ACCOUNT_ID", "200000000000001")
        .set("ULAK_PROVIDERS__WHATSAPP__ACCESS_TOKEN", "meta-token")
        .set("ULAK_WHATSAPP__TEMPLATES__REMINDER__TEMPLATE", "randevu_hatirlatma")
}

/// The same at Twilio.
pub fn at_twilio(options: Options) -> Options {
    for_everybody(options)
        .set("ULAK_ROUTE__WHATSAPP", "twilio")
        .set("ULAK_PROVIDERS__TWILIO__ACCOUNT_SID", "AC00000000000000000000000000000001")
        .set("ULAK_PROVIDERS__TWILIO__AUTH_TOKEN", "twilio-token")
        .set("ULAK_PROVIDERS__TWILIO__FROM", "+13185550100")
        .set("ULAK_PROVIDERS__TWILIO__WHATSAPP_FROM", "+13185550100")
        .set("ULAK_WHATSAPP__TEMPLATES__REMINDER__PROVIDER", "twilio")
        .set("ULAK_WHATSAPP__TEMPLATES__REMINDER__TEMPLATE", "HX00000000000000000000000000000001")
}

fn for_everybody(options: Options) -> Options {
    options
        .set("ULAK_ROUTE__CHANNELS", "whatsapp,sms")
        .set("ULAK_CLINICS__ATASEHIR__TRANSFER_ABROAD", BASIS)
        .set("ULAK_WHATSAPP__TEMPLATES__REMINDER__TYPE", REMINDER)
        .set("ULAK_WHATSAPP__TEMPLATES__REMINDER__PARAMETERS", PARAMETERS)
}

/// Everything except the processes, each provider at the twins.
pub async fn prepare(options: Options) -> Installation {
    let mut clinic = Installation::prepare(options).await;
    for (name, value) in addresses(&clinic.outside.url()) {
        clinic.env.push((name.to_owned(), value));
    }
    for secret in ["twilio-token", "meta-token"] {
        clinic.hide(secret);
    }
    clinic
}

/// A running installation.
pub async fn start(options: Options) -> Installation {
    let (workers, schedulers) = (options.workers, options.schedulers);
    prepare(options).await.launch(workers, schedulers).await
}

/// Where the twins are.
pub fn addresses(outside: &str) -> [(&'static str, String); 2] {
    [
        ("ULAK_PROVIDERS__WHATSAPP__BASE_URL", outside.to_owned()),
        ("ULAK_PROVIDERS__TWILIO__BASE_URL", outside.to_owned()),
    ]
}

/// The arguments that write down that the person of an event agrees to WhatsApp.
pub fn agreement(event: &Event) -> Vec<String> {
    let clinic = event.text("/source").trim_start_matches("/clinics/").to_owned();
    let words = ["consent", "record", "--channel", "whatsapp", "--given", "--reason", "form 7"];
    let mut args: Vec<String> = words.map(str::to_owned).into();
    args.extend(["--clinic".to_owned(), clinic, "--phone".to_owned(), event.e164().to_owned()]);
    args
}

/// The person of an event agrees to WhatsApp, as somebody at the desk writes it down.
pub async fn agrees(clinic: &Installation, event: &Event) {
    clinic.hide(event.national());
    let args = agreement(event);
    let said: Said = clinic.ulak(&args.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
}

/// How many messages a provider took on a channel.
pub fn count(messages: &[MessageView], provider: Provider, channel: &str) -> usize {
    let there = |it: &&MessageView| it.provider == provider && it.channel == channel;
    messages.iter().filter(there).count()
}

/// The fact by which a clinic's system tells that the person of an event agreed to WhatsApp an hour ago.
fn agreed(event: &Event) -> Event {
    let said = serde_json::json!({
        "status": "given", "channel": "whatsapp", "at": clock::written(clock::turkey(-60)),
    });
    event
        .clone()
        .named(&format!("agreed-{}", event.text("/id")))
        .set("/type", "clinic.consent-changed.v1")
        .without("/subject")
        .without("/data/appointment")
        .without("/data/recipient/name")
        .set("/data/consent", said)
}

/// The persons of these events agree to WhatsApp, as the clinics' systems tell it.
pub async fn all_agree(clinic: &Installation, events: &[Event]) {
    for fact in events.iter().map(agreed) {
        clinic.hide(fact.national());
        let publisher = &clinic.publisher;
        publisher.body("clinic.events", fact.kind(), &fact.body(), fact.text("/id")).await;
    }
    clinic
        .until("all have agreed", async || {
            let count = clinic.number("SELECT count(*) FROM consent_word").await;
            (count == i64::try_from(events.len()).expect("few")).then_some(())
        })
        .await;
}

/// Adds to an installation's configuration file, before its processes start.
pub fn configure(clinic: &Installation, text: &str) {
    let file = std::fs::read_to_string(&clinic.config).expect("the file");
    std::fs::write(&clinic.config, format!("{file}\n{text}")).expect("written");
}

/// What an installation has of the first attempt of an event: its lane, and what became of it.
pub async fn first_attempt(clinic: &Installation, event: &Event) -> (String, String, String) {
    let log = clinic.log_show(&event.ntf()).await;
    let find = |kind: &str| log.iter().find(|it| it["kind"] == kind && it["attempt"] == 1);
    let text = |of: Option<&Value>, name: &str| {
        of.and_then(|it| it[name].as_str()).unwrap_or_default().to_owned()
    };
    let (claim, outcome) = (find("claimed"), find("outcome"));
    (text(claim, "lane"), text(outcome, "outcome"), text(outcome, "code"))
}

/// Waits until the worker has said that a lane is closed; why.
pub async fn until_closed(clinic: &Installation, lane: &str) -> String {
    let is = |line: &Value| line["alert"] == "lane-closed" && line["lane"] == lane;
    clinic
        .until(&format!("{lane} closed"), async || {
            let lines = clinic.workers.iter().flat_map(Process::lines);
            let said = lines.filter_map(|line| serde_json::from_str(&line).ok()).find(is)?;
            said["why"].as_str().map(str::to_owned)
        })
        .await
}

/// Waits until an event was taken by a provider, whether or not its receipt is there already.
pub async fn until_sent(clinic: &Installation, event: &Event) -> Row {
    let sent = |row: &Row| matches!(row.state.as_str(), "accepted" | "delivered");
    let what = format!("{} sent", event.ntf());
    clinic.until(&what, async || clinic.row(event).await.filter(sent)).await
}
