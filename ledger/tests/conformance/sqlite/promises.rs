//! What is promised of the file itself: commits that are on the disk, deletions that leave nothing, no eyes but the owner's.

use crate::draft::{REFUSED, claim, need};
use crate::place::{Place, fresh};
use ledger::Engine;
use ledger::decision::Claimed;
use ledger::slots::SlotKind;
use ledger::state::State;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

#[tokio::test]
async fn commits_go_through_a_log_that_is_on_the_disk_before_they_are_answered() {
    let place = fresh().await;
    let server = place.server().await.unwrap();
    assert_eq!(server.engine, Engine::Sqlite);
    let file = server.file.unwrap();
    assert!(file.wal && file.synchronous_full, "{file:?}");
    assert_eq!(file.path, place.database.file());
    assert_eq!(file.bytes, place.number("PRAGMA page_count").await * 4_096);
    assert!(file.most_bytes > 1 << 40, "without database.max_mib only the disk is a limit");
}

#[tokio::test]
async fn nobody_but_the_owner_reads_the_file_or_what_lies_beside_it() {
    let place = fresh().await;
    place.sending("a").await;
    let mut seen = 0;
    for entry in fs::read_dir(place.database.folder()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
        seen += 1;
    }
    assert_eq!(seen, 3, "the file, its log, and the index of the log");
}

/// Whether the file itself, once the log is written back, holds these bytes anywhere.
async fn file_holds(place: &Place, text: &str) -> bool {
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_all(&place.raw).await.unwrap();
    let bytes = fs::read(place.database.file()).unwrap();
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn what_is_deleted_leaves_no_bytes_behind() {
    const GAP: &str = "gap-of-somebody-who-asked-to-be-forgotten";
    let place = fresh().await;
    let mut claim = claim("a");
    claim.needs.push(need(SlotKind::Gap, GAP));
    assert_eq!(place.claim_one(claim).await, Claimed::Won);
    assert!(file_holds(&place, GAP).await, "the test looks in the wrong place");
    place.outcome_one("a", 1, REFUSED).await;
    assert_eq!(place.state("a").await, Some(State::Refused));
    assert_eq!(place.slot(GAP).await, None);
    assert!(!file_holds(&place, GAP).await, "secure_delete is off where it matters");
}
