//! What messages cost: segments times the price of the configuration, on the page of the books and as a metric; without a price it is
//! unknown, and no zero.

use simulator::Script;

use crate::harness::audit::{Pages, token};
use crate::harness::scrape;
use crate::harness::{Embedded, receipt, reminder};

const PRICE: (&str, &str) = ("ULAK_PROVIDERS__NETGSM__SEGMENT_PRICE", "0.215 TRY");

/// `0,43 ₺` for 430 thousandths.
fn lira(thousandths: u64) -> String {
    let digits = format!("{},{:03}", thousandths / 1_000, thousandths % 1_000);
    format!("{} ₺", digits.strip_suffix('0').unwrap_or(&digits))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_books_say_what_messages_cost_at_the_price_of_now() {
    let mut clinic = Embedded::start(Script::default(), &[]).await;
    let events = [receipt("1"), receipt("2"), reminder("3")];
    for event in &events[..2] {
        clinic.post(event).await;
        clinic.until_state(event, "accepted", "").await;
    }
    let token = token(async |args| clinic.ulak(args).await, "auditor", None).await;
    let pages = Pages::of(&clinic.door).await;
    pages.log_in(&token).await;
    pages.at("/audit/books").await;
    let unpriced = pages.read("main").await;
    assert!(pages.read("dl.facts").await.contains("bilinmiyor"), "{unpriced}");
    assert!(unpriced.contains("netgsm/default sms ("), "{unpriced}");
    assert!(!unpriced.contains('₺'), "{unpriced}");
    let metrics = scrape::get(&format!("{}/metrics", clinic.door)).await;
    assert!(!metrics.contains("ulak_cost_total"), "{metrics}");
    pages.close().await;

    // what was sent before the price was written is in the books, and not in the process's counter
    clinic.stopped().await;
    clinic.up(&[PRICE]).await;
    clinic.post(&events[2]).await;
    clinic.until_state(&events[2], "accepted", "").await;
    let ledger = clinic.ledger().await;
    let day = ledger.clock().now().with_timezone(&chrono_tz::Europe::Istanbul).date_naive();
    let days =
        ledger.days(None, day - chrono::Days::new(1), day, chrono_tz::Europe::Istanbul).await;
    let segments: i64 = days.expect("books").iter().map(ledger::days::DayBooks::segments).sum();
    ledger.close().await;
    let segments = u64::try_from(segments).expect("some");
    assert!(segments >= 3, "{segments}");
    let pages = Pages::of(&clinic.door).await;
    pages.log_in(&token).await;
    pages.at("/audit/books").await;
    let priced = pages.read("main").await;
    assert!(priced.contains("Maliyet (TRY)") && priced.contains(&lira(segments * 215)), "{priced}");
    assert!(priced.contains("netgsm/default/KLINIK × 0,215 ₺"), "{priced}");
    assert!(!priced.contains("netgsm/default sms ("), "{priced}");
    assert!(!pages.read("dl.facts").await.contains("bilinmiyor"), "{priced}");
    assert_eq!(pages.all("main svg[aria-labelledby^='cost-try']").await.len(), 1, "{priced}");
    assert_eq!(pages.axe().await, Vec::<String>::new());
    let metrics = scrape::read(&scrape::get(&format!("{}/metrics", clinic.door)).await);
    let account = ("account", "netgsm/default");
    let now = metrics.sum("ulak_segments_total", &[account]);
    let cost = metrics.sum("ulak_cost_total", &[account, ("currency", "TRY")]);
    assert!(now >= 1.0 && (cost - now * 0.215).abs() < 1e-9, "{now} segments, {cost} TRY");
    pages.close().await;
    clinic.finish().await;
}
