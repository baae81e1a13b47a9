//! What a render gives, and what it refuses.

use schemas::{Channel, Language};
use serde_json::json;
use templates::{Encoding, NameStyle, RenderError};

use crate::desk::{
    CANCELLATION, CONFIRMATION, Desk, RECEIPT, REFUND, REMINDER, moved, receipt, refund, reminder,
    with,
};

#[test]
fn the_reminder_of_the_design_reads_so() {
    let desk = Desk::new();
    let message = desk.render(&desk.event(REMINDER, &reminder())).unwrap();
    assert_eq!(
        message.text.expose(),
        "Sayın Ayşe, 22 Kasım 2026 Pazar 14:30 için planlanan randevunuzu hatırlatırız. \
         Görüşeceğiniz kişi: Dr. Çağrı Şahin. Değişiklik veya iptal için: 0216 555 44 33. \
         Sağlıklı günler dileriz. Ataşehir Kliniği"
    );
    assert_eq!(message.template, "appointment-reminder/tr/sms");
    assert_eq!(message.segments.encoding, Encoding::Turkish);
    assert_eq!(message.segments.segments, 2);
}

#[test]
fn the_receipt_of_the_design_reads_so() {
    let desk = Desk::new();
    assert_eq!(
        desk.text(RECEIPT, &receipt()),
        "Sayın Mehmet, 1.250,50 TL tutarındaki ödemeniz 21 Kasım 2026 tarihinde alınmıştır. \
         Ödeme yöntemi: kart. Kartın son dört hanesi: 0008. Tek çekim. Teşekkür ederiz. \
         Ataşehir Kliniği, 0216 555 44 33"
    );
}

#[test]
fn a_change_is_one_message_with_the_new_time_and_the_old() {
    let desk = Desk::new();
    assert_eq!(
        desk.text(CONFIRMATION, &moved()),
        "Sayın Ayşe, 22 Kasım 2026 14:30 için planlanan randevunuz 25 Kasım 2026 Çarşamba günü \
         saat 10:00'a alınmıştır. Görüşeceğiniz kişi: Dr. Çağrı Şahin. Değişiklik veya iptal için: \
         0216 555 44 33. Sağlıklı günler dileriz. Ataşehir Kliniği"
    );
}

#[test]
fn a_cancellation_names_the_visit_and_a_refund_the_sum() {
    let desk = Desk::new();
    assert_eq!(
        desk.text(CANCELLATION, &reminder()),
        "Sayın Ayşe, 22 Kasım 2026 Pazar 14:30 için planlanan randevunuz iptal edilmiştir. \
         Yeni randevu ve sorularınız için: 0216 555 44 33. Sağlıklı günler dileriz. \
         Ataşehir Kliniği"
    );
    assert_eq!(
        desk.text(REFUND, &refund()),
        "Sayın Mehmet, 1.250,50 TL tutarındaki iadeniz 23 Kasım 2026 tarihinde yapılmıştır. \
         İade yöntemi: kart. Kartın son dört hanesi: 0008. Sorularınız için: 0216 555 44 33. \
         Sağlıklı günler dileriz. Ataşehir Kliniği"
    );
}

#[test]
fn the_language_is_the_persons() {
    let desk = Desk::new();
    let english = |data| with(data, &[("recipient.language", json!("en"))]);
    assert!(desk.text(REMINDER, &english(reminder())).contains("Sunday 22 November 2026, 14:30"));
    assert!(desk.text(RECEIPT, &english(receipt())).contains("TRY 1,250.50"));
}

#[test]
fn the_clock_is_the_clinics() {
    let mut desk = Desk::new();
    desk.clinic.zone = chrono_tz::Tz::Europe__Berlin;
    assert!(desk.text(REMINDER, &reminder()).contains("22 Kasım 2026 Pazar 12:30"));
}

#[test]
fn the_greeting_follows_the_clinics_style() {
    let mut desk = Desk::new();
    for (style, start) in [
        (NameStyle::First, "Sayın Ayşe, "),
        (NameStyle::Initials, "Sayın A.Y., "),
        (NameStyle::Full, "Sayın Ayşe Yılmaz, "),
    ] {
        desk.clinic.name_style = style;
        assert!(desk.text(REMINDER, &reminder()).starts_with(start));
    }
}

