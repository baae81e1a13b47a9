//! What the targets hold outputs to.

/// A name, a number and a secret that corpora plant: none of them may come back in an error.
pub(crate) const PLANTED: [&str; 5] =
    ["Gizlikişi", "Gizlisoyad", "5398887766", "539 888 77 66", "hunter2-Gizli"];

/// As many digits as this in a row may be somebody's number.
const RUN: usize = 7;

/// Panics where a text that people, logs or metrics see holds what it must not: long runs of digits, planted values, line breaks,
/// control characters.
pub(crate) fn tells_nothing(what: &str, said: &str) {
    one_line(what, said);
    assert!(!has_number(said), "{what} holds a long run of digits: {said:?}");
    holds_nothing_planted(what, said);
}

/// Panics where a text holds a planted value.
pub(crate) fn holds_nothing_planted(what: &str, said: &str) {
    for planted in PLANTED {
        assert!(!said.contains(planted), "{what} holds a planted value: {said:?}");
    }
}

/// Panics where a text is more than one line or steers a terminal.
pub(crate) fn one_line(what: &str, said: &str) {
    assert!(!said.chars().any(char::is_control), "{what} holds a control character: {said:?}");
    assert!(said.chars().count() <= 2_000, "{what} is longer than 2,000 characters");
}

/// Whether a text holds seven digits with at most two joints between neighbours. Written anew here, not taken from the product.
pub(crate) fn has_number(text: &str) -> bool {
    let (mut digits, mut joints) = (0_usize, 0_usize);
    for letter in text.chars() {
        if letter.is_numeric() {
            digits += 1;
            joints = 0;
            if digits >= RUN {
                return true;
            }
        } else if digits > 0 && joints < 2 && " -./()_\u{a0}".contains(letter) {
            joints += 1;
        } else {
            digits = 0;
            joints = 0;
        }
    }
    false
}

/// The first bytes, and the rest; too few are zeros.
pub(crate) fn head<const N: usize>(bytes: &[u8]) -> ([u8; N], &[u8]) {
    let mut head = [0; N];
    let most = bytes.len().min(N);
    head[..most].copy_from_slice(&bytes[..most]);
    (head, &bytes[most..])
}

/// One of several by a byte.
pub(crate) fn choose<T: Copy>(from: &[T], by: u8) -> T {
    from[usize::from(by) % from.len()]
}
