//! `ulak up` ends in the middle of its work as at a power cut: no memory is left (the file `-shm`), and behind the last whole commit
//! of the log lies anything: nothing, a frame that was half written, noise. The next start goes on with it; whoever was told "taken
//! in" has a row and a message, and nobody has two.
//!
//! What a disk may do to the bytes of the log itself, at each length, is tried on the ledger alone
//! (`ledger/tests/conformance/sqlite/power.rs`). `ULAK_TEST_SEED` replays a run.

use std::path::Path;
use std::time::Duration;

use simulator::Script;

use crate::harness::random::Random;
use crate::harness::{Embedded, Event, receipt};

const CUTS: usize = 12;
/// Events posted at the same time.
const ABREAST: usize = 8;
/// Header of the log, of a frame, and a page (sqlite.org/fileformat2.html#walformat).
const HEAD: usize = 32;
const FRAME_HEAD: usize = 24;
const FRAME: usize = FRAME_HEAD + 4_096;

/// Where the last whole commit of a log ends.
fn end_of_commits(log: &[u8]) -> usize {
    let Some(salt) = log.get(16..24) else { return log.len() };
    let mut end = HEAD;
    for (n, frame) in log[HEAD..].chunks_exact(FRAME).enumerate() {
        if frame[8..16] != *salt {
            break;
        }
        // a frame that ends a commit says how large the database is then
        if frame[4..8] != [0; 4] {
            end = HEAD + (n + 1) * FRAME;
        }
    }
    end
}

/// What a power cut leaves: see above.
fn cut_the_power(folder: &Path, random: &mut Random) {
    let (log, shared) = (folder.join("ulak.db-wal"), folder.join("ulak.db-shm"));
    let _ = std::fs::remove_file(shared);
    let Ok(mut bytes) = std::fs::read(&log) else { return };
    bytes.truncate(end_of_commits(&bytes));
    let noise: Vec<u8> = (0..FRAME).map(|_| random.next().to_le_bytes()[0]).collect();
    match random.below(4) {
        0 => {}
        1 => bytes.extend(&noise[..=random.below(FRAME - 1)]),
        2 => bytes.extend(noise),
        _ => bytes.extend(vec![0; FRAME]),
    }
    std::fs::write(&log, bytes).expect("the log is written");
}

/// Posts until nobody answers; those that were told "taken in".
async fn post_until_it_is_gone(machine: &Embedded, cut: usize, part: usize) -> Vec<Event> {
    let mut told = Vec::new();
    loop {
        let event = receipt(&format!("c{cut}-{part}-{}", told.len()));
        match machine.try_post(&event).await {
            Ok(answer) => {
                assert_eq!(answer.status, 202, "{}", answer.body);
                told.push(event);
            }
            Err(_) => return told,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_of_up() {
    let seed = std::env::var("ULAK_TEST_SEED").map_or(6, |seed| seed.parse().expect("a number"));
    let mut random = Random::of(seed);
    let mut machine = Embedded::start(Script::default(), &[]).await;
    let mut told: Vec<Event> = Vec::new();
    for cut in 0..CUTS {
        let lasts = Duration::from_millis(50 + random.next() % 400);
        let mut up = machine.up.take().expect("it runs");
        let ((), new) = tokio::join!(
            async {
                // at any moment of its work
                tokio::time::sleep(lasts).await;
                up.killed().await;
            },
            futures::future::join_all(
                (0..ABREAST).map(|part| post_until_it_is_gone(&machine, cut, part))
            ),
        );
        machine.gone.push(up);
        told.extend(new.into_iter().flatten());
        cut_the_power(&machine.folder, &mut random);
        machine.up(&[]).await;
    }
    machine
        .until("nothing left to send", async || {
            let rows = machine.rows().await;
            let open = ["waiting", "released", "sending"];
            rows.iter().all(|row| !open.contains(&row.state.as_str())).then_some(())
        })
        .await;
    let rows = machine.rows().await;
    let mut accepted = 0;
    for event in &told {
        let ntf = event.ntf();
        let row = rows.iter().find(|row| row.ntf == ntf);
        let row = row.unwrap_or_else(|| panic!("seed {seed}: {ntf} was told and is lost"));
        let messages = machine.outside.messages_to(event.national()).len();
        match row.state.as_str() {
            "accepted" => {
                accepted += 1;
                assert_eq!(messages, 1, "seed {seed}: {row:?}");
            }
            // each cut leaves what it found between claim and answer
            "unknown" | "unresolved" => assert!(messages <= 1, "seed {seed}: {row:?}"),
            other => panic!("seed {seed}: {other}: {row:?}"),
        }
    }
    assert!(accepted > CUTS, "only {accepted} of {} went through", told.len());
    machine.finish().await;
}
