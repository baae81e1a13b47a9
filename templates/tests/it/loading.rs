//! What stops the start, with file and line.

use std::fs;
use std::path::Path;

use schemas::{ClinicId, Registry};
use serde_json::json;
use tempfile::TempDir;
use templates::{Renderer, TemplateError};

use crate::desk::{Desk, RECEIPT, REMINDER, receipt, reminder, with};

const TR: &str = "messages/appointment-reminder/tr/sms.txt";

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

fn load(folder: &Path) -> Result<Renderer, TemplateError> {
    let clinic = ClinicId::parse("atasehir").unwrap();
    Renderer::load(&Registry::embedded().unwrap(), &[(clinic, folder.to_owned())])
}

/// The error of a clinic's Turkish reminder, without the folder's path.
fn refused(source: &str) -> String {
    let folder = folder(&[(TR, source.as_bytes())]);
    let error = load(folder.path()).map(|_| ()).unwrap_err().to_string();
    assert!(!error.contains('\n'), "one line: {error}");
    error.replace(folder.path().to_str().unwrap(), "")
}

#[test]
fn the_built_in_texts_load() {
    assert!(Desk::new().registry.types().count() >= 2);
}

#[test]
fn a_clinic_puts_its_own_text_in_place() {
    let folder =
        folder(&[(TR, "{{ recipient_name }}: {{ appointment_starts_at_day }}".as_bytes())]);
    let mut desk = Desk::new();
    desk.renderer = load(folder.path()).unwrap();
    let own = desk.render(&desk.event(REMINDER, &reminder())).unwrap();
    assert_eq!(own.text.expose(), "Ayşe: Pazar");
    assert_eq!(own.template, "atasehir:appointment-reminder/tr/sms");
    assert_eq!(own.template_version, "4399aecad5bf9d6b", "sha256sum sms.txt | cut -c1-16");
    // Its other texts, and other clinics, keep the built-in ones.
    let english = with(reminder(), &[("recipient.language", json!("en"))]);
    assert!(desk.text(REMINDER, &english).starts_with("Dear Ayşe"));
    desk.clinic.id = ClinicId::parse("kadikoy").unwrap();
    let other = desk.render(&desk.event(REMINDER, &reminder())).unwrap();
    assert_eq!(other.template, "appointment-reminder/tr/sms");
    assert_ne!(other.template_version, own.template_version);
}

#[test]
fn a_clinic_may_change_a_word_only() {
    let words = r#"{"payment.method": {"card": "kredi kartı", "cash": "peşin", "transfer": "EFT", "other": "diğer"}}"#;
    let folder = folder(&[("messages/payment-receipt/tr/words.json", words.as_bytes())]);
    let mut desk = Desk::new();
    let before = desk.render(&desk.event(RECEIPT, &receipt())).unwrap();
    desk.renderer = load(folder.path()).unwrap();
    let message = desk.render(&desk.event(RECEIPT, &receipt())).unwrap();
    assert!(message.text.expose().contains("Ödeme yöntemi: kredi kartı."));
    assert_ne!(message.template_version, before.template_version);
}

/// A type that no line of Rust knows.
pub const NEW_TYPE: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object", "required": ["recipient", "order"], "additionalProperties": false,
  "properties": {
    "recipient": { "$ref": "../parts.json#/$defs/recipient" },
    "order": {
      "type": "object", "required": ["id", "ready_at", "fee", "currency"],
      "additionalProperties": false,
      "properties": {
        "id": { "$ref": "../parts.json#/$defs/identifier" },
        "ready_at": { "$ref": "../parts.json#/$defs/instant" },
        "fee": { "type": "string", "pattern": "^[0-9]+$", "x-ulak-kind": "money" },
        "currency": { "type": "string", "enum": ["TRY"], "x-ulak-kind": "enum" },
        "pieces": { "type": "integer", "x-ulak-kind": "integer" },
        "place": { "type": "string", "enum": ["desk", "post"], "x-ulak-kind": "enum" }
      }
    }
  },
  "x-ulak": {
    "class": "normal", "channels": ["sms"], "consent": "required", "quiet_hours": true,
    "expires": { "field": "order.ready_at", "plus": "1d" }, "same_as": ["order.id"],
    "min_gap": false, "on_unknown": "stop", "fallback_after": null, "max_segments": 2
  }
}"#;

