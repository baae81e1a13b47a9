//! Lanes that a person steers.

use super::Installation;

/// A worker reads the lanes twice a second. What it sends before it knows of a pause is no fault, but would spoil the scenario.
pub async fn until_workers_know(clinic: &Installation) {
    let read = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ulak worker' AND state = 'idle' \
        AND query LIKE 'SELECT lane, state, why%' AND query_start > \
        (SELECT to_timestamp(max(at) / 1000.0) FROM record WHERE kind = 'lane') + interval '100 milliseconds'";
    clinic
        .until("the worker reads the lanes", async || (clinic.number(read).await > 0).then_some(()))
        .await;
}
