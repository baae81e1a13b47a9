//! One suite on both engines: nothing may be run on one of them only without being in that engine's own folder.

use std::collections::BTreeSet;

/// The files that a suite runs.
fn files(root: &'static str) -> BTreeSet<&'static str> {
    root.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';')).collect()
}

#[test]
fn the_suites_of_both_engines_differ_in_one_folder_each() {
    let postgres = files(include_str!("main.rs"));
    let sqlite = files(include_str!("on_sqlite.rs"));
    assert!(postgres.len() > 15, "{postgres:?}");
    let differ: Vec<_> = postgres.symmetric_difference(&sqlite).copied().collect();
    assert_eq!(differ, ["postgres", "sqlite"]);
}
