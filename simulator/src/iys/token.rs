//! `POST /oauth2/token` (facts B1).

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::IysState;
use super::error::{IysError, refuse};
use crate::reply::Reply;
use crate::request::Request;
use crate::script::{CredentialRefusal, IysScript};

/// Most tokens of a kind kept; the oldest go first (only with limits off are there ever so many).
const MOST_TOKENS: usize = 1_000;

#[derive(Debug)]
struct Token {
    text: String,
    user: String,
    until_ms: i64,
}

/// Tokens that were given out.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    access: VecDeque<Token>,
    refresh: VecDeque<Token>,
}

impl Tokens {
    /// Whose access token this is, while it lives.
    pub(super) fn user(&self, token: &str, now_ms: i64) -> Option<&str> {
        let known = self.access.iter().find(|known| known.text == token)?;
        (now_ms < known.until_ms).then_some(known.user.as_str())
    }

    /// Takes a refresh token out: each works once, and its answer carries the next.
    fn spend(&mut self, token: &str, now_ms: i64) -> Option<String> {
        let place = self.refresh.iter().position(|known| known.text == token)?;
        let known = self.refresh.remove(place)?;
        (now_ms < known.until_ms).then_some(known.user)
    }
}

fn keep(tokens: &mut VecDeque<Token>, token: Token) {
    if tokens.len() >= MOST_TOKENS {
        tokens.pop_front();
    }
    tokens.push_back(token);
}

/// Password or refresh, JSON or form.
pub(super) fn token(state: &mut IysState, script: &IysScript, request: &Request) -> Reply {
    let Some(body) = fields(request) else { return refuse(&[IysError::new("H014")]) };
    let field = |name: &str| body.get(name).and_then(Value::as_str);
    match field("grant_type") {
        None => oauth("invalid_request", "Giriş yöntemi belirtilmemiş."),
        Some("") => oauth("invalid_grant", "Giriş yöntemi boş olamaz."),
        Some("password") => match (field("username"), field("password")) {
            (None, _) => oauth("invalid_request", "Kullanıcı adı verilmemiş."),
            (_, None) => oauth("invalid_request", "Şifre verilmemiş."),
            (Some(""), _) => oauth("invalid_grant", "Kullanıcı adı boş bırakılamaz."),
            (_, Some("")) => oauth("invalid_grant", "Şifre boş bırakılamaz."),
            (Some(name), Some(password)) => {
                let known = script.users.iter().find(|user| user.username == name);
                match known.filter(|user| user.password == password) {
                    Some(user) => give(state, script, user.username.clone(), request.now_ms),
                    None if script.credential_refusal == CredentialRefusal::H251 => {
                        refuse(&[IysError::new("H251")])
                    }
                    None => oauth("invalid_request", "Kullanıcı kimlik bilgileri geçersiz."),
                }
            }
        },
        Some("refresh_token") => match field("refresh_token") {
            None => oauth("invalid_request", "Yenileme jetonu verilmemiş."),
            Some("") => oauth("invalid_grant", "Yenileme jetonu boş olamaz."),
            Some(old) => match state.tokens.spend(old, request.now_ms) {
                Some(user) => give(state, script, user, request.now_ms),
                None => oauth("invalid_grant", "Yenileme jetonu geçersiz."),
            },
        },
        Some(_) => oauth("invalid_grant", "Desteklenmeyen giriş yöntemi."),
    }
}

fn fields(request: &Request) -> Option<serde_json::Map<String, Value>> {
    if request.is_form() {
        let pairs = form_urlencoded::parse(&request.body);
        return Some(pairs.map(|(name, value)| (name.into_owned(), json!(value))).collect());
    }
    serde_json::from_slice(&request.body).ok()
}

fn oauth(error: &'static str, description: &str) -> Reply {
    Reply::json(400, error, &json!({ "error": error, "error_description": description }))
}

fn give(state: &mut IysState, script: &IysScript, user: String, now_ms: i64) -> Reply {
    let access = format!("acc.{}", state.hex64(now_ms));
    let refresh = format!("ref.{}", state.hex64(now_ms));
    let until = |seconds: u64| {
        now_ms.saturating_add(i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX))
    };
    let (access_s, refresh_s) = (script.access_token_s, script.refresh_token_s);
    let token = Token { text: access.clone(), user: user.clone(), until_ms: until(access_s) };
    keep(&mut state.tokens.access, token);
    let token = Token { text: refresh.clone(), user, until_ms: until(refresh_s) };
    keep(&mut state.tokens.refresh, token);
    let body = json!({ "access_token": access, "refresh_token": refresh, "expires_in": access_s,
                       "refresh_expires_in": refresh_s, "token_type": "bearer" });
    Reply::json(200, "token", &body)
}
