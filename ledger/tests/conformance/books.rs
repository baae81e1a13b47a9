//! The books balance whatever happened, and show what was tampered with.

use crate::draft::{
    CLINIC, FAILED, FAILED_IN_BACK_OFF, LANE, REFUSED, again, claim, claim_copy, known, ntf, one,
    outcome, settle, settle_copy, stranger,
};
use crate::engine;
use crate::place::{Place, fresh};
use ledger::Ledger;
use ledger::books::{HOUR_MS, HourBooks, What};
use ledger::decision::{Claimed, Origin, PersonBasis};
use ledger::look::RowAsk;
use ledger::protocol::Outcome;
use ledger::record::Entry;
use ledger::refused::RefusedEvent;
use ledger::report::ListFilter;
use ledger::state::State;
use ledger::sweep::ReleasedCopy;

/// A small generator of numbers (SplitMix64): a failure is repeated by its seed.
#[derive(Clone)]
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

/// One of everything that processes do to one notification, decided on what they see.
struct Actor {
    ledger: Ledger,
    raw: engine::Pool,
    dice: Dice,
}

/// Background calls do not repeat themselves when two stand in each other's way; their callers do.
macro_rules! repeated {
    ($call:expr) => {
        loop {
            match $call.await {
                Ok(done) => break done,
                Err(ledger::LedgerError::Conflict) => {}
                Err(other) => panic!("{other}"),
            }
        }
    };
}
pub(crate) use repeated;

const OUTCOMES: [Outcome; 6] = [
    Outcome::Accepted,
    REFUSED,
    Outcome::Refused { next_channel: true },
    FAILED,
    FAILED_IN_BACK_OFF,
    Outcome::Unknown,
];
const ENDS: [State; 5] =
    [State::Waiting, State::Suppressed, State::Cancelled, State::Expired, State::DeadLettered];

impl Actor {
    async fn person(&self, name: &str) -> PersonBasis {
        let rev = sqlx::query_scalar("SELECT rev FROM person WHERE lookup = $1")
            .bind(format!("person-{name}"))
            .fetch_optional(&self.raw)
            .await
            .unwrap();
        match rev {
            Some(rev) => PersonBasis { rev, ..known(name) },
            None => stranger(name),
        }
    }

    async fn act(&mut self) {
        let name = format!("n{}", self.dice.roll(24));
        let ask = RowAsk { ntf: ntf(&name), body: 0 };
        let seen = one(self.ledger.rows(&[ask]).await.unwrap());
        let Some(seen) = seen else { return self.arrive(&name).await };
        let last = seen.row.last();
        match self.dice.roll(10) {
            0..4 if last > 0 => self.outcome(&name, last).await,
            0..7 => self.release(&name, last).await,
            7 if last > 0 => {
                let mut again = again(&name, last);
                again.person.1 = self.person(&name).await.rev;
                one(self.ledger.claim_again(&[again]).await).unwrap();
            }
            8 => self.people(&name).await,
            _ => self.redeliver(&name).await,
        }
    }

    async fn arrive(&mut self, name: &str) {
        let person = self.person(name).await;
        if self.dice.roll(2) == 0 {
            let mut claim = claim(name);
            claim.person = person;
            // a few notifications are about the same thing
            claim.needs[0].key = format!("thing-{}", self.dice.roll(18));
            if let Origin::New(new) = &mut claim.origin {
                new.thing.clone_from(&claim.needs[0].key);
                new.gap = Some(format!("gap-{}", self.dice.roll(18)));
            }
            one(self.ledger.claim(&[claim]).await).unwrap();
        } else {
            let to = ENDS[self.dice.roll(5) as usize];
            let mut settle = settle(name, to);
            settle.person = person;
            if let Origin::New(new) = &mut settle.origin {
                new.appointment = Some(format!("apt-{}", self.dice.roll(6)));
            }
            one(self.ledger.settle(&[settle]).await).unwrap();
        }
    }

    /// Lets time pass for a row; what comes out is claimed, settled, or lost.
    async fn release(&mut self, name: &str, last: u32) {
        sqlx::query("UPDATE open SET due_at = 0, expires_at = CASE WHEN $2 THEN 1 ELSE expires_at END WHERE ntf = $1")
            .bind(ntf(name))
            .bind(self.dice.roll(20) == 0)
            .execute(&self.raw)
            .await
            .unwrap();
        let (copies, _) = repeated!(self.ledger.sweep(&[ntf(name)]));
        let Some(copy) = copies.first() else { return };
        self.use_copy(name, copy, last).await;
    }

