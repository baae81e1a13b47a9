//! What a command needs beyond a well-formed configuration. All of it is said before a port is bound.

use std::collections::BTreeSet;

use super::clinics::Clinic;
use super::error::{ConfigError, Origin};
use super::process::{ConsentSource, POSTGRES, SmsProvider};
use super::{Config, ConsentRule, TypeRules, values};

/// What somebody is about to do with the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// `ulak worker`: database, key, broker, and for each clinic whoever serves it.
    Worker,
    /// `ulak scheduler`: database, key, broker.
    Scheduler,
    /// `ulak publish`: the broker.
    Publish,
    /// `ulak migrate`: the database, and the key that the ledger is bound to.
    Migrate,
    /// `ulak log`, `ulak dead-letter`: database, and the key that opens what was said.
    Records,
}

impl Config {
    /// Checks that nothing is missing for `purpose`. `types` are the event types' own consent rules.
    ///
    /// # Errors
    /// Everything that is missing, each with its key.
    pub fn check_for(&self, purpose: Purpose, types: &TypeRules) -> Result<(), Vec<ConfigError>> {
        let mut errors = Vec::new();
        if purpose != Purpose::Publish {
            errors.extend(self.needs_postgres());
        }
        if purpose != Purpose::Publish {
            errors.extend(self.needs_master_key());
        }
        if matches!(purpose, Purpose::Worker | Purpose::Scheduler | Purpose::Publish) {
            errors.extend(self.needs_broker(purpose));
        }
        if purpose == Purpose::Worker {
            self.needs_providers(types, &mut errors);
        }
        // Two clinics on one account miss the same key: it is said once.
        let mut keys = BTreeSet::new();
        errors.retain(|error| keys.insert(error.key.clone()));
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    fn needs_postgres(&self) -> Option<ConfigError> {
        let found = self.database.url.scheme();
        (!POSTGRES.contains(&found)).then(|| {
            self.missing("database.url", format!("is {found}://, which comes with a later release; use postgres://USER@HOST/DATABASE"))
        })
    }

    fn needs_master_key(&self) -> Option<ConfigError> {
        let problem = "is missing; use 32 random bytes as base64 (`openssl rand -base64 32`), or database.master_key_file";
        self.database.master_key.is_none().then(|| self.missing("database.master_key", problem))
    }

    fn needs_broker(&self, purpose: Purpose) -> Option<ConfigError> {
        let problem = match purpose {
            Purpose::Worker | Purpose::Scheduler => {
                "is \"none\", and the mode without a broker comes with a later release; use amqp://USER:PASSWORD@HOST/%2f"
            }
            _ => {
                "is \"none\", so there is nowhere to publish to; use amqp://USER:PASSWORD@HOST/%2f"
            }
        };
        self.broker.url.is_none().then(|| self.missing("broker.url", problem))
    }

    fn needs_providers(&self, types: &TypeRules, errors: &mut Vec<ConfigError>) {
        if self.clinics.is_empty() {
            errors.push(ConfigError::new(
                "clinics",
                Origin::Unset,
                "is empty; describe a clinic under [clinics.<id>]",
            ));
        }
        for clinic in self.clinics.values() {
            if self.route.sms.contains(&SmsProvider::Netgsm) {
                self.needs_netgsm(clinic, errors);
            }
            if self.consent.source == ConsentSource::Iys && asks_anybody(clinic, types) {
                self.needs_iys(clinic, errors);
            }
        }
    }

    fn needs_netgsm(&self, clinic: &Clinic, errors: &mut Vec<ConfigError>) {
        let id = clinic.face.id.as_str();
        match self.providers.netgsm.get(&clinic.netgsm_account) {
            None => errors.push(self.no_account(
                id,
                "netgsm",
                &clinic.netgsm_account,
                &values::choices(&self.providers.netgsm),
            )),
            Some(account) if clinic.sender.is_none() && account.sender.is_none() => {
                let problem = "is missing, and the clinic's account has none either; use a sender name that Netgsm approved";
                errors.push(self.missing(&format!("clinics.{id}.sender"), problem));
            }
            Some(_) => {}
        }
    }

    fn needs_iys(&self, clinic: &Clinic, errors: &mut Vec<ConfigError>) {
        if !self.providers.iys.accounts.contains_key(&clinic.iys_account) {
            let known = values::choices(&self.providers.iys.accounts);
            errors.push(self.no_account(
                clinic.face.id.as_str(),
                "iys",
                &clinic.iys_account,
                &known,
            ));
        }
    }

    /// The clinic's account is not there: the account's own key is at fault, or the clinic's choice.
    fn no_account(&self, clinic: &str, provider: &str, account: &str, known: &str) -> ConfigError {
        if account == super::DEFAULT_ACCOUNT {
            let rest = if provider == "iys" {
                ", password, iys_code and brand_code"
            } else {
                " and password"
            };
            return self.missing(
                &format!("providers.{provider}.username"),
                format!("is missing; clinic {clinic} uses this account: set its username{rest}"),
            );
        }
        let known = if known.is_empty() {
            "there are none".to_owned()
        } else {
            format!("use one of {known}")
        };
        self.missing(
            &format!("clinics.{clinic}.accounts.{provider}"),
            format!("\"{account}\" is no account under [providers.{provider}.accounts]; {known}"),
        )
    }

    fn missing(&self, key: &str, problem: impl AsRef<str>) -> ConfigError {
        let origin = self
            .shown
            .iter()
            .find(|shown| shown.key == key)
            .map_or(Origin::Unset, |shown| shown.origin.clone());
        ConfigError::new(key, origin, problem)
    }
}

/// Whether any type of this clinic is sent only after somebody was asked.
fn asks_anybody(clinic: &Clinic, types: &TypeRules) -> bool {
    types.iter().any(|(name, own)| {
        let rule = clinic.consent.get(name).map_or(*own, |own| own.rule);
        rule != ConsentRule::None
    })
}