#[test]
fn a_new_type_is_a_schema_and_a_folder_of_texts() {
    let text = "{{ recipient_name }}: {{ order_id }}, {{ order_ready_at_day }} \
                {% if order_ready_at_near %}({{ order_ready_at_near }}) {% endif %}\
                {{ order_fee }}\
                {% if order_pieces %}, {{ order_pieces }} adet{% endif %}\
                {% if order_place %}, {{ order_place }}{% endif %}";
    let home = "messages/order-ready";
    let words = r#"{"order.place": {"desk": "danışma", "post": "kargo"}}"#;
    let folder = folder(&[
        (&format!("{home}/tr/sms.txt"), text.as_bytes()),
        (&format!("{home}/tr/words.json"), words.as_bytes()),
        (&format!("{home}/en/sms.txt"), b"Dear {{ recipient_name }}, {{ order_id }} is ready."),
    ]);
    let registry = Registry::load([("ulak.order-ready.v1.json", NEW_TYPE)]).unwrap();
    let clinic = ClinicId::parse("atasehir").unwrap();
    let renderer = Renderer::load(&registry, &[(clinic, folder.path().to_owned())]).unwrap();
    let mut desk = Desk { registry, renderer, clinic: crate::desk::clinic() };
    let data = json!({
        "recipient": { "name": "Ayşe Yılmaz", "phone": "+905321234567" },
        "order": { "id": "S-1", "ready_at": "2026-11-22T14:30:00+03:00", "fee": "1500",
                   "currency": "TRY", "pieces": 2, "place": "desk" },
    });
    let read = desk.text("ulak.order-ready.v1", &data);
    assert_eq!(read, "Ayşe: S-1, Pazar (yarın) 1.500,00 TL, 2 adet, danışma");

    // Another clinic has no such text, and is told so.
    desk.clinic.id = ClinicId::parse("kadikoy").unwrap();
    let refused = desk.render(&desk.event("ulak.order-ready.v1", &data)).unwrap_err();
    assert!(refused.to_string().starts_with("there is no text order-ready/tr/sms"), "{refused}");
}

#[test]
fn a_type_without_a_text_in_each_language_stops_the_start() {
    let registry = Registry::load([("ulak.order-ready.v1.json", NEW_TYPE)]).unwrap();
    let error = Renderer::load(&registry, &[]).map(|_| ()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "templates/messages/order-ready/tr/sms.txt: is missing: \
         ulak.order-ready.v1 needs a text in each language"
    );
    let turkish = folder(&[("messages/order-ready/tr/sms.txt", b"a")]);
    let clinic = ClinicId::parse("atasehir").unwrap();
    let folders = [(clinic, turkish.path().to_owned())];
    let error = Renderer::load(&registry, &folders).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("atasehir") && error.contains("order-ready/en/sms.txt"), "{error}");
}

#[test]
fn a_folder_without_texts_is_fine_and_a_missing_one_is_not() {
    let empty = folder(&[("policies.toml", b"")]);
    assert!(load(empty.path()).is_ok());
    let error = load(&empty.path().join("nowhere")).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("is not a folder"), "{error}");
}

#[test]
fn a_misspelt_name_is_refused_wherever_it_stands() {
    for source in [
        "Sayın\n{{ recipient_nam }}",
        "Sayın\n{% if recipient_nam %}a{% endif %}b",
        "Sayın\n{{ recipient_nam | default(value=\"a\") }}",
        "Sayın\n{% if recipient_nam is defined %}a{% endif %}b",
        "Sayın\n{% for x in recipient_nam %}a{% endfor %}b",
        "Sayın\n{% set x = recipient_nam %}b",
    ] {
        let error = refused(source);
        assert!(error.starts_with("/messages/appointment-reminder/tr/sms.txt:2:"), "{error}");
        assert!(error.contains("unknown name `recipient_nam`"), "{error}");
        assert!(error.contains("recipient_name"), "offers what there is: {error}");
    }
}

