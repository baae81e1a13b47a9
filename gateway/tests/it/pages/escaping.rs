//! Texts from outside are texts on a page, never a part of it.

use super::browser::Browser;
use crate::house::{booking, open, receipt, with};
use ledger::access::Role;

const HOSTILE: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7 }}&amp;";

#[tokio::test]
async fn hostile_ids_names_and_reasons_are_escaped_wherever_they_are_shown() {
    let house = open().await;
    let hostile = with(receipt("P-1"), "/id", HOSTILE);
    let taken = house.send(&hostile).await;
    assert_eq!(taken.status, 202, "{}", taken.text);
    let ntf = taken.json()["notifications"][0]["id"].as_str().unwrap().to_owned();
    let fact = house.send(&with(booking("A-1"), "/id", HOSTILE)).await.json();
    let fact = fact["facts"][0]["id"].as_str().unwrap().to_owned();
    let mut browser = Browser::of(&house, Role::Admin, None).await;
    let mut encoded = form_urlencoded::Serializer::new(String::new());
    for name in ["from", "provider", "reason", "event", "said", "token", "next"] {
        encoded.append_pair(name, HOSTILE);
    }
    let query = encoded.finish();
    let mut pages = vec![
        browser.get("/audit").await,
        browser.get(&format!("/audit?{query}")).await,
        browser.get(&format!("/audit/messages/{ntf}?{query}")).await,
        browser.get(&format!("/audit/facts/{fact}")).await,
        browser.get(&format!("/audit/access?{query}")).await,
        browser.get(&format!("/audit/login?{query}")).await,
    ];
    browser.get("/audit").await;
    pages.push(browser.post("/audit", &[("appointment", HOSTILE)]).await);
    let long = format!("{HOSTILE} because of the complaint");
    let open = format!("/audit/messages/{ntf}/open");
    pages.push(browser.post(&open, &[("reason", "<b>x</b>")]).await);
    pages.push(browser.post(&open, &[("reason", &long)]).await);
    pages.push(browser.get("/audit/access").await);
    let mut shown = 0;
    for page in &pages {
        assert!([200, 422].contains(&page.status), "{page:?}");
        for dangerous in ["<script", "<img", "<b>x", "onerror=alert(2)>", "49&amp;"] {
            assert!(!page.text.contains(dangerous), "{dangerous} in {}", page.text);
        }
        shown += usize::from(page.text.contains("&lt;script&gt;"));
    }
    assert!(shown >= 7, "{shown}");
}
