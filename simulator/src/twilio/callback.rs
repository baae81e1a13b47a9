//! Status callbacks: a signed form for every status but the first (facts twilio A3, A4).

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Url};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::message::{Course, Status, address};
use super::{API_VERSION, error, sid, signature};
use crate::faults::{Fate, Provider};
use crate::messages::{Mark, NO_NAME};
use crate::script::TwilioAccount;
use crate::world::{Prepared, World};
use crate::{dates, number, seed};

/// Messages whose callbacks wait at one time; further ones get none.
const MOST_WAITING: usize = 200_000;
/// Callbacks under way at one time.
const MOST_POSTS: usize = 64;
/// Connecting may take so long, and everything with all retries so long (facts A3).
const CONNECT: Duration = Duration::from_secs(5);
const TOTAL: Duration = Duration::from_secs(15);
/// Most retries that a URL may ask for (facts A3).
const MOST_RETRIES: u32 = 5;

/// The client, and what became of the callbacks.
#[derive(Debug)]
pub(crate) struct Callbacks {
    client: OnceLock<Option<Client>>,
    posts: Semaphore,
    waiting: AtomicUsize,
    answered: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
    lost: AtomicU64,
}

impl Default for Callbacks {
    fn default() -> Self {
        Self {
            client: OnceLock::new(),
            posts: Semaphore::new(MOST_POSTS),
            waiting: AtomicUsize::new(0),
            answered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        }
    }
}

impl Callbacks {
    /// Counters for the statistics: answered with 2xx, failed, messages that got none, callbacks that a fault lost.
    pub(crate) fn stats(&self) -> Value {
        json!({
            "answered": self.answered.load(Ordering::Relaxed),
            "failed": self.failed.load(Ordering::Relaxed),
            "dropped": self.dropped.load(Ordering::Relaxed),
            "lost": self.lost.load(Ordering::Relaxed),
        })
    }

    fn client(&self) -> Option<&Client> {
        let build = || {
            // Redirects are followed as Twilio follows them: 301 and 302 become a GET without the form.
            let builder = Client::builder().connect_timeout(CONNECT).timeout(TOTAL).no_proxy();
            builder.user_agent("TwilioProxy/1.1").build().ok()
        };
        self.client.get_or_init(build).as_ref()
    }
}

/// Where a message's callbacks go.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// What is signed: as it was given, without its fragment, its query as it is written on the wire (facts A4, vector 11).
    signed: String,
    address: Url,
    retries: u32,
    policy: Policy,
}

/// Which failures are tried again: `#rp=` of the URL (facts A3; without it connect failures, once).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Policy {
    connect: bool,
    timeout: bool,
    status_4xx: bool,
    status_5xx: bool,
}

/// Reads a `StatusCallback`: an absolute HTTP(S) URL whose host has no underscore (facts A1).
pub(super) fn target(given: &str) -> Option<Target> {
    let mut address = Url::parse(given).ok()?;
    let host = address.host_str().filter(|host| !host.is_empty() && !host.contains('_'))?;
    if !matches!(address.scheme(), "http" | "https") || host.len() > 253 {
        return None;
    }
    let mut retries = 1;
    let mut policy = Policy { connect: true, timeout: false, status_4xx: false, status_5xx: false };
    for (name, value) in form_urlencoded::parse(address.fragment().unwrap_or("").as_bytes()) {
        match name.as_ref() {
            "rc" => retries = value.parse().unwrap_or(1).min(MOST_RETRIES),
            "rp" => {
                let has = |word| value.split(',').any(|part| part == word || part == "all");
                policy = Policy {
                    connect: has("ct"),
                    timeout: has("rt"),
                    status_4xx: has("4xx"),
                    status_5xx: has("5xx"),
                };
            }
            _ => {}
        }
    }
    address.set_fragment(None);
    let bare = given.split('#').next().unwrap_or(given);
    let signed = match (bare.split_once('?'), address.query()) {
        (Some((place, _)), Some(query)) => format!("{place}?{query}"),
        _ => bare.to_owned(),
    };
    Some(Target { signed, address, retries, policy })
}

