//! A power cut in the middle of a commit: the log ends at any byte, or in bytes that were never written, and all that was told
//! before is there. What a disk may leave behind is put together here from copies; nobody pulls a plug.

use crate::books::Dice;
use crate::draft::{claim, settle};
use crate::place::{Place, empty, fresh, open, settings_of};
use crate::sqlite::engine::{Database, pool};
use ledger::decision::Claimed;
use ledger::protocol::Outcome;
use ledger::state::State;
use ledger::{Ledger, LedgerError, migrate};
use std::collections::BTreeMap;
use std::fs;

/// Bytes of the log's own header, and of the header of each page in it (sqlite.org/fileformat2.html#walformat).
const HEAD: usize = 32;
const FRAME_HEAD: usize = 24;
const PAGE: usize = 4_096;
const FRAME: usize = FRAME_HEAD + PAGE;

/// Which notification is in which state.
type States = BTreeMap<String, String>;

/// What a ledger had told, and how long its log was then.
struct Told {
    log: usize,
    states: States,
}

/// Where the log ends: behind the last page with the salt of its header.
fn end_of(log: &[u8]) -> usize {
    let Some(salt) = log.get(16..24) else { return 0 };
    let pages = log[HEAD..].chunks_exact(FRAME).take_while(|frame| frame[8..16] == *salt);
    HEAD + pages.count() * FRAME
}

/// Does `count` things, one commit each, and notes after each how long the log is.
async fn commits(place: &Place, prefix: &str, count: usize, from: States) -> Vec<Told> {
    let mut states = from;
    let mut told = vec![];
    for i in 0..count {
        let name = format!("{prefix}{}", i / 3);
        let (name, state) = match i % 3 {
            0 => {
                assert_eq!(place.claim_one(claim(&name)).await, Claimed::Won);
                (name, "sending")
            }
            1 => {
                place.outcome_one(&name, 1, Outcome::Accepted).await;
                (name, "accepted")
            }
            _ => {
                let waits = format!("{name}w");
                let row = settle(&waits, State::Waiting);
                assert!(place.settle_one(row).await);
                (waits, "waiting")
            }
        };
        states.insert(format!("ntf_{name}"), state.to_owned());
        let log = end_of(&fs::read(place.database.log()).unwrap());
        told.push(Told { log, states: states.clone() });
    }
    assert!(told.windows(2).all(|pair| pair[0].log < pair[1].log), "each commit is in the log");
    told
}

/// How much of a log is there: bytes behind the cut may happen to be the right ones.
fn whole(log: &[u8], left: &[u8], cut: usize) -> usize {
    cut + log[cut..].iter().zip(&left[cut..]).take_while(|(whole, left)| whole == left).count()
}

/// The states that were told before the log was so long: they and no others are there after a power cut.
fn told_by<'a>(told: &'a [Told], whole: usize, before: &'a States) -> &'a States {
    told.iter().rev().find(|told| told.log <= whole).map_or(before, |told| &told.states)
}

/// What the next process finds.
async fn found(copy: &Database) -> States {
    let raw = pool(&copy.file());
    let whole: String = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&raw).await.unwrap();
    assert_eq!(whole, "ok");
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT ntf, state FROM notification").fetch_all(&raw).await.unwrap();
    raw.close().await;
    rows.into_iter().collect()
}

/// Opens what a power cut left behind, and goes on with it.
async fn goes_on(copy: Database) {
    let settings = settings_of(&copy);
    let place = open(copy, settings).await.unwrap();
    place.assert_sound().await;
    place.is_back().await.unwrap();
    place.sending("after-the-cut").await;
    place.assert_sound().await;
}

/// Every length at which something ends, one byte before it and one after it, and some others.
fn cuts(log: &[u8], dice: &mut Dice) -> Vec<usize> {
    let mut cuts = vec![0, 1, HEAD / 2];
    for page in (HEAD..=log.len()).step_by(FRAME) {
        cuts.extend([page - 1, page, page + 1, page + FRAME_HEAD, page + FRAME_HEAD + 512]);
    }
    cuts.extend((0..40).map(|_| dice.roll(log.len() as u64) as usize));
    cuts.retain(|cut| *cut <= log.len());
    cuts.sort_unstable();
    cuts.dedup();
    cuts
}

/// What lies behind the cut: nothing, room that was never written, or anything at all.
fn tail(dice: &mut Dice, room: usize) -> Vec<u8> {
    let room = room.min(3 * FRAME);
    match dice.roll(3) {
        0 => vec![],
        1 => vec![0; room],
        _ => (0..room).map(|_| dice.roll(256) as u8).collect(),
    }
}

#[tokio::test]
async fn a_log_that_ends_anywhere_holds_what_was_told_until_there_and_nothing_half() {
    let place = fresh().await;
    let told = commits(&place, "a", 12, States::new()).await;
    let (file, log) =
        (fs::read(place.database.file()).unwrap(), fs::read(place.database.log()).unwrap());
    assert_eq!(told.last().unwrap().log, log.len(), "nothing was written back meanwhile");
    let mut dice = Dice(1);
    let (nothing, mut last) = (States::new(), None);
    for cut in cuts(&log, &mut dice) {
        let mut left = log[..cut].to_vec();
        left.extend(tail(&mut dice, log.len() - cut));
        let copy = Database::left_behind(&file, &left).await;
        let expected = told_by(&told, whole(&log, &left, cut), &nothing);
        assert_eq!(found(&copy).await, *expected, "cut at {cut}");
        // the whole program, where the outcome is another one, and sometimes besides
        if last.replace(expected.len()) != Some(expected.len()) || dice.roll(12) == 0 {
            goes_on(Database::left_behind(&file, &left).await).await;
        }
    }
}

