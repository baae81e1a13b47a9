//! No more room: what was told stays, what is refused leaves nothing, and it goes on as soon as there is room.

use crate::alone;
use crate::draft::{claim, claim_copy, ntf, outcome, settle};
use crate::place::{Place, empty, open, settings_of};
use crate::sqlite::engine::Database;
use ledger::decision::Claimed;
use ledger::protocol::Outcome;
use ledger::state::State;
use ledger::{Ledger, LedgerError, LedgerSettings, migrate};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

fn says_full(error: &LedgerError) {
    assert!(error.is_away(), "the caller must keep what it holds: {error:?}");
    let line = error.to_string();
    assert!(line.contains("the disk is full") && line.contains("database.max_mib"), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
}

/// Takes in slices of `size` until one is refused; the names of those that were not.
async fn fill(ledger: &Ledger, size: usize) -> (Vec<String>, Vec<String>, LedgerError) {
    let mut taken = vec![];
    for round in 0.. {
        let names: Vec<_> = (0..size).map(|i| format!("{size}x{round}x{i}")).collect();
        let settles: Vec<_> = names.iter().map(|name| settle(name, State::Waiting)).collect();
        let mut answers = ledger.settle(&settles).await;
        if let Some(at) = answers.iter().position(Result::is_err) {
            let error = answers.swap_remove(at).unwrap_err();
            assert!(answers.iter().all(Result::is_err), "a slice is one transaction");
            return (taken, names, error);
        }
        assert!(answers.into_iter().all(|answer| answer.unwrap()));
        taken.extend(names);
    }
    unreachable!("the rounds have no end")
}

/// Goes on asking after a refusal: what happens to need no new page may still fit.
async fn insist(
    ledger: &Ledger,
    taken: &mut Vec<String>,
    refused: &mut Vec<String>,
) -> Vec<LedgerError> {
    let mut errors = vec![];
    for i in 0..40 {
        let name = format!("over{i}");
        match ledger.settle(&[settle(&name, State::Waiting)]).await.remove(0) {
            Ok(written) => {
                assert!(written);
                taken.push(name);
            }
            Err(error) => {
                refused.push(name);
                errors.push(error);
            }
        }
    }
    errors
}

async fn all_wait(place: &Place, taken: &[String], refused: &[String]) {
    for name in taken {
        assert_eq!(place.state(name).await, Some(State::Waiting), "{name} was told to be there");
    }
    for name in refused {
        assert_eq!(place.state(name).await, None, "{name} was refused");
    }
    assert_eq!(place.number("SELECT count(*) FROM notification").await, taken.len() as i64);
    let whole: String =
        sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&place.raw).await.unwrap();
    assert_eq!(whole, "ok");
    place.assert_sound().await;
}

#[tokio::test]
async fn a_full_file_takes_nothing_more_loses_nothing_and_goes_on_when_it_may_grow() {
    let (database, settings) = empty().await;
    let small = LedgerSettings { max_mib: Some(1), ..settings };
    migrate(&small).await.unwrap();
    let place = open(database, small).await.unwrap();
    place.is_back().await.unwrap();
    let (mut taken, mut refused, error) = fill(&place, 16).await;
    says_full(&error);
    // what is smaller may still fit; then nothing does
    let (few, one, error) = fill(&place, 1).await;
    says_full(&error);
    taken.extend(few);
    refused.extend(one);
    assert!(taken.len() > 100, "only {} fit into 1 MiB", taken.len());
    let before = refused.len();
    for error in insist(&place, &mut taken, &mut refused).await {
        says_full(&error);
    }
    assert!(refused.len() > before + 10, "it is not full at all");
    says_full(&place.is_back().await.unwrap_err());
    all_wait(&place, &taken, &refused).await;
    let file = place.server().await.unwrap().file.unwrap();
    assert_eq!(file.most_bytes, 1_048_576);
    assert!(file.bytes <= file.most_bytes, "{file:?}");
    place.close().await;
    let Place { settings, database, .. } = place;
    let place = open(database, LedgerSettings { max_mib: Some(8), ..settings }).await.unwrap();
    place.is_back().await.unwrap();
    all_wait(&place, &taken, &refused).await;
    goes_on(&place, &taken).await;
    for name in &refused {
        place.waiting(name).await;
    }
    place.assert_sound().await;
}

