use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches, Parser, Subcommand};

use super::config::{ConfigCommand, For};
use super::process::{MigrateArgs, SchedulerArgs, WorkerArgs};
use super::publish::PublishArgs;
use super::records::{DeadLetterCommand, LogCommand};
use super::simulator::SimulatorArgs;
use super::{Cli, Command};

fn parse<A: clap::Args>(words: &[&str]) -> Result<A, clap::Error> {
    let command = A::augment_args(clap::Command::new("ulak"));
    A::from_arg_matches(&command.try_get_matches_from([&["ulak"], words].concat())?)
}

fn parse_group<S: Subcommand + FromArgMatches>(words: &[&str]) -> Result<S, clap::Error> {
    let command = S::augment_subcommands(clap::Command::new("ulak")).subcommand_required(true);
    S::from_arg_matches(&command.try_get_matches_from([&["ulak"], words].concat())?)
}

#[test]
fn the_definition_of_the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn global_options_may_stand_anywhere() {
    for words in [
        ["ulak", "--json", "--config", "a.toml", "config", "show"],
        ["ulak", "config", "show", "--config", "a.toml", "--json"],
    ] {
        let cli = Cli::try_parse_from(words).expect("valid");
        assert!(cli.global.json);
        assert_eq!(cli.global.config.as_deref(), Some("a.toml".as_ref()));
        assert!(matches!(cli.command, Command::Config(ConfigCommand::Show)));
    }
}

#[test]
fn wrong_usage_ends_with_2_and_help_with_0() {
    for words in [
        &["ulak", "nothing"][..],
        &["ulak", "config"],
        &["ulak", "config", "show", "--colour"],
        &["ulak", "config", "check", "--for", "x"],
    ] {
        assert_eq!(Cli::try_parse_from(words).expect_err("wrong").exit_code(), 2, "{words:?}");
    }
    let help = Cli::try_parse_from(["ulak", "--help"]).expect_err("help");
    assert_eq!((help.kind(), help.exit_code()), (ErrorKind::DisplayHelp, 0));
}

#[test]
fn help_names_every_exit_code() {
    let help = Cli::command().render_long_help().to_string();
    for line in ["0   done", "1   failed", "2   wrong usage", "64  the configuration"] {
        assert!(help.contains(line), "{help}");
    }
}

#[test]
fn every_command_explains_itself() {
    fn check(command: &clap::Command) {
        assert!(command.get_about().is_some(), "{} has no sentence", command.get_name());
        for argument in command.get_arguments() {
            assert!(
                argument.get_help().is_some(),
                "{} of {} has no sentence",
                argument.get_id(),
                command.get_name()
            );
        }
        command.get_subcommands().for_each(check);
    }
    check(&Cli::command());
}

#[test]
fn config_check_may_be_for_one_command() {
    let check = |words: &[&str]| match parse_group(words) {
        Ok(ConfigCommand::Check(args)) => args.purpose,
        other => panic!("{other:?}"),
    };
    assert_eq!(check(&["check"]), None);
    assert_eq!(check(&["check", "--for", "dead-letter"]), Some(For::DeadLetter));
}

#[test]
fn publish_goes_to_the_notifications_unless_told_otherwise() {
    let args: PublishArgs = parse(&["-"]).expect("valid");
    assert_eq!(
        (args.file.to_str(), args.exchange.as_str(), args.raw),
        (Some("-"), "ulak.notifications", false)
    );
    let args: PublishArgs = parse(&["--exchange", "clinic.events", "a.json"]).expect("valid");
    assert_eq!(args.exchange, "clinic.events");
    assert!(parse::<PublishArgs>(&[]).is_err());
    assert!(
        parse::<PublishArgs>(&["--raw", "a.bin"]).is_err(),
        "raw bytes have no type to route by"
    );
}

#[test]
fn the_simulator_listens_where_it_is_told_to() {
    let args: SimulatorArgs =
        parse(&["--listen", "127.0.0.1:0", "--script", "a.json"]).expect("valid");
    assert_eq!(args.listen.port(), 0);
    assert_eq!(args.script.as_deref(), Some("a.json".as_ref()));
    assert!(parse::<SimulatorArgs>(&["--listen", "localhost"]).is_err());
}

