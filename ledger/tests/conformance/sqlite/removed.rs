//! The file is removed or replaced while it is open: nothing more is promised, and the line says why.

use crate::draft::settle;
use crate::place::{Place, fresh};
use ledger::LedgerError;
use ledger::state::State;

fn says_gone(error: &LedgerError) {
    assert!(error.is_away(), "the caller must keep what it holds: {error:?}");
    let line = error.to_string();
    assert!(line.contains("ulak.db was removed or replaced while it was open"), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
}

/// Everything that is asked of the ledger says so.
async fn nothing_is_promised(place: &Place) {
    says_gone(&place.is_in_place().unwrap_err());
    says_gone(&place.takes_commits().await.unwrap_err());
    says_gone(&place.is_back().await.unwrap_err());
    says_gone(&place.measure_clock().await.unwrap_err());
    says_gone(&place.settle(&[settle("b", State::Waiting)]).await.remove(0).unwrap_err());
}

#[tokio::test]
async fn a_file_that_is_put_back_is_written_again() {
    let place = fresh().await;
    place.settle(&[settle("a", State::Waiting)]).await.remove(0).unwrap();
    let aside = place.database.folder().join("aside.db");
    std::fs::rename(place.database.file(), &aside).unwrap();
    nothing_is_promised(&place).await;
    std::fs::rename(&aside, place.database.file()).unwrap();
    place.is_back().await.unwrap();
    assert!(place.settle(&[settle("c", State::Waiting)]).await.remove(0).unwrap());
    assert_eq!(place.state("b").await, None, "it was refused");
}

#[tokio::test]
async fn a_copy_in_its_place_is_another_file() {
    let place = fresh().await;
    let copy = place.database.folder().join("copy.db");
    std::fs::copy(place.database.file(), &copy).unwrap();
    std::fs::rename(&copy, place.database.file()).unwrap();
    nothing_is_promised(&place).await;
}

#[tokio::test]
async fn a_commit_into_a_file_that_went_during_it_is_no_promise() {
    let place = fresh().await;
    let facts = place.begin_facts().await.unwrap();
    std::fs::remove_file(place.database.file()).unwrap();
    says_gone(&facts.commit().await.unwrap_err());
}