    async fn use_copy(&mut self, name: &str, copy: &ReleasedCopy, last: u32) {
        let person = self.person(name).await;
        match self.dice.roll(4) {
            0 => {
                let mut settle = settle_copy(name, copy, ENDS[self.dice.roll(5) as usize]);
                settle.person = person;
                one(self.ledger.settle(&[settle]).await).unwrap();
            }
            1 => {}
            _ => {
                let mut claim = claim_copy(name, copy, last + 1);
                claim.person = person;
                one(self.ledger.claim(&[claim]).await).unwrap();
            }
        }
    }

    async fn outcome(&mut self, name: &str, last: u32) {
        let n = 1 + self.dice.roll(u64::from(last)) as u32;
        let mut write = outcome(name, n, OUTCOMES[self.dice.roll(6) as usize]);
        write.next.after_ms = 0;
        one(self.ledger.record_outcomes(&[write]).await).unwrap();
    }

    async fn people(&mut self, name: &str) {
        match self.dice.roll(4) {
            0 => {
                let (key, person) = (format!("suppression-{name}"), format!("person-{name}"));
                repeated!(self.ledger.suppress(CLINIC, &key, &person, "asked"));
            }
            1 => {
                let apt = format!("apt-{}", self.dice.roll(6));
                repeated!(self.ledger.cancel_appointment(CLINIC, &apt, ("explicit", 1)));
            }
            _ => {
                let all = [ntf(name), format!("ntf_n{}", self.dice.roll(24))];
                repeated!(self.ledger.cancel(&all, "cancelled"));
            }
        }
    }

    async fn redeliver(&mut self, name: &str) {
        let mut duplicate = claim(name);
        duplicate.person = self.person(name).await;
        let answer = one(self.ledger.claim(&[duplicate]).await).unwrap();
        assert_ne!(answer, Claimed::Won, "{name} has a row and was claimed as new");
        let note = Entry::Duplicate { via: "test".to_owned() };
        self.ledger.note(&[(CLINIC.to_owned(), ntf(name), note)]).await.unwrap();
        if self.dice.roll(3) == 0 {
            repeated!(self.ledger.refuse(&[bad(name)]));
        }
    }
}

fn bad(name: &str) -> RefusedEvent {
    RefusedEvent {
        ntf: format!("bad_{name}"),
        clinic: CLINIC.to_owned(),
        event_type: "ulak.appointment-reminder.v1".to_owned(),
        why: "required".to_owned(),
        entry: Entry::EventRefused {
            queue: "ulak.appointment-reminder".to_owned(),
            rule: "required".to_owned(),
            path: "/data".to_owned(),
            source: None,
            id: None,
            holds_person: true,
            body: "sealed".to_owned(),
        },
    }
}

async fn mix(seed: u64) {
    let place = fresh().await;
    let actors: Vec<_> = (0..8)
        .map(|i| {
            let mut actor = Actor {
                ledger: place.ledger.clone(),
                raw: place.raw.clone(),
                dice: Dice(seed * 1_000 + i),
            };
            tokio::spawn(async move {
                for _ in 0..38 {
                    actor.act().await;
                }
            })
        })
        .collect();
    for actor in actors {
        actor.await.unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    }
    place.assert_sound().await;
    assert_counted(&place, seed).await;
    let twice = "SELECT count(*) FROM (SELECT ntf FROM attempt WHERE state = 'accepted' GROUP BY ntf HAVING count(*) > 1) d";
    let twice = place.number(twice).await;
    assert_eq!(twice, place.balance(None).await.unwrap().sent_twice, "seed {seed}");
    let busy = "SELECT count(*) FROM (SELECT ntf FROM attempt WHERE state IN ('open', 'unknown', 'accepted') \
         GROUP BY ntf, channel HAVING count(*) > 1) d";
    assert_eq!(place.number(busy).await, 0, "seed {seed}: two attempts on one channel");
    let things = "SELECT count(*) FROM slot s JOIN notification n ON n.thing = s.key \
         WHERE s.kind = 'thing' AND s.holder <> n.ntf AND n.state IN ('sending', 'unknown')";
    assert_eq!(place.number(things).await, 0, "seed {seed}: on its way without its thing");
    for listed in place.list(&ListFilter { limit: 1_000, ..ListFilter::default() }).await.unwrap() {
        let records = place.records(&listed.ntf).await.unwrap();
        let first = records.first().map(|r| r.entry.kind());
        assert!(matches!(first, Some("received" | "event-refused")), "{}: {first:?}", listed.ntf);
    }
}

