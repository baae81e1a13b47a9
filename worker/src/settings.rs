//! What a worker is told: clinics, accounts, limits.

use crate::quiet::QuietHours;
use chrono::TimeDelta;
pub use providers::lane::{Provider, channel_of};
use providers::template::WantedButton;
use schemas::{Channel, ClinicId, ConsentRule, Language};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::time::Duration;
use templates::ClinicFace;

/// A clinic as the worker sees it.
#[derive(Debug, Clone)]
pub struct Clinic {
    /// What texts show of it.
    pub face: ClinicFace,
    /// Approved sender name; `None`: the account's own.
    pub sender: Option<String>,
    /// Whose Netgsm account serves it.
    pub netgsm: String,
    /// Whose Twilio account serves it, where it may be used.
    pub twilio: String,
    /// Whose number at Meta serves it, where it may be used.
    pub whatsapp: String,
    /// Whose İYS account and brand serve it.
    pub iys: String,
    /// In which order its channels are used, where a person names none; empty: the type's own order.
    pub channels: Vec<Channel>,
    /// After how long without a receipt the next channel is tried, by type, where it is not the type's own; `None`: never.
    pub fallback_after: BTreeMap<String, Option<Duration>>,
    /// `None`: any hour.
    pub quiet_hours: Option<QuietHours>,
    /// No second accepted reminder of one appointment and start within this.
    pub min_gap: TimeDelta,
    /// Consent rules that differ from the types' own.
    pub consent: BTreeMap<String, ClinicConsent>,
    /// The legal basis, in words, on which its patients' data may leave Türkiye; `None`: no provider abroad is used for it.
    pub transfer_abroad: Option<String>,
}

/// A clinic's own consent rule for a type.
#[derive(Debug, Clone)]
pub struct ClinicConsent {
    /// The rule.
    pub rule: ConsentRule,
    /// Its legal basis in words, recorded with each decision.
    pub basis: Option<String>,
}

/// A Netgsm account with what the pipeline needs to know of it.
#[derive(Debug, Clone)]
pub struct NetgsmAccount {
    /// Connection and credentials.
    pub account: providers::netgsm::Account,
    /// Sender for clinics that have none of their own.
    pub sender: Option<String>,
    /// Its reports repeat our reference, so that a number needs no slot.
    pub echoes_reference: bool,
    /// Cap in segments a second, shared by all workers; `None`: no cap.
    pub max_per_s: Option<u32>,
    /// Most messages of one job; 1: each goes alone (ADR 0011).
    pub batch: u32,
    /// Its İYS service; `None`: no brand is configured for it.
    pub consent: Option<NetgsmConsent>,
}

/// What Netgsm's İYS service is asked with (`facts/netgsm_iys.md` A7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetgsmConsent {
    /// The brand's number; digits.
    pub brand_code: String,
    /// Questions a minute, shared by all workers; `None`: no cap.
    pub max_per_minute: Option<u32>,
}

/// A Twilio account with what the pipeline needs to know of it. Twilio never repeats a reference of ours.
#[derive(Debug, Clone)]
pub struct TwilioAccount {
    /// Connection, credentials, and what it sends from.
    pub account: providers::twilio::Account,
    /// The same account sending over WhatsApp; `None`: it has no sender there.
    pub whatsapp: Option<providers::twilio::Account>,
    /// Cap in segments a second, shared by all workers and both channels; `None`: no cap.
    pub max_per_s: Option<u32>,
    /// Where Twilio reports what becomes of a message, with the account's token in it; `None`: nobody outside can call.
    pub status_callback: Option<SecretString>,
}

/// A number at Meta with what the pipeline needs to know of it.
#[derive(Debug, Clone)]
pub struct WhatsappAccount {
    /// Connection, ids and token.
    pub account: providers::meta::Account,
    /// Cap in messages a second, shared by all workers; `None`: no cap.
    pub max_per_s: Option<u32>,
    /// Its webhooks are taken: there is an address that Meta may call, and what it signs with is known.
    pub is_told: bool,
}

/// An approved template of WhatsApp, mapped to a type of event. Its values are the renderer's, under the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Its name in the configuration.
    pub name: String,
    /// The type of event that it carries.
    pub event_type: String,
    /// The recipients' language.
    pub language: Language,
    /// Where it is approved.
    pub provider: Provider,
    /// At Meta its name, at Twilio its `ContentSid`.
    pub template: String,
    /// Its language as the vendor writes it.
    pub vendor_language: String,
    /// What goes into `{{1}}`, `{{2}}`, …, as it is configured.
    pub parameters: Vec<String>,
    /// Its buttons that take a value, with the value as it is configured.
    pub buttons: Vec<(WantedButton, String)>,
    /// The clinics that it is for; empty: all.
    pub clinics: Vec<ClinicId>,
}

