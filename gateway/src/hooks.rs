//! `/v1/webhooks/{provider}/{hook}[/{token}]`: what providers tell by themselves.
//!
//! | hook | whose it is | what proves it |
//! |---|---|---|
//! | `twilio/status` | Twilio's status callbacks (`facts/twilio_turkeysms_smsala.md` A3, A4) | `X-Twilio-Signature`; the token says which account |
//! | `whatsapp/status` | Meta's webhooks (`facts/netgsm_iys.md` A8) | `X-Hub-Signature-256`; likewise |
//! | `netgsm/report` | Netgsm's report webhook (A5), which nobody signs and nothing describes | the token; what it says is never believed, it only makes the next question come sooner |
//!
//! A token is compared in constant time, and before anything of the body is read. Without one the account is `default`, and only
//! where the vendor signs. Nothing of a call that was refused is logged, only counted. 200 means committed, or without effect for
//! good; on 503 the vendor comes again. The same call again changes nothing.

mod accounts;
mod calls;
mod hints;
mod room;

pub use accounts::Hooks;
pub(crate) use calls::{challenge, challenge_with_token, post, post_with_token};
pub(crate) use hints::{Hints, jobs};
pub(crate) use room::Room;
