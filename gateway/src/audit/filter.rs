//! What a search is restricted to: read from the query, checked, and written back into the links of its page.
//!
//! Nothing personal stands in a query. An appointment, a payment or a number is posted, looked up by its keyed hash, and goes on as
//! a sealed word ([`Asked`]) that only this token's sessions can use.

use crate::audit::call::Call;
use crate::audit::guard::{Shell, Turned};
use crate::audit::when;
use chrono_tz::Europe::Istanbul;
use chrono_tz::Tz;
use ledger::search::SearchFilter;
use ledger::state::State;
use schemas::{Channel, PhoneNumber, holds_a_number};
use serde::{Deserialize, Serialize};

/// Longest text of a field, characters.
pub(super) const LONGEST: usize = 256;
/// The fields that a link of the page carries on, in their order.
const FIELDS: [&str; 10] =
    ["from", "to", "clinic", "type", "state", "channel", "provider", "reason", "event", "asked"];

/// What was asked for by post: never in clear in a query.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Asked {
    /// `appointment`, `payment`, `phone`, `message`.
    pub kind: String,
    /// The id of the appointment or the payment; of a number nothing is kept.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// The clinic that it is of.
    pub clinic: String,
    /// Keyed hashes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appointment: Option<String>,
    /// See `appointment`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub things: Vec<String>,
    /// See `appointment`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// Refused events that speak of it: no key finds these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<String>,
    /// Not every refused event was looked at.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unseen: bool,
}

impl Asked {
    /// Seals it for this visitor's token.
    ///
    /// # Errors
    /// A page with 500: there is no randomness.
    pub(super) async fn sealed(&self, shell: &Shell) -> Result<String, Turned> {
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        let sealed = shell.ledger.vault().seal_own(&sealed_for(shell), &bytes);
        shell.asked(async { sealed }).await
    }

    /// Opens it; `None`: it is another token's, or none of ours.
    pub(super) fn open(shell: &Shell, sealed: &str) -> Option<Self> {
        let bytes = shell.ledger.vault().open_own(&sealed_for(shell), sealed).ok()?;
        serde_json::from_slice(&bytes).ok()
    }
}

fn sealed_for(shell: &Shell) -> String {
    format!("audit/asked/{}", shell.visitor.token)
}

/// A search as it was asked for.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    /// For the ledger.
    pub search: SearchFilter,
    /// What was posted, if anything was.
    pub asked: Option<Asked>,
    /// The zone that its times are written in.
    pub zone: Tz,
    /// What is wrong: the field, and the key of what is said.
    pub faults: Vec<(&'static str, &'static str)>,
    /// The fields as they came, without those at fault: for the links.
    fields: Vec<(&'static str, String)>,
}

/// The fields of a search, from a query or from a posted form.
pub(super) type Field<'a> = &'a (dyn Fn(&str) -> String + Sync);

impl Filter {
    /// Reads the fields. `Err`: another clinic than the visitor's own is asked for.
    pub(super) fn read(shell: &Shell, field: Field<'_>) -> Result<Self, ()> {
        let asked = Some(field("asked")).filter(|sealed| !sealed.is_empty());
        let opened = asked.as_ref().map(|sealed| Asked::open(shell, sealed));
        let wanted = field("clinic");
        let mut search =
            SearchFilter { clinic: shell.held_to(&wanted)?, ..SearchFilter::default() };
        let mut faults = vec![];
        let asked = match opened {
            Some(None) => {
                faults.push(("asked", "search.fault.asked"));
                None
            }
            Some(Some(asked)) if !shell.sees(&asked.clinic) => return Err(()),
            Some(opened) => opened,
            None => None,
        };
        if let Some(asked) = &asked {
            search.clinic = Some(asked.clinic.clone());
            search.appointment.clone_from(&asked.appointment);
            search.things.clone_from(&asked.things);
            search.person.clone_from(&asked.person);
            search.with_facts = search.appointment.is_some() || !search.things.is_empty();
        }
        let zone = zone(shell, search.clinic.as_deref());
        let mut filter = Self { search, asked, zone, faults, fields: vec![] };
        filter.times(field);
        filter.words(shell, field);
        filter.fields = FIELDS
            .iter()
            .map(|name| (*name, field(name)))
            .filter(|(name, value)| !value.is_empty() && !filter.is_at_fault(name))
            .collect();
        Ok(filter)
    }

