//! The GSM 03.38 alphabet, shared by those who bill segments (facts netgsm A9, twilio A8).

/// What a character costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    /// One septet.
    Plain,
    /// Two: an escape before it.
    Extended,
    /// Only in the Turkish single-shift table.
    Turkish,
}

/// The table of a character; nothing for those that are in none of them.
pub(crate) fn width(c: char) -> Option<Width> {
    match c {
        'ç' | 'ğ' | 'ı' | 'ş' | 'Ğ' | 'İ' | 'Ş' => Some(Width::Turkish),
        '^' | '{' | '}' | '\\' | '[' | ']' | '~' | '|' | '€' | '\u{c}' => Some(Width::Extended),
        'A'..='Z'
        | 'a'..='z'
        | '0'..='9'
        | ' '
        | '\n'
        | '\r'
        | '@'
        | '£'
        | '$'
        | '¥'
        | 'è'
        | 'é'
        | 'ù'
        | 'ì'
        | 'ò'
        | 'Ç'
        | 'Ø'
        | 'ø'
        | 'Å'
        | 'å'
        | 'Δ'
        | '_'
        | 'Φ'
        | 'Γ'
        | 'Λ'
        | 'Ω'
        | 'Π'
        | 'Ψ'
        | 'Σ'
        | 'Θ'
        | 'Ξ'
        | 'Æ'
        | 'æ'
        | 'ß'
        | 'É'
        | '!'
        | '"'
        | '#'
        | '¤'
        | '%'
        | '&'
        | '\''
        | '('
        | ')'
        | '*'
        | '+'
        | ','
        | '-'
        | '.'
        | '/'
        | ':'
        | ';'
        | '<'
        | '='
        | '>'
        | '?'
        | '¡'
        | 'Ä'
        | 'Ö'
        | 'Ñ'
        | 'Ü'
        | '§'
        | '¿'
        | 'ä'
        | 'ö'
        | 'ñ'
        | 'ü'
        | 'à' => Some(Width::Plain),
        _ => None,
    }
}
