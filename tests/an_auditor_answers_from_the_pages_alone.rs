//! Why did A-1042's patient get no reminder? An auditor logs in, searches, reads the story, opens personal data with a reason, and
//! takes the rows away, in a browser and nothing else. Until it is opened nothing personal is on any page, and that it was opened
//! stands in the story.

use simulator::{Consent, Script};

use crate::harness::audit::{Pages, token};
use crate::harness::event::PERSONAL;
use crate::harness::{Embedded, receipt, reminder};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_auditor_searches_reads_opens_with_a_reason_and_exports() {
    let clinic = Embedded::start(Script::default(), &[]).await;
    let (silent, sent) = (reminder("1042"), receipt("77"));
    clinic.outside.set_consent(silent.e164(), Consent::Ret).expect("a number");
    clinic.post(&silent).await;
    clinic.post(&sent).await;
    clinic.until_state(&silent, "suppressed", "no-consent").await;
    clinic.until_state(&sent, "accepted", "").await;
    let token = token(async |args| clinic.ulak(args).await, "auditor", None).await;
    let pages = Pages::of(&clinic.door).await;

    // nobody sees anything before the login, and comes back to where he wanted to go
    pages.at(&format!("/audit/messages/{}", silent.ntf())).await;
    assert_eq!(pages.path().await, "/audit/login");
    pages.fill("input[name=token]", "ulak_nobodys").await;
    pages.go_by("main button[type=submit]").await;
    assert_eq!(pages.path().await, "/audit/login");
    pages.fill("input[name=token]", &token).await;
    pages.go_by("main button[type=submit]").await;
    assert_eq!(pages.path().await, format!("/audit/messages/{}", silent.ntf()));

    // by the appointment's id, which stays out of the address
    pages.at("/audit").await;
    pages.fill("input[name=appointment]", "A-1042").await;
    pages.go_by("main form[method=post] button[type=submit]").await;
    let place = pages.place().await;
    assert!(place.starts_with("/audit?") && !place.contains("1042"), "{place}");
    let found = pages.all(&format!("main a[href='/audit/messages/{}']", silent.ntf())).await;
    assert_eq!(found.len(), 1, "{}", pages.source().await);
    let other = pages.all(&format!("main a[href='/audit/messages/{}']", sent.ntf())).await;
    assert!(other.is_empty(), "the other message is about something else");
    pages.follow(&found[0]).await;
    let story = pages.read("main").await;
    assert!(story.contains("no-consent") && story.contains("İYS"), "{story}");
    hides(&pages, silent.national()).await;

    // without a reason nothing is opened; with one it is, and that is on record
    let open = format!("main form[action='/audit/messages/{}/open']", silent.ntf());
    pages.fill(&format!("{open} [name=reason]"), "test").await;
    // the browser itself holds a reason back that is too short
    pages.press(&format!("{open} button[type=submit]")).await;
    hides(&pages, silent.national()).await;
    let why = "the patient asks why no reminder came, ticket 5";
    pages.fill(&format!("{open} [name=reason]"), why).await;
    pages.go_by(&format!("{open} button[type=submit]")).await;
    let opened = pages.read("main").await;
    assert!(opened.contains("Ayşe Yılmaz"), "{opened}");
    assert!(opened.replace(' ', "").contains(silent.national()), "{opened}");
    pages.at(&format!("/audit/messages/{}", silent.ntf())).await;
    let story = pages.read("main").await;
    assert!(story.contains(why), "that it was opened stands in the story: {story}");
    hides(&pages, silent.national()).await;

    // everything that was found, as a file without anything personal
    pages.at("/audit").await;
    pages.press("main a[href*='/audit/export.csv']").await;
    let (name, file) = pages.downloaded().await;
    assert!(name.strip_suffix(".csv").is_some(), "{name}");
    assert!(file.contains(&silent.ntf()) && file.contains(&sent.ntf()), "{file}");
    for secret in PERSONAL.iter().copied().chain([silent.national(), sent.national()]) {
        assert!(!file.contains(secret), "{secret} was exported: {file}");
    }
    pages.at("/audit/access").await;
    let accesses = pages.read("main").await;
    assert!(accesses.contains(why), "{accesses}");
    pages.close().await;
    clinic.finish().await;
}

/// Nothing on the page is personal.
async fn hides(pages: &Pages, national: &str) {
    let source = pages.source().await;
    for secret in PERSONAL.iter().copied().chain([national]) {
        assert!(!source.contains(secret), "{secret} is shown at {}", pages.place().await);
    }
}
