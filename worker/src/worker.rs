//! What all messages of a worker share.

use crate::caps;
use crate::consent::Asker;
use crate::consent_netgsm;
use crate::consent_share::ConsentShare;
use crate::jobs::Jobs;
use crate::lanes::Lanes;
use crate::outage::Outage;
use crate::pace::Pace;
use crate::settings::{Clinic, NetgsmAccount, Provider, Settings, WhatsappAccount};
use crate::spans::Spans;
use ledger::decision::{Claim, Claimed, Settle};
use ledger::gather::Gather;
use ledger::look::{Keys, RowAsk, SeenRow, Surroundings};
use ledger::opt_in::{Words, WordsAsk};
use ledger::outcome::{ClaimAgain, OutcomeWrite, Written};
use ledger::refused::RefusedEvent;
use ledger::{Ledger, LedgerError};
use metrics::Metrics;
use providers::{ClientError, Limits};
use schemas::{ClinicId, Registry};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use templates::Renderer;

/// Microseconds.
const SECOND_US: i64 = 1_000_000;

/// The grouped calls to the ledger.
#[derive(Debug, Clone)]
pub struct Asks {
    /// Rows of notifications.
    pub rows: Gather<RowAsk, Option<SeenRow>>,
    /// What surrounds them.
    pub surroundings: Gather<Keys, Surroundings>,
    /// What the registry says of their numbers; asked only where it matters.
    pub words: Gather<WordsAsk, Words>,
    /// Claims.
    pub claim: Gather<Claim, Claimed>,
    /// Decisions other than Send.
    pub settle: Gather<Settle, bool>,
    /// Outcomes.
    pub outcome: Gather<OutcomeWrite, Written>,
    /// Next attempts under the same lease.
    pub again: Gather<ClaimAgain, bool>,
    /// Refused events.
    pub refuse: Gather<RefusedEvent, bool>,
}

impl Asks {
    fn start(ledger: &Ledger, room: usize) -> Self {
        Self {
            rows: Gather::over(ledger, room, |ledger, q: Vec<RowAsk>| {
                Box::pin(async move { ledger.rows_each(&q).await })
            }),
            surroundings: Gather::over(ledger, room, |ledger, q: Vec<Keys>| {
                Box::pin(async move { ledger.surroundings_each(&q).await })
            }),
            words: Gather::over(ledger, room, |ledger, q: Vec<WordsAsk>| {
                Box::pin(async move { ledger.words_each(&q).await })
            }),
            claim: Gather::over(ledger, room, |ledger, q: Vec<Claim>| {
                Box::pin(async move { ledger.claim(&q).await })
            }),
            settle: Gather::over(ledger, room, |ledger, q: Vec<Settle>| {
                Box::pin(async move { ledger.settle(&q).await })
            }),
            outcome: Gather::over(ledger, room, |ledger, q: Vec<OutcomeWrite>| {
                Box::pin(async move { ledger.record_outcomes(&q).await })
            }),
            again: Gather::over(ledger, room, |ledger, q: Vec<ClaimAgain>| {
                Box::pin(async move { ledger.claim_again(&q).await })
            }),
            refuse: Gather::over(ledger, room, |ledger, q: Vec<RefusedEvent>| {
                Box::pin(async move { ledger.refuse_each(&q).await })
            }),
        }
    }
}

/// Why a worker cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// An HTTP client of a provider.
    #[error("account {account}: {error}")]
    Client {
        /// Account in the configuration.
        account: String,
        /// What is wrong with it.
        error: ClientError,
    },
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A worker: what its messages share.
#[derive(Debug)]
pub struct Worker {
    /// What it was told.
    pub settings: Settings,
    /// Event types.
    pub registry: Arc<Registry>,
    /// Texts.
    pub renderer: Arc<Renderer>,
    /// The ledger.
    pub ledger: Ledger,
    /// The grouped calls to it.
    pub asks: Asks,
    /// How many of each clinic's messages stop for lack of consent.
    pub consent_share: ConsentShare,
    /// Lanes as known here.
    pub lanes: Arc<Lanes>,
    /// Whether the ledger answers.
    pub outage: Outage,
    /// Places in the pace of accounts with a cap, by its key.
    pub paces: BTreeMap<String, Pace>,
    /// Netgsm clients by account.
    pub netgsm: BTreeMap<String, Arc<providers::netgsm::Client>>,
    /// Jobs that several messages share, for the Netgsm accounts that have them (ADR 0011).
    pub jobs: BTreeMap<String, Jobs>,
    /// Twilio clients by account.
    pub twilio: TwilioClients,
    /// The same accounts sending over WhatsApp, for those with a sender there.
    pub twilio_whatsapp: TwilioClients,
    /// Clients of Meta by account.
    pub whatsapp: BTreeMap<String, Arc<providers::meta::Client>>,
    /// İYS by account.
    pub iys: BTreeMap<String, Asker>,
    /// Netgsm's İYS service by Netgsm account, for those with a brand.
    pub netgsm_iys: BTreeMap<String, consent_netgsm::Asker>,
    /// What it measures.
    pub metrics: Arc<Metrics>,
    /// Where its attempts are told of as spans.
    pub spans: Spans,
}

