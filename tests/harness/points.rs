//! Workers that stand still at every point between the arrival of a copy and its ack, each with a message of its own.

use std::time::{Duration, Instant};

use schemas::hold::Place;
use simulator::{Fault, FaultKind, Operation, Provider, Script};

use super::event::{Event, reminder};
use super::held::{Copied, Hold};
use super::installation::{Installation, Options, WORKER_IS_READY};
use super::process::{PATIENCE, Process};
use super::reconcile;

/// Where a worker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// At a named place.
    At(Place),
    /// The provider has the whole request, and says nothing; it has taken the message or not.
    Asked {
        /// Whether it has.
        taken: bool,
    },
}

/// How far the message has come there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// Nothing is claimed.
    NotYet,
    /// It is claimed; so many messages were taken.
    Claimed(usize),
    /// Its outcome is written.
    Ended,
}

/// Every point, and how far the message is there.
pub const POINTS: [(Point, Reached); 13] = [
    (Point::At(Place::Received), Reached::NotYet),
    (Point::At(Place::AfterRead), Reached::NotYet),
    (Point::At(Place::AfterConsent), Reached::NotYet),
    (Point::At(Place::BeforeClaim), Reached::NotYet),
    (Point::At(Place::AfterClaim), Reached::Claimed(0)),
    (Point::At(Place::BeforeBytes), Reached::Claimed(0)),
    (Point::Asked { taken: false }, Reached::Claimed(0)),
    (Point::Asked { taken: true }, Reached::Claimed(1)),
    (Point::At(Place::AfterAnswer), Reached::Claimed(1)),
    (Point::At(Place::BeforeOutcome), Reached::Claimed(1)),
    (Point::At(Place::BackOff), Reached::Claimed(0)),
    (Point::At(Place::BeforeAck), Reached::Ended),
    (Point::At(Place::Handled), Reached::Ended),
];

/// Only panics are asked for there.
pub const ONLY_PANICS: [Place; 1] = [Place::Render];

/// Only where messages share jobs (`messages_that_share_a_job_arrive_once_each`).
pub const ONLY_JOBS: [Place; 1] = [Place::BeforeJob];

impl Point {
    /// For ids: letters and dashes.
    pub fn name(self) -> &'static str {
        match self {
            Self::At(place) => place.as_str(),
            Self::Asked { taken: false } => "asked",
            Self::Asked { taken: true } => "asked-taken",
        }
    }

    /// What has to strike the message so that it gets there.
    pub fn fault(self, event: &Event) -> Option<Fault> {
        let kind = match self {
            Self::Asked { taken } => FaultKind::Hang { accept: taken, seconds: 600 },
            // a certain failure, after which the same worker tries again
            Self::At(Place::BackOff) => FaultKind::Code { code: "80".to_owned() },
            Self::At(_) => return None,
        };
        let fault = Fault::new(Provider::Netgsm, Operation::Send, kind);
        Some(fault.number(event.national()).times(1))
    }
}

/// A worker at its point: its process is stopped (SIGSTOP).
pub struct Stand {
    /// The point.
    pub point: Point,
    /// How far its message is.
    pub reached: Reached,
    /// Its message.
    pub event: Event,
    /// The process.
    pub worker: Process,
    hold: Option<Hold>,
}

impl Stand {
    /// Lets it run again.
    pub fn thaw(&self) {
        if let Some(hold) = &self.hold {
            hold.go();
        }
        self.worker.thawed();
    }
}

/// No workers; attempts fail for the row, not under the same lease; reconciliation takes seconds.
pub async fn prepared() -> Installation {
    let mut script = Script::default();
    reconcile::quick(&mut script);
    let options = Options { workers: 0, script, ..Options::default() };
    let options = options
        .set("ULAK_WORKER__QUICK_RETRIES", 0)
        .set("ULAK_WORKER__REQUEST_DEADLINE_S", 2)
        .set("ULAK_WORKER__PREFETCH", 1);
    Installation::start(reconcile::settings(options)).await
}

impl Installation {
    /// A worker at each point, with such a copy.
    pub async fn stand_at_every_point(&mut self, copied: Copied) -> Vec<Stand> {
        let points = POINTS.map(|(point, reached)| (point, reached, reminder(point.name())));
        if copied == Copied::ByTheScheduler {
            let events: Vec<&Event> = points.iter().map(|(_, _, event)| event).collect();
            self.fail_once(&events).await;
        }
        let mut stands = Vec::with_capacity(points.len());
        for (point, reached, event) in points {
            stands.push(self.stand(point, reached, event, copied).await);
        }
        stands
    }

