//! A client of the twins: builds the vendors' requests, reads the vendors' answers.

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use simulator::{Script, Simulator};

pub const USER: (&str, &str) = ("8501234567", "netgsm-secret");
pub const OTHER: (&str, &str) = ("8507654321", "other-secret");
pub const BRAND: &str = "/sps/100001/brands/100001";

/// A simulator and a client that talks to it.
pub struct Caller {
    pub twin: Simulator,
    http: reqwest::Client,
}

/// Status and JSON (or text) of an answer.
#[derive(Debug, PartialEq)]
pub struct Answer(pub u16, pub Value);

impl Answer {
    /// Netgsm's code.
    pub fn code(&self) -> &str {
        self.1["code"].as_str().unwrap_or("")
    }

    /// Codes of İYS's error list.
    pub fn errors(&self) -> Vec<&str> {
        let errors = self.1["errors"].as_array();
        errors.into_iter().flatten().filter_map(|error| error["code"].as_str()).collect()
    }
}

impl Caller {
    pub async fn new() -> Self {
        Self::with(Script::default()).await
    }

    /// With parts of a script in JSON.
    pub async fn scripted(script: Value) -> Self {
        Self::with(Script::from_json(script.to_string().as_bytes()).unwrap()).await
    }

    async fn with(script: Script) -> Self {
        let twin = Simulator::start_with("127.0.0.1:0", script).await.unwrap();
        let http =
            reqwest::Client::builder().timeout(Duration::from_secs(20)).no_proxy().build().unwrap();
        Self { twin, http }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.twin.url()))
    }

    pub async fn answer(&self, request: RequestBuilder) -> Answer {
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        Answer(status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.answer(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.answer(self.request(Method::POST, path).json(body)).await
    }

    /// A Netgsm call by an account.
    pub async fn netgsm(&self, (name, password): (&str, &str), call: &str, body: &Value) -> Answer {
        let path = format!("/sms/rest/v2/{call}");
        self.answer(self.request(Method::POST, &path).basic_auth(name, Some(password)).json(body))
            .await
    }

    /// A send by the first account.
    pub async fn send(&self, body: &Value) -> Answer {
        self.netgsm(USER, "send", body).await
    }

    /// Sends a good message and returns its jobid.
    pub async fn sent(&self, to: &str) -> String {
        let answer = self.send(&message(to)).await;
        assert_eq!(answer.code(), "00", "{answer:?}");
        answer.1["jobid"].as_str().unwrap().to_owned()
    }

    /// Logs in at İYS.
    pub async fn token(&self) -> Value {
        let answer = self.post("/oauth2/token", &login()).await;
        assert_eq!(answer.0, 200, "{answer:?}");
        answer.1
    }

    /// An İYS call with a bearer token.
    pub async fn iys(&self, token: &Value, method: Method, path: &str, body: &Value) -> Answer {
        let token = token["access_token"].as_str().unwrap();
        let request = self.request(method.clone(), path).bearer_auth(token);
        self.answer(if method == Method::GET { request } else { request.json(body) }).await
    }
}

/// Twilio's default account, by its AuthToken and by its API key.
pub const AC: &str = "AC00000000000000000000000000000001";
pub const TOKEN: (&str, &str) = (AC, "twilio-token");
pub const KEY: (&str, &str) = ("SK00000000000000000000000000000001", "twilio-key-secret");
pub const SERVICE: &str = "MG00000000000000000000000000000001";

impl Caller {
    /// A Twilio call under the default account's path.
    pub async fn twilio(&self, user: (&str, &str), method: Method, path: &str) -> Answer {
        self.twilio_form(user, method, path, &[]).await
    }

    /// As [`Self::twilio`], with a form where there are fields.
    pub async fn twilio_form(
        &self,
        (name, password): (&str, &str),
        method: Method,
        path: &str,
        form: &[(&str, &str)],
    ) -> Answer {
        let path = format!("/2010-04-01/Accounts/{AC}{path}");
        let request = self.request(method, &path).basic_auth(name, Some(password));
        self.answer(if form.is_empty() { request } else { request.form(form) }).await
    }

    /// A create at Twilio by the API key.
    pub async fn create(&self, form: &[(&str, &str)]) -> Answer {
        self.twilio_form(KEY, Method::POST, "/Messages.json", form).await
    }

    /// Sends a good message through Twilio and returns its sid.
    pub async fn created(&self, to: &str) -> String {
        let answer = self.create(&sms(to)).await;
        assert_eq!(answer.0, 201, "{answer:?}");
        answer.1["sid"].as_str().unwrap().to_owned()
    }

    /// A message of Twilio's as it is now.
    pub async fn fetched(&self, sid: &str) -> Value {
        let answer = self.twilio(KEY, Method::GET, &format!("/Messages/{sid}.json")).await;
        assert_eq!(answer.0, 200, "{answer:?}");
        answer.1
    }
}

/// A good form for Twilio.
pub fn sms(to: &str) -> [(&str, &str); 3] {
    [("To", to), ("From", "KLINIK"), ("Body", "Sayın Ayşe, randevunuz yarın.")]
}

/// A good message.
pub fn message(to: &str) -> Value {
    json!({ "msgheader": "KLINIK", "iysfilter": "0", "encoding": "TR",
            "messages": [{ "msg": "Sayın Ayşe, randevunuz yarın.", "no": to }] })
}

/// A good login.
pub fn login() -> Value {
    json!({ "username": "iys-user", "password": "iys-secret", "grant_type": "password" })
}

/// A script in which the report answers at once and limits that are not asked about are off.
pub fn prompt() -> Value {
    json!({ "netgsm": { "report_delay_ms": [0, 0], "delivery_ms": [0, 0] },
            "iys": { "limits": { "enabled": false } } })
}

/// Meta's default account.
pub const NUMBER_ID: &str = "100000000000001";
pub const BUSINESS_ID: &str = "200000000000001";
pub const META_TOKEN: &str = "meta-token";

impl Caller {
    /// A send at Meta by the default account.
    pub async fn whatsapp(&self, body: &Value) -> Answer {
        let path = format!("/v23.0/{NUMBER_ID}/messages");
        self.answer(self.request(Method::POST, &path).bearer_auth(META_TOKEN).json(body)).await
    }

    /// A question to Meta by the default account.
    pub async fn meta(&self, path: &str) -> Answer {
        let path = format!("/v23.0/{path}");
        self.answer(self.request(Method::GET, &path).bearer_auth(META_TOKEN)).await
    }
}

/// A good template message for Meta.
pub fn template(to: &str) -> Value {
    let text = |text: &str| json!({ "type": "text", "text": text });
    json!({ "messaging_product": "whatsapp", "recipient_type": "individual", "to": to,
            "type": "template", "biz_opaque_callback_data": "ntf_abc-1",
            "template": { "name": "randevu_hatirlatma", "language": { "code": "tr" },
                "components": [{ "type": "body",
                    "parameters": [text("Ayşe"), text("22.11.2026"), text("14:30")] }] } })
}
