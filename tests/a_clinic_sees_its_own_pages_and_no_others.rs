//! A clinic logs in to the pages of an installation of several: it sees its own messages, books and dead letters. Another clinic's id
//! is answered as if it were not there, lanes are none of its business, and who tried is on record.

use crate::harness::audit::{Pages, token};
use crate::harness::{Embedded, receipt, reminder};
use simulator::Script;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_clinics_id_is_refused_and_that_is_on_record() {
    let clinic = Embedded::start(Script::default(), &[]).await;
    let own = reminder("own");
    let theirs = receipt("theirs").of_clinic("besiktas");
    for event in [&own, &theirs] {
        clinic.post(event).await;
        clinic.until_state(event, "accepted", "").await;
    }
    let ulak = async |args: &[&str]| clinic.ulak(args).await;
    let pages = Pages::of(&clinic.door).await;
    pages.log_in(&token(ulak, "clinic", Some("atasehir")).await).await;
    let source = pages.source().await;
    assert!(source.contains(&own.ntf()) && !source.contains(&theirs.ntf()), "{source}");
    assert!(!source.contains("Beşiktaş"), "{source}");

    let missing = async |path: &str| {
        pages.at(path).await;
        let said = pages.read("main").await;
        assert!(!said.contains("Beşiktaş") && !said.contains(&theirs.ntf()), "{path}: {said}");
        said
    };
    let nowhere = missing("/audit/messages/ntf_aaaaaaaaaaaaaaaaaaaaaaaaaa").await;
    let refused = missing(&format!("/audit/messages/{}", theirs.ntf())).await;
    assert_eq!(nowhere, refused, "whether it is there is not told");
    for path in ["/audit?clinic=besiktas", "/audit/books?clinic=besiktas", "/audit/lanes"] {
        assert_eq!(missing(path).await, refused, "{path}");
    }
    pages.at("/audit/books").await;
    assert_eq!(pages.read("table.numbers tfoot td").await, "1", "received, its own only");
    // a day without failures has no plot of them
    assert_eq!(pages.all("svg.plot").await.len(), 4, "{}", pages.source().await);
    assert!(pages.all("nav a[href='/audit/lanes']").await.is_empty());
    assert!(pages.all("select[name=clinic] option[value=besiktas]").await.is_empty());
    pages.at("/audit/access").await;
    assert_ne!(pages.path().await, "/audit/login");
    assert!(!pages.source().await.contains(&own.ntf()), "a clinic does not see who did what");

    pages.forget().await;
    pages.log_in(&token(ulak, "auditor", None).await).await;
    pages.at("/audit/access").await;
    let seen = pages.read("main").await;
    assert!(seen.contains("/audit/messages/{ntf}") && seen.contains("/audit/books"), "{seen}");
    pages.close().await;
    clinic.finish().await;
}
