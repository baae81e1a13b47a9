//! Texts for patients: rendered out of hostile values, counted, inflected; and what providers say, masked.

use chrono_tz::Tz;
use schemas::{Channel, ClinicId, Incoming, Language};
use templates::turkish::{
    Case, Kind, ordinal, takes_suffix, tr_lower, tr_title, tr_upper, with_suffix,
};
use templates::{
    ClinicFace, Encoding, NameStyle, Provider, Renderer, count_for, format_money, outside_alphabets,
};

use super::registry;
use crate::check::{PLANTED, choose, has_number, head, one_line, tells_nothing};
use crate::corpus;

fn renderer() -> &'static Renderer {
    static RENDERER: std::sync::LazyLock<Renderer> =
        std::sync::LazyLock::new(|| Renderer::load(registry(), &[]).expect("embedded texts"));
    &RENDERER
}

/// A text out of an event that is taken: one line, within the limit, and no error with a value in it.
pub(super) fn render(input: &[u8]) {
    let ([style, zone, when, channel], body) = head(input);
    let Ok(Incoming::Event(event)) = registry().read(body, None, &|id| id == "atasehir") else {
        return;
    };
    let event_type = registry().get(&event.event_type).expect("its type");
    let clinic = ClinicFace {
        id: ClinicId::parse("atasehir").expect("an id"),
        name: choose(&["Ataşehir Diş", "Klinik", "Öz Şişli Göz Hastalıkları Merkezi"], style >> 2)
            .to_owned(),
        phone: (style & 64 == 0).then(|| "0216 000 00 00".to_owned()),
        address: (style & 32 == 0).then(|| "Barbaros Mah. No: 3, Ataşehir".to_owned()),
        zone: choose(&[Tz::Europe__Istanbul, Tz::UTC, Tz::Pacific__Apia], zone),
        name_style: choose(&[NameStyle::First, NameStyle::Initials, NameStyle::Full], style),
    };
    let now = event.time.to_utc() + chrono::TimeDelta::hours(i64::from(when) - 128);
    let channel = choose(&[Channel::Sms, Channel::Sms, Channel::Sms, Channel::Whatsapp], channel);
    for provider in Provider::ALL {
        match renderer().render_for(provider, &event, event_type, &clinic, channel, now) {
            Ok(message) => {
                let text = message.text.expose();
                one_line("a text", text);
                assert!(!text.trim().is_empty() && text.trim() == text, "{text:?}");
                assert!(
                    !text.contains("{{") || String::from_utf8_lossy(body).contains("{{"),
                    "{text:?}"
                );
                assert_eq!(message.segments, count_for(provider, text));
                let counted = count_for(Provider::Netgsm, text).segments;
                if provider == Provider::Netgsm {
                    assert!(
                        counted <= event_type.policy.max_segments,
                        "{counted} segments: {text:?}"
                    );
                }
                assert!(!format!("{message:?}").contains(text));
            }
            Err(error) => tells_nothing("the error", &error.to_string()),
        }
    }
}

pub(super) fn amounts() -> Vec<Vec<u8>> {
    corpus::texts(&[
        "1250.50 TRY",
        "0 TRY",
        "0.05 USD",
        "1000000 JPY",
        "12.5 EUR",
        "007 TRY",
        "1. TRY",
        ".5 TRY",
        "-1 TRY",
        "1e3 TRY",
        "1250,50 TL",
        "99999999999999999999999.999 TRY",
    ])
}

/// An amount: every digit stays, none is added but zeros behind the point.
pub(super) fn money(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (amount, currency) = text.rsplit_once(' ').unwrap_or((&text, "TRY"));
    for language in [Language::Tr, Language::En] {
        let Some(shown) = format_money(amount, currency, language) else { continue };
        assert!(!shown.chars().any(char::is_control), "{shown:?}");
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
        let point = if language == Language::Tr { ',' } else { '.' };
        let (shown_whole, shown_fraction) = shown.split_once(point).map_or_else(
            || (digits(&shown), String::new()),
            // thousands are divided by the other sign, so there is one point at most
            |(whole, fraction)| (digits(whole), digits(fraction)),
        );
        let minor = shown.matches(point).count();
        assert!(
            minor <= 1 || language == Language::En && minor == shown.matches('.').count(),
            "{shown}"
        );
        let plain = whole.trim_start_matches('0');
        assert_eq!(
            shown_whole,
            if plain.is_empty() { "0" } else { plain },
            "{amount} became {shown}"
        );
        assert!(shown_fraction.starts_with(fraction), "{amount} became {shown}");
        assert!(
            shown_fraction[fraction.len()..].bytes().all(|b| b == b'0'),
            "{amount} became {shown}"
        );
    }
}

