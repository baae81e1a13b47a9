//! Asking İYS: many numbers in one question, within requests a second and tokens an hour that all workers share.
//!
//! A question goes at once while a permit is there and few are on their way, and otherwise gathers until then. No answer is never "no consent":
//! rows wait on the İYS lane.

pub mod check;
pub mod opt_in;
mod permit;
mod refused;
mod single;

pub use permit::permit;

use crate::caps::Share;
use crate::lanes::Lanes;
use crate::settings::IysAccount;
use crate::token::{self, NoToken};
use chrono::{DateTime, Utc};
use ledger::Ledger;
use permit::is_throttle;
use providers::iys::{Client, IysTrouble, MOST_NUMBERS, Silence};
use schemas::{PhoneNumber, RecipientType};
use secrecy::SecretString;
use std::sync::{Arc, PoisonError};
use tokio::sync::{Mutex, Semaphore, mpsc, oneshot};

/// Tries of one question before its askers hear that İYS is silent.
const TRIES: u32 = 3;

/// Questions on their way at the same time where İYS's limits allow any number: more would be smaller ones.
const CALLS_ABREAST: usize = 4;

/// Answers "too fast" to one question before they count as silence.
const THROTTLED_AT_MOST: u32 = 8;

/// What a consent source said about one number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It answered.
    Said {
        /// ONAY is on record (batch), or no RET is (single).
        allowed: bool,
        /// `listed`, `not-listed`, `onay`, `ret`, `no-record`, `not-a-recipient`.
        word: &'static str,
        /// When it was asked, by the database's clock.
        asked_at: DateTime<Utc>,
        /// İYS's id of the question, or of the record where it gives that.
        request_id: Option<String>,
    },
    /// It did not; a bounded code says why.
    Silent(String),
    /// It may not be asked before this instant.
    NotBefore {
        /// When.
        at: DateTime<Utc>,
        /// `budget-used-up`, `throttled`, `question-not-accepted`.
        why: &'static str,
    },
}

struct Question {
    phone: PhoneNumber,
    kind: RecipientType,
    answer: oneshot::Sender<Answer>,
}

/// Asks one İYS account.
#[derive(Clone)]
pub struct Asker {
    to: mpsc::Sender<Question>,
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    account: IysAccount,
    lane: String,
    ledger: Ledger,
    lanes: Arc<Lanes>,
    turn: Mutex<()>,
    /// Places of questions on their way.
    calls: Arc<Semaphore>,
    /// The access token as last read, and when it ends: the ledger is not asked for it again before.
    kept: std::sync::Mutex<Option<(SecretString, i64)>>,
}

impl std::fmt::Debug for Asker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asker").field("lane", &self.inner.lane).finish_non_exhaustive()
    }
}

impl Asker {
    /// Starts asking for one account; ends when the last clone is dropped.
    pub fn start(
        client: Client,
        account: IysAccount,
        lane: String,
        ledger: Ledger,
        lanes: Arc<Lanes>,
    ) -> Self {
        let (to, from) = mpsc::channel(2 * MOST_NUMBERS);
        let turn = Mutex::new(());
        // within a limit as many as may be sent while slow answers are on their way, two seconds
        let abreast = account.max_per_s.map_or(CALLS_ABREAST, |cap| 2 * cap.max(1) as usize);
        let calls = Arc::new(Semaphore::new(abreast));
        let kept = std::sync::Mutex::default();
        let inner = Inner { client, account, lane, ledger, lanes, turn, calls, kept };
        let inner = Arc::new(inner);
        tokio::spawn(Arc::clone(&inner).gather(from));
        Self { to, inner }
    }

    /// The account's lane.
    pub fn lane(&self) -> &str {
        &self.inner.lane
    }

    /// The brand that is asked for.
    pub fn brand(&self) -> &str {
        self.inner.client.brand_code()
    }

