//! `ulak token …`: who may use the HTTP door, and who may log in to the pages.

use std::io::{self, Write as _};

use anyhow::anyhow;
use ledger::access::Role;
use ledger::tokens::{ListedToken, Revoked, TokenAsk};
use schemas::ClinicId;
use serde_json::json;

use super::desk::{Desk, instant, local, with_ledger};
use super::{Failure, say};
use crate::cli::Global;
use crate::cli::token::{CreateArgs, RevokeArgs, TokenCommand};
use crate::{operator, start};

/// Runs the command.
///
/// # Errors
/// The ledger is not there, the clinic is not configured, or there is no such token.
pub fn run(global: &Global, command: &TokenCommand) -> Result<(), Failure> {
    with_ledger(global, async |desk| match command {
        TokenCommand::Create(args) => create(desk, args).await,
        TokenCommand::List => list(desk).await,
        TokenCommand::Revoke(args) => revoke(desk, args).await,
    })
}

/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

async fn create(desk: &Desk, args: &CreateArgs) -> Result<(), Failure> {
    if let Some(clinic) = &args.clinic {
        is_known(desk, clinic)?;
    }
    let ask = TokenAsk {
        role: args.role,
        clinic: args.clinic.as_ref().map(|clinic| clinic.as_str().to_owned()),
        label: args.label.clone().unwrap_or_default(),
        lasts_ms: args.days.map(|days| i64::from(days) * DAY_MS),
    };
    if let Some(wrong) = ask.wrong() {
        return Err(anyhow!("{wrong}; `ulak token create --help` shows examples").into());
    }
    let made = desk.ledger.create_token_of(&ask, &operator::name()).await;
    let made = made.map_err(start::ledger_failure)?;
    if desk.json {
        say(json!({
            "id": made.id, "role": ask.role, "clinic": ask.clinic, "label": ask.label,
            "expires_at": made.expires_at.map(instant), "token": *made.token,
        }))?;
        return Ok(());
    }
    say(&*made.token)?;
    // on standard error, so that the token alone can be piped to where it is kept
    let until = made.expires_at.map(|at| format!(", until {}", local(at))).unwrap_or_default();
    writeln!(
        io::stderr().lock(),
        "this is the only time that it is shown; it {}{until}; `ulak token revoke {}` ends it",
        means(&ask),
        made.id
    )?;
    Ok(())
}

/// What the token is good for.
fn means(ask: &TokenAsk) -> String {
    match (ask.role, ask.clinic.as_deref()) {
        (Role::Door, clinic) => format!("speaks for clinic {}", clinic.unwrap_or_default()),
        (role, Some(clinic)) => {
            format!("logs in to the pages of clinic {clinic} as {role}")
        }
        (role, None) => format!("logs in to the pages of all clinics as {role}"),
    }
}

/// Whether the configuration describes the clinic.
fn is_known(desk: &Desk, clinic: &ClinicId) -> Result<(), Failure> {
    let clinics = &desk.settings.config.clinics;
    if clinics.contains_key(clinic) {
        return Ok(());
    }
    let known: Vec<&str> = clinics.keys().map(ClinicId::as_str).collect();
    let known = if known.is_empty() {
        "none is configured yet; describe it under [clinics.<id>]".to_owned()
    } else {
        format!("use one of {}", known.join(", "))
    };
    Err(anyhow!("{} is no clinic of this installation: {known}", clinic.as_str()).into())
}

async fn list(desk: &Desk) -> Result<(), Failure> {
    let now = desk.ledger.clock().now_ms();
    for token in desk.ledger.tokens().await.map_err(start::ledger_failure)? {
        let state = state_of(&token, now);
        let ListedToken { id, role, clinic, label, created_at, expires_at, revoked_at } = token;
        if desk.json {
            say(json!({
                "id": id, "role": role, "clinic": clinic, "label": label,
                "created_at": instant(created_at), "expires_at": expires_at.map(instant),
                "revoked_at": revoked_at.map(instant),
            }))?;
            continue;
        }
        let clinic = clinic.as_deref().unwrap_or("all clinics");
        let line = format!(
            "{id}  {role:<7}  {clinic:<20}  made {}  {state:<34}  {label}",
            local(created_at)
        );
        say(line.trim_end())?;
    }
    Ok(())
}

/// Whether it is good, until when, or since when not.
fn state_of(token: &ListedToken, now: i64) -> String {
    match (token.revoked_at, token.expires_at) {
        (Some(at), _) => format!("revoked {}", local(at)),
        (None, Some(at)) if token.has_expired(now) => format!("expired {}", local(at)),
        (None, Some(at)) => format!("until {}", local(at)),
        (None, None) => "good".to_owned(),
    }
}

async fn revoke(desk: &Desk, args: &RevokeArgs) -> Result<(), Failure> {
    let revoked = desk.ledger.revoke_token(&args.id, &operator::name()).await;
    let (word, said) = match revoked.map_err(start::ledger_failure)? {
        Revoked::Now => (
            "now",
            "is revoked: requests with it are refused from now on, and its sessions are over"
                .to_owned(),
        ),
        Revoked::Before(at) => ("before", format!("was revoked already, {}", local(at))),
        Revoked::Unknown => {
            // not repeated: somebody may have given the whole token
            return Err(anyhow!("there is no such token; `ulak token list` shows the ids").into());
        }
    };
    if desk.json {
        say(json!({ "id": args.id, "revoked": word }))?;
    } else {
        say(format_args!("{} {said}", args.id))?;
    }
    Ok(())
}
