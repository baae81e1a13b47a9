//! What the pages say, in both languages: flat JSON files with the same keys, read once.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use story::Tongue;

/// The files of each language; later ones add to earlier ones.
const TURKISH: &[&str] = &[
    include_str!("../../pages/tr.json"),
    include_str!("../../pages/tr.books.json"),
    include_str!("../../pages/tr.ops.json"),
];
const ENGLISH: &[&str] = &[
    include_str!("../../pages/en.json"),
    include_str!("../../pages/en.books.json"),
    include_str!("../../pages/en.ops.json"),
];

/// Texts by their keys.
pub(super) type Catalogue = BTreeMap<String, String>;

static TEXTS: LazyLock<[Catalogue; 2]> = LazyLock::new(|| [TURKISH, ENGLISH].map(read));

/// A file that is no JSON leaves its keys out; a test reads each of them.
fn read(files: &[&str]) -> Catalogue {
    files
        .iter()
        .flat_map(|file| serde_json::from_str::<Catalogue>(file).unwrap_or_default())
        .collect()
}

/// The texts of a language.
pub(super) fn of(tongue: Tongue) -> &'static Catalogue {
    let [turkish, english] = &*TEXTS;
    match tongue {
        Tongue::Tr => turkish,
        Tongue::En => english,
    }
}

/// One text; the key itself where there is none, so that a page shows what is missing instead of nothing.
pub(crate) fn text(tongue: Tongue, key: &'static str) -> &'static str {
    of(tongue).get(key).map_or(key, String::as_str)
}

/// `tr`, `en`.
pub(crate) const fn code(tongue: Tongue) -> &'static str {
    match tongue {
        Tongue::Tr => "tr",
        Tongue::En => "en",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_have_the_same_keys_and_a_text_for_each() {
        for files in [TURKISH, ENGLISH] {
            let mut seen = std::collections::BTreeSet::new();
            for file in files {
                for (key, text) in serde_json::from_str::<Catalogue>(file).unwrap() {
                    assert!(!text.trim().is_empty(), "{key} says nothing");
                    assert!(seen.insert(key.clone()), "{key} stands twice");
                }
            }
        }
        let keys = |tongue| of(tongue).keys().collect::<Vec<_>>();
        assert_eq!(keys(Tongue::Tr), keys(Tongue::En));
    }

    #[test]
    fn a_text_names_the_same_values_in_both_languages() {
        let named = |text: &str| -> std::collections::BTreeSet<String> {
            let parts = text.split('{').skip(1);
            parts.filter_map(|part| Some(part.split_once('}')?.0.to_owned())).collect()
        };
        for (key, text) in of(Tongue::Tr) {
            assert_eq!(named(text), named(&of(Tongue::En)[key]), "{key}");
        }
    }
}
