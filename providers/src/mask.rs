//! Takes personal data out of what a provider says, before anybody stores it.

/// Most characters kept of a provider's words.
pub const MAX_CHARS: usize = 200;
/// What stands where something was taken out.
const STARS: &str = "***";
/// From this many digits on a run of digits may be a phone, card or identity number.
const LONG_RUN: usize = 7;

/// The provider's words without personal data, on one line of at most [`MAX_CHARS`] characters.
///
/// `own` are the message's own strings (text, number, name): each of their words of two letters
/// or more is taken out wherever it stands as a word, and from four letters on also inside another
/// word, whatever the case and with or without Turkish letters, since providers transliterate.
/// That takes harmless words out too; the code beside the words says what happened. Runs of seven
/// or more digits go as well, also when single blanks, dots, dashes, slashes or brackets part them.
#[must_use]
pub fn mask(words: &str, own: &[&str]) -> String {
    let line: String = words.chars().filter_map(printable).collect();
    // blanks first: three of them would divide a number, and be one in the end
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    let without_numbers = mask_digits(&line);
    let needles: Vec<String> = own.iter().flat_map(|text| own_words(text)).collect();
    let mut out = String::with_capacity(without_numbers.len());
    for token in tokens(&without_numbers) {
        let folded = fold(token);
        if needles.iter().any(|needle| hits(&folded, needle)) {
            out.push_str(STARS);
        } else {
            out.push_str(token);
        }
    }
    shorten(out.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Control and invisible formatting characters: gone or a blank, so that a line stays a line and
/// nothing can hide a word by a character nobody sees.
fn printable(c: char) -> Option<char> {
    match c {
        '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => Some(' '),
        '\u{ad}'
        | '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{300}'..='\u{36f}'
        | '\u{feff}' => None,
        c if c.is_control() => None,
        c => Some(c),
    }
}

fn is_joint(c: char) -> bool {
    matches!(c, ' ' | '-' | '.' | '/' | '(' | ')' | '_' | '\u{a0}')
}

/// Replaces each run of [`LONG_RUN`] or more digits, single joints between digits allowed.
fn mask_digits(line: &str) -> String {
    let chars: Vec<char> = line.chars().collect();
    let mut out = String::with_capacity(line.len());
    let mut at = 0;
    while at < chars.len() {
        let end = digit_run(&chars, at);
        let digits = chars[at..end].iter().filter(|c| c.is_numeric()).count();
        if digits >= LONG_RUN {
            out.push_str(STARS);
            at = end;
        } else if digits > 0 {
            out.extend(&chars[at..end]);
            at = end;
        } else {
            out.push(chars[at]);
            at += 1;
        }
    }
    out
}

/// Where the run of digits that begins at `start` ends (exclusive); `start` if none begins there.
fn digit_run(chars: &[char], start: usize) -> usize {
    let mut end = start;
    let mut at = start;
    let mut joints = 0;
    while let Some(&c) = chars.get(at) {
        if c.is_numeric() {
            joints = 0;
            end = at + 1;
        } else if end > start && is_joint(c) && joints < 2 {
            joints += 1;
        } else {
            break;
        }
        at += 1;
    }
    end
}

/// Words and what stands between them, in order.
fn tokens(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    std::iter::from_fn(move || {
        let word = rest.chars().next()?.is_alphanumeric();
        let end = rest.find(|c: char| c.is_alphanumeric() != word).unwrap_or(rest.len());
        let (token, tail) = rest.split_at(end);
        rest = tail;
        Some(token)
    })
}

fn own_words(text: &str) -> Vec<String> {
    let line: String = text.chars().filter_map(printable).collect();
    tokens(&line)
        .map(fold)
        .filter(|word| word.chars().count() >= 2)
        .filter(|word| is_word(word))
        .collect()
}

fn is_word(folded: &str) -> bool {
    folded.chars().next().is_some_and(char::is_alphanumeric)
}

fn hits(folded: &str, needle: &str) -> bool {
    folded == needle || (needle.chars().count() >= 4 && folded.contains(needle))
}

/// Lower case without Turkish marks: `Ayşe`, `AYSE` and `ayse` are one word.
fn fold(word: &str) -> String {
    word.chars()
        .map(|c| match c {
            'I' | 'İ' | 'ı' | 'î' | 'Î' => 'i',
            'ç' | 'Ç' => 'c',
            'ğ' | 'Ğ' => 'g',
            'ö' | 'Ö' => 'o',
            'ş' | 'Ş' => 's',
            'ü' | 'Ü' | 'û' | 'Û' => 'u',
            'â' | 'Â' => 'a',
            other => other.to_lowercase().next().unwrap_or(other),
        })
        .collect()
}

fn shorten(line: String) -> String {
    if line.chars().count() <= MAX_CHARS {
        return line;
    }
    let mut short: String = line.chars().take(MAX_CHARS - 1).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_names_number_and_text_of_the_message_are_taken_out() {
        let text = "Sayın Ayşe Yılmaz, 22.11.2026 14:30 randevunuz vardır.";
        let own = [text, "+905321234567", "5321234567"];
        for said in [
            "rejected: Ayşe Yılmaz",
            "REJECTED AYSE YILMAZ",
            "no=5321234567 invalid",
            "no 0532 123 45 67 invalid",
            "no (0532)-123-45-67 invalid",
            "blocked:\u{200b}Ay\u{200b}şe",
            text,
        ] {
            let masked = fold(&mask(said, &own));
            for secret in ["ayse", "yilmaz", "532", "4567", "randevunuz"] {
                assert!(!masked.contains(secret), "{secret} in {masked}");
            }
        }
    }

    #[test]
    fn what_is_not_personal_stays_readable() {
        assert_eq!(
            mask("Check the msgheader parameter (code 40)", &["Merhaba"]),
            "Check the msgheader parameter (code 40)"
        );
        assert_eq!(mask("a\r\nb\u{7}c\td", &[]), "a bc d");
        assert_eq!(mask("job 123456", &[]), "job 123456");
        assert_eq!(mask("job 1234567", &[]), "job ***");
    }

    #[test]
    fn long_words_are_cut() {
        let cut = mask(&"söz ".repeat(400), &[]);
        assert_eq!(cut.chars().count(), MAX_CHARS);
        assert!(cut.ends_with('…'));
    }

    proptest! {
        #[test]
        fn no_own_word_and_no_long_digit_run_survives(
            before in ".{0,80}",
            name in "[A-Za-zçğıöşüÇĞİÖŞÜ]{4,12}",
            number in "[0-9]{7,15}",
            after in ".{0,80}",
        ) {
            let said = format!("{before} {name} {number}{name}{after}");
            let masked = mask(&said, &[&name]);
            prop_assert!(!fold(&masked).contains(&fold(&name)));
            prop_assert!(!masked.contains(&number));
            prop_assert!(masked.chars().count() <= MAX_CHARS);
            prop_assert!(!masked.chars().any(char::is_control));
            let digits = masked.split(|c: char| !c.is_ascii_digit());
            prop_assert!(digits.into_iter().all(|run| run.len() < LONG_RUN));
        }
    }
}
