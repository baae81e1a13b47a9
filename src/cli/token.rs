//! `ulak token …`

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use ledger::access::Role;
use schemas::ClinicId;

use super::values::{clinic, id, reason};

/// What stands below `ulak token --help`.
pub const EXAMPLES: &str = "\
Examples:
  ulak token create atasehir --label 'booking system'
  ulak token create --role auditor --days 90 --label 'quality audit'
  ulak token create --role clinic --days 365 atasehir
  ulak token list
  ulak token revoke k3v2x7ejq4s5mzcn

A token of role door lets a clinic's system use the HTTP API: send events of that clinic, see what became of them. Tokens of the
other roles log a person in to the pages at /audit: clinic (sees that clinic only), auditor (sees all clinics, or the one that is named; opens
personal data with a reason), ops (steers dead letters and lanes, opens nothing), admin (all of it). These end by themselves after --days.

A token is printed once and kept nowhere: hand it over by a way that others do not read. Revoking it ends it at once, with every
session that was opened with it. Both are recorded, with user and machine. How systems use it: docs/http.md.";

/// `ulak token …`
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token and print it, this once
    Create(CreateArgs),
    /// Print what tokens there are, never their secrets
    List,
    /// End a token at once
    Revoke(RevokeArgs),
}

/// `ulak token create`
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// The clinic that it speaks for, or whose pages it opens; roles ops and admin take none
    #[arg(value_name = "CLINIC", value_parser = clinic)]
    pub clinic: Option<ClinicId>,
    /// What it may do: door is the HTTP API, the others are people's on the pages
    #[arg(long, value_name = "ROLE", default_value = "door", value_parser = role())]
    pub role: Role,
    /// After how many days it ends by itself; only door may do without
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=3_650))]
    pub days: Option<u16>,
    /// What it is for; recorded for good
    #[arg(long, value_name = "WORDS", value_parser = reason)]
    pub label: Option<String>,
}

/// One of the roles.
fn role() -> impl TypedValueParser<Value = Role> {
    PossibleValuesParser::new(Role::ALL.iter().map(|role| role.as_str()))
        .try_map(|text| Role::parse(&text).ok_or("no role"))
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
    fn a_token_is_the_doors_unless_told_and_its_label_names_nobody() {
        let made = parse(&["create", "atasehir", "--label", "booking system"]);
        let Ok(TokenCommand::Create(args)) = made else { panic!("{made:?}") };
        assert_eq!(
            (args.clinic.as_ref().map(ClinicId::as_str), args.label.as_deref()),
            (Some("atasehir"), Some("booking system"))
        );
        assert_eq!((args.role, args.days), (Role::Door, None));
        let made = parse(&["create", "--role", "auditor", "--days", "90"]);
        let Ok(TokenCommand::Create(args)) = made else { panic!("{made:?}") };
        assert_eq!((args.role, args.days, args.clinic), (Role::Auditor, Some(90), None));
        for wrong in [
            &["create", "--role", "root", "--days", "1"][..],
            &["create", "--role", "admin", "--days", "0"],
            &["create", "--role", "admin", "--days", "4000"],
            &["create", "No Clinic"],
            &["create", "atasehir", "--label", "for 0532 123 45 67"],
            &["revoke"],
            &["list", "atasehir"],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
