//! A move to another database takes every table and column along: what a migration adds is not forgotten.

use crate::engine;
use crate::place::fresh;
use std::collections::BTreeSet;

#[tokio::test]
async fn a_move_knows_every_table_and_column_of_the_schema() {
    let place = fresh().await;
    let there: Vec<String> =
        sqlx::query_scalar(engine::COLUMNS).fetch_all(&place.raw).await.unwrap();
    let there: BTreeSet<_> = there.into_iter().collect();
    let covered = ledger::carry::covered();
    let left: Vec<_> =
        covered.iter().filter(|(_, columns)| columns.is_empty()).map(|(table, _)| *table).collect();
    let moved: BTreeSet<_> = covered
        .iter()
        .flat_map(|(table, columns)| columns.iter().map(move |column| format!("{table}.{column}")))
        .collect();
    let named =
        |column: &&String| !left.iter().any(|table| column.starts_with(&format!("{table}.")));
    let there: BTreeSet<_> = there.iter().filter(named).collect();
    assert_eq!(there, moved.iter().collect::<BTreeSet<_>>());
    assert!(moved.contains("parked.ntf") && moved.contains("api_token.role"));
    // whoever copies a database takes nobody's open pages along
    assert!(left.contains(&"session") && left.contains(&"login_try"), "{left:?}");
}
