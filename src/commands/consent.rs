//! `ulak consent …`: the registry of what people said about being contacted.

mod check;
mod import;
mod saying;

use anyhow::anyhow;
use ledger::facts::WordBy;
use scheduler::facts::Told;
use schemas::{Channel, ClinicId, PhoneNumber};
use serde_json::json;

use super::desk::{Desk, instant, local, with_ledger};
use super::{Failure, say};
use crate::cli::Global;
use crate::cli::consent::{ConsentCommand, RecordArgs};
use crate::config::Clinic;
use crate::{operator, start};
use saying::Saying;

/// What records name as the place that a word came from.
const VIA: &str = "ulak consent record";

/// Runs the command.
///
/// # Errors
/// The ledger is not there, a value is wrong, or rows were left out.
pub fn run(global: &Global, command: &ConsentCommand) -> Result<(), Failure> {
    match command {
        ConsentCommand::Record(args) => with_ledger(global, async |desk| record(desk, args).await),
        ConsentCommand::Check(args) => {
            with_ledger(global, async |desk| check::run(desk, args).await)
        }
        ConsentCommand::Import(args) => {
            with_ledger(global, async |desk| import::run(desk, args).await)
        }
    }
}

async fn record(desk: &Desk, args: &RecordArgs) -> Result<(), Failure> {
    let (clinic, _) = clinic(desk, args.clinic.as_ref())?;
    let phone = number(args.phone.number())?;
    let now = desk.ledger.clock().now_ms();
    let at = args.at.map_or(now, |at| at.ms(now));
    if at > now {
        return Err(anyhow!(
            "--at lies ahead; a person has said it already when it is written down"
        )
        .into());
    }
    let saying = Saying {
        phone: phone.clone(),
        channel: args.channel.channel(),
        refused: args.refused,
        at,
        evidence: args.evidence.clone(),
    };
    let fact = saying.fact(&desk.settings.registry, desk.ledger.vault(), &clinic, now);
    let fact = fact.map_err(|refusal| anyhow!("it cannot be recorded: {refusal}"))?;
    let id = fact.fact_id().as_str().to_owned();
    let by = WordBy { who: operator::name(), why: args.reason.clone(), place: None };
    let told = desk.applier().apply_written_down(&[(fact, by)], VIA).await.pop();
    let told = told.transpose().map_err(start::ledger_failure)?;
    let (fate, why) = match told {
        Some(Told::Applied { .. }) => ("recorded", None),
        Some(Told::Stale { why: "older", .. }) => {
            ("older", Some("something later is known: that stands"))
        }
        Some(Told::Stale { .. } | Told::Duplicate { .. }) => {
            ("unchanged", Some("the same is known already"))
        }
        Some(Told::Refused(refusal)) => {
            return Err(anyhow!("it cannot be recorded: {refusal}").into());
        }
        None => return Err(anyhow!("the ledger gave no answer; try again").into()),
    };
    if desk.json {
        say(json!({
            "fate": fate, "fact": id, "clinic": clinic.as_str(), "phone": phone.to_string(),
            "channels": saying.channels(), "said": saying.said(), "said_at": instant(at), "reason": why,
        }))?;
        return Ok(());
    }
    say(format_args!(
        "{fate}: {phone} at clinic {clinic}: consent {} on {} for {}, as {id}{}",
        saying.said(),
        local(at),
        saying.channels().join(" and "),
        why.map(|why| format!("; {why}")).unwrap_or_default()
    ))?;
    Ok(())
}

/// The clinic that is named, or the only one.
fn clinic<'a>(desk: &'a Desk, named: Option<&ClinicId>) -> Result<(ClinicId, &'a Clinic), Failure> {
    let clinics = &desk.settings.config.clinics;
    let found = match named {
        Some(id) => clinics.get_key_value(id),
        None if clinics.len() == 1 => clinics.iter().next(),
        None => None,
    };
    let known = || clinics.keys().map(ClinicId::as_str).collect::<Vec<_>>().join(", ");
    let problem = || match named {
        _ if clinics.is_empty() => {
            anyhow!("no clinic is configured; describe one under [clinics.<id>]")
        }
        Some(id) => anyhow!("{id} is no clinic of this installation; use one of {}", known()),
        None => anyhow!("say at which clinic: --clinic with one of {}", known()),
    };
    let (id, clinic) = found.ok_or_else(problem)?;
    Ok((id.clone(), clinic))
}

/// The number; one that cannot be read is not repeated.
fn number(written: Option<&PhoneNumber>) -> Result<&PhoneNumber, Failure> {
    written.ok_or_else(|| {
        let said = "the value of --phone is not a Turkish mobile number; use +905321234567 or '0532 123 45 67'";
        anyhow!(said).into()
    })
}

/// Every channel, or the one that is named.
fn channels(channel: Option<Channel>) -> Vec<Channel> {
    channel.map_or_else(|| vec![Channel::Sms, Channel::Whatsapp], |one| vec![one])
}
