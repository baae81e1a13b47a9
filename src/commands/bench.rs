//! `ulak bench`: how fast, and at what cost. Each scenario is one line; a goal that is missed is said, not an error.

mod backlog;
mod cap;
mod events;
mod feed;
mod floor;
mod idle;
mod installation;
mod latency;
mod lateness;
mod line;
mod meters;
mod outside;
mod place;
mod receipts;
mod release;
mod rows;
mod scaling;
mod scheduler;
mod search;
mod settings;
mod stages;
mod stand_in;
mod throughput;
mod tick;
mod usage;
mod workers;

use anyhow::Context as _;

use super::{Failure, runtime};
use crate::cli::Global;
use crate::cli::bench::{BenchArgs, Scenario};
use place::{Addresses, Place};
use rows::Planned;
use scheduler::Scheduler;
use workers::Workers;

/// Runs the command.
///
/// # Errors
/// Something did not start, or rows did not arrive.
pub fn run(global: &Global, args: &BenchArgs) -> Result<(), Failure> {
    match args.scenarios.as_slice() {
        [Scenario::FloorProcess] => return Ok(runtime()?.block_on(floor::run(args))?),
        [Scenario::StandIn] => return Ok(runtime()?.block_on(stand_in::run())?),
        _ => {}
    }
    let addresses = Addresses::of(global, args)?;
    runtime()?.block_on(async {
        let mut place = Place::new(addresses, args.keep.as_deref())?;
        let done = tokio::select! {
            done = measure(global, args, &mut place) => done,
            interrupted = tokio::signal::ctrl_c() => {
                Err(interrupted.err().map_or_else(|| anyhow::anyhow!("interrupted"), Into::into))
            }
        };
        // also after a failure: what was made here is nobody's
        let cleared = place.clear().await;
        done?;
        Ok(cleared?)
    })
}

async fn measure(global: &Global, args: &BenchArgs, place: &mut Place) -> anyhow::Result<()> {
    let mut lines = line::Lines::new(global.json)?;
    if args.wants_a_scheduler() || args.wants_sending() {
        // before the long filling
        place.refuse_used_broker().await?;
    }
    if args.wants_the_schedule() {
        schedule(args, place, &mut lines).await?;
    }
    if args.wants(Scenario::Search) {
        for line in search::measure(args, place).await.context("search")? {
            lines.say(line)?;
        }
    }
    sending(args, place, &mut lines).await?;
    lines.table()
}

/// The floor comes first: the throughput is compared with it.
async fn sending(
    args: &BenchArgs,
    place: &mut Place,
    lines: &mut line::Lines,
) -> anyhow::Result<()> {
    if args.wants(Scenario::Floor) {
        let line = floor::measure(args, place).await.context("floor")?;
        lines.say(line)?;
    }
    if args.wants(Scenario::Throughput) {
        let line = throughput::measure(args, place, lines).await.context("throughput")?;
        lines.say(line)?;
    }
    if args.wants(Scenario::Latency) {
        let line = latency::measure(args, place).await.context("latency")?;
        lines.say(line)?;
    }
    if args.wants(Scenario::SlowProvider) {
        let line = throughput::measure_slow(args, place).await.context("slow-provider")?;
        lines.say(line)?;
    }
    if args.wants(Scenario::Backlog) {
        let line = backlog::measure(args, place).await.context("backlog")?;
        lines.say(line)?;
    }
    if args.wants(Scenario::SharedCap) {
        let line = cap::measure(args, place).await.context("shared-cap")?;
        lines.say(line)?;
    }
    if args.wants(Scenario::Scaling) {
        let line = scaling::measure(args, place).await.context("scaling")?;
        lines.say(line)?;
    }
    if args.wants(Scenario::Receipts) {
        let line = receipts::measure(args, place).await.context("receipts")?;
        lines.say(line)?;
    }
    Ok(())
}

async fn schedule(
    args: &BenchArgs,
    place: &mut Place,
    lines: &mut line::Lines,
) -> anyhow::Result<()> {
    let many = place.ledger("many").await?;
    let mut planned = Planned::new(&many.ledger);
    planned.fill_far_ahead(args.rows).await?;
    if args.wants(Scenario::ScheduleTick) {
        let few = place.ledger("few").await?;
        Planned::new(&few.ledger).fill_far_ahead((args.rows / 100).max(1)).await?;
        few.tidy().await?;
        many.tidy().await?;
        lines.say(tick::measure(&few.ledger, &many.ledger, args.rows).await?)?;
    } else {
        many.tidy().await?;
    }
    if args.wants_a_scheduler() {
        planned.is_told().await?;
        with_scheduler(args, place, &many, planned, lines).await?;
    }
    Ok(())
}

async fn with_scheduler(
    args: &BenchArgs,
    place: &Place,
    own: &place::Own,
    mut planned: Planned<'_>,
    lines: &mut line::Lines,
) -> anyhow::Result<()> {
    let mut workers = Workers::start(place, &own.ledger).await?;
    let mut scheduler = Scheduler::start(place, own).await?;
    // connections, statements and caches are there, and facts current, before anything is measured
    release::warm_up(&mut planned, &mut workers, &mut scheduler).await?;
    if args.wants(Scenario::ScheduleRelease) {
        let line = release::measure(args, &mut planned, &mut workers, &mut scheduler).await;
        lines.say(line.context("schedule-release")?)?;
    }
    if args.wants(Scenario::ScheduleLateness) {
        let line = lateness::measure(args, &mut planned, &mut workers, &mut scheduler).await;
        lines.say(line.context("schedule-lateness")?)?;
    }
    if args.wants(Scenario::ScheduleIdle) {
        let line = idle::measure(args, &planned, &mut scheduler).await;
        lines.say(line.context("schedule-idle")?)?;
    }
    scheduler.end().await?;
    workers.end().await;
    Ok(())
}
