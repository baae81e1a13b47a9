//! How webhooks leave: gathered, signed, posted, and posted again (facts A8).

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::sync::Semaphore;

use super::webhook::{address, envelope};
use crate::lock::locked;
use crate::world::World;

/// Messages whose webhooks wait at one time; further ones get none.
const MOST_WAITING: usize = 200_000;
/// Webhooks under way at one time.
const MOST_POSTS: usize = 64;
/// Connecting may take so long, and one post so long.
const CONNECT: Duration = Duration::from_secs(5);
const TOTAL: Duration = Duration::from_secs(20);

/// The client, what is gathered, and what became of the webhooks.
#[derive(Debug)]
pub(crate) struct Webhooks {
    client: OnceLock<Option<Client>>,
    posts: Semaphore,
    /// Statuses by number, until enough are there.
    gathered: Mutex<HashMap<String, Vec<Value>>>,
    waiting: AtomicUsize,
    answered: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
    lost: AtomicU64,
    statuses: AtomicU64,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self {
            client: OnceLock::new(),
            posts: Semaphore::new(MOST_POSTS),
            gathered: Mutex::default(),
            waiting: AtomicUsize::new(0),
            answered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            statuses: AtomicU64::new(0),
        }
    }
}

impl Webhooks {
    /// Counters for the statistics: webhooks answered 200 and given up, messages that got none, statuses that a fault
    /// lost, statuses in the answered ones.
    pub(crate) fn stats(&self) -> Value {
        json!({
            "answered": self.answered.load(Ordering::Relaxed),
            "failed": self.failed.load(Ordering::Relaxed),
            "dropped": self.dropped.load(Ordering::Relaxed),
            "lost": self.lost.load(Ordering::Relaxed),
            "statuses": self.statuses.load(Ordering::Relaxed),
        })
    }

    pub(super) fn client(&self) -> Option<&Client> {
        let build = || {
            let builder = Client::builder().connect_timeout(CONNECT).timeout(TOTAL).no_proxy();
            let builder = builder.redirect(reqwest::redirect::Policy::none());
            builder.user_agent("facebookexternalua").build().ok()
        };
        self.client.get_or_init(build).as_ref()
    }

    /// Whether another message may wait for its webhooks.
    pub(super) fn begin(&self) -> bool {
        if self.waiting.fetch_add(1, Ordering::Relaxed) < MOST_WAITING {
            return true;
        }
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        if self.dropped.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!(
                "the simulator has too many status webhooks waiting: some messages get none"
            );
        }
        false
    }

    /// A message has no more webhooks to come.
    pub(super) fn end(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// A fault lost a status.
    pub(super) fn lose(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }
}

/// Takes a status that is due. It is posted alone, or together with those of the next moments.
pub(super) fn hand_over(world: &Arc<World>, phone_number_id: &str, status: Value) {
    let prepared = world.prepared();
    let rules = &prepared.script.meta;
    if rules.statuses_per_webhook == 1 {
        return spawn_post(world, phone_number_id, vec![status]);
    }
    let mut gathered = locked(&world.webhooks.gathered);
    let statuses = gathered.entry(phone_number_id.to_owned()).or_default();
    statuses.push(status);
    if statuses.len() >= rules.statuses_per_webhook {
        let full = std::mem::take(statuses);
        drop(gathered);
        spawn_post(world, phone_number_id, full);
    } else if statuses.len() == 1 {
        let wait = Duration::from_millis(rules.gather_ms);
        let (world, phone_number_id) = (Arc::clone(world), phone_number_id.to_owned());
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            let gathered = locked(&world.webhooks.gathered).remove(&phone_number_id);
            if let Some(statuses) = gathered.filter(|statuses| !statuses.is_empty()) {
                spawn_post(&world, &phone_number_id, statuses);
            }
        });
    }
}

/// As [`hand_over`], so much later; others overtake it.
pub(super) fn hand_over_later(
    world: &Arc<World>,
    phone_number_id: &str,
    status: Value,
    by: Duration,
) {
    let (world, phone_number_id) = (Arc::clone(world), phone_number_id.to_owned());
    tokio::spawn(async move {
        tokio::select! {
            () = tokio::time::sleep(by) => hand_over(&world, &phone_number_id, status),
            () = world.shutdown.cancelled() => {}
        }
    });
}

fn spawn_post(world: &Arc<World>, phone_number_id: &str, statuses: Vec<Value>) {
    let (world, phone_number_id) = (Arc::clone(world), phone_number_id.to_owned());
    tokio::spawn(async move {
        tokio::select! {
            () = post(&world, &phone_number_id, &statuses) => {}
            () = world.shutdown.cancelled() => {}
        }
    });
}

/// Posts until it is answered 200, at the script's intervals.
async fn post(world: &World, phone_number_id: &str, statuses: &[Value]) {
    let prepared = world.prepared();
    let Some(account) = prepared.meta_account(phone_number_id) else { return };
    let (display, business) = (&account.display_phone_number, &account.business_account_id);
    let body = envelope(business, display, phone_number_id, statuses).to_string();
    let Some(signature) = sign(&account.app_secret, body.as_bytes()) else { return };
    let Some(client) = world.webhooks.client() else { return };
    let mut waits = prepared.script.meta.webhook_retry_ms.iter();
    loop {
        // Asked for again each time: a subscription or another script may have moved it.
        let Some(url) = address(world, phone_number_id) else { return };
        let answered = {
            // The semaphore is never closed.
            let Ok(_permit) = world.webhooks.posts.acquire().await else { return };
            let post = client.post(url).header(CONTENT_TYPE, "application/json");
            let post = post.header("X-Hub-Signature-256", &signature).body(body.clone()).send();
            post.await.is_ok_and(|answer| answer.status() == reqwest::StatusCode::OK)
        };
        if answered {
            let count = statuses.len() as u64;
            world.webhooks.answered.fetch_add(1, Ordering::Relaxed);
            world.webhooks.statuses.fetch_add(count, Ordering::Relaxed);
            return;
        }
        let Some(wait) = waits.next() else { break };
        tokio::time::sleep(Duration::from_millis(*wait)).await;
    }
    world.webhooks.failed.fetch_add(1, Ordering::Relaxed);
}

/// `sha256=` and the hex of HMAC-SHA256 by the app secret over the raw body (facts A8).
pub(super) fn sign(app_secret: &str, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(app_secret.as_bytes()).ok()?;
    mac.update(body);
    Some(format!("sha256={}", HEXLOWER.encode(&mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2.
    #[test]
    fn the_signature_is_hmac_sha256_in_hex() {
        assert_eq!(
            sign("Jefe", b"what do ya want for nothing?").as_deref(),
            Some("sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        );
    }
}
