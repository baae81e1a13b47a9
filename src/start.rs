//! What a process does before its work: open the ledger, reach the broker, make the crates' settings.
//!
//! Absent is not wrong: it says so once and waits. A refused login, another master key, a newer schema end the process.

mod channels;
mod hooks;
mod pages;
mod prices;
#[cfg(test)]
mod tests;

pub use channels::{check_templates, map_templates};
pub use hooks::gateway_hooks;
pub use pages::tell_of_pages;
pub use prices::prices;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use bus::{Bus, BusSettings};
use chrono::TimeDelta;
use ledger::reconcile::looks::Times;
use ledger::vault::Secret32;
use ledger::{Ledger, LedgerError, LedgerSettings};
use scheduler::facts::Applier;
use scheduler::reconcile::ReconcileSettings;
use schemas::{ClinicId, Registry};
use secrecy::SecretString;
use templates::RenderPolicy;

use crate::commands::{Failure, Settings, publish};
use crate::config::{
    Config, ConfigError, ConsentSource, NetgsmAccount, Origin, SmsProvider, TwilioAccount,
    TwilioAuth, TwilioFrom,
};
use crate::lifecycle::Stop;

/// Longest pause between two tries to open the ledger.
const PAUSE_AT_MOST: Duration = Duration::from_secs(2);

/// How to reach the ledger.
///
/// # Errors
/// There is no master key.
pub fn ledger_settings(
    config: &Config,
    name: &str,
    connections: u32,
) -> Result<LedgerSettings, Failure> {
    let Some(master) = &config.database.master_key else {
        let error = ConfigError::new("database.master_key", Origin::Unset, "is missing");
        return Err(Failure::Config(vec![error]));
    };
    Ok(LedgerSettings {
        url: SecretString::from(config.database.url.expose().to_owned()),
        master_key: Secret32::new(*master.expose()),
        connections,
        max_mib: config.database.max_mib.map(std::num::NonZeroU32::get),
        name: format!("ulak {name}"),
    })
}

/// Where a configuration says how to reach the ledger, for errors that are found only when it is opened.
#[derive(Debug, Clone)]
pub struct Said(Vec<(&'static str, &'static str, Origin)>);

impl Said {
    /// Of this configuration.
    pub fn by(config: &Config) -> Self {
        let keys = [
            ("database.master_key", "database.master_key"),
            ("database.master_key", "database.master_key_file"),
            ("database.url", "database.url"),
        ];
        let said = keys.map(|(key, written)| (key, written, config.origin_of(written)));
        Self(said.into_iter().filter(|(.., origin)| *origin != Origin::Unset).collect())
    }

    /// Names the place in errors that know none.
    pub fn of(&self, failure: Failure) -> Failure {
        let Failure::Config(mut errors) = failure else { return failure };
        for error in errors.iter_mut().filter(|error| error.origin == Origin::Unset) {
            if let Some((_, written, origin)) = self.0.iter().find(|(key, ..)| *key == error.key) {
                error.key = (*written).to_owned();
                error.origin = origin.clone();
            }
        }
        Failure::Config(errors)
    }

    /// Why the ledger of this configuration cannot be opened: [`ledger_failure`].
    pub fn ledger_failure(&self, error: LedgerError) -> Failure {
        self.of(ledger_failure(error))
    }
}

/// Why a ledger cannot be used, with the exit code that fits: another master key is a wrong configuration.
pub fn ledger_failure(error: LedgerError) -> Failure {
    match error {
        LedgerError::Key(problem) => {
            Failure::Config(vec![ConfigError::new("database.master_key", Origin::Unset, problem)])
        }
        LedgerError::Unsafe(problem) => {
            Failure::Config(vec![ConfigError::new("database.url", Origin::Unset, problem)])
        }
        other => Failure::Failed(anyhow!(other)),
    }
}

