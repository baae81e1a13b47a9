//! What no text may say: health data (KVKK Art. 6), and promotion, which would make the whole
//! message commercial (facts/netgsm_iys.md B5). The words are data: `data/*.txt`.

use std::sync::LazyLock;

use crate::scan;

const PROMOTION: &str = include_str!("../data/promotion.txt");
const HEALTH: &str = include_str!("../data/health.txt");
const FIELDS: &str = include_str!("../data/forbidden_fields.txt");

/// A character that a patient may read, with its line and column.
pub(crate) type Seen = (char, (usize, usize));

/// Why no text may show a field of this name, whatever the event type.
pub(crate) fn forbidden_field(name: &str) -> Option<&'static str> {
    let whole = format!("_{name}_");
    lines(FIELDS).find_map(|line| {
        let (part, reason) = line.split_once('\t')?;
        whole.contains(&format!("_{}_", part.trim())).then(|| reason.trim())
    })
}

/// What a template shows of its own: its text, and the strings in its code.
pub(crate) fn in_template(source: &str) -> Vec<Seen> {
    let shown = scan::shown(source);
    let kept = places(source).filter(|(at, _, _)| shown.iter().any(|range| range.contains(at)));
    let mut seen: Vec<Seen> = Vec::new();
    let mut last = None;
    for (at, c, place) in kept {
        // Code between two pieces parts them as a blank would.
        if last.is_some_and(|end| end != at) {
            seen.push((' ', place));
        }
        last = Some(at + c.len_utf8());
        seen.push((c, place));
    }
    seen
}

/// Everything in a file of words; its keys are names of fields and choices.
pub(crate) fn in_json(source: &str) -> Vec<Seen> {
    places(source).map(|(_, c, place)| (c, place)).collect()
}

/// Each refused word with its place and what is wrong with it.
pub(crate) fn refused_words(seen: &[Seen]) -> Vec<((usize, usize), String)> {
    let words = words(seen);
    let folded: String = seen.iter().map(|(c, _)| fold(*c)).collect();
    let mut found = Vec::new();
    for entry in ENTRIES.iter() {
        match &entry.pattern {
            Pattern::Words { parts, stem } => {
                for at in 0..words.len() {
                    if matches(parts, *stem, &words[at..]) {
                        found.push((words[at].1, entry.what()));
                    }
                }
            }
            Pattern::Anywhere(letters) => {
                for (at, _) in folded.match_indices(letters.as_str()) {
                    let nth = folded[..at].chars().count();
                    if let Some((_, place)) = seen.get(nth) {
                        found.push((*place, entry.what()));
                    }
                }
            }
        }
    }
    found.sort();
    found
}

struct Entry {
    shown: &'static str,
    pattern: Pattern,
    health: bool,
}

enum Pattern {
    /// Folded words; with `stem` the last one may go on.
    Words { parts: Vec<String>, stem: bool },
    /// Folded letters, wherever they stand.
    Anywhere(String),
}

impl Entry {
    fn what(&self) -> String {
        let shown = self.shown.trim_end_matches('*').trim_start_matches('~');
        if self.health {
            format!("`{shown}` tells why somebody is treated (health data): leave it out")
        } else {
            format!("`{shown}` promotes: it would make the message commercial: leave it out")
        }
    }
}

static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let of = |list: &'static str, health| lines(list).map(move |shown| entry(shown, health));
    of(HEALTH, true).chain(of(PROMOTION, false)).collect()
});

fn entry(shown: &'static str, health: bool) -> Entry {
    let fold_all = |text: &str| text.chars().map(fold).collect::<String>();
    let pattern = match shown.strip_prefix('~') {
        Some(letters) => Pattern::Anywhere(fold_all(letters)),
        None => Pattern::Words {
            parts: shown.trim_end_matches('*').split_whitespace().map(fold_all).collect(),
            stem: shown.ends_with('*'),
        },
    };
    Entry { shown, pattern, health }
}

fn matches(parts: &[String], stem: bool, words: &[(String, (usize, usize))]) -> bool {
    words.len() >= parts.len()
        && parts.iter().zip(words).enumerate().all(|(n, (part, (word, _)))| {
            let last = n + 1 == parts.len();
            if last && stem { word.starts_with(part.as_str()) } else { word == part }
        })
}

