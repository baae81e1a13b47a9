//! The same event three times is one message; the books count two duplicates.

use crate::harness::{Installation, Options, reminder};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_event_three_times_is_one_message() {
    let clinic = Installation::start(Options { workers: 2, ..Options::default() }).await;
    let event = reminder("thrice");
    for _ in 0..3 {
        clinic.publish(&event).await;
    }
    clinic.until_state(&event, "accepted", "").await;
    let duplicates = "SELECT count(*) FROM record WHERE kind = 'duplicate'";
    clinic
        .until("two duplicates", async || (clinic.number(duplicates).await == 2).then_some(()))
        .await;

    let books = clinic.balance().await;
    assert_eq!(books["received"], 1, "{books}");
    assert_eq!(books["duplicates"], 2, "{books}");
    let messages = clinic.until_accepted(1).await;
    assert_eq!(messages[0].to, event.national());
    clinic.finish().await;
}
