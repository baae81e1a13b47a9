//! `ulak lane …`: what the lanes do, and a person's brake.

use std::collections::BTreeMap;

use anyhow::anyhow;
use ledger::caps::{Lowered, WHOLE};
use ledger::lanes::{Lane, LaneState};
use ledger::pauses::{LaneLoad, Resumed};
use schemas::Channel;
use serde_json::json;

use super::desk::{Desk, instant, local, with_ledger};
use super::{Failure, say};
use crate::cli::Global;
use crate::cli::lane::{LaneCommand, StatusArgs, SteerArgs};
use crate::{operator, start};
use worker::caps;
use worker::settings::ConsentSource;

/// Runs the command.
///
/// # Errors
/// The ledger is not there, or there is no such lane.
pub fn run(global: &Global, command: &LaneCommand) -> Result<(), Failure> {
    with_ledger(global, async |desk| match command {
        LaneCommand::Status(args) => status(desk, args).await,
        LaneCommand::Pause(args) => pause(desk, args).await,
        LaneCommand::Resume(args) => resume(desk, args).await,
    })
}

/// A lane with what is known of it.
#[derive(Default)]
struct Known {
    trouble: Option<Lane>,
    load: Option<LaneLoad>,
    configured: bool,
    /// Of its account, a second; and how much of it throttle answers have left.
    cap: Option<Cap>,
}

/// The cap of a lane's account.
struct Cap {
    per_s: u32,
    lowered: Option<Lowered>,
}

impl Cap {
    /// What may be used of it at `now`, milliseconds since 1970 UTC.
    fn percent_at(&self, now: i64) -> i64 {
        self.lowered.as_ref().map_or(WHOLE, |cap| cap.share_at(now)) / 10
    }
}

/// Every lane that is configured, was ever in trouble, or holds rows; without the lane of nobody.
async fn known(desk: &Desk) -> Result<BTreeMap<String, Known>, Failure> {
    let mut lanes: BTreeMap<String, Known> = BTreeMap::new();
    let settings = start::worker_settings(&desk.settings.config);
    let lowered = desk.ledger.lowered_caps().await.map_err(start::ledger_failure)?;
    for (name, key, per_s) in configured(&settings) {
        let known = lanes.entry(name).or_default();
        known.configured = true;
        let lowered = lowered.iter().find(|cap| cap.key == key).cloned();
        known.cap = per_s.map(|per_s| Cap { per_s, lowered });
    }
    for lane in desk.ledger.lanes().await.map_err(start::ledger_failure)? {
        let name = lane.lane.clone();
        lanes.entry(name).or_default().trouble = Some(lane);
    }
    for load in desk.ledger.lane_loads().await.map_err(start::ledger_failure)? {
        let name = load.lane.clone();
        lanes.entry(name).or_default().load = Some(load);
    }
    Ok(lanes)
}

/// The lanes that the clinics of a configuration use, each with the key and the cap of its pace, a second.
fn configured(settings: &worker::Settings) -> Vec<(String, String, Option<u32>)> {
    let mut lanes = vec![];
    for clinic in settings.clinics.values() {
        let channels = [Channel::Sms, Channel::Whatsapp].into_iter();
        let of_clinic = channels.flat_map(|channel| settings.lanes(channel, clinic));
        lanes.extend(of_clinic.map(|lane| {
            (lane.name, caps::key(lane.provider.as_str(), &lane.account), lane.max_per_s)
        }));
        if settings.has_consent_account(clinic) {
            let per_s = match settings.consent_source {
                ConsentSource::Iys => settings.iys.get(&clinic.iys).and_then(|of| of.max_per_s),
                // of a minute
                ConsentSource::Netgsm | ConsentSource::Registry => None,
            };
            lanes.push((settings.consent_lane(clinic), caps::IYS.to_owned(), per_s));
        }
    }
    lanes
}

