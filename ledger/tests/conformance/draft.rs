//! Claims, settles and outcomes to begin with; a test changes the one field that it is about.

use crate::place::Place;
use ledger::decision::{
    AppointmentBasis, AppointmentVersion, Claim, Claimed, NewNotification, Origin, PersonBasis,
    Settle,
};
use ledger::outcome::{ClaimAgain, Next, OutcomeWrite, Written};
use ledger::protocol::Outcome;
use ledger::record::{ConsentEvidence, Entry};
use ledger::slots::{SlotKind, SlotNeed};
use ledger::state::State;
use ledger::sweep::ReleasedCopy;

pub const LANE: &str = "netgsm/8501234567/KLINIK";
pub const CLINIC: &str = "atasehir";
/// How long a gap is held in these tests.
pub const GAP_MS: i64 = 6 * 3_600_000;
/// Far enough for every test.
pub const LATER: i64 = 4_102_444_800_000;

pub fn ntf(name: &str) -> String {
    format!("ntf_{name}")
}

/// A notification that has no row yet. Thing, person and ids follow from the name.
pub fn new(name: &str) -> NewNotification {
    NewNotification {
        ntf: ntf(name),
        clinic: CLINIC.to_owned(),
        event_type: "ulak.appointment-reminder.v1".to_owned(),
        source: "/clinics/atasehir".to_owned(),
        event_id: format!("evt-{name}"),
        subject: Some(format!("appointment/{name}")),
        digest: "d1".to_owned(),
        person: format!("per_{name}"),
        appointment: None,
        version: None,
        version_kind: None,
        thing: format!("thing-{name}"),
        gap: None,
        gap_ms: GAP_MS,
        class: 1,
        on_unknown: "resend".to_owned(),
        expires_at: LATER,
    }
}

/// A person that nobody knew when it was decided.
pub fn stranger(name: &str) -> PersonBasis {
    PersonBasis {
        id: format!("per_{name}"),
        clinic: CLINIC.to_owned(),
        lookup: format!("person-{name}"),
        wrapped: "wrapped".to_owned(),
        master: "master".to_owned(),
        rev: 0,
    }
}

/// The same person once it is known.
pub fn known(name: &str) -> PersonBasis {
    PersonBasis { rev: 1, ..stranger(name) }
}

/// An appointment as it was seen, which a direct notification makes to be of `version`.
pub fn appointment(key: &str, rev: i64, version: Option<(i64, i64)>) -> AppointmentBasis {
    let becomes = version.map(|(version, starts_at)| AppointmentVersion {
        version,
        kind: "explicit".to_owned(),
        starts_at,
        cancelled: false,
        moved: true,
    });
    AppointmentBasis { key: key.to_owned(), clinic: CLINIC.to_owned(), rev, becomes }
}

pub fn need(kind: SlotKind, key: &str) -> SlotNeed {
    SlotNeed { key: key.to_owned(), kind }
}

pub fn received(new: &NewNotification) -> Entry {
    Entry::Received {
        event_type: new.event_type.clone(),
        source: new.source.clone(),
        id: new.event_id.clone(),
        digest: new.digest.clone(),
        person: new.person.clone(),
        body: "sealed".to_owned(),
        via: "ulak.appointment-reminder".to_owned(),
    }
}

pub fn claimed(attempt: u32) -> Entry {
    Entry::Claimed {
        attempt,
        channel: "sms".to_owned(),
        lane: LANE.to_owned(),
        template: "appointment-reminder/tr/sms".to_owned(),
        template_version: "0011223344556677".to_owned(),
        encoding: "turkish".to_owned(),
        segments: 1,
        text: "sealed".to_owned(),
        consent: ConsentEvidence {
            rule: "none".to_owned(),
            rule_version: None,
            rule_from: "type".to_owned(),
            basis: None,
            source: None,
            brand: None,
            asked_at: None,
            request_id: None,
            answer: None,
            word: None,
            opt_in: None,
        },
        starts_at: 0,
        stops_at: LATER,
        instead: None,
        transfer_basis: None,
    }
}

/// A claim of an event that has no row. Takes its thing and its number.
pub fn claim(name: &str) -> Claim {
    let new = new(name);
    let entries = vec![received(&new), claimed(1)];
    Claim { entries, ..claim_of(Origin::New(Box::new(new)), stranger(name), name, 1) }
}

/// A claim with a released copy.
pub fn claim_copy(name: &str, copy: &ReleasedCopy, n: u32) -> Claim {
    let origin = Origin::Released { ntf: copy.ntf.clone(), fence: copy.fence };
    claim_of(origin, known(name), name, n)
}

