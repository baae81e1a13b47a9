//! `ulak simulator`: serves the twins until it is asked to stop. It reads no configuration: it is the other side.

use std::time::Duration;

use anyhow::Context as _;
use simulator::Script;
use tokio::net::TcpListener;

use super::{Failure, runtime, say};
use crate::cli::Global;
use crate::cli::simulator::SimulatorArgs;
use crate::config::{Log, LogFormat};
use crate::supervisor::Supervisor;
use crate::{lifecycle, telemetry};

/// How long open connections may finish.
const DRAIN: Duration = Duration::from_secs(5);

/// Runs the command.
///
/// # Errors
/// The script makes no sense, or the address is taken.
pub fn run(global: &Global, args: &SimulatorArgs) -> Result<(), Failure> {
    let format = if global.json { LogFormat::Json } else { LogFormat::Text };
    telemetry::start(&Log { format, level: "warn".to_owned() })?;
    let script = match &args.script {
        Some(path) => Script::from_file(path).context("--script")?,
        None => Script::default(),
    };
    let ended = runtime()?.block_on(async {
        let listener = TcpListener::bind(args.listen)
            .await
            .with_context(|| format!("cannot listen on {}; use another --listen, or port 0 for a free one", args.listen))?;
        let address = listener.local_addr()?;
        if global.json {
            say(serde_json::json!({ "listening": address.to_string() }))?;
        } else {
            say(format_args!("Simulator of Netgsm, İYS and Twilio on http://{address} (what arrived: /_simulator/messages)"))?;
        }
        let serve = |stop: lifecycle::Stop| async move { Ok(simulator::serve(listener, script, stop.soft).await?) };
        Ok::<_, anyhow::Error>(lifecycle::run(DRAIN, &Supervisor::default(), serve).await?)
    })?;
    ended.into()
}
