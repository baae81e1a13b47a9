//! `appointment.with`: a title and a name, and nothing that tells what the patient is treated for.
//!
//! A text stands on a lock screen. "Dr. Çağrı Şahin" tells nothing, "Onkoloji, Dr. Çağrı Şahin" tells everything
//! (health data, KVKK Art. 6). Both word lists are data: `data/titles.txt`, `data/specialties.txt`.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// Why a text is not what `appointment.with` may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PractitionerRefusal {
    /// It does not begin with a title, or there is no name behind it.
    #[error(
        "begins with a title (Dr., Uzm., Dt., Prof., Doç., Fzt., Dyt., …) and goes on with a name"
    )]
    Title,
    /// It names a specialty, a treatment or an illness.
    #[error("names no specialty, treatment or illness")]
    Specialty,
}

/// Checks a text that names who sees the patient. A specialty weighs more than a missing title.
pub fn check_practitioner(text: &str) -> Result<(), PractitionerRefusal> {
    let words = folded_words(text);
    if names_specialty(&words) {
        Err(PractitionerRefusal::Specialty)
    } else if begins_with_title(&words) {
        Ok(())
    } else {
        Err(PractitionerRefusal::Title)
    }
}

pub(crate) fn names_specialty(words: &[String]) -> bool {
    (0..words.len()).any(|n| {
        SPECIALTIES
            .get(words[n].get(..1).unwrap_or_default())
            .is_some_and(|entries| entries.iter().any(|entry| entry.matches(&words[n..])))
    })
}

pub(crate) fn begins_with_title(words: &[String]) -> bool {
    words.first().is_some_and(|word| TITLES.contains(word))
        && words.iter().any(|word| !TITLES.contains(word))
}

/// The words of a text as they are compared: small letters without Turkish marks, punctuation between them left out. `RANDEVU TARİHİ` and
/// `Randevu_Tarihi:` have the same.
pub fn folded_words(text: &str) -> Vec<String> {
    fold(text)
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Small letters without Turkish marks: people write `KARDİYOLOJİ`, `Kardiyoloji` and `KARDIYOLOJI`, composed or not.
fn fold(text: &str) -> String {
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
            // Combining marks (`u` + `¨`) and soft hyphens and joiners that would split a word
            '\u{300}'..='\u{36f}'
            | '\u{ad}'
            | '\u{200b}'..='\u{200d}'
            | '\u{2060}'
            | '\u{feff}' => {}
            _ => folded.extend(letter.to_lowercase()),
        }
    }
    folded
}

/// A word or phrase of `data/specialties.txt`.
struct Entry {
    words: Vec<String>,
    /// Whether the last word is a stem.
    stem: bool,
}

impl Entry {
    fn matches(&self, text: &[String]) -> bool {
        let last = self.words.len() - 1;
        text.len() > last
            && self.words.iter().zip(text).enumerate().all(|(n, (ours, theirs))| {
                if n == last && self.stem {
                    theirs.starts_with(ours.as_str())
                } else {
                    ours == theirs
                }
            })
    }
}

/// By the first letter of their first word (ASCII after folding), so that a name meets a dozen entries, not all.
static SPECIALTIES: LazyLock<HashMap<String, Vec<Entry>>> = LazyLock::new(|| {
    let mut entries: HashMap<String, Vec<Entry>> = HashMap::new();
    for line in lines(include_str!("../data/specialties.txt")) {
        let words = folded_words(line);
        if let Some(first) = words.first().and_then(|word| word.get(..1)) {
            let first = first.to_owned();
            entries.entry(first).or_default().push(Entry { words, stem: line.ends_with('*') });
        }
    }
    entries
});

static TITLES: LazyLock<HashSet<String>> =
    LazyLock::new(|| lines(include_str!("../data/titles.txt")).flat_map(folded_words).collect());

fn lines(list: &str) -> impl Iterator<Item = &str> {
    list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_title_and_a_name_pass() {
        for good in [
            "Dr. Çağrı Şahin",
            "Dr.Çağrı Şahin",
            "dr çağrı şahin",
            "Uzm. Dr. Ayşe Cerrahoğlu",
            "Prof. Dr. Ali Göz",
            "Doç. Dr. İpek Işık",
            "DOÇ. DR. İPEK IŞIK",
            "Dr. Öğr. Üyesi Can Gebeş",
            "Op. Dr. Deniz Çocuk",
            "Dt. Elif Su",
            "Fzt. Ümit Noroğlu",
            "Dyt. Ece Kalp",
            "Arş. Gör. Dr. Ada",
            "Hemşire Sevgi Uz",
        ] {
            assert_eq!(check_practitioner(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn without_a_title_or_a_name_it_is_refused() {
        for bad in
            ["", "Çağrı Şahin", "Sayın Dr. Çağrı", "Dr.", "Prof. Dr.", "Drina Şahin", "🙂 Dr. A"]
        {
            let refusal = (bad != "🙂 Dr. A").then_some(PractitionerRefusal::Title);
            assert_eq!(check_practitioner(bad).err(), refusal, "{bad}");
        }
    }

    #[test]
    fn a_specialty_is_found_however_it_is_written() {
        for bad in [
            "Dr. Çağrı Şahin (Kardiyoloji)",
            "KARDİYOLOJİ Dr. Çağrı",
            "Dr. Çağrı KARDIYOLOJI",
            "Dr. Çağrı kardiyolog",
            "Dr. Çağrı Kardi\u{ad}yoloji",
            "Uzm. Psk. Ayşe Yılmaz",
            "Uzm. Dr. Ayşe, Onkoloji Polikliniği",
            "Dr. Ayşe - Psikiyatri",
            "Dr. Ayşe Kadın Hastalıkları ve Doğum",
            "Dr. Ayşe KADIN DOGUM",
            "Dr. Ayşe Go\u{308}z Hastalıkları",
            "Op. Dr. Ali Üroloji",
            "Dr. Ali U\u{308}rolog",
            "Beyin Cerrahı Dr. Ali",
            "Dr. Ali Genel_Cerrahi",
            "Dr. Ali Kulak Burun Boğaz",
            "Dr. Ali KBB",
            "Dr. Ali tüp bebek merkezi",
            "Dr. John Doe, Cardiology",
        ] {
            assert_eq!(check_practitioner(bad), Err(PractitionerRefusal::Specialty), "{bad}");
        }
    }

    #[test]
    fn every_entry_of_the_list_is_found_as_it_stands() {
        let mut entries = 0;
        for line in lines(include_str!("../data/specialties.txt")) {
            let text = format!("Dr. Ali {}", line.trim_end_matches('*'));
            assert_eq!(check_practitioner(&text), Err(PractitionerRefusal::Specialty), "{line}");
            entries += 1;
        }
        assert!(entries > 100);
        for title in lines(include_str!("../data/titles.txt")) {
            assert_eq!(check_practitioner(&format!("{title}. Ali Su")), Ok(()), "{title}");
        }
    }

    proptest! {
        #[test]
        fn checking_never_panics(text in ".*") {
            let _ = check_practitioner(&text);
        }
    }
}