    /// Whether ONAY is on record, by the batch question.
    pub async fn with_consent(&self, phone: &PhoneNumber, kind: RecipientType) -> Answer {
        let (answer, answered) = oneshot::channel();
        let question = Question { phone: phone.clone(), kind, answer };
        if self.to.send(question).await.is_err() {
            return Answer::Silent("stopping".to_owned());
        }
        answered.await.unwrap_or_else(|_| Answer::Silent("stopping".to_owned()))
    }

    /// Whether a RET is on record, by the single question with its hourly budget.
    pub async fn not_refused(&self, phone: &PhoneNumber, kind: RecipientType) -> Answer {
        // not part of what every message carries along
        Box::pin(self.inner.single(phone, kind)).await
    }
}

impl Inner {
    async fn gather(self: Arc<Self>, mut from: mpsc::Receiver<Question>) {
        let mut waiting = Vec::new();
        while from.recv_many(&mut waiting, MOST_NUMBERS).await > 0 {
            let Ok(call) = Arc::clone(&self.calls).acquire_owned().await else { return };
            let call = Arc::new(call);
            let permitted = self.permit().await;
            // what came while we waited goes along
            while waiting.len() < MOST_NUMBERS
                && let Ok(question) = from.try_recv()
            {
                waiting.push(question);
            }
            let all = std::mem::take(&mut waiting);
            let share = match permitted {
                Ok(share) => share,
                Err(code) => {
                    silence(all, &code);
                    continue;
                }
            };
            let (tacir, bireysel): (Vec<_>, Vec<_>) =
                all.into_iter().partition(|q| q.kind == RecipientType::Tacir);
            for (i, slice) in
                [bireysel, tacir].into_iter().filter(|slice| !slice.is_empty()).enumerate()
            {
                let (this, call) = (Arc::clone(&self), Arc::clone(&call));
                // answers take a round trip; the next permit need not wait for it
                tokio::spawn(async move {
                    let next = if i > 0 { this.permit().await } else { Ok(share) };
                    this.batch(slice, next.unwrap_or(share)).await;
                    drop(call);
                });
            }
        }
    }

    /// Asks for a slice; a number that İYS does not take as a recipient must not spoil the answer of the others.
    async fn batch(&self, questions: Vec<Question>, mut share: Share) {
        let mut todo = vec![questions];
        let mut asked = 0;
        while let Some(slice) = todo.pop() {
            let Some(kind) = slice.first().map(|q| q.kind) else { continue };
            asked += 1;
            if asked > 1 {
                if self.lanes.closed(&self.lane) {
                    silence(slice, "lane-closed");
                    continue;
                }
                // a part is a request like any other
                share = self.permit().await.unwrap_or(share);
            }
            let numbers: Vec<PhoneNumber> = slice.iter().map(|q| q.phone.clone()).collect();
            let asked_at = self.ledger.clock().now();
            let (client, numbers) = (&self.client, &numbers);
            let question = |token: SecretString| async move {
                client.with_consent(&token, kind, numbers).await
            };
            let answer = match slice.len() {
                1 => self.insist(question, share).await,
                _ => self.ask(question, share).await,
            };
            match answer {
                Ok(answer) => {
                    self.lanes.good(&self.ledger, &self.lane).await;
                    for question in slice {
                        let allowed = answer.listed.contains(question.phone.e164());
                        let word = if allowed { "listed" } else { "not-listed" };
                        let request_id = Some(answer.request_id.clone());
                        drop(question.answer.send(Answer::Said {
                            allowed,
                            word,
                            asked_at,
                            request_id,
                        }));
                    }
                }
                Err(IysTrouble::BadRequest(rejection)) if slice.len() == 1 => {
                    let said = if rejection.of_number {
                        let word = "not-a-recipient";
                        Answer::Said { allowed: false, word, asked_at, request_id: None }
                    } else {
                        self.not_accepted(&rejection).await
                    };
                    for question in slice {
                        drop(question.answer.send(said.clone()));
                    }
                }
                Err(IysTrouble::BadRequest(_)) => {
                    let mut left = slice;
                    let right = left.split_off(left.len() / 2);
                    todo.extend([right, left]);
                }
                Err(trouble) => {
                    let code = trouble.code().to_owned();
                    silence(slice, &code);
                }
            }
        }
    }

