//! What workers know of lanes.

use super::Installation;

/// A worker reads the lanes twice a second. What it sends before it knows of a pause is no fault, but would spoil the scenario. It knows
/// what a read said once it begins the next one.
pub async fn until_workers_know(clinic: &Installation) {
    let told = "SELECT max(at) * 1000 + 100000 FROM record WHERE kind = 'lane'";
    let mut after = clinic.number(told).await;
    for what in ["the worker reads the lanes", "the worker has read the lanes"] {
        // others run beside this one, on databases of their own
        let read = "SELECT coalesce(max(CAST(extract(epoch FROM query_start) * 1000000 AS BIGINT)), 0) FROM pg_stat_activity \
            WHERE datname = current_database() AND application_name = 'ulak worker' AND query LIKE 'SELECT lane, state, why%'";
        let later = async || Some(clinic.number(read).await).filter(|read| *read > after);
        after = clinic.until(what, later).await;
    }
}
