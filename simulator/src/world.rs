//! All that the simulator knows, shared by its connections.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::faults::Faults;
use crate::iys::IysState;
use crate::lock::locked;
use crate::messages::Messages;
use crate::meta::{MetaState, Webhooks};
use crate::netgsm::NetgsmState;
use crate::number;
use crate::script::{
    Consents, MetaAccount, MetaOutcome, NetgsmAccount, Outcome, Script, ScriptError, TwilioAccount,
    TwilioOutcome, iys,
};
use crate::seen::Seen;
use crate::twilio::{Callbacks, TwilioState};

/// A script, and what is looked up in it for every request.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub script: Script,
    accounts: HashMap<String, usize>,
    outcomes: HashMap<u64, Outcome>,
    twilio_accounts: HashMap<String, usize>,
    twilio_outcomes: HashMap<u64, TwilioOutcome>,
    twilio_whatsapp_outcomes: HashMap<u64, TwilioOutcome>,
    twilio_opted_out: HashSet<u64>,
    meta_accounts: HashMap<String, usize>,
    meta_outcomes: HashMap<u64, MetaOutcome>,
}

impl Prepared {
    fn new(mut script: Script) -> Self {
        script.faults.clear();
        let accounts = &script.netgsm.accounts;
        let (twilio, meta) = (&script.twilio, &script.meta);
        Self {
            accounts: accounts.iter().enumerate().map(|(i, a)| (a.username.clone(), i)).collect(),
            outcomes: script
                .netgsm
                .outcomes
                .iter()
                .filter_map(|(text, end)| Some((number::written_by_a_person(text)?, *end)))
                .collect(),
            twilio_accounts: (twilio.accounts.iter().enumerate())
                .map(|(i, account)| (account.account_sid.clone(), i))
                .collect(),
            twilio_outcomes: (twilio.outcomes.iter())
                .filter_map(|(text, end)| Some((number::looked_for(text)?, *end)))
                .collect(),
            twilio_whatsapp_outcomes: (twilio.whatsapp_outcomes.iter())
                .filter_map(|(text, end)| Some((number::looked_for(text)?, *end)))
                .collect(),
            meta_accounts: (meta.accounts.iter().enumerate())
                .map(|(i, account)| (account.phone_number_id.clone(), i))
                .collect(),
            meta_outcomes: (meta.outcomes.iter())
                .filter_map(|(text, end)| Some((number::looked_for(text)?, *end)))
                .collect(),
            twilio_opted_out: (twilio.opted_out.iter())
                .filter_map(|text| number::looked_for(text))
                .collect(),
            script,
        }
    }

    /// The Netgsm account with these credentials.
    pub(crate) fn account(&self, name: &str, password: &str) -> Option<&NetgsmAccount> {
        let account = self.script.netgsm.accounts.get(*self.accounts.get(name)?)?;
        (account.password == password).then_some(account)
    }

    /// The Twilio account with this sid.
    pub(crate) fn twilio_account(&self, sid: &str) -> Option<&TwilioAccount> {
        self.script.twilio.accounts.get(*self.twilio_accounts.get(sid)?)
    }

    /// How Twilio's messages to a number end.
    pub(crate) fn twilio_outcome(&self, to: u64) -> TwilioOutcome {
        self.twilio_outcomes.get(&to).copied().unwrap_or(self.script.twilio.default_outcome)
    }

    /// How Twilio's WhatsApp messages to a number end.
    pub(crate) fn twilio_whatsapp_outcome(&self, to: u64) -> TwilioOutcome {
        let otherwise = self.script.twilio.whatsapp_default_outcome;
        self.twilio_whatsapp_outcomes.get(&to).copied().unwrap_or(otherwise)
    }

    /// The business number with this id at Meta.
    pub(crate) fn meta_account(&self, phone_number_id: &str) -> Option<&MetaAccount> {
        self.script.meta.accounts.get(*self.meta_accounts.get(phone_number_id)?)
    }

