//! Mapped templates of WhatsApp beside what their vendors list as approved: at start, every now and then, and for `ulak doctor`.
//!
//! A template that takes other values than the vendor approved, or that it does not have, would fail with every message: the start is
//! refused. One that the vendor paused, or a vendor that does not answer, keeps nobody from starting: text messages go on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use providers::template::{Listed, Misfit, compare};
use providers::{ClientError, Limits, ProbeTrouble};
use schemas::Channel;
use tokio_util::sync::CancellationToken;
use worker::Settings;
use worker::settings::{Provider, Template};

use crate::config::{Config, ConfigError};

/// Longest that a start waits for the vendors' lists.
const AT_START: Duration = Duration::from_secs(5);
/// When a vendor that did not answer is asked again, and when one that did.
const AGAIN: Duration = Duration::from_secs(30);
const LATER: Duration = Duration::from_hours(1);
/// How long a vendor may take where nobody waits for it: a list has many pages.
pub const LONGEST: Duration = Duration::from_mins(2);

/// A vendor's account and the mapped templates that clinics use there.
type Accounts<'a> = BTreeMap<(Provider, &'a str), Vec<&'a Template>>;

/// What was found about the templates of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// All of them are approved as they are mapped.
    Agrees {
        /// How many.
        count: usize,
    },
    /// Some do not fit; by the template's name in the configuration.
    Misfits(Vec<(String, Misfit)>),
    /// The vendor could not be asked, in words.
    NotAsked(String),
}

impl Found {
    /// In a few words.
    pub fn said(&self) -> String {
        match self {
            Self::Agrees { count } => format!("{count} agree"),
            Self::Misfits(misfits) => {
                let all: Vec<String> = misfits.iter().map(|(_, it)| it.to_string()).collect();
                all.join("; ")
            }
            Self::NotAsked(why) => format!("not checked: {why}"),
        }
    }
}

/// What is known of each account's templates, by `provider account`.
#[derive(Debug, Default)]
pub struct Approved(Mutex<BTreeMap<String, Found>>);

/// Templates with which nothing may start; exit code 64.
#[derive(Debug, thiserror::Error)]
#[error("templates do not fit what their vendors approved")]
pub struct Unfit(pub Vec<ConfigError>);

impl Approved {
    /// What is known, in words, by `provider account`.
    pub fn said(&self) -> BTreeMap<String, String> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().map(|(account, found)| (account.clone(), found.said())).collect()
    }

    /// Asks at the start.
    ///
    /// # Errors
    /// A template that a vendor does not have, or that takes other values there.
    pub async fn at_start(&self, told: &Settings, config: &Config) -> Result<(), Unfit> {
        let found = look(told, AT_START).await;
        let unfit = unfit(&found, config);
        self.now_is(found);
        if unfit.is_empty() { Ok(()) } else { Err(Unfit(unfit)) }
    }

    /// Asks again until the stop: soon where a vendor did not answer, later where it did.
    pub async fn keep_asking(&self, told: &Settings, stop: &CancellationToken) {
        // doubles: an account that cannot be asked at all is no reason to ask the others every half minute
        let mut again = AGAIN;
        loop {
            let silent = {
                let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                if known.is_empty() {
                    return;
                }
                known.values().any(|found| matches!(found, Found::NotAsked(_)))
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(if silent { again } else { LATER }) => {}
            }
            again = if silent { (again * 2).min(LATER) } else { AGAIN };
            self.now_is(look(told, LONGEST).await);
        }
    }

    /// Keeps what was found, and says what is new of it.
    fn now_is(&self, found: BTreeMap<String, Found>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (account, found) in &found {
            if known.get(account) == Some(found) {
                continue;
            }
            let said = found.said();
            match found {
                Found::Agrees { .. } => tracing::info!(
                    account,
                    said,
                    "templates of WhatsApp are approved as they are mapped"
                ),
                Found::NotAsked(_) => tracing::warn!(
                    account,
                    said,
                    "templates of WhatsApp could not be compared with what is approved: they are used as they are, and compared later"
                ),
                Found::Misfits(_) => tracing::error!(
                    alert = "template",
                    account,
                    said,
                    "templates of WhatsApp are not as their vendor approved them: their messages go by the next channel"
                ),
            }
        }
        *known = found;
    }
}

