//! Who is written to: reminders and receipts of four clinics on two accounts, and how each is known at the provider.

use simulator::MessageView;

use super::size::Size;
use crate::harness::{Event, clock, receipt, reminder};

/// The clinics, in pairs: Netgsm's account `default`, which does not repeat our reference, and `other`, which does.
const CLINICS: [&str; 4] = ["atasehir", "besiktas", "kadikoy", "uskudar"];
/// Of so many reminders one goes to a number that others go to as well.
const SHARED: usize = 20;
/// Reminders to one such number.
const TOGETHER: usize = 5;
/// Minutes between the appointments of one such number: their texts differ by the hour.
const APART_MIN: i64 = 97;

/// What `kadikoy` and `uskudar` are, and what each account does with our reference.
pub const CONFIGURATION: &str = r#"
[clinics.kadikoy]
name = "Kadıköy Kliniği"
quiet_hours = "none"
[clinics.uskudar]
name = "Üsküdar Kliniği"
quiet_hours = "none"
[clinics.uskudar.accounts]
netgsm = "other"
"#;

/// One event, and how its message is known.
pub struct Planned {
    /// The event.
    pub event: Event,
    /// Its type says `resend`.
    pub is_reminder: bool,
    /// What only its text has, among those to its number.
    mark: String,
}

impl Planned {
    /// Whether this message is the one of this event.
    pub fn is(&self, message: &MessageView) -> bool {
        message.to == self.event.national() && message.text.contains(&self.mark)
    }
}

/// All of it, in the order of publication.
pub fn traffic(size: &Size) -> Vec<Planned> {
    let mut planned = Vec::with_capacity(size.events());
    let mut shared: Option<String> = None;
    for i in 0..size.reminders {
        planned.push(a_reminder(i, &mut shared));
        if i % 10 == 9 && planned.len() < size.events() {
            planned.push(a_receipt(i / 10));
        }
    }
    planned
}

fn a_reminder(i: usize, shared: &mut Option<String>) -> Planned {
    let place = i / SHARED;
    let is_shared = i.is_multiple_of(SHARED);
    let nth = if is_shared { place % TOGETHER } else { 0 };
    let clinic = if is_shared { place / TOGETHER } else { i };
    let minutes = 24 * 60 + i64::try_from(nth).expect("a few") * APART_MIN;
    let starts_at = clock::turkey(minutes);
    let mut event = reminder(&format!("storm-{i}"))
        .of_clinic(CLINICS[clinic % CLINICS.len()])
        .set("/data/appointment/starts_at", clock::written(starts_at));
    if is_shared {
        if nth > 0 {
            event = event.to(shared.as_deref().expect("the first of its number"));
        }
        *shared = Some(event.national().to_owned());
    }
    Planned { event, is_reminder: true, mark: starts_at.format(" %H:%M ").to_string() }
}

fn a_receipt(i: usize) -> Planned {
    let lira = 1_000 + i % 9_000;
    let event = receipt(&format!("storm-paid-{i}"))
        .of_clinic(CLINICS[i % CLINICS.len()])
        .set("/data/payment/amount", format!("{lira}.50"));
    let mark = format!("{}.{:03},50", lira / 1_000, lira % 1_000);
    Planned { event, is_reminder: false, mark }
}
