//! `check`: everything that is wrong at once, each with its place.

use std::fs;

use schemas::{ClinicId, Registry};
use tempfile::TempDir;
use templates::{Finding, Renderer, Severity, check};

const HOME: &str = "messages/appointment-reminder";

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

fn findings(folder: &TempDir) -> Vec<Finding> {
    let clinic = ClinicId::parse("atasehir").unwrap();
    check(&Registry::embedded().unwrap(), None, &[(clinic, folder.path().to_owned())])
}

/// As people see them, without the folder.
fn shown(folder: &TempDir) -> Vec<String> {
    let home = format!("{}/{HOME}/", folder.path().display());
    findings(folder).iter().map(|finding| finding.to_string().replace(&home, "")).collect()
}

#[test]
fn the_built_in_texts_are_clean() {
    assert_eq!(check(&Registry::embedded().unwrap(), None, &[]), []);
}

#[test]
fn all_findings_come_at_once_with_file_line_and_column() {
    let folder = folder(&[
        (
            &format!("{HOME}/tr/sms.txt"),
            "Sayın {{ recipient_name }},\n{{ appointment_day }} var. İNDİRİM için\n  https://a.b adresine bakın.",
        ),
        (&format!("{HOME}/en/sms.txt"), "Dear {{ recipient_name | upper }}, your treatment"),
        ("messages/payment-receipt/tr/sms.txt", "{{ payment_amount }}: ücretsiz kontrol"),
        ("messages/payment-receipt/de/sms.txt", "a"),
    ]);
    let found = shown(&folder);
    let has = |start: &str, words: &str| {
        assert!(
            found.iter().any(|f| f.starts_with(start) && f.contains(words)),
            "{start}: {found:#?}"
        );
    };
    has("tr/sms.txt:2:4: error: ", "unknown name `appointment_day`");
    has("tr/sms.txt:2:28: error: ", "`indirim` promotes");
    has("tr/sms.txt:3:3: error: ", "promotes");
    has("en/sms.txt:1:26: error: ", "`upper` does not know Turkish");
    has("en/sms.txt:1:41: error: ", "`treatment` tells why");
    let elsewhere = found.iter().filter(|f| f.contains("payment-receipt")).count();
    assert_eq!((elsewhere, found.len()), (2, 7), "{found:#?}");
}

#[test]
fn a_field_about_health_or_identity_stops_the_start_too() {
    for name in ["appointment_department", "recipient_tckn", "appointment_diagnosis"] {
        let folder = folder(&[(&format!("{HOME}/tr/sms.txt"), &format!("a\n{{{{ {name} }}}}"))]);
        let found = shown(&folder);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with(&format!("tr/sms.txt:2:4: error: `{name}` may stand in no text")),
            "{found:?}"
        );
        let clinic = ClinicId::parse("atasehir").unwrap();
        let registry = Registry::embedded().unwrap();
        let stopped = Renderer::load(&registry, &[(clinic, folder.path().to_owned())]).unwrap_err();
        assert_eq!(stopped.place, Some((2, 4)));
    }
}

#[test]
fn a_text_that_is_too_long_only_for_long_names_is_found() {
    let filler = "Bu bir uzun cümledir. ".repeat(22);
    let folder = folder(&[(
        &format!("{HOME}/tr/sms.txt"),
        &format!(
            "{filler}{{{{ recipient_name }}}}\
        {{% if appointment_with %}}{{{{ appointment_with }}}}{{% endif %}} {{{{ clinic_name }}}}"
        ),
    )]);
    let clinic = ClinicId::parse("atasehir").unwrap();
    assert!(
        Renderer::load(&Registry::embedded().unwrap(), &[(clinic, folder.path().to_owned())])
            .is_ok()
    );
    let found = findings(&folder);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].what.contains("5 segments with the longest sample"), "{found:?}");
    assert_eq!((found[0].severity, found[0].line), (Severity::Error, None));
}

#[test]
fn what_costs_ucs2_is_a_warning_and_accents_are_folded() {
    let folder = folder(&[(&format!("{HOME}/tr/sms.txt"), "{{ recipient_name }} kâğıt 😀")]);
    let found = shown(&folder);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("tr/sms.txt: warning: ") && found[0].contains('😀'), "{found:?}");
    assert!(!found[0].contains('â'), "{found:?}");
}

#[test]
fn words_files_and_missing_languages_are_checked() {
    let words = folder(&[(
        "messages/payment-receipt/tr/words.json",
        "{\"payment.method\": {\n \"card\": \"indirimli kart\", \"cash\": \"nakit\", \"transfer\": \"EFT\", \"other\": \"diğer\"}}",
    )]);
    let found = findings(&words);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].line, found[0].column), (Some(2), Some(11)));
    assert!(found[0].file.ends_with("words.json"), "{found:?}");

    let registry =
        Registry::load([("ulak.order-ready.v1.json", crate::loading::NEW_TYPE)]).unwrap();
    let found = check(&registry, None, &[]);
    let missing: Vec<&str> = found.iter().map(|finding| finding.file.as_str()).collect();
    let home = "templates/messages/order-ready";
    assert_eq!(missing, [format!("{home}/en/sms.txt"), format!("{home}/tr/sms.txt")]);
    assert!(found.iter().all(|finding| finding.what.contains("is missing")), "{found:?}");
}

#[test]
fn a_folder_that_is_not_there_is_one_finding() {
    let clinic = ClinicId::parse("atasehir").unwrap();
    let found = check(&Registry::embedded().unwrap(), None, &[(clinic, "/nowhere".into())]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].file, "/nowhere");
}