/// All that waits is sent.
async fn goes_on(place: &Place, taken: &[String]) {
    place.run("UPDATE open SET due_at = 0").await;
    let ids: Vec<_> = taken.iter().map(|name| ntf(name)).collect();
    let copies = place.release(&ids).await.unwrap();
    assert_eq!(copies.len(), taken.len());
    for copy in &copies {
        let name = copy.ntf.trim_start_matches("ntf_");
        assert_eq!(place.claim_one(claim_copy(name, copy, 1)).await, Claimed::Won);
        place.outcome_one(name, 1, Outcome::Accepted).await;
    }
    let books = place.balance(None).await.unwrap();
    assert!(books.balances() && books.open == 0, "{books:?}");
}

/// A file that is full in the middle of a life, not of an intake: outcomes of what was sent are kept by the caller, and fit later.
#[tokio::test]
async fn outcomes_that_find_no_room_are_written_when_there_is_some() {
    let (database, settings) = empty().await;
    let small = LedgerSettings { max_mib: Some(1), ..settings };
    migrate(&small).await.unwrap();
    let place = open(database, small).await.unwrap();
    let mut sending = vec![];
    loop {
        let name = format!("a{}", sending.len());
        match place.claim(&[claim(&name)]).await.remove(0) {
            Ok(won) => assert_eq!(won, Claimed::Won),
            Err(error) => break says_full(&error),
        }
        sending.push(name);
    }
    let mut kept = vec![];
    for name in sending {
        match place.record_outcomes(&[outcome(&name, 1, Outcome::Accepted)]).await.remove(0) {
            Ok(_) => assert_eq!(place.state(&name).await, Some(State::Accepted)),
            Err(error) => {
                says_full(&error);
                assert_eq!(place.state(&name).await, Some(State::Sending));
                kept.push(name);
            }
        }
    }
    assert!(!kept.is_empty(), "there was room for all");
    place.assert_sound().await;
    place.close().await;
    let Place { settings, database, .. } = place;
    let place = open(database, LedgerSettings { max_mib: None, ..settings }).await.unwrap();
    for name in kept {
        place.outcome_one(&name, 1, Outcome::Accepted).await;
        assert_eq!(place.state(&name).await, Some(State::Accepted));
    }
    place.assert_sound().await;
}

/// Here it is the system that refuses to write, in the middle of the log.
#[tokio::test]
async fn a_disk_that_takes_no_more_bytes_loses_nothing_that_was_told() {
    const NAME: &str = "sqlite::full::a_disk_that_takes_no_more_bytes_loses_nothing_that_was_told";
    if let Some(file) = alone::given() {
        return until_the_disk_refuses(&file).await;
    }
    let (database, settings) = empty().await;
    migrate(&settings).await.unwrap();
    let alone = alone::command(NAME, &database.file().display().to_string());
    // 2 or 4 MiB a file, by the shell's unit; what is beyond is an error, not a signal
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 4096; exec \"$0\" \"$@\""]);
    limited.arg(alone.get_program()).args(alone.get_args());
    limited.envs(alone.get_envs().filter_map(|(key, value)| Some((key, value?))));
    let mut child = limited.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let lines: Vec<String> = lines.collect();
    assert!(child.wait().unwrap().success(), "{lines:?}");
    let told = |word: &str| -> Vec<String> {
        lines.iter().filter_map(|line| Some(line.strip_prefix(word)?.to_owned())).collect()
    };
    let (taken, refused) = (told("taken "), told("refused "));
    assert!(taken.len() > 100 && refused.len() > 10, "{} {}", taken.len(), refused.len());
    let place = open(database, settings).await.unwrap();
    place.is_back().await.unwrap();
    all_wait(&place, &taken, &refused).await;
    goes_on(&place, &taken).await;
}

/// The process whose disk is full: tells what was taken and what was refused.
async fn until_the_disk_refuses(file: &str) {
    let mut settings = settings_of(&Database::create().await);
    settings.url = crate::sqlite::engine::url(file.as_ref());
    let ledger = Ledger::open(&settings).await.unwrap();
    let mut out = std::io::stdout();
    let (mut taken, mut refused, error) = fill(&ledger, 4).await;
    assert!(error.is_away(), "{error:?}");
    for error in insist(&ledger, &mut taken, &mut refused).await {
        assert!(error.is_away(), "{error:?}");
    }
    let error = ledger.is_back().await.unwrap_err();
    assert!(error.is_away(), "{error:?}");
    let seen = ledger.find(&ntf(&taken[0])).await.unwrap().unwrap();
    assert_eq!(seen.state, State::Waiting, "reads go on");
    writeln!(out).unwrap();
    for name in taken {
        writeln!(out, "taken {name}").unwrap();
    }
    for name in refused {
        writeln!(out, "refused {name}").unwrap();
    }
}
