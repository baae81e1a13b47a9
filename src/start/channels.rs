//! WhatsApp's part of the configuration, as the crates want it: numbers, templates, the order of channels.

use std::collections::BTreeMap;

use providers::meta::ButtonKind;
use providers::template::WantedButton;
use schemas::Channel;
use secrecy::ExposeSecret as _;
use templates::Renderer;
use worker::settings::{Provider, SendLane, Template, WhatsappAccount};

use crate::commands::{Failure, Settings};
use crate::config::{
    Clinic, Config, ConfigError, DEFAULT_ACCOUNT, MappedTemplate, TwilioAccount, WhatsappProvider,
};

/// The numbers at Meta.
pub(super) fn whatsapp(config: &Config) -> BTreeMap<String, WhatsappAccount> {
    let account = |(name, of): (&String, &crate::config::WhatsappAccount)| {
        let mut account =
            providers::meta::Account::new(name, &of.phone_number_id, of.access_token.clone());
        account.base_url.clone_from(&of.base_url);
        account.version.clone_from(&of.version);
        account.business_account_id.clone_from(&of.business_account_id);
        let max_per_s = of.max_per_s.map(std::num::NonZeroU32::get);
        // the same as in `hooks`: an account other than `default` is called at a path of its own
        let has_path = of.webhook_token.is_some() || name == DEFAULT_ACCOUNT;
        let is_told = config.gateway.public_url.is_some() && of.app_secret.is_some() && has_path;
        (name.clone(), WhatsappAccount { account, max_per_s, is_told })
    };
    config.providers.whatsapp.iter().map(account).collect()
}

/// A Twilio account as it sends over WhatsApp.
pub(super) fn twilio_whatsapp(
    account: &TwilioAccount,
    as_sms: providers::twilio::Account,
) -> Option<providers::twilio::Account> {
    let from = providers::twilio::From::WhatsApp(account.whatsapp_from.clone()?);
    Some(providers::twilio::Account { from, ..as_sms })
}

/// What Twilio is told to call again for, five times: no connection, no answer, 503 (`facts/twilio_turkeysms_smsala.md` A3). By itself
/// it would call again once, and only where there was no connection.
const AGAIN: &str = "#rc=5&rp=5xx,ct,rt";

/// Where Twilio calls back for an account: nowhere, if nobody outside can reach us, nobody could believe the call, or the path would
/// not say which account is meant.
pub(super) fn status_callback(config: &Config, account: &TwilioAccount) -> Option<String> {
    let root = config.gateway.public_url.as_ref()?;
    account.auth_token.as_ref()?;
    let path = format!("{root}/v1/webhooks/twilio/status");
    match &account.webhook_token {
        Some(token) => Some(format!("{path}/{}{AGAIN}", token.expose_secret())),
        None => (account.name == DEFAULT_ACCOUNT).then(|| format!("{path}{AGAIN}")),
    }
}

pub(super) fn provider(provider: WhatsappProvider) -> Provider {
    match provider {
        WhatsappProvider::Whatsapp => Provider::Whatsapp,
        WhatsappProvider::Twilio => Provider::Twilio,
    }
}

/// The mapped templates.
pub(super) fn templates(config: &Config) -> Vec<Template> {
    config.templates.values().map(template).collect()
}

fn template(mapped: &MappedTemplate) -> Template {
    let button = |button: &crate::config::MappedButton| {
        let kind = if button.is_url { ButtonKind::Url } else { ButtonKind::QuickReply };
        (WantedButton { index: button.index, kind }, button.value.clone())
    };
    Template {
        name: mapped.name.clone(),
        event_type: mapped.event_type.clone(),
        language: mapped.language,
        provider: provider(mapped.provider),
        template: mapped.template.clone(),
        vendor_language: mapped.vendor_language.clone(),
        parameters: mapped.parameters.clone(),
        buttons: mapped.buttons.iter().map(button).collect(),
        clinics: mapped.clinics.clone(),
    }
}

/// A clinic's own order of channels, else that of the installation; empty: each type's own.
pub(super) fn order(config: &Config, clinic: &Clinic) -> Vec<Channel> {
    let order = clinic.channels.as_ref().or(config.route.channels.as_ref());
    order.cloned().unwrap_or_default()
}

/// The names of a clinic's lanes, for the release: those of text messages first, unless WhatsApp is the clinic's first channel and a
/// template is mapped. Which one a message takes its worker decides.
pub(super) fn lanes(worker: &worker::Settings, clinic: &worker::settings::Clinic) -> Vec<String> {
    let has_template = |lane: &SendLane| {
        worker.templates.iter().any(|template| {
            template.provider == lane.provider
                && (template.clinics.is_empty() || template.clinics.contains(&clinic.face.id))
        })
    };
    let sms = worker.lanes(Channel::Sms, clinic);
    let mut whatsapp = worker.lanes(Channel::Whatsapp, clinic);
    whatsapp.retain(has_template);
    let (first, then) = match clinic.channels.first() {
        Some(Channel::Whatsapp) => (whatsapp, sms),
        _ => (sms, whatsapp),
    };
    first.into_iter().chain(then).map(|lane| lane.name).collect()
}

/// Makes the values of all mapped templates ready. Each that cannot be made names its key.
///
/// # Errors
/// Everything that is wrong with them: exit code 64.
pub fn map_templates(
    renderer: &mut Renderer,
    settings: &Settings,
    templates: &[Template],
) -> Result<(), Failure> {
    let mut errors = vec![];
    for template in templates {
        // the configuration names only types that there are
        let Some(event_type) = settings.registry.get(&template.event_type) else { continue };
        let problems = renderer.map(event_type, &template.wanted()).err().unwrap_or_default();
        errors.extend(problems.into_iter().map(|it| {
            let button = it.index.checked_sub(template.parameters.len());
            let (list, number) = match button {
                Some(button) => ("buttons", button + 1),
                None => ("parameters", it.index + 1),
            };
            let key = format!("whatsapp.templates.{}.{list}", template.name);
            let origin = settings.config.origin_of(&key);
            ConfigError::new(key, origin, format!("value {number}: {}", it.problem))
        }));
    }
    if errors.is_empty() { Ok(()) } else { Err(Failure::Config(errors)) }
}

/// Whether the values of all mapped templates can be made. Costs nothing where none is mapped.
///
/// # Errors
/// As [`map_templates`], and texts that do not load.
pub fn check_templates(settings: &Settings) -> Result<(), Failure> {
    let templates = templates(&settings.config);
    if templates.is_empty() {
        return Ok(());
    }
    let own = settings.config.types.folder.as_deref();
    let folders = super::clinic_folders(&settings.config);
    let mut renderer = Renderer::load_with(&settings.registry, own, &folders)
        .map_err(|error| Failure::Failed(error.into()))?;
    map_templates(&mut renderer, settings, &templates)
}
