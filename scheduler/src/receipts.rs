//! Asks providers what became of messages that they had accepted: Netgsm's report in batches, which is the only way there
//! (`facts/netgsm_iys.md` A4, A5), and Twilio message by message, as the net under its callbacks, which are lost in an outage
//! (`facts/twilio_turkeysms_smsala.md` A3). Meta cannot be asked.
//!
//! | provider | asked | when, counted from the claim |
//! |---|---|---|
//! | Netgsm | up to 50 jobs a question, told apart within a job by number (ADR 0011) | [`plan::NETGSM`] |
//! | Twilio | by sid, only while no callback has told an end | [`plan::TWILIO`] |
//!
//! It happens in the turn that reconciliation has at an account, under the same hold and in the same budget, and before every question
//! reconciliation comes first: an attempt that may have arrived matters more than what became of one that has. Questions that come too
//! late for their time leave out those that lie before.

mod netgsm;
pub mod plan;
mod twilio;

use crate::reconcile::{Asker, Halt, Turn};
use crate::turn;
use ::receipts::{Told, follow};
use ledger::receipts::{AskedAccount, WantedReceipt};
use ledger::{Ledger, LedgerError};
use metrics::Metrics;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Attempts that are read for one question of Netgsm's report; Twilio is asked about one.
const AT_ONCE: i64 = 500;
/// Records that are gone over in one statement for attempts to ask about.
const RECORDS: i64 = 2_000;
/// Pause between two looks for new ones: the first question about them comes a minute later.
const GATHER_EVERY: Duration = Duration::from_secs(5);
/// Pause between two looks whether an account has anything to be asked about.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often attempts are forgotten that nobody asks about in time.
const CLEAR_EVERY: Duration = Duration::from_hours(1);
/// A turn that asks about receipts ends after so long: what else the process looks after has its turn too.
const LONGEST: Duration = Duration::from_mins(1);

/// Takes note of accepted attempts that are to be asked about. One scheduler at a time does.
#[derive(Debug)]
pub struct Gatherer {
    ledger: Ledger,
    accounts: Vec<AskedAccount>,
    turn: turn::Turn,
    /// When those were forgotten whose time is over.
    cleared: Option<Instant>,
}

impl Gatherer {
    /// For these accounts (`netgsm/default`).
    ///
    /// # Errors
    /// When there is no randomness for a name.
    pub fn new(ledger: Ledger, accounts: &[String]) -> Result<Self, LedgerError> {
        let asked = |account: &String| {
            let provider = account.split('/').next().unwrap_or_default();
            let (first_ms, last_ms) = plan::first_and_last(provider)?;
            Some(AskedAccount { account: account.clone(), first_ms, last_ms })
        };
        let accounts = accounts.iter().filter_map(asked).collect();
        let turn = turn::Turn::at(ledger.clone(), "receipts")?;
        Ok(Self { ledger, accounts, turn, cleared: None })
    }

    /// Gathers until the stop.
    pub async fn run(mut self, stop: CancellationToken) {
        if self.accounts.is_empty() {
            return;
        }
        while !stop.is_cancelled() {
            match self.gather().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::debug!(%error, "accepted attempts not gone over"),
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(GATHER_EVERY) => {}
            }
        }
    }

    /// `true`: there are more records.
    async fn gather(&mut self) -> Result<bool, LedgerError> {
        if !self.turn.is_ours().await? {
            return Ok(false);
        }
        if self.cleared.is_none_or(|at| at.elapsed() >= CLEAR_EVERY) {
            self.cleared = Some(Instant::now());
            self.ledger.forget_receipts().await?;
        }
        self.ledger.want_receipts(&self.accounts, RECORDS).await
    }
}

/// Which accounts have something to be asked about.
#[derive(Debug)]
pub struct Due {
    ledger: Ledger,
    accounts: Vec<String>,
    looked: Option<Instant>,
}

impl Due {
    /// Of these accounts (`netgsm/default`).
    pub fn new(ledger: Ledger, accounts: Vec<String>) -> Self {
        Self { ledger, accounts, looked: None }
    }

    /// Those that have something now; nothing in between two looks.
    pub async fn accounts(&mut self) -> Vec<String> {
        if self.looked.is_some_and(|at| at.elapsed() < LOOK_EVERY) {
            return vec![];
        }
        self.looked = Some(Instant::now());
        let mut due = vec![];
        for account in &self.accounts {
            match self.ledger.receipts_due(account, 1).await {
                Ok(first) if !first.is_empty() => due.push(account.clone()),
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(account, %error, "receipts to be asked for not looked at");
                }
            }
        }
        due
    }
}

