//! What a refusal says: a rule and a place, never a value.

use std::fmt;

use crate::{InstantRefusal, PersonNameRefusal, PhoneRefusal, PractitionerRefusal};

macro_rules! rules {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $meaning:literal;)*) => {
        /// Why an event was refused. The order is that of the checks; `README.md` lists them for publishers.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Rule {
            $(#[doc = $meaning] $variant,)*
        }

        impl Rule {
            /// Every rule, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name by which records, headers and HTTP answers know the rule: `unknown-field`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What is wrong and what to do, for the publisher; one line.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

rules! {
    TooLarge = "too-large", "The body is over 64 KiB: send only what the schema knows.";
    NotUtf8 = "not-utf8", "The body is not UTF-8: encode it as UTF-8, not as Windows-1254 or ISO-8859-9.";
    NotJson = "not-json", "The body is not one JSON value.";
    TooDeep = "too-deep", "The JSON is nested deeper than 127 levels.";
    DuplicateField = "duplicate-field", "A name occurs twice in one object: keep one.";
    Envelope = "envelope", "The CloudEvents envelope lacks this attribute or has it wrong: see schemas/envelope.json.";
    UnknownType = "unknown-type", "No event type has this name: see the table of event types.";
    TypeMismatch = "type-mismatch", "The type in the body is not the routing key it was published with.";
    UnknownClinic = "unknown-clinic", "No clinic of this installation has the id in source: check source, or add the clinic to the configuration.";
    Required = "required", "A required field is missing.";
    WrongType = "wrong-type", "The value has another JSON type than the schema says.";
    UnknownField = "unknown-field", "The schema does not know this field: remove it or check its spelling.";
    ControlCharacter = "control-character", "The text holds a control character (NUL, line break, tab, change of direction).";
    Enum = "enum", "The value is none of those the schema lists.";
    Range = "range", "The value is too short, too long, too small or too large; a time lies in the years 1970 to 2199. A visit is booked before it starts, at most two years ahead, and does not end before it; consent is not dated ahead.";
    Format = "format", "The text is not written as the schema says.";
    Name = "name", "A name has a letter in it and at most 100 characters.";
    Phone = "phone", "Not a phone number.";
    PhoneTooShort = "phone-too-short", "Too few digits for a Turkish mobile number.";
    PhoneTooLong = "phone-too-long", "Too many digits for a Turkish mobile number, or two numbers in one field.";
    PhoneLandline = "phone-landline", "A landline, which takes no SMS.";
    PhoneForeign = "phone-foreign", "Not a Turkish number.";
    PhoneDoubleZero = "phone-double-zero", "Country code and leading zero together: write +90 5…, not +90 05….";
    PhoneNotMobile = "phone-not-mobile", "A Turkish number, but not a mobile one.";
    Amount = "amount", "An amount is a decimal string with a point, more than zero: 1250.50.";
    TimeWithoutOffset = "time-without-offset", "A time needs its offset: 2026-11-22T14:30:00+03:00.";
    ReminderRule = "reminder-rule", "A reminder is a time before the visit: 24h, 90m, 1h30m or 3d; more than zero, at most 60 days.";
    Title = "title", "It begins with a title (Dr., Uzm., Dt., Prof., Doç., Fzt., Dyt., …) and goes on with a name.";
    Specialty = "specialty", "It names a specialty, a treatment or an illness: health data must not slip into a text.";
    IdReused = "id-reused", "The same (source, id) was published before with other content: a new event needs a new id.";
    VersionConflict = "version-conflict", "The same appointment version was published before with other content: raise the version.";
    VersionMissing = "version-missing", "The appointment's first event carried a version and this one does not, or the reverse.";
    UnknownReference = "unknown-reference", "A reference to a notification that the ledger does not have.";
    CrashLoop = "crash-loop", "The broker returned this body three times: it stopped a worker each time.";
    HandlerPanic = "handler-panic", "The worker failed on this body twice: a defect of Ulak; report it.";
}

impl Rule {
    /// Reads [`as_str`](Self::as_str) back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|rule| rule.as_str() == text)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<PhoneRefusal> for Rule {
    fn from(refusal: PhoneRefusal) -> Self {
        match refusal {
            PhoneRefusal::NotANumber => Self::Phone,
            PhoneRefusal::TooShort => Self::PhoneTooShort,
            PhoneRefusal::TooLong => Self::PhoneTooLong,
            PhoneRefusal::Landline => Self::PhoneLandline,
            PhoneRefusal::Foreign => Self::PhoneForeign,
            PhoneRefusal::DoubleZero => Self::PhoneDoubleZero,
            PhoneRefusal::NotMobile => Self::PhoneNotMobile,
        }
    }
}

impl From<PersonNameRefusal> for Rule {
    fn from(refusal: PersonNameRefusal) -> Self {
        match refusal {
            PersonNameRefusal::ControlCharacter => Self::ControlCharacter,
            PersonNameRefusal::TooLong | PersonNameRefusal::NoLetter => Self::Name,
        }
    }
}

impl From<InstantRefusal> for Rule {
    fn from(refusal: InstantRefusal) -> Self {
        match refusal {
            InstantRefusal::WithoutOffset => Self::TimeWithoutOffset,
            InstantRefusal::NotRfc3339 => Self::Format,
            InstantRefusal::OutOfRange => Self::Range,
        }
    }
}

impl From<PractitionerRefusal> for Rule {
    fn from(refusal: PractitionerRefusal) -> Self {
        match refusal {
            PractitionerRefusal::Title => Self::Title,
            PractitionerRefusal::Specialty => Self::Specialty,
        }
    }
}

/// A body that is no event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong.
    pub rule: Rule,
    /// Where: a JSON pointer into the body, `""` for the whole body. A name from outside stands in it only if it
    /// looks like an identifier, else `…` stands for it: a field's name can be somebody's phone number.
    pub path: String,
    /// The `source` of the envelope, if it could be read and is what an envelope may carry.
    pub source: Option<String>,
    /// The `id` of the envelope, likewise.
    pub id: Option<String>,
    /// Whether the body may hold a person's data, so that it must not be kept or shown in clear.
    pub holds_person: bool,
}

// By hand: `thiserror` takes a field called `source` for the cause.
impl std::error::Error for Refusal {}

/// One line: rule, place, what to do. Never a value, nor `source` and `id`.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.path.is_empty() { "the body" } else { &self.path };
        write!(f, "{} at {place}: {}", self.rule, self.rule.meaning())
    }
}