#[test]
fn processes_take_no_arguments_of_their_own() {
    assert!(parse::<WorkerArgs>(&[]).is_ok() && parse::<WorkerArgs>(&["--x"]).is_err());
    assert!(parse::<SchedulerArgs>(&[]).is_ok() && parse::<SchedulerArgs>(&["x"]).is_err());
    assert!(parse::<MigrateArgs>(&[]).is_ok() && parse::<MigrateArgs>(&["x"]).is_err());
}

#[test]
fn the_log_is_listed_by_clinic_and_state() {
    let Ok(LogCommand::List(args)) =
        parse_group(&["list", "--clinic", "atasehir", "--state", "accepted", "--limit", "7"])
    else {
        panic!("a list")
    };
    assert_eq!(args.clinic.as_ref().map(schemas::ClinicId::as_str), Some("atasehir"));
    assert_eq!((args.state.as_deref(), args.limit), (Some("accepted"), 7));
    for wrong in [
        &["list", "--clinic", "Ataşehir"][..],
        &["list", "--limit", "0"],
        &["show"],
        &["show", "A-1042"],
        &["explain", "ntf_short"],
    ] {
        assert_eq!(
            parse_group::<LogCommand>(wrong).expect_err("wrong").exit_code(),
            2,
            "{wrong:?}"
        );
    }
}

#[test]
fn notifications_and_refused_events_are_shown_by_their_id() {
    let ntf = schemas::NotificationId::of_event("/clinics/atasehir", "01JD");
    let bad = schemas::NotificationId::of_refused("ulak.payment-receipt", "m-1", b"x");
    let Ok(LogCommand::Explain(args)) = parse_group(&["explain", ntf.as_str()]) else {
        panic!("an id")
    };
    assert_eq!(args.id, ntf);
    let Ok(DeadLetterCommand::Show(args)) = parse_group(&["show", bad.as_str()]) else {
        panic!("an id")
    };
    assert_eq!(args.id, bad);
    let Ok(DeadLetterCommand::List(args)) = parse_group(&["list", "--rule", "unknown-field"])
    else {
        panic!("a list")
    };
    assert_eq!((args.rule.as_deref(), args.limit), (Some("unknown-field"), 50));
    assert!(
        matches!(parse_group(&["balance"]), Ok(LogCommand::Balance(args)) if args.clinic.is_none())
    );
}

#[test]
fn examples_in_help_texts_are_valid_command_lines() {
    // What the enum has; the examples of the others are checked when they are wired in.
    let root = Cli::command();
    for command in root.get_subcommands() {
        let Some(help) = command.get_after_help() else {
            panic!("{} has no examples", command.get_name())
        };
        let help = help.to_string();
        let lines = help.lines().map(str::trim).filter(|line| line.starts_with("ulak "));
        for line in lines {
            let words: Vec<&str> = line
                .split("  ")
                .next()
                .unwrap_or_default()
                .split('|')
                .next()
                .unwrap_or_default()
                .split_whitespace()
                .collect();
            let words: Vec<String> = words
                .iter()
                .map(|word| word.replace("ntf_k5xq…", SAMPLE).replace("bad_4f2a…", SAMPLE))
                .collect();
            Cli::try_parse_from(&words).unwrap_or_else(|e| panic!("{line}: {e}"));
        }
    }
}

/// Stands for the shortened ids of the examples.
const SAMPLE: &str = "ntf_aaaaaaaaaaaaaaaaaaaaaaaaaa";

#[derive(Debug, Parser)]
struct AllRecords {
    #[command(subcommand)]
    _log: LogCommand,
}

#[test]
fn the_groups_that_read_records_are_sound() {
    AllRecords::command().debug_assert();
}

#[test]
fn the_manual_has_a_section_for_every_command() {
    fn check(command: &clap::Command, path: &str) {
        let mut groups = command.get_subcommands().peekable();
        if groups.peek().is_none() {
            let heading = format!("\n### `{path}");
            let manual = include_str!("../../docs/cli.md");
            let section =
                manual.split(&heading).nth(1).unwrap_or_else(|| panic!("no section {path}"));
            assert!(section.starts_with([' ', '`']), "no section {path}");
            let title = section.lines().next().unwrap_or_default();
            for argument in command.get_arguments().filter(|a| !a.is_global_set()) {
                if let Some(long) = argument.get_long() {
                    assert!(
                        title.contains(&format!("--{long}")),
                        "--{long} is missing in: {path}{title}"
                    );
                }
            }
        }
        for command in groups {
            check(command, &format!("{path} {}", command.get_name()));
        }
    }
    check(&Cli::command(), "ulak");
    check(&AllRecords::command().name("log"), "ulak log");
}