/// The log is used again from its beginning once it was written back: behind the cut lie pages of before.
#[tokio::test]
async fn a_log_that_was_begun_anew_is_told_from_the_old_one_behind_it() {
    let place = fresh().await;
    let before = commits(&place, "a", 12, States::new()).await.pop().unwrap().states;
    let written: (i64, i64, i64) =
        sqlx::query_as("PRAGMA wal_checkpoint(RESTART)").fetch_one(&place.raw).await.unwrap();
    assert_eq!((written.0, written.1), (0, written.2), "all of the log is in the file");
    let (file, old) =
        (fs::read(place.database.file()).unwrap(), fs::read(place.database.log()).unwrap());
    let told = commits(&place, "b", 6, before.clone()).await;
    let new = fs::read(place.database.log()).unwrap();
    let end = end_of(&new);
    assert!(new.len() == old.len() && end < old.len(), "it was begun anew and not made shorter");
    let mut dice = Dice(2);
    for cut in cuts(&new[..end], &mut dice) {
        let left = [&new[..cut], &old[cut..]].concat();
        let copy = Database::left_behind(&file, &left).await;
        let expected = told_by(&told, whole(&new, &left, cut), &before);
        assert_eq!(found(&copy).await, *expected, "cut at {cut}");
        if dice.roll(12) == 0 {
            goes_on(Database::left_behind(&file, &left).await).await;
        }
    }
}

/// While the log is written back the file itself is half old and half new; the log is whole, and mends it.
#[tokio::test]
async fn a_cut_while_the_log_is_written_back_costs_nothing() {
    let place = fresh().await;
    let told = commits(&place, "a", 18, States::new()).await.pop().unwrap().states;
    let (old, log) =
        (fs::read(place.database.file()).unwrap(), fs::read(place.database.log()).unwrap());
    sqlx::query("PRAGMA wal_checkpoint(FULL)").fetch_all(&place.raw).await.unwrap();
    let new = fs::read(place.database.file()).unwrap();
    assert!(new.len() > old.len(), "it grew");
    let mut dice = Dice(3);
    for round in 0..60 {
        // sectors of 512 bytes reach the disk in any order, and the file's new length at any moment
        let length = old.len() + dice.roll((new.len() - old.len()) as u64 + 1) as usize;
        let mut torn = vec![0; length];
        torn[..old.len()].copy_from_slice(&old);
        for start in (0..length).step_by(512) {
            if dice.roll(2) == 0 {
                let end = (start + 512).min(length);
                torn[start..end].copy_from_slice(&new[start..end]);
            }
        }
        let copy = Database::left_behind(&torn, &log).await;
        assert_eq!(found(&copy).await, told, "round {round}");
        if round % 6 == 0 {
            goes_on(Database::left_behind(&torn, &log).await).await;
        }
    }
}

/// The very first minute: there is a whole schema or none, and `ulak migrate` goes on from there.
#[tokio::test]
async fn a_cut_while_the_ledger_is_made_leaves_none_and_it_is_made_again() {
    let (database, settings) = empty().await;
    fs::write(database.file(), b"").unwrap();
    // somebody else has the file open, so that the log is not written back at the end
    let raw = database.pool();
    sqlx::query("PRAGMA journal_mode = WAL").fetch_all(&raw).await.unwrap();
    sqlx::query("SELECT count(*) FROM sqlite_master").fetch_all(&raw).await.unwrap();
    migrate(&settings).await.unwrap();
    let (file, log) = (fs::read(database.file()).unwrap(), fs::read(database.log()).unwrap());
    assert!(log.len() > 20 * FRAME, "the schema is in the log");
    let mut dice = Dice(4);
    for cut in cuts(&log, &mut dice) {
        let mut left = log[..cut].to_vec();
        left.extend(tail(&mut dice, log.len() - cut));
        let copy = Database::left_behind(&file, &left).await;
        let settings = settings_of(&copy);
        match Ledger::open(&settings).await {
            Ok(ledger) => {
                assert_eq!(whole(&log, &left, cut), log.len(), "only the whole log holds a ledger");
                ledger.close().await;
            }
            Err(error) => {
                assert!(matches!(error, LedgerError::Schema(_)), "cut at {cut}: {error:?}");
                assert_eq!(migrate(&settings).await.unwrap(), 0, "cut at {cut}");
            }
        }
        if dice.roll(8) == 0 {
            goes_on(copy).await;
        } else {
            Ledger::open(&settings).await.unwrap();
        }
    }
    // before the first byte of it
    fs::write(database.folder().join("none.db"), b"").unwrap();
    let none = ledger::LedgerSettings {
        url: crate::sqlite::engine::url(&database.folder().join("none.db")),
        ..settings
    };
    let error = Ledger::open(&none).await.unwrap_err();
    assert!(error.to_string().contains("ulak migrate"), "{error}");
    assert_eq!(migrate(&none).await.unwrap(), 0);
    Ledger::open(&none).await.unwrap();
}
