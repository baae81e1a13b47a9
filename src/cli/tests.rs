use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches, Parser, Subcommand};

use super::config::{ConfigCommand, For};
use super::dead_letter::DeadLetterCommand;
use super::lane::LaneCommand;
use super::process::{MigrateArgs, SchedulerArgs, WorkerArgs};
use super::publish::PublishArgs;
use super::records::{LogCommand, Tongue};
use super::simulator::SimulatorArgs;
use super::values::Moment;
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
        assert!(matches!(cli.command, Command::Config(ConfigCommand::Show(_))));
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
fn publish_goes_where_events_of_its_kind_go_unless_told_otherwise() {
    let args: PublishArgs = parse(&["-"]).expect("valid");
    assert_eq!((args.file.to_str(), args.exchange.as_deref(), args.raw), (Some("-"), None, false));
    let args: PublishArgs = parse(&["--exchange", "clinic.events", "a.json"]).expect("valid");
    assert_eq!(args.exchange.as_deref(), Some("clinic.events"));
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
    assert_eq!(args.filter.clinic.as_ref().map(schemas::ClinicId::as_str), Some("atasehir"));
    assert_eq!((args.filter.state, args.limit), (Some(ledger::state::State::Accepted), 7));
    for wrong in [
        &["list", "--clinic", "Ataşehir"][..],
        &["list", "--limit", "0"],
        &["show"],
        &["show", "A-1042"],
        &["explain", "ntf_short"],
        &["list", "--state", "sent"],
        &["list", "--since", "yesterday"],
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
    assert_eq!(
        (args.ntf.as_ref(), args.lang),
        (Some(&crate::cli::schedule::Named::Notification(ntf.clone())), Tongue::En)
    );
    let Ok(DeadLetterCommand::Show(args)) = parse_group(&["show", bad.as_str()]) else {
        panic!("an id")
    };
    assert_eq!(args.id, bad);
    let Ok(DeadLetterCommand::List(args)) = parse_group(&["list", "--rule", "unknown-field"])
    else {
        panic!("a list")
    };
    assert_eq!((args.filter.rule.as_deref(), args.filter.limit), (Some("unknown-field"), 50));
    assert!(
        matches!(parse_group(&["balance"]), Ok(LogCommand::Balance(args)) if args.clinic.is_none())
    );
}

#[test]
fn the_log_is_filtered_by_time_type_lane_and_reason() {
    let filter = [
        "--since",
        "2h",
        "--until",
        "2026-11-21T12:00:00+03:00",
        "--type",
        "payment-receipt",
        "--provider",
        "netgsm/default",
        "--reason",
        "no-consent",
    ];
    for command in ["list", "export"] {
        let args = match parse_group(&[&[command], &filter[..]].concat()) {
            Ok(LogCommand::List(args)) => args.filter,
            Ok(LogCommand::Export(args)) => args.filter,
            other => panic!("{command}: {other:?}"),
        };
        assert_eq!(args.since, Some(Moment::Ago(std::time::Duration::from_hours(2))));
        assert!(matches!(args.until, Some(Moment::At(_))));
        assert_eq!(args.event_type.as_deref(), Some("payment-receipt"));
        assert_eq!(args.provider.as_deref(), Some("netgsm/default"));
        assert_eq!(args.reason.as_deref(), Some("no-consent"));
    }
    // what only an export asks by still needs the clinic, which stands in what both share
    assert!(parse_group::<LogCommand>(&["export", "--payment", "P-77"]).is_err());
    let words = ["export", "--payment", "P-77", "--clinic", "atasehir"];
    assert!(matches!(parse_group(&words), Ok(LogCommand::Export(args)) if args.payment.is_some()));
}

#[test]
fn explain_asks_one_question_with_everything_that_it_needs() {
    let Ok(LogCommand::Explain(args)) = parse_group(&[
        "explain",
        "--appointment",
        "A-1042",
        "--clinic",
        "atasehir",
        "--lang",
        "tr",
    ]) else {
        panic!("a question")
    };
    assert_eq!((args.appointment.as_deref(), args.lang), (Some("A-1042"), Tongue::Tr));
    let by = ["explain", "--phone", "0532 123 45 67", "--clinic", "atasehir"];
    assert!(matches!(parse_group(&by), Ok(LogCommand::Explain(args)) if args.phone.is_some()));
    let by = ["explain", "--source", "/clinics/atasehir", "--id", "01JD"];
    assert!(matches!(parse_group(&by), Ok(LogCommand::Explain(args)) if args.event_id.is_some()));
    for wrong in [
        &["explain"][..],
        &["explain", "--clinic", "atasehir"],
        &["explain", "--appointment", "A-1042"],
        &["explain", "--phone", "0532 123 45 67"],
        &["explain", "--source", "/clinics/atasehir"],
        &["explain", "--id", "01JD"],
        &["explain", SAMPLE, "--appointment", "A-1042", "--clinic", "atasehir"],
        &["explain", "--payment", "P-1", "--appointment", "A-1", "--clinic", "atasehir"],
        &["explain", SAMPLE, "--lang", "de"],
    ] {
        let error = parse_group::<LogCommand>(wrong).expect_err("wrong");
        assert_eq!(error.exit_code(), 2, "{wrong:?}");
        assert!(!error.to_string().contains("0532"), "{error}");
    }
}

#[test]
fn personal_data_is_asked_for_with_a_reason_or_not_at_all() {
    let words = ["show", SAMPLE, "--reveal", "--reason", "complaint"];
    let Ok(LogCommand::Show(args)) = parse_group(&words) else { panic!("a wish") };
    assert_eq!((args.reveal.reveal, args.reveal.reason.as_deref()), (true, Some("complaint")));
    for wrong in [
        &["show", SAMPLE, "--reveal"][..],
        &["show", SAMPLE, "--reason", "complaint"],
        &["explain", SAMPLE, "--reveal"],
        &["show", SAMPLE, "--reveal", "--reason", " "],
        &["show", SAMPLE, "--reveal", "--reason", "for 0532 123 45 67"],
    ] {
        let error = parse_group::<LogCommand>(wrong).expect_err("wrong");
        assert_eq!(error.exit_code(), 2, "{wrong:?}");
    }
}

#[test]
fn dead_letters_are_acted_on_only_with_yes_and_a_reason() {
    let Ok(DeadLetterCommand::Replay(args)) = parse_group(&["replay", SAMPLE]) else {
        panic!("a dry run")
    };
    assert_eq!((args.ids.len(), args.yes, args.reason), (1, false, None));
    let by_rule =
        ["drop", "--rule", "not-json", "--since", "7d", "--yes", "--reason", "tests of theirs"];
    let Ok(DeadLetterCommand::Drop(args)) = parse_group(&by_rule) else { panic!("an act") };
    assert_eq!((args.yes, args.reason.as_deref()), (true, Some("tests of theirs")));
    for wrong in [
        &["replay"][..],
        &["replay", "--limit", "5"],
        &["replay", SAMPLE, "--yes"],
        &["replay", SAMPLE, "--reason", "x"],
        &["replay", SAMPLE, "--rule", "not-json"],
        &["drop", "A-1042"],
    ] {
        let error = parse_group::<DeadLetterCommand>(wrong).expect_err("wrong");
        assert_eq!(error.exit_code(), 2, "{wrong:?}");
    }
}

#[test]
fn a_lane_is_steered_with_a_reason() {
    let words = ["pause", "netgsm/default/KLINIK", "--reason", "prices"];
    let Ok(LaneCommand::Pause(args)) = parse_group(&words) else { panic!("a pause") };
    assert_eq!((args.lane.as_str(), args.reason.as_str()), ("netgsm/default/KLINIK", "prices"));
    assert!(
        matches!(parse_group(&["status"]), Ok(LaneCommand::Status(args)) if args.lane.is_none())
    );
    assert!(parse_group::<LaneCommand>(&["pause", "netgsm/default/KLINIK"]).is_err());
    assert!(parse_group::<LaneCommand>(&["resume", "--reason", "x"]).is_err());
}

#[test]
fn examples_in_help_texts_are_valid_command_lines() {
    fn check(command: &clap::Command, top: bool) {
        let help = command.get_after_help().map(ToString::to_string);
        assert!(!top || help.is_some(), "{} has no examples", command.get_name());
        let help = help.unwrap_or_default();
        for line in help.lines().map(str::trim).filter(|line| line.starts_with("ulak ")) {
            Cli::try_parse_from(words(line)).unwrap_or_else(|e| panic!("{line}: {e}"));
        }
        command.get_subcommands().for_each(|command| check(command, false));
    }
    Cli::command().get_subcommands().for_each(|command| check(command, true));
}

/// The words of an example, as a shell makes them: up to a comment or a pipe, quotes taken off.
fn words(line: &str) -> Vec<String> {
    let line = line.split("  ").next().unwrap_or_default();
    let line = line.split(['|', '>']).next().unwrap_or_default();
    line.split('\'')
        .enumerate()
        .flat_map(|(i, part)| match i % 2 {
            1 => vec![part.to_owned()],
            _ => part.split_whitespace().map(str::to_owned).collect(),
        })
        .map(|word| word.replace("ntf_k5xq…", SAMPLE).replace("bad_4f2a…", SAMPLE))
        .map(|word| word.replace("fct_m3ab…", &SAMPLE.replace("ntf_", "fct_")))
        .collect()
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
            for argument in
                command.get_arguments().filter(|a| !a.is_global_set() && !a.is_hide_set())
            {
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