    /// One question with its token: renews a refused token once, repeats a silent one, and closes the lane if that does not help.
    /// `share`: under what is left of the cap its place was taken.
    async fn ask<T, F>(
        &self,
        question: impl Fn(SecretString) -> F,
        mut share: Share,
    ) -> Result<T, IysTrouble>
    where
        F: Future<Output = Result<T, IysTrouble>>,
    {
        let mut delays = crate::retry::quick();
        let mut renewed = false;
        let mut tries = 0;
        let mut throttled = 0;
        loop {
            let (token, expires_at) = self.token().await?;
            match question(token).await {
                Err(IysTrouble::Reauth) if !renewed => {
                    renewed = true;
                    self.keep(None);
                    let _ = self.ledger.drop_token(&self.lane, expires_at, false).await;
                }
                // asked too fast, which is no outage: again with the next permit
                Err(IysTrouble::Silent(silence))
                    if is_throttle(&silence) && throttled < THROTTLED_AT_MOST =>
                {
                    throttled += 1;
                    self.throttled(&silence, share).await;
                    tokio::time::sleep(delays()).await;
                    share = self.permit().await.unwrap_or(share);
                }
                Err(IysTrouble::Silent(silence)) => {
                    self.lanes.bad(&self.ledger, &self.lane, &silence.trouble.code).await;
                    tries += 1;
                    let named = silence.after.unwrap_or_default();
                    if tries >= TRIES
                        || named > crate::retry::QUICK_AT_MOST
                        || self.lanes.closed(&self.lane)
                    {
                        return Err(IysTrouble::Silent(silence));
                    }
                    tokio::time::sleep(delays().max(named)).await;
                    // a repetition is a request like any other
                    share = self.permit().await.unwrap_or(share);
                }
                Err(IysTrouble::Account(trouble)) => {
                    self.lanes.refused(&self.ledger, &self.lane, &trouble.code).await;
                    return Err(IysTrouble::Account(trouble));
                }
                Ok(answer) => {
                    self.taken();
                    return Ok(answer);
                }
                other => return other,
            }
        }
    }

    fn keep(&self, token: Option<(SecretString, i64)>) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = token;
    }

    /// The shared access token, fetched by whoever has the lease; an account that gets none closes its lane.
    async fn token(&self) -> Result<(SecretString, i64), IysTrouble> {
        let now = self.ledger.clock().now_ms();
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(token) = kept.filter(|(_, expires_at)| now < *expires_at) {
            return Ok(token);
        }
        match token::shared(&self.client, &self.ledger, &self.lane).await {
            Ok(token) => {
                self.keep(Some(token.clone()));
                Ok(token)
            }
            Err(NoToken::Refused(trouble)) => {
                match &trouble {
                    IysTrouble::Account(t) => {
                        self.lanes.refused(&self.ledger, &self.lane, &t.code).await;
                    }
                    other => self.lanes.bad(&self.ledger, &self.lane, other.code()).await,
                }
                // what the token's door says is never an answer to the question
                match trouble {
                    IysTrouble::BadRequest(rejection) => {
                        Err(IysTrouble::Silent(Silence { after: None, trouble: rejection.trouble }))
                    }
                    other => Err(other),
                }
            }
            Err(NoToken::Budget) => {
                self.lanes.bad(&self.ledger, &self.lane, "iys:token-budget").await;
                Err(silent("token-budget"))
            }
            Err(NoToken::Away) => Err(silent("ledger-away")),
            Err(NoToken::Unreadable) => Err(silent("token-unreadable")),
        }
    }
}

fn silence(questions: Vec<Question>, code: &str) {
    for question in questions {
        drop(question.answer.send(Answer::Silent(code.to_owned())));
    }
}

fn silent(code: &str) -> IysTrouble {
    IysTrouble::Silent(Silence {
        after: None,
        trouble: providers::Trouble { code: format!("iys:{code}"), detail: String::new() },
    })
}
