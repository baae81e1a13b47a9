//! What every text goes through after rendering: one line, composed, no look-alikes.

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// Makes one line of `raw`: composed characters, single blanks, no look-alikes, nothing invisible.
///
/// Characters that no SMS alphabet has stay as they are; they make the text UCS-2.
pub(crate) fn clean(raw: &str) -> String {
    // What is invisible goes first: a letter and its mark compose only side by side.
    let visible = || raw.chars().filter(|c| c.is_whitespace() || !is_invisible(*c));
    match is_nfc_quick(visible()) {
        IsNormalized::Yes => fold(visible(), raw.len()),
        _ => fold(visible().nfc(), raw.len()),
    }
}

fn fold(chars: impl Iterator<Item = char>, length: usize) -> String {
    let mut text = String::with_capacity(length);
    let mut blank = false;
    for c in chars {
        if c.is_whitespace() {
            blank = true;
            continue;
        }
        if blank && !text.is_empty() {
            text.push(' ');
        }
        blank = false;
        match look_alike(c) {
            Some(plain) => text.push_str(plain),
            None => text.push(c),
        }
    }
    text
}

/// Control characters, characters that show nothing, and joiners and marks that are only for
/// screens. One of them would turn a text of one segment into UCS-2.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// What a keyboard or a word processor puts in place of a plain character.
const fn look_alike(c: char) -> Option<&'static str> {
    Some(match c {
        '‘' | '’' | '‚' | '‛' | '′' | '´' | '`' | 'ʼ' | 'ʹ' => "'",
        '“' | '”' | '„' | '‟' | '″' | '«' | '»' => "\"",
        '\u{2010}' | '\u{2011}' | '‒' | '–' | '—' | '―' | '−' => "-",
        '…' => "...",
        '₺' => "TL",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_becomes_one_line() {
        assert_eq!(
            clean("  Sayın\u{a0}Ayşe,\r\n\n\trandevunuz\u{2003}var. \n"),
            "Sayın Ayşe, randevunuz var."
        );
        assert_eq!(clean(" \n\u{200b}\t "), "");
    }

    #[test]
    fn look_alikes_become_plain() {
        assert_eq!(clean("O’Brien ‘a’ “b” 9–17 — … 5₺"), "O'Brien 'a' \"b\" 9-17 - ... 5TL");
    }

    #[test]
    fn nothing_invisible_stays() {
        assert_eq!(clean("Ay\u{ad}şe\u{200b} \u{202e}Yıl\u{0}maz\u{7}\u{feff}"), "Ayşe Yılmaz");
    }

    #[test]
    fn letters_are_composed() {
        let taken_apart = "Is\u{327}ık I\u{307}g\u{306}de u\u{308}c\u{327}";
        assert_eq!(clean(taken_apart), "Işık İğde üç");
        assert_eq!(crate::count(&clean(taken_apart)).encoding, crate::Encoding::Turkish);
    }

    proptest! {
        #[test]
        fn cleaning_twice_changes_nothing(raw in "\\PC{0,60}|[\\x00-\\x7f]{0,60}") {
            let once = clean(&raw);
            prop_assert_eq!(clean(&once), once.clone());
            prop_assert!(!once.contains("  ") && once.trim() == once);
            prop_assert!(!once.chars().any(char::is_control));
        }
    }
}
