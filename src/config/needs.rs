//! What a command needs beyond a well-formed configuration. All of it is said before a port is bound.

mod whatsapp;

use std::collections::BTreeSet;

use super::clinics::Clinic;
use super::error::{ConfigError, Origin};
use super::process::{ConsentSource, SmsProvider};
use super::{Config, ConsentRule, TypeRules, values};

/// What somebody is about to do with the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// `ulak up`: a database of either kind, key, and for each clinic whoever serves it.
    Up,
    /// `ulak worker`: PostgreSQL, key, and for each clinic whoever serves it.
    Worker,
    /// `ulak scheduler`: PostgreSQL, key.
    Scheduler,
    /// `ulak gateway`: PostgreSQL, key, clinics.
    Gateway,
    /// `ulak publish`: the broker; without one the ledger, and the key that seals what goes in.
    Publish,
    /// `ulak migrate`: the database, and the key that the ledger is bound to.
    Migrate,
    /// `ulak log`, `ulak schedule`, `ulak dead-letter`, `ulak token`: database, and the key that opens what was said.
    Records,
}

impl Config {
    /// The processes that the database is for: a SQLite file has one that does everything, and on PostgreSQL it needs what a
    /// worker needs.
    pub fn processes(&self) -> &'static [Purpose] {
        match self.database.file {
            Some(_) => &[Purpose::Up],
            None => &[Purpose::Worker, Purpose::Scheduler],
        }
    }

    /// Checks that nothing is missing for `purpose`. `types` are the event types' own consent rules.
    ///
    /// # Errors
    /// Everything that is missing, each with its key.
    pub fn check_for(&self, purpose: Purpose, types: &TypeRules) -> Result<(), Vec<ConfigError>> {
        let mut errors = Vec::new();
        let process = match purpose {
            Purpose::Worker => Some("worker"),
            Purpose::Scheduler => Some("scheduler"),
            Purpose::Gateway => Some("gateway"),
            Purpose::Up | Purpose::Publish | Purpose::Migrate | Purpose::Records => None,
        };
        errors.extend(process.and_then(|process| self.needs_postgres(process)));
        errors.extend(self.needs_master_key(purpose));
        if matches!(purpose, Purpose::Up | Purpose::Worker | Purpose::Gateway) {
            errors.extend(self.needs_clinics());
        }
        if matches!(purpose, Purpose::Up | Purpose::Worker) {
            self.needs_providers(types, &mut errors);
        }
        if purpose == Purpose::Up && self.clinics.is_empty() {
            self.needs_first_accounts(&mut errors);
        }
        // Two clinics on one account miss the same key: it is said once.
        let mut keys = BTreeSet::new();
        errors.retain(|error| keys.insert(error.key.clone()));
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// A SQLite file has one process that sends: what others of it would hold ready, nobody else could see.
    fn needs_postgres(&self, process: &str) -> Option<ConfigError> {
        self.database.file.as_ref().map(|_| {
            let problem = format!(
                "is a SQLite file, and a {process} of its own needs PostgreSQL; start `ulak up`, the process for a SQLite file, or use postgres://USER@HOST/DATABASE"
            );
            self.missing("database.url", problem)
        })
    }

    fn needs_master_key(&self, purpose: Purpose) -> Option<ConfigError> {
        const USE: &str = "use 32 random bytes as base64 (`openssl rand -base64 32`), or database.master_key_file";
        let problem = match (purpose, &self.broker.url) {
            (Purpose::Publish, Some(_)) => return None,
            (Purpose::Publish, None) => format!(
                "is missing, and with broker.url = \"none\" an event goes straight into the ledger; {USE}, or set broker.url"
            ),
            _ => format!("is missing; {USE}"),
        };
        self.database.master_key.is_none().then(|| self.missing("database.master_key", problem))
    }

    fn needs_clinics(&self) -> Option<ConfigError> {
        let problem = "is empty; describe a clinic under [clinics.<id>]";
        self.clinics.is_empty().then(|| ConfigError::new("clinics", Origin::Unset, problem))
    }

    /// Before there is a clinic: what the first one will need, so that all of it can be filled in at once.
    fn needs_first_accounts(&self, errors: &mut Vec<ConfigError>) {
        let has_netgsm = self.providers.netgsm.contains_key(super::DEFAULT_ACCOUNT);
        if self.route.sms.contains(&SmsProvider::Netgsm) && !has_netgsm {
            let problem = "is missing; set its username, password and sender";
            errors.push(self.missing("providers.netgsm.username", problem));
        }
        let has_iys = self.providers.iys.accounts.contains_key(super::DEFAULT_ACCOUNT);
        if self.consent.source == ConsentSource::Iys && !has_iys {
            let problem = "is missing; set its username, password, iys_code and brand_code, or ask somebody else with consent.source";
            errors.push(self.missing("providers.iys.username", problem));
        }
    }

    fn needs_providers(&self, types: &TypeRules, errors: &mut Vec<ConfigError>) {
        self.needs_templates(errors);
        self.needs_accounts_apart(errors);
        for clinic in self.clinics.values() {
            self.needs_whatsapp(clinic, errors);
            if self.route.sms.contains(&SmsProvider::Netgsm) {
                self.needs_netgsm(clinic, errors);
            }
            if self.route.sms.contains(&SmsProvider::Twilio) {
                self.needs_twilio(clinic, errors);
            }
            if asks_anybody(clinic, types) {
                match self.consent.source {
                    ConsentSource::Iys => self.needs_iys(clinic, errors),
                    ConsentSource::Netgsm => self.needs_netgsm_brand(clinic, errors),
                    // nobody outside: what the clinic's own people wrote down
                    ConsentSource::Registry => {}
                }
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

    /// Without a legal basis a clinic does not use Twilio, which is no mistake as long as another provider serves it.
    fn needs_twilio(&self, clinic: &Clinic, errors: &mut Vec<ConfigError>) {
        let id = clinic.face.id.as_str();
        if clinic.transfer_abroad.is_none() {
            if self.route.sms.iter().all(|provider| provider.is_abroad()) {
                let problem = "is missing, and every provider of route.sms is outside Türkiye, so nobody may serve this clinic; give the legal basis in words, or add \"netgsm\" to route.sms";
                errors.push(self.missing(&format!("clinics.{id}.transfer_abroad"), problem));
            }
        } else if !self.providers.twilio.contains_key(&clinic.twilio_account) {
            let known = values::choices(&self.providers.twilio);
            errors.push(self.no_account(id, "twilio", &clinic.twilio_account, &known));
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

    /// Netgsm's İYS service is asked with the account that serves the clinic, also where another provider sends.
    fn needs_netgsm_brand(&self, clinic: &Clinic, errors: &mut Vec<ConfigError>) {
        let name = &clinic.netgsm_account;
        match self.providers.netgsm.get(name) {
            None => {
                let known = values::choices(&self.providers.netgsm);
                errors.push(self.no_account(clinic.face.id.as_str(), "netgsm", name, &known));
            }
            Some(account) if account.iys_brand_code.is_none() => {
                let key = if name == super::DEFAULT_ACCOUNT {
                    "providers.netgsm.iys_brand_code".to_owned()
                } else {
                    format!("providers.netgsm.accounts.{name}.iys_brand_code")
                };
                let problem = "is missing, and consent.source is \"netgsm\"; use the number of the clinic's brand at İYS";
                errors.push(self.missing(&key, problem));
            }
            Some(_) => {}
        }
    }

    /// The clinic's account is not there: the account's own key is at fault, or the clinic's choice.
    fn no_account(&self, clinic: &str, provider: &str, account: &str, known: &str) -> ConfigError {
        if account == super::DEFAULT_ACCOUNT {
            let (key, rest) = match provider {
                "iys" => ("username", ", password, iys_code and brand_code"),
                "whatsapp" => ("phone_number_id", ", access_token and business_account_id"),
                "twilio" => (
                    "account_sid",
                    ", auth_token (or api_key and api_secret) and from (or messaging_service_sid)",
                ),
                _ => ("username", " and password"),
            };
            return self.missing(
                &format!("providers.{provider}.{key}"),
                format!("is missing; clinic {clinic} uses this account: set its {key}{rest}"),
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
        ConfigError::new(key, self.origin_of(key), problem)
    }
}

/// Whether any type of this clinic is sent only after somebody was asked.
fn asks_anybody(clinic: &Clinic, types: &TypeRules) -> bool {
    types.iter().any(|(name, own)| rule(clinic, name, *own) != ConsentRule::None)
}

/// The clinic's rule for a type, which may be the type's own.
fn rule(clinic: &Clinic, name: &str, own: ConsentRule) -> ConsentRule {
    clinic.consent.get(name).map_or(own, |own| own.rule)
}
