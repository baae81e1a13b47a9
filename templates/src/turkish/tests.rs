use std::collections::HashSet;

use proptest::prelude::*;

use super::lists::rows;
use super::*;

const FORMS: &str = include_str!("../../data/turkish_forms.tsv");

/// (value, kind, case, expected or `-`)
fn forms() -> Vec<(&'static str, Kind, Case, &'static str)> {
    rows(FORMS)
        .map(|row| match row.as_slice() {
            [value, kind, case, expected] | [value, kind, case, expected, _] => {
                (*value, Kind::parse(kind).unwrap(), Case::parse(case).unwrap(), *expected)
            }
            _ => panic!("no form: {row:?}"),
        })
        .collect()
}

#[test]
fn every_form_of_the_table_is_right() {
    let mut wrong = Vec::new();
    for (value, kind, case, expected) in forms() {
        let found = with_suffix(value, case, Some(kind));
        if found.as_deref().unwrap_or("-") != expected {
            wrong.push(format!("{value} {kind:?} {case:?}: {found:?}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_table_is_large_and_says_nothing_twice() {
    let mut seen = HashSet::new();
    for (value, kind, case, _) in forms() {
        assert!(seen.insert((value, kind, case)), "{value} {case:?} twice");
    }
    assert!(seen.len() >= 300, "{} forms", seen.len());
    for kind in Kind::ALL {
        assert!(seen.iter().filter(|(_, k, _)| *k == kind).count() >= 10, "few of {kind:?}");
    }
    for case in Case::ALL {
        assert!(seen.iter().any(|(_, _, c)| *c == case), "none of {case:?}");
    }
}

/// Without `tur` a value is either known by its looks, and then right, or refused.
#[test]
fn what_a_value_looks_like_is_never_wrong() {
    let mut known = 0;
    let mut refused = Vec::new();
    for (value, kind, case, expected) in forms() {
        // A business name without a telling last word looks like any other name; and some values
        // of the table are refused only because they are not of the kind that it says.
        if kind == Kind::Institution || expected == "-" {
            continue;
        }
        match with_suffix(value, case, None) {
            Ok(found) => {
                assert_eq!(found, expected, "{value} {case:?}");
                known += 1;
            }
            Err(_) => refused.push(value),
        }
    }
    assert!(known > 300, "{known} known, {refused:?} refused");
    refused.dedup();
    // Only these need `tur`.
    assert_eq!(refused, ["IŞIL", "İPEK", "MEHMET"].as_slice());
}

#[test]
fn what_may_be_a_possessive_is_refused_unless_told() {
    for value in ["Boğaz Lokantası", "Dr. Ali Aksu", "Gül Konağı"] {
        assert!(with_suffix(value, Case::E, None).is_err(), "{value}");
        assert!(with_suffix(value, Case::E, Some(Kind::Institution)).is_err(), "{value}");
    }
    let told = with_suffix("Dr. Ali Aksu", Case::E, Some(Kind::Name));
    assert_eq!(told.unwrap(), "Dr. Ali Aksu'ya");
    assert_eq!(with_suffix("Aksu", Case::E, None).unwrap(), "Aksu'ya");
    assert_eq!(with_suffix("Gezi Parkı", Case::De, None).unwrap(), "Gezi Parkı'nda");
    assert_eq!(with_suffix("Ege Hastanesi", Case::De, None).unwrap(), "Ege Hastanesinde");
}

#[test]
fn cases_and_kinds_have_their_turkish_names() {
    for (short, long) in [
        ("in", "tamlayan"),
        ("e", "yönelme"),
        ("i", "belirtme"),
        ("de", "bulunma"),
        ("den", "ayrılma"),
        ("le", "vasıta"),
    ] {
        assert_eq!(Case::parse(short).unwrap(), Case::parse(long).unwrap());
    }
    assert_eq!(Case::parse("dativ"), None);
    assert_eq!(Kind::parse("isim"), None);
}

#[test]
fn ordinals_are_written_with_their_ending() {
    for (number, expected) in [
        ("0", "0'ıncı"),
        ("1", "1'inci"),
        ("2", "2'nci"),
        ("3", "3'üncü"),
        ("4", "4'üncü"),
        ("5", "5'inci"),
        ("6", "6'ncı"),
        ("7", "7'nci"),
        ("8", "8'inci"),
        ("9", "9'uncu"),
        ("10", "10'uncu"),
        ("20", "20'nci"),
        ("30", "30'uncu"),
        ("40", "40'ıncı"),
        ("50", "50'nci"),
        ("60", "60'ıncı"),
        ("70", "70'inci"),
        ("80", "80'inci"),
        ("90", "90'ıncı"),
        ("100", "100'üncü"),
        ("112", "112'nci"),
        ("1000", "1000'inci"),
        ("1.000.000", "1.000.000'uncu"),
    ] {
        assert_eq!(ordinal(number).unwrap(), expected);
    }
    for bad in ["", "3.", "3,5", "-3", "%3", "üç", "3'üncü"] {
        assert!(ordinal(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_suffix_is_not_added_twice() {
    assert_eq!(with_suffix("Ayşe'nin", Case::In, None).unwrap(), "Ayşe'nin");
    assert_eq!(with_suffix("Ayşe’nin", Case::In, None).unwrap(), "Ayşe'nin");
    assert_eq!(with_suffix("14:30'da", Case::De, Some(Kind::Time)).unwrap(), "14:30'da");
    assert!(with_suffix("Ayşe'nin", Case::E, None).is_err());
    assert!(with_suffix("Ayşe'nün", Case::In, None).is_err());
}

#[test]
fn casing_knows_both_letters_i() {
    assert_eq!(tr_upper("ışık ipek"), "IŞIK İPEK");
    assert_eq!(tr_lower("IŞIK İPEK I\u{307}"), "ışık ipek i");
    for (raw, title) in [
        ("AYŞE NUR", "Ayşe Nur"),
        ("ayşe-nur ışıl", "Ayşe-Nur Işıl"),
        ("AYŞE'NİN", "Ayşe'nin"),
        ("Ayşe'nin", "Ayşe'nin"),
        ("o'neill d’arcy", "O'Neill D’Arcy"),
        ("3'ÜNCÜ", "3'üncü"),
        ("ahmet ışık", "Ahmet Işık"),
        ("ilknur", "İlknur"),
        ("a.y. öztürk", "A.Y. Öztürk"),
        ("DR. ÇAĞRI ŞAHİN", "Dr. Çağrı Şahin"),
        ("straße ßa", "Straße ßa"),
        ("", ""),
    ] {
        assert_eq!(tr_title(raw), title);
    }
}

fn any_case() -> impl Strategy<Value = Case> {
    proptest::sample::select(Case::ALL.to_vec())
}

fn any_kind() -> impl Strategy<Value = Option<Kind>> {
    proptest::option::of(proptest::sample::select(Kind::ALL.to_vec()))
}

/// Capitalised words of Turkish letters.
fn turkish_name() -> impl Strategy<Value = String> {
    "[abcçdefgğhıijklmnoöprsştuüvyz]{2,12}".prop_map(|word| tr_title(&word))
}

/// The number by its words, the other way round: from the left.
fn spelt(mut n: u64) -> String {
    if n == 0 {
        return "sıfır".to_owned();
    }
    let mut words = Vec::new();
    for (scale, name) in [
        (1_000_000_000_000, "trilyon"),
        (1_000_000_000, "milyar"),
        (1_000_000, "milyon"),
        (1_000, "bin"),
    ] {
        let count = n / scale;
        n %= scale;
        if count > 0 {
            words.extend((count > 1).then(|| spelt(count)));
            words.push(name.to_owned());
        }
    }
    let (hundreds, tens, units) = (n / 100, n / 10 % 10, n % 10);
    if hundreds > 0 {
        words.push("yüz".to_owned());
    }
    let tens_words =
        ["on", "yirmi", "otuz", "kırk", "elli", "altmış", "yetmiş", "seksen", "doksan"];
    let unit_words = ["bir", "iki", "üç", "dört", "beş", "altı", "yedi", "sekiz", "dokuz"];
    words.extend(tens.checked_sub(1).map(|at| tens_words[at as usize].to_owned()));
    words.extend(units.checked_sub(1).map(|at| unit_words[at as usize].to_owned()));
    words.join(" ")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_text_panics(text in "\\PC{0,20}", case in any_case(), kind in any_kind()) {
        let _ = with_suffix(&text, case, kind);
        let _ = ordinal(&text);
        let _ = takes_suffix(&text, kind);
        let _ = (tr_upper(&text), tr_lower(&text), tr_title(&text));
    }

    #[test]
    fn no_likely_text_panics(
        text in "[0-9.,:%'’ \\-a-eışğüöçİIA-D]{0,12}", case in any_case(), kind in any_kind(),
    ) {
        let _ = with_suffix(&text, case, kind);
        let _ = ordinal(&text);
    }

    #[test]
    fn a_value_has_one_apostrophe_and_a_second_round_changes_nothing(
        text in "[0-9]{1,9}|[0-2][0-9]:[0-5][0-9]|[1-9][0-9]{0,2}\\.[0-9]{3}|[A-ZÇŞ]{2,5}",
        case in any_case(), kind in any_kind(),
    ) {
        if let Ok(once) = with_suffix(&text, case, kind) {
            if !case.derives() && kind != Some(Kind::Word) && kind != Some(Kind::Institution) {
                prop_assert_eq!(once.matches('\'').count(), 1);
            }
            if once.contains('\'') {
                prop_assert_eq!(with_suffix(&once, case, kind), Ok(once));
            }
        }
    }

    #[test]
    fn names_keep_their_letters_and_obey_harmony(name in turkish_name(), case in any_case()) {
        if let Ok(found) = with_suffix(&name, case, Some(Kind::Name)) {
            let suffix = found.strip_prefix(name.as_str()).unwrap();
            prop_assert_eq!(suffix.starts_with('\''), !case.derives());
            let vowels: Vec<char> = suffix.chars().filter(|c| "aıoueiöü".contains(*c)).collect();
            let front = |c: &char| "eiöü".contains(*c);
            // -ki does not bend.
            let bending = if case == Case::Deki { &vowels[..1] } else { &vowels[..] };
            prop_assert!(bending.windows(2).all(|w| front(&w[0]) == front(&w[1])));
            let last = tr_lower(&name).chars().rev().find(|c| "aıoueiöü".contains(*c)).unwrap();
            if !lists::is_front_name(&tr_lower(&name)) {
                prop_assert_eq!(front(&vowels[0]), front(&last));
            }
            let hard = tr_lower(&name).ends_with(['f', 's', 't', 'k', 'ç', 'ş', 'h', 'p']);
            if matches!(case, Case::De | Case::Den | Case::Deki) {
                prop_assert_eq!(suffix.starts_with("'t"), hard);
            }
        }
    }

    #[test]
    fn a_number_is_spoken_as_it_is_spelt(n in 0_u64..2_000_000_000_000, zeros in 0_u32..9, case in any_case()) {
        let n = n / 10_u64.pow(zeros) * 10_u64.pow(zeros);
        let spoken = spelt(n);
        let last = spoken.rsplit(' ').next().unwrap();
        // The spelt word takes the suffix as a name would: with an apostrophe, without softening.
        let title = tr_title(last);
        let by_name = with_suffix(&title, case, Some(Kind::Name)).unwrap();
        let ending = by_name[title.len()..].trim_start_matches('\'');
        prop_assert_eq!(
            with_suffix(&n.to_string(), case, Some(Kind::Number)).unwrap(),
            format!("{n}'{ending}")
        );
    }

    #[test]
    fn every_minute_of_the_day_takes_every_suffix(h in 0_u8..24, m in 0_u8..60, case in any_case()) {
        let time = format!("{h:02}:{m:02}");
        let found = with_suffix(&time, case, None).unwrap();
        let spoken = if m == 0 { h } else { m };
        let ending = with_suffix(&spoken.to_string(), case, None).unwrap();
        prop_assert_eq!(&found[time.len()..], &ending[spoken.to_string().len()..]);
    }

    #[test]
    fn letters_outside_the_alphabet_take_no_suffix(
        start in "[A-ZÇŞ][a-z]{1,4}", odd in "[wqxáéñßøœłñžабв]", case in any_case(),
    ) {
        let name = format!("{start}{odd}an");
        prop_assert!(with_suffix(&name, case, Some(Kind::Name)).is_err());
        prop_assert!(with_suffix(&name, case, None).is_err());
    }

    #[test]
    fn casing_twice_changes_nothing(text in "[ -~çğıöşüÇĞİÖŞÜâîûß’]{0,30}") {
        prop_assert_eq!(tr_title(&tr_title(&text)), tr_title(&text));
        prop_assert_eq!(tr_upper(&tr_upper(&text)), tr_upper(&text));
        prop_assert_eq!(tr_lower(&tr_lower(&text)), tr_lower(&text));
    }

    #[test]
    fn capitals_and_back_is_the_same_turkish(text in "[a-zçğıöşü ]{0,30}") {
        prop_assert_eq!(tr_lower(&tr_upper(&text)), text);
    }
}
