//! `ulak token …`

use clap::{Args, Subcommand};
use schemas::ClinicId;

use super::values::{clinic, id, reason};

/// What stands below `ulak token --help`.
pub const EXAMPLES: &str = "\
Examples:
  ulak token create atasehir --label 'booking system'
  ulak token list
  ulak token revoke k3v2x7ejq4s5mzcn

A token lets a clinic's system use the HTTP door: send events of that clinic, see what became of them. It is printed once and
kept nowhere: hand it over by a way that others do not read. Revoking it ends it at once. Both are recorded, with user and
machine. How to use it: docs/http.md.";

/// `ulak token …`
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token for a clinic and print it, this once
    Create(CreateArgs),
    /// Print what tokens there are, never their secrets
    List,
    /// End a token at once
    Revoke(RevokeArgs),
}

/// `ulak token create`
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// The clinic that it speaks for
    #[arg(value_name = "CLINIC", value_parser = clinic)]
    pub clinic: ClinicId,
    /// What it is for; recorded for good
    #[arg(long, value_name = "WORDS", value_parser = reason)]
    pub label: Option<String>,
}

/// `ulak token revoke`
#[derive(Debug, Args)]
pub struct RevokeArgs {
    /// Its id, as `ulak token list` prints it
    #[arg(value_name = "ID", value_parser = id)]
    pub id: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::FromArgMatches as _;

    fn parse(words: &[&str]) -> Result<TokenCommand, clap::Error> {
        let command = TokenCommand::augment_subcommands(clap::Command::new("token"));
        let matches = command.try_get_matches_from([&["token"], words].concat())?;
        TokenCommand::from_arg_matches(&matches)
    }

    #[test]
    fn a_token_is_for_one_clinic_and_its_label_names_nobody() {
        let made = parse(&["create", "atasehir", "--label", "booking system"]);
        let Ok(TokenCommand::Create(args)) = made else { panic!("{made:?}") };
        assert_eq!(
            (args.clinic.as_str(), args.label.as_deref()),
            ("atasehir", Some("booking system"))
        );
        for wrong in [
            &["create"][..],
            &["create", "No Clinic"],
            &["create", "atasehir", "--label", "for 0532 123 45 67"],
            &["revoke"],
            &["list", "atasehir"],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
