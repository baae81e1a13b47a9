//! Every text as people will read it, word by word, in `golden/`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p templates` writes the files anew; read the difference before you
//! keep it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

use serde_json::{Value, json};
use templates::NameStyle;

use crate::desk::{
    CANCELLATION, CONFIRMATION, Desk, RECEIPT, REFUND, REMINDER, moved, receipt, refund, reminder,
    with,
};

/// A shape of data, and what the clinic tells about itself.
pub struct Shape {
    pub name: &'static str,
    pub event_type: &'static str,
    pub data: Value,
    pub phone: bool,
}

pub fn shapes() -> Vec<Shape> {
    let mut shapes = Vec::new();
    let mut add = |event_type, name, phone, data| {
        shapes.push(Shape { name, event_type, data, phone });
    };
    add(REMINDER, "everything present", true, reminder());
    add(
        REMINDER,
        "nothing optional",
        false,
        with(reminder(), &[("appointment.with", Value::Null)]),
    );
    add(
        REMINDER,
        "without the person seen",
        true,
        with(reminder(), &[("appointment.with", Value::Null)]),
    );
    add(
        REMINDER,
        "long names",
        true,
        with(
            reminder(),
            &[
                ("recipient.name", json!("Abdülkadir Gökhan Muhammed Şekercizadeoğulları")),
                (
                    "appointment.with",
                    json!("Prof. Dr. Öğr. Üyesi Ayşegül İğdırlıoğlu Çağdaş Şahingöz"),
                ),
            ],
        ),
    );
    add(
        REMINDER,
        "just after midnight in Istanbul",
        true,
        with(reminder(), &[("appointment.starts_at", json!("2026-12-31T21:05:00Z"))]),
    );
    add(
        REMINDER,
        "look-alikes and blanks",
        true,
        with(
            reminder(),
            &[
                ("recipient.name", json!("  D’Arcy\u{a0} O’Neill ")),
                ("appointment.with", json!("Dt. Işıl – Su Ünal")),
            ],
        ),
    );
    add(
        REMINDER,
        "a circumflex is folded, for it would be UCS-2",
        false,
        with(
            reminder(),
            &[("recipient.name", json!("Kâzım Hâlit")), ("appointment.with", Value::Null)],
        ),
    );
    add(RECEIPT, "card, one instalment", true, receipt());
    add(
        RECEIPT,
        "nothing optional",
        false,
        with(
            receipt(),
            &[
                ("payment.method", Value::Null),
                ("payment.card_last4", Value::Null),
                ("payment.installments", Value::Null),
            ],
        ),
    );
    add(
        RECEIPT,
        "card, six instalments",
        true,
        with(
            receipt(),
            &[("payment.installments", json!(6)), ("payment.amount", json!("123456789.05"))],
        ),
    );
    add(
        RECEIPT,
        "cash",
        true,
        with(
            receipt(),
            &[
                ("payment.method", json!("cash")),
                ("payment.amount", json!("450")),
                ("payment.card_last4", Value::Null),
                ("payment.installments", Value::Null),
            ],
        ),
    );
    add(
        RECEIPT,
        "another way of paying",
        true,
        with(
            receipt(),
            &[
                ("payment.method", json!("other")),
                ("payment.card_last4", Value::Null),
                ("payment.installments", Value::Null),
            ],
        ),
    );
    add(
        RECEIPT,
        "transfer in euros",
        true,
        with(
            receipt(),
            &[
                ("payment.method", json!("transfer")),
                ("payment.currency", json!("EUR")),
                ("payment.amount", json!("99.9")),
                ("payment.card_last4", Value::Null),
                ("payment.installments", Value::Null),
            ],
        ),
    );
    shapes.extend(planned_shapes());
    shapes
}