#[test]
fn names_that_a_text_made_itself_are_its_own() {
    let folder = folder(&[(
        TR,
        "{% set who = recipient_name %}{% for c in [\"a\", \"b\"] %}{{ c }}{% endfor %} {{ who }}"
            .as_bytes(),
    )]);
    assert!(load(folder.path()).is_ok());
}

#[test]
fn a_telephone_number_is_no_name_of_a_text() {
    assert!(refused("{{ recipient_phone }}").contains("unknown name `recipient_phone`"));
}

#[test]
fn an_optional_name_needs_its_if() {
    let error = refused("Sayın {{ recipient_name }},\ngörüşme: {{ appointment_with }}");
    assert!(error.starts_with("/messages/appointment-reminder/tr/sms.txt:2:13: "), "{error}");
    assert!(error.contains("appointment_with") && error.contains("{% if name %}"), "{error}");
    // The condition must be the right one.
    let error = refused("{% if clinic_phone %}{{ appointment_with }}{% endif %} a");
    assert!(error.contains("without appointment.with"), "{error}");
    assert!(refused("{{ appointment_starts_at_near }}").contains("a near day"));
}

#[test]
fn filters_that_do_not_know_turkish_are_refused() {
    for filter in ["upper", "lower", "title", "capitalize"] {
        let error = refused(&format!("a\n\n  {{{{ recipient_name | {filter} }}}}"));
        assert!(error.starts_with("/messages/appointment-reminder/tr/sms.txt:3:23: "), "{error}");
        assert!(error.contains(&format!("`{filter}` does not know Turkish")), "{error}");
    }
}

#[test]
fn what_would_print_everything_or_leave_the_file_is_refused() {
    assert!(refused("{{ __tera_context }}").contains("would print everything"));
    assert!(refused("{% include \"x.txt\" %}").contains("a text is one file"));
    assert!(refused("{% extends \"x.txt\" %}").contains("a text is one file"));
    assert!(refused("{{ recipient_name | int }}").contains("fails on some values"));
}

#[test]
fn errors_of_the_engine_keep_file_and_line() {
    let at = "/messages/appointment-reminder/tr/sms.txt:2:";
    for (source, words) in [
        ("a\n{{ recipient_name | shout }}", "Unknown filter `shout`"),
        ("a\n{{ shout(x=1) }}", "Unknown function `shout`"),
        ("a\n{% if recipient_name is loud %}a{% endif %}", "Unknown test `loud`"),
        ("a\n{% if recipient_name %}a", ""),
        ("a\n{{ recipient_name", ""),
        ("a\n{{ recipient_name | truncate }}", ""),
        ("a\n{{ recipient_name.first }}", ""),
    ] {
        let error = refused(source);
        assert!(error.starts_with(at) && error.contains(words), "{source:?}: {error}");
    }
}

#[test]
fn an_empty_text_is_refused() {
    assert!(refused(" \n ").contains("is empty"));
    assert!(
        refused("{% if appointment_with %}a{% endif %}")
            .contains("is empty without appointment.with")
    );
}

#[test]
fn a_text_that_is_too_long_for_its_type_is_refused() {
    let error = refused(&"Uzun bir söz. ".repeat(50));
    assert!(error.contains("max_segments of its type is 4"), "{error}");
}

#[test]
fn a_text_that_costs_ucs2_is_noted() {
    let folder = folder(&[(TR, "Sayın {{ recipient_name }} 😀 — â".as_bytes())]);
    let renderer = load(folder.path()).unwrap();
    assert_eq!(renderer.notes().len(), 1);
    assert!(renderer.notes()[0].contains("😀"), "{:?}", renderer.notes());
    assert!(!renderer.notes()[0].contains('—'), "a dash is folded: {:?}", renderer.notes());
}

