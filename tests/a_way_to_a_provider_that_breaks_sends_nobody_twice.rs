//! The network to Netgsm and to İYS breaks in every manner under load. What the provider took is never sent again; what is not
//! known is listed; everything else goes once the way is open, and nothing is dead-lettered or taken for a lack of consent.

use std::time::Duration;

use crate::harness::Options;
use crate::harness::attack::{Attack, Ends, Neighbour, soon_given_up};
use crate::harness::proxy::Way;

/// Events before each break, and in the middle of it.
const BEFORE: usize = 40;
const MEANWHILE: usize = 20;
/// Longer than a request may take here.
const LONGER_THAN_A_REQUEST: Duration = Duration::from_millis(2_500);
const A_MOMENT: Duration = Duration::from_millis(700);

/// Every manner, and how long it lasts.
const MANNERS: [(Way, Duration, bool); 8] = [
    (Way::Cut, A_MOMENT, false),
    (Way::Silent, A_MOMENT, false),
    (Way::Silent, LONGER_THAN_A_REQUEST, true),
    (Way::DeafService, LONGER_THAN_A_REQUEST, false),
    (Way::DeafClient, LONGER_THAN_A_REQUEST, true),
    (Way::Slow(Duration::from_millis(40)), A_MOMENT, false),
    (Way::CutAfter(150), A_MOMENT, false),
    (Way::CutAfter(1_500), A_MOMENT, false),
];

fn options() -> Options {
    let options = Options::default().set("ULAK_WORKER__IN_FLIGHT", 16);
    soon_given_up(options.set("ULAK_WORKER__REQUEST_DEADLINE_S", 2))
}

async fn every_manner(attack: &mut Attack) -> Ends {
    let mut ends = Ends::default();
    for (way, lasts, reset) in MANNERS {
        attack.load(BEFORE).await;
        attack.way.set(way);
        attack.publish(MEANWHILE).await;
        // the break lasts: that is the attack, not a wait for something
        tokio::time::sleep(lasts).await;
        attack.heal(reset);
        ends = attack.ends(&format!("{way:?} for {lasts:?}")).await;
    }
    ends
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_to_netgsm() {
    let mut attack = Attack::on(Neighbour::Netgsm, options()).await;
    let ends = every_manner(&mut attack).await;
    assert_eq!(ends.accepted + ends.unresolved, MANNERS.len() * (BEFORE + MEANWHILE));
    // a request that was on its way when it broke may have arrived: nobody may say otherwise
    assert!(attack.unknown().await > 0, "no request was on its way: that was no load");
    attack.clinic.finish().await;
}

/// Nothing is sent without the answer of İYS, and nothing is given up for the lack of one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_to_iys() {
    let mut attack = Attack::on(Neighbour::Iys, options()).await;
    let ends = every_manner(&mut attack).await;
    let all = MANNERS.len() * (BEFORE + MEANWHILE);
    assert_eq!(ends, Ends { accepted: all, unresolved: 0 });
    attack.clinic.finish().await;
}
