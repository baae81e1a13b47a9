//! Netgsm: SMS by REST v2 (`facts/netgsm_iys.md` A0–A6), and its İYS service (A7).
//!
//! Netgsm has no idempotency key, so a request is made once. Its answers are read by `code`,
//! whether the HTTP status is 200 or 406 (A0); what each code means is `codes.json`.

mod client;
mod codes;
mod consents;
mod job;
#[doc(hidden)]
pub mod outside;
mod report;
mod verdict;
mod wire;

pub use client::{Account, Cancelled, Client, OneTimeCode, Sms};
pub use codes::{Class, CodeRow, Codes, DeliveryErrorRow, End, Operation, OperatorRow, StatusRow};
pub use consents::Consents;
pub use job::{JOB_REFUSED, JobKey, MOST_IN_A_JOB, of_member};
pub use report::{Balance, Package, ReportPage, ReportQuery, ReportRow, ReportStatus, StatusClass};

#[cfg(test)]
mod tests;