fn words(seen: &[Seen]) -> Vec<(String, (usize, usize))> {
    let mut words: Vec<(String, (usize, usize))> = Vec::new();
    let mut inside = false;
    for (c, place) in seen {
        // Marks and soft hyphens would split a word in two.
        if matches!(c, '\u{300}'..='\u{36f}' | '\u{ad}' | '\u{200b}'..='\u{200d}') {
            continue;
        }
        let letter = c.is_alphanumeric();
        match words.last_mut() {
            Some((word, _)) if letter && inside => word.push(fold(*c)),
            _ if letter => words.push((fold(*c).to_string(), *place)),
            _ => {}
        }
        inside = letter;
    }
    words
}

/// Small and without Turkish marks: `İNDİRİM`, `INDIRIM` and `indirim` are one word.
fn fold(c: char) -> char {
    match c {
        'İ' | 'I' | 'ı' | 'î' | 'Î' => 'i',
        'ş' | 'Ş' => 's',
        'ğ' | 'Ğ' => 'g',
        'ü' | 'Ü' | 'û' | 'Û' => 'u',
        'ö' | 'Ö' => 'o',
        'ç' | 'Ç' => 'c',
        'â' | 'Â' => 'a',
        _ => c.to_lowercase().next().unwrap_or(c),
    }
}

/// Every character with its byte, line and column.
fn places(source: &str) -> impl Iterator<Item = (usize, char, (usize, usize))> {
    let mut place = (1, 0);
    let mut newline = false;
    source.char_indices().map(move |(at, c)| {
        place = if newline { (place.0 + 1, 1) } else { (place.0, place.1 + 1) };
        newline = c == '\n';
        (at, c, place)
    })
}

fn lines(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(template: &str) -> Vec<(usize, usize)> {
        refused_words(&in_template(template)).into_iter().map(|(place, _)| place).collect()
    }

    #[test]
    fn words_are_found_however_they_are_written() {
        for text in ["İNDİRİM", "INDIRIM", "indirimli", "I\u{307}ndirim", "in\u{ad}dirim"] {
            assert_eq!(found(&format!("Sayın\n  {text} var")), [(2, 3)], "{text}");
        }
        assert_eq!(found("size\nÖZEL bir gün"), [(1, 1)]);
        assert_eq!(found("Tanınız hazır, teşhis"), [(1, 1), (1, 16)]);
        assert_eq!(found("bkz. https://a.b"), [(1, 6)]);
    }

    #[test]
    fn code_and_comments_say_nothing_but_their_strings_do() {
        assert_eq!(found("{# indirim #}{% if indirim %}{{ indirim }}{% endif %}"), []);
        assert_eq!(found("{{ x | default(value=\"indirim\") }}"), [(1, 23)]);
        assert_eq!(found("in{{ x }}dirim {% if a %}www.{% endif %}"), [(1, 26)]);
    }

    #[test]
    fn harmless_words_are_not_refused() {
        let text = "Tanıdık bir dişli gözlük tanıtımı; fırsatçı değil; freedom, satın, ilan";
        let found: Vec<_> = refused_words(&in_json(text));
        assert_eq!(found.len(), 1, "only fırsat*: {found:?}");
    }

    #[test]
    fn fields_about_health_and_identity_are_forbidden() {
        for name in ["appointment_department", "patient_diagnosis", "recipient_tckn", "tckn"] {
            assert!(forbidden_field(name).is_some(), "{name}");
        }
        for name in ["recipient_name", "appointment_with", "departments_count", "clinic_name"] {
            assert_eq!(forbidden_field(name), None, "{name}");
        }
    }

    #[test]
    fn every_entry_has_letters_to_look_for() {
        for entry in ENTRIES.iter() {
            match &entry.pattern {
                Pattern::Words { parts, .. } => {
                    assert!(!parts.is_empty(), "{}", entry.shown);
                    assert!(parts.iter().all(|p| p.chars().all(char::is_alphanumeric)));
                }
                Pattern::Anywhere(letters) => assert!(!letters.is_empty(), "{}", entry.shown),
            }
        }
        assert!(lines(FIELDS).all(|line| line.contains('\t')));
    }

    proptest! {
        #[test]
        fn no_source_panics(source in "[{}%#\"'`\\\\a-zİşI \\n-]{0,60}|\\PC{0,40}") {
            let _ = refused_words(&in_template(&source));
        }
    }
}