fn claim_of(origin: Origin, person: PersonBasis, name: &str, n: u32) -> Claim {
    Claim {
        origin,
        person,
        appointment: None,
        until: LATER,
        n,
        channel: "sms".to_owned(),
        next_channel: None,
        lane: LANE.to_owned(),
        number: format!("number-{name}"),
        token: ledger::vault::random_id("clm_").unwrap(),
        segments: 1,
        deadline_ms: 20_000,
        needs: vec![
            need(SlotKind::Thing, &format!("thing-{name}")),
            need(SlotKind::Number, &format!("number-{name}")),
        ],
        supersedes: None,
        entries: vec![claimed(n)],
    }
}

/// A decision about an event that has no row: it waits, or ends without a send.
pub fn settle(name: &str, to: State) -> Settle {
    let new = new(name);
    let mut settle = settle_of(Origin::New(Box::new(new.clone())), stranger(name), to);
    settle.entries.insert(0, received(&new));
    settle
}

/// The same about a released copy.
pub fn settle_copy(name: &str, copy: &ReleasedCopy, to: State) -> Settle {
    let origin = Origin::Released { ntf: copy.ntf.clone(), fence: copy.fence };
    settle_of(origin, known(name), to)
}

fn settle_of(origin: Origin, person: PersonBasis, to: State) -> Settle {
    let why = "because".to_owned();
    let entry = match to {
        State::Waiting => {
            Entry::Waiting { why: why.clone(), until: 0, lane: LANE.to_owned(), consent: None }
        }
        state => Entry::Ended { state, why: why.clone(), consent: None },
    };
    let due = (to == State::Waiting).then(|| (0, LANE.to_owned()));
    Settle { origin, person, appointment: None, to, why, due, number: None, entries: vec![entry] }
}

/// What became of attempt `n`.
pub fn outcome(name: &str, n: u32, outcome: Outcome) -> OutcomeWrite {
    OutcomeWrite {
        ntf: ntf(name),
        n,
        outcome,
        code: "netgsm:00".to_owned(),
        detail: "ok".to_owned(),
        provider_ref: None,
        next: Next { why: "retry".to_owned(), after_ms: 60_000, lane: LANE.to_owned() },
        look_in_ms: 45_000,
        fallback_in_ms: None,
    }
}

pub const FAILED: Outcome = Outcome::Failed { keep_lease: false, useful: true };
pub const FAILED_IN_BACK_OFF: Outcome = Outcome::Failed { keep_lease: true, useful: true };
pub const REFUSED: Outcome = Outcome::Refused { next_channel: false };

/// The next attempt under the same lease.
pub fn again(name: &str, failed: u32) -> ClaimAgain {
    ClaimAgain {
        ntf: ntf(name),
        failed,
        channel: "sms".to_owned(),
        next_channel: None,
        lane: LANE.to_owned(),
        number: format!("number-{name}"),
        token: ledger::vault::random_id("clm_").unwrap(),
        segments: 1,
        deadline_ms: 20_000,
        until: LATER,
        person: (known(name).lookup, known(name).rev),
        appointment: None,
        entry: claimed(failed + 1),
    }
}

/// Calls with one item, and the ways into each state.
impl Place {
    pub async fn claim_one(&self, claim: Claim) -> Claimed {
        one(self.ledger.claim(&[claim]).await).unwrap()
    }

    pub async fn settle_one(&self, settle: Settle) -> bool {
        one(self.ledger.settle(&[settle]).await).unwrap()
    }

    pub async fn outcome_one(&self, name: &str, n: u32, what: Outcome) -> Written {
        one(self.ledger.record_outcomes(&[outcome(name, n, what)]).await).unwrap()
    }

    pub async fn again_one(&self, claim: ClaimAgain) -> bool {
        one(self.ledger.claim_again(&[claim]).await).unwrap()
    }

    /// The state of a notification, if it has a row.
    pub async fn state(&self, name: &str) -> Option<State> {
        self.ledger.find(&ntf(name)).await.unwrap().map(|found| found.state)
    }

    /// A new row in `sending(1)`.
    pub async fn sending(&self, name: &str) {
        assert_eq!(self.claim_one(claim(name)).await, Claimed::Won);
    }

    /// A new row that waits and is due.
    pub async fn waiting(&self, name: &str) {
        assert!(self.settle_one(settle(name, State::Waiting)).await);
    }

    /// Releases a waiting or released row that is made due; returns the copy.
    pub async fn release_one(&self, name: &str) -> ReleasedCopy {
        self.make_due(&ntf(name)).await;
        let mut copies = self.ledger.release(&[ntf(name)]).await.unwrap();
        assert_eq!(copies.len(), 1, "{name} was not released");
        copies.remove(0)
    }

    /// A new row in `released(1)`; returns the copy.
    pub async fn released(&self, name: &str) -> ReleasedCopy {
        self.waiting(name).await;
        self.release_one(name).await
    }
}

pub fn one<T>(mut answers: Vec<T>) -> T {
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}
