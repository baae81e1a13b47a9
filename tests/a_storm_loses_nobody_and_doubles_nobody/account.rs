//! What it came to: the provider's own list against the events, and the ledger against both.

use std::collections::{BTreeMap, HashMap};

use simulator::MessageView;

use super::traffic::Planned;
use crate::harness::Installation;
use crate::harness::installation::Row;

/// The whole account of a run.
#[derive(Debug, Default)]
pub struct Account {
    /// How many ended in each state: reminders, receipts.
    pub states: BTreeMap<String, [usize; 2]>,
    /// Who has a message more than once.
    pub twice: Vec<String>,
    /// Who was accepted and has none, has no row, or has a row that is not at its end.
    pub lost: Vec<String>,
    /// Messages that belong to no event.
    pub foreign: usize,
    /// What ended unresolved, with whether it is a reminder, why, and how many messages the provider has of it.
    pub unresolved: Vec<(bool, String, usize)>,
    /// Attempts made.
    pub attempts: i64,
}

/// Compares.
pub async fn account(clinic: &Installation, traffic: &[Planned]) -> Account {
    let mut to: HashMap<String, Vec<MessageView>> = HashMap::new();
    let messages = clinic.outside.messages();
    let mut left = messages.len();
    for message in messages {
        to.entry(message.to.clone()).or_default().push(message);
    }
    let rows: HashMap<String, Row> =
        clinic.rows().await.into_iter().map(|row| (row.ntf.clone(), row)).collect();
    let mut account =
        Account { attempts: rows.values().map(|row| row.attempts).sum(), ..Account::default() };
    for planned in traffic {
        let ntf = planned.event.ntf();
        let of_its_number = to.get(planned.event.national()).map(Vec::as_slice).unwrap_or_default();
        let has = of_its_number.iter().filter(|message| planned.is(message)).count();
        left = left.saturating_sub(has);
        if has > 1 {
            account.twice.push(ntf.clone());
        }
        let Some(row) = rows.get(&ntf) else {
            account.lost.push(format!("{ntf}: no row"));
            continue;
        };
        account.states.entry(row.state.clone()).or_default()[usize::from(!planned.is_reminder)] +=
            1;
        match row.state.as_str() {
            "accepted" if has == 0 => account.lost.push(format!("{row:?}: no message")),
            "accepted" => {}
            "unresolved" => account.unresolved.push((planned.is_reminder, row.why.clone(), has)),
            _ => account.lost.push(format!("{row:?}")),
        }
    }
    account.foreign = left;
    account
}