    fn times(&mut self, field: Field<'_>) {
        for (name, ends) in [("from", false), ("to", true)] {
            let text = field(name);
            if text.is_empty() {
                continue;
            }
            let read = when::read(&text, self.zone, ends);
            if read.is_none() {
                self.faults.push((name, "search.fault.time"));
            }
            let place = if ends { &mut self.search.to } else { &mut self.search.from };
            *place = read;
        }
        if let (Some(from), Some(to)) = (self.search.from, self.search.to)
            && from >= to
        {
            self.faults.push(("to", "search.fault.span"));
        }
    }

    fn words(&mut self, shell: &Shell, field: Field<'_>) {
        let mut text = |name: &'static str| {
            let value = field(name);
            let fits = value.chars().count() <= LONGEST && !value.contains(char::is_control);
            if !fits {
                self.faults.push((name, "search.fault.text"));
            }
            Some(value).filter(|value| fits && !value.is_empty())
        };
        let (event_type, state, channel) = (text("type"), text("state"), text("channel"));
        let (provider, reason, event_id) = (text("provider"), text("reason"), text("event"));
        // in an address, a history and a proxy's log a number would stand in clear
        let of_somebody = |name: &String| holds_a_number(name) && !is_lane(&shell.call, name);
        if provider.as_ref().is_some_and(of_somebody) {
            self.faults.push(("provider", "search.fault.number"));
        }
        if reason.as_deref().is_some_and(holds_a_number) {
            self.faults.push(("reason", "search.fault.number"));
        }
        if event_id.as_deref().is_some_and(|id| PhoneNumber::parse(id).is_ok()) {
            self.faults.push(("event", "search.fault.number"));
        }
        let known = |name: &String| shell.call.door().registry().get(name).is_some();
        if event_type.as_ref().is_some_and(|name| !known(name)) {
            self.faults.push(("type", "search.fault.choice"));
        }
        self.search.state = state.as_deref().and_then(State::parse);
        if state.is_some() && self.search.state.is_none() {
            self.faults.push(("state", "search.fault.choice"));
        }
        if channel.as_deref().is_some_and(|name| channels().all(|known| known != name)) {
            self.faults.push(("channel", "search.fault.choice"));
        }
        self.search.event_type = event_type;
        self.search.channel = channel;
        self.search.provider = provider;
        self.search.reason = reason;
        self.search.with_facts |= event_id.is_some();
        self.search.event_id = event_id;
    }

    fn is_at_fault(&self, field: &str) -> bool {
        self.faults.iter().any(|(name, _)| *name == field)
    }

    /// What a field says, as it came; empty where there is none.
    pub(super) fn said(&self, field: &str) -> &str {
        self.fields.iter().find(|(name, _)| *name == field).map_or("", |(_, value)| value)
    }

    /// Whether anything is asked for beside one thing and its clinic.
    pub(super) fn is_narrowed(&self) -> bool {
        self.fields.iter().any(|(name, _)| !["asked", "clinic", "event"].contains(name))
    }

    /// Its fields as a query, with more of them behind.
    pub(super) fn query(&self, more: &[(&str, &str)]) -> String {
        self.query_but("", more)
    }

    /// The same without one of its fields.
    pub(super) fn query_but(&self, left_out: &str, more: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.fields.iter().filter(|(name, _)| *name != left_out) {
            query.append_pair(name, value);
        }
        for (name, value) in more {
            query.append_pair(name, value);
        }
        query.finish()
    }
}

/// The zone of a search: of its clinic, or of all clinics that are seen where these have one; else Türkiye's.
pub(super) fn zone(shell: &Shell, clinic: Option<&str>) -> Tz {
    if let Some(clinic) = clinic {
        return shell.call.zone(clinic);
    }
    let mut zones = shell.call.settings().clinics.values().map(|clinic| clinic.zone);
    let first = zones.next().unwrap_or(Istanbul);
    if zones.all(|zone| zone == first) { first } else { Istanbul }
}

/// Whether it is one of our lanes or begins one: a sender may be a number of the clinic's own.
pub(super) fn is_lane(call: &Call, name: &str) -> bool {
    let begins = |lane: &String| {
        lane.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    call.settings().lanes.iter().any(begins)
}

/// Channels that a message may take.
pub(super) fn channels() -> impl Iterator<Item = &'static str> {
    [Channel::Sms, Channel::Whatsapp].into_iter().map(Channel::as_str)
}
