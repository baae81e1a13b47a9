//! Somebody who looks at the pages: keeps cookies, fills in forms, follows nothing by itself.

use crate::house::House;
use ledger::access::{AccessFilter, AccessKind, Accessed, Role};
use ledger::tokens::TokenAsk;
use reqwest::header::{HeaderMap, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder};
use std::collections::BTreeMap;

/// A day, milliseconds.
pub const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// A browser.
pub struct Browser {
    client: Client,
    base: String,
    pub cookies: BTreeMap<String, String>,
    /// What our own pages gave their forms last.
    pub csrf: String,
}

/// A page, or whatever else came.
#[derive(Debug)]
pub struct Page {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Page {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Where it leads.
    pub fn place(&self) -> &str {
        assert_eq!(self.status, 303, "{}", self.text);
        self.header("location")
    }

    pub fn cookies(&self) -> Vec<&str> {
        self.headers.get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap()).collect()
    }

    #[track_caller]
    pub fn says(&self, text: &str) {
        assert!(self.text.contains(text), "{text:?} is not in {}", self.text);
    }

    #[track_caller]
    pub fn does_not_say(&self, text: &str) {
        assert!(!self.text.contains(text), "{text:?} is in {}", self.text);
    }

    /// The first link whose address begins so, as a browser reads it.
    #[track_caller]
    pub fn link(&self, begins: &str) -> String {
        let from = self.text.find(&format!("href=\"{begins}"));
        let from = from.unwrap_or_else(|| panic!("no link to {begins} in {}", self.text)) + 6;
        let to = from + self.text[from..].find('"').unwrap();
        plain(&self.text[from..to])
    }
}

impl Page {
    /// The page after this one.
    #[track_caller]
    pub fn next(&self) -> String {
        let to = self.text.find("\" rel=\"next\"").unwrap_or_else(|| panic!("no next page"));
        let from = self.text[..to].rfind('"').unwrap() + 1;
        plain(&self.text[from..to])
    }
}

/// Text as it was before it was escaped.
fn plain(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    text.replace("&#39;", "'").replace("&#x27;", "'").replace("&#x2F;", "/").replace("&amp;", "&")
}

impl Browser {
    /// One that nobody knows.
    pub fn new(house: &House) -> Self {
        let client = Client::builder().redirect(Policy::none()).no_proxy().build().unwrap();
        let base = format!("http://{}", house.address);
        Self { client, base, cookies: BTreeMap::new(), csrf: String::new() }
    }

    /// One that is logged in with a new token of a role.
    pub async fn of(house: &House, role: Role, clinic: Option<&str>) -> Self {
        let mut browser = Self::new(house);
        let token = token(house, role, clinic).await;
        let page = browser.log_in(&token).await;
        assert_eq!(page.place(), "/audit", "{}", page.text);
        browser.get("/audit/session").await;
        browser
    }

    pub async fn log_in(&mut self, token: &str) -> Page {
        self.get("/audit/login").await;
        self.post("/audit/login", &[("token", token)]).await
    }

    pub async fn get(&mut self, path: &str) -> Page {
        let request = self.client.get(format!("{}{path}", self.base));
        self.send(request).await
    }

    pub async fn head(&mut self, path: &str) -> Page {
        let request = self.client.head(format!("{}{path}", self.base));
        self.send(request).await
    }

    /// Posts a form with what our own pages gave last.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let csrf = self.csrf.clone();
        let mut all = vec![("csrf", csrf.as_str())];
        all.extend(fields);
        self.post_just(path, &all).await
    }

    /// Posts these fields only.
    pub async fn post_just(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let request = self.post_request(path, fields);
        self.send(request).await
    }

    pub fn post_request(&self, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        self.client
            .post(format!("{}{path}", self.base))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.finish())
    }

    pub async fn send(&mut self, request: RequestBuilder) -> Page {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request =
            if cookies.is_empty() { request } else { request.header("cookie", cookies.join("; ")) };
        let response = request.send().await.unwrap();
        let page = Page {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        };
        for cookie in page.cookies() {
            let (pair, how) = cookie.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if how.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        if let Some((_, rest)) = page.text.split_once("name=\"csrf\" value=\"") {
            rest.split('"').next().unwrap().clone_into(&mut self.csrf);
        }
        page
    }
}

/// A new token.
pub async fn token(house: &House, role: Role, clinic: Option<&str>) -> String {
    let ask = TokenAsk {
        role,
        clinic: clinic.map(str::to_owned),
        label: format!("prüfung {role}"),
        lasts_ms: role.has_pages().then_some(DAY_MS),
    };
    house.ledger.create_token_of(&ask, "tester@here").await.unwrap().token.to_string()
}

/// What is on record of who saw and did what, newest first.
pub async fn on_record(house: &House) -> Vec<Accessed> {
    house.ledger.accesses(&AccessFilter::default(), None, 1_000).await.unwrap().0
}

/// The denials among it: path and right.
pub async fn denials(house: &House) -> Vec<(String, Option<String>)> {
    let all = on_record(house).await.into_iter();
    all.filter_map(|one| match one.access.what {
        AccessKind::Denied { path, right } => Some((path, right.map(|right| right.to_string()))),
        _ => None,
    })
    .collect()
}