impl Template {
    /// What records call it: `whatsapp:randevu_hatirlatma/tr`.
    pub fn label(&self) -> String {
        format!("{}:{}/{}", self.provider.as_str(), self.template, self.vendor_language)
    }

    /// As the renderer wants it: the parameters, then the values of buttons.
    pub fn wanted(&self) -> templates::Wanted {
        let buttons = self.buttons.iter().map(|(_, value)| value);
        templates::Wanted {
            name: self.name.clone(),
            label: self.label(),
            language: self.language,
            clinics: self.clinics.clone(),
            values: self.parameters.iter().chain(buttons).cloned().collect(),
        }
    }

    /// As it is compared with what its vendor lists.
    pub fn compared(&self) -> providers::template::Wanted {
        providers::template::Wanted {
            name: self.template.clone(),
            language: self.vendor_language.clone(),
            parameters: self.parameters.clone(),
            buttons: self.buttons.iter().map(|(button, _)| button.clone()).collect(),
        }
    }
}

/// An İYS account with its budgets.
#[derive(Debug, Clone)]
pub struct IysAccount {
    /// Connection and credentials.
    pub account: providers::iys::Account,
    /// Requests a second, shared by all workers (10 are allowed per IP); `None`: no limit.
    pub max_per_s: Option<u32>,
    /// Single status queries an hour (1,000 are allowed); `None`: no limit.
    pub max_single_per_hour: Option<u32>,
}

/// Who is asked for consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentSource {
    /// İYS, directly.
    Iys,
    /// İYS through Netgsm's service, with the account that serves the clinic.
    Netgsm,
    /// The clinic's own records: here the suppression list.
    Registry,
}

/// Everything a worker is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Clinics by id.
    pub clinics: BTreeMap<ClinicId, Clinic>,
    /// Netgsm accounts by name.
    pub netgsm: BTreeMap<String, NetgsmAccount>,
    /// Twilio accounts by name.
    pub twilio: BTreeMap<String, TwilioAccount>,
    /// Numbers at Meta by account name.
    pub whatsapp: BTreeMap<String, WhatsappAccount>,
    /// In which order providers of SMS are used; one that is not named is not used.
    pub sms_order: Vec<Provider>,
    /// In which order providers of WhatsApp are used; one that is not named is not used.
    pub whatsapp_order: Vec<Provider>,
    /// Approved templates of WhatsApp.
    pub templates: Vec<Template>,
    /// İYS accounts by name.
    pub iys: BTreeMap<String, IysAccount>,
    /// Who is asked for consent.
    pub consent_source: ConsentSource,
    /// Messages in work at the same time.
    pub in_flight: usize,
    /// Unsettled deliveries of each queue.
    pub prefetch: u16,
    /// Further attempts made in process after a certain failure.
    pub quick_retries: u32,
    /// Longest time from the first byte to the last of the answer.
    pub request_deadline: Duration,
    /// How long after its deadline an attempt that may have arrived is first looked for.
    pub first_look: Duration,
    /// How long a stop waits for what is in flight.
    pub drain: Duration,
}

impl Settings {
    /// The lanes of a clinic's messages on a channel in the order in which they are used. A provider abroad has one only with
    /// the clinic's legal basis.
    pub fn lanes(&self, channel: Channel, clinic: &Clinic) -> Vec<SendLane> {
        let order = match channel {
            Channel::Sms => &self.sms_order,
            Channel::Whatsapp => &self.whatsapp_order,
        };
        order.iter().filter_map(|provider| self.lane(channel, *provider, clinic)).collect()
    }

