//! The pages in a browser that runs no scripts, and on none of them is there any: login, search, story, opening with a reason, dead
//! letters in two steps, another language, logout.

use ledger::report::Listed;
use ledger::state::State;
use simulator::Script;

use crate::harness::audit::{self, Pages, token};
use crate::harness::browser::Wishes;
use crate::harness::{Embedded, receipt};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_without_scripts_does_everything() {
    let clinic = Embedded::start(Script::default(), &[]).await;
    let sent = receipt("77");
    clinic.post(&sent).await;
    clinic.until_state(&sent, "accepted", "").await;
    let token = token(async |args| clinic.ulak(args).await, "admin", None).await;
    let wishes = Wishes { scripts: false, ..Wishes::default() };
    let pages = Pages::with(&clinic.door, wishes).await;
    // the browser is what it says: a page's own script does nothing
    pages.go("data:text/html,<title>before</title><script>document.title='after'</script>").await;
    assert_eq!(pages.title().await, "before");

    pages.log_in(&token).await;
    pages.fill("input[name=payment]", "P-77").await;
    pages.go_by("form[role=search] button[type=submit]").await;
    pages.go_by(&format!("main a[href='/audit/messages/{}']", sent.ntf())).await;
    pages.fill("textarea[name=reason]", "the clinic asks what was written").await;
    pages.go_by("form[action$='/open'] button").await;
    assert!(pages.read("main").await.contains("Mehmet Işık"));

    let parked = audit::given_up(&clinic).await;
    pages.at("/audit/dead-letters").await;
    pages.press("input[name=id]").await;
    pages.go_by("main form[method=post] button:not([formaction])").await;
    pages.fill("textarea[name=reason]", "the defect is mended").await;
    pages.go_by("main form button[type=submit]").await;
    let is_back = |row: &Listed| row.ntf == parked && row.state != State::DeadLettered;
    assert!(clinic.rows().await.iter().any(is_back), "{}", pages.read("main").await);

    for (verb, why) in [("pause", "the prices are wrong"), ("resume", "they are right again")] {
        pages.at("/audit/lanes").await;
        pages.go_by(&format!("main a[href*='{verb}=netgsm%2Fdefault%2FKLINIK']")).await;
        pages.fill("textarea[name=reason]", why).await;
        pages.go_by("main form button[type=submit]").await;
        let paused = verb == "pause";
        assert_eq!(pages.read("main table").await.contains(why), paused, "{verb}");
    }

    for path in ["/audit", "/audit/books", "/audit/dead-letters", "/audit/lanes", "/audit/access"] {
        pages.at(&format!("{path}?lang=en")).await;
        let source = pages.source().await;
        assert!(source.contains("lang=\"en\""), "{path}");
        assert!(!source.contains("<script") && !source.contains("javascript:"), "{path}: {source}");
    }
    pages.go_by("header form[action='/audit/logout'] button").await;
    pages.at("/audit").await;
    assert_eq!(pages.path().await, "/audit/login");
    pages.close().await;
    clinic.finish().await;
}
