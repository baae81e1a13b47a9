//! Words of headers and cells as they are compared: whoever typed them, with whatever keyboard.

/// Small letters without Turkish marks, everything else a blank: `Cep Tel. (GSM)` is `cep tel gsm`, `RANDEVU TARİHİ` and
/// `randevu tarihi` are one.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            'İ' | 'I' | 'ı' | 'î' | 'Î' => folded.push('i'),
            'ş' | 'Ş' => folded.push('s'),
            'ğ' | 'Ğ' => folded.push('g'),
            'ü' | 'Ü' | 'û' | 'Û' => folded.push('u'),
            'ö' | 'Ö' => folded.push('o'),
            'ç' | 'Ç' => folded.push('c'),
            'â' | 'Â' => folded.push('a'),
            // composed letters (`u` + `¨`), soft hyphens and joiners
            '\u{300}'..='\u{36f}'
            | '\u{ad}'
            | '\u{200b}'..='\u{200d}'
            | '\u{2060}'
            | '\u{feff}' => {}
            letter if letter.is_alphanumeric() => folded.extend(letter.to_lowercase()),
            _ if folded.ends_with(' ') || folded.is_empty() => {}
            _ => folded.push(' '),
        }
    }
    folded.truncate(folded.trim_end().len());
    folded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::fold;

    #[test]
    fn marks_case_and_punctuation_do_not_count() {
        for text in ["RANDEVU TARİHİ", "randevu tarihi", "Randevu_Tarihi:", "  RANDEVU  TARIHI"] {
            assert_eq!(fold(text), "randevu tarihi", "{text}");
        }
        assert_eq!(fold("Cep Tel. (GSM)"), "cep tel gsm");
        assert_eq!(fold("Adı\u{a0}Soyadı"), "adi soyadi");
        assert_eq!(fold("s\u{327}u\u{308}kran"), "sukran");
        assert_eq!(fold("---"), "");
    }

    proptest! {
        #[test]
        fn folding_never_panics_and_folds_once(text in ".*") {
            let folded = fold(&text);
            prop_assert!(!folded.starts_with(' ') && !folded.ends_with(' ') && !folded.contains("  "));
            prop_assert_eq!(fold(&folded), folded);
        }
    }
}
