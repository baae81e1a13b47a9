//! A ledger, a door before it, and somebody who knocks.

use chrono::TimeDelta;
use gateway::{ClinicPage, Door, PageSettings, ROUTES, Reached, Settings};
use ledger::vault::Secret32;
use ledger::{Ledger, LedgerSettings, migrate};
use metrics::{Price, Prices};
use reqwest::header::{HeaderMap, HeaderName};
use reqwest::{Client, RequestBuilder};
use scheduler::facts::Applier;
use scheduler::plan::Rules;
use schemas::{ClinicId, Registry, ReminderRule};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The clinic of the examples.
pub const CLINIC: &str = "atasehir";
/// Another one of the same installation.
pub const OTHER: &str = "besiktas";

/// A lane of both.
pub const LANE: &str = "netgsm/default/KLINIK";
/// What a segment on it costs.
const PRICE: &str = "0.215 TRY";

/// How long a request may go on after the stop; what has none ends sooner.
pub const AT_STOP: Duration = Duration::from_secs(6);

/// A door that serves.
pub struct House {
    pub ledger: Ledger,
    pub door: Door,
    pub address: SocketAddr,
    pub stop: CancellationToken,
    pub serving: JoinHandle<()>,
    /// A token of [`CLINIC`].
    pub token: String,
    client: Client,
    _folder: TempDir,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The errors of a problem as (index, path, reason).
    pub fn faults(&self) -> Vec<(u64, String, String)> {
        let json = self.json();
        let errors = json["errors"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        errors
            .iter()
            .map(|e| (e["index"].as_u64().unwrap(), text(&e["path"]), text(&e["reason"])))
            .collect()
    }

    /// Whether each notification of a 202 was there before.
    pub fn duplicates(&self) -> Vec<bool> {
        let json = self.json();
        let taken = json["notifications"].as_array().unwrap();
        taken.iter().map(|one| one["duplicate"].as_bool().unwrap()).collect()
    }
}

/// An open house.
pub async fn open() -> House {
    let house = closed().await;
    house.open();
    house
}

/// A house whose door serves and is not open yet.
pub async fn closed() -> House {
    closed_over(Reached::Loopback).await
}

/// The same, with pages that are reached so.
pub async fn closed_over(reached: Reached) -> House {
    let folder = tempfile::tempdir().unwrap();
    let settings = LedgerSettings {
        url: SecretString::from(format!("sqlite://{}", folder.path().join("ulak.db").display())),
        master_key: Secret32::new([7; 32]),
        connections: 4,
        max_mib: None,
        name: "gateway test".to_owned(),
    };
    migrate(&settings).await.unwrap();
    let ledger = Ledger::open(&settings).await.unwrap();
    let clinics = [CLINIC, OTHER].map(|id| (ClinicId::parse(id).unwrap(), TimeDelta::hours(6)));
    let stop = CancellationToken::new();
    let registry = Arc::new(Registry::embedded().unwrap());
    let shown = [CLINIC, OTHER].map(|id| {
        let page = ClinicPage { name: format!("Klinik {id}"), zone: chrono_tz::Europe::Istanbul };
        (ClinicId::parse(id).unwrap(), page)
    });
    let mut prices = Prices::default();
    prices.set("netgsm", "default", "sms", Price::parse(PRICE).unwrap());
    let lanes = [LANE.to_owned()].into();
    let pages = PageSettings { reached, clinics: shown.into(), lanes, prices };
    let settings = Settings { clinics: clinics.into(), pages };
    let door = Door::new(settings, registry, stop.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving =
        tokio::spawn(gateway::serve(listener, gateway::router(&door), stop.clone(), AT_STOP));
    let token = ledger.create_token(CLINIC, "test", "tester@here").await.unwrap().token.to_string();
    let client = Client::builder().timeout(Duration::from_mins(1)).build().unwrap();
    House { ledger, door, address, stop, serving, token, client, _folder: folder }
}

impl House {
    /// Opens the door.
    pub fn open(&self) {
        let rules = Rules {
            zone: chrono_tz::Europe::Istanbul,
            reminders: ["24h", "2h"].map(|text| ReminderRule::parse(text).unwrap()).into(),
            quiet: None,
            min_notice: TimeDelta::minutes(90),
            min_gap: TimeDelta::hours(6),
            confirmation: false,
            cancellation: false,
            change_notice: false,
        };
        let clinics = [CLINIC, OTHER].map(|id| (ClinicId::parse(id).unwrap(), rules.clone()));
        let registry = Arc::new(Registry::embedded().unwrap());
        let applier = Applier::new(self.ledger.clone(), registry, clinics.into());
        self.door.open(&self.ledger, Arc::new(applier));
    }

    pub fn post(&self, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.client
            .post(format!("http://{}/v1/events", self.address))
            .header("content-type", "application/cloudevents+json")
            .bearer_auth(&self.token)
            .body(body)
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("http://{}{path}", self.address)).bearer_auth(&self.token)
    }

    /// A call of a webhook: without a token.
    pub fn call(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("http://{}{path}", self.address))
    }

