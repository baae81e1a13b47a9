//! Start and stop of a long-running process.
//!
//! The first SIGTERM or SIGINT asks the work to stop (`Stop::soft`): take nothing new, finish what is held. The
//! second one, or the end of the drain time, ends it at once (`Stop::hard`).

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::supervisor::Supervisor;

/// How long work may take to notice that it was ended.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The two questions that long-running work asks again and again.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Take nothing new, finish what is held, then return.
    pub soft: CancellationToken,
    /// Return at once.
    pub hard: CancellationToken,
}

/// How the work ended.
#[derive(Debug)]
#[must_use]
pub enum Ended {
    /// Asked to stop, and everything that was held is finished.
    Drained,
    /// Ended with work in hand, by a second signal or by the end of the drain time.
    Cut,
    /// Nobody asked: it ended by itself, which long-running work never should.
    ByItself,
    /// It failed.
    Failed(anyhow::Error),
}

/// Runs `work` until it returns, answering signals. Work that is asked to stop has `drain` to finish, and `supervisor` is told.
///
/// # Errors
/// The system refuses the signal handlers.
pub async fn run<W, F>(drain: Duration, supervisor: &Supervisor, work: W) -> io::Result<Ended>
where
    W: FnOnce(Stop) -> F,
    F: Future<Output = anyhow::Result<()>>,
{
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (sender, signals) = mpsc::channel(2);
    // Ends with the runtime; a third signal has nothing left to ask for.
    let relay = tokio::spawn(async move {
        loop {
            let name = tokio::select! {
                Some(()) = terminate.recv() => "SIGTERM",
                Some(()) = interrupt.recv() => "SIGINT",
                else => return,
            };
            if sender.send(name).await.is_err() {
                return;
            }
        }
    });
    let ended = answer(signals, drain, supervisor, work).await;
    relay.abort();
    Ok(ended)
}

/// `run` without the system's signals.
async fn answer<W, F>(
    mut signals: mpsc::Receiver<&'static str>,
    drain: Duration,
    supervisor: &Supervisor,
    work: W,
) -> Ended
where
    W: FnOnce(Stop) -> F,
    F: Future<Output = anyhow::Result<()>>,
{
    let stop = Stop::default();
    let mut work = Box::pin(work(stop.clone()));
    tokio::select! {
        result = &mut work => return ended(result, Ended::ByItself),
        Some(name) = signals.recv() => {
            tracing::info!(signal = name, drain_s = drain.as_secs(), "stopping: finishing what is in flight; a second signal ends at once");
        }
    }
    supervisor.stopping(drain);
    stop.soft.cancel();
    tokio::select! {
        result = &mut work => return ended(result, Ended::Drained),
        Some(name) = signals.recv() => {
            tracing::warn!(signal = name, "second signal: ending at once; what is in flight is settled by its lease");
        }
        () = tokio::time::sleep(drain) => {
            tracing::warn!(drain_s = drain.as_secs(), "drain time is over: ending at once; what is in flight is settled by its lease");
        }
    }
    stop.hard.cancel();
    match tokio::time::timeout(LAST_WORDS, work).await {
        Ok(Err(error)) => Ended::Failed(error),
        Ok(Ok(())) | Err(_) => Ended::Cut,
    }
}

fn ended(result: anyhow::Result<()>, well: Ended) -> Ended {
    match result {
        Ok(()) => well,
        Err(error) => Ended::Failed(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longer than any test waits.
    const LONG: Duration = Duration::from_mins(10);

    fn signals() -> (mpsc::Sender<&'static str>, mpsc::Receiver<&'static str>) {
        mpsc::channel(2)
    }

    #[tokio::test]
    async fn the_first_signal_lets_work_finish_and_ends_with_0() {
        let (sender, receiver) = signals();
        sender.send("SIGTERM").await.expect("open");
        let ended = answer(receiver, LONG, &Supervisor::default(), |stop| async move {
            stop.soft.cancelled().await;
            assert!(!stop.hard.is_cancelled());
            Ok(())
        })
        .await;
        assert!(matches!(ended, Ended::Drained), "{ended:?}");
    }

    #[tokio::test]
    async fn the_second_signal_ends_at_once() {
        let (sender, receiver) = signals();
        sender.send("SIGTERM").await.expect("open");
        sender.send("SIGINT").await.expect("open");
        let ended = answer(receiver, LONG, &Supervisor::default(), |stop| async move {
            stop.hard.cancelled().await;
            assert!(stop.soft.is_cancelled());
            Ok(())
        })
        .await;
        assert!(matches!(ended, Ended::Cut), "{ended:?}");
    }

    #[tokio::test]
    async fn the_end_of_the_drain_time_is_a_second_signal() {
        let (sender, receiver) = signals();
        sender.send("SIGTERM").await.expect("open");
        let ended =
            answer(receiver, Duration::from_millis(1), &Supervisor::default(), |stop| async move {
                stop.hard.cancelled().await;
                Ok(())
            })
            .await;
        assert!(matches!(ended, Ended::Cut), "{ended:?}");
    }

    #[tokio::test]
    async fn work_that_ends_by_itself_or_fails_is_no_success() {
        // The sender lives: nobody has asked for anything.
        let (_sender, receiver) = signals();
        let ended = answer(receiver, LONG, &Supervisor::default(), |_| async { Ok(()) }).await;
        assert!(matches!(ended, Ended::ByItself), "{ended:?}");
        let (_sender, receiver) = signals();
        let failed = answer(receiver, LONG, &Supervisor::default(), |_| async {
            Err(anyhow::anyhow!("inner").context("outer"))
        })
        .await;
        assert!(
            matches!(&failed, Ended::Failed(e) if format!("{e:#}") == "outer: inner"),
            "{failed:?}"
        );
    }

    #[tokio::test]
    async fn a_real_sigterm_is_heard() {
        let ended = run(LONG, &Supervisor::default(), |stop| async move {
            let me = rustix::process::getpid();
            rustix::process::kill_process(me, rustix::process::Signal::TERM)?;
            stop.soft.cancelled().await;
            Ok(())
        })
        .await;
        assert!(matches!(ended, Ok(Ended::Drained)), "{ended:?}");
    }
}