/// Opens the ledger with `open`, waiting for a database that is not there yet and for its migration. `None`: the stop came first.
///
/// # Errors
/// Waiting does not help.
pub async fn wait_for_ledger(
    stop: &Stop,
    open: impl AsyncFn() -> Result<Ledger, LedgerError>,
) -> Result<Option<Ledger>, LedgerError> {
    let mut said = None;
    let mut pause = Duration::from_millis(200);
    loop {
        let error = match open().await {
            Ok(ledger) => {
                if said.is_some() {
                    tracing::info!("the ledger is there");
                }
                return Ok(Some(ledger));
            }
            // somebody runs `ulak migrate` a moment later; a newer schema needs a newer program
            Err(error @ LedgerError::Schema(_)) if !error.to_string().contains("newer") => error,
            Err(error) if error.is_away() => error,
            Err(error) => return Err(error),
        };
        let line = error.to_string();
        if said.as_ref() != Some(&line) {
            tracing::warn!(error = line, "waiting for the ledger");
            said = Some(line);
        }
        tokio::select! {
            () = stop.soft.cancelled() => return Ok(None),
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(PAUSE_AT_MOST),
        }
    }
}

/// Starts talking to the broker and waits until it does, or the stop comes (`None`).
///
/// # Errors
/// The broker refuses us for good.
pub async fn open_bus(settings: &Settings, name: &str, stop: &Stop) -> anyhow::Result<Option<Bus>> {
    let url = settings.config.broker.url.as_ref().context("broker.url is none")?;
    let bus =
        Bus::start(BusSettings::new(url.secret(), name), publish::topology(&settings.registry))?;
    tokio::select! {
        ready = bus.ready() => {
            ready?;
            Ok(Some(bus))
        }
        () = stop.soft.cancelled() => {
            bus.close().await;
            Ok(None)
        }
    }
}

/// The worker's part of the configuration.
pub fn worker_settings(config: &Config) -> worker::Settings {
    let clinics = config.clinics.iter().map(|(id, clinic)| {
        let consent = clinic.consent.iter().map(|(name, own)| {
            let own = worker::settings::ClinicConsent { rule: own.rule, basis: own.basis.clone() };
            (name.clone(), own)
        });
        let clinic = worker::settings::Clinic {
            face: clinic.face.clone(),
            sender: clinic.sender.clone(),
            netgsm: clinic.netgsm_account.clone(),
            twilio: clinic.twilio_account.clone(),
            whatsapp: clinic.whatsapp_account.clone(),
            iys: clinic.iys_account.clone(),
            channels: channels::order(config, clinic),
            fallback_after: clinic.fallback_after.clone(),
            quiet_hours: clinic.quiet_hours.and_then(|q| worker::QuietHours::new(q.from, q.to)),
            min_gap: delta(clinic.min_gap),
            consent: consent.collect(),
            transfer_abroad: clinic.transfer_abroad.clone(),
        };
        (id.clone(), clinic)
    });
    let netgsm = config.providers.netgsm.iter().map(|(name, account)| {
        let account = worker::settings::NetgsmAccount {
            account: netgsm_account(account),
            sender: account.sender.clone(),
            echoes_reference: account.echoes_reference,
            max_per_s: account.max_per_s.map(std::num::NonZeroU32::get),
            batch: account.batch,
            consent: account.iys_brand_code.map(|brand| worker::settings::NetgsmConsent {
                brand_code: brand.to_string(),
                max_per_minute: account.iys_max_per_minute.map(std::num::NonZeroU32::get),
            }),
        };
        (name.clone(), account)
    });
    let twilio = config.providers.twilio.iter().map(|(name, account)| {
        let account = worker::settings::TwilioAccount {
            account: twilio_account(account),
            whatsapp: channels::twilio_whatsapp(account, twilio_account(account)),
            max_per_s: account.max_per_s.map(std::num::NonZeroU32::get),
            status_callback: channels::status_callback(config, account).map(Into::into),
        };
        (name.clone(), account)
    });
    let iys = config.providers.iys.accounts.iter().map(|(name, account)| {
        let account = worker::settings::IysAccount {
            account: providers::iys::Account {
                name: name.clone(),
                base_url: config.providers.iys.base_url.clone(),
                username: account.username.clone(),
                password: account.password.clone(),
                iys_code: account.iys_code.to_string(),
                brand_code: account.brand_code.to_string(),
            },
            max_per_s: config.providers.iys.max_per_s.map(std::num::NonZeroU32::get),
            max_single_per_hour: config
                .providers
                .iys
                .max_single_per_hour
                .map(std::num::NonZeroU32::get),
        };
        (name.clone(), account)
    });
    worker::Settings {
        clinics: clinics.collect(),
        netgsm: netgsm.collect(),
        twilio: twilio.collect(),
        whatsapp: channels::whatsapp(config),
        sms_order: config.route.sms.iter().map(|provider| sms_provider(*provider)).collect(),
        whatsapp_order: config.route.whatsapp.iter().map(|it| channels::provider(*it)).collect(),
        templates: channels::templates(config),
        iys: iys.collect(),
        consent_source: match config.consent.source {
            ConsentSource::Iys => worker::settings::ConsentSource::Iys,
            ConsentSource::Netgsm => worker::settings::ConsentSource::Netgsm,
            ConsentSource::Registry => worker::settings::ConsentSource::Registry,
        },
        in_flight: usize::try_from(config.worker.in_flight).unwrap_or(usize::MAX),
        prefetch: config.worker.prefetch,
        quick_retries: config.worker.quick_retries,
        request_deadline: config.worker.request_deadline,
        first_look: config.reconcile.first_look(),
        drain: config.worker.drain,
    }
}

