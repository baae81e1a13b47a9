//! `ulak completions`

use clap::Args;
use clap_complete::Shell;

/// What stands below `ulak completions --help`.
pub(super) const EXAMPLES: &str = "\
Examples:
  ulak completions bash > /etc/bash_completion.d/ulak
  ulak completions zsh > ~/.zfunc/_ulak
  ulak completions fish > ~/.config/fish/completions/ulak.fish";

/// Print a script that completes the command line
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: Shell,
}
