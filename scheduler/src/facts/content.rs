//! What of a fact tells two facts of one version apart, and the keyed hashes under which a fact's surroundings are found.

use ledger::intake::appointment_key;
use ledger::vault::{Purpose, Vault};
use schemas::{AppointmentFact, Fact, FactEvent};
use serde_json::{Value, json};

/// Keyed hashes of a fact.
#[derive(Debug, Clone)]
pub struct FactKeys {
    /// Of its appointment.
    pub appointment: Option<String>,
    /// Under which what a person says is kept, if the fact says it.
    pub suppression: Option<String>,
    /// Of what it says of its appointment; empty if it is about none.
    pub content: String,
    /// Of its appointment, or of the thing that its receipt is about, by which people find it.
    pub about: Option<String>,
}

impl FactKeys {
    /// Those of a fact.
    pub fn of(vault: &Vault, fact: &FactEvent) -> Self {
        let clinic = fact.clinic.as_str();
        let said =
            matches!(fact.fact, Fact::ConsentChanged(_)).then(|| fact.fact.phone()).flatten();
        let content = content(&fact.fact)
            .map(|content| vault.hash(Purpose::Fact, &[clinic, &content.to_string()]));
        let appointment =
            fact.fact.appointment().map(|(id, _)| appointment_key(vault, &fact.clinic, id));
        Self {
            about: appointment.clone(),
            appointment,
            suppression: said
                .map(|phone| vault.hash(Purpose::Suppression, &[clinic, phone.e164()])),
            content: content.unwrap_or_default(),
        }
    }
}

/// What matters of a fact about an appointment, in the one form that all its writings share. A booking and a change that say the
/// same are the same.
fn content(fact: &Fact) -> Option<Value> {
    match fact {
        Fact::Booked(visit) | Fact::Rescheduled(visit) => Some(of_visit(visit)),
        Fact::Cancelled(_) => Some(json!("cancelled")),
        _ => None,
    }
}

fn of_visit(visit: &AppointmentFact) -> Value {
    let to = &visit.recipient;
    let channels: Vec<&str> = to.channels.iter().map(|channel| channel.as_str()).collect();
    let reminders = visit
        .reminders
        .as_ref()
        .map(|rules| rules.iter().map(|rule| rule.text.as_str()).collect::<Vec<_>>());
    // a list and not an object: its order is fixed
    json!([
        visit.starts_at.timestamp_millis(),
        visit.ends_at.map(|at| at.timestamp_millis()),
        visit.with,
        reminders,
        to.name.full(),
        to.phone.e164(),
        channels,
        to.language,
        to.recipient_type,
    ])
}
