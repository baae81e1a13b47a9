//! What a form posts: read up to a limit, compared with the field that only our own pages know.

use crate::body::{Bounds, read_within};
use crate::problem::Problem;
use axum::body::Body;
use sha2::{Digest as _, Sha256};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What a posted form may be.
const BOUNDS: Bounds = Bounds { most: 64 * 1024, said: "64 KiB", within: Duration::from_secs(10) };
/// Most fields of a form.
const MOST_FIELDS: usize = 512;
/// The field that every form of ours carries.
pub(super) const CSRF: &str = "csrf";

/// The fields of a posted form. Does not print them.
pub(crate) struct Form(Vec<(String, String)>);

impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Form({})", self.0.len())
    }
}

impl Form {
    /// Reads a form.
    ///
    /// # Errors
    /// As [`read_within`].
    pub(super) async fn read(body: Body, stop: &CancellationToken) -> Result<Self, Problem> {
        Ok(Self::parse(&read_within(body, BOUNDS, stop).await?))
    }

    fn parse(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().take(MOST_FIELDS).collect())
    }

    /// A field, trimmed; empty where there is none.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
    }

    /// All fields of one name, trimmed, empty ones left out: ticked boxes of a list.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let of_name = self.0.iter().filter(move |(key, _)| key == name);
        of_name.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// Whether it carries what our own page was given; takes the same time wherever it differs.
    pub(super) fn is_ours(&self, csrf: &str) -> bool {
        !csrf.is_empty() && Sha256::digest(self.get(CSRF)) == Sha256::digest(csrf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_form_with_the_right_field_is_ours() {
        let form = Form::parse(b"csrf=abc&reason=+a+b%C5%9F+&id=1&id=&id=2");
        assert!(form.is_ours("abc"));
        assert!(!form.is_ours("abcd") && !form.is_ours("") && !Form::parse(b"").is_ours(""));
        assert_eq!(form.get("reason"), "a bş");
        assert_eq!(form.all("id").collect::<Vec<_>>(), ["1", "2"]);
        assert!(!format!("{form:?}").contains("bş"));
    }
}
