//! What all requests share: the ledger once it is there, the clinics, the event types, the stop.

use crate::audit::{PageSettings, Places};
use crate::hooks::{Hints, Hooks, Room};
use crate::problem::Problem;
use chrono::TimeDelta;
use ledger::door::{TakeIn, Taken};
use ledger::facts::TakesFacts;
use ledger::gather::Gather;
use ledger::tokens::TokenSecret;
use ledger::{Ledger, LedgerError};
use metrics::Metrics;
use receipts::Intake;
use schemas::{ClinicId, Registry};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long one request waits for the ledger before it is told to come back.
const PATIENCE: Duration = Duration::from_secs(15);
/// Single events that may wait for their slice.
const ROOM: usize = 2_000;

/// The door's part of the configuration.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The clinics of this installation, each with the time that two reminders of one appointment and start keep apart.
    pub clinics: BTreeMap<ClinicId, TimeDelta>,
    /// What the auditors' pages know of the installation.
    pub pages: PageSettings,
}

/// The HTTP door. Closed until [`Door::open`]: then every `/v1` request is answered 503.
#[derive(Debug, Clone)]
pub struct Door(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    registry: Arc<Registry>,
    stop: CancellationToken,
    open: OnceLock<Open>,
    metrics: OnceLock<Arc<Metrics>>,
    hooks: OnceLock<Hooks>,
    room: Room,
    places: Places,
}

/// An open door.
#[derive(Debug)]
pub(crate) struct Open {
    pub ledger: Ledger,
    /// Takes facts in, and whatever comes with them.
    pub facts: Arc<dyn TakesFacts>,
    /// Single events, taken in together.
    pub take_in: Gather<TakeIn, Taken>,
    /// Takes receipts in, with those that come at the same moment.
    pub receipts: Intake,
    /// Passes on what Netgsm hints at.
    pub hints: Hints,
    tokens: Gather<TokenSecret, Option<String>>,
}

impl Door {
    /// A closed door. After `stop` nobody is kept waiting for outcomes any more.
    pub fn new(settings: Settings, registry: Arc<Registry>, stop: CancellationToken) -> Self {
        let (open, metrics, hooks) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        let (room, places) = (Room::default(), Places::default());
        Self(Arc::new(Inner { settings, registry, stop, open, metrics, hooks, room, places }))
    }

    /// The ledger is there, and somebody who takes facts in: requests are answered from now on. A door is opened once.
    pub fn open(&self, ledger: &Ledger, facts: Arc<dyn TakesFacts>) {
        let open = Open {
            ledger: ledger.clone(),
            facts,
            take_in: Gather::over(ledger, ROOM, |ledger, items| {
                Box::pin(async move { ledger.take_in_each(&items).await })
            }),
            receipts: Intake::start(ledger, self.0.metrics.get().cloned()),
            hints: Hints::start(ledger),
            tokens: Gather::over(ledger, ROOM, |ledger, secrets| {
                Box::pin(async move { ledger.clinics_of_tokens(&secrets).await })
            }),
        };
        let _ = self.0.open.set(open);
    }

    /// Measures into these metrics. Told once.
    pub fn measured_by(&self, metrics: Arc<Metrics>) {
        let _ = self.0.metrics.set(metrics);
    }

    /// Takes these webhooks. Told once; without it there are none, and each is answered 403.
    pub fn takes(&self, hooks: Hooks) {
        let _ = self.0.hooks.set(hooks);
    }

    pub(crate) fn hooks(&self) -> &Hooks {
        self.0.hooks.get_or_init(Hooks::default)
    }

    pub(crate) fn room(&self) -> &Room {
        &self.0.room
    }

    pub(crate) fn metrics(&self) -> Option<&Metrics> {
        self.0.metrics.get().map(|metrics| &**metrics)
    }

    pub(crate) fn opened(&self) -> Result<&Open, Problem> {
        self.0.open.get().ok_or_else(Problem::away)
    }

    pub(crate) fn pages(&self) -> &PageSettings {
        &self.0.settings.pages
    }

    /// Places of the pages' heavy questions.
    pub(crate) fn places(&self) -> &Places {
        &self.0.places
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.0.registry
    }

    pub(crate) fn stop(&self) -> &CancellationToken {
        &self.0.stop
    }

    pub(crate) fn knows(&self, clinic: &str) -> bool {
        ClinicId::parse(clinic).is_ok_and(|id| self.0.settings.clinics.contains_key(&id))
    }

    /// What two reminders of one appointment keep apart, milliseconds.
    pub(crate) fn gap_ms(&self, clinic: &ClinicId) -> i64 {
        self.0.settings.clinics.get(clinic).map_or(0, TimeDelta::num_milliseconds)
    }
}

impl Open {
    /// The clinic of a token; `None`: nobody's, or it was revoked. Asked of the ledger each time, so that a revoked token ends at
    /// once.
    pub async fn clinic_of(&self, secret: TokenSecret) -> Result<Option<String>, Problem> {
        within(self.tokens.ask(secret)).await
    }
}

/// Waits for the ledger as long as a request may.
///
/// # Errors
/// 503 while the ledger is away or does not answer; 500 if it cannot be understood.
pub(crate) async fn within<T>(
    asked: impl Future<Output = Result<T, LedgerError>>,
) -> Result<T, Problem> {
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) if error.is_away() => {
            tracing::debug!(%error, "the ledger is away: a request is told to come back");
            Err(Problem::away())
        }
        Ok(Err(
            error @ (LedgerError::Statement(_) | LedgerError::Corrupt(_) | LedgerError::Conflict),
        )) => {
            tracing::error!(%error, "the ledger refuses what a request asks");
            Err(Problem::broken())
        }
        // a login, a key or a schema that somebody must mend: for the caller the ledger is away
        Ok(Err(error)) => {
            tracing::error!(%error, "the ledger cannot be used");
            Err(Problem::away())
        }
        Err(_) => {
            tracing::debug!("the ledger does not answer in time: a request is told to come back");
            Err(Problem::away())
        }
    }
}