async fn status(desk: &Desk, args: &StatusArgs) -> Result<(), Failure> {
    let wanted = args.lane.as_deref().unwrap_or("");
    let now = desk.ledger.clock().now_ms();
    for (name, known) in known(desk).await?.iter().filter(|(name, _)| name.starts_with(wanted)) {
        let (waiting, outside) = known.load.as_ref().map_or((0, 0), |l| (l.waiting, l.outside));
        let trouble = known.trouble.as_ref().filter(|lane| lane.state != LaneState::Open);
        let state = state(trouble);
        let probe = trouble.filter(|lane| lane.state == LaneState::Closed && !lane.is_paused());
        if desk.json {
            say(json!({
                "lane": name, "state": state, "configured": known.configured,
                "why": trouble.map(|lane| &lane.why), "since": trouble.map(|lane| instant(lane.since)),
                "next_probe": probe.map(|lane| instant(lane.probe_at)), "waiting": waiting, "outside": outside,
                "next_due": known.load.as_ref().and_then(|l| l.next_due).map(instant),
                "max_per_s": known.cap.as_ref().map(|cap| cap.per_s),
                "cap_percent": known.cap.as_ref().map(|cap| cap.percent_at(now)),
            }))?;
            continue;
        }
        let mut parts =
            vec![format!("{name:<36} {state:<8} {waiting} waiting, {outside} on their way")];
        parts.extend(trouble.map(|lane| format!("since {}: {}", local(lane.since), lane.why)));
        parts.extend(probe.map(|lane| format!("next probe {}", local(lane.probe_at))));
        parts.extend(known.cap.as_ref().and_then(|cap| slowed(cap, now)));
        if !known.configured && name != "none" {
            parts.push("no clinic uses it any more".to_owned());
        }
        say(parts.join("; "))?;
    }
    Ok(())
}

/// That a provider asked for less, in words.
fn slowed(cap: &Cap, now: i64) -> Option<String> {
    let percent = cap.percent_at(now);
    let lowered = cap.lowered.as_ref().filter(|_| percent < 100)?;
    Some(format!(
        "{percent} % of its {} a second since {} ({}), rising",
        cap.per_s,
        local(lowered.at),
        lowered.why
    ))
}

fn state(lane: Option<&Lane>) -> &'static str {
    match lane {
        Some(lane) if lane.is_paused() => "paused",
        Some(lane) => lane.state.as_str(),
        None => LaneState::Open.as_str(),
    }
}

async fn pause(desk: &Desk, args: &SteerArgs) -> Result<(), Failure> {
    let load = must_exist(desk, &args.lane).await?;
    let new = desk.ledger.pause_lane(&args.lane, &args.reason, &operator::name()).await;
    let new = new.map_err(start::ledger_failure)?;
    let word = if new { "paused" } else { "was paused already, the reason is replaced" };
    let (waiting, outside) = load.map_or((0, 0), |load| (load.waiting, load.outside));
    if desk.json {
        say(
            json!({ "lane": args.lane, "state": "paused", "new": new, "waiting": waiting, "outside": outside }),
        )?;
        return Ok(());
    }
    say(format_args!(
        "{} {word}. {waiting} wait on it; {outside} that are on their way may still be sent within a second. `ulak lane resume {}` opens it",
        args.lane, args.lane
    ))?;
    Ok(())
}

async fn resume(desk: &Desk, args: &SteerArgs) -> Result<(), Failure> {
    must_exist(desk, &args.lane).await?;
    let resumed = desk.ledger.resume_lane(&args.lane, &args.reason, &operator::name()).await;
    let (word, said) = match resumed.map_err(start::ledger_failure)? {
        Resumed::Open => ("open", "is open: what waits on it goes now"),
        Resumed::Probed => (
            "probed",
            "was closed by trouble: it is probed at once, and opens if the probe is answered; `ulak lane status` shows it",
        ),
        Resumed::WasOpen => ("was-open", "was not held: nothing to resume"),
    };
    if desk.json {
        say(json!({ "lane": args.lane, "resumed": word }))?;
    } else {
        say(format_args!("{} {said}", args.lane))?;
    }
    Ok(())
}

/// A misspelt lane would be paused in vain.
async fn must_exist(desk: &Desk, lane: &str) -> Result<Option<LaneLoad>, Failure> {
    let mut lanes = known(desk).await?;
    if lane != "none"
        && let Some(known) = lanes.remove(lane)
    {
        return Ok(known.load);
    }
    let names: Vec<_> = lanes.into_keys().filter(|name| name != "none").collect();
    let names = if names.is_empty() {
        "there are none".to_owned()
    } else {
        format!("use one of {}", names.join(", "))
    };
    Err(anyhow!("{} is no lane; {names}", lane.escape_debug()).into())
}
