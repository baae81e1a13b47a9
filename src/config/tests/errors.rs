//! Every class of mistake, and the line it gets.

use super::*;

#[test]
fn a_wrong_value_names_key_origin_and_what_is_allowed() {
    assert_eq!(
        line("[worker]\nin_flight = 0", &[]),
        "worker.in_flight (/etc/ulak/ulak.toml): 0 is not allowed; use a whole number from 1 to 20000"
    );
    assert_eq!(
        line("", &[("ULAK_WORKER__IN_FLIGHT", "many")]),
        "worker.in_flight (environment variable ULAK_WORKER__IN_FLIGHT): \"many\" is not allowed; use a whole number from 1 to 20000"
    );
}

#[test]
fn an_unknown_key_names_the_nearest() {
    assert_eq!(
        line("[worker]\ninflight = 5", &[]),
        "worker.inflight (/etc/ulak/ulak.toml): is no known key; the nearest is worker.in_flight"
    );
    assert_eq!(
        line("", &[("ULAK_WROKER__LISTEN", "x")]),
        "wroker.listen (environment variable ULAK_WROKER__LISTEN): is no known key; the nearest is worker.listen"
    );
    assert_eq!(
        line("[databse]", &[]),
        "databse (/etc/ulak/ulak.toml): is no known key; the nearest is database.url"
    );
}

#[test]
fn a_variable_with_one_underscore_too_few_is_not_ignored() {
    let line = line("", &[("ULAK_DATABASE_URL", "postgres://u:hunter2@h/d")]);
    assert!(line.contains("use ULAK_DATABASE__URL"), "{line}");
    assert!(!line.contains("hunter2"));
}

#[test]
fn variables_that_only_look_alike_are_left_alone() {
    let kubernetes = [
        ("ULAK_SERVICE_HOST", "10.0.0.1"),
        ("ULAK_PORT_9464_TCP", "tcp://10.0.0.1:9464"),
        ("ULAK_CONFIG", "x"),
        ("PATH", "/"),
    ];
    assert!(load("", &kubernetes).is_ok());
}

#[test]
fn a_section_is_no_value_and_a_value_is_no_section() {
    let line_of_section = line("worker = 5", &[]);
    assert!(
        line_of_section.starts_with("worker (/etc/ulak/ulak.toml): is a section"),
        "{line_of_section}"
    );
    assert_eq!(
        line("[worker.listen]\nport = 5", &[]),
        "worker.listen.port (/etc/ulak/ulak.toml): is no known key; the nearest is worker.listen"
    );
    assert!(
        line("[[clinics]]\nname = \"x\"", &[])
            .starts_with("clinics (/etc/ulak/ulak.toml): is a section")
    );
}

#[test]
fn text_that_is_not_toml_names_line_and_column() {
    assert!(
        line("[worker]\nlisten = \n", &[]).starts_with(
            "configuration file (/etc/ulak/ulak.toml): is not TOML: line 2, column 10:"
        )
    );
}

#[test]
fn all_errors_are_listed_at_once() {
    let lines = lines(
        r#"
        colour = "red"
        [database]
        url = "mysql://x/y"
        master_key = "c2hvcnQ="
        [worker]
        listen = "localhost"
        drain_s = -1
        [providers.netgsm]
        username = "only half"
        [providers.netgsm.accounts.default]
        username = "a"
        [providers.iys]
        max_per_s = "fast"
        [clinics."Ataşehir"]
        name = "x"
        [clinics.bir]
        quiet_hours = "at night"
        time_zone = "Istanbul"
        min_gap = "6"
        name_style = "loud"
        reminders = ["24h", "-2h"]
        change_notice = "sometimes"
        [clinics.iki]
        name = "İki"
        consent.ulak.payment-receipt.v2 = "none"
        [consent]
        source = "gsm"
        [route]
        sms = ["netgsm", "pigeon"]
        [reconcile]
        give_up = "2m"
        [log]
        format = "xml"
        level = "worker=loud"
        "#,
        &[],
    );
    let keys: Vec<&str> = lines.iter().filter_map(|line| line.split(' ').next()).collect();
    for key in [
        "colour",
        "database.url",
        "database.master_key",
        "worker.listen",
        "worker.drain_s",
        "providers.netgsm.password",
        "providers.netgsm.accounts.default",
        "providers.iys.max_per_s",
        "clinics.\"Ataşehir\"",
        "clinics.bir.name",
        "clinics.bir.quiet_hours",
        "clinics.bir.time_zone",
        "clinics.bir.min_gap",
        "clinics.bir.name_style",
        "clinics.bir.reminders",
        "clinics.bir.change_notice",
        "clinics.iki.consent.\"ulak.payment-receipt.v2\"",
        "consent.source",
        "route.sms",
        "reconcile.give_up",
        "log.format",
        "log.level",
    ] {
        assert_eq!(keys.iter().filter(|found| **found == key).count(), 1, "{key} in {lines:#?}");
    }
    assert_eq!(keys.len(), 22, "{lines:#?}");
    assert!(lines.iter().all(|line| !line.contains('\n')));
}