/// A rule broken at a place of the body, before the refusal is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) rule: Rule,
    pub(crate) path: String,
}

impl Fault {
    pub(crate) fn new(rule: impl Into<Rule>, path: impl Into<String>) -> Self {
        Self { rule: rule.into(), path: path.into() }
    }
}

/// Appends a name or index to a JSON pointer, `…` if it could be anything.
pub(crate) fn push_segment(pointer: &mut String, segment: &str) {
    pointer.push('/');
    pointer.push_str(if is_identifier(segment) || is_index(segment) { segment } else { "…" });
}

/// `[A-Za-z_][A-Za-z0-9_-]{0,40}` with fewer digits than the shortest phone number has.
fn is_identifier(segment: &str) -> bool {
    let mut bytes = segment.bytes();
    if bytes.clone().filter(u8::is_ascii_digit).count() >= 7 {
        return false;
    }
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && segment.len() <= 41
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// An index of an array; too short to be a phone number.
fn is_index(segment: &str) -> bool {
    (1..=5).contains(&segment.len()) && segment.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_kebab_case_distinct_and_read_back() {
        for &rule in Rule::ALL {
            assert_eq!(Rule::parse(rule.as_str()), Some(rule));
            assert!(
                rule.as_str()
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            );
            assert!(rule.meaning().ends_with('.') && !rule.meaning().contains('\n'));
        }
        assert_eq!(Rule::parse("Unknown-Field"), None);
    }

    #[test]
    fn a_refusal_is_one_line_with_rule_and_place() {
        let refusal = Refusal {
            rule: Rule::UnknownField,
            path: "/data/appointment/foo".to_owned(),
            source: Some("/clinics/a".to_owned()),
            id: Some("secret".to_owned()),
            holds_person: true,
        };
        assert_eq!(
            refusal.to_string(),
            "unknown-field at /data/appointment/foo: The schema does not know this field: remove it or check its spelling."
        );
        assert!(Refusal { path: String::new(), ..refusal }.to_string().contains("at the body:"));
    }

    #[test]
    fn only_names_that_look_like_identifiers_are_kept() {
        let shown = |segment| {
            let mut pointer = "/data".to_owned();
            push_segment(&mut pointer, segment);
            pointer
        };
        for kept in ["foo", "_x", "card-last4", "Foo9", "0", "12345"] {
            assert_eq!(shown(kept), format!("/data/{kept}"));
        }
        for hidden in [
            "",
            "5321234567",
            "905321234567",
            "Ayşe",
            "a b",
            "a/b",
            "a~b",
            "a\0",
            "tel_5398887766",
            "t5-3-9-8-8-8-7",
            &"a".repeat(42),
        ] {
            assert_eq!(shown(hidden), "/data/…", "{hidden:?}");
        }
    }
}
