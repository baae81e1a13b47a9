//! Reconciliation, its provider and its budget made faster by one factor: what takes minutes takes seconds, and nothing else differs.

use simulator::Script;

use super::event::Event;
use super::installation::{Installation, Options};

/// By how much everything is faster. `reconcile.settle` 30, 60, 120 s, `reconcile.give_up` 15 min, ten questions a minute, and the
/// 5 to 40 s until Netgsm's report shows a message.
pub const FACTOR: u32 = 30;
/// `reconcile.settle` and `reconcile.give_up`.
pub const TIMES: [(&str, &str); 2] =
    [("ULAK_RECONCILE__SETTLE", "1s,2s,4s"), ("ULAK_RECONCILE__GIVE_UP", "30s")];
/// That long after its deadline a provider has decided on a request (the first of `reconcile.settle`, ADR 0009), also where only the
/// provider's clock says when a message was made, which may be 5 s from ours.
const DECIDED_MS: i64 = 1_000 + 5_000;
/// Questions a minute to Netgsm's report.
pub const QUERIES: u32 = 10 * FACTOR;
/// Seconds of a request: an attempt is over that long after its 5 s of freshness. Not scaled: it is the least there is.
pub const DEADLINE_S: u32 = 1;

/// The twins, scaled.
pub fn script() -> Script {
    let mut script = Script::default();
    let netgsm = &mut script.netgsm;
    netgsm.report_queries_per_minute = QUERIES;
    netgsm.report_delay_ms = [5_000, 40_000].map(|ms| ms / u64::from(FACTOR));
    netgsm.delivery_ms = [1_000, 10_000].map(|ms| ms / u64::from(FACTOR));
    script
}

/// Settings of every process, scaled.
pub fn env() -> Vec<(&'static str, String)> {
    let mut env: Vec<_> = TIMES.map(|(name, value)| (name, value.to_owned())).to_vec();
    env.push(("ULAK_PROVIDERS__NETGSM__QUERIES_PER_MIN", QUERIES.to_string()));
    env.push(("ULAK_PROVIDERS__TWILIO__QUERIES_PER_MIN", (60 * FACTOR).to_string()));
    env.push(("ULAK_WORKER__REQUEST_DEADLINE_S", DEADLINE_S.to_string()));
    env
}

/// An installation, scaled.
pub fn options() -> Options {
    Options { script: script(), env: env(), ..Options::default() }
}

/// The same with Twilio alone; its base URL is the caller's to set.
pub fn twilio(options: Options) -> Options {
    options
        .set("ULAK_ROUTE__SMS", "twilio")
        .set("ULAK_PROVIDERS__TWILIO__ACCOUNT_SID", "AC00000000000000000000000000000001")
        .set("ULAK_PROVIDERS__TWILIO__AUTH_TOKEN", "twilio-token")
        .set("ULAK_PROVIDERS__TWILIO__FROM", "+13185550100")
        .set(
            "ULAK_CLINICS__ATASEHIR__TRANSFER_ABROAD",
            "explicit consent on the form of 2026-01-05",
        )
        .set(
            "ULAK_CLINICS__BESIKTAS__TRANSFER_ABROAD",
            "explicit consent on the form of 2026-01-05",
        )
}

impl Installation {
    /// Waits until the provider has decided on the request of an event's last attempt, so that what is sent from now on was claimed
    /// after it: it is a control.
    pub async fn until_over(&self, event: &Event) {
        let over = format!(
            "SELECT count(*) FROM attempt a JOIN notification n ON n.ntf = a.ntf AND n.attempt = a.n \
             WHERE a.ntf = '{}' AND a.deadline_at + {DECIDED_MS} < floor(extract(epoch FROM clock_timestamp()) * 1000)",
            event.ntf()
        );
        let what = format!("the request of {} is over", event.ntf());
        self.until(&what, async || (self.number(&over).await == 1).then_some(())).await;
    }

    /// Waits until an event was looked for `count` times; what the looks saw, the oldest first.
    pub async fn until_looked(&self, event: &Event, count: usize) -> Vec<(String, String)> {
        let what = format!("{count} looks for {}", event.ntf());
        self.until(&what, async || {
            let seen = self.looks(event).await;
            (seen.len() >= count).then_some(seen)
        })
        .await
    }

    /// What the looks for an event saw, and why, the oldest first.
    pub async fn looks(&self, event: &Event) -> Vec<(String, String)> {
        let records = self.log_show(&event.ntf()).await;
        let looks = records.iter().filter(|record| record["kind"] == "looked");
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        looks.map(|look| (text(&look["saw"]), text(&look["why"]))).collect()
    }
}
