//! In by token, out of one session or of all. Which tokens there are is told to nobody: every wrong one is answered alike.

use crate::audit::call::Call;
use crate::audit::form::Form;
use crate::audit::guard::{Shell, Turned, asked, ledger, posted, visitor, with_form};
use crate::audit::settings::Reached;
use crate::audit::{cookies, page, when};
use crate::door::Door;
use crate::serve::Peer;
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use chrono_tz::Europe::Istanbul;
use ledger::access::{LogIn, SessionSecret, TRIES_SPAN_MS};
use ledger::tokens::TokenSecret;
use ledger::vault::random_id;
use std::net::{IpAddr, SocketAddr};
use tera::Context;

/// Whom a proxy speaks for; it appends the caller's address.
const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Longest path that is gone back to after a login, bytes.
const LONGEST_NEXT: usize = 4 * 1024;

pub(super) async fn get(call: Call) -> Response {
    if call.settings().reached == Reached::Nothing {
        return page::off(&call);
    }
    form(&call, StatusCode::OK, call.asked("next"), "", "")
}

/// The form, tied to this browser by a cookie; `fault` is a key of the catalogue.
fn form(call: &Call, status: StatusCode, next: &str, fault: &str, until: &str) -> Response {
    let Ok(csrf) = random_id("") else {
        return page::stranger(call, StatusCode::INTERNAL_SERVER_ERROR, "error.defect");
    };
    let mut context = Context::new();
    context.insert("csrf", &csrf);
    context.insert("next", place(next));
    context.insert("fault", fault);
    context.insert("until", until);
    let mut response = page::outside(call, status, "login.html", context);
    if let Some(cookie) = cookies::form(call.settings().reached, &csrf) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// Where to go after the login: a page of ours, whatever was asked for.
fn place(next: &str) -> &str {
    let rest = next.strip_prefix("/audit").unwrap_or("x");
    let ours = rest.is_empty() || rest.starts_with(['/', '?']);
    let again = ["/login", "/logout"].iter().any(|path| rest.starts_with(path));
    let plain =
        next.len() <= LONGEST_NEXT && next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if ours && plain && !again { next } else { "/audit" }
}

pub(super) async fn post(
    State(door): State<Door>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    call: Call,
    body: Body,
) -> Result<Response, Turned> {
    let reached = call.settings().reached;
    if reached == Reached::Nothing {
        return Ok(page::off(&call));
    }
    let posted = posted(&call, body).await?;
    let next = posted.get("next");
    let tied = call.cookies.form(reached).is_some_and(|csrf| posted.is_ours(csrf));
    if call.is_from_elsewhere() || !tied {
        return Ok(form(&call, StatusCode::FORBIDDEN, next, "login.fault.form", ""));
    }
    let ledger = ledger(&door, &call)?;
    let from = caller(peer.map(|Extension(Peer(ip))| ip), &headers, reached);
    let answer = match TokenSecret::parse(posted.get("token")) {
        Some(token) => asked(&call, ledger.log_in(&token, &from)).await?,
        None => asked(&call, ledger.log_in_with_nonsense(&from)).await?,
    };
    Ok(match answer {
        LogIn::In { secret, .. } => enter(&call, &secret, next),
        LogIn::Wrong => form(&call, StatusCode::FORBIDDEN, next, "login.fault.wrong", ""),
        LogIn::Later { until } => later(&call, next, until, ledger.clock().now_ms()),
    })
}

fn enter(call: &Call, secret: &SessionSecret, next: &str) -> Response {
    let mut response = call.see(place(next));
    if let Some(cookie) = cookies::session(call.settings().reached, secret) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

fn later(call: &Call, next: &str, until: i64, now: i64) -> Response {
    let wall = when::shown(until, Istanbul, call.tongue).text;
    let mut response = form(call, StatusCode::TOO_MANY_REQUESTS, next, "login.fault.later", &wall);
    let wait_s = (until - now).clamp(1_000, TRIES_SPAN_MS) / 1_000;
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait_s));
    response
}

