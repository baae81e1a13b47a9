//! A process that is killed in the middle of its work: whatever it had told is there, and nothing is half.

use crate::alone;
use crate::books::Dice;
use crate::draft::{claim, outcome, settle};
use crate::place::{Place, empty, open, settings_of};
use crate::sqlite::engine::{Database, url};
use ledger::Ledger;
use ledger::decision::Claimed;
use ledger::protocol::Outcome;
use ledger::state::State;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

const NAME: &str = "sqlite::killed::whatever_a_killed_process_had_told_is_there_after_thirty_kills";
const KILLS: u64 = 30;
const TASKS: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_killed_process_had_told_is_there_after_thirty_kills() {
    if let Some(given) = alone::given() {
        let (round, file) = given.split_once(' ').unwrap();
        return work(round, Path::new(file)).await;
    }
    let (database, settings) = empty().await;
    ledger::migrate(&settings).await.unwrap();
    let mut place = open(database, settings).await.unwrap();
    let mut dice = Dice(4_711);
    let mut told = vec![];
    for round in 0..KILLS {
        let Place { ledger, settings, raw, database } = place;
        ledger.close().await;
        raw.close().await;
        let before = told.len();
        told.extend(killed(round, &database, &mut dice));
        assert!(told.len() > before, "round {round} was killed before it began");
        place = open(database, settings).await.unwrap();
        let whole: String =
            sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&place.raw).await.unwrap();
        assert_eq!(whole, "ok", "round {round}");
        place.assert_sound().await;
        // those of this round, and in the end all
        let since = if round + 1 == KILLS { 0 } else { before };
        for line in &told[since..] {
            is_there(&place, line).await;
        }
    }
    assert!(told.len() > 300, "a tired process: {} lines", told.len());
}

/// Starts the work and kills it at a random moment; what it had told by then.
fn killed(round: u64, database: &Database, dice: &mut Dice) -> Vec<String> {
    let given = format!("{round} {}", database.file().display());
    let mut child = alone::command(NAME, &given).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut told = vec![];
    let mut line = String::new();
    let lines_before = 1 + dice.roll(40) as usize;
    while told.len() < lines_before {
        line.clear();
        assert!(out.read_line(&mut line).unwrap() > 0, "it ended by itself: {told:?}");
        told.extend(line.trim_end().strip_prefix("told ").map(str::to_owned));
    }
    // somewhere within the next commits, not just behind a line
    let pause = Duration::from_micros(dice.roll(8_000));
    let (_never, wait) = std::sync::mpsc::channel::<()>();
    assert!(wait.recv_timeout(pause).is_err());
    child.kill().unwrap();
    child.wait().unwrap();
    loop {
        line.clear();
        // the last line may have been cut short with the process
        if out.read_line(&mut line).unwrap() == 0 || !line.ends_with('\n') {
            return told;
        }
        told.extend(line.trim_end().strip_prefix("told ").map(str::to_owned));
    }
}

/// What a line says was committed before it was written.
async fn is_there(place: &Place, line: &str) {
    let (what, name) = line.split_once(' ').unwrap();
    let state = place.state(name).await;
    let fits = match what {
        "waits" => state == Some(State::Waiting),
        // its outcome may have been committed and not yet told
        "claimed" => matches!(state, Some(State::Sending | State::Accepted)),
        "accepted" => state == Some(State::Accepted),
        other => panic!("{other}"),
    };
    assert!(fits, "{line}: {state:?}");
}

/// The process that is killed: writes as fast as it can, and tells what was committed.
async fn work(round: &str, file: &Path) {
    let mut settings = settings_of(&Database::create().await);
    settings.url = url(file);
    let ledger = Ledger::open(&settings).await.unwrap();
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| tokio::spawn(write(ledger.clone(), format!("r{round}t{task}"))))
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

async fn write(ledger: Ledger, prefix: String) {
    let tell = |what: &str, name: &str| {
        // one write for the whole line
        std::io::stdout().lock().write_all(format!("\ntold {what} {name}\n").as_bytes()).unwrap();
    };
    for i in 0_u64.. {
        let (sent, waits) = (format!("{prefix}s{i}"), format!("{prefix}w{i}"));
        let won = ledger.claim(&[claim(&sent)]).await.remove(0).unwrap();
        assert_eq!(won, Claimed::Won);
        tell("claimed", &sent);
        assert!(ledger.settle(&[settle(&waits, State::Waiting)]).await.remove(0).unwrap());
        tell("waits", &waits);
        let ends = [outcome(&sent, 1, Outcome::Accepted)];
        ledger.record_outcomes(&ends).await.remove(0).unwrap();
        tell("accepted", &sent);
    }
}
