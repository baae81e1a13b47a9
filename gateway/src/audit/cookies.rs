//! The cookies of the pages: the session, the language, and what ties a login form to the browser that was given it.

use crate::audit::catalogue;
use crate::audit::settings::Reached;
use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use ledger::access::SessionSecret;
use story::Tongue;

/// How long the language is kept, seconds: a year.
const LANGUAGE_FOR: u32 = 365 * 24 * 3_600;
/// How long a login form may lie, seconds: half an hour.
const FORM_FOR: u32 = 30 * 60;
const LANGUAGE: &str = "ulak_lang";

/// What a cookie is for.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Session,
    Form,
}

impl Kind {
    /// Its name. `__Host-` makes the browser keep others of the same domain from setting it, and asks for `Secure`.
    const fn name(self, reached: Reached) -> &'static str {
        match (self, reached) {
            (Self::Session, Reached::Https) => "__Host-ulak",
            (Self::Form, Reached::Https) => "__Host-ulak-form",
            (Self::Session, _) => "ulak_session",
            (Self::Form, _) => "ulak_form",
        }
    }
}

/// What came. Does not print it.
#[derive(Clone, Default)]
pub(super) struct Cookies(Vec<(String, String)>);

impl std::fmt::Debug for Cookies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cookies({})", self.0.len())
    }
}

impl Cookies {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
        Self(pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect())
    }

    /// The value of a cookie; of two of one name neither is believed.
    fn one(&self, name: &str) -> Option<&str> {
        let mut of_name = self.0.iter().filter(|(key, _)| key == name);
        match (of_name.next(), of_name.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }

    pub(super) fn language(&self) -> Option<&str> {
        self.one(LANGUAGE)
    }

    pub(super) fn session(&self, reached: Reached) -> Option<SessionSecret> {
        SessionSecret::parse(self.one(Kind::Session.name(reached))?)
    }

    pub(super) fn form(&self, reached: Reached) -> Option<&str> {
        self.one(Kind::Form.name(reached))
    }
}

/// Begins a session in this browser. It ends with it, or when the ledger says so.
pub(super) fn session(reached: Reached, secret: &SessionSecret) -> Option<HeaderValue> {
    set(reached, Kind::Session, &secret.cookie(), None)
}

/// Ends it.
pub(super) fn no_session(reached: Reached) -> Option<HeaderValue> {
    set(reached, Kind::Session, "", Some(0))
}

/// Ties a login form to this browser.
pub(super) fn form(reached: Reached, value: &str) -> Option<HeaderValue> {
    set(reached, Kind::Form, value, Some(FORM_FOR))
}

/// Keeps the language. No secret: it says nothing of whom it belongs to.
pub(super) fn language(reached: Reached, tongue: Tongue) -> Option<HeaderValue> {
    let code = catalogue::code(tongue);
    let secure = if reached == Reached::Https { "; Secure" } else { "" };
    let text = format!(
        "{LANGUAGE}={code}; Path=/audit; Max-Age={LANGUAGE_FOR}; HttpOnly; SameSite=Strict{secure}"
    );
    HeaderValue::from_str(&text).ok()
}

fn set(reached: Reached, kind: Kind, value: &str, seconds: Option<u32>) -> Option<HeaderValue> {
    let name = kind.name(reached);
    let secure = if reached == Reached::Https { "; Secure" } else { "" };
    let age = seconds.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
    let text = format!("{name}={value}; Path=/{age}; HttpOnly; SameSite=Strict{secure}");
    let mut header = HeaderValue::from_str(&text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn came(lines: &[&'static str]) -> Cookies {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, HeaderValue::from_static(line));
        }
        Cookies::of(&headers)
    }

    #[test]
    fn cookies_are_read_from_all_lines_and_two_of_one_name_are_not_believed() {
        let cookies = came(&["a=1; ulak_lang=en", "b=2"]);
        assert_eq!(cookies.language(), Some("en"));
        assert_eq!(came(&["ulak_lang=en; ulak_lang=tr"]).language(), None);
        assert_eq!(came(&["ulak_lang", "=", ";;"]).language(), None);
        assert!(!format!("{cookies:?}").contains("en"));
    }

    #[test]
    fn over_https_a_cookie_is_host_bound_and_secure_and_always_strict_and_hidden_from_scripts() {
        let said = |header: Option<HeaderValue>| header.unwrap().to_str().unwrap().to_owned();
        let secure = said(form(Reached::Https, "x"));
        assert_eq!(
            secure,
            "__Host-ulak-form=x; Path=/; Max-Age=1800; HttpOnly; SameSite=Strict; Secure"
        );
        assert_eq!(
            said(form(Reached::Loopback, "x")),
            "ulak_form=x; Path=/; Max-Age=1800; HttpOnly; SameSite=Strict"
        );
        assert!(said(no_session(Reached::Https)).starts_with("__Host-ulak=; Path=/; Max-Age=0"));
    }
}
