//! Words of headers and cells as they are compared: whoever typed them, with whatever keyboard.

/// Small letters without Turkish marks, everything else a blank: `Cep Tel. (GSM)` is `cep tel gsm`, `RANDEVU TARİHİ` and
/// `randevu tarihi` are one.
pub(in crate::commands) fn fold(text: &str) -> String {
    schemas::folded_words(text).join(" ")
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
