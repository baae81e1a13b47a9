//! `ulak simulator`

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

pub(super) const EXAMPLES: &str = "\
Examples:
  ulak simulator                           Netgsm, İYS and Twilio on one port, in memory, nothing is sent
  ulak simulator --listen 127.0.0.1:0      on a free port, which is printed
  ulak simulator --script faults.json      with the faults and consents of a script

Then: ULAK_PROVIDERS__NETGSM__BASE_URL=http://127.0.0.1:8090 ULAK_PROVIDERS__IYS__BASE_URL=http://127.0.0.1:8090 \
  ULAK_PROVIDERS__TWILIO__BASE_URL=http://127.0.0.1:8090
Everything that was accepted: curl http://127.0.0.1:8090/_simulator/messages";

/// Serve the twins of the outside services, for demo, tests and benchmark
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SimulatorArgs {
    /// Address to listen on; port 0 takes a free one and prints it
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8090")]
    pub listen: SocketAddr,
    /// Accounts, consents and faults (JSON); without it the accounts of the README
    #[arg(long, value_name = "FILE")]
    pub script: Option<PathBuf>,
}
