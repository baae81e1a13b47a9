//! Schedulers that are held at every point at which something is durable that nobody outside knows yet, or the reverse.

use lapin::options::{QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use schemas::hold::Place;
use simulator::{Fault, FaultKind, Operation, Provider};

use super::event::{Event, receipt, reminder};
use super::held::Hold;
use super::installation::Installation;
use super::process::Process;

/// Every point.
pub const POINTS: [Place; 8] = [
    Place::AfterRelay,
    Place::AfterTelling,
    Place::AfterRelease,
    Place::AfterPublish,
    Place::BeforeFacts,
    Place::AfterFacts,
    Place::AfterReturn,
    Place::AfterScan,
];

/// Queue of a clinic that listens to outcomes.
const LISTENS: &str = "klinik.outcomes";
/// Exchange that clinics publish facts to.
const FACTS: &str = "clinic.events";

/// What brings a scheduler to its point, and what is to become of it.
pub struct Case {
    /// Who is to have one message by it; `None`: nobody.
    pub event: Option<Event>,
    /// The scheduler that was held.
    pub scheduler: Process,
    /// Its hold.
    pub hold: Hold,
}

/// A payment, of which its patient is told.
fn paid(id: &str) -> Event {
    receipt(id).set("/type", "clinic.payment-received.v1")
}

impl Installation {
    /// Starts a scheduler, gives it what brings it to this place, and waits until it is there. No other one may run.
    pub async fn scheduler_at(&mut self, place: Place) -> Case {
        let id = place.as_str();
        let event = match place {
            Place::AfterRelease | Place::AfterPublish => Some(self.waiting(id).await),
            Place::AfterScan => Some(self.unknown(id).await),
            Place::BeforeFacts | Place::AfterFacts => Some(paid(id)),
            Place::AfterReturn | Place::AfterTelling => Some(reminder(id)),
            _ => None,
        };
        if place == Place::AfterTelling {
            self.listen().await;
        }
        let mut hold = Hold::new(id, &self.folder);
        let file = hold.file().to_str().expect("UTF-8").to_owned();
        let env = [("ULAK_HOLD", id), ("ULAK_HOLD_FILE", file.as_str())];
        let scheduler = self.process("scheduler", &env);
        match (place, &event) {
            (Place::BeforeFacts | Place::AfterFacts, Some(event)) => {
                self.hide(event.national());
                self.publisher.body(FACTS, event.kind(), &event.body(), id).await;
            }
            (Place::AfterReturn, Some(event)) => {
                self.hide(event.national());
                self.publisher.body("ulak.unroutable", event.kind(), &event.body(), id).await;
            }
            (Place::AfterTelling, Some(event)) => self.publish(event).await,
            (Place::AfterRelease | Place::AfterPublish, Some(event)) => self.make_due(event).await,
            (Place::AfterRelay, _) => {
                let wrong = reminder(id).set("/data/recipient/phone", "+9053212345");
                self.publisher.event(&wrong).await;
            }
            _ => {}
        }
        hold.reached().await;
        Case { event, scheduler, hold }
    }

    /// A message whose first attempt was throttled.
    async fn waiting(&self, id: &str) -> Event {
        let event = reminder(id);
        let throttled = FaultKind::Code { code: "80".to_owned() };
        let throttled = Fault::new(Provider::Netgsm, Operation::Send, throttled);
        self.outside.add_fault(throttled.number(event.national()).times(1)).expect("a fault");
        self.publish(&event).await;
        self.until_state(&event, "waiting", "retry").await;
        event
    }

    /// A message that was taken, of which nobody knows.
    async fn unknown(&self, id: &str) -> Event {
        let event = reminder(id);
        let reset = FaultKind::Reset { accept: true };
        let reset = Fault::new(Provider::Netgsm, Operation::Send, reset);
        self.outside.add_fault(reset.number(event.national()).times(1)).expect("a fault");
        self.publish(&event).await;
        self.until_state(&event, "unknown", "").await;
        event
    }

    /// A queue that takes outcomes.
    async fn listen(&self) {
        let url = self.vhost.url();
        let broker = Connection::connect(&url, ConnectionProperties::default()).await;
        let broker = broker.expect("RabbitMQ takes us");
        let channel = broker.create_channel().await.expect("a channel");
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let declare = channel.queue_declare(LISTENS.into(), options, FieldTable::default());
        declare.await.expect("declared");
        let bind = channel.queue_bind(
            LISTENS.into(),
            "ulak.outcomes".into(),
            "ulak.#".into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        bind.await.expect("bound");
        broker.close(200, "OK".into()).await.expect("closed");
    }

    /// The ids and texts of the outcomes that were told so far; they are taken.
    pub async fn told(&self) -> Vec<serde_json::Value> {
        let mut told = vec![];
        while let Some(message) = self.publisher.get(LISTENS).await {
            told.push(serde_json::from_slice(&message.data).expect("JSON"));
        }
        told
    }
}
