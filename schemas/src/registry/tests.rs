use super::*;
use crate::{Channel, Class, ConsentRule, OnUnknown, Visit};

const REMINDER: &str = include_str!("../../events/ulak.appointment-reminder.v1.json");

fn error_of(file: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut schema: Value = serde_json::from_str(REMINDER).unwrap();
    change(&mut schema);
    Registry::load([(file, schema.to_string().as_str())]).unwrap_err().to_string()
}

#[test]
fn the_types_of_the_mission_and_of_the_plan_are_built_in() {
    let registry = Registry::embedded().unwrap();
    let names: Vec<_> = registry.types().map(|t| (t.name.as_str(), t.queue.as_str())).collect();
    assert_eq!(
        names,
        [
            ("ulak.appointment-cancellation.v1", "ulak.appointment-cancellation"),
            ("ulak.appointment-confirmation.v1", "ulak.appointment-confirmation"),
            ("ulak.appointment-reminder.v1", "ulak.appointment-reminder"),
            ("ulak.payment-receipt.v1", "ulak.payment-receipt"),
            ("ulak.refund-receipt.v1", "ulak.refund-receipt"),
        ]
    );
    let reminder = &registry.get("ulak.appointment-reminder.v1").unwrap().policy;
    assert_eq!(reminder.class, Class::Normal);
    assert_eq!(reminder.channels, [Channel::Sms, Channel::Whatsapp]);
    assert_eq!(reminder.consent, ConsentRule::Required);
    assert!(reminder.quiet_hours && reminder.min_gap);
    assert_eq!(reminder.on_unknown, OnUnknown::Resend);
    let receipt = &registry.get("ulak.payment-receipt.v1").unwrap().policy;
    assert_eq!(receipt.expires.plus.as_secs(), 7 * 86_400);
    assert_eq!(receipt.same_as, ["payment.id"]);
    assert_eq!(receipt.on_unknown, OnUnknown::Stop);
    assert_eq!(receipt.fallback_after, None);
    assert!(registry.get("ulak.appointment-reminder").is_none());
}

#[test]
fn what_the_plan_tells_besides_reminders_is_told_once_and_keeps_its_hours() {
    let registry = Registry::embedded().unwrap();
    let policy = |name: &str| &registry.get(name).unwrap().policy;
    let confirmation = policy("ulak.appointment-confirmation.v1");
    let cancellation = policy("ulak.appointment-cancellation.v1");
    for visit in [confirmation, cancellation] {
        assert_eq!(visit.consent, ConsentRule::Required);
        assert_eq!(visit.on_unknown, OnUnknown::Stop);
        assert_eq!(visit.expires.field, "appointment.starts_at");
        assert!(visit.quiet_hours && !visit.min_gap);
        assert_eq!(visit.same_as, ["appointment.id", "appointment.starts_at", "change.changed_at"]);
    }
    assert_eq!((confirmation.visit, cancellation.visit), (Visit::Standing, Visit::Cancelled));
    let refund = policy("ulak.refund-receipt.v1");
    let receipt = policy("ulak.payment-receipt.v1");
    assert_eq!(refund.same_as, ["payment.id", "payment.refund_id"]);
    assert_eq!(refund.expires.field, "payment.refunded_at");
    assert_eq!(refund.expires.plus, receipt.expires.plus);
    assert_eq!((refund.quiet_hours, refund.on_unknown), (false, OnUnknown::Stop));
}

#[test]
fn fields_come_from_the_schema() {
    let registry = Registry::embedded().unwrap();
    let receipt = registry.get("ulak.payment-receipt.v1").unwrap();
    let listed: Vec<_> =
        receipt.fields.iter().map(|f| (f.path.as_str(), f.kind.as_str(), f.required)).collect();
    assert_eq!(
        listed,
        [
            ("payment.amount", "money", true),
            ("payment.card_last4", "text", false),
            ("payment.currency", "enum", true),
            ("payment.gateway_ref", "text", false),
            ("payment.id", "text", true),
            ("payment.installments", "integer", false),
            ("payment.method", "enum", false),
            ("payment.paid_at", "instant", true),
            ("recipient.channels", "list", false),
            ("recipient.language", "enum", false),
            ("recipient.name", "person-name", true),
            ("recipient.phone", "phone", true),
            ("recipient.type", "enum", false),
        ]
    );
    assert_eq!(
        receipt.field("payment.method").unwrap().values,
        ["card", "cash", "transfer", "other"]
    );
    // Required inside an object that may be absent is not required.
    let reminder = registry.get("ulak.appointment-reminder.v1").unwrap();
    assert!(!reminder.field("reminder.rule").unwrap().required);
}

