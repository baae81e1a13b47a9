//! Status webhooks: when each is due and what it says (facts A8); and the subscription to them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::course::{Course, Status};
use super::{error, id, post};
use crate::faults::{Fate, Provider};
use crate::lock::locked;
use crate::number;
use crate::world::{Prepared, World};

/// How long a subscription's address may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// Where an account's webhooks go: by subscription, else by the script in force.
pub(super) fn address(world: &World, phone_number_id: &str) -> Option<String> {
    let prepared = world.prepared();
    let account = prepared.meta_account(phone_number_id)?;
    let subscribed = locked(&world.meta).subscribed.get(&account.business_account_id).cloned();
    subscribed.or_else(|| account.webhook_url.clone())
}

/// Begins the webhooks of a message that was just accepted.
pub(super) fn begin(world: &Arc<World>, prepared: &Arc<Prepared>, phone_number_id: &str, n: u64) {
    if address(world, phone_number_id).is_none() || !world.webhooks.begin() {
        return;
    }
    let begun = Instant::now();
    let (world, prepared) = (Arc::clone(world), Arc::clone(prepared));
    let told = Telling { phone_number_id: phone_number_id.to_owned(), n };
    tokio::spawn(async move {
        tokio::select! {
            () = told.run(&world, &prepared, begun) => {}
            () = world.shutdown.cancelled() => {}
        }
        world.webhooks.end();
    });
}

/// The webhooks of one message.
struct Telling {
    phone_number_id: String,
    n: u64,
}

impl Telling {
    /// Hands over each status when its time has come: real time, which the clock of the rules does not move.
    async fn run(&self, world: &Arc<World>, prepared: &Prepared, begun: Instant) {
        let course = world.messages.with(|ring| {
            let entry = ring.get(self.n)?;
            Some((entry.at_ms, entry.to, Course::of(prepared, self.n, entry)))
        });
        let Some((accepted_ms, to, course)) = course else { return };
        let rules = &prepared.script.meta;
        let mut steps: Vec<(i64, i64, Status)> =
            course.steps.iter().map(|(at_ms, status)| (*at_ms, *at_ms, *status)).collect();
        if rules.webhooks_reversed {
            let last_ms = steps.last().map_or(accepted_ms, |last| last.0);
            steps.reverse();
            for step in &mut steps {
                step.0 = last_ms;
            }
        }
        for (due_ms, at_ms, status) in steps {
            let wait_ms = u64::try_from(due_ms.saturating_sub(accepted_ms)).unwrap_or(0);
            tokio::time::sleep_until(begun + Duration::from_millis(wait_ms)).await;
            let Some(told) = self.status(world, status, at_ms, course.error) else { return };
            for _ in 0..rules.webhook_copies {
                let (seed, account) = (prepared.script.seed, &self.phone_number_id);
                match world.faults.fate_of_callback(seed, Provider::Meta, account, to) {
                    Fate::Prompt => post::hand_over(world, account, told.clone()),
                    Fate::Late(by) => post::hand_over_later(world, account, told.clone(), by),
                    Fate::Lost => world.webhooks.lose(),
                }
            }
        }
    }

    /// One object of `statuses`.
    fn status(&self, world: &World, status: Status, at_ms: i64, code: u32) -> Option<Value> {
        world.messages.with(|ring| {
            let entry = ring.get(self.n)?;
            let mut told = json!({
                "id": id(entry.at_ms, self.n),
                "status": status.as_str(),
                "timestamp": (at_ms / 1_000).to_string(),
                "recipient_id": number::to_e164(entry.to).trim_start_matches('+'),
            });
            if let Some(reference) = &entry.reference {
                told["biz_opaque_callback_data"] = Value::from(reference.as_ref());
            }
            if status != Status::Failed {
                told["pricing"] = json!({
                    "billable": true,
                    "pricing_model": "PMP",
                    "type": "regular",
                    "category": "utility",
                });
            } else if code != 0 {
                let title = error::title(code);
                told["errors"] = json!([{
                    "code": code,
                    "title": title,
                    "message": title,
                    "error_data": { "details": "Message failed to send or was not delivered." },
                    "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
                }]);
            }
            Some(told)
        })
    }
}

/// What one webhook carries.
pub(super) fn envelope(
    business_account_id: &str,
    display_phone_number: &str,
    phone_number_id: &str,
    statuses: &[Value],
) -> Value {
    let display: String = display_phone_number.chars().filter(char::is_ascii_digit).collect();
    json!({
        "object": "whatsapp_business_account",
        "entry": [{
            "id": business_account_id,
            "changes": [{
                "value": {
                    "messaging_product": "whatsapp",
                    "metadata": {
                        "display_phone_number": display,
                        "phone_number_id": phone_number_id,
                    },
                    "statuses": statuses,
                },
                "field": "messages",
            }],
        }],
    })
}

/// Subscribes an address to the webhooks of a business account, after Meta's handshake:
/// `GET …?hub.mode=subscribe&hub.challenge=…&hub.verify_token=…` must give the challenge back with 200.
///
/// # Errors
/// In words: no such account, no address, no or another answer.
pub(crate) async fn subscribe(
    world: &World,
    business_account_id: &str,
    url: &str,
    verify_token: &str,
) -> Result<(), String> {
    let known = {
        let prepared = world.prepared();
        let mut accounts = prepared.script.meta.accounts.iter();
        accounts.any(|account| account.business_account_id == business_account_id)
    };
    if !known {
        return Err(format!(
            "no account of the script has business_account_id {business_account_id}"
        ));
    }
    let mut address = reqwest::Url::parse(url).map_err(|_| "url is no address".to_owned())?;
    let challenge = (1_000_000_000 + world.clock.now_ms() % 1_000_000_000).to_string();
    address.query_pairs_mut().extend_pairs([
        ("hub.mode", "subscribe"),
        ("hub.challenge", &challenge),
        ("hub.verify_token", verify_token),
    ]);
    let client = world.webhooks.client().ok_or("no HTTP client")?;
    let asked = async {
        let answer = client.get(address).send().await.map_err(|_| "no answer".to_owned())?;
        let status = answer.status();
        let body = answer.text().await.map_err(|_| "no whole answer".to_owned())?;
        if status != reqwest::StatusCode::OK || body != challenge {
            return Err(format!("HTTP {status} instead of 200 with the challenge alone"));
        }
        Ok(())
    };
    tokio::time::timeout(ANSWER, asked).await.map_err(|_| "no answer in time".to_owned())??;
    let mut state = locked(&world.meta);
    state.subscribed.insert(business_account_id.to_owned(), url.to_owned());
    Ok(())
}
