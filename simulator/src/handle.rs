//! A simulator inside a test or a command.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, ToSocketAddrs};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::faults::Fault;
use crate::messages::{MOST_IN_ONE_ANSWER, MessageView};
use crate::meta;
use crate::number;
use crate::script::{Consent, Consents, Script, ScriptError};
use crate::seen::RequestView;
use crate::server;
use crate::world::World;

/// A simulator that runs in this process until it is stopped or dropped.
#[derive(Debug)]
pub struct Simulator {
    world: Arc<World>,
    address: SocketAddr,
    server: JoinHandle<()>,
}

/// A simulator that could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// The port cannot be had.
    #[error("simulator: cannot listen: {0}; choose another address or stop who holds it")]
    Listen(#[from] std::io::Error),
    /// The script cannot be used.
    #[error(transparent)]
    Script(#[from] ScriptError),
}

impl Simulator {
    /// Starts with the default script. Port 0 takes a free port.
    ///
    /// # Errors
    /// The port cannot be had.
    pub async fn start(address: impl ToSocketAddrs) -> Result<Self, SimulatorError> {
        Self::start_with(address, Script::default()).await
    }

    /// Starts with this script.
    ///
    /// # Errors
    /// The port cannot be had, or the script makes no sense.
    pub async fn start_with(
        address: impl ToSocketAddrs,
        script: Script,
    ) -> Result<Self, SimulatorError> {
        let world = Arc::new(World::new(script, CancellationToken::new())?);
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let server = tokio::spawn(server::run(listener, Arc::clone(&world)));
        Ok(Self { world, address, server })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`, for `providers.<name>.base_url`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Accepted messages, in order (at most 100,000: see [`Self::messages_after`]).
    pub fn messages(&self) -> Vec<MessageView> {
        self.messages_after(0)
    }

    /// Accepted messages with a number above `n`, in order, at most 100,000.
    pub fn messages_after(&self, n: u64) -> Vec<MessageView> {
        self.world.messages.page(n, None, MOST_IN_ONE_ANSWER).messages
    }

    /// Accepted messages to a number, in any Turkish writing or in E.164, whoever accepted them; nothing for what is
    /// no number.
    pub fn messages_to(&self, to: &str) -> Vec<MessageView> {
        let to = number::looked_for(to).unwrap_or(0);
        self.world.messages.page(0, Some(to), MOST_IN_ONE_ANSWER).messages
    }

    /// Number of messages ever accepted.
    pub fn accepted(&self) -> u64 {
        self.world.messages.with(|ring| ring.newest())
    }

    /// Waits until there are `count` messages, at most so long, and returns those that there are.
    pub async fn wait_for(&self, count: usize, at_most: Duration) -> Vec<MessageView> {
        self.world.messages.wait((0, None, MOST_IN_ONE_ANSWER), count, at_most).await.messages
    }

    /// As [`Self::wait_for`], for the messages to one number.
    pub async fn wait_for_to(&self, to: &str, count: usize, at_most: Duration) -> Vec<MessageView> {
        let to = Some(number::looked_for(to).unwrap_or(0));
        self.world.messages.wait((0, to, MOST_IN_ONE_ANSWER), count, at_most).await.messages
    }

    /// The last 10,000 requests to the twins.
    pub fn requests(&self) -> Vec<RequestView> {
        self.world.seen.list(0)
    }

    /// The counters, as `GET /_simulator/stats` shows them.
    pub fn stats(&self) -> serde_json::Value {
        self.world.stats()
    }

    /// Adds a fault at the end of the list.
    ///
    /// # Errors
    /// The fault makes no sense, or there are too many.
    pub fn add_fault(&self, fault: Fault) -> Result<(), ScriptError> {
        let senseless = |wrong| ScriptError::Senseless { key: "fault".to_owned(), wrong };
        fault.check().map_err(senseless)?;
        if self.world.faults.add(fault) {
            Ok(())
        } else {
            Err(senseless("too many faults: clear them first".to_owned()))
        }
    }

    /// Removes every fault.
    pub fn clear_faults(&self) {
        self.world.faults.replace(Vec::new());
    }

    /// The script in force, with consents and faults as they are now.
    pub fn script(&self) -> Script {
        self.world.script()
    }

    /// Puts a whole script in the place of the old one; messages, tokens and what was counted stay.
    ///
    /// # Errors
    /// The script makes no sense.
    pub fn set_script(&self, script: Script) -> Result<(), ScriptError> {
        self.world.set_script(script)
    }

    /// What İYS knows of all who are not named.
    pub fn set_default_consent(&self, consent: Consent) {
        // No numbers: nothing that could be refused.
        let _ = self.world.merge_consents(Some(consent), &Consents::default());
    }

    /// What İYS knows of one recipient.
    ///
    /// # Errors
    /// Neither a Turkish mobile number nor an e-mail address.
    pub fn set_consent(&self, recipient: &str, consent: Consent) -> Result<(), ScriptError> {
        let numbers = [(recipient.to_owned(), consent)].into();
        self.world.merge_consents(None, &Consents { numbers, ..Consents::default() })
    }

    /// Moves the clock of every rule forward (limits, tokens, reports); real waits are not touched.
    pub fn advance(&self, by: Duration) {
        self.world.clock.advance(by);
    }

    /// Lets the clock of every rule stand still except for [`Self::advance`], or run again.
    pub fn freeze_clock(&self, frozen: bool) {
        self.world.clock.freeze(frozen);
    }

    /// Subscribes an address to the status webhooks of a Meta business account, after the handshake with `verify_token`.
    ///
    /// # Errors
    /// The address did not give the challenge back, or the script has no such account.
    pub async fn subscribe_meta(
        &self,
        business_account_id: &str,
        url: &str,
        verify_token: &str,
    ) -> Result<(), ScriptError> {
        meta::subscribe(&self.world, business_account_id, url, verify_token)
            .await
            .map_err(|wrong| ScriptError::Senseless { key: "subscription".to_owned(), wrong })
    }

    /// Stops it and waits until its connections are closed.
    pub async fn stop(mut self) {
        self.world.shutdown.cancel();
        // A panic in the server was already reported by the runtime.
        let _ = (&mut self.server).await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.world.shutdown.cancel();
    }
}
