//! The outside world in one port: twins of the services that Ulak talks to.
//!
//! Netgsm (SMS and its İYS service), İYS, Twilio (SMS and WhatsApp), WhatsApp on Meta's Cloud API: each under the vendor's own paths, so one address serves as
//! every `base_url`. The twins follow the fact sheets, not our client's wishes: they check credentials, senders, numbers
//! and texts, keep the vendors' limits, and fail on order. `README.md` beside this crate says what each
//! enforces and on whose word. Used by the demo, the tests and the benchmark; no message is ever sent.
//!
//! All accepted messages are in one log, whoever accepted them: `provider` tells the twins apart, and `to` is the ten
//! national digits of a Turkish mobile at each of them, so that "what did this number get" is one question also
//! after a failover. The Twilio twin posts a signed status callback to the `StatusCallback` of a message that has
//! one, the Meta twin signed status webhooks to the address that its script or a subscription names, and nothing else
//! leaves this crate.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use simulator::{Fault, FaultKind, Operation, Provider, Simulator};
//!
//! let outside = Simulator::start("127.0.0.1:0").await?;
//! outside.add_fault(
//!     Fault::new(Provider::Netgsm, Operation::Send, FaultKind::Http { status: 503 }).times(3),
//! )?;
//! // … point `providers.netgsm.base_url` at `outside.url()` …
//! let messages = outside.wait_for(1, std::time::Duration::from_secs(5)).await;
//! # Ok(()) }
//! ```

mod clock;
mod control;
mod dates;
mod faults;
mod fill;
mod gsm7;
mod handle;
mod iys;
mod lock;
mod messages;
mod meta;
mod netgsm;
mod number;
mod reply;
mod request;
mod routes;
mod script;
mod seed;
mod seen;
mod server;
mod twilio;
mod window;
mod world;

pub use faults::{Fault, FaultKind, Operation, Provider};
pub use handle::{Simulator, SimulatorError};
pub use messages::MessageView;
pub use script::{
    BadDates, Consent, Consents, CredentialRefusal, ErrorShape, InboundMessage, IysLimits,
    IysScript, IysUser, MetaAccount, MetaButton, MetaButtonKind, MetaEnd, MetaMessageStatus,
    MetaOutcome, MetaScript, MetaTemplate, NetgsmAccount, NetgsmScript, NoCredit, Outcome, Script,
    ScriptError, TwilioAccount, TwilioApiKey, TwilioContent, TwilioEnd, TwilioKeyKind,
    TwilioOutcome, TwilioScript, TwilioService, UnregisteredSender,
};
pub use seen::RequestView;
pub use server::serve;
#[doc(hidden)]
pub use twilio::outside;
