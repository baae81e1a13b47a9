//! The one access token of an İYS account that all processes share: read from the ledger, fetched by whoever's turn it is.
//!
//! İYS bans after 10 tokens an hour (`facts/netgsm_iys.md` B0), so nobody logs in past this: worker and `ulak doctor` alike.

use ledger::Ledger;
use ledger::shared::SharedToken;
use providers::iys::{Client, IysTrouble};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Token calls an hour that we allow ourselves: İYS bans after 10 (`facts/netgsm_iys.md` B0).
pub const TOKENS_PER_HOUR: i64 = 8;
/// Tokens are renewed this much before they end, milliseconds.
const EARLY_MS: i64 = 60_000;
/// How long one process waits for another one to fetch the token.
const TOKEN_PATIENCE: Duration = Duration::from_secs(5);

/// Why there is no token now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoToken {
    /// İYS was asked for one and did not give it.
    Refused(IysTrouble),
    /// The hour's budget is used up, or another process is still fetching.
    Budget,
    /// The ledger does not answer.
    Away,
    /// What is kept cannot be read.
    Unreadable,
}

/// What is sealed in the shared token row.
#[derive(Serialize, Deserialize)]
struct Kept {
    access: String,
    refresh: String,
}

/// The shared access token with the instant at which it ends, milliseconds since 1970 UTC.
///
/// # Errors
/// [`NoToken`]; after a refusal the kept one is forgotten, so that a refused refresh token is not tried again and again.
pub async fn shared(
    client: &Client,
    ledger: &Ledger,
    lane: &str,
) -> Result<(SecretString, i64), NoToken> {
    let give_up = tokio::time::Instant::now() + TOKEN_PATIENCE;
    loop {
        match ledger.token(lane, TOKENS_PER_HOUR).await {
            Ok(SharedToken::Ready { secret, expires_at }) => {
                let kept: Kept =
                    serde_json::from_slice(&secret).map_err(|_| NoToken::Unreadable)?;
                return Ok((SecretString::from(kept.access), expires_at));
            }
            Ok(SharedToken::Fetch { refresh_with }) => {
                return fetch(client, ledger, lane, refresh_with.as_ref().map(|s| &s[..])).await;
            }
            Ok(SharedToken::Wait) if tokio::time::Instant::now() < give_up => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Ok(SharedToken::Wait) => return Err(NoToken::Budget),
            Err(_) => return Err(NoToken::Away),
        }
    }
}

/// No connection: no byte of the question left this machine.
fn reached_nobody(code: &str) -> bool {
    matches!(code, "connect" | "connect-timeout")
}

async fn fetch(
    client: &Client,
    ledger: &Ledger,
    lane: &str,
    refresh_with: Option<&[u8]>,
) -> Result<(SecretString, i64), NoToken> {
    let refresh = refresh_with
        .and_then(|secret| serde_json::from_slice::<Kept>(secret).ok())
        .map(|kept| SecretString::from(kept.refresh));
    let tokens = match refresh {
        Some(refresh) => client.refresh(&refresh).await,
        None => client.login().await,
    };
    let tokens = match tokens {
        Ok(tokens) => tokens,
        Err(trouble) => {
            match &trouble {
                IysTrouble::Silent(silence) if reached_nobody(&silence.trouble.code) => {
                    let _ = ledger.token_not_asked(lane).await;
                }
                // no answer says nothing about the refresh token; a time that it names is kept by all processes
                IysTrouble::Silent(silence) => {
                    let named =
                        silence.after.and_then(|after| i64::try_from(after.as_millis()).ok());
                    if let Some(ms) = named {
                        let _ = ledger.token_not_for(lane, ms).await;
                    }
                }
                _ => drop(ledger.drop_token(lane, 0, true).await),
            }
            return Err(NoToken::Refused(trouble));
        }
    };
    let now = ledger.clock().now_ms();
    let ends = |after: Duration| {
        now.saturating_add(i64::try_from(after.as_millis()).unwrap_or(0)).saturating_sub(EARLY_MS)
    };
    let (expires_at, refresh_at) = (ends(tokens.expires_in), ends(tokens.refresh_expires_in));
    let kept = Kept {
        access: tokens.access.expose_secret().to_owned(),
        refresh: tokens.refresh.expose_secret().to_owned(),
    };
    let secret =
        zeroize::Zeroizing::new(serde_json::to_vec(&kept).map_err(|_| NoToken::Unreadable)?);
    ledger.keep_token(lane, &secret, expires_at, refresh_at).await.map_err(|_| NoToken::Away)?;
    Ok((tokens.access, expires_at))
}
