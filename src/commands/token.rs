//! `ulak token …`: who may use the HTTP door.

use std::io::{self, Write as _};

use anyhow::anyhow;
use ledger::tokens::{ListedToken, Revoked};
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

async fn create(desk: &Desk, args: &CreateArgs) -> Result<(), Failure> {
    let clinics = &desk.settings.config.clinics;
    if !clinics.contains_key(&args.clinic) {
        let known: Vec<&str> = clinics.keys().map(schemas::ClinicId::as_str).collect();
        let known = if known.is_empty() {
            "none is configured yet; describe it under [clinics.<id>]".to_owned()
        } else {
            format!("use one of {}", known.join(", "))
        };
        return Err(
            anyhow!("{} is no clinic of this installation: {known}", args.clinic.as_str()).into()
        );
    }
    let clinic = args.clinic.as_str();
    let label = args.label.as_deref().unwrap_or_default();
    let made = desk.ledger.create_token(clinic, label, &operator::name()).await;
    let made = made.map_err(start::ledger_failure)?;
    if desk.json {
        say(json!({ "id": made.id, "clinic": clinic, "label": label, "token": *made.token }))?;
        return Ok(());
    }
    say(&*made.token)?;
    // on standard error, so that the token alone can be piped to where it is kept
    writeln!(
        io::stderr().lock(),
        "this is the only time that it is shown; it speaks for clinic {clinic}; `ulak token revoke {}` ends it",
        made.id
    )?;
    Ok(())
}

async fn list(desk: &Desk) -> Result<(), Failure> {
    for token in desk.ledger.tokens().await.map_err(start::ledger_failure)? {
        let ListedToken { id, clinic, label, created_at, revoked_at } = token;
        if desk.json {
            say(json!({
                "id": id, "clinic": clinic, "label": label, "created_at": instant(created_at),
                "revoked_at": revoked_at.map(instant),
            }))?;
            continue;
        }
        let state = revoked_at.map_or("good".to_owned(), |at| format!("revoked {}", local(at)));
        let line = format!("{id}  {clinic:<20}  made {}  {state:<33}  {label}", local(created_at));
        say(line.trim_end())?;
    }
    Ok(())
}

async fn revoke(desk: &Desk, args: &RevokeArgs) -> Result<(), Failure> {
    let revoked = desk.ledger.revoke_token(&args.id, &operator::name()).await;
    let (word, said) = match revoked.map_err(start::ledger_failure)? {
        Revoked::Now => ("now", "is revoked: requests with it are refused from now on".to_owned()),
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