/// The HTTP door's part of the configuration.
pub fn gateway_settings(config: &Config) -> gateway::Settings {
    let clinics = config.clinics.iter().map(|(id, clinic)| (id.clone(), delta(clinic.min_gap)));
    gateway::Settings { clinics: clinics.collect(), pages: pages::page_settings(config) }
}

/// The scheduler's part of the configuration: lanes and their caps are those that the worker uses.
pub fn scheduler_settings(config: &Config) -> scheduler::Settings {
    let worker = worker_settings(config);
    let clinics = worker.clinics.iter().map(|(id, clinic)| (id.clone(), clinic.min_gap));
    let lanes = worker.clinics.iter();
    let lanes = lanes.map(|(id, clinic)| (id.clone(), channels::lanes(&worker, clinic)));
    let netgsm = worker.netgsm.iter();
    let twilio = worker.twilio.iter();
    let twilio_whatsapp = worker.twilio.iter();
    let whatsapp = worker.whatsapp.iter();
    scheduler::Settings {
        clinics: clinics.collect(),
        lanes: lanes.collect(),
        netgsm: netgsm
            .map(|(name, to)| (name.clone(), (to.account.clone(), to.max_per_s)))
            .collect::<BTreeMap<_, _>>(),
        twilio: twilio
            .map(|(name, to)| (name.clone(), (to.account.clone(), to.max_per_s)))
            .collect::<BTreeMap<_, _>>(),
        twilio_whatsapp: twilio_whatsapp
            .filter_map(|(name, to)| Some((name.clone(), to.whatsapp.clone()?)))
            .collect::<BTreeMap<_, _>>(),
        whatsapp: whatsapp
            .map(|(name, to)| (name.clone(), (to.account.clone(), to.max_per_s)))
            .collect::<BTreeMap<_, _>>(),
        reconcile: reconcile_settings(config),
        tick: Duration::from_millis(200),
        drain: config.worker.drain,
        metrics: metrics::Metrics::new([]),
    }
}

/// How attempts with an unknown outcome are looked for.
fn reconcile_settings(config: &Config) -> ReconcileSettings {
    let times =
        Times { settle: config.reconcile.settle.clone(), give_up: config.reconcile.give_up };
    let netgsm = config.providers.netgsm.iter();
    let twilio = config.providers.twilio.iter();
    ReconcileSettings::new(
        times,
        netgsm
            .map(|(name, to)| (name.clone(), (to.queries_per_min, to.echoes_reference)))
            .collect(),
        twilio.map(|(name, to)| (name.clone(), to.queries_per_min)).collect(),
    )
}

