//! The number of a person: parsed once, masked wherever it is printed.

use std::fmt;

use phonenumber::Type;
use phonenumber::metadata::DATABASE;

/// A Turkish mobile number.
///
/// `Debug` and `Display` show `+90532*****67`; there is no `Serialize`, so that it reaches a wire only where
/// somebody wrote [`e164`](Self::e164) or [`national`](Self::national).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhoneNumber(String);

/// Why a text is no Turkish mobile number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PhoneRefusal {
    /// Letters, no digits, or fewer digits than any subscriber has (112, 182).
    #[error("not a phone number")]
    NotANumber,
    /// Fewer than ten digits without country code and leading zero.
    #[error("too few digits for a Turkish mobile number")]
    TooShort,
    /// More digits than a Turkish number has, or two numbers in one field.
    #[error("too many digits for a Turkish mobile number")]
    TooLong,
    /// A fixed line: it takes no SMS.
    #[error("a landline, which takes no SMS")]
    Landline,
    /// Another country's code.
    #[error("not a Turkish number")]
    Foreign,
    /// Country code and leading zero together (`+9005…`). İYS stores such a number and never finds it again,
    /// so it is refused and not mended (`facts/netgsm_iys.md` B3, *recipient*).
    #[error("country code and leading zero together: +90 5…, not +90 05…")]
    DoubleZero,
    /// A Turkish number of another kind (0850, 444, pager, satellite, premium) or a range nobody was given.
    #[error("not a mobile number")]
    NotMobile,
}

/// A run of so many digits in a text that people write is a phone or identity number.
const DIGITS_OF_A_NUMBER: usize = 9;

/// Whether a text that people write, such as a reason that is recorded for good, seems to hold somebody's phone or identity number: nine
/// digits or more with nothing but blanks, dashes, dots, slashes and brackets between them.
pub fn holds_a_number(text: &str) -> bool {
    let mut digits = 0;
    text.chars().any(|c| {
        digits = match c {
            '0'..='9' => digits + 1,
            '-' | '(' | ')' | '.' | '/' => digits,
            blank if blank.is_whitespace() => digits,
            _ => 0,
        };
        digits >= DIGITS_OF_A_NUMBER
    })
}

const COUNTRY: &str = "90";
/// Digits of a Turkish number without country code and leading zero.
const NATIONAL_DIGITS: usize = 10;
/// With fewer digits it is a short code or a slip, not somebody's number.
const FEWEST_DIGITS: usize = 7;

impl PhoneNumber {
    /// Reads E.164 or any Turkish writing: `0532 123 45 67`, `5321234567`, `+90 (532) 123-45-67`, `0090…`, `90532…`.
    ///
    /// Which ranges are mobile is libphonenumber's knowledge (crate `phonenumber`), numbers of Northern Cyprus
    /// (`+90533…`, `+90542…`) among them.
    pub fn parse(text: &str) -> Result<Self, PhoneRefusal> {
        let national = national_digits(text)?;
        match national.len() {
            ..NATIONAL_DIGITS => return Err(PhoneRefusal::TooShort),
            NATIONAL_DIGITS => {}
            _ => return Err(PhoneRefusal::TooLong),
        }
        let e164 = format!("+{COUNTRY}{national}");
        if is_mobile(&national) { Ok(Self(e164)) } else { Err(why_not_mobile(&e164)) }
    }

    /// Loads the rules of libphonenumber, some 60 ms of work that otherwise the first number pays.
    ///
    /// A process that reads events calls it once at start, beside its connecting; calling it again costs nothing.
    pub fn load_rules() {
        let _ = is_mobile("5321234567");
    }

    /// `+905321234567`.
    pub fn e164(&self) -> &str {
        &self.0
    }

    /// `5321234567`, as Netgsm takes it.
    pub fn national(&self) -> &str {
        &self.0[1 + COUNTRY.len()..]
    }
}

/// The descriptor alone decides: libphonenumber's whole classification asks every other kind first and, for ten
/// digits, says the same (a property test holds it to that).
fn is_mobile(national: &str) -> bool {
    DATABASE
        .by_id("TR")
        .and_then(|turkey| turkey.descriptors().mobile())
        .is_some_and(|mobile| mobile.is_match(national))
}

fn why_not_mobile(e164: &str) -> PhoneRefusal {
    match phonenumber::parse(None, e164).map(|number| number.number_type(&DATABASE)) {
        Ok(Type::FixedLine) => PhoneRefusal::Landline,
        _ => PhoneRefusal::NotMobile,
    }
}

/// The digits behind country code and leading zero.
fn national_digits(text: &str) -> Result<String, PhoneRefusal> {
    let (digits, international) = digits(text)?;
    match digits.len() {
        ..FEWEST_DIGITS => return Err(PhoneRefusal::NotANumber),
        // ITU E.164: 15 digits, and 00 before them
        18.. => return Err(PhoneRefusal::TooLong),
        _ => {}
    }
    let abroad = if international { Some(digits.as_str()) } else { digits.strip_prefix("00") };
    let behind_code = match abroad {
        Some(rest) if rest.starts_with('0') => return Err(PhoneRefusal::NotANumber),
        Some(rest) => Some(rest.strip_prefix(COUNTRY).ok_or(PhoneRefusal::Foreign)?),
        // `90532…`: no Turkish number of more than ten digits begins with 90 otherwise
        None if digits.len() > NATIONAL_DIGITS => digits.strip_prefix(COUNTRY),
        None => None,
    };
    match behind_code {
        Some(rest) if rest.starts_with('0') => Err(PhoneRefusal::DoubleZero),
        Some(rest) => Ok(rest.to_owned()),
        None => Ok(digits.strip_prefix('0').unwrap_or(&digits).to_owned()),
    }
}

/// The digits of a writing, and whether a plus led them.
fn digits(text: &str) -> Result<(String, bool), PhoneRefusal> {
    let (mut digits, mut international) = (String::with_capacity(16), false);
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        // `+90 (0) 532 …`: the bracketed zero is the one that the country code replaces
        if let Some(behind) = rest.strip_prefix("(0)")
            && [COUNTRY, "0090"].contains(&digits.as_str())
        {
            rest = behind;
            continue;
        }
        rest = &rest[letter.len_utf8()..];
        match letter {
            '0'..='9' => digits.push(letter),
            '+' if digits.is_empty() && !international => international = true,
            _ if separates(letter) => {}
            _ => return Err(PhoneRefusal::NotANumber),
        }
    }
    Ok((digits, international))
}

/// What people and address books put between digits; the invisible ones come along when a number is copied
/// from a phone.
fn separates(letter: char) -> bool {
    matches!(
        letter,
        '(' | ')' | '.' | '-' | '/'
        | '\u{2010}'..='\u{2015}' | '\u{2212}' // hyphens, dashes, minus
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' // invisible
    ) || (letter.is_whitespace() && !letter.is_control())
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (head, tail) = (&self.0[..6], &self.0[11..]);
        write!(f, "{head}*****{tail}")
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
