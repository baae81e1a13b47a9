//! Looks for attempts of which nobody knows whether they arrived (PROTOCOL rule 9, `docs/reconciliation.md`).
//!
//! Every scheduler runs this; one of them at a time has an account. The provider's books are read (`netgsm`, `twilio`), judged
//! (`judge`), and the looks recorded; what follows from them is the ledger's ([`ledger::reconcile::looks`]). Nothing is ever sent
//! from here. In the same turn, and only when nothing is left to look for, providers are asked what became of accepted messages
//! ([`crate::receipts`]).

mod counts;
mod evidence;
mod judge;
mod netgsm;
mod turn;
mod twilio;
mod windows;

use crate::receipts;
use crate::settings::Settings;
use counts::count;
pub use counts::{AccountCounts, Counts};
use ledger::reconcile::UnknownAttempt;
use ledger::reconcile::looks::{Look, Looked, Seen, Times};
use ledger::state::State;
use ledger::{Ledger, LedgerError};
use metrics::Metrics;
use providers::ClientError;
use schemas::Registry;
use schemas::hold::{self, Place};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{Id, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
pub(crate) use turn::{Halt, Turn};

/// Pause between two looks at the ledger for what is due: one small statement for all accounts.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Attempts of one account that are looked for in one turn.
const AT_ONCE: i64 = 500;
/// Pause of an account whose turn ended early, and of one that another process has.
const AFTER_HALT: Duration = Duration::from_secs(2);

/// How reconciliation is run.
#[derive(Debug, Clone)]
pub struct ReconcileSettings {
    /// When is looked, and for how long.
    pub times: Times,
    /// Questions a minute by Netgsm account (`providers.netgsm.queries_per_min`), and whether its reports repeat our reference.
    pub netgsm: BTreeMap<String, (u32, bool)>,
    /// Questions a minute by Twilio account.
    pub twilio: BTreeMap<String, u32>,
    /// What it did, for metrics; shared by all clones.
    pub counts: Arc<Counts>,
}

impl ReconcileSettings {
    /// Settings with counters of their own.
    pub fn new(
        times: Times,
        netgsm: BTreeMap<String, (u32, bool)>,
        twilio: BTreeMap<String, u32>,
    ) -> Self {
        let named = |provider: &'static str| move |name: &String| format!("{provider}/{name}");
        let accounts = netgsm.keys().map(named("netgsm")).chain(twilio.keys().map(named("twilio")));
        let counts = Arc::new(Counts::of(accounts));
        Self { times, netgsm, twilio, counts }
    }
}

impl Default for ReconcileSettings {
    /// The manual's times and no account.
    fn default() -> Self {
        let settle = [30, 60, 120].map(Duration::from_secs).to_vec();
        let times = Times { settle, give_up: Duration::from_mins(15) };
        Self::new(times, BTreeMap::new(), BTreeMap::new())
    }
}

/// Who can be asked about an account.
#[derive(Debug)]
pub(crate) enum Asker {
    Netgsm(netgsm::Asker),
    Twilio(twilio::Asker),
}

impl Asker {
    const fn per_min(&self) -> u32 {
        match self {
            Self::Netgsm(asker) => asker.per_min,
            Self::Twilio(asker) => asker.per_min,
        }
    }
}

/// Looks after the unknown attempts of all accounts.
#[derive(Debug)]
pub struct Reconciler {
    ledger: Ledger,
    registry: Arc<Registry>,
    askers: BTreeMap<String, Asker>,
    times: Times,
    counts: Arc<Counts>,
    metrics: Arc<Metrics>,
    holder: String,
}

/// Why a reconciler could not be made.
#[derive(Debug, thiserror::Error)]
pub enum NewError {
    /// An account's settings make no client.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// There is no randomness.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Reconciler {
    /// Sets up the clients. An account without a number of questions a minute is not asked.
    ///
    /// # Errors
    /// When an account's settings make no client, or there is no randomness for a name.
    pub fn new(
        ledger: Ledger,
        registry: Arc<Registry>,
        settings: &Settings,
    ) -> Result<Self, NewError> {
        let told = &settings.reconcile;
        let mut askers = BTreeMap::new();
        for (name, (account, _)) in &settings.netgsm {
            let Some((per_min, echoes)) = told.netgsm.get(name) else { continue };
            let asker = netgsm::Asker::new(account.clone(), *echoes, *per_min)?;
            askers.insert(format!("netgsm/{name}"), Asker::Netgsm(asker));
        }
        for (name, (account, _)) in &settings.twilio {
            let Some(per_min) = told.twilio.get(name) else { continue };
            let asker = twilio::Asker::new(account.clone(), *per_min)?;
            askers.insert(format!("twilio/{name}"), Asker::Twilio(asker));
        }
        Ok(Self {
            ledger,
            registry,
            askers,
            times: told.times.clone(),
            counts: Arc::clone(&told.counts),
            metrics: Arc::clone(&settings.metrics),
            holder: Ledger::holder_name("reconcile")?,
        })
    }

    /// Looks until the stop. Accounts do not wait for each other.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut turns: JoinSet<(String, Duration)> = JoinSet::new();
        let mut at_work: HashMap<Id, String> = HashMap::new();
        let mut resting: HashMap<String, Instant> = HashMap::new();
        let mut receipts = receipts::Due::new(self.ledger.clone(), self.accounts());
        while !stop.is_cancelled() {
            while let Some(done) = turns.try_join_next_with_id() {
                match done {
                    Ok((id, (account, rest))) => {
                        at_work.remove(&id);
                        resting.insert(account, Instant::now() + rest);
                    }
                    Err(error) => {
                        tracing::error!(%error, "a turn of reconciliation ended badly");
                        at_work.remove(&error.id());
                    }
                }
            }
            resting.retain(|_, until| *until > Instant::now());
            let due = self.due().await.into_iter().chain(receipts.accounts().await);
            for account in due {
                let busy = at_work.values().any(|it| *it == account);
                if busy || resting.contains_key(&account) {
                    continue;
                }
                let (this, name) = (Arc::clone(&self), account.clone());
                let turn = turns.spawn(async move { this.turn(name).await });
                at_work.insert(turn.id(), account);
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
        // a look that was not recorded is made again by whoever holds the account next
        turns.shutdown().await;
    }

    /// Accounts that can be asked.
    pub fn accounts(&self) -> Vec<String> {
        self.askers.keys().cloned().collect()
    }

    async fn due(&self) -> BTreeSet<String> {
        self.ledger.unknown_accounts().await.unwrap_or_else(|error| {
            tracing::debug!(%error, "unknown attempts not looked for");
            BTreeSet::default()
        })
    }

    /// One turn at an account; how long it is left alone afterwards.
    async fn turn(&self, account: String) -> (String, Duration) {
        let rest = match self.attend(&account).await {
            Ok(rest) => rest,
            Err(Halt::HoldLost) => {
                tracing::info!(account, "another scheduler looks for its unknown attempts now");
                AFTER_HALT
            }
            Err(Halt::Ledger(error)) => {
                tracing::debug!(account, %error, "a turn of reconciliation ended early");
                AFTER_HALT
            }
        };
        (account, rest)
    }

    async fn attend(&self, account: &str) -> Result<Duration, Halt> {
        let (ledger, counts) = (&self.ledger, self.counts.account(account));
        let asker = self.askers.get(account);
        let per_min = asker.map_or(1, Asker::per_min);
        let turn = Turn::take(ledger, account, &self.holder, per_min, counts).await?;
        let Some(mut turn) = turn else { return Ok(AFTER_HALT) };
        match asker {
            Some(Asker::Netgsm(asker)) => self.ask_netgsm(&mut turn, asker).await?,
            Some(Asker::Twilio(asker)) => {
                let due = ledger.unknown_due(account, AT_ONCE).await?;
                // its list shows the vendor's wording and no template: what a message there was made of cannot be told
                let (of_whatsapp, due) =
                    due.into_iter().partition::<Vec<_>, _>(twilio::is_of_whatsapp);
                let looks = of_whatsapp.iter().map(cannot_be_told).collect::<Vec<_>>();
                self.record(&turn, &looks).await?;
                self.ask_twilio(&mut turn, asker, due).await?;
            }
            None => {
                let due = ledger.unknown_due(account, AT_ONCE).await?;
                let looks: Vec<Look> = due.iter().map(|it| cannot_be_asked(account, it)).collect();
                self.record(&turn, &looks).await?;
            }
        }
        if let Some(asker) = asker
            && turn.rest().is_zero()
        {
            receipts::attend(&mut turn, asker, &self.metrics).await?;
        }
        Ok(turn.rest())
    }

    async fn ask_netgsm(&self, turn: &mut Turn<'_>, asker: &netgsm::Asker) -> Result<(), Halt> {
        // each once in a turn, even if its look changed nothing
        let mut done = HashSet::new();
        loop {
            // anew for each scan: a neighbour's look may have found some already, and others came due while it was made
            let mut due = self.ledger.unknown_due(turn.account(), AT_ONCE).await?;
            due.retain(|attempt| !done.contains(&(attempt.ntf.clone(), attempt.looks)));
            // who has waited longest, and whoever shares the look
            let Some(first) = due.first().map(|attempt| attempt.ntf.clone()) else { return Ok(()) };
            let mut groups = windows::groups(due).into_iter();
            let its = |group: &windows::Group| group.attempts.iter().any(|it| it.ntf == first);
            let Some(group) = groups.find(its) else { return Ok(()) };
            let looks = asker.look(turn, &group, &self.times).await?;
            self.record(turn, &looks).await?;
            done.extend(group.attempts.into_iter().map(|attempt| (attempt.ntf, attempt.looks)));
            if !turn.rest().is_zero() {
                return Ok(());
            }
        }
    }

    async fn ask_twilio(
        &self,
        turn: &mut Turn<'_>,
        asker: &twilio::Asker,
        due: Vec<UnknownAttempt>,
    ) -> Result<(), Halt> {
        if due.is_empty() {
            return Ok(());
        }
        let newest = asker.newest(turn).await?;
        for attempts in twilio::by_number(due) {
            let looks = asker.look(turn, &self.registry, &attempts, newest, &self.times).await?;
            self.record(turn, &looks).await?;
            if !turn.rest().is_zero() {
                break;
            }
        }
        Ok(())
    }

    /// Writes looks, counts them, and says what ended.
    async fn record(&self, turn: &Turn<'_>, looks: &[Look]) -> Result<(), Halt> {
        if looks.is_empty() {
            return Ok(());
        }
        hold::at(Place::AfterScan).await;
        let looked = self.ledger.record_looks(turn.hold(), &self.times, looks).await?;
        for (look, looked) in looks.iter().zip(looked) {
            if looked == Looked::HoldLost {
                return Err(Halt::HoldLost);
            }
            note(turn, look, looked);
        }
        Ok(())
    }
}

fn note(turn: &Turn<'_>, look: &Look, looked: Looked) {
    let (account, counts) = (turn.account(), turn.counts());
    let (ntf, attempt) = (look.ntf.as_str(), look.n);
    let saw = words(&look.seen);
    if looked != Looked::Moved {
        count(&counts.looks);
    }
    match looked {
        Looked::Ended(State::Unresolved) => {
            count(&counts.unresolved);
            let what = if look.seen == Seen::Absent {
                "did not arrive, and is not sent again"
            } else {
                "may or may not have arrived"
            };
            tracing::warn!(
                alert = "unresolved",
                ntf,
                attempt,
                account,
                saw,
                "{ntf} ended unresolved: it {what} ({saw})"
            );
        }
        Looked::Ended(State::Waiting) if look.seen == Seen::Absent => {
            count(&counts.resent);
            tracing::info!(ntf, attempt, account, "{ntf} did not arrive: it is sent once more");
        }
        Looked::Ended(state) => {
            let state = state.as_str();
            tracing::info!(ntf, attempt, account, state, "the unknown attempt was found: {saw}");
        }
        Looked::Again { .. } => {
            tracing::debug!(ntf, attempt, account, "looked for the unknown attempt: {saw}");
        }
        Looked::Moved | Looked::HoldLost => {}
    }
    match (&look.seen, looked) {
        (Seen::Found { .. }, Looked::Ended(_)) => count(&counts.found),
        (Seen::Absent, Looked::Ended(_) | Looked::Again { .. }) => count(&counts.absent),
        _ => {}
    }
}

/// What was seen, in bounded words.
fn words(seen: &Seen) -> &str {
    match seen {
        Seen::Found { code, .. } => code,
        Seen::Absent => "absent",
        Seen::Nothing { why } | Seen::CannotBeAsked { why } => why,
        Seen::Ambiguous => "ambiguous",
    }
}

/// Only a status callback tells what became of it.
fn cannot_be_told(attempt: &UnknownAttempt) -> Look {
    let why = "its provider cannot be asked about WhatsApp".to_owned();
    let seen = Seen::CannotBeAsked { why };
    Look { ntf: attempt.ntf.clone(), n: attempt.n, looks: attempt.looks, seen }
}

/// Nobody can be asked: its provider has no books, or the account is gone from the configuration.
fn cannot_be_asked(account: &str, attempt: &UnknownAttempt) -> Look {
    let has_books = ["netgsm/", "twilio/"].iter().any(|it| account.starts_with(it));
    let why = if has_books {
        "its account is not configured any more"
    } else {
        "its provider cannot be asked"
    };
    let seen = Seen::CannotBeAsked { why: why.to_owned() };
    Look { ntf: attempt.ntf.clone(), n: attempt.n, looks: attempt.looks, seen }
}
