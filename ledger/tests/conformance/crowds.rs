//! Many tasks at overlapping sets of rows: no answer is lost, and nobody but the database's referee stops anybody.

use crate::books::{Dice, repeated};
use crate::draft::{
    CLINIC, FAILED, again, appointment, claim, claim_copy, known, need, ntf, outcome, settle,
    settle_copy, stranger,
};
use crate::engine;
use crate::place::fresh;
use ledger::decision::{Claim, Claimed, Origin, Settle};
use ledger::protocol::Outcome;
use ledger::slots::SlotKind;
use ledger::state::State;
use ledger::{Ledger, LedgerError};
use std::collections::HashMap;

const NAMES: u64 = 20;
const APPOINTMENTS: u64 = 12;

/// Some names in a random order, so that two tasks meet from opposite ends. New ones come with the rounds: rows end soon.
fn some(dice: &mut Dice, round: u64) -> Vec<String> {
    let first = round * 3;
    let mut names: Vec<String> = (first..first + NAMES).map(|i| format!("n{i}")).collect();
    for i in (1..names.len()).rev() {
        names.swap(i, dice.roll(i as u64 + 1) as usize);
    }
    names.truncate(4 + dice.roll(8) as usize);
    names
}

/// How often an item's own call ended in a conflict; every item has an answer.
fn conflicts<T>(asked: usize, answers: Vec<Result<T, LedgerError>>) -> u32 {
    assert_eq!(answers.len(), asked);
    let mut conflicts = 0;
    for answer in answers {
        match answer {
            Ok(_) => {}
            Err(LedgerError::Conflict) => conflicts += 1,
            Err(other) => panic!("{other}"),
        }
    }
    conflicts
}

/// A claim that also needs slots and moves appointments which it shares with half of the others.
fn greedy(dice: &mut Dice, revs: &HashMap<String, i64>, mut claim: Claim) -> Claim {
    let key = format!("apt-{}", dice.roll(APPOINTMENTS));
    let rev = revs.get(&key).copied().unwrap_or(0);
    let becomes = (dice.roll(1_000_000) as i64, dice.roll(3) as i64);
    if let Origin::New(new) = &mut claim.origin {
        new.appointment = Some(key.clone());
    }
    claim.appointment = Some(appointment(&key, rev, Some(becomes)));
    let place: u64 = claim.origin.ntf().trim_start_matches("ntf_n").parse().unwrap();
    claim.needs[0].key = format!("thing-{}", place / 3);
    claim.needs.push(need(SlotKind::Gap, &format!("gap-{}-{}", place / 10, dice.roll(5))));
    claim
}

struct Storm {
    ledger: Ledger,
    raw: engine::Pool,
    dice: Dice,
    conflicts: u32,
}

impl Storm {
    async fn round(&mut self, round: u64) {
        let names = some(&mut self.dice, round);
        match self.dice.roll(6) {
            0 | 1 => self.claim_new(&names).await,
            2 => self.settle_new(&names).await,
            3 => self.end(&names).await,
            4 => self.release_and_claim(&names).await,
            _ => self.cancel(&names).await,
        }
    }

    async fn known(&self, names: &[String]) -> Vec<bool> {
        let known: Vec<String> =
            sqlx::query_scalar("SELECT lookup FROM person").fetch_all(&self.raw).await.unwrap();
        names.iter().map(|name| known.contains(&format!("person-{name}"))).collect()
    }

    async fn revs(&self) -> HashMap<String, i64> {
        let rows: Vec<(String, i64)> =
            sqlx::query_as("SELECT key, rev FROM appointment").fetch_all(&self.raw).await.unwrap();
        rows.into_iter().collect()
    }

    async fn claim_new(&mut self, names: &[String]) {
        let (known_already, revs) = (self.known(names).await, self.revs().await);
        let claims: Vec<Claim> = names
            .iter()
            .zip(known_already)
            .map(|(name, there)| {
                let mut claim = greedy(&mut self.dice, &revs, claim(name));
                claim.person = if there { known(name) } else { stranger(name) };
                claim
            })
            .collect();
        self.conflicts += conflicts(claims.len(), self.ledger.claim(&claims).await);
    }

    async fn settle_new(&mut self, names: &[String]) {
        let known_already = self.known(names).await;
        let settles: Vec<Settle> = names
            .iter()
            .zip(known_already)
            .map(|(name, there)| {
                let mut settle = settle(name, State::Waiting);
                settle.person = if there { known(name) } else { stranger(name) };
                settle
            })
            .collect();
        self.conflicts += conflicts(settles.len(), self.ledger.settle(&settles).await);
    }