    /// Each has a first attempt that Netgsm throttled, and waits.
    async fn fail_once(&mut self, events: &[&Event]) {
        for event in events {
            let throttled = FaultKind::Code { code: "80".to_owned() };
            let throttled = Fault::new(Provider::Netgsm, Operation::Send, throttled);
            self.outside.add_fault(throttled.number(event.national()).times(1)).expect("a fault");
            self.publish(event).await;
        }
        self.with_a_worker(async |clinic, _| {
            for event in events {
                clinic.until_state(event, "waiting", "retry").await;
                // until it is its turn, however long the others take
                let later = "UPDATE open SET due_at = due_at + 3600000 WHERE ntf";
                clinic.run(&format!("{later} = '{}'", event.ntf())).await;
            }
        })
        .await;
    }

    /// Brings the message to a new worker, which stands still once it is at the point. As it takes one delivery at a time, the next
    /// message goes to the next worker.
    async fn stand(
        &mut self,
        point: Point,
        reached: Reached,
        event: Event,
        copied: Copied,
    ) -> Stand {
        if let Some(fault) = point.fault(&event) {
            self.outside.add_fault(fault).expect("a fault");
        }
        match copied {
            Copied::ByTheClinic => self.publish(&event).await,
            Copied::ByTheScheduler => {
                self.make_due(&event).await;
                self.until_state(&event, "released", "").await;
            }
        }
        // a connection that stands still is not to be noticed before the test is through
        let broker = format!("{}?heartbeat=300", self.vhost.url());
        let mut env = vec![("ULAK_BROKER__URL", broker.as_str())];
        if point == Point::At(Place::BackOff) {
            env.push(("ULAK_WORKER__QUICK_RETRIES", "1"));
        }
        let before = self.hanging();
        let (worker, mut hold) = match point {
            Point::At(place) => {
                let hold = Hold::new(place.as_str(), &self.folder);
                let file = hold.file().to_str().expect("UTF-8").to_owned();
                let held = [("ULAK_HOLD", place.as_str()), ("ULAK_HOLD_FILE", file.as_str())];
                env.extend(held);
                (self.process("worker", &env), Some(hold))
            }
            Point::Asked { .. } => (self.process("worker", &env), None),
        };
        match &mut hold {
            Some(hold) => hold.reached().await,
            None => {
                let asked = async || (self.hanging() > before).then_some(());
                self.until("a request that hangs", asked).await;
            }
        }
        worker.frozen().await;
        let stand = Stand { point, reached, event, worker, hold };
        self.is_there(&stand, copied).await;
        // neither a lease nor the patience with a copy ends while the others are brought to their points
        let later = "UPDATE open SET due_at = due_at + 3600000 WHERE ntf";
        self.run(&format!("{later} = '{}'", stand.event.ntf())).await;
        stand
    }

    fn hanging(&self) -> usize {
        let requests = self.outside.requests();
        requests.iter().filter(|r| r.fault.as_deref() == Some("hang")).count()
    }

    /// Row and provider are as far as the point says: it is this message that stands there.
    async fn is_there(&self, stand: &Stand, copied: Copied) {
        let name = stand.point.name();
        let state = self.row(&stand.event).await.map(|row| row.state);
        let taken = self.outside.messages_to(stand.event.national()).len();
        let expected = match (stand.reached, copied) {
            (Reached::NotYet, Copied::ByTheClinic) => (None, 0),
            (Reached::NotYet, Copied::ByTheScheduler) => (Some("released"), 0),
            (Reached::Claimed(taken), _) => (Some("sending"), taken),
            (Reached::Ended, _) => (Some("accepted"), 1),
        };
        assert_eq!((state.as_deref(), taken), expected, "{name}");
    }

    /// A worker comes, and messages to others, behind which it is certain what did not arrive. Everybody has one message then, and
    /// nobody two.
    pub async fn everybody_has_one(&mut self, events: &[Event]) {
        let mut worker = self.process("worker", &[("ULAK_WORKER__PREFETCH", "64")]);
        worker.line(WORKER_IS_READY).await;
        self.workers.push(worker);
        let give_up = Instant::now() + 2 * PATIENCE;
        let mut all = events.to_vec();
        loop {
            let rows = self.rows().await;
            let accepted = rows.iter().filter(|row| row.state == "accepted").count();
            if accepted == rows.len() && rows.len() == all.len() && all.len() > events.len() {
                break;
            }
            assert!(Instant::now() < give_up, "not all are accepted: {rows:#?}");
            let later = reminder(&format!("later-{}", all.len()));
            self.publish(&later).await;
            all.push(later);
            tokio::time::sleep(BETWEEN).await;
        }
        self.everybody_still_has_one(&all);
        self.nobody_twice();
    }

    /// By the provider's own list.
    pub fn everybody_still_has_one(&self, events: &[Event]) {
        for event in events {
            let taken = self.outside.messages_to(event.national()).len();
            assert_eq!(taken, 1, "{} ({})", event.text("/id"), event.ntf());
        }
    }
}

/// Time between two messages to others.
const BETWEEN: Duration = Duration::from_secs(1);

/// A decision older than 5 s is not sent (PROTOCOL rule 6).
pub const TOO_OLD: Duration = Duration::from_millis(5_100);
