//! What mapped templates of WhatsApp need: a provider that is used, an account with a number, clinics that there are.

use schemas::Channel;
use secrecy::{ExposeSecret, SecretString};

use super::super::clinics::Clinic;
use super::super::error::ConfigError;
use super::super::process::WhatsappProvider;
use super::super::{Config, MappedTemplate, values};

impl Config {
    /// Templates that nothing could ever send.
    pub(super) fn needs_templates(&self, errors: &mut Vec<ConfigError>) {
        for template in self.templates.values() {
            let key = |rest: &str| format!("whatsapp.templates.{}.{rest}", template.name);
            if !self.route.whatsapp.contains(&template.provider) {
                let problem = format!(
                    "is \"{0}\", which route.whatsapp does not name; add \"{0}\" there, or map the template to another provider",
                    template.provider.as_str()
                );
                errors.push(self.missing(&key("provider"), problem));
            }
            let unknown = template.clinics.iter().find(|id| !self.clinics.contains_key(*id));
            if let Some(id) = unknown {
                let problem = format!(
                    "names the clinic \"{id}\", which is not described; use one of {}",
                    self.clinics
                        .keys()
                        .map(|id| format!("\"{id}\""))
                        .collect::<Vec<_>>()
                        .join(", ")
                );
                errors.push(self.missing(&key("clinics"), problem));
            }
        }
    }

    /// Two accounts that nobody outside could tell apart: one number with two caps, one path for two accounts' webhooks.
    pub(super) fn needs_accounts_apart(&self, errors: &mut Vec<ConfigError>) {
        let key = |provider: &str, account: &str, rest: &str| {
            if account == super::super::DEFAULT_ACCOUNT {
                format!("providers.{provider}.{rest}")
            } else {
                format!("providers.{provider}.accounts.{account}.{rest}")
            }
        };
        let mut apart = |provider: &str, rest: &str, of: Vec<(&String, Option<&str>)>| {
            let mut seen: Vec<(&str, &String)> = vec![];
            for (account, value) in of {
                let Some(value) = value else { continue };
                match seen.iter().find(|(known, _)| *known == value) {
                    Some((_, first)) => errors.push(self.missing(
                        &key(provider, account, rest),
                        format!("is the same as that of account \"{first}\"; give each its own"),
                    )),
                    None => seen.push((value, account)),
                }
            }
        };
        let providers = &self.providers;
        let ids = providers.whatsapp.iter().map(|(name, of)| (name, Some(&*of.phone_number_id)));
        apart("whatsapp", "phone_number_id", ids.collect());
        let tokens =
            providers.whatsapp.iter().map(|(name, of)| (name, exposed(of.webhook_token.as_ref())));
        apart("whatsapp", "webhook_token", tokens.collect());
        let tokens =
            providers.twilio.iter().map(|(name, of)| (name, exposed(of.webhook_token.as_ref())));
        apart("twilio", "webhook_token", tokens.collect());
        let tokens =
            providers.netgsm.iter().map(|(name, of)| (name, exposed(of.webhook_token.as_ref())));
        apart("netgsm", "webhook_token", tokens.collect());
    }

    /// Without a legal basis a clinic does not use WhatsApp, which is no mistake as long as another channel is left to it.
    pub(super) fn needs_whatsapp(&self, clinic: &Clinic, errors: &mut Vec<ConfigError>) {
        let id = clinic.face.id.as_str();
        let is_for = |template: &&MappedTemplate| {
            template.clinics.is_empty() || template.clinics.contains(&clinic.face.id)
        };
        let templates: Vec<_> = self.templates.values().filter(is_for).collect();
        let order = clinic.channels.as_ref().or(self.route.channels.as_ref());
        if order.is_some_and(|order| !order.contains(&Channel::Sms)) {
            if clinic.transfer_abroad.is_none() {
                let problem = "is missing, and WhatsApp, the only channel of this clinic, is outside Türkiye; give the legal basis in words, or add \"sms\" to its channels";
                errors.push(self.missing(&format!("clinics.{id}.transfer_abroad"), problem));
            }
            if templates.is_empty() {
                let problem = "is empty, and WhatsApp, the only channel of a clinic, takes approved templates only; map one, or add \"sms\" to its channels";
                errors.push(self.missing("whatsapp.templates", problem));
            }
        }
        if clinic.transfer_abroad.is_none() {
            return;
        }
        let uses = |provider| templates.iter().any(|template| template.provider == provider);
        let account = &clinic.whatsapp_account;
        if uses(WhatsappProvider::Whatsapp) && !self.providers.whatsapp.contains_key(account) {
            let known = values::choices(&self.providers.whatsapp);
            errors.push(self.no_account(id, "whatsapp", account, &known));
        }
        if uses(WhatsappProvider::Twilio) {
            self.needs_twilio_whatsapp(clinic, errors);
        }
    }

    fn needs_twilio_whatsapp(&self, clinic: &Clinic, errors: &mut Vec<ConfigError>) {
        let (id, name) = (clinic.face.id.as_str(), &clinic.twilio_account);
        match self.providers.twilio.get(name) {
            None => {
                let known = values::choices(&self.providers.twilio);
                errors.push(self.no_account(id, "twilio", name, &known));
            }
            Some(account) if account.whatsapp_from.is_none() => {
                let key = if name == super::super::DEFAULT_ACCOUNT {
                    "providers.twilio.whatsapp_from".to_owned()
                } else {
                    format!("providers.twilio.accounts.{name}.whatsapp_from")
                };
                let problem = "is missing, and a template of WhatsApp is mapped to \"twilio\"; use the number that it is sent from";
                errors.push(self.missing(&key, problem));
            }
            Some(_) => {}
        }
    }
}

fn exposed(token: Option<&SecretString>) -> Option<&str> {
    token.map(ExposeSecret::expose_secret)
}