    /// The lane of a clinic's messages on a channel at one provider; `None`: it has no account or sender there, or may not use it.
    pub fn lane(&self, channel: Channel, provider: Provider, clinic: &Clinic) -> Option<SendLane> {
        if provider.is_abroad() && clinic.transfer_abroad.is_none() {
            return None;
        }
        let mut echoes_reference = false;
        let (account, sender, max_per_s) = match (channel, provider) {
            (Channel::Sms, Provider::Netgsm) => {
                let account = self.netgsm.get(&clinic.netgsm)?;
                let sender = clinic.sender.clone().or_else(|| account.sender.clone())?;
                echoes_reference = account.echoes_reference;
                (&clinic.netgsm, sender, account.max_per_s)
            }
            (Channel::Sms, Provider::Twilio) => {
                let account = self.twilio.get(&clinic.twilio)?;
                (&clinic.twilio, account.account.from.as_str().to_owned(), account.max_per_s)
            }
            (Channel::Whatsapp, Provider::Twilio) => {
                let account = self.twilio.get(&clinic.twilio)?;
                let sender = account.whatsapp.as_ref()?.from.as_str().to_owned();
                (&clinic.twilio, sender, account.max_per_s)
            }
            (Channel::Whatsapp, Provider::Whatsapp) => {
                let account = self.whatsapp.get(&clinic.whatsapp)?;
                (&clinic.whatsapp, account.account.phone_number_id.clone(), account.max_per_s)
            }
            (Channel::Sms, Provider::Whatsapp) | (Channel::Whatsapp, Provider::Netgsm) => {
                return None;
            }
        };
        Some(SendLane {
            channel,
            provider,
            name: format!("{}/{account}/{sender}", provider.as_str()),
            account: account.clone(),
            sender,
            echoes_reference,
            max_per_s,
        })
    }

    /// Whether what becomes of a WhatsApp message on this lane is told without being asked for.
    pub fn is_told_of(&self, lane: &SendLane) -> bool {
        match (lane.channel, lane.provider) {
            (Channel::Whatsapp, Provider::Whatsapp) => {
                self.whatsapp.get(&lane.account).is_some_and(|it| it.is_told)
            }
            (Channel::Whatsapp, Provider::Twilio) => {
                self.twilio.get(&lane.account).is_some_and(|it| it.status_callback.is_some())
            }
            _ => false,
        }
    }

    /// The template that carries a type of event to people of a language for a clinic: its own before one that is for all.
    pub fn template(
        &self,
        provider: Provider,
        clinic: &ClinicId,
        event_type: &str,
        language: Language,
    ) -> Option<&Template> {
        let fits = |it: &&Template| {
            it.provider == provider && it.event_type == event_type && it.language == language
        };
        let fitting = || self.templates.iter().filter(fits);
        fitting()
            .find(|it| it.clinics.contains(clinic))
            .or_else(|| fitting().find(|it| it.clinics.is_empty()))
    }

    /// The lane of a clinic's consent questions.
    pub fn consent_lane(&self, clinic: &Clinic) -> String {
        match self.consent_source {
            ConsentSource::Netgsm => crate::consent_netgsm::lane(&clinic.netgsm),
            // nobody is asked for the registry's answer, so nothing ever waits for it
            ConsentSource::Iys | ConsentSource::Registry => format!("iys/{}", clinic.iys),
        }
    }

    /// Whether an account is there that a clinic's consent questions can be asked with.
    pub fn has_consent_account(&self, clinic: &Clinic) -> bool {
        match self.consent_source {
            ConsentSource::Iys => self.iys.contains_key(&clinic.iys),
            ConsentSource::Netgsm => {
                self.netgsm.get(&clinic.netgsm).is_some_and(|account| account.consent.is_some())
            }
            ConsentSource::Registry => false,
        }
    }
}

/// Where a message goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendLane {
    /// The channel.
    pub channel: Channel,
    /// The provider.
    pub provider: Provider,
    /// Name of the lane: `<provider>/<account>/<sender>`.
    pub name: String,
    /// Account at the provider.
    pub account: String,
    /// Sender name, number or service; at Meta the id of the number.
    pub sender: String,
    /// The provider echoes our reference, so the number needs no slot.
    pub echoes_reference: bool,
    /// Cap in segments a second; a template counts as one.
    pub max_per_s: Option<u32>,
}

impl SendLane {
    /// Whose rules count a text's segments. A template of WhatsApp has none.
    pub const fn counts(&self) -> templates::Provider {
        match self.provider {
            Provider::Netgsm | Provider::Whatsapp => templates::Provider::Netgsm,
            Provider::Twilio => templates::Provider::Twilio,
        }
    }

    /// Whether an attempt here is told from another one to the same number by its time only, so that the number needs a slot
    /// (PROTOCOL rule 5). Nobody looks for attempts on WhatsApp in a list.
    pub fn needs_slot(&self) -> bool {
        self.channel == Channel::Sms && !self.echoes_reference
    }
}

#[cfg(test)]
mod tests;