#[test]
fn files_that_nothing_would_use_are_refused() {
    for (path, words) in [
        (
            "messages/apointment-reminder/tr/sms.txt",
            "no event type is called `apointment-reminder`",
        ),
        ("messages/appointment-reminder/de/sms.txt", "no language is called `de`"),
        ("messages/appointment-reminder/tr/sms.tx", "is no text"),
        ("messages/appointment-reminder/sms.txt", "is a file where a folder is expected"),
    ] {
        let folder = folder(&[(path, b"a")]);
        let error = load(folder.path()).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let hidden = folder(&[("messages/appointment-reminder/tr/.sms.txt.swp", b"a")]);
    assert!(load(hidden.path()).is_ok());
}

#[test]
fn a_file_that_is_not_utf8_or_far_too_large_is_refused() {
    let legacy = folder(&[(TR, b"Merhaba\nSay\xfdn")]);
    let error = load(legacy.path()).map(|_| ()).unwrap_err();
    assert_eq!(error.place, Some((2, 1)));
    assert!(error.problem.contains("not UTF-8"), "{error}");
    let large = folder(&[(TR, &vec![b'a'; 70_000])]);
    assert!(load(large.path()).map(|_| ()).unwrap_err().problem.contains("70000 bytes"));
}

#[test]
fn words_are_checked() {
    for (words, problem) in [
        ("{", "is not JSON"),
        ("[]", "is not JSON"),
        (r#"{"payment.methods": {}}"#, "`payment.methods` is not a field with choices"),
        (r#"{"payment.amount": {}}"#, "`payment.amount` is not a field with choices"),
        (r#"{"payment.method": {"crad": "kart"}}"#, "has no choice `crad`"),
        (r#"{"payment.method": {"card": "kart"}}"#, "add the word for `cash`"),
        (
            r#"{"payment.method": {"card": " ", "cash": "a", "transfer": "b", "other": "c"}}"#,
            "is empty",
        ),
    ] {
        let folder = folder(&[("messages/payment-receipt/tr/words.json", words.as_bytes())]);
        let error = load(folder.path()).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(problem) && error.contains("words.json"), "{error}");
    }
    let shown = folder(&[(
        TR,
        "{% if recipient_language %}{{ recipient_language }}{% endif %}{{ recipient_name }}"
            .as_bytes(),
    )]);
    let error = load(shown.path()).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("words.json") && error.contains("add the word for `tr`"), "{error}");
}

#[test]
fn an_operators_own_type_has_its_texts_in_the_operators_folder() {
    let text = b"{{ recipient_name }}: {{ order_id }}";
    let english = "messages/order-ready/en/sms.txt";
    let own = folder(&[("messages/order-ready/tr/sms.txt", text), (english, text)]);
    let registry = Registry::load([("ulak.order-ready.v1.json", NEW_TYPE)]).unwrap();
    let load = |clinics: &[_]| Renderer::load_with(&registry, Some(own.path()), clinics);
    let mut desk = Desk::new();
    desk.renderer = load(&[]).unwrap();
    desk.registry = Registry::load([("ulak.order-ready.v1.json", NEW_TYPE)]).unwrap();
    let data = json!({
        "recipient": { "name": "Ayşe Yılmaz", "phone": "+905321234567" },
        "order": { "id": "S-1", "ready_at": "2026-11-22T14:30:00+03:00", "fee": "1500",
                   "currency": "TRY" },
    });
    assert_eq!(desk.text("ulak.order-ready.v1", &data), "Ayşe: S-1");
    // A clinic may still say it in its own words.
    let clinic = folder(&[("messages/order-ready/tr/sms.txt", "{{ order_id }} hazır".as_bytes())]);
    let folders = [(ClinicId::parse("atasehir").unwrap(), clinic.path().to_owned())];
    desk.renderer = load(&folders).unwrap();
    assert_eq!(desk.text("ulak.order-ready.v1", &data), "S-1 hazır");
    // What is missing is named where the operator has to put it.
    fs::remove_file(own.path().join(english)).unwrap();
    let error = load(&[]).map(|_| ()).unwrap_err().to_string();
    assert!(error.starts_with(&own.path().join(english).display().to_string()), "{error}");
}

#[test]
fn an_operators_folder_does_not_replace_built_in_texts() {
    let own = folder(&[(TR, b"a")]);
    let registry = Registry::embedded().unwrap();
    let error = Renderer::load_with(&registry, Some(own.path()), &[]).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("belongs to a built-in type"), "{error}");
}
