//! From a template and its values to an answer: the layout, the catalogue as `t(k="…")`, the headers that keep a page to itself.

use crate::audit::call::Call;
use crate::audit::catalogue::{self, Catalogue};
use crate::audit::guard::Shell;
use crate::audit::{paper, routes, style, when};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono_tz::Europe::Istanbul;
use ledger::access::{Role, Visitor};
use serde::Serialize;
use std::sync::LazyLock;
use story::Tongue;
use tera::{Context, Kwargs, State, Tera, TeraResult};

/// Every template. A name without `.html` would not be escaped.
const TEMPLATES: &[(&str, &str)] = &[
    ("layout.html", include_str!("../../pages/layout.html")),
    ("access.html", include_str!("../../pages/access.html")),
    ("books.html", include_str!("../../pages/books.html")),
    ("dead_check.html", include_str!("../../pages/dead_check.html")),
    ("dead.html", include_str!("../../pages/dead.html")),
    ("dead_done.html", include_str!("../../pages/dead_done.html")),
    ("fact.html", include_str!("../../pages/fact.html")),
    ("lane_check.html", include_str!("../../pages/lane_check.html")),
    ("lanes.html", include_str!("../../pages/lanes.html")),
    ("login.html", include_str!("../../pages/login.html")),
    ("message.html", include_str!("../../pages/message.html")),
    ("open.html", include_str!("../../pages/open.html")),
    ("notice.html", include_str!("../../pages/notice.html")),
    ("search.html", include_str!("../../pages/search.html")),
    ("session.html", include_str!("../../pages/session.html")),
    ("steps.html", include_str!("../../pages/steps.html")),
];

/// What a page may load, show and post to: itself, and no script at all.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
/// Headers of every answer below `/audit`.
const HEADERS: &[(&str, &str)] = &[
    ("content-security-policy", POLICY),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-robots-tag", "noindex, nofollow"),
];

static PAGES: LazyLock<[Result<Tera, tera::Error>; 2]> =
    LazyLock::new(|| [Tongue::Tr, Tongue::En].map(parsed));

fn parsed(tongue: Tongue) -> Result<Tera, tera::Error> {
    let mut tera = Tera::new();
    let texts = catalogue::of(tongue);
    tera.register_function("t", move |kwargs: Kwargs, _: &State| said(texts, &kwargs));
    tera.autoescape_on([".html"]);
    tera.add_raw_templates(TEMPLATES.iter().copied())?;
    Ok(tera)
}

/// `t(k="search.found", n=5)`: the text of a key with its values; escaped like every other value.
fn said(texts: &'static Catalogue, kwargs: &Kwargs) -> TeraResult<String> {
    let key: &str = kwargs.must_get("k")?;
    let text = texts.get(key);
    let text = text.ok_or_else(|| tera::Error::message(format!("no text for the key {key}")))?;
    let mut out = text.clone();
    for (name, value) in kwargs.iter() {
        let name = name.as_str().unwrap_or_default();
        if name != "k" {
            out = out.replace(&format!("{{{name}}}"), &value.to_string());
        }
    }
    Ok(out)
}

/// Everything that the layout shows beside the page itself.
#[derive(Serialize)]
struct Around<'a> {
    lang: &'static str,
    css: &'static str,
    here: &'a str,
    /// This page in the other language, and that language's own name.
    other: (&'static str, &'static str, String),
    nav: Vec<Place>,
    who: Option<Who<'a>>,
    csrf: &'a str,
    /// When it was made, and to what it is restricted: on paper nothing else says so.
    made: String,
    held: String,
}

#[derive(Serialize)]
struct Place {
    href: &'static str,
    key: &'static str,
    current: bool,
}

#[derive(Serialize)]
struct Who<'a> {
    label: &'a str,
    role: &'static str,
    clinic: Option<&'a str>,
}

/// A page of somebody who is logged in, 200.
pub(crate) fn page(shell: &Shell, template: &str, context: Context) -> Response {
    page_with(shell, StatusCode::OK, template, context)
}

/// The same with another status.
pub(crate) fn page_with(
    shell: &Shell,
    status: StatusCode,
    template: &str,
    context: Context,
) -> Response {
    render(&shell.call, Some(&shell.visitor), status, template, context)
}

/// A page of nobody.
pub(super) fn outside(
    call: &Call,
    status: StatusCode,
    template: &str,
    context: Context,
) -> Response {
    render(call, None, status, template, context)
}

/// A page that says one thing, to somebody who is logged in: `key.title`, `key.text`.
pub(crate) fn refusal(shell: &Shell, status: StatusCode, key: &'static str) -> Response {
    page_with(shell, status, "notice.html", notice(key, "/audit"))
}

