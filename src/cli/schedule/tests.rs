use clap::{FromArgMatches as _, Subcommand as _};

use super::*;

const NTF: &str = "ntf_aaaaaaaaaaaaaaaaaaaaaaaaaa";

fn parse(words: &[&str]) -> Result<ScheduleCommand, clap::Error> {
    let command = clap::Command::new("ulak").subcommand_required(true);
    let command = ScheduleCommand::augment_subcommands(command);
    ScheduleCommand::from_arg_matches(&command.try_get_matches_from([&["ulak"], words].concat())?)
}

#[test]
fn a_list_is_of_a_span_a_clinic_and_a_type() {
    let Ok(ScheduleCommand::List(args)) = parse(&["list"]) else { panic!("a list") };
    assert_eq!((args.from, args.until, args.limit, args.with_text), (None, None, 100, false));
    let words = [
        "list",
        "--from",
        "tomorrow 09:00",
        "--until",
        "10:00",
        "--clinic",
        "atasehir",
        "--type",
        "appointment-reminder",
    ];
    let Ok(ScheduleCommand::List(args)) = parse(&words) else { panic!("a list") };
    assert!(matches!(args.from, Some(When::Wall(when::Day::Ahead(1), _))), "{:?}", args.from);
    assert_eq!(args.event_type.as_deref(), Some("appointment-reminder"));
}

#[test]
fn texts_are_asked_for_with_a_reason_or_not_at_all() {
    let words = ["list", "--with-text", "--reason", "price list check"];
    assert!(matches!(parse(&words), Ok(ScheduleCommand::List(args)) if args.with_text));
    for wrong in [
        &["list", "--with-text"][..],
        &["list", "--reason", "x"],
        &["list", "--with-text", "--reason", "asked by 0532 123 45 67"],
        &["list", "--from", "yesterday"],
        &["list", "--limit", "0"],
    ] {
        assert_eq!(parse(wrong).expect_err("wrong").exit_code(), 2, "{wrong:?}");
    }
}

#[test]
fn a_plan_is_asked_for_by_one_thing() {
    let fact = "fct_aaaaaaaaaaaaaaaaaaaaaaaaaa";
    assert!(
        matches!(parse(&["show", NTF]), Ok(ScheduleCommand::Show(args)) if matches!(args.id, Some(Named::Notification(_))))
    );
    assert!(
        matches!(parse(&["show", fact]), Ok(ScheduleCommand::Show(args)) if matches!(args.id, Some(Named::Fact(_))))
    );
    let by = ["show", "--appointment", "A-1042", "--clinic", "atasehir"];
    assert!(matches!(parse(&by), Ok(ScheduleCommand::Show(args)) if args.appointment.is_some()));
    for wrong in [
        &["show"][..],
        &["show", "A-1042"],
        &["show", "--appointment", "A-1042"],
        &["show", "--clinic", "atasehir"],
        &["show", NTF, "--appointment", "A-1042", "--clinic", "atasehir"],
    ] {
        assert_eq!(parse(wrong).expect_err("wrong").exit_code(), 2, "{wrong:?}");
    }
}

#[test]
fn nothing_is_stopped_without_yes_and_a_reason() {
    let Ok(ScheduleCommand::Cancel(args)) = parse(&["cancel", NTF]) else { panic!("a dry run") };
    assert_eq!((args.ids.len(), args.yes, args.reason), (1, false, None));
    let words = ["cancel", NTF, NTF, "--yes", "--reason", "wrong price"];
    assert!(matches!(parse(&words), Ok(ScheduleCommand::Cancel(args)) if args.yes));
    for wrong in [
        &["cancel"][..],
        &["cancel", NTF, "--yes"],
        &["cancel", "--clinic", "atasehir"],
        &["cancel", "--appointment", "A-1042"],
        &["cancel", NTF, "--appointment", "A-1042", "--clinic", "atasehir"],
    ] {
        assert_eq!(parse(wrong).expect_err("wrong").exit_code(), 2, "{wrong:?}");
    }
}

#[test]
fn a_fact_is_previewed_as_of_a_time() {
    let words = ["preview", "booked.json", "--at", "+2h", "--clinic", "atasehir"];
    assert!(matches!(parse(&words), Ok(ScheduleCommand::Preview(args)) if args.at.is_some()));
    assert!(matches!(parse(&["preview", "-"]), Ok(ScheduleCommand::Preview(_))));
    assert!(parse(&["preview"]).is_err());
}
