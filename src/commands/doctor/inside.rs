//! Configuration, broker, database, clock, lanes, texts.

use std::path::Path;

use bus::{BusError, BusSettings};
use ledger::lanes::{Lane, LaneState};
use ledger::server::Server;
use ledger::{Ledger, LedgerError};

use super::{Finding, file};
use crate::commands::desk::local;
use crate::commands::{Failure, Settings, publish};
use crate::config::ConfigError;
use crate::start;

/// Oldest broker with quorum queues as we need them (DESIGN §3.2).
const OLDEST_BROKER: (u32, u32) = (3, 10);
/// A clock further off than this makes decisions wrong (PROTOCOL rule 15), milliseconds.
const CLOCK_FAIL_MS: i64 = 5_000;
/// A clock further off than this will be.
const CLOCK_WARN_MS: i64 = 1_000;

/// Everything that is missing for the processes that this database is for.
pub(super) fn configuration(settings: &Settings) -> Vec<Finding> {
    let mut errors: Vec<ConfigError> = Vec::new();
    for purpose in settings.config.processes() {
        let missing = settings.config.check_for(*purpose, &settings.types).err();
        for error in missing.unwrap_or_default() {
            if !errors.contains(&error) {
                errors.push(error);
            }
        }
    }
    if errors.is_empty() {
        let clinics = settings.config.clinics.len();
        let whom = match settings.config.database.file {
            Some(_) => "`ulak up`",
            None => "worker, scheduler and `ulak up`",
        };
        let said = format!("complete for {whom}; clinics: {clinics}");
        return vec![Finding::ok("configuration", said)];
    }
    let todo = "set it in the configuration; `ulak config show` prints where each value comes from";
    errors.iter().map(|e| Finding::fail("configuration", e.to_string(), todo)).collect()
}

/// The broker's version, and whether everything is there with the right arguments.
pub(super) async fn broker(settings: &Settings) -> Vec<Finding> {
    let Some(url) = &settings.config.broker.url else {
        return vec![Finding::ok("broker", "none: what is due is taken from the ledger itself")];
    };
    let topology = publish::topology(&settings.registry);
    let inspected = match topology.inspect(&BusSettings::new(url.secret(), "doctor")).await {
        Ok(inspected) => inspected,
        Err(error) => {
            let todo = match &error {
                BusError::Unreachable { .. } | BusError::Timeout { .. } => {
                    "start RabbitMQ, or mend host and port in broker.url"
                }
                BusError::AccessRefused { .. } => {
                    "mend user, password and vhost in broker.url, or `rabbitmqctl set_permissions`"
                }
                BusError::Mismatch { .. } => "do what the line says, then start again",
                _ => "look into RabbitMQ's own log",
            };
            return vec![Finding::fail("broker", error.to_string(), todo)];
        }
    };
    let name = if inspected.product.is_empty() {
        "RabbitMQ (its version is not told over TLS)".to_owned()
    } else {
        inspected.product
    };
    let mut findings = vec![match version(&name) {
        Some(found) if found < OLDEST_BROKER => Finding::fail(
            "broker",
            format!("{name} is too old"),
            "use RabbitMQ 3.10 or newer: quorum queues with at-least-once dead lettering are needed",
        ),
        _ => Finding::ok("broker", name),
    }];
    findings.push(if inspected.missing.is_empty() {
        Finding::ok("topology", "all exchanges and queues are there, with the right arguments")
    } else {
        let said = format!("not there: {}", inspected.missing.join(", "));
        Finding::warn(
            "topology",
            said,
            "`ulak migrate` declares them; every process does, too, when it starts",
        )
    });
    findings
}