    /// How Meta's messages to a number end.
    pub(crate) fn meta_outcome(&self, to: u64) -> MetaOutcome {
        self.meta_outcomes.get(&to).copied().unwrap_or(self.script.meta.default_outcome)
    }

    /// Whether a number has opted out at Twilio.
    pub(crate) fn is_opted_out(&self, to: u64) -> bool {
        self.twilio_opted_out.contains(&to)
    }

    /// How Netgsm's messages to a number end.
    pub(crate) fn outcome(&self, to: u64) -> Outcome {
        self.outcomes.get(&to).copied().unwrap_or(self.script.netgsm.default_outcome)
    }
}

/// All that the simulator knows.
#[derive(Debug)]
pub(crate) struct World {
    pub clock: Clock,
    pub faults: Faults,
    pub messages: Messages,
    pub seen: Seen,
    pub netgsm: Mutex<NetgsmState>,
    pub iys: Mutex<IysState>,
    pub twilio: Mutex<TwilioState>,
    pub callbacks: Callbacks,
    pub meta: Mutex<MetaState>,
    pub webhooks: Webhooks,
    pub shutdown: CancellationToken,
    prepared: RwLock<Arc<Prepared>>,
}

impl World {
    /// A world that follows this script.
    pub(crate) fn new(script: Script, shutdown: CancellationToken) -> Result<Self, ScriptError> {
        script.check()?;
        let faults = Faults::default();
        faults.replace(script.faults.clone());
        let mut iys = IysState::default();
        iys.scripted(&script.iys.consents);
        Ok(Self {
            clock: Clock::start(),
            faults,
            messages: Messages::default(),
            seen: Seen::default(),
            netgsm: Mutex::default(),
            iys: Mutex::new(iys),
            twilio: Mutex::default(),
            callbacks: Callbacks::default(),
            meta: Mutex::default(),
            webhooks: Webhooks::default(),
            shutdown,
            prepared: RwLock::new(Arc::new(Prepared::new(script))),
        })
    }

    /// The script in force.
    pub(crate) fn prepared(&self) -> Arc<Prepared> {
        Arc::clone(&self.prepared.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The script in force with its consents and faults as they are now.
    pub(crate) fn script(&self) -> Script {
        let mut script = self.prepared().script.clone();
        script.iys.consents = locked(&self.iys).script_of_consents();
        script.faults = self.faults.list();
        script
    }

    /// The counters, as the control API shows them.
    pub(crate) fn stats(&self) -> Value {
        let (messages, segments) = self.messages.with(|ring| (ring.newest(), ring.segments()));
        let mut stats = self.seen.stats(messages, segments);
        stats["callbacks"] = self.callbacks.stats();
        stats["webhooks"] = self.webhooks.stats();
        stats
    }

    /// Puts a whole script in the place of the old one. Messages, tokens and what was counted against
    /// limits stay; faults, consents (uploaded ones too) and used credit begin anew.
    pub(crate) fn set_script(&self, script: Script) -> Result<(), ScriptError> {
        script.check()?;
        self.faults.replace(script.faults.clone());
        locked(&self.iys).scripted(&script.iys.consents);
        locked(&self.netgsm).begin_credit_anew();
        *self.prepared.write().unwrap_or_else(PoisonError::into_inner) =
            Arc::new(Prepared::new(script));
        Ok(())
    }

    /// Merges consents into those in force.
    pub(crate) fn merge_consents(
        &self,
        default: Option<crate::Consent>,
        numbers: &Consents,
    ) -> Result<(), ScriptError> {
        numbers.check()?;
        let mut state = locked(&self.iys);
        if let Some(default) = default {
            state.set_default(default);
        }
        for (text, consent) in &numbers.numbers {
            if let Some(recipient) = iys::recipient(text) {
                state.set_consent(recipient, *consent);
            }
        }
        Ok(())
    }
}