#[test]
fn a_database_is_a_file_or_postgres_and_a_limit_is_a_files() {
    for wrong in ["sqlite::memory:", "sqlite://", "sqlite://a?mode=ro", "mysql://u:hunter2@h/d", ""]
    {
        let line = line(&format!("[database]\nurl = \"{wrong}\""), &[]);
        assert!(
            line.starts_with("database.url (/etc/ulak/ulak.toml): the value is not allowed; use ")
                && line.contains("sqlite://FILE")
                && line.contains("postgres://")
                && !line.contains("hunter2"),
            "{line}"
        );
    }
    let limited = "[database]\nurl = \"postgres://db/ulak\"\nmax_mib = 100";
    assert!(
        line(limited, &[])
            .starts_with("database.max_mib (/etc/ulak/ulak.toml): is a limit of a SQLite file")
    );
    assert!(line("[database]\nmax_mib = 0", &[]).contains("\"none\""));
}

#[test]
fn a_provider_stands_once_in_a_route_that_has_one() {
    for wrong in ["[\"netgsm\", \"netgsm\"]", "[]", "[\"sms\"]"] {
        let line = line(&format!("[route]\nsms = {wrong}"), &[]);
        assert!(line.starts_with("route.sms (/etc/ulak/ulak.toml): "), "{line}");
    }
}

#[test]
fn a_legal_basis_is_in_words() {
    let with = |basis: &str| format!("{COMPLETE}\ntransfer_abroad = \"{basis}\"");
    for wrong in ["yes", "x".repeat(301).as_str(), "one line\\nand another"] {
        let line = line(&with(wrong), &[]);
        assert!(
            line.contains("clinics.atasehir.transfer_abroad") && line.contains("10 to 300"),
            "{line}"
        );
    }
    assert!(load(&with("KVKK 9/1"), &[]).is_err());
    assert!(load(&with("açık rıza, form 7"), &[]).is_ok());
}

#[test]
fn a_secret_given_twice_is_refused() {
    let line = line(
        "[providers.netgsm]\nusername = \"a\"\npassword_file = \"/run/secret\"",
        &[("NETGSM_PASSWORD", "hunter2")],
    );
    assert_eq!(
        line,
        "providers.netgsm.password (environment variable NETGSM_PASSWORD): is given twice, also as \
         providers.netgsm.password_file (/etc/ulak/ulak.toml); keep one"
    );
}

#[test]
fn a_secrets_file_that_cannot_be_read_is_named() {
    let line = line("[database]\nmaster_key_file = \"gone\"", &[]);
    assert!(
        line.starts_with(
            "database.master_key_file (/etc/ulak/ulak.toml): /etc/ulak/gone cannot be read:"
        ),
        "{line}"
    );
}

#[test]
fn a_weaker_consent_rule_needs_its_legal_basis() {
    let with = |rule: &str| format!("{COMPLETE}\nconsent.ulak.payment-receipt.v1 = \"{rule}\"");
    for weaker in ["not-refused", "none"] {
        let line = line(&with(weaker), &[]);
        assert!(line.contains("weaker than the type's own rule \"required\""), "{line}");
        assert!(
            line.contains("clinics.atasehir.consent_basis.\"ulak.payment-receipt.v1\""),
            "{line}"
        );
        assert!(
            load(
                &format!("{}\nconsent_basis.ulak.payment-receipt.v1 = \"article 6\"", with(weaker)),
                &[]
            )
            .is_ok()
        );
    }
    assert!(load(&with("required"), &[]).is_ok());
    let alone =
        line(&format!("{COMPLETE}\nconsent_basis.ulak.payment-receipt.v1 = \"article 6\""), &[]);
    assert!(alone.contains("stands beside no rule"), "{alone}");
}

#[test]
fn a_rule_as_strong_as_a_weak_types_own_needs_no_basis() {
    let types = BTreeMap::from([("ulak.payment-receipt.v1".to_owned(), ConsentRule::NotRefused)]);
    let with = |rule: &str| {
        sources(&format!("{COMPLETE}\nconsent.ulak.payment-receipt.v1 = \"{rule}\""), &[])
    };
    assert!(Config::load(&with("not-refused"), &types, &files).is_ok());
    assert!(Config::load(&with("required"), &types, &files).is_ok());
    assert!(Config::load(&with("none"), &types, &files).is_err());
}

#[test]
fn messages_with_a_reference_share_no_job() {
    let flat = "[providers.netgsm]\nusername = \"a\"\npassword = \"b\"\nbatch = 20\n";
    let own = "[providers.netgsm.accounts.x]\nusername = \"c\"\npassword = \"d\"\n";
    for (text, key) in [
        (format!("{flat}send_reference = true"), "providers.netgsm.batch"),
        (format!("{flat}{own}send_reference = true"), "providers.netgsm.accounts.x.batch"),
    ] {
        let line = line(&text, &[]);
        assert!(line.contains("is above 1 while send_reference is true"), "{line}");
        assert!(line.starts_with(key), "{line}");
    }
    let line = line("[providers.netgsm]\nbatch = 101", &[]);
    assert!(line.starts_with("providers.netgsm.batch (/etc/ulak/ulak.toml)"), "{line}");
}

#[test]
fn what_is_not_sent_cannot_be_echoed() {
    let line = line(
        "[providers.netgsm]\nusername = \"a\"\npassword = \"b\"\nechoes_reference = true",
        &[],
    );
    assert!(
        line.starts_with("providers.netgsm.echoes_reference (/etc/ulak/ulak.toml): is true while"),
        "{line}"
    );
}
