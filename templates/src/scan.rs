//! Names that a text may not use, found before the engine reads it.
//!
//! The engine accepts them; they go wrong later or in front of a person (facts/probes.md §4).

use std::ops::Range;

/// A refused name, where it is, and why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused<'a> {
    pub(crate) name: &'a str,
    pub(crate) place: (usize, usize),
    pub(crate) reason: &'static str,
}

const CASING: &str = "does not know Turkish İ and ı: write the text in the case it is to have";
const WHOLE: &str = "is not allowed: a text is one file, so that its version names all of it";

const NUMBER: &str = "fails on some values: every name is already a text as people read it";

const REFUSED: [(&str, &str); 15] = [
    ("upper", CASING),
    ("lower", CASING),
    ("title", CASING),
    ("capitalize", CASING),
    ("__tera_context", "would print everything that is known about the person"),
    ("include", WHOLE),
    ("extends", WHOLE),
    ("component", WHOLE),
    ("int", NUMBER),
    ("float", NUMBER),
    ("throw", "would stop the message: use {% if %} to leave a sentence out"),
    ("raw", "is not allowed: a text needs no braces of its own"),
    ("escape", "is for web pages: it would write &amp; into the text"),
    ("escape_html", "is for web pages: it would write &amp; into the text"),
    ("escape_xml", "is for web pages: it would write &amp; into the text"),
];

/// First refused name in the code of `source`; strings, comments and plain text are passed over.
pub(crate) fn refused_name(source: &str) -> Option<Refused<'_>> {
    let mut at = 0;
    while let Some(open) = next_opening(source, at) {
        let inside = open + 2;
        if source.as_bytes()[open + 1] == b'#' {
            at = source[inside..].find("#}").map_or(source.len(), |end| inside + end + 2);
            continue;
        }
        let close: &[u8] = if source.as_bytes()[open + 1] == b'{' { b"}}" } else { b"%}" };
        match refused_in_code(source, inside, close) {
            Ok(end) => at = end,
            Err(refused) => return Some(refused),
        }
    }
    None
}

/// What a patient may read of `source`, as ranges of bytes: plain text, and strings in the code.
pub(crate) fn shown(source: &str) -> Vec<Range<usize>> {
    let mut shown = Vec::new();
    let mut at = 0;
    while let Some(open) = next_opening(source, at) {
        shown.push(at..open);
        let bytes = source.as_bytes();
        if bytes[open + 1] == b'#' {
            at = source[open + 2..].find("#}").map_or(source.len(), |end| open + 2 + end + 2);
            continue;
        }
        let close: &[u8] = if bytes[open + 1] == b'{' { b"}}" } else { b"%}" };
        at = open + 2;
        while at < bytes.len() && !bytes[at..].starts_with(close) {
            match bytes[at] {
                quote @ (b'"' | b'\'' | b'`') => {
                    let end = after_string(bytes, at + 1, quote).min(bytes.len());
                    shown.push(at + 1..end);
                    at = end;
                }
                _ => at += 1,
            }
        }
        at = (at + close.len()).min(bytes.len());
    }
    shown.push(at..source.len());
    shown
}

fn next_opening(source: &str, from: usize) -> Option<usize> {
    let windows = source.as_bytes()[from..].windows(2);
    windows.into_iter().position(|w| matches!(w, b"{{" | b"{%" | b"{#")).map(|at| from + at)
}

/// Reads one `{{ … }}` or `{% … %}`; gives back where it ends.
fn refused_in_code<'a>(source: &'a str, from: usize, close: &[u8]) -> Result<usize, Refused<'a>> {
    let bytes = source.as_bytes();
    let mut at = from;
    while at < bytes.len() {
        if bytes[at..].starts_with(close) {
            return Ok(at + close.len());
        }
        match bytes[at] {
            quote @ (b'"' | b'\'' | b'`') => at = after_string(bytes, at + 1, quote),
            b if b == b'_' || b.is_ascii_alphabetic() => {
                let length = bytes[at..]
                    .iter()
                    .take_while(|b| **b == b'_' || b.is_ascii_alphanumeric())
                    .count();
                let name = &source[at..at + length];
                if let Some((_, reason)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
                    return Err(Refused { name, place: place(source, at), reason });
                }
                at += length;
            }
            b if b.is_ascii_digit() => {
                at += bytes[at..].iter().take_while(|b| b.is_ascii_digit()).count();
            }
            _ => at += 1,
        }
    }
    Ok(at)
}

fn after_string(bytes: &[u8], from: usize, quote: u8) -> usize {
    let mut at = from;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b if b == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Line and column of a byte, both from 1; columns count characters.
pub(crate) fn place(source: &str, at: usize) -> (usize, usize) {
    let before = &source[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// Where `name` is first used as a name in the code of `source`, for errors about it.
pub(crate) fn place_of_name(source: &str, name: &str) -> Option<(usize, usize)> {
    let is_part = |c: char| c == '_' || c.is_ascii_alphanumeric();
    source
        .match_indices(name)
        .find(|(at, _)| {
            !source[..*at].ends_with(is_part) && !source[at + name.len()..].starts_with(is_part)
        })
        .map(|(at, _)| place(source, at))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn refused_names_are_found_with_their_place() {
        for (source, name, place) in [
            ("Sayın {{ ad | upper }}", "upper", (1, 15)),
            ("Sayın\n{{ad|lower}}", "lower", (2, 6)),
            ("{% filter title %}a{% endfilter %}", "title", (1, 11)),
            ("{{ __tera_context }}", "__tera_context", (1, 4)),
            ("{{ {\"a\": \"}}\"} }}{{ a | trim | capitalize }}", "capitalize", (1, 32)),
            ("{% include \"x\" %}", "include", (1, 4)),
            ("{%- raw -%}{% endraw %}", "raw", (1, 5)),
            ("{# upper #}{{ 'upper' }}{{ \"a\\\"\" | upper }}", "upper", (1, 36)),
        ] {
            let found = refused_name(source).unwrap_or_else(|| panic!("{source}"));
            assert_eq!((found.name, found.place), (name, place), "{source}");
        }
    }

    #[test]
    fn text_strings_comments_and_longer_names_are_free() {
        for source in [
            "upper title include",
            "{# upper {{ title }} #}",
            "{{ \"upper\" }} {{ 'title' }} {{ `raw` }}",
            "{{ tr_upper }} {{ upper_case }} {{ a | tr_title }}",
            "{{ open and never closed",
            "{# never closed",
            "{{ \"never closed",
            "{{ 'a\\",
            "",
        ] {
            assert_eq!(refused_name(source), None, "{source}");
        }
    }

    proptest! {
        #[test]
        fn no_source_panics(source in "[{}%#\"'`\\\\a-zİş_ \\n-]{0,60}") {
            let _ = refused_name(&source);
        }
    }
}
