//! How many SMS segments a text costs in Türkiye.
//!
//! Rules: `facts/netgsm_iys.md` A9 (3GPP TS 23.038, national language 1 by single shift; BTK decision
//! 2016/DK-YED/211: the operator appends five characters to every message sent in bulk).

/// Characters that every operator appends (`" B021"`), all of the basic alphabet.
const SUFFIX: u32 = 5;

/// Alphabet in which a text travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// GSM 7-bit default alphabet with its extension: 160 septets, 153 in each part of several.
    Gsm7,
    /// The same with the Turkish single-shift table: 155 septets, 149 in each part of several.
    Turkish,
    /// UTF-16: 70 code units, 67 in each part of several. One character outside the two alphabets
    /// above is enough to make a text this expensive.
    Ucs2,
}

impl Encoding {
    /// Units of a message that is one segment.
    pub const fn single(self) -> u32 {
        match self {
            Self::Gsm7 => 160,
            Self::Turkish => 155,
            Self::Ucs2 => 70,
        }
    }

    /// Units of each segment when there are several.
    pub const fn part(self) -> u32 {
        match self {
            Self::Gsm7 => 153,
            Self::Turkish => 149,
            Self::Ucs2 => 67,
        }
    }

    /// Stable name for records and machine output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gsm7 => "gsm7",
            Self::Turkish => "turkish",
            Self::Ucs2 => "ucs2",
        }
    }
}

/// Whose rules count: each provider has its own alphabets and its own bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Provider {
    /// Turkish single shift where it is cheaper, and the operators' suffix.
    Netgsm,
    /// GSM-7 or UCS-2, no Turkish table, no suffix: one `ş` makes a text UCS-2
    /// (facts/twilio_turkeysms_smsala.md).
    Twilio,
}

impl Provider {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Netgsm, Self::Twilio];

    /// Stable name for machine output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Netgsm => "netgsm",
            Self::Twilio => "twilio",
        }
    }

    const fn suffix(self) -> u32 {
        match self {
            Self::Netgsm => SUFFIX,
            Self::Twilio => 0,
        }
    }
}

/// What a text costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segments {
    /// Alphabet the text needs.
    pub encoding: Encoding,
    /// Unicode characters of the text, without the operator's suffix.
    pub characters: u32,
    /// Septets (or UTF-16 code units) of the text, without the operator's suffix and the headers.
    pub units: u32,
    /// Segments that are sent and billed, with the operator's suffix. Never less than 1.
    pub segments: u32,
}

/// Counts what `text` costs in Türkiye ([`Provider::Netgsm`]); the operator's suffix is included in
/// the number of segments.
pub fn count(text: &str) -> Segments {
    count_for(Provider::Netgsm, text)
}

/// Counts what `text` costs at `provider`.
///
/// Twilio keeps what shows as one sign together (a flag, a skin tone); here only the halves of a
/// character are, so that a text full of such signs may cost one segment more there.
pub fn count_for(provider: Provider, text: &str) -> Segments {
    let encoding = match (provider, encoding_of(text)) {
        (Provider::Twilio, Encoding::Turkish) => Encoding::Ucs2,
        (_, encoding) => encoding,
    };
    let suffix = provider.suffix();
    let mut characters = 0_u32;
    let mut units = 0_u32;
    for c in text.chars() {
        characters = characters.saturating_add(1);
        units = units.saturating_add(cost(c, encoding));
    }
    let segments = if units.saturating_add(suffix) <= encoding.single() {
        1
    } else {
        parts(text, encoding, suffix)
    };
    Segments { encoding, characters, units, segments }
}

/// Characters of `text` that neither SMS alphabet has, in order, each once.
///
/// They make the whole text UCS-2. What is found may be a part of a person's name: not for logs.
pub fn outside_alphabets(text: &str) -> Vec<char> {
    let mut found = Vec::new();
    for c in text.chars() {
        if alphabet(c).is_none() && !found.contains(&c) {
            found.push(c);
        }
    }
    found
}

/// Whether some SMS alphabet of ours has `c`.
pub(crate) fn is_inside_alphabets(c: char) -> bool {
    alphabet(c).is_some()
}

fn encoding_of(text: &str) -> Encoding {
    let mut encoding = Encoding::Gsm7;
    for c in text.chars() {
        match alphabet(c) {
            None => return Encoding::Ucs2,
            Some((_, true)) => encoding = Encoding::Turkish,
            Some((_, false)) => {}
        }
    }
    encoding
}

fn cost(c: char, encoding: Encoding) -> u32 {
    match (encoding, alphabet(c)) {
        (Encoding::Gsm7 | Encoding::Turkish, Some((septets, _))) => septets,
        _ => c.len_utf16() as u32,
    }
}

/// Fills segment after segment. What belongs together (escape and its character, the halves of a
/// surrogate pair) is never parted, so a segment may stay one unit short.
fn parts(text: &str, encoding: Encoding, suffix: u32) -> u32 {
    let mut segments = 1_u32;
    let mut used = 0_u32;
    let costs = text.chars().map(|c| cost(c, encoding));
    for cost in costs.chain(std::iter::repeat_n(1, suffix as usize)) {
        if used + cost > encoding.part() {
            segments = segments.saturating_add(1);
            used = 0;
        }
        used += cost;
    }
    segments
}

/// Septets of `c`, and whether it needs the Turkish table. `None`: only UCS-2 has it.
const fn alphabet(c: char) -> Option<(u32, bool)> {
    match c {
        // Turkish single shift, A.2.1. The capital Ç is in the basic alphabet, the small one is not.
        'ç' | 'ğ' | 'ı' | 'ş' | 'Ğ' | 'İ' | 'Ş' => Some((2, true)),
        // Default extension, also in the Turkish table; \u{c} is the page break.
        '^' | '{' | '}' | '\\' | '[' | '~' | ']' | '|' | '€' | '\u{c}' => Some((2, false)),
        '\n' | '\r' | ' '..='#' | '%'..='?' | 'A'..='Z' | 'a'..='z' => Some((1, false)),
        '@' | '£' | '$' | '¥' | 'è' | 'é' | 'ù' | 'ì' | 'ò' | 'Ç' | 'Ø' | 'ø' | 'Å' | 'å' | 'Δ'
        | '_' | 'Φ' | 'Γ' | 'Λ' | 'Ω' | 'Π' | 'Ψ' | 'Σ' | 'Θ' | 'Ξ' | 'Æ' | 'æ' | 'ß' | 'É'
        | '¤' | '¡' | 'Ä' | 'Ö' | 'Ñ' | 'Ü' | '§' | '¿' | 'ä' | 'ö' | 'ñ' | 'ü' | 'à' => {
            Some((1, false))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