#[test]
fn a_new_type_is_one_file() {
    let text = REMINDER.replace("appointment-reminder", "visit-survey");
    let registry = Registry::load([("ulak.visit-survey.v2.json", text.as_str())]).unwrap();
    let survey = registry.get("ulak.visit-survey.v2").unwrap();
    assert_eq!(survey.queue, "ulak.visit-survey");
    assert_eq!(format!("{survey:?}").matches("ulak.visit-survey").count(), 2);
}

#[test]
fn a_wrong_file_is_an_error_that_names_file_and_key() {
    let file = "ulak.x.v1.json";
    for (error, begins) in [
        (error_of("x.json", |_| {}), "schemas/events/x.json: the file: the name of the file"),
        (error_of("ulak.X.v1.json", |_| {}), "schemas/events/ulak.X.v1.json: the file: the name"),
        (
            error_of(file, |s| s["x-ulak"]["class"] = "fast".into()),
            "schemas/events/ulak.x.v1.json: /x-ulak/class: \"fast\" is not one of",
        ),
        (
            error_of(file, |s| s["x-ulak"]["speed"] = 1.into()),
            "schemas/events/ulak.x.v1.json: /x-ulak: Additional properties are not allowed ('speed'",
        ),
        (
            error_of(file, |s| s["x-ulak"]["expires"]["plus"] = "7 days".into()),
            "schemas/events/ulak.x.v1.json: /x-ulak/expires/plus: ",
        ),
        (
            error_of(file, |s| s["x-ulak"]["expires"]["field"] = "appointment.ends_at".into()),
            "schemas/events/ulak.x.v1.json: /x-ulak/expires/field: appointment.ends_at must be a required",
        ),
        (
            error_of(file, |s| s["x-ulak"]["same_as"][0] = "recipient.phone".into()),
            "schemas/events/ulak.x.v1.json: /x-ulak/same_as: recipient.phone must be",
        ),
        (
            error_of(file, |s| s["x-ulak"] = Value::Null),
            "schemas/events/ulak.x.v1.json: /x-ulak: null is not of type \"object\"",
        ),
        (
            error_of(file, |s| {
                s["properties"]["recipient"]["$ref"] = "https://example.com/x".into();
            }),
            "schemas/events/ulak.x.v1.json: the file: ",
        ),
        (
            error_of(file, |s| s["properties"]["reminder"] = serde_json::json!({"type": "string"})),
            "schemas/events/ulak.x.v1.json: /properties/reminder: needs x-ulak-kind",
        ),
        (
            error_of(file, |s| {
                s["properties"]["x"] = serde_json::json!({"type": "string", "x-ulak-kind": "date"});
            }),
            "schemas/events/ulak.x.v1.json: /properties/x/x-ulak-kind: must be text",
        ),
        (
            error_of(file, |s| {
                s["properties"]["x"] =
                    serde_json::json!({"type": "string", "x-ulak-kind": "instant"});
            }),
            "schemas/events/ulak.x.v1.json: /properties/x/x-ulak-kind: an instant is called at or its name",
        ),
        (
            error_of(file, |s| {
                s["properties"]["x"] = serde_json::json!({"type": "array",
                    "items": {"type": "string"}, "x-ulak-kind": "list"});
            }),
            "schemas/events/ulak.x.v1.json: /properties/x/enum: must list the values",
        ),
        (
            error_of(file, |s| s["additionalProperties"] = true.into()),
            "schemas/events/ulak.x.v1.json: /additionalProperties: must be false",
        ),
        (
            error_of(file, |s| s["required"] = serde_json::json!(["appointment"])),
            "schemas/events/ulak.x.v1.json: /properties: recipient.name must be there, required",
        ),
        (error_of(file, |s| s["type"] = "objekt".into()), "schemas/events/ulak.x.v1.json: "),
    ] {
        assert!(error.starts_with(begins), "{error}\n{begins}");
        assert!(error.ends_with("; mend the file") && !error.contains('\n'), "{error}");
    }
    let broken = Registry::load([(file, "{")]).unwrap_err();
    assert_eq!((broken.file.as_str(), broken.key.as_str()), ("schemas/events/ulak.x.v1.json", ""));
}
