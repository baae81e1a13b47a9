//! What is released where an account has a cap: its clinics take turns, and no more goes out than the cap takes just now.

use super::*;
use ledger::caps::{Throttle, TooFast};

const LANE: &str = "netgsm/default/KLINIK";

/// Two clinics that share an account with this cap, a second.
fn capped(per_s: u32) -> Settings {
    let mut told = settings();
    let account = providers::netgsm::Account::new("default", "user", "secret".to_owned().into());
    told.netgsm.insert("default".to_owned(), (account, Some(per_s)));
    for clinic in ["atasehir", "besiktas"] {
        told.lanes.insert(schemas::ClinicId::parse(clinic).unwrap(), vec![LANE.to_owned()]);
    }
    told
}

#[tokio::test]
async fn a_small_clinic_is_not_behind_a_large_one_of_the_same_account() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder).await;
    for n in 0..40 {
        remind(&ledger, "atasehir", &format!("large-{n}"), 3_000 + n).await;
    }
    for n in 0..3 {
        remind(&ledger, "besiktas", &format!("small-{n}"), 3_000 + n).await;
    }
    let (mut releaser, mut worker) = releaser_told(&ledger, 100, capped(4));
    assert_eq!(releaser.tick().await.unwrap().released, 8, "two seconds of the cap");
    let went = out(&mut worker);
    let small = went.iter().filter(|id| id.starts_with("small")).count();
    assert_eq!(small, 3, "{went:?}");
    // one after the other, not only within the window
    let turns: Vec<bool> = went[..6].iter().map(|id| id.starts_with("small")).collect();
    assert!(turns.windows(2).all(|two| two[0] != two[1]), "{went:?}");
}

#[tokio::test]
async fn of_a_cap_that_was_lowered_so_much_less_is_released() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(&folder).await;
    for n in 0..40 {
        take_in(&ledger, &format!("p-{n}")).await;
    }
    let half = TooFast { throttle: Throttle::Account, under: 0, refused: 500 };
    let lower = ledger.lower_cap("rate/netgsm/default", "netgsm:80", half).await;
    assert_eq!(lower.unwrap().expect("lowered").share, 500);
    // another account's is its own affair
    ledger.lower_cap("rate/netgsm/other", "netgsm:80", half).await.unwrap();
    let (mut releaser, mut worker) = releaser_told(&ledger, 100, capped(4));
    assert_eq!(releaser.tick().await.unwrap().released, 4, "two seconds of half the cap");
    assert_eq!(out(&mut worker).len(), 4);
}
