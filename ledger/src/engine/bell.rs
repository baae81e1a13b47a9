//! Waking the release on PostgreSQL: LISTEN on a connection of its own, NOTIFY from whoever makes a row due.

use super::Tx;
use crate::engine::query;
use crate::error::LedgerError;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

/// The channel. It is the database's; two ledgers in two schemas of one database wake each other for nothing.
const CHANNEL: &str = "ulak_due";
/// How often it is proven that what is sent is heard: a pooler between, or a connection that died without a word, swallows it.
const PROVE_EVERY: Duration = Duration::from_secs(15);
/// Longest wait for the connection, and for our own word to come back.
const LIMIT: Duration = Duration::from_secs(5);
/// Pause before a lost connection is made again.
const AGAIN: Duration = Duration::from_secs(1);
/// How often the ledger is looked at while nothing is heard.
const DEAF_LOOK: Duration = Duration::from_millis(500);

impl Tx {
    /// Wakes those who release, of all processes, when this transaction is committed. On SQLite every commit is noticed by itself.
    ///
    /// PostgreSQL lets one transaction at a time commit that notifies, so this is for what makes a row due at once that was not, and
    /// for what opens a lane; not for claims, nor for outcomes that end a row.
    pub async fn wake(&mut self) -> Result<(), LedgerError> {
        if matches!(self, Self::Postgres(_)) {
            let notify = format!("-- wake\nSELECT CAST(pg_notify('{CHANNEL}', '') AS TEXT)");
            query(notify).execute(self).await?;
        }
        Ok(())
    }
}

/// What was heard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Heard {
    /// How often somebody rang.
    rings: u64,
    /// Whoever rings now is heard.
    listening: bool,
}

/// Hears those who wake the release. Dropped, it hangs up.
#[derive(Debug)]
pub(crate) struct Bell {
    heard: watch::Receiver<Heard>,
    answered: u64,
    task: tokio::task::JoinHandle<()>,
}

impl Bell {
    /// Begins to listen, in the background; until it does, and whenever it cannot, [`Bell::rung`] returns every half second.
    pub fn listen(options: Arc<PgConnectOptions>) -> Self {
        let (to, heard) = watch::channel(Heard::default());
        let task = tokio::spawn(async move {
            loop {
                let Err(error) = attend(&options, &to).await;
                to.send_modify(|heard| heard.listening = false);
                tracing::debug!(%error, "nobody is heard who wakes the release: the ledger is asked every half second");
                tokio::time::sleep(AGAIN).await;
            }
        });
        Self { heard, answered: 0, task }
    }

    /// Waits until somebody rang since the last call.
    pub async fn rung(&mut self) {
        loop {
            let heard = *self.heard.borrow_and_update();
            if heard.rings != self.answered {
                self.answered = heard.rings;
                return;
            }
            tokio::select! {
                changed = self.heard.changed() => if changed.is_err() {
                    // the task is gone with its runtime
                    tokio::time::sleep(DEAF_LOOK).await;
                    return;
                },
                () = tokio::time::sleep(DEAF_LOOK), if !heard.listening => return,
            }
        }
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Listens until the connection is lost, or our own word does not come back.
async fn attend(
    options: &PgConnectOptions,
    heard: &watch::Sender<Heard>,
) -> Result<Infallible, LedgerError> {
    let connecting = PgPoolOptions::new()
        .max_connections(1)
        .max_lifetime(None)
        .idle_timeout(None)
        .acquire_timeout(LIMIT)
        .connect_with(options.clone());
    let pool = timeout(LIMIT, connecting).await.map_err(|_| silent())??;
    let mut listener = PgListener::connect_with(&pool).await?;
    // a lost connection is to be told, not mended behind our back: what was rung meanwhile is lost
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    let own: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut listener).await?;
    loop {
        prove(&mut listener, own, heard).await?;
        let end = Instant::now() + PROVE_EVERY;
        while let Ok(received) = timeout_at(end, listener.try_recv()).await {
            let notification = received?.ok_or_else(silent)?;
            ring_for(notification.payload(), heard);
        }
    }
}

/// Says a word of our own and hears it. Whoever comes to listen looks at once: what was rung before is unknown.
async fn prove(
    listener: &mut PgListener,
    own: i32,
    heard: &watch::Sender<Heard>,
) -> Result<(), LedgerError> {
    let word = format!("heard {own}");
    let say = sqlx::query("SELECT CAST(pg_notify($1, $2) AS TEXT)").bind(CHANNEL).bind(&word);
    timeout(LIMIT, say.execute(&mut *listener)).await.map_err(|_| silent())??;
    let end = Instant::now() + LIMIT;
    loop {
        let received = timeout_at(end, listener.try_recv()).await.map_err(|_| silent())?;
        let notification = received?.ok_or_else(silent)?;
        if notification.payload() == word {
            break;
        }
        ring_for(notification.payload(), heard);
    }
    heard.send_if_modified(|heard| {
        let begins = !heard.listening;
        if begins {
            *heard = Heard { rings: heard.rings + 1, listening: true };
        }
        begins
    });
    Ok(())
}

/// Words are others' proofs; what wakes has none.
fn ring_for(payload: &str, heard: &watch::Sender<Heard>) {
    if payload.is_empty() {
        heard.send_modify(|heard| heard.rings += 1);
    }
}

fn silent() -> LedgerError {
    LedgerError::Away("what is sent is not heard".to_owned())
}
