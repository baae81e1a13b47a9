//! The pages without a mouse: the first Tab offers to skip to what matters, everything is reached in the order in which it stands, what
//! has the focus is seen, and Enter and Space do what a click does.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use simulator::{Consent, Script};

use crate::harness::audit::{Pages, token};
use crate::harness::browser::key;
use crate::harness::{Embedded, reminder};

/// Tabs after which a page must have ended.
const MOST: usize = 400;
/// What the focus is on: its number among all that can have it, whether it is marked, and whether it is on the screen.
const FOCUS: &str = "const all = [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex=\"0\"]')] \
       .filter(e => e.checkVisibility()); \
     const e = document.activeElement, s = getComputedStyle(e), r = e.getBoundingClientRect(); \
     return { at: all.indexOf(e), all: all.length, name: e.tagName + ' ' + (e.id || e.name || e.innerText || ''), \
       marked: (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2) || s.boxShadow !== 'none', \
       seen: r.width > 0 && r.height > 0 && r.bottom > 0 && r.top < innerHeight && r.right > 0 && r.left < innerWidth };";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_reached_in_order_seen_and_done_by_keys() {
    let clinic = Embedded::start(Script::default(), &[]).await;
    let event = reminder("1042");
    clinic.outside.set_consent(event.e164(), Consent::Ret).expect("a number");
    clinic.post(&event).await;
    clinic.until_state(&event, "suppressed", "no-consent").await;
    let token = token(async |args| clinic.ulak(args).await, "admin", None).await;
    let pages = Pages::of(&clinic.door).await;

    pages.at("/audit/login").await;
    skip(&pages).await;
    to(&pages, "INPUT token").await;
    pages.keys(&token).await;
    pages.keys(key::ENTER).await;
    pages.find("form[role=search]").await;
    for path in [
        "/audit",
        "/audit/books",
        "/audit/dead-letters",
        "/audit/lanes",
        "/audit/access",
        "/audit/session",
    ] {
        pages.at(path).await;
        walk(&pages, path).await;
    }

    // from the search to a story, and back out, without a click
    pages.at("/audit").await;
    skip(&pages).await;
    to(&pages, "INPUT appointment").await;
    pages.keys("A-1042").await;
    pages.keys(key::ENTER).await;
    pages.find(".about").await;
    let link = format!(
        "return document.activeElement.getAttribute('href') === '/audit/messages/{}'",
        event.ntf()
    );
    for _ in 0..MOST {
        if pages.script(&link, json!([])).await == true {
            break;
        }
        pages.keys(key::TAB).await;
    }
    pages.keys(key::ENTER).await;
    pages.find("form[action$='/open']").await;
    to(&pages, "TEXTAREA reason").await;
    pages.keys("the patient asks why no reminder came").await;
    pages.keys(key::TAB).await;
    pages.keys(key::SPACE).await;
    pages.find(".told").await;
    assert!(pages.read("main").await.contains("Ayşe Yılmaz"));
    pages.close().await;
    clinic.finish().await;
}

async fn focus(pages: &Pages) -> Value {
    pages.script(FOCUS, json!([])).await
}

/// The first Tab is on the link that skips to what matters; Enter goes there.
async fn skip(pages: &Pages) {
    pages.keys(key::TAB).await;
    let first = focus(pages).await;
    assert_eq!(
        (&first["at"], &first["marked"], &first["seen"]),
        (&0.into(), &true.into(), &true.into()),
        "{first}"
    );
    pages.keys(key::ENTER).await;
    assert!(pages.url().await.ends_with("#main"));
    let main = pages.focused().await;
    assert_eq!(pages.attribute(&main, "id").await.as_deref(), Some("main"));
}

/// Tabs on until this has the focus.
async fn to(pages: &Pages, name: &str) {
    let mut seen = vec![];
    for _ in 0..MOST {
        pages.keys(key::TAB).await;
        let now = focus(pages).await;
        if now["name"] == name {
            return;
        }
        seen.push(now["name"].clone());
    }
    panic!("{name} is not reached: {seen:?}");
}

/// Tabs through a page: everything once, in the order in which it stands, marked and on the screen.
async fn walk(pages: &Pages, path: &str) {
    let (mut last, mut reached, mut end) = (-1, BTreeSet::new(), Value::Null);
    for _ in 0..MOST {
        pages.keys(key::TAB).await;
        let now = focus(pages).await;
        let at = now["at"].as_i64().expect("a number");
        if at < last || at < 0 {
            end = now;
            break;
        }
        assert_eq!((&now["marked"], &now["seen"]), (&true.into(), &true.into()), "{path}: {now}");
        reached.insert(at);
        last = at;
    }
    let all = focus(pages).await["all"].as_u64().expect("a number");
    assert_eq!(reached.len() as u64, all, "{path}: {reached:?}, then {end}");
}