/// Counts on until nothing is left. Transactions of other databases of the server hold readers back too, so one step may count less.
async fn count_all(place: &Place) {
    // what became of dead letters is counted beside them
    let counted = "SELECT coalesce(sum(n), 0) FROM books WHERE kind NOT IN ('dead-lettered', 'replayed', 'dropped', 'taken-in')";
    let there = "SELECT count(*) FROM record WHERE kind IN ('received', 'event-refused', 'duplicate', 'sent-twice', 'fact-applied', 'fact-stale')";
    while place.number(&format!("SELECT CAST(({counted}) AS BIGINT)")).await
        != place.number(there).await
    {
        place.count_books(100).await.unwrap();
    }
}

async fn hours(place: &Place) -> Vec<HourBooks> {
    place.hours(None, 0, i64::MAX / 2).await.unwrap()
}

async fn every_fault(place: &Place) -> Vec<(String, What)> {
    let mut ntfs = place.notifications_after("", 10_000).await.unwrap();
    ntfs.extend(place.astray_after("", 10_000).await.unwrap().ntfs);
    ntfs.sort();
    ntfs.dedup();
    let faults = place.faults(&ntfs).await.unwrap();
    faults.into_iter().map(|fault| (fault.ntf, fault.what)).collect()
}

/// The books by clinic and hour are the books, before and after they are counted; and each row is what its records say.
async fn assert_counted(place: &Place, seed: u64) {
    let before = hours(place).await;
    let mut all = HourBooks::default();
    for hour in &before {
        all.add(hour);
    }
    let books = place.balance(None).await.unwrap();
    assert!(before.iter().all(HourBooks::balances), "seed {seed}: {before:?}");
    let sums = (all.received, all.open(), all.duplicates, all.sent_twice);
    assert_eq!(
        sums,
        (books.received, books.open, books.duplicates, books.sent_twice),
        "seed {seed}"
    );
    for (state, n) in &books.states {
        let there = State::parse(state).and_then(|state| all.states.get(&state)).copied();
        assert_eq!(there.unwrap_or(0), *n, "seed {seed}: {state}");
    }
    count_all(place).await;
    assert_eq!(hours(place).await, before, "seed {seed}: counted or not");
    assert_eq!(every_fault(place).await, [], "seed {seed}");
    place.note_all().await;
    let nowhere = "SELECT count(*) FROM notification n WHERE NOT EXISTS (SELECT 1 FROM end_span s WHERE s.state = n.state \
         AND s.span = (n.created_at / 600000) * 600000 AND substr(n.why || ' ', 1, length(s.word) + 1) = s.word || ' ')";
    assert_eq!(place.number(nowhere).await, 0, "seed {seed}: a search would not look where it is");
    let told = "SELECT CAST(sum(n) AS BIGINT) FROM hour_told";
    assert!(
        place.number(told).await >= books.received,
        "seed {seed}: hours that nothing was told of"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_books_balance_after_any_mix_of_what_eight_processes_do() {
    for seed in 1..=5 {
        mix(seed).await;
    }
}

async fn some_of_each(place: &Place) {
    place.waiting("w").await;
    place.released("r").await;
    place.sending("s").await;
    place.sending("a").await;
    place.outcome_one("a", 1, Outcome::Accepted).await;
    place.refuse(&[bad("b")]).await.unwrap();
    let books = place.balance(None).await.unwrap();
    assert!(books.balances(), "{books:?}");
    assert_eq!((books.received, books.open, books.gap()), (5, 3, 0));
}

#[tokio::test]
async fn a_state_that_was_changed_by_hand_shows_in_the_books() {
    let place = fresh().await;
    some_of_each(&place).await;
    place.run("UPDATE notification SET state = 'delivered' WHERE ntf = 'ntf_a'").await;
    let books = place.balance(None).await.unwrap();
    assert_eq!((books.disagreeing, books.balances()), (1, false));
    assert!(place.balance(Some("another")).await.unwrap().balances());
}

#[tokio::test]
async fn a_row_that_was_deleted_shows_in_the_books() {
    let place = fresh().await;
    some_of_each(&place).await;
    place.run("DELETE FROM notification WHERE ntf = 'ntf_a'").await;
    let books = place.balance(None).await.unwrap();
    assert_eq!((books.gap(), books.balances()), (1, false));
}

#[tokio::test]
async fn a_row_that_was_added_by_hand_shows_in_the_books() {
    let place = fresh().await;
    some_of_each(&place).await;
    place.run("UPDATE notification SET ntf = 'ntf_x' WHERE ntf = 'ntf_a'").await;
    let books = place.balance(None).await.unwrap();
    assert_eq!((books.gap(), books.disagreeing, books.balances()), (0, 1, false));
}

#[tokio::test]
async fn a_due_time_that_was_lost_shows_in_the_books() {
    let place = fresh().await;
    some_of_each(&place).await;
    place.run("DELETE FROM open WHERE ntf = 'ntf_w'").await;
    assert!(!place.balance(None).await.unwrap().balances());
    place
        .run(&format!(
            "INSERT INTO open VALUES ('ntf_a', '{LANE}', 'waiting', '{CLINIC}', 0, 1, 9, NULL, 0)"
        ))
        .await;
    assert!(
        !place.balance(None).await.unwrap().balances(),
        "a due time of another does not make up for it"
    );
}

#[tokio::test]
async fn a_due_time_in_another_state_than_its_row_shows_in_the_books() {
    let place = fresh().await;
    some_of_each(&place).await;
    place.run("UPDATE open SET state = 'unknown' WHERE ntf = 'ntf_w'").await;
    assert!(!place.balance(None).await.unwrap().balances());
}

#[tokio::test]
async fn a_list_is_narrowed_by_clinic_state_type_and_time_newest_first() {
    let place = fresh().await;
    some_of_each(&place).await;
    let all = ListFilter { limit: 100, ..ListFilter::default() };
    assert_eq!(place.list(&all).await.unwrap().len(), 5);
    let accepted = ListFilter { state: Some(State::Accepted), ..all.clone() };
    assert_eq!(place.list(&accepted).await.unwrap()[0].ntf, "ntf_a");
    let nobody = ListFilter { clinic: Some("another".to_owned()), ..all.clone() };
    assert!(place.list(&nobody).await.unwrap().is_empty());
    let other_type = ListFilter { event_type: Some("x".to_owned()), ..all.clone() };
    assert!(place.list(&other_type).await.unwrap().is_empty());
    let future = ListFilter { since: Some(place.now().await + 60_000), ..all.clone() };
    assert!(place.list(&future).await.unwrap().is_empty());
    place.run("UPDATE notification SET created_at = 1 WHERE ntf = 'ntf_a'").await;
    assert_eq!(place.list(&all).await.unwrap().last().unwrap().ntf, "ntf_a");
    assert_eq!(place.list(&ListFilter { limit: 2, ..all }).await.unwrap().len(), 2);
}

#[tokio::test]
async fn two_that_count_at_the_same_time_count_nothing_twice() {
    let place = fresh().await;
    some_of_each(&place).await;
    let counts = (0..8).map(|_| {
        let ledger = place.ledger.clone();
        tokio::spawn(async move {
            for _ in 0..5 {
                // SQLite has one writer, and PostgreSQL makes one of two wait: whoever comes second counts nothing
                ledger.count_books(10).await.unwrap();
            }
        })
    });
    for count in counts.collect::<Vec<_>>() {
        count.await.unwrap();
    }
    count_all(&place).await;
    let counted =
        "SELECT CAST(sum(n) AS BIGINT) FROM books WHERE kind IN ('received', 'event-refused')";
    assert_eq!(place.number(counted).await, 5);
}

#[tokio::test]
async fn the_hour_of_a_notification_is_that_of_its_row_however_late_its_record() {
    let place = fresh().await;
    place.waiting("w").await;
    let hour = place.now().await / HOUR_MS * HOUR_MS;
    let last_moment = hour - 1;
    place
        .run(&format!("UPDATE notification SET created_at = {last_moment} WHERE ntf = 'ntf_w'"))
        .await;
    for _ in 0..2 {
        let books = hours(&place).await;
        assert_eq!(books.len(), 1, "{books:?}");
        assert_eq!((books[0].hour, books[0].received, books[0].gap()), (hour - HOUR_MS, 1, 0));
        assert!(place.hours(None, hour, i64::MAX / 2).await.unwrap().is_empty());
        assert!(place.hours(Some("another"), 0, i64::MAX / 2).await.unwrap().is_empty());
        count_all(&place).await;
    }
    assert_eq!(place.next_hour(0).await.unwrap(), Some(hour - HOUR_MS));
    assert_eq!(place.next_hour(hour).await.unwrap(), None);
}

#[tokio::test]
async fn whatever_is_broken_by_hand_is_named_with_its_clinic_and_hour() {
    let broken = [
        ("DELETE FROM notification WHERE ntf = 'ntf_a'", "ntf_a", What::RowMissing, 1),
        (
            "UPDATE notification SET state = 'delivered' WHERE ntf = 'ntf_a'",
            "ntf_a",
            What::Differs,
            0,
        ),
        ("UPDATE attempt SET state = 'failed' WHERE ntf = 'ntf_a'", "ntf_a", What::Differs, 0),
        ("DELETE FROM open WHERE ntf = 'ntf_w'", "ntf_w", What::DueTimeMissing, 0),
        ("UPDATE open SET state = 'unknown' WHERE ntf = 'ntf_w'", "ntf_w", What::DueTimeDiffers, 0),
        ("", "", What::DueTimeOfNobody, 0),
    ];
    for (statement, ntf, what, gap) in broken {
        let place = fresh().await;
        some_of_each(&place).await;
        count_all(&place).await;
        if ntf.is_empty() {
            place
                .run(&format!("INSERT INTO open VALUES ('ntf_x', '{LANE}', 'waiting', '{CLINIC}', 0, 1, 9, NULL, 0)"))
                .await;
        } else {
            assert_eq!(place.run(statement).await, 1);
        }
        let ntf = if ntf.is_empty() { "ntf_x" } else { ntf };
        // a row that is gone is found by its records, as they are counted, and by the gap of its hour
        let found = place.faults(&[ntf.to_owned()]).await.unwrap();
        let found: Vec<_> =
            found.iter().map(|f| (f.ntf.as_str(), f.clinic.as_str(), f.what)).collect();
        assert!(found.contains(&(ntf, CLINIC, what)), "{statement}: {found:?}");
        let walked = every_fault(&place).await;
        assert!(
            what == What::RowMissing || walked.iter().all(|f| f.0 == ntf) && !walked.is_empty(),
            "{statement}: {walked:?}"
        );
        let gaps: i64 = hours(&place).await.iter().map(HourBooks::gap).sum();
        assert_eq!(gaps, gap, "{statement}");
    }
}

#[tokio::test]
async fn an_open_attempt_of_a_row_that_nobody_sends_is_named() {
    let place = fresh().await;
    place.sending("s").await;
    assert_eq!(every_fault(&place).await, []);
    place.run("UPDATE notification SET state = 'waiting' WHERE ntf = 'ntf_s'").await;
    place.run("UPDATE open SET state = 'waiting' WHERE ntf = 'ntf_s'").await;
    let found = every_fault(&place).await;
    assert!(found.contains(&("ntf_s".to_owned(), What::AttemptOpen)), "{found:?}");
}

#[tokio::test]
async fn what_is_due_and_outside_is_counted_by_lane_state_and_clinic() {
    let place = fresh().await;
    some_of_each(&place).await;
    place.make_due("ntf_w").await;
    let backlog = place.backlog(10).await.unwrap();
    let seen: Vec<_> =
        backlog.iter().map(|b| (b.state, b.clinic.as_str(), b.due, b.outside)).collect();
    let all = [
        (State::Released, CLINIC, 0, 1),
        (State::Sending, CLINIC, 0, 1),
        (State::Waiting, CLINIC, 1, 0),
    ];
    assert_eq!(seen, all);
    assert_eq!(backlog[2].due_at, 0);
}