/// What keeps a start from going on: paused and rejected ones may be so for an hour.
fn unfit(found: &BTreeMap<String, Found>, config: &Config) -> Vec<ConfigError> {
    let mut errors = vec![];
    for (account, found) in found {
        let Found::Misfits(misfits) = found else { continue };
        for (name, misfit) in misfits.iter().filter(|(_, it)| !is_of_state(it)) {
            let key = format!("whatsapp.templates.{name}");
            let origin = config.origin_of(&format!("{key}.template"));
            errors.push(ConfigError::new(key, origin, format!("{misfit} (account {account})")));
        }
    }
    errors
}

/// Whether a template is only not approved now.
pub fn is_of_state(misfit: &Misfit) -> bool {
    matches!(misfit, Misfit::NotApproved { .. })
}

/// Asks every vendor for its list and compares, by `provider account`. All at once, each for so long at most: one that does not answer
/// hides nothing of the others.
pub async fn look(told: &Settings, within: Duration) -> BTreeMap<String, Found> {
    let asked = accounts(told).into_iter().map(async |((provider, account), templates)| {
        let listed = tokio::time::timeout(within, listed(told, provider, account)).await;
        let found = match listed {
            Ok(Ok(listed)) => compared(&templates, &listed),
            Ok(Err(why)) => Found::NotAsked(why),
            Err(_) => Found::NotAsked(format!("no answer within {} s", within.as_secs())),
        };
        (called(provider, account), found)
    });
    futures::future::join_all(asked).await.into_iter().collect()
}

fn called(provider: Provider, account: &str) -> String {
    format!("{} {account}", provider.as_str())
}

/// The accounts that clinics send templates with, each with those that they use.
fn accounts(told: &Settings) -> Accounts<'_> {
    let mut accounts: Accounts<'_> = BTreeMap::new();
    for (id, clinic) in &told.clinics {
        for lane in told.lanes(Channel::Whatsapp, clinic) {
            let kinds: BTreeSet<_> = told
                .templates
                .iter()
                .filter(|template| template.provider == lane.provider)
                .map(|template| (&template.event_type, template.language.as_str()))
                .collect();
            let account = match lane.provider {
                Provider::Twilio => clinic.twilio.as_str(),
                Provider::Whatsapp | Provider::Netgsm => clinic.whatsapp.as_str(),
            };
            for (event_type, language) in kinds {
                let language = schemas::Language::parse(language).unwrap_or_default();
                let used = told.template(lane.provider, id, event_type, language);
                let of_account = accounts.entry((lane.provider, account)).or_default();
                if let Some(used) = used.filter(|used| !of_account.contains(used)) {
                    of_account.push(used);
                }
            }
        }
    }
    accounts.retain(|_, templates| !templates.is_empty());
    accounts
}

fn compared(templates: &[&Template], listed: &[Listed]) -> Found {
    let misfit = |template: &&Template| {
        let misfit = compare(&template.compared(), listed).err()?;
        Some((template.name.clone(), misfit))
    };
    let misfits: Vec<_> = templates.iter().filter_map(misfit).collect();
    if misfits.is_empty() {
        return Found::Agrees { count: templates.len() };
    }
    Found::Misfits(misfits)
}

/// What a vendor lists, or why it could not be asked.
async fn listed(told: &Settings, provider: Provider, account: &str) -> Result<Vec<Listed>, String> {
    let limits = Limits::default();
    let client = |error: ClientError| error.to_string();
    let asked = match provider {
        Provider::Whatsapp => {
            let account = told.whatsapp.get(account).ok_or("the account is not configured")?;
            let meta = providers::meta::Client::new(account.account.clone(), limits);
            meta.map_err(client)?.all_templates().await
        }
        Provider::Twilio => {
            let account = told.twilio.get(account).and_then(|of| of.whatsapp.clone());
            let account = account.ok_or("the account has no sender on WhatsApp")?;
            let twilio = providers::twilio::Client::new(account, limits);
            twilio.map_err(client)?.all_templates().await
        }
        Provider::Netgsm => return Err("Netgsm lists no templates".to_owned()),
    };
    asked.map_err(|trouble: ProbeTrouble| trouble.to_string())
}
