//! `ulak completions`: made from the definition of the command line, so that it is never behind.

use clap::CommandFactory as _;

use super::Failure;
use crate::cli::Cli;
use crate::cli::completions::CompletionsArgs;

/// Runs the command.
///
/// # Errors
/// Nobody reads it.
pub fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "ulak", &mut script);
    // in one piece: a reader that leaves early is no panic
    std::io::Write::write_all(&mut std::io::stdout().lock(), &script)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use clap_complete::Shell;

    use crate::cli::Cli;

    #[test]
    fn every_shell_completes_the_newest_commands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "ulak", &mut script);
            let script = String::from_utf8(script).expect("text");
            for word in ["dead-letter", "doctor", "appointment", "dead-lettered"] {
                // a value of an option is not completed by every generator
                let values = word == "dead-lettered" && shell != Shell::Bash;
                assert!(values || script.contains(word), "{word} in {shell}");
            }
        }
    }
}
