//! The configuration: read from default file, file and environment; checked as a whole; shown without secrets.
//!
//! `Config::load` lists *every* error, each on one line with its key, its origin and what is allowed. The keys are
//! data (`keys`), their defaults and meanings stand in `default.toml`, which is the manual.

mod clinics;
mod database;
mod error;
mod keys;
mod needs;
#[doc(hidden)]
pub mod outside;
mod process;
mod providers;
mod reader;
mod secret;
mod show;
mod sources;
mod values;
mod whatsapp;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

pub use clinics::{Clinic, ClinicConsent, TypeRules};
pub use database::Database;
pub use error::{ConfigError, Origin};
pub use needs::Purpose;
pub use process::{
    Broker, Consent, ConsentSource, Gateway, Log, LogFormat, Reconcile, Route, Scheduler,
    SmsProvider, Types, WhatsappProvider, Worker,
};
pub use providers::{
    DEFAULT_ACCOUNT, Iys, IysAccount, NetgsmAccount, Providers, TwilioAccount, TwilioAuth,
    TwilioFrom, WhatsappAccount,
};
pub use reader::Shown;
use reader::{ReadFile, Reader, Reported};
use schemas::{ClinicId, ConsentRule};
pub use secret::{Address, MasterKey};
pub use sources::{DEFAULT, FILE_IN_PLACE, FILE_VARIABLE, Sources};
pub use values::QuietHours;
pub use whatsapp::{MappedButton, MappedTemplate};

/// All settings, typed and checked. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[database]`
    pub database: Database,
    /// `[broker]`
    pub broker: Broker,
    /// `[gateway]`
    pub gateway: Gateway,
    /// `[worker]`
    pub worker: Worker,
    /// `[scheduler]`
    pub scheduler: Scheduler,
    /// `[providers]`
    pub providers: Providers,
    /// `[clinics.<id>]`
    pub clinics: BTreeMap<ClinicId, Clinic>,
    /// `[types]`
    pub types: Types,
    /// `[consent]`
    pub consent: Consent,
    /// `[route]`
    pub route: Route,
    /// `[whatsapp.templates.<name>]`: approved templates, by the name that the configuration gives each.
    pub templates: BTreeMap<String, MappedTemplate>,
    /// `[reconcile]`
    pub reconcile: Reconcile,
    /// `[log]`
    pub log: Log,
    /// `telemetry.otlp_endpoint`: where attempts are told of as spans.
    pub otlp_endpoint: Option<String>,
    /// Every value with its origin, as `config show` prints it.
    shown: Vec<Shown>,
}

impl Config {
    /// Makes the configuration out of its sources. `types` are the event types' own consent rules; secrets that stand
    /// in files of their own are read by `read_file`. Nothing else is touched: same arguments, same result.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of the manual, unknown keys last.
    pub fn load(
        sources: &Sources,
        types: &TypeRules,
        read_file: ReadFile<'_>,
    ) -> Result<Self, Vec<ConfigError>> {
        let names: BTreeSet<&str> = types.keys().map(String::as_str).collect();
        let mut reader = Reader::new(sources::merge(sources, &names)?, read_file);
        reader.home = sources.home();
        match Self::read(&mut reader, types) {
            Ok(config) if reader.errors.is_empty() => Ok(Self { shown: reader.shown, ..config }),
            _ => Err(reader.errors),
        }
    }

    /// The folder of the operator's own event types and where that is said; it must be known before the rest can be read: clinics have
    /// rules for types.
    ///
    /// # Errors
    /// Sources that cannot be read at all, or a wrong `types.folder`.
    pub fn types_folder(
        sources: &Sources,
        read_file: ReadFile<'_>,
    ) -> Result<Option<(PathBuf, Origin)>, Vec<ConfigError>> {
        let mut reader = Reader::new(sources::merge(sources, &BTreeSet::new())?, read_file);
        let Ok(types) = process::types(&mut reader) else { return Err(reader.errors) };
        Ok(types.folder.map(|folder| (folder, reader.origin(process::TYPES_FOLDER, &[]))))
    }

    /// Reads every section before the first error ends it, so that all errors are listed.
    fn read(r: &mut Reader<'_>, types: &TypeRules) -> Result<Self, Reported> {
        let database = database::read(r);
        let broker = process::broker(r);
        let gateway = process::gateway(r);
        let worker = process::worker(r);
        let scheduler = process::scheduler(r);
        let providers = providers::read(r);
        let clinics = clinics::read(r, types);
        let own_types = process::types(r);
        let consent = process::consent(r);
        let route = process::route(r);
        let templates = whatsapp::templates(r, types);
        let reconcile = process::reconcile(r);
        let log = process::log(r);
        let otlp_endpoint = r.optional("telemetry.otlp_endpoint", &[], values::base_url);
        r.finish();
        Ok(Self {
            database: database?,
            broker: broker?,
            gateway: gateway?,
            worker: worker?,
            scheduler: scheduler?,
            providers: providers?,
            clinics: clinics?,
            types: own_types?,
            consent: consent?,
            route: route?,
            templates: templates?,
            reconcile: reconcile?,
            log: log?,
            otlp_endpoint: otlp_endpoint?,
            shown: Vec::new(),
        })
    }

    /// Where the value of a key comes from.
    pub fn origin_of(&self, key: &str) -> Origin {
        let shown = self.shown.iter().find(|shown| shown.key == key);
        shown.map_or(Origin::Unset, |shown| shown.origin.clone())
    }

    /// Every value with its origin: secrets replaced, passwords in addresses masked.
    pub fn values(&self) -> &[Shown] {
        &self.shown
    }
}
