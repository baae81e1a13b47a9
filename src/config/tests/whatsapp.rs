//! WhatsApp: numbers at Meta whole or refused, templates mapped once each, and who may use them.

use std::time::Duration;

use secrecy::ExposeSecret as _;

use super::*;
use crate::config::{MappedButton, Purpose, WhatsappProvider};
use schemas::Channel;

const NUMBER: &str = "
    [providers.whatsapp]
    phone_number_id = 106540352242922
    business_account_id = \"102290129340398\"
    access_token = \"meta-hunter\"
    app_secret = \"secret-hunter\"
    verify_token = \"verify-hunter\"
    webhook_token = \"webhook-hunter-0123456789\"
";

const TEMPLATE: &str = "
    [whatsapp.templates.reminder]
    type = \"ulak.appointment-reminder.v1\"
    template = \"randevu_hatirlatma\"
    parameters = [\"recipient_name\", \"clinic_name\"]
";

fn with(rest: &str) -> String {
    format!("{COMPLETE}\n    transfer_abroad = \"explicit consent, form 7\"\n{rest}")
}

fn missing(file: &str) -> Vec<String> {
    let config = load(file, &[]).expect("valid");
    let errors = config.check_for(Purpose::Worker, &types()).err().unwrap_or_default();
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn a_number_is_whole_and_its_secrets_are_shown_nowhere() {
    let config = load(&with(NUMBER), &[("WHATSAPP_PHONE_NUMBER", "+908501234567")]).expect("valid");
    let account = &config.providers.whatsapp["default"];
    assert_eq!(account.phone_number_id, "106540352242922");
    assert_eq!(account.business_account_id.as_deref(), Some("102290129340398"));
    assert_eq!(
        (account.version.as_str(), account.phone.as_deref()),
        ("v23.0", Some("+908501234567"))
    );
    assert_eq!(account.access_token.expose_secret(), "meta-hunter");
    let shown: Vec<String> = config.values().iter().map(ToString::to_string).collect();
    assert!(!shown.join("\n").contains("hunter-0"));
    for secret in ["access_token", "app_secret", "verify_token", "webhook_token"] {
        let key = format!("providers.whatsapp.{secret} = ");
        let line = shown.iter().find(|line| line.starts_with(&key)).expect("shown");
        assert!(line.contains("(set)") && !line.contains("hunter"), "{line}");
    }
    assert!(!format!("{config:?}").contains("hunter"));
}

#[test]
fn a_number_that_is_not_whole_names_what_is_missing_and_a_number_alone_is_none() {
    let only = |line: &str| format!("[providers.whatsapp]\n{line}");
    assert!(
        line(&only("phone_number_id = 1065"), &[]).starts_with("providers.whatsapp.access_token")
    );
    assert!(
        line(&only("access_token = \"t\""), &[]).starts_with("providers.whatsapp.phone_number_id")
    );
    let none = load("", &[("WHATSAPP_PHONE_NUMBER", "+908501234567")]).expect("valid");
    assert!(none.providers.whatsapp.is_empty());
    let named = "[providers.whatsapp.accounts.second]\nphone = \"0850\"";
    assert!(line(named, &[]).starts_with("providers.whatsapp.accounts.second.phone_number_id"));
    let token = line(&only("webhook_token = \"short\""), &[]);
    assert!(token.contains("16 to 128") && !token.contains("short\""), "{token}");
}

#[test]
fn a_template_is_mapped_with_its_defaults_and_by_a_variable_too() {
    let file = with(&format!("{NUMBER}{TEMPLATE}    buttons = [\"0:url=appointment_id\"]"));
    let env = [("ULAK_WHATSAPP__TEMPLATES__REMINDER__TEMPLATE", "randevu_2")];
    let config = load(&file, &env).expect("valid");
    let template = &config.templates["reminder"];
    assert_eq!(template.provider, WhatsappProvider::Whatsapp);
    assert_eq!(
        (template.template.as_str(), template.vendor_language.as_str()),
        ("randevu_2", "tr")
    );
    assert_eq!(template.parameters, ["recipient_name", "clinic_name"]);
    let button = MappedButton { index: 0, is_url: true, value: "appointment_id".to_owned() };
    assert_eq!(template.buttons, [button]);
    assert!(template.clinics.is_empty());
    assert_eq!(missing(&file), Vec::<String>::new());
}

#[test]
fn a_template_that_could_not_be_told_from_another_or_is_named_wrongly_is_refused() {
    let second = TEMPLATE.replace("templates.reminder", "templates.second");
    let twice = line(&with(&format!("{NUMBER}{TEMPLATE}{second}")), &[]);
    assert!(
        twice.starts_with("whatsapp.templates.second.type") && twice.contains("besides reminder"),
        "{twice}"
    );
    // of a clinic's own, one that is for all and one in another language there may be
    let own = format!("{second}    clinics = [\"atasehir\"]");
    let english = TEMPLATE.replace("templates.reminder", "templates.en") + "    language = \"en\"";
    assert_eq!(
        lines(&with(&format!("{NUMBER}{TEMPLATE}{own}{english}")), &[]),
        Vec::<String>::new()
    );
    for (from, to, key) in [
        ("randevu_hatirlatma", "Randevu", "template"),
        ("ulak.appointment-reminder.v1", "ulak.x.v1", "type"),
        (
            "template = \"randevu_hatirlatma\"",
            "provider = \"twilio\"\ntemplate = \"HX1\"",
            "template",
        ),
        ("[\"recipient_name\", \"clinic_name\"]", "[]", "parameters"),
    ] {
        let said = line(&TEMPLATE.replace(from, to), &[]);
        assert!(said.starts_with(&format!("whatsapp.templates.reminder.{key} ")), "{said}");
    }
}

#[test]
fn what_a_template_needs_and_is_not_there_is_said() {
    let none = missing(&with(TEMPLATE));
    assert_eq!(none.len(), 1, "{none:?}");
    assert!(none[0].starts_with("providers.whatsapp.phone_number_id"), "{none:?}");
    // a clinic without a legal basis uses none
    assert_eq!(missing(&format!("{COMPLETE}{TEMPLATE}")), Vec::<String>::new());
    let twilio = "template = \"HX0123456789abcdef0123456789abcdef\"\n    provider = \"twilio\"";
    let at_twilio = TEMPLATE.replace("template = \"randevu_hatirlatma\"", twilio);
    let not_used = missing(&with(&at_twilio));
    assert!(not_used[0].starts_with("whatsapp.templates.reminder.provider"), "{not_used:?}");
    let used = missing(&with(&format!("{at_twilio}\n[route]\nwhatsapp = [\"twilio\"]")));
    assert!(used[0].starts_with("providers.twilio.account_sid"), "{used:?}");
    let unknown = missing(&with(&format!("{NUMBER}{TEMPLATE}    clinics = [\"besiktas\"]")));
    assert!(
        unknown[0].contains("\"besiktas\"") && unknown[0].contains("\"atasehir\""),
        "{unknown:?}"
    );
    let alone = missing(&format!("{COMPLETE}    channels = [\"whatsapp\"]"));
    assert_eq!(alone.len(), 2, "{alone:?}");
    assert!(alone[0].starts_with("clinics.atasehir.transfer_abroad"), "{alone:?}");
}

#[test]
fn a_clinic_has_its_own_order_of_channels_and_its_own_patience() {
    let file = format!(
        "{COMPLETE}    channels = [\"whatsapp\", \"sms\"]\n[clinics.atasehir.fallback_after]\n\"ulak.appointment-reminder.v1\" = \"2h\"\nulak.payment-receipt.v1 = \"none\"\n[route]\nchannels = [\"sms\"]"
    );
    let config = load(&file, &[]).expect("valid");
    let clinic = config.clinics.values().next().expect("one");
    assert_eq!(clinic.channels.as_deref(), Some(&[Channel::Whatsapp, Channel::Sms][..]));
    assert_eq!(
        clinic.fallback_after["ulak.appointment-reminder.v1"],
        Some(Duration::from_hours(2))
    );
    assert_eq!(clinic.fallback_after["ulak.payment-receipt.v1"], None);
    assert_eq!(config.route.channels.as_deref(), Some(&[Channel::Sms][..]));
    for (channels, problem) in [("[\"sms\", \"sms\"]", "once"), ("[\"mail\"]", "\"whatsapp\"")] {
        let said = line(&format!("[route]\nchannels = {channels}"), &[]);
        assert!(said.starts_with("route.channels") && said.contains(problem), "{said}");
    }
    let soon = format!(
        "{COMPLETE}[clinics.atasehir.fallback_after]\n\"ulak.payment-receipt.v1\" = \"5s\""
    );
    assert!(line(&soon, &[]).contains("or \"none\""));
    let unknown = format!("{COMPLETE}[clinics.atasehir.fallback_after]\n\"ulak.x.v1\" = \"2h\"");
    assert!(line(&unknown, &[]).contains("is no event type"));
}

#[test]
fn accounts_that_nobody_outside_could_tell_apart_are_refused() {
    let second = |id: &str, token: &str| {
        format!(
            "{NUMBER}
    [providers.whatsapp.accounts.second]
    phone_number_id = {id}
    access_token = \"meta-hunter\"
    webhook_token = \"{token}\"
"
        )
    };
    let two = |id: &str, token: &str| missing(&with(&second(id, token)));
    let named =
        |errors: Vec<String>, key: &str| errors.iter().filter(|it| it.contains(key)).count();
    let other = "other-0123456789-abcdef";
    assert_eq!(named(two("106540352242922", other), "accounts.second.phone_number_id"), 1);
    let token = "webhook-hunter-0123456789";
    let said = two("106540352242923", token);
    assert!(said.iter().all(|it| !it.contains(token)), "{said:?}");
    assert_eq!(named(said, "accounts.second.webhook_token"), 1);
    assert_eq!(two("106540352242923", other).iter().filter(|it| it.contains("second")).count(), 0);
}
