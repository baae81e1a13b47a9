//! Suffixes, ordinals and casing in texts, and wordings for whoever takes none.

use std::fs;

use schemas::{Channel, ClinicId, Registry};
use serde_json::json;
use templates::{Encoding, NameStyle, Provider, RenderPolicy, Renderer, TemplateError, count_for};

use crate::desk::{Desk, REMINDER, reminder, with};

fn desk(source: &str) -> Result<Desk, TemplateError> {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("messages/appointment-reminder/tr");
    fs::create_dir_all(&home).unwrap();
    fs::write(home.join("sms.txt"), source).unwrap();
    let clinic = ClinicId::parse("atasehir").unwrap();
    let registry = Registry::embedded().unwrap();
    let renderer = Renderer::load(&registry, &[(clinic, folder.path().to_owned())])?;
    Ok(Desk { registry, renderer, clinic: crate::desk::clinic() })
}

fn refused(source: &str) -> String {
    desk(source).map(|_| ()).unwrap_err().problem
}

#[test]
fn a_text_says_suffixes_after_every_kind_of_value() {
    let desk = desk(
        "{{ appointment_starts_at_date | ek(hal=\"bulunma\") }} \
         {{ appointment_starts_at_time | ek(hal=\"de\") }} \
         {{ appointment_starts_at_date_time | ek(hal=\"deki\") }} \
         {% if clinic_name_takes_suffix %}{{ clinic_name | ek(hal=\"e\", tur=\"kurum\") }}{% endif %} \
         {% if appointment_with is ek_alir %}{{ appointment_with | ek(hal=\"le\") }}{% endif %} \
         {{ \"3\" | sira }} {{ \"3\" | sira | ek(hal=\"e\") }} {{ \"1.250,50 TL\" | ek(hal=\"lik\") }}",
    )
    .unwrap();
    assert_eq!(
        desk.text(REMINDER, &reminder()),
        "22 Kasım 2026'da 14:30'da 22 Kasım 2026 Pazar 14:30'daki Ataşehir Kliniğine \
         Dr. Çağrı Şahin'le 3'üncü 3'üncüye 1.250,50 TL'lik"
    );
}

#[test]
fn a_name_that_takes_no_suffix_gets_the_other_wording() {
    let desk = &mut desk(
        "{% if recipient_name_takes_suffix %}{{ recipient_name | ek(hal=\"in\", tur=\"ad\") }} randevusu\
         {% else %}Randevu: {{ recipient_name }}{% endif %}",
    )
    .unwrap();
    for (name, style, text) in [
        ("Ayşe Yılmaz", NameStyle::First, "Ayşe'nin randevusu"),
        ("Ayşe Işık", NameStyle::Full, "Ayşe Işık'ın randevusu"),
        ("KEMAL", NameStyle::First, "KEMAL'in randevusu"),
        ("ışıl", NameStyle::First, "ışıl'ın randevusu"),
        ("Walter Max", NameStyle::First, "Randevu: Walter"),
        ("Ayşe Wagner", NameStyle::Full, "Randevu: Ayşe Wagner"),
        ("Ayşe Yılmaz", NameStyle::Initials, "Randevu: A.Y."),
    ] {
        desk.clinic.name_style = style;
        let data = with(reminder(), &[("recipient.name", json!(name))]);
        assert_eq!(desk.text(REMINDER, &data), text);
    }
}

#[test]
fn a_text_without_the_other_wording_stops_the_start() {
    let bare = refused("{{ recipient_name | ek(hal=\"in\", tur=\"ad\") }}");
    assert!(bare.contains("takes no suffix") && bare.contains("offer a wording without"), "{bare}");
    assert!(bare.contains("with names that take no suffix"), "{bare}");
    let bare = refused("{{ clinic_name | ek(hal=\"de\", tur=\"kurum\") }}");
    assert!(bare.contains("takes no suffix"), "{bare}");
    // Without `tur` a name in capitals could be an abbreviation.
    let untold = refused(
        "{% if recipient_name_takes_suffix %}{{ recipient_name | ek(hal=\"in\") }}{% endif %}a",
    );
    assert!(untold.contains("tur=\"ad\"") && untold.contains("with names in capitals"), "{untold}");
    // The condition itself needs its else: an empty text is refused.
    assert!(refused("{% if recipient_name_takes_suffix %}a{% endif %}").contains("is empty"));
}

#[test]
fn mistakes_in_a_filter_say_what_there_is() {
    for (source, words) in [
        ("{{ recipient_name | ek }}", "hal"),
        ("{{ recipient_name | ek(hal=\"dative\") }}", "hal is one of in, e, i, de"),
        ("{{ recipient_name | ek(hal=\"e\", tur=\"name\") }}", "tur is one of ad, söz"),
        ("{{ recipient_name | sira }}", "not a whole number"),
    ] {
        assert!(refused(source).contains(words), "{source}: {}", refused(source));
    }
}

#[test]
fn casing_filters_know_turkish() {
    let desk = desk(
        "{{ recipient_name | tr_upper }} {{ recipient_name | tr_lower }} {{ recipient_name | tr_title }}",
    )
    .unwrap();
    let data = with(reminder(), &[("recipient.name", json!("IŞIL"))]);
    assert_eq!(desk.text(REMINDER, &data), "IŞIL ışıl Işıl");
    let data = with(reminder(), &[("recipient.name", json!("İpek"))]);
    assert_eq!(desk.text(REMINDER, &data), "İPEK ipek İpek");
}

#[test]
fn turkish_letters_are_folded_only_where_the_clinic_wants_it() {
    let mut desk = desk(&format!("{} {{{{ recipient_name }}}}", "şğı".repeat(25))).unwrap();
    let data = reminder();
    let dear = desk.render(&desk.event(REMINDER, &data)).unwrap();
    assert_eq!(dear.segments.segments, 2);
    assert!(dear.text.expose().ends_with("Ayşe"));
    let other = ClinicId::parse("kadikoy").unwrap();
    desk.renderer.set_policy(other, RenderPolicy { fold_turkish: true });
    assert_eq!(desk.render(&desk.event(REMINDER, &data)).unwrap(), dear, "another clinic's wish");
    let own = ClinicId::parse("atasehir").unwrap();
    desk.renderer.set_policy(own, RenderPolicy { fold_turkish: true });
    let cheap = desk.render(&desk.event(REMINDER, &data)).unwrap();
    assert_eq!(cheap.segments.segments, 1);
    assert!(cheap.text.expose().ends_with("sgi Ayse"));
}

#[test]
fn a_text_that_fits_at_netgsm_is_written_for_twilio_too_whatever_it_counts_there() {
    let desk = desk(&format!("{} {{{{ recipient_name }}}}", "şğı kişi ".repeat(35))).unwrap();
    let event = desk.event(REMINDER, &reminder());
    let home = desk.render(&event).unwrap();
    let event_type = desk.registry.get(REMINDER).unwrap();
    let max = event_type.policy.max_segments;
    assert!(home.segments.segments <= max, "{}", home.segments.segments);
    let abroad = desk
        .renderer
        .render_for(
            Provider::Twilio,
            &event,
            event_type,
            &desk.clinic,
            Channel::Sms,
            crate::desk::now(),
        )
        .unwrap();
    assert_eq!(abroad.text, home.text);
    assert_eq!(abroad.segments, count_for(Provider::Twilio, abroad.text.expose()));
    assert_eq!(abroad.segments.encoding, Encoding::Ucs2);
    assert!(abroad.segments.segments > max, "{}", abroad.segments.segments);
}