/// Major and minor of `RabbitMQ 3.10.8`.
fn version(name: &str) -> Option<(u32, u32)> {
    let mut parts = name.split_whitespace().nth(1)?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// The database and its clock; the ledger, if it opens.
pub(super) async fn database(settings: &Settings) -> (Option<Ledger>, Vec<Finding>) {
    let told = match start::ledger_settings(&settings.config, "doctor", 2) {
        Ok(told) => told,
        Err(failure) => return (None, vec![unconfigured(&failure)]),
    };
    let own = settings.config.database.file.as_deref();
    let ledger = match Ledger::open(&told).await {
        Ok(ledger) => ledger,
        Err(error) => return (None, vec![closed(&error, own)]),
    };
    let mut findings = match ledger.server().await {
        Ok(server) => match &server.file {
            Some(found) => {
                file::findings(&server, found, settings.config.database.max_mib.is_some())
            }
            None => postgres(&server),
        },
        Err(error) => vec![closed(&error, own)],
    };
    // the clock of a file's ledger is this machine's own
    if own.is_none() {
        findings.push(clock(ledger.clock().offset_ms()));
    }
    (Some(ledger), findings)
}

fn postgres(server: &Server) -> Vec<Finding> {
    let name = format!("PostgreSQL {}, schema {}", server.version, server.schema);
    let mut findings = vec![if server.standby || !server.writable {
        let said = format!("{name}: it cannot be written to");
        let todo = "point database.url to the primary, or grant the role its rights";
        Finding::fail("database", said, todo)
    } else {
        let said = format!("{name}, writable, commits are durable, the master key is the ledger's");
        Finding::ok("database", said)
    }];
    if server.followers > 0 && !server.synchronous {
        findings.push(Finding::warn(
            "database",
            format!("{} standby server(s) follow without being waited for", server.followers),
            "set synchronous_standby_names before you fail over automatically: else what was sent is forgotten, and may be sent again",
        ));
    }
    findings
}

fn unconfigured(failure: &Failure) -> Finding {
    let said = failure.lines().join("; ");
    Finding::fail("database", format!("not checked: {said}"), "mend the configuration first")
}

/// Why the ledger does not open; `own` is the file of one on SQLite.
fn closed(error: &LedgerError, own: Option<&Path>) -> Finding {
    let todo = match error {
        LedgerError::Unsafe(_) if own.is_some() => "do what the line says, then start again",
        LedgerError::Away(_) | LedgerError::Login(_) if own.is_some() => {
            "look at the file's rights and disk; while `ulak up` runs it may be busy for a moment"
        }
        LedgerError::Schema(line) if line.contains("newer") => {
            "install the ulak that last worked with this ledger, or a newer one"
        }
        LedgerError::Schema(_) if own.is_some() => {
            "start `ulak up`, which makes the ledger, or run `ulak migrate`"
        }
        LedgerError::Corrupt(_) | LedgerError::Statement(_) | LedgerError::Conflict
            if own.is_some() =>
        {
            "check the file with `sqlite3 FILE 'PRAGMA integrity_check'`, and report what the line says"
        }
        LedgerError::Away(_) => "start PostgreSQL, or mend host, port and database in database.url",
        LedgerError::Login(_) => "mend user, password and database name in database.url",
        LedgerError::Unsafe(_) => "do what the line says in postgresql.conf and restart PostgreSQL",
        LedgerError::Key(_) => {
            "put back the master key that this ledger was made with; without it no body opens"
        }
        LedgerError::Schema(_) => "run `ulak migrate`",
        LedgerError::Corrupt(_) | LedgerError::Statement(_) | LedgerError::Conflict => {
            "look into PostgreSQL's log"
        }
    };
    Finding::fail("database", error.to_string(), todo)
}

fn clock(offset_ms: i64) -> Finding {
    let said = format!("{} ms off the database's", offset_ms.abs());
    let todo =
        "let this machine and the database's follow a time server (chrony, systemd-timesyncd)";
    match offset_ms.abs() {
        0..=CLOCK_WARN_MS => Finding::ok("clock", said),
        off if off <= CLOCK_FAIL_MS => Finding::warn("clock", said, todo),
        _ => Finding::fail("clock", format!("{said}: processes are not ready above 5 s"), todo),
    }
}

/// Lanes that are not simply open.
pub(super) fn lanes(lanes: &[Lane]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = lanes
        .iter()
        .filter(|lane| lane.state != LaneState::Open)
        .map(|lane| {
            let (word, todo) = if lane.is_paused() {
                ("paused", format!("`ulak lane resume {} --reason …` when it may go on", lane.lane))
            } else {
                (
                    lane.state.as_str(),
                    "mend the account if it is named below; it is probed by itself, `ulak lane resume` probes it at once"
                        .to_owned(),
                )
            };
            let said = format!("{} is {word} since {}: {}", lane.lane, local(lane.since), lane.why);
            Finding::warn("lane", said, todo)
        })
        .collect();
    if findings.is_empty() {
        findings.push(Finding::ok("lanes", "all open"));
    }
    findings
}

/// All texts of all types, languages and clinics.
pub(super) fn texts(settings: &Settings) -> Vec<Finding> {
    match start::renderer(settings) {
        Ok(renderer) => {
            let notes = renderer.notes();
            let mut findings = vec![Finding::ok("templates", "all texts load")];
            findings.extend(notes.iter().map(|note| {
                Finding::warn("templates", note.clone(), "shorten the text if the price matters")
            }));
            findings
        }
        Err(error) => {
            let todo = "mend the file at the line that is named; `docs/templates.md` lists what a text may use";
            vec![Finding::fail("templates", format!("{error:#}"), todo)]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;

    #[test]
    fn a_version_is_compared_by_major_and_minor() {
        assert_eq!(version("RabbitMQ 3.10.8"), Some((3, 10)));
        assert!(version("RabbitMQ 3.9.29") < Some(OLDEST_BROKER));
        assert!(version("RabbitMQ 4.1.0") > Some(OLDEST_BROKER));
        assert_eq!(version("RabbitMQ"), None);
    }

    #[test]
    fn a_clock_warns_before_it_fails() {
        let status = |ms| clock(ms).status;
        assert_eq!(
            [status(-3), status(-1_001), status(5_001)],
            [Status::Ok, Status::Warn, Status::Fail]
        );
    }

    #[test]
    fn each_trouble_of_the_database_says_what_to_do() {
        let schema = LedgerError::Schema("tables are missing".to_owned());
        assert_eq!(closed(&schema, None).todo.as_deref(), Some("run `ulak migrate`"));
        let own = closed(&schema, Some(Path::new("ulak.db")));
        assert!(own.todo.is_some_and(|todo| todo.contains("`ulak up`")));
        let newer = LedgerError::Schema("the ledger has schema 9: start a newer ulak".to_owned());
        for own in [None, Some(Path::new("ulak.db"))] {
            let todo = closed(&newer, own).todo.expect("something to do");
            assert!(todo.contains("newer") && !todo.contains('`'), "{todo}");
            let away = closed(&LedgerError::Away("x".to_owned()), own);
            assert_eq!(away.status, Status::Fail);
            assert_eq!(away.todo.is_some_and(|todo| todo.contains("PostgreSQL")), own.is_none());
        }
    }
}