/// What is told because of a fact: booked, moved, cancelled, paid back.
fn planned_shapes() -> Vec<Shape> {
    let mut shapes = Vec::new();
    let mut add = |event_type, name, phone, data| {
        shapes.push(Shape { name, event_type, data, phone });
    };
    let without_with = |data| with(data, &[("appointment.with", Value::Null)]);
    let long = [
        ("recipient.name", json!("Abdülkadir Gökhan Muhammed Şekercizadeoğulları")),
        ("appointment.with", json!("Prof. Dr. Öğr. Üyesi Ayşegül İğdırlıoğlu Çağdaş Şahingöz")),
    ];
    add(CONFIRMATION, "booked", true, reminder());
    add(CONFIRMATION, "booked, nothing optional", false, without_with(reminder()));
    add(CONFIRMATION, "booked, long names", true, with(reminder(), &long));
    add(CONFIRMATION, "moved", true, moved());
    add(CONFIRMATION, "moved, nothing optional", false, without_with(moved()));
    add(CONFIRMATION, "moved, long names", true, with(moved(), &long));
    add(
        CONFIRMATION,
        "moved to an hour whose ending differs",
        true,
        with(moved(), &[("appointment.starts_at", json!("2026-11-26T09:30:00+03:00"))]),
    );
    let mut anew = reminder();
    anew["change"] = json!({ "changed_at": "2026-11-20T08:00:00+03:00" });
    add(CONFIRMATION, "booked anew after a cancellation", true, anew);
    add(CANCELLATION, "everything present", true, reminder());
    add(CANCELLATION, "nothing optional", false, without_with(reminder()));
    add(CANCELLATION, "long names", true, with(reminder(), &long));
    add(REFUND, "to a card", true, refund());
    let bare = [("payment.method", Value::Null), ("payment.card_last4", Value::Null)];
    add(REFUND, "nothing optional", false, with(refund(), &bare));
    add(
        REFUND,
        "a part of it, in cash",
        true,
        with(
            refund(),
            &[
                ("payment.amount", json!("250")),
                ("payment.method", json!("cash")),
                ("payment.card_last4", Value::Null),
            ],
        ),
    );
    add(
        REFUND,
        "transfer in euros",
        true,
        with(
            refund(),
            &[
                ("payment.amount", json!("99.9")),
                ("payment.currency", json!("EUR")),
                ("payment.method", json!("transfer")),
                ("payment.card_last4", Value::Null),
            ],
        ),
    );
    let other = [("payment.method", json!("other")), ("payment.card_last4", Value::Null)];
    add(REFUND, "another way of paying", true, with(refund(), &other));
    shapes
}

/// One file: an event type in a language, every shape in every name style.
fn written(desk: &mut Desk, event_type: &str, language: &str) -> String {
    let phone = desk.clinic.phone.clone();
    let mut file = String::new();
    for shape in shapes().into_iter().filter(|shape| shape.event_type == event_type) {
        desk.clinic.phone = phone.clone().filter(|_| shape.phone);
        let data = with(shape.data, &[("recipient.language", json!(language))]);
        let event = desk.event(event_type, &data);
        for (style, style_name) in [
            (NameStyle::First, "first"),
            (NameStyle::Initials, "initials"),
            (NameStyle::Full, "full"),
        ] {
            desk.clinic.name_style = style;
            let message = desk.render(&event).unwrap();
            let counted = message.segments;
            writeln!(
                file,
                "# {} · {style_name} · {}, {} characters, {} units, {} segments\n{}\n",
                shape.name,
                counted.encoding.as_str(),
                counted.characters,
                counted.units,
                counted.segments,
                message.text.expose()
            )
            .unwrap();
        }
    }
    desk.clinic.phone = phone;
    file
}

#[test]
fn every_text_reads_as_it_was_approved() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden");
    let update = env::var_os("UPDATE_GOLDEN").is_some();
    let mut desk = Desk::new();
    let types: Vec<String> = desk.registry.types().map(|t| t.name.clone()).collect();
    let mut expected = BTreeSet::new();
    for event_type in &types {
        for language in ["tr", "en"] {
            let short = event_type.strip_prefix("ulak.").unwrap().strip_suffix(".v1").unwrap();
            let name = format!("{short}.{language}.txt");
            let path = folder.join(&name);
            expected.insert(name.clone());
            let now = written(&mut desk, event_type, language);
            assert!(!now.is_empty(), "{event_type} has no shape in tests/it/golden.rs");
            if update {
                fs::write(&path, &now).unwrap();
            }
            let approved = fs::read_to_string(&path).unwrap_or_default();
            for (a, b) in approved.lines().zip(now.lines()) {
                assert_eq!(a, b, "golden/{name} differs; UPDATE_GOLDEN=1 writes it anew");
            }
            assert_eq!(approved, now, "golden/{name} differs; UPDATE_GOLDEN=1 writes it anew");
        }
    }
    let found: BTreeSet<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(found, expected, "golden/ holds files of no type");
}
