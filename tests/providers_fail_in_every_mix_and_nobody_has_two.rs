//! Netgsm and İYS fail in random mixes of every kind of fault that the twins know, one mix after another under load: whatever they
//! do, nobody has two messages, nobody is lost, and who is not accepted is listed as unknown.
//!
//! A seed is printed for each mix. `ULAK_ATTACK_SEED` replays a run, `ULAK_ATTACK_MIXES` makes it longer; it never is shorter than
//! [`MIXES`].

use simulator::{Fault, FaultKind, Operation, Provider};

use crate::harness::Options;
use crate::harness::attack::{Attack, Ends, soon_given_up};
use crate::harness::random::Random;

/// What CI runs at least.
const MIXES: u64 = 14;
const SEED: u64 = 20_261_122;
/// Events of one mix.
const EVENTS: usize = 40;
/// Faults of one mix at most.
const FAULTS: usize = 5;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
}

/// A kind of fault for a call, drawn.
fn kind(random: &mut Random, codes: &[&str]) -> FaultKind {
    let accept = random.below(2) == 0;
    match random.below(8) {
        0 => FaultKind::Http { status: [500, 502, 503, 504, 429, 404][random.below(6)] },
        1 => FaultKind::Hang { accept, seconds: 600 },
        2 => FaultKind::Reset { accept },
        3 => FaultKind::Garbage { accept },
        4 => FaultKind::Slow { ms: [50, 300, 900, 1_600][random.below(4)] },
        5 => FaultKind::Down,
        _ => FaultKind::Code { code: codes[random.below(codes.len())].to_owned() },
    }
}

/// A fault with whom it strikes. Each ends after some requests, so that the installation gets well by itself.
fn fault(random: &mut Random) -> Fault {
    // a code that refuses the message itself would be the end of a healthy event: those have tests of their own
    let send = ["00", "02", "80", "85", "100", "101", "30", "40", "60", "999"];
    let report = ["30", "60", "80", "100"];
    // H084, or a bare 429, is a ban of an hour that is sat out
    let token = ["H192", "H251", "invalid_request", "H124"];
    // H500 is documented nowhere
    let consents = ["H124", "H083", "H351", "H470", "H500"];
    let (provider, operation, codes): (_, _, &[&str]) = match random.below(8) {
        0..=3 => (Provider::Netgsm, Operation::Send, &send),
        4 => (Provider::Netgsm, Operation::Report, &report),
        5 => (Provider::Iys, Operation::Token, &token),
        _ => (Provider::Iys, Operation::Consents, &consents),
    };
    let share = [0.05, 0.2, 0.5, 1.0][random.below(4)];
    let times = 1 + random.below(if share < 0.5 { 8 } else { 4 }) as u64;
    let kind = match kind(random, codes) {
        FaultKind::Http { status: 429 } if operation == Operation::Token => {
            FaultKind::Http { status: 503 }
        }
        kind => kind,
    };
    Fault::new(provider, operation, kind).share(share).times(times)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn providers_fail_in_every_mix() {
    mixed(Options::default()).await;
}

/// One answer is several messages' (ADR 0011).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn providers_fail_in_every_mix_where_messages_share_jobs() {
    mixed(Options::default().set("ULAK_PROVIDERS__NETGSM__BATCH", 20)).await;
}

async fn mixed(options: Options) {
    let (mixes, seed) =
        (setting("ULAK_ATTACK_MIXES", MIXES).max(MIXES), setting("ULAK_ATTACK_SEED", SEED));
    let options = options
        .set("ULAK_WORKER__IN_FLIGHT", 16)
        .set("ULAK_WORKER__QUICK_RETRIES", 1)
        .set("ULAK_WORKER__REQUEST_DEADLINE_S", 1);
    let mut attack = Attack::without_a_proxy(soon_given_up(options)).await;
    let mut ends = Ends::default();
    for mix in 0..mixes {
        let mut random = Random::of(seed.wrapping_add(mix));
        let faults: Vec<Fault> = (0..=random.below(FAULTS)).map(|_| fault(&mut random)).collect();
        say(&format!("mix {mix}, ULAK_ATTACK_SEED={}: {faults:?}", seed.wrapping_add(mix)));
        attack.clinic.outside.clear_faults();
        for fault in faults {
            attack.clinic.outside.add_fault(fault).expect("a fault");
        }
        attack.publish(EVENTS).await;
        ends = attack.ends(&format!("mix {mix} of seed {seed}")).await;
    }
    assert_eq!(ends.accepted + ends.unresolved, usize::try_from(mixes).expect("few") * EVENTS);
    assert!(attack.unknown().await > 0, "no mix left anything unknown: the faults did not strike");
    say(&format!("{mixes} mixes: {ends:?}"));
    attack.clinic.finish().await;
}

/// Shown when the test fails, or with `--nocapture`.
#[expect(clippy::print_stderr, reason = "a seed is of use only if it is seen")]
fn say(line: &str) {
    eprintln!("{line}");
}