    /// A look at a page: without a token.
    pub fn look(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("http://{}{path}", self.address))
    }

    /// Sends a request; its status must be one that is described.
    pub async fn ask(&self, request: RequestBuilder) -> Answer {
        let request = request.build().unwrap();
        let (method, path) =
            (request.method().as_str().to_ascii_lowercase(), request.url().path().to_owned());
        let response = self.client.execute(request).await.unwrap();
        let answer = Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        };
        let fits = |route: &str| {
            let (route, path) = (route.split('/'), path.split('/'));
            route.clone().count() == path.clone().count()
                && route.zip(path).all(|(of, it)| of.starts_with('{') || of == it)
        };
        if let Some(route) = ROUTES.iter().find(|r| fits(r.path) && r.method == method) {
            let known = route.statuses.contains(&answer.status);
            assert!(known, "{} is not described for {method} {path}", answer.status);
        }
        assert_eq!(answer.header("cache-control"), "no-store");
        if answer.status >= 400 {
            assert_eq!(answer.header("content-type"), "application/problem+json");
            assert_eq!(answer.json()["status"], answer.status);
            assert!(!answer.json()["detail"].as_str().unwrap().contains('\n'));
            for personal in ["Ayşe", "Yılmaz", "5321234567"] {
                assert!(!answer.text.contains(personal), "{}", answer.text);
            }
        }
        answer
    }

    pub async fn send(&self, body: &Value) -> Answer {
        self.ask(self.post(body.to_string())).await
    }

    /// How many events the ledger has taken or refused.
    pub async fn received(&self) -> i64 {
        let books = self.ledger.balance(None).await.unwrap();
        assert!(books.balances(), "{books:?}");
        books.received
    }
}

/// A payment receipt for [`CLINIC`].
pub fn receipt(id: &str) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": format!("/clinics/{CLINIC}"),
        "type": "ulak.payment-receipt.v1", "time": "2026-11-21T11:02:00+03:00", "subject": format!("payment/{id}"),
        "data": {
            "recipient": { "name": "Ayşe Yılmaz", "phone": "+905321234567" },
            "payment": { "id": id, "amount": "1250.50", "currency": "TRY", "paid_at": "2099-11-21T11:01:40+03:00" },
        },
    })
}

/// A booking at [`CLINIC`], version 1 of an appointment of the same name.
pub fn booking(id: &str) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": format!("/clinics/{CLINIC}"),
        "type": "clinic.appointment-booked.v1", "time": "2098-11-21T11:02:00+03:00",
        "data": {
            "recipient": { "name": "Ayşe Yılmaz", "phone": "+905321234567" },
            "appointment": { "id": id, "version": 1, "starts_at": "2099-11-21T11:01:40+03:00" },
        },
    })
}

/// One header, in the place of whatever it was.
pub fn header(name: &'static str, value: &str) -> HeaderMap {
    HeaderMap::from_iter([(HeaderName::from_static(name), value.parse().unwrap())])
}

/// Sets one value of an event.
pub fn with(mut event: Value, pointer: &str, value: impl Into<Value>) -> Value {
    *event.pointer_mut(pointer).unwrap() = value.into();
    event
}