    async fn end(&mut self, names: &[String]) {
        let rows: Vec<(String, i64)> =
            sqlx::query_as("SELECT ntf, attempt FROM notification WHERE attempt > 0")
                .fetch_all(&self.raw)
                .await
                .unwrap();
        let attempt = |name: &String| rows.iter().find(|(n, _)| *n == ntf(name)).map(|(_, n)| *n);
        let outcomes = [
            Outcome::Accepted,
            FAILED,
            crate::draft::FAILED_IN_BACK_OFF,
            Outcome::Unknown,
            crate::draft::REFUSED,
        ];
        let writes: Vec<_> = names
            .iter()
            .filter_map(|name| Some((name, attempt(name)? as u32)))
            .map(|(name, n)| outcome(name, n, outcomes[self.dice.roll(5) as usize]))
            .collect();
        self.conflicts += conflicts(writes.len(), self.ledger.record_outcomes(&writes).await);
        let agains: Vec<_> =
            writes.iter().map(|w| again(w.ntf.trim_start_matches("ntf_"), w.n)).collect();
        self.conflicts += conflicts(agains.len(), self.ledger.claim_again(&agains).await);
    }

    async fn release_and_claim(&mut self, names: &[String]) {
        let rows = format!("SELECT ntf FROM open ORDER BY ntf {}", engine::SKIP);
        let text = format!("UPDATE open SET due_at = 0 WHERE ntf IN ({rows})");
        sqlx::query(sqlx::AssertSqlSafe(text)).execute(&self.raw).await.unwrap();
        let ntfs: Vec<String> = names.iter().map(|name| ntf(name)).collect();
        let (copies, _) = repeated!(self.ledger.sweep(&ntfs));
        let revs = self.revs().await;
        let (mut claims, mut settles) = (vec![], vec![]);
        for (i, copy) in copies.iter().enumerate() {
            let name = copy.ntf.trim_start_matches("ntf_");
            if i % 3 == 0 {
                settles.push(settle_copy(name, copy, State::Waiting));
            } else {
                claims.push(greedy(&mut self.dice, &revs, claim_copy(name, copy, 1)));
            }
        }
        self.conflicts += conflicts(claims.len(), self.ledger.claim(&claims).await);
        self.conflicts += conflicts(settles.len(), self.ledger.settle(&settles).await);
    }

    async fn cancel(&mut self, names: &[String]) {
        if self.dice.roll(2) == 0 {
            let key = format!("apt-{}", self.dice.roll(APPOINTMENTS));
            repeated!(self.ledger.cancel_appointment(CLINIC, &key, ("explicit", 1)));
            // another direct notification may move it again
            sqlx::query("DELETE FROM appointment WHERE key = $1")
                .bind(key)
                .execute(&self.raw)
                .await
                .unwrap();
            return;
        }
        let mut ntfs: Vec<String> = names.iter().map(|name| ntf(name)).collect();
        ntfs.truncate(3);
        repeated!(self.ledger.cancel(&ntfs, "storm"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_storm_of_overlapping_slices_every_item_gets_its_answer() {
    let place = fresh().await;
    let tasks: Vec<_> = (0..8)
        .map(|i| {
            let mut storm = Storm {
                ledger: place.ledger.clone(),
                raw: place.raw.clone(),
                dice: Dice(7_000 + i),
                conflicts: 0,
            };
            tokio::spawn(async move {
                for round in 0..60 {
                    storm.round(round).await;
                }
                storm.conflicts
            })
        })
        .collect();
    let mut conflicts = 0;
    for task in tasks {
        conflicts += task.await.unwrap();
    }
    assert_eq!(conflicts, 0, "repeated calls resolve every conflict");
    let attempts = place.number("SELECT count(*) FROM attempt").await;
    assert!(attempts > 50, "a storm in a glass of water: {attempts} attempts");
    place.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tasks_that_claim_the_same_slots_from_opposite_ends_both_get_answers() {
    let place = fresh().await;
    for round in 0..30 {
        let contender = |side: &str, backwards: bool| {
            let mut claims: Vec<Claim> = (0..10)
                .map(|i| {
                    let mut claim = claim(&format!("{side}{round}-{i}"));
                    claim.needs[0].key = format!("thing-{round}-{i}");
                    claim
                })
                .collect();
            if backwards {
                claims.reverse();
            }
            let ledger = place.ledger.clone();
            tokio::spawn(async move {
                let answers = ledger.claim(&claims).await;
                answers.into_iter().filter(|a| *a.as_ref().unwrap() == Claimed::Won).count()
            })
        };
        let (a, b) = (contender("a", false), contender("b", true));
        assert_eq!(a.await.unwrap() + b.await.unwrap(), 10, "round {round}");
    }
    place.assert_sound().await;
}
