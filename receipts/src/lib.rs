//! What became of an accepted message: from a provider's report or webhook to the ledger, and to what follows from it.
//!
//! Receipts come late, twice, in any order or never (`facts/netgsm_iys.md` A4, A8, `facts/twilio_turkeysms_smsala.md` A3). Each is
//! found by our own reference `<ntf>-<n>`; the ledger keeps the order of states ([`ledger::receipts`]), so that the same receipt
//! again changes nothing.
//!
//! | part | what it does |
//! |---|---|
//! | `starts` | the one table of what a receipt starts |
//! | `convert` | a provider's receipt as the ledger writes it |
//! | `intake` | many webhooks at the same moment, a few writes |
//! | `follow` | what is counted, closed and told after a write |

mod convert;
mod follow;
mod intake;
mod starts;

pub use convert::{Told, Via, attempt_of, write_for, write_of};
pub use follow::follow;
pub use intake::{Intake, MOST_WAITING, NotTaken};
pub use providers::lane::Provider;
pub use starts::{Fate, Starts, starts};