pub(super) fn messages() -> Vec<Vec<u8>> {
    corpus::texts(&[
        "Sayin Ayse, 22 Kasim Pazar saat 14:30 randevunuzu hatirlatiriz.",
        "Sayın Ayşe, randevunuzu hatırlatırız. Ataşehir Diş",
        "€[]{}|^~\\",
        "ğüşıöçĞÜŞİÖÇ",
        "😀🇹🇷",
        "",
        "a",
        "1.250,50 TL ödemeniz alınmıştır. Teşekkür ederiz. 1.250,50 TL ödemeniz alınmıştır. Teşekkür ederiz. 1.250,50 TL ödemeniz alınmıştır.",
    ])
}

/// What a text costs: never nothing, never less for more text.
pub(super) fn segments(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let half = &text[..text.floor_char_boundary(text.len() / 2)];
    for provider in Provider::ALL {
        let (all, part) = (count_for(provider, &text), count_for(provider, half));
        assert!(all.segments >= 1 && all.segments >= part.segments, "{all:?} {part:?}");
        assert_eq!(all.characters as usize, text.chars().count());
        assert!(all.units >= all.characters);
        assert!(all.units <= all.segments * all.encoding.single(), "{all:?}");
        if all.encoding != Encoding::Ucs2 {
            assert_eq!(outside_alphabets(&text), Vec::<char>::new());
        }
    }
}

pub(super) fn words() -> Vec<Vec<u8>> {
    let words = [
        "Ayşe",
        "Ataşehir",
        "14:30",
        "14.30",
        "1.250,50 TL",
        "%20",
        "2026",
        "22 Kasım",
        "22.11.2026",
        "3.",
        "SGK",
        "Kliniği",
        "Ali",
        "IŞIK",
        "i",
        "I",
        "ı",
        "İ",
        "0",
        "1000000",
        "99999999999999999999",
        "Dr. Öz",
        "ve",
        "Sağlık Ocağı",
        "00:00",
        "24:00",
        "-1",
        "1,5",
    ];
    corpus::headed(2, corpus::texts(&words))
}

/// Turkish suffixes and cases of any word.
pub(super) fn suffix(input: &[u8]) {
    let ([case, kind], text) = head(input);
    let text = String::from_utf8_lossy(text);
    let kind = (kind < 200).then(|| choose(&Kind::ALL, kind));
    match with_suffix(&text, choose(&Case::ALL, case), kind) {
        Ok(word) => assert!(
            word.starts_with(text.trim_end_matches(['\'', '’']))
                || word.contains(text.trim())
                || word.len() + 4 >= text.len(),
            "{text:?} became {word:?}"
        ),
        Err(none) => tells_nothing("the reason", &none.to_string()),
    }
    let _ = (takes_suffix(&text, kind), ordinal(&text).is_ok(), tr_title(&text));
    let upper = tr_upper(&text);
    assert!(!upper.contains(['i', 'ı']), "{upper:?}");
    assert_eq!(tr_upper(&upper), upper, "not upper case");
    let _ = tr_lower(&upper);
}

pub(super) fn masked() -> Vec<Vec<u8>> {
    corpus::texts(&[
        "recipient +905398887766 is not valid",
        "539 888 77 66 Gizlikişi GIZLISOYAD",
        "jobid 17377215342605050417149344",
        "0 (539) 888-77/66.",
        "Sayın Gizlikişi randevunuz 22.11.2026 14:30",
        "５３９８８８７７６６",
        "539\u{200b}888\u{a0}77\u{a0}66",
        "5 3 9 8 8 8 7 7 6 6",
        "a539b888c77d66",
        "539***888   77   66",
        "kod 1234 tarih 22.11",
    ])
}

/// What a provider says, masked: no number, none of the message's own words, one line of at most 200 characters.
pub(super) fn mask(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let own = [PLANTED[0], PLANTED[1], "+905398887766", PLANTED[2]];
    let masked = providers::mask::mask(&text, &own);
    tells_nothing("masked words", &masked);
    assert!(masked.chars().count() <= providers::mask::MAX_CHARS, "{}", masked.chars().count());
    assert!(!has_number(&providers::mask::mask(&masked, &own)), "masked twice");
}