/// What one question said.
#[derive(Debug, Default)]
struct Answers {
    /// Receipts with what is next if they are not final; the place in what was asked.
    told: Vec<(usize, Told)>,
    /// There was no answer.
    failed: bool,
}

/// Asks about an account's receipts until none is due, reconciliation has something to do, or the turn is long enough.
///
/// # Errors
/// When the hold or the ledger is lost. What was not recorded is asked again.
pub(crate) async fn attend(
    turn: &mut Turn<'_>,
    asker: &Asker,
    metrics: &Arc<Metrics>,
) -> Result<(), Halt> {
    let began = Instant::now();
    let account = turn.account().to_owned();
    let at_once = if matches!(asker, Asker::Netgsm(_)) { AT_ONCE } else { 1 };
    loop {
        let ledger = turn.ledger();
        // a slice of its own for each question: a webhook, a hint or another clock may have moved the rows
        let due = ledger.receipts_due(&account, at_once).await?;
        late(metrics, &account, &due, ledger.clock().now_ms());
        if due.is_empty() || began.elapsed() >= LONGEST {
            return Ok(());
        }
        if !ledger.unknown_due(&account, 1).await?.is_empty() {
            tracing::debug!(account, "receipts wait for reconciliation");
            return Ok(());
        }
        let (asked, answers) = match asker {
            Asker::Netgsm(asker) => netgsm::ask(turn, asker.client(), due).await?,
            Asker::Twilio(asker) => twilio::ask(turn, asker.client(), due).await?,
        };
        let receipts = &metrics.receipts;
        receipts.polled(&account, "questions", 1);
        receipts.polled(&account, "refused", usize::from(answers.failed));
        receipts.polled(&account, "asked", asked.len());
        record(ledger, metrics, &account, &asked, answers).await?;
        if !turn.rest().is_zero() {
            return Ok(());
        }
    }
}

fn late(metrics: &Metrics, account: &str, due: &[WantedReceipt], now: i64) {
    let first = due.first().map_or(now, |first| first.next_at);
    let by = u64::try_from(now.saturating_sub(first)).unwrap_or(0);
    metrics.receipts.polls_late(account, Duration::from_millis(by));
}

/// Writes what was told, and when the others are asked about again.
async fn record(
    ledger: &Ledger,
    metrics: &Arc<Metrics>,
    account: &str,
    asked: &[WantedReceipt],
    answers: Answers,
) -> Result<(), LedgerError> {
    let (places, told): (Vec<usize>, Vec<Told>) = answers.told.into_iter().unzip();
    let writes: Vec<_> = told.iter().map(|it| it.write.clone()).collect();
    let took = ledger.record_receipts(&writes).await;
    if let Some(Err(error)) = took.iter().find(|it| matches!(it, Err(error) if error.is_away())) {
        return Err(error.clone());
    }
    follow(ledger, Some(metrics), &told, &took).await;
    let now = ledger.clock().now_ms();
    let mut ended = vec![false; asked.len()];
    for ((place, told), took) in places.iter().zip(&told).zip(&took) {
        match took {
            Ok(_) => ended[*place] |= plan::is_final(told),
            // asked again later: one that cannot be written must not hold up the others
            Err(error) => {
                tracing::error!(ntf = told.write.ntf, %error, "a receipt cannot be written");
            }
        }
    }
    let mut given_up = 0;
    let looked: Vec<_> = asked
        .iter()
        .zip(&ended)
        .map(|(asked, ended)| {
            let next = match (ended, answers.failed) {
                (true, _) => None,
                (false, true) => {
                    Some(plan::after_silence(asked, now)).filter(|at| *at < asked.until)
                }
                (false, false) => {
                    let next = plan::next(asked, now);
                    given_up += usize::from(next.is_none());
                    next
                }
            };
            (asked.ntf.clone(), asked.n, next)
        })
        .collect();
    ledger.receipts_looked(&looked).await?;
    metrics.receipts.polled(account, "told", ended.iter().filter(|it| **it).count());
    metrics.receipts.polled(account, "given-up", given_up);
    Ok(())
}
