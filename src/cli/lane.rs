//! `ulak lane …`

use clap::{Args, Subcommand};

use super::values::reason;

/// What stands below `ulak lane --help`.
pub const EXAMPLES: &str = "\
Examples:
  ulak lane status                         every lane: open, closed, being tried or paused, since when, what waits
  ulak lane pause netgsm/default/KLINIK --reason 'wrong price list, texts must wait'
  ulak lane resume netgsm/default/KLINIK --reason 'prices mended'

A lane is netgsm/ACCOUNT/SENDER or iys/ACCOUNT. What waits on a paused lane is lost only if it expires meanwhile; what
the provider has already taken is not called back. Ulak never opens a paused lane by itself.";

/// `ulak lane …`
#[derive(Debug, Subcommand)]
pub enum LaneCommand {
    /// Print the lanes, why they are as they are, and what waits on each
    Status(StatusArgs),
    /// Hold everything on a lane back until somebody resumes it
    Pause(SteerArgs),
    /// Open a paused lane; one that trouble closed is probed at once
    Resume(SteerArgs),
}

/// `ulak lane status`
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Only lanes that begin so [default: all]
    #[arg(value_name = "LANE")]
    pub lane: Option<String>,
}

/// `ulak lane pause`, `ulak lane resume`
#[derive(Debug, Args)]
pub struct SteerArgs {
    /// The lane, as `ulak lane status` prints it
    #[arg(value_name = "LANE")]
    pub lane: String,
    /// Why; recorded for good, with user and machine
    #[arg(long, value_name = "WORDS", value_parser = reason)]
    pub reason: String,
}
