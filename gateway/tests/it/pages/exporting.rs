//! Rows as a file.

use super::browser::{Browser, on_record};
use crate::house::{CLINIC, OTHER, open, receipt, with};
use ledger::access::{AccessKind, Role};
use serde_json::Value;

#[tokio::test]
async fn what_a_filter_finds_is_taken_away_masked_and_on_record() {
    let mut house = open().await;
    for n in 0..3 {
        house.send(&receipt(&format!("e{n}"))).await;
    }
    house.token =
        house.ledger.create_token(OTHER, "", "tester@here").await.unwrap().token.to_string();
    let theirs = with(receipt("other"), "/source", format!("/clinics/{OTHER}"));
    assert_eq!(house.send(&theirs).await.status, 202);
    let mut browser = Browser::of(&house, Role::Clinic, Some(CLINIC)).await;
    let page = browser.get("/audit?state=waiting").await;
    let csv = browser.get(&page.link("/audit/export.csv?")).await;
    assert_eq!(csv.status, 200);
    assert!(csv.header("content-type").starts_with("text/csv"), "{csv:?}");
    assert!(csv.header("content-disposition").starts_with("attachment; filename=\"ulak-"));
    assert_eq!(csv.text.lines().count(), 4, "{}", csv.text);
    let lines = browser.get(&page.link("/audit/export.jsonl?")).await;
    let rows: Vec<Value> =
        lines.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 3, "{}", lines.text);
    for text in [&csv.text, &lines.text] {
        for hidden in ["Ayşe", "Yılmaz", "5321234567", OTHER] {
            assert!(!text.contains(hidden), "{hidden} in {text}");
        }
    }
    let taken: Vec<_> = on_record(&house)
        .await
        .into_iter()
        .filter_map(|one| match one.access.what {
            AccessKind::Exported { rows, filter } => Some((rows, filter, one.access.clinic)),
            _ => None,
        })
        .collect();
    assert_eq!(taken.len(), 2, "{taken:?}");
    for (rows, filter, clinic) in &taken {
        assert_eq!((*rows, clinic.as_str()), (3, CLINIC));
        assert!(filter.contains("waiting"), "{filter}");
    }
    let mut auditor = Browser::of(&house, Role::Auditor, None).await;
    auditor.get(&format!("/audit/export.csv?clinic={OTHER}")).await;
    let last = on_record(&house).await.into_iter().take(2);
    let last: Vec<_> = last.map(|one| (one.access.clinic, one.access.what)).collect();
    let of_other = last.iter().all(|(clinic, _)| clinic == OTHER);
    assert!(of_other && matches!(last[0].1, AccessKind::Exported { rows: 1, .. }), "{last:?}");
    assert_eq!(browser.get("/audit/export.csv?state=nonsense").await.status, 422);
    let head = browser.head("/audit/export.csv").await;
    assert_eq!(head.status, 200);
    assert_eq!(
        on_record(&house)
            .await
            .iter()
            .filter(|one| matches!(one.access.what, AccessKind::Exported { .. }))
            .count(),
        3
    );
}
