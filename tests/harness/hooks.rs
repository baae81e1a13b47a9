//! A door that the twins reach: its address is known before it is there, as `gateway.public_url` is.

use std::time::Duration;

use reqwest::Client;
use simulator::Script;

use super::installation::{Installation, Options};
use super::process::PATIENCE;
use super::proxy::Proxy;

/// Twilio's account in every script.
pub const ACCOUNT: &str = "AC00000000000000000000000000000001";
/// Its AuthToken.
pub const AUTH_TOKEN: &str = "twilio-token";
/// `providers.netgsm.webhook_token`.
pub const NETGSM_TOKEN: &str = "netgsm-webhook-token-1";
/// The path of Twilio's callbacks of the account `default`.
pub const TWILIO: &str = "/v1/webhooks/twilio/status";

/// Messages end as soon as they are asked about.
const AT_ONCE: [u64; 2] = [0, 0];

/// Where receipts are not the subject, Netgsm's messages are on their way for ever: they stay `accepted`, however long a test takes and
/// however far it moves the clock.
pub fn on_their_way(mut script: Script) -> Script {
    if script.netgsm.delivery_ms != AT_ONCE {
        script.netgsm.default_outcome.status = 0;
    }
    script
}

/// The outside world, quick: a second from the send to the end.
pub fn quick(script: &mut Script) {
    script.netgsm.report_delay_ms = AT_ONCE;
    script.netgsm.delivery_ms = AT_ONCE;
    script.netgsm.report_queries_per_minute = 6_000;
    script.twilio.send_ms = [50, 150];
    script.twilio.delivery_ms = [50, 150];
}

/// What every process is told so that Twilio sends and calls back through the door.
pub fn twilio(outside: &str, door: &Proxy) -> Vec<(&'static str, String)> {
    let abroad = "explicit consent on the form of 2026-01-05".to_owned();
    vec![
        ("ULAK_ROUTE__SMS", "twilio".to_owned()),
        ("ULAK_PROVIDERS__TWILIO__BASE_URL", outside.to_owned()),
        ("ULAK_PROVIDERS__TWILIO__ACCOUNT_SID", ACCOUNT.to_owned()),
        ("ULAK_PROVIDERS__TWILIO__AUTH_TOKEN", AUTH_TOKEN.to_owned()),
        ("ULAK_PROVIDERS__TWILIO__FROM", "+13185550100".to_owned()),
        ("ULAK_PROVIDERS__TWILIO__QUERIES_PER_MIN", "6000".to_owned()),
        ("ULAK_CLINICS__ATASEHIR__TRANSFER_ABROAD", abroad.clone()),
        ("ULAK_CLINICS__BESIKTAS__TRANSFER_ABROAD", abroad),
        ("ULAK_GATEWAY__PUBLIC_URL", url(door)),
    ]
}

/// What every process is told so that Netgsm is asked often and may hint.
pub fn netgsm() -> Vec<(&'static str, String)> {
    vec![
        ("ULAK_PROVIDERS__NETGSM__QUERIES_PER_MIN", "6000".to_owned()),
        ("ULAK_PROVIDERS__NETGSM__WEBHOOK_TOKEN", NETGSM_TOKEN.to_owned()),
    ]
}

/// The public address.
pub fn url(door: &Proxy) -> String {
    format!("http://{}", door.address())
}

/// An installation that sends through Twilio, with a gateway behind the door.
pub async fn with_twilio(mut options: Options) -> (Installation, Proxy) {
    quick(&mut options.script);
    let (workers, schedulers) = (options.workers, options.schedulers);
    let mut door = Proxy::closed("nobody yet").await;
    let mut clinic = Installation::prepare(options).await;
    let env = twilio(&clinic.outside.url(), &door);
    clinic.env.extend(env.into_iter().map(|(name, value)| (name.to_owned(), value)));
    let mut clinic = clinic.launch(workers, schedulers).await;
    gateway(&mut clinic, &mut door, &[]).await;
    (clinic, door)
}

/// Starts `ulak gateway` with these variables, and opens the door to it.
pub async fn gateway(clinic: &mut Installation, door: &mut Proxy, env: &[(&str, &str)]) {
    let mut env = env.to_vec();
    env.push(("ULAK_GATEWAY__LISTEN", "127.0.0.1:0"));
    let mut gateway = clinic.process("gateway", &env);
    let said = gateway.log_where("its address", |line| line["listen"].is_string()).await;
    gateway.line("events come in at").await;
    door.open_to(said["listen"].as_str().expect("text")).await;
    clinic.schedulers.push(gateway);
}

/// A status callback as Twilio writes and signs it.
#[derive(Debug, Clone)]
pub struct Callback {
    /// Path and query.
    pub path: String,
    /// The form.
    pub body: String,
    /// `X-Twilio-Signature`.
    pub signature: String,
}

impl Callback {
    /// Of the first attempt of a notification.
    pub fn of(door: &Proxy, ntf: &str, sid: &str, status: &str, code: Option<&str>) -> Self {
        let path = format!("{TWILIO}?m={ntf}-1");
        let mut form = vec![
            ("MessageSid", sid),
            ("SmsSid", sid),
            ("MessageStatus", status),
            ("SmsStatus", status),
            ("AccountSid", ACCOUNT),
            ("From", "KLINIK"),
            ("ApiVersion", "2010-04-01"),
        ];
        form.extend(code.map(|code| ("ErrorCode", code)));
        let signed = format!("{}{path}", url(door));
        let signature = simulator::outside::signature(AUTH_TOKEN, &signed, &form).expect("a key");
        let body: Vec<String> =
            form.iter().map(|(name, value)| format!("{name}={value}")).collect();
        Self { path, body: body.join("&"), signature }
    }

    /// Posts it; the status.
    pub async fn post(&self, client: &Client, door: &Proxy) -> u16 {
        let post = client.post(format!("{}{}", url(door), self.path));
        let post = post
            .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
            .header("x-twilio-signature", &self.signature)
            .body(self.body.clone());
        post.send().await.expect("an answer").status().as_u16()
    }
}

/// A client for calls of webhooks.
pub fn client() -> Client {
    Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client")
}

/// Netgsm's hint at these jobs.
pub async fn hint(client: &Client, door: &Proxy, jobs: &[String]) {
    let post = client.post(format!("{}/v1/webhooks/netgsm/report/{NETGSM_TOKEN}", url(door)));
    let body = jobs.iter().map(|job| format!("{{\"jobid\":\"{job}\"}}")).collect::<Vec<_>>();
    let answer = post.body(format!("[{}]", body.join(","))).send().await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 200);
}

/// How long a scenario waits to see that nothing more happens.
pub const A_WHILE: Duration = Duration::from_secs(3);

impl Installation {
    /// Attempts that are to be asked about.
    pub async fn wanted(&self) -> i64 {
        self.number("SELECT count(*) FROM receipt_wanted").await
    }

    /// The time of the next question about everything has come.
    pub async fn ask_now(&self) {
        self.run("UPDATE receipt_wanted SET next_at = 0").await;
    }

    /// Kinds and ways of the receipts on record of a notification, in their order.
    pub async fn receipts(&self, ntf: &str) -> Vec<(String, String)> {
        let records = self.log_show(ntf).await;
        let receipts = records.iter().filter(|record| record["kind"] == "receipt");
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        receipts.map(|it| (text(&it["delivery"]), text(&it["via"]))).collect()
    }
}
