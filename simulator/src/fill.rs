//! Placeholders `{{1}}` of WhatsApp templates, at Meta and at Twilio.

/// The names between `{{` and `}}`, each once, in their order.
pub(crate) fn names(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((name, tail)) = next(rest) {
        if !found.contains(&name) {
            found.push(name);
        }
        rest = tail;
    }
    found
}

/// The text with a value in each placeholder; one without a value stays.
pub(crate) fn fill<'a>(text: &str, value: impl Fn(&str) -> Option<&'a str>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((name, tail)) = next(rest) {
        let (before, _) = rest.split_once("{{").unwrap_or((rest, ""));
        filled.push_str(before);
        match value(name) {
            Some(value) => filled.push_str(value),
            None => {
                filled.push_str("{{");
                filled.push_str(name);
                filled.push_str("}}");
            }
        }
        rest = tail;
    }
    filled.push_str(rest);
    filled
}

/// Whether WhatsApp takes this value: no line break, no tab, not over four blanks in a row (facts twilio A6).
pub(crate) fn is_one_line(value: &str) -> bool {
    !value.contains(['\n', '\r', '\t']) && !value.contains("     ")
}

/// The first name, trimmed, and what follows it.
fn next(text: &str) -> Option<(&str, &str)> {
    let (_, after) = text.split_once("{{")?;
    let (name, tail) = after.split_once("}}")?;
    Some((name.trim(), tail))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_come_into_their_places_and_what_has_none_stays() {
        let text = "Sayın {{1}}, {{2}} ({{1}}) {{ 3 }}";
        assert_eq!(names(text), ["1", "2", "3"]);
        let value = |name: &str| match name {
            "1" => Some("Ayşe"),
            "2" => Some("{{1}}"),
            _ => None,
        };
        assert_eq!(fill(text, value), "Sayın Ayşe, {{1}} (Ayşe) {{3}}");
        assert!(is_one_line("a    b") && !is_one_line("a     b") && !is_one_line("a\nb"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(\\{\\{|\\}\\}|[0-9 ]|\\PC){0,40}") {
            let _ = names(&text);
            if names(&text).is_empty() {
                prop_assert_eq!(fill(&text, |_| None), text);
            }
        }
    }
}