/// Begins the callbacks of a message that was just accepted.
pub(super) fn begin(
    world: &Arc<World>,
    prepared: &Arc<Prepared>,
    account: &TwilioAccount,
    n: u64,
    target: Target,
) {
    let callbacks = &world.callbacks;
    if callbacks.waiting.fetch_add(1, Ordering::Relaxed) >= MOST_WAITING {
        callbacks.waiting.fetch_sub(1, Ordering::Relaxed);
        if callbacks.dropped.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!(
                "the simulator has too many status callbacks waiting: some messages get none"
            );
        }
        return;
    }
    let begun = Instant::now();
    let (world, prepared) = (Arc::clone(world), Arc::clone(prepared));
    let (account_sid, auth_token) = (account.account_sid.clone(), account.auth_token.clone());
    tokio::spawn(async move {
        let told = Arc::new(Telling { account_sid, auth_token, target, n });
        tokio::select! {
            () = told.run(&world, &prepared, begun) => {}
            () = world.shutdown.cancelled() => {}
        }
        world.callbacks.waiting.fetch_sub(1, Ordering::Relaxed);
    });
}

/// The callbacks of one message.
#[derive(Debug)]
struct Telling {
    account_sid: String,
    auth_token: String,
    target: Target,
    n: u64,
}

impl Telling {
    /// Posts each status when its time has come: real time, which the clock of the rules does not move.
    async fn run(self: &Arc<Self>, world: &Arc<World>, prepared: &Prepared, begun: Instant) {
        let course = world.messages.with(|ring| {
            let entry = ring.get(self.n)?;
            Some((entry.at_ms, entry.to, Course::of(prepared, self.n, entry)))
        });
        let Some((accepted_ms, to, course)) = course else { return };
        let rules = &prepared.script.twilio;
        // Twilio tells nothing of the first status: the answer to the create did (facts A3).
        let mut steps: Vec<(i64, Status)> = course.steps.iter().skip(1).copied().collect();
        if rules.callbacks_reversed {
            let last_ms = steps.last().map_or(accepted_ms, |last| last.0);
            steps.reverse();
            for step in &mut steps {
                step.0 = last_ms;
            }
        }
        for (at_ms, status) in steps {
            let wait_ms = u64::try_from(at_ms.saturating_sub(accepted_ms)).unwrap_or(0);
            tokio::time::sleep_until(begun + Duration::from_millis(wait_ms)).await;
            let Some((params, canceled)) = self.params(world, status, at_ms, course.error) else {
                return;
            };
            for copy in 0..rules.callback_copies {
                let draw = seed::mix(self.n, at_ms as u64 + u64::from(copy));
                let (seed, account) = (prepared.script.seed, &self.account_sid);
                match world.faults.fate_of_callback(seed, Provider::Twilio, account, to) {
                    Fate::Prompt => self.post(world, &params, draw).await,
                    Fate::Late(by) => self.post_later(world, params.clone(), draw, by),
                    Fate::Lost => {
                        world.callbacks.lost.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
            if canceled {
                return;
            }
        }
    }

    /// The form, and whether it tells of a cancel; nothing once the message is gone.
    fn params(
        &self,
        world: &World,
        status: Status,
        at_ms: i64,
        code: u32,
    ) -> Option<(Vec<(&'static str, String)>, bool)> {
        world.messages.with(|ring| {
            let entry = ring.get(self.n).filter(|entry| entry.mark != Mark::Deleted)?;
            let canceled = entry.mark == Mark::Cancelled;
            let status = if canceled { Status::Canceled } else { status };
            let sid = sid(entry.at_ms, self.n);
            let mut params = vec![
                ("MessageSid", sid.clone()),
                ("SmsSid", sid),
                ("MessageStatus", status.as_str().to_owned()),
                ("SmsStatus", status.as_str().to_owned()),
                ("AccountSid", self.account_sid.clone()),
                ("From", ring.name(entry.sender).to_owned()),
                ("To", address(entry)),
                ("ApiVersion", API_VERSION.to_owned()),
            ];
            if entry.kind.is_whatsapp() {
                params.push(("ChannelPrefix", "whatsapp".to_owned()));
                params.push(("ChannelToAddress", number::to_e164(entry.to)));
                params.push(("ChannelInstallSid", format!("XE{}", "0".repeat(32))));
                let event = match status {
                    Status::Delivered => Some("DELIVERED"),
                    Status::Undelivered => Some("UNDELIVERED"),
                    Status::Read => Some("READ"),
                    _ => None,
                };
                params.extend(event.map(|event| ("EventType", event.to_owned())));
            }
            if entry.service != NO_NAME {
                params.push(("MessagingServiceSid", ring.name(entry.service).to_owned()));
            }
            if code != 0 && status.is_final() && !canceled {
                params.push(("ErrorCode", code.to_string()));
                params.extend(error::words(code).map(|words| ("ErrorMessage", words.to_owned())));
            }
            let carrier = !entry.kind.is_whatsapp();
            if carrier && matches!(status, Status::Delivered | Status::Undelivered) {
                params.push(("RawDlrDoneDate", dates::to_twilio_done(at_ms)));
            }
            Some((params, canceled))
        })
    }

    fn post_later(
        self: &Arc<Self>,
        world: &Arc<World>,
        params: Vec<(&'static str, String)>,
        draw: u64,
        by: Duration,
    ) {
        let (told, world) = (Arc::clone(self), Arc::clone(world));
        tokio::spawn(async move {
            let late = async {
                tokio::time::sleep(by).await;
                told.post(&world, &params, draw).await;
            };
            tokio::select! {
                () = late => {}
                () = world.shutdown.cancelled() => {}
            }
        });
    }

    async fn post(&self, world: &World, params: &[(&'static str, String)], draw: u64) {
        let callbacks = &world.callbacks;
        let given: Vec<(&str, &str)> =
            params.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let signature = signature::sign(&self.auth_token, &self.target.signed, &given);
        let (Some(client), Some(signature)) = (callbacks.client(), signature) else { return };
        // The semaphore is never closed.
        let Ok(_permit) = callbacks.posts.acquire().await else { return };
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&given).finish();
        let post = || {
            client
                .post(self.target.address.clone())
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded; charset=utf-8")
                .header("X-Twilio-Signature", &signature)
                // The same for every retry of one callback (facts A1).
                .header("I-Twilio-Idempotency-Token", format!("{draw:016x}"))
                .body(body.clone())
                .send()
        };
        let all_tries = async {
            for left in (0..=self.target.retries).rev() {
                let policy = self.target.policy;
                let again = match post().await {
                    Ok(answer) if answer.status().is_success() => return true,
                    Ok(answer) if answer.status().is_client_error() => policy.status_4xx,
                    Ok(_) => policy.status_5xx,
                    Err(error) if error.is_connect() => policy.connect,
                    Err(_) => policy.timeout,
                };
                if !again || left == 0 {
                    break;
                }
            }
            false
        };
        let answered = tokio::time::timeout(TOTAL, all_tries).await.unwrap_or(false);
        let counter = if answered { &callbacks.answered } else { &callbacks.failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_url_is_absolute_and_its_host_has_no_underscore() {
        for good in ["http://127.0.0.1:8080/x?m=1", "https://user:pass@klinik.example.com/t#rc=3"] {
            assert!(target(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "/x",
            "klinik.example.com/x",
            "ftp://klinik.example.com/",
            "http://my_host/x",
            "http:///x_y",
        ] {
            assert!(target(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn an_apostrophe_in_the_query_is_signed_as_it_is_sent() {
        let signed = |given: &str| target(given).unwrap().signed;
        let address = "https://mycompany.com/myapp.php?foo=1&bar=2&Body=It's+amazing";
        assert_eq!(signed(address), address.replace('\'', "%27"));
        // Nothing else is written anew.
        for plain in ["https://U:P@K.example:443?", "https://k.example", "https://k.example/a?b=c"]
        {
            assert_eq!(signed(&format!("{plain}#rc=2")), plain);
        }
    }

    #[test]
    fn the_fragment_says_how_often_and_why_it_is_tried_again_and_is_not_sent() {
        let plain = target("http://h.example/s").unwrap();
        let default =
            Policy { connect: true, timeout: false, status_4xx: false, status_5xx: false };
        assert_eq!((plain.retries, plain.policy), (1, default));
        let all = target("http://h.example/s?m=1#rc=9&rp=all").unwrap();
        assert_eq!(all.retries, MOST_RETRIES);
        assert!(
            all.policy.connect
                && all.policy.timeout
                && all.policy.status_4xx
                && all.policy.status_5xx
        );
        assert_eq!(all.address.as_str(), "http://h.example/s?m=1");
        let some = target("http://h.example/s#rp=5xx,rt").unwrap().policy;
        assert!(some.status_5xx && some.timeout && !some.connect && !some.status_4xx);
    }
}