#[test]
fn a_channel_without_texts_is_named() {
    let desk = Desk::new();
    let event = desk.event(REMINDER, &reminder());
    let event_type = desk.registry.get(REMINDER).unwrap();
    let refused = desk
        .renderer
        .render(&event, event_type, &desk.clinic, Channel::Whatsapp, crate::desk::now())
        .unwrap_err();
    assert_eq!(
        refused,
        RenderError::NoTemplate { template: "appointment-reminder/tr/whatsapp".to_owned() }
    );
    assert_eq!(refused.as_str(), "no-template");
}

#[test]
fn a_text_over_its_limit_is_refused_and_accents_go_first() {
    let mut desk = Desk::new();
    desk.clinic.name = "Kâzım Karabekir Polikliniği ve Sağlık Merkezi ".repeat(3);
    let event = desk.event(REMINDER, &reminder());
    let message = desk.render(&event).unwrap();
    assert_ne!(message.segments.encoding, Encoding::Ucs2, "370 characters of UCS-2 are 6 segments");
    assert!(message.text.expose().contains("Kazım Karabekir"));

    desk.clinic.name = "Çok Uzun Adlı Kliniğimiz ".repeat(30);
    let refused = desk.render(&event).unwrap_err();
    assert!(matches!(refused, RenderError::TooLong { max: 4, segments: 5.., .. }), "{refused}");
    assert!(!refused.to_string().contains("Ayşe"));
}

#[test]
fn an_emoji_costs_ucs2_and_stays() {
    let mut desk = Desk::new();
    desk.clinic.name = "Klinik 🦷".to_owned();
    desk.clinic.phone = None;
    let message = desk.render(&desk.event(REMINDER, &reminder())).unwrap();
    assert_eq!(message.segments.encoding, Encoding::Ucs2);
    assert_eq!(templates::outside_alphabets(message.text.expose()), ['🦷']);
}

#[test]
fn a_broken_event_is_an_error_without_its_values() {
    let desk = Desk::new();
    let event_type = desk.registry.get(RECEIPT).unwrap();
    for (path, value, field) in [
        ("payment.amount", json!("12,5"), "payment.amount"),
        ("payment.amount", json!(12.5), "payment.amount"),
        ("payment.paid_at", json!("yesterday"), "payment.paid_at"),
        ("payment.paid_at", json!("0000-01-01T00:00:00+14:00"), "payment.paid_at"),
        ("payment.method", json!("barter"), "payment.method"),
        ("payment.currency", json!(null), "payment.amount"),
    ] {
        let mut event = desk.event(RECEIPT, &receipt());
        // Past the registry: a valid event has none of this.
        event.data = with(event.data, &[(path, value.clone())]);
        let refused = desk
            .renderer
            .render(&event, event_type, &desk.clinic, Channel::Sms, crate::desk::now())
            .unwrap_err();
        let RenderError::Field { field: named, .. } = &refused else { panic!("{refused}") };
        assert_eq!(named, field);
        let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        assert!(!format!("{refused} {refused:?}").contains(&shown) || value.is_null());
    }
}

#[test]
fn a_clinic_without_a_name_cannot_sign() {
    let mut desk = Desk::new();
    desk.clinic.name = " ".to_owned();
    let refused = desk.render(&desk.event(REMINDER, &reminder())).unwrap_err();
    assert_eq!(refused.to_string(), "appointment-reminder/tr/sms: field clinic_name is empty");
}

#[test]
fn debug_of_a_message_shows_no_person() {
    let desk = Desk::new();
    let message = desk.render(&desk.event(REMINDER, &reminder())).unwrap();
    let shown = format!("{message:?}");
    assert!(shown.contains("Text(<201 characters>)"), "{shown}");
    assert!(!shown.contains("Ayşe") && !shown.contains("Kasım"), "{shown}");
}

#[test]
fn a_renderer_is_shared_by_all_tasks() {
    fn shared<T: Send + Sync + 'static>(_: &T) {}
    shared(&Desk::new().renderer);
}

#[test]
fn a_preview_needs_no_event() {
    let desk = Desk::new();
    let event_type = desk.registry.get(RECEIPT).unwrap();
    let message =
        desk.renderer.preview(event_type, &desk.clinic, Language::Tr, Channel::Sms).unwrap();
    assert!(message.text.expose().contains("1.250,50 TL"));
    assert!(message.text.expose().ends_with("Ataşehir Kliniği, 0216 555 44 33"));
}
