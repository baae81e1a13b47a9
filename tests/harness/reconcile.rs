//! Reconciliation in seconds instead of minutes: both sides are told the same factor.

use simulator::Script;

use super::installation::Options;

/// Queries of the report that an account has a minute, at the twin.
const QUERIES: u32 = 600;

/// Looks a second after one another, as often as the twin answers.
pub const SETTINGS: [(&str, &str); 3] = [
    ("ULAK_RECONCILE__SETTLE", "1s,1s,1s"),
    ("ULAK_RECONCILE__GIVE_UP", "60s"),
    ("ULAK_PROVIDERS__NETGSM__QUERIES_PER_MIN", "600"),
];

/// The twin shows a message in its report at once and answers as often as it is asked.
pub fn quick(script: &mut Script) {
    script.netgsm.report_queries_per_minute = QUERIES;
    script.netgsm.report_delay_ms = [0, 200];
    script.netgsm.delivery_ms = [0, 100];
}

/// For every process of an installation.
pub fn settings(options: Options) -> Options {
    SETTINGS.into_iter().fold(options, |options, (name, value)| options.set(name, value))
}
