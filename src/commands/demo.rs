//! `ulak demo`: a whole installation with simulated providers, two dozen events, and what became of each.
//!
//! Nothing is asked of the machine: SQLite in a folder of its own, `ulak up` as a process of its own, the providers' twins inside this
//! one. With `--broker` and `--database` the same events go through RabbitMQ and PostgreSQL.

mod events;
mod expected;
mod feed;
pub(super) mod process;
mod stage;
mod table;
mod watch;

use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use super::{Failure, runtime, say};
use crate::cli::demo::DemoArgs;
use events::Events;
use expected::Expectations;
use feed::Feed;
use stage::Stage;
use table::Live;
use watch::Watch;

/// How long everything may take to end as foreseen.
const PATIENCE: Duration = Duration::from_mins(1);
/// Pause between two looks at the ledger.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Runs the command.
///
/// # Errors
/// Something did not start, or an event did not end as foreseen.
pub fn run(args: &DemoArgs) -> Result<(), Failure> {
    // the twins print nothing: what is shown is the ledger's and the clinic's view
    runtime()?.block_on(async {
        tokio::select! {
            done = play(args) => done,
            heard = asked_to_stop() => {
                heard.context("signals cannot be heard")?;
                // its processes end with it
                Err(anyhow::anyhow!("interrupted").into())
            }
        }
    })
}

/// Waits until somebody wants the demo to end.
async fn asked_to_stop() -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}

async fn play(args: &DemoArgs) -> Result<(), Failure> {
    let expectations = Expectations::embedded().context("demo/expected.txt")?;
    say(if args.broker.is_some() {
        "Starting a scheduler, two workers, and the twins of Netgsm, Twilio and İYS: nothing is sent to anybody"
    } else {
        "Starting `ulak up`, and the twins of Netgsm, Twilio and İYS: nothing is sent to anybody"
    })?;
    let stage = Stage::set(args).await?;
    let events = Events::dated(stage.now).context("demo/events.json")?;
    let mut watch = Watch::new(&stage, &events, expectations);
    let feed = Feed::new(&stage).await?;
    say("Sending the events of demo/events.json, and some of them again")?;
    watch.answered(feed.first(&events).await?);
    let mut live = Live::new(&watch);
    let foreseen = follow(&stage, &feed, &events, &mut watch, &mut live).await?;
    live.end();
    table::show(&watch)?;
    table::heading("The books: everything that came in is somewhere, once")?;
    let balanced = stage.shows(&["log", "balance"]).await?;
    table::heading("Where to look next")?;
    for id in ["failover", "consent-refused"] {
        if let Some(ntf) = watch.ntf_of(id) {
            stage.shows(&["log", "explain", ntf]).await?;
        }
    }
    let silent = stage.logs_hold_nothing_of(&events)?;
    let ended = stage.end().await?;
    table::heading(if foreseen && balanced && silent && ended {
        "Every event ended as foreseen (demo/expected.txt), the books balance, no log holds a name or a number."
    } else {
        "NOT EVERYTHING IS AS FORESEEN: see the lines above that say so."
    })?;
    stage.says_where_it_is()?;
    if foreseen && balanced && silent && ended { Ok(()) } else { Err(Failure::Said) }
}

/// Watches until everything is as foreseen; what is sent again waits until the first one of it is done.
async fn follow(
    stage: &Stage,
    feed: &Feed<'_>,
    events: &Events,
    watch: &mut Watch<'_>,
    live: &mut Live,
) -> Result<bool, Failure> {
    let until = tokio::time::Instant::now() + PATIENCE;
    let mut again = false;
    loop {
        stage.still_runs()?;
        watch.look().await?;
        live.update(watch);
        // sent again earlier it would wait for the first one, half a minute long
        if !again && watch.is_accepted("reminder") && watch.is_accepted("receipt") {
            watch.answered(feed.again(events).await?);
            again = true;
        } else if again && watch.all_as_foreseen() && watch.duplicates() == 2 {
            return Ok(true);
        }
        if tokio::time::Instant::now() >= until {
            return Ok(false);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