/// The same to nobody.
pub(super) fn stranger(call: &Call, status: StatusCode, key: &'static str) -> Response {
    let mut response = outside(call, status, "notice.html", notice(key, "/audit"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

/// There are no pages here, and why.
pub(super) fn off(call: &Call) -> Response {
    outside(call, StatusCode::FORBIDDEN, "notice.html", notice("error.off", ""))
}

fn notice(key: &'static str, back: &'static str) -> Context {
    let mut context = Context::new();
    context.insert("heading", &format!("{key}.title"));
    context.insert("line", &format!("{key}.text"));
    context.insert("back", back);
    context
}

fn render(
    call: &Call,
    visitor: Option<&Visitor>,
    status: StatusCode,
    template: &str,
    mut context: Context,
) -> Response {
    context.insert("page", &around(call, visitor));
    // what a page was sent to with: a key of the catalogue, and nothing else
    let told = call.asked("said");
    if !context.contains_key("told") {
        let known = catalogue::of(call.tongue).contains_key(&format!("told.{told}"));
        context.insert("told", &if known { format!("told.{told}") } else { String::new() });
    }
    let [turkish, english] = &*PAGES;
    let tera = if call.tongue == Tongue::Tr { turkish } else { english };
    let written = match tera {
        Ok(tera) => tera.render(template, &context).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let mut response = match written {
        Ok(html) => (status, [(CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response(),
        Err(error) => {
            // its first line: what follows is the template's own text
            let error = error.lines().next().unwrap_or_default();
            tracing::error!(template, error, "a page cannot be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    };
    call.keep_language(&mut response);
    response
}

fn around<'a>(call: &'a Call, visitor: Option<&'a Visitor>) -> Around<'a> {
    let (other, name) = match call.tongue {
        Tongue::Tr => (Tongue::En, "English"),
        Tongue::En => (Tongue::Tr, "Türkçe"),
    };
    // lanes are of all clinics
    let offered = |v: &Visitor, href: &str, right| {
        v.role.may(right) && (v.clinic.is_none() || href != "/audit/lanes")
    };
    let nav = routes::NAV
        .iter()
        .filter(|(href, _, right)| visitor.is_some_and(|v| offered(v, href, *right)));
    let current = routes::section(&call.path);
    Around {
        lang: catalogue::code(call.tongue),
        css: style::path(),
        here: &call.path,
        other: (catalogue::code(other), name, call.in_other(other)),
        nav: nav.map(|(href, key, _)| Place { href, key, current: *href == current }).collect(),
        who: visitor.map(|visitor| Who {
            label: &visitor.label,
            role: role(visitor.role),
            clinic: visitor.clinic.as_deref().map(|clinic| call.settings().name(clinic)),
        }),
        csrf: visitor.map_or("", |visitor| &visitor.csrf),
        made: visitor.map(|_| made(call)).unwrap_or_default(),
        held: visitor.map(|visitor| paper::held(call, visitor)).unwrap_or_default(),
    }
}

/// When the page is made, with the zone that it is written in; empty without a ledger, whose clock it is.
fn made(call: &Call) -> String {
    let Ok(open) = call.door().opened() else { return String::new() };
    let now = when::shown(open.ledger.clock().now_ms(), Istanbul, call.tongue);
    format!("{} ({})", now.text, Istanbul.name())
}

/// The key of a role's name.
pub(super) const fn role(role: Role) -> &'static str {
    match role {
        Role::Door => "role.door",
        Role::Clinic => "role.clinic",
        Role::Auditor => "role.auditor",
        Role::Ops => "role.ops",
        Role::Admin => "role.admin",
    }
}

/// Sets the headers that every answer below `/audit` carries.
pub(super) fn keep_to_itself(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_template_is_read_in_both_languages() {
        for page in &*PAGES {
            assert!(page.is_ok(), "{page:?}");
        }
    }

    #[test]
    fn every_key_that_a_template_names_is_in_the_catalogue() {
        let known = catalogue::of(Tongue::Tr);
        let mut named = BTreeSet::new();
        for (name, template) in TEMPLATES {
            for part in template.split("t(k=\"").skip(1) {
                let key = part.split('"').next().unwrap();
                assert!(known.contains_key(key), "{key} of {name}");
                named.insert(key);
            }
        }
        assert!(named.len() > 50, "{named:?}");
    }

    #[test]
    fn values_of_a_text_are_put_in_and_a_missing_key_is_an_error() {
        let texts: &'static Catalogue = Box::leak(Box::new(
            [("a.b".to_owned(), "{n} of {m}".to_owned())].into_iter().collect(),
        ));
        let kwargs = |key: &str| {
            Kwargs::from([("k", tera::Value::from(key)), ("n", 5.into()), ("m", "<b>".into())])
        };
        assert_eq!(said(texts, &kwargs("a.b")).unwrap(), "5 of <b>");
        assert!(said(texts, &kwargs("a.c")).is_err());
    }

    #[test]
    fn no_page_carries_a_script_a_style_of_its_own_or_a_handler() {
        for (name, template) in TEMPLATES {
            for forbidden in
                ["<script", "<style", " style=", " onclick", " onchange", "javascript:", "| safe"]
            {
                assert!(!template.contains(forbidden), "{forbidden} in {name}");
            }
        }
    }
}
