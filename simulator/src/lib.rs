//! The outside world in one port: twins of the services that Ulak talks to.
//!
//! The twins follow the fact sheets, not our client's wishes: they check credentials, senders, numbers
//! and texts, keep the vendors' limits, and fail on order. `README.md` beside this crate says what each
//! enforces and on whose word. Used by the demo, the tests and the benchmark; nothing here is ever sent.
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
mod handle;
mod iys;
mod lock;
mod messages;
mod netgsm;
mod number;
mod reply;
mod request;
mod routes;
mod script;
mod seed;
mod seen;
mod server;
mod window;
mod world;

pub use faults::{Fault, FaultKind, Operation, Provider};
pub use handle::{Simulator, SimulatorError};
pub use messages::MessageView;
pub use script::{
    BadDates, Consent, Consents, CredentialRefusal, ErrorShape, InboundMessage, IysLimits,
    IysScript, IysUser, NetgsmAccount, NetgsmScript, NoCredit, Outcome, Script, ScriptError,
};
pub use seen::RequestView;
pub use server::serve;