/// Whose tries are counted together: the caller's address, or that which our own proxy on this machine or in this network tells.
fn caller(peer: Option<IpAddr>, headers: &HeaderMap, reached: Reached) -> String {
    let near = peer.is_some_and(|ip| match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
    });
    let told = headers.get_all(FORWARDED).iter().next_back().and_then(|value| value.to_str().ok());
    let told = told.and_then(|told| address(told.rsplit(',').next()?.trim()));
    let from = told.filter(|_| near && reached == Reached::Https).or(peer);
    from.map_or_else(|| "unknown".to_owned(), |ip| ip.to_canonical().to_string())
}

/// An address as a proxy writes it: some add the port that the caller spoke from.
fn address(told: &str) -> Option<IpAddr> {
    let alone = told.strip_prefix('[').and_then(|told| told.strip_suffix(']')).unwrap_or(told);
    alone.parse().ok().or_else(|| Some(told.parse::<SocketAddr>().ok()?.ip()))
}

/// Who is logged in, until when, and how to end it.
pub(super) async fn session(State(door): State<Door>, call: Call) -> Result<Response, Turned> {
    let shell = visitor(&door, call).await?;
    let zone = shell.visitor.clinic.as_deref().map_or(Istanbul, |own| shell.call.zone(own));
    let ends = when::shown(shell.visitor.expires_at, zone, shell.call.tongue);
    let mut context = Context::new();
    context.insert("ends", &ends);
    context.insert("token", &shell.visitor.token);
    Ok(page::page(&shell, "session.html", context))
}

/// Out of this session, or with `all` of every one of the token.
pub(super) async fn leave(
    State(door): State<Door>,
    call: Call,
    body: Body,
) -> Result<Response, Turned> {
    let (shell, form): (Shell, Form) = with_form(visitor(&door, call).await?, body).await?;
    let said = if form.get("all").is_empty() {
        shell.asked(shell.ledger.log_out(&shell.visitor)).await?;
        "login.out"
    } else {
        shell.asked(shell.ledger.log_out_everywhere(&shell.visitor)).await?;
        "login.out_everywhere"
    };
    let mut response = shell.call.see(&format!("/audit/login?said={said}"));
    if let Some(cookie) = cookies::no_session(shell.call.settings().reached) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_leads_to_our_own_pages_only() {
        for ours in [
            "/audit",
            "/audit?state=refused",
            "/audit/books?from=2026-11-22",
            "/audit/messages/ntf_a",
        ] {
            assert_eq!(place(ours), ours);
        }
        for other in [
            "",
            "/",
            "https://example.com/audit",
            "//example.com/audit",
            "/auditx",
            "/audit\\example.com",
            "/audit/\r\nx",
            "/audit/login?next=/audit",
            "/audit/logout",
            "/audit/ş",
        ] {
            assert_eq!(place(other), "/audit", "{other}");
        }
        assert_eq!(place(&format!("/audit?{}", "x".repeat(LONGEST_NEXT))), "/audit");
    }

    #[test]
    fn only_our_own_proxy_is_believed_about_whom_it_speaks_for() {
        let told = HeaderMap::from_iter([(
            FORWARDED,
            HeaderValue::from_static("203.0.113.9, 198.51.100.7"),
        )]);
        let ip = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        assert_eq!(caller(ip("127.0.0.1"), &told, Reached::Https), "198.51.100.7");
        assert_eq!(caller(ip("::ffff:10.0.0.2"), &told, Reached::Https), "198.51.100.7");
        assert_eq!(caller(ip("192.0.2.7"), &told, Reached::Https), "192.0.2.7");
        assert_eq!(caller(ip("127.0.0.1"), &told, Reached::Loopback), "127.0.0.1");
        assert_eq!(caller(ip("127.0.0.1"), &HeaderMap::new(), Reached::Https), "127.0.0.1");
        assert_eq!(caller(None, &told, Reached::Https), "unknown");
        for (told, from) in [
            ("198.51.100.7:50312", "198.51.100.7"),
            ("[2001:db8::7]:50312", "2001:db8::7"),
            ("203.0.113.9, [2001:db8::7]", "2001:db8::7"),
            ("198.51.100.7:x", "127.0.0.1"),
        ] {
            let told = HeaderMap::from_iter([(FORWARDED, HeaderValue::from_static(told))]);
            assert_eq!(caller(ip("127.0.0.1"), &told, Reached::Https), from);
        }
    }
}