impl Worker {
    /// Sets a worker up. Nothing is consumed yet.
    ///
    /// # Errors
    /// When an account's settings make no client.
    pub fn new(
        settings: Settings,
        registry: Arc<Registry>,
        renderer: Arc<Renderer>,
        ledger: Ledger,
    ) -> Result<Self, SetupError> {
        let limits = Limits {
            total: settings.request_deadline,
            connect: settings.request_deadline.min(Duration::from_secs(4)),
            connections: settings.in_flight,
            ..Limits::default()
        };
        let lanes = Arc::new(Lanes::default());
        let mut netgsm = BTreeMap::new();
        for (name, account) in &settings.netgsm {
            let client = providers::netgsm::Client::new(account.account.clone(), limits)
                .map_err(|error| SetupError::Client { account: format!("netgsm/{name}"), error })?;
            netgsm.insert(name.clone(), Arc::new(client));
        }
        let (twilio, twilio_whatsapp) = twilio(&settings, limits)?;
        let whatsapp = whatsapp(&settings, limits)?;
        let mut iys = BTreeMap::new();
        for (name, account) in &settings.iys {
            let client = providers::iys::Client::new(account.account.clone(), limits)
                .map_err(|error| SetupError::Client { account: format!("iys/{name}"), error })?;
            let lane = format!("iys/{name}");
            let asker =
                Asker::start(client, account.clone(), lane, ledger.clone(), Arc::clone(&lanes));
            iys.insert(name.clone(), asker);
        }
        let netgsm_iys = netgsm_iys(&settings, &netgsm, &ledger, &lanes)?;
        let paces = paces(&settings, &ledger, &lanes);
        let jobs = jobs(&settings, &netgsm, &ledger);
        let asks = Asks::start(&ledger, settings.in_flight);
        let outage = Outage::default();
        let consent_share = ConsentShare::default();
        Ok(Self {
            settings,
            registry,
            renderer,
            ledger,
            asks,
            consent_share,
            lanes,
            outage,
            paces,
            netgsm,
            jobs,
            twilio,
            twilio_whatsapp,
            whatsapp,
            iys,
            netgsm_iys,
            metrics: Metrics::new([]),
            spans: Spans::default(),
        })
    }

    /// Tells of its attempts as spans.
    #[must_use]
    pub fn traced_to(self, spans: Spans) -> Self {
        Self { spans, ..self }
    }

    /// Measures into these metrics, which the process shows.
    #[must_use]
    pub fn measured_by(mut self, metrics: Arc<Metrics>) -> Self {
        let netgsm = self.netgsm.keys().map(|name| (Provider::Netgsm.as_str(), name.as_str()));
        let twilio = self.twilio.keys().map(|name| (Provider::Twilio.as_str(), name.as_str()));
        let whatsapp = self.whatsapp.keys();
        let whatsapp = whatsapp.map(|name| (Provider::Whatsapp.as_str(), name.as_str()));
        metrics.sends.has_accounts(netgsm.chain(twilio).chain(whatsapp));
        metrics.work.has_places(self.settings.in_flight);
        self.metrics = metrics;
        self
    }

    /// Shows what is not counted message by message: what may be used of each cap now, and whose consent share is over the line.
    pub fn show(&self) {
        let now = self.ledger.clock().now_ms();
        self.metrics.work.consent_stops(&self.consent_share.over(now));
        let show = |account: &str, key: &str, per_s: Option<u32>| {
            if let Some(per_s) = per_s {
                let us = self
                    .lanes
                    .caps
                    .share(key, now)
                    .place_us(1, SECOND_US / i64::from(per_s.max(1)));
                self.metrics.sends.cap_is(account, SECOND_US as f64 / us as f64);
            }
        };
        for (provider, name, per_s) in capped(&self.settings) {
            show(
                &format!("{}/{name}", provider.as_str()),
                &caps::key(provider.as_str(), name),
                per_s,
            );
        }
        // one for all accounts: İYS counts what comes from here
        show("iys", caps::IYS, self.settings.iys.values().filter_map(|of| of.max_per_s).min());
    }