/// What each clinic wants planned.
pub fn plan_rules(config: &Config) -> BTreeMap<ClinicId, scheduler::plan::Rules> {
    let clinics = config.clinics.iter().map(|(id, clinic)| {
        let rules = scheduler::plan::Rules {
            zone: clinic.face.zone,
            reminders: clinic.reminders.clone(),
            quiet: clinic.quiet_hours.and_then(|q| worker::QuietHours::new(q.from, q.to)),
            min_notice: delta(clinic.min_notice),
            min_gap: delta(clinic.min_gap),
            confirmation: clinic.confirmation,
            cancellation: clinic.cancellation_notice,
            change_notice: clinic.change_notice,
        };
        (id.clone(), rules)
    });
    clinics.collect()
}

/// Who takes facts in.
pub fn applier(config: &Config, registry: &Arc<Registry>, ledger: &Ledger) -> Arc<Applier> {
    Arc::new(Applier::new(ledger.clone(), Arc::clone(registry), plan_rules(config)))
}

fn netgsm_account(account: &NetgsmAccount) -> providers::netgsm::Account {
    let mut to =
        providers::netgsm::Account::new(&account.name, &account.username, account.password.clone());
    to.base_url.clone_from(&account.base_url);
    to.app_name = Some(account.appname.clone());
    // here the field says whether the reference is sent; whether reports repeat it is the worker's concern
    to.echoes_reference = account.send_reference;
    to.bare_503_failed = account.bare_503_is_failed;
    to
}

fn twilio_account(account: &TwilioAccount) -> providers::twilio::Account {
    use providers::twilio::{Account, Auth, From};
    let auth = match &account.auth {
        TwilioAuth::Token(token) => Auth::Token(token.clone()),
        TwilioAuth::Key { sid, secret } => Auth::Key { sid: sid.clone(), secret: secret.clone() },
    };
    let from = match &account.from {
        TwilioFrom::Sender(sender) => From::Number(sender.clone()),
        TwilioFrom::Service(sid) => From::MessagingService(sid.clone()),
    };
    let mut to = Account::new(&account.name, &account.account_sid, auth, from);
    to.base_url.clone_from(&account.base_url);
    to
}

fn sms_provider(provider: SmsProvider) -> worker::settings::Provider {
    match provider {
        SmsProvider::Netgsm => worker::settings::Provider::Netgsm,
        SmsProvider::Twilio => worker::settings::Provider::Twilio,
    }
}

/// A duration of the configuration, as the crates count time.
pub fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

/// Loads all texts: a missing or wrong one stops the start.
///
/// # Errors
/// The file, the line, what is wrong.
pub fn renderer(settings: &Settings) -> anyhow::Result<Arc<templates::Renderer>> {
    let mut renderer = templates::Renderer::load_with(
        &settings.registry,
        settings.config.types.folder.as_deref(),
        &clinic_folders(&settings.config),
    )?;
    for (id, clinic) in &settings.config.clinics {
        renderer.set_policy(id.clone(), RenderPolicy { fold_turkish: clinic.fold_turkish });
    }
    let wanted = worker_settings(&settings.config).templates;
    map_templates(&mut renderer, settings, &wanted)
        .map_err(|failure| anyhow!(failure.lines().join("; ")))?;
    for note in renderer.notes() {
        tracing::warn!(note, "a text costs more than it has to");
    }
    Ok(Arc::new(renderer))
}

/// Clinics that have texts of their own.
pub fn clinic_folders(config: &Config) -> Vec<(ClinicId, PathBuf)> {
    let folders = config.clinics.iter();
    folders
        .filter_map(|(id, clinic)| clinic.folder.clone().map(|folder| (id.clone(), folder)))
        .collect()
}
