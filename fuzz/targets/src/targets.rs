//! The targets, one for each family of parsers.

mod config;
mod events;
mod hooks;
mod http;
pub(crate) mod import;
mod iys;
mod keys;
mod netgsm;
mod people;
mod texts;
mod times;
mod twilio;

use crate::{Shape, Target, corpus};

/// Reads the embedded schemas once.
pub(crate) fn registry() -> &'static schemas::Registry {
    static REGISTRY: std::sync::LazyLock<schemas::Registry> =
        std::sync::LazyLock::new(|| schemas::Registry::embedded().expect("embedded schemas"));
    &REGISTRY
}

const fn target(
    name: &'static str,
    run: fn(&[u8]),
    corpus: fn() -> Vec<Vec<u8>>,
    (shape, head, in_ci): (Shape, usize, u64),
) -> Target {
    Target { name, run, corpus, shape, head, in_ci }
}

/// All of them. The last number is what CI runs at least, without optimisation.
pub const TARGETS: &[Target] = &[
    target(
        "event",
        events::event,
        || corpus::headed(1, corpus::notifications()),
        (Shape::Json, 1, 6_000),
    ),
    target("fact", events::fact, || corpus::headed(1, corpus::facts()), (Shape::Json, 1, 6_000)),
    target(
        "canonical",
        events::canonical,
        || [corpus::notifications(), corpus::twilio()].concat(),
        (Shape::Json, 0, 20_000),
    ),
    target(
        "reopen",
        events::reopen,
        || [corpus::notifications(), corpus::facts()].concat(),
        (Shape::Json, 0, 6_000),
    ),
    target("phone", people::phone, people::phones, (Shape::Text, 0, 20_000)),
    target("person", people::person, people::names, (Shape::Text, 0, 20_000)),
    target("identifier", people::identifier, people::identifiers, (Shape::Text, 0, 20_000)),
    target("money", texts::money, texts::amounts, (Shape::Text, 0, 20_000)),
    target("instant", times::instant, times::instants, (Shape::Text, 0, 20_000)),
    target("reminder_rule", times::reminder_rule, times::rules, (Shape::Text, 0, 20_000)),
    target("quiet_hours", times::quiet_hours, times::moments, (Shape::Bytes, 0, 20_000)),
    target(
        "render",
        texts::render,
        || corpus::headed(4, corpus::taken(&corpus::events("ulak."))),
        (Shape::Json, 4, 3_000),
    ),
    target("segments", texts::segments, texts::messages, (Shape::Text, 0, 20_000)),
    target("suffix", texts::suffix, texts::words, (Shape::Text, 2, 20_000)),
    target("mask", texts::mask, texts::masked, (Shape::Text, 0, 10_000)),
    target(
        "netgsm_send",
        netgsm::send,
        || corpus::headed(4, corpus::netgsm()),
        (Shape::Json, 4, 10_000),
    ),
    target(
        "netgsm_report",
        netgsm::report,
        || corpus::headed(4, corpus::netgsm()),
        (Shape::Json, 4, 10_000),
    ),
    target(
        "netgsm_account",
        netgsm::account,
        || corpus::headed(4, corpus::netgsm()),
        (Shape::Json, 4, 10_000),
    ),
    target(
        "netgsm_consent",
        netgsm::consent,
        || corpus::headed(4, corpus::netgsm()),
        (Shape::Json, 4, 10_000),
    ),
    target("iys_token", iys::token, corpus::iys, (Shape::Json, 0, 20_000)),
    target(
        "iys_consent",
        iys::consent,
        || corpus::headed(4, corpus::iys()),
        (Shape::Json, 4, 10_000),
    ),
    target(
        "twilio_send",
        twilio::send,
        || corpus::headed(4, corpus::twilio()),
        (Shape::Json, 4, 10_000),
    ),
    target(
        "twilio_list",
        twilio::list,
        || corpus::headed(4, corpus::twilio()),
        (Shape::Json, 4, 10_000),
    ),
    target(
        "twilio_account",
        twilio::account,
        || corpus::headed(4, corpus::twilio()),
        (Shape::Json, 4, 10_000),
    ),
    target("twilio_callback", twilio::callback, twilio::callbacks, (Shape::Text, 0, 10_000)),
    target("twilio_status", hooks::callback, hooks::callbacks, (Shape::Text, 0, 10_000)),
    target("meta_webhook", hooks::meta, hooks::metas, (Shape::Json, 0, 10_000)),
    target("webhook_query", hooks::query, hooks::queries, (Shape::Text, 0, 10_000)),
    target("http_events", http::events, http::bodies, (Shape::Json, 0, 5_000)),
    target("http_headers", http::headers, http::all_headers, (Shape::Text, 0, 20_000)),
    target("http_cursor", http::cursor, http::cursors, (Shape::Text, 0, 20_000)),
    target("config_value", config::value, config::values, (Shape::Text, 0, 10_000)),
    target("config_file", config::file, corpus::configurations, (Shape::Text, 0, 300)),
    target("import_csv", import::csv, corpus::csv, (Shape::Bytes, 0, 3_000)),
    target("import_xlsx", import::xlsx, corpus::workbooks, (Shape::Bytes, 0, 1_000)),
    target("import_parts", import::parts, corpus::workbook_parts, (Shape::Text, 0, 1_000)),
    target("record", keys::record, keys::records, (Shape::Json, 0, 10_000)),
    target("sealed", keys::sealed, keys::ciphertexts, (Shape::Text, 0, 10_000)),
    target("broker_headers", keys::headers, keys::tables, (Shape::Bytes, 0, 20_000)),
];

/// The target of that name.
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