    /// A clinic by its id.
    pub fn clinic(&self, id: &ClinicId) -> Option<&Clinic> {
        self.settings.clinics.get(id)
    }
}

/// The jobs of the accounts whose messages share them: not where a reference is sent, by which each is looked for.
fn jobs(
    settings: &Settings,
    clients: &BTreeMap<String, Arc<providers::netgsm::Client>>,
    ledger: &Ledger,
) -> BTreeMap<String, Jobs> {
    let shares = |account: &NetgsmAccount| {
        account.batch > 1 && !account.echoes_reference && !account.account.echoes_reference
    };
    let accounts = settings.netgsm.iter().filter(|(_, account)| shares(account));
    let start = |(name, account): (&String, &NetgsmAccount)| {
        let client = Arc::clone(clients.get(name)?);
        let jobs = Jobs::start(client, ledger.clone(), account.batch, settings.in_flight);
        Some((name.clone(), jobs))
    };
    accounts.filter_map(start).collect()
}

/// Twilio clients by account.
type TwilioClients = BTreeMap<String, Arc<providers::twilio::Client>>;

/// The clients of Twilio's accounts: for SMS, and for WhatsApp.
fn twilio(
    settings: &Settings,
    limits: Limits,
) -> Result<(TwilioClients, TwilioClients), SetupError> {
    let (mut sms, mut whatsapp) = (BTreeMap::new(), BTreeMap::new());
    for (name, account) in &settings.twilio {
        let client = |account: &providers::twilio::Account| {
            providers::twilio::Client::new(account.clone(), limits)
                .map(Arc::new)
                .map_err(|error| SetupError::Client { account: format!("twilio/{name}"), error })
        };
        sms.insert(name.clone(), client(&account.account)?);
        if let Some(account) = &account.whatsapp {
            whatsapp.insert(name.clone(), client(account)?);
        }
    }
    Ok((sms, whatsapp))
}

/// The clients of the numbers at Meta.
fn whatsapp(
    settings: &Settings,
    limits: Limits,
) -> Result<BTreeMap<String, Arc<providers::meta::Client>>, SetupError> {
    let client = |(name, account): (&String, &WhatsappAccount)| {
        let client = providers::meta::Client::new(account.account.clone(), limits)
            .map_err(|error| SetupError::Client { account: format!("whatsapp/{name}"), error })?;
        Ok((name.clone(), Arc::new(client)))
    };
    settings.whatsapp.iter().map(client).collect()
}

/// The paces of the accounts with a cap.
fn paces(settings: &Settings, ledger: &Ledger, lanes: &Arc<Lanes>) -> BTreeMap<String, Pace> {
    let start = |(provider, name, per_s): (Provider, &String, Option<u32>)| {
        let key = caps::key(provider.as_str(), name);
        let (ledger, lanes) = (ledger.clone(), Arc::clone(lanes));
        Some((key.clone(), Pace::start(ledger, lanes, key, per_s?, settings.in_flight)))
    };
    capped(settings).filter_map(start).collect()
}

/// The accounts that messages are sent with, and their caps in segments a second.
fn capped(settings: &Settings) -> impl Iterator<Item = (Provider, &String, Option<u32>)> {
    let netgsm = settings.netgsm.iter().map(|(name, of)| (Provider::Netgsm, name, of.max_per_s));
    let twilio = settings.twilio.iter().map(|(name, of)| (Provider::Twilio, name, of.max_per_s));
    let meta = settings.whatsapp.iter();
    let meta = meta.map(|(name, of)| (Provider::Whatsapp, name, of.max_per_s));
    netgsm.chain(twilio).chain(meta)
}

/// Who asks Netgsm's İYS service: the accounts with a brand.
fn netgsm_iys(
    settings: &Settings,
    clients: &BTreeMap<String, Arc<providers::netgsm::Client>>,
    ledger: &Ledger,
    lanes: &Arc<Lanes>,
) -> Result<BTreeMap<String, consent_netgsm::Asker>, SetupError> {
    let mut askers = BTreeMap::new();
    for (name, account) in &settings.netgsm {
        let (Some(client), Some(consent)) = (clients.get(name), &account.consent) else { continue };
        let service = client
            .consents(&consent.brand_code)
            .map_err(|error| SetupError::Client { account: format!("netgsm/{name}"), error })?;
        let lane = consent_netgsm::lane(name);
        let (ledger, lanes) = (ledger.clone(), Arc::clone(lanes));
        let asker =
            consent_netgsm::Asker::new(service, consent.max_per_minute, lane, ledger, lanes);
        askers.insert(name.clone(), asker);
    }
    Ok(askers)
}
