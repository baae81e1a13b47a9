//! Group commit: what many messages ask at the same moment goes to the ledger as one slice.
//!
//! No timer: a slice is what queued while the slice before it was on its way (`facts/probes.md` §3). A second one begins beside it only
//! when enough wait to be worth its fixed cost (`docs/performance.md`): otherwise whoever comes first after each slice goes alone.

use crate::{Ledger, LedgerError};
use futures::future::BoxFuture;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant};

/// Largest slice. Twice as many cost a tenth less processor time a message and twice the memory for what is on its way to the database.
const WIDEST: usize = 128;
/// Slices on their way at a time at most: the database has more than one processor.
const ABREAST: usize = 2;
/// As many wait before another slice begins beside the one that is on its way.
const ENOUGH: usize = 32;
/// Or that one has been on its way for so long: it waits for something, a lock or a server that is gone, and the others need not.
const LONG: Duration = Duration::from_millis(100);

type Answer<A> = Result<A, LedgerError>;
/// A grouped call of the ledger.
type Call<Q, A> = fn(Ledger, Vec<Q>) -> BoxFuture<'static, Vec<Answer<A>>>;
type Question<Q, A> = (Q, oneshot::Sender<Answer<A>>);

/// Collects questions of one kind.
#[derive(Debug)]
pub struct Gather<Q, A> {
    to: mpsc::Sender<Question<Q, A>>,
}

impl<Q, A> Clone for Gather<Q, A> {
    fn clone(&self) -> Self {
        Self { to: self.to.clone() }
    }
}

impl<Q: Send + 'static, A: Send + 'static> Gather<Q, A> {
    /// Starts collecting; ends when the last clone is dropped. At most `room` questions wait.
    pub fn start<F, R>(room: usize, ask: F) -> Self
    where
        F: Fn(Vec<Q>) -> R + Send + Sync + 'static,
        R: Future<Output = Vec<Answer<A>>> + Send + 'static,
    {
        let (to, from) = mpsc::channel(room.max(1));
        tokio::spawn(collect(from, ask));
        Self { to }
    }

    /// Starts collecting questions for one grouped call of the ledger.
    pub fn over(ledger: &Ledger, room: usize, call: Call<Q, A>) -> Self {
        let ledger = ledger.clone();
        Self::start(room, move |questions| call(ledger.clone(), questions))
    }

    /// Asks and waits for the answer.
    ///
    /// # Errors
    /// The ledger's, or [`LedgerError::Away`] if the process is stopping.
    pub async fn ask(&self, question: Q) -> Answer<A> {
        let stopped = || LedgerError::Away("this process is stopping".to_owned());
        let (answer, answered) = oneshot::channel();
        self.to.send((question, answer)).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

async fn collect<Q, A, F, R>(mut from: mpsc::Receiver<Question<Q, A>>, ask: F)
where
    Q: Send + 'static,
    A: Send + 'static,
    F: Fn(Vec<Q>) -> R + Send + Sync + 'static,
    R: Future<Output = Vec<Answer<A>>> + Send + 'static,
{
    let ask = Arc::new(ask);
    let mut under_way = JoinSet::new();
    let mut waiting = Vec::with_capacity(WIDEST);
    let mut open = true;
    let mut since = Instant::now();
    while open || !waiting.is_empty() {
        let idle = under_way.is_empty() || since.elapsed() >= LONG;
        let enough = if idle { 1 } else { ENOUGH };
        if waiting.len() >= enough && under_way.len() < ABREAST {
            let slice = std::mem::replace(&mut waiting, Vec::with_capacity(WIDEST));
            // a panic in one slice is its askers' trouble; the next slices go on
            under_way.spawn(answer(slice, Arc::clone(&ask)));
            since = Instant::now();
            continue;
        }
        let room = WIDEST - waiting.len();
        tokio::select! {
            taken = from.recv_many(&mut waiting, room), if open && room > 0 => open = taken > 0,
            Some(_) = under_way.join_next() => {}
            () = tokio::time::sleep_until(since + LONG), if !idle && !waiting.is_empty() => {}
        }
    }
    while under_way.join_next().await.is_some() {}
}

async fn answer<Q, A, F, R>(slice: Vec<Question<Q, A>>, ask: Arc<F>)
where
    F: Fn(Vec<Q>) -> R,
    R: Future<Output = Vec<Answer<A>>>,
{
    let (questions, askers): (Vec<Q>, Vec<_>) = slice.into_iter().unzip();
    for (asker, answer) in askers.into_iter().zip(ask(questions).await) {
        // an asker that was cancelled does not want it any more
        let _ = asker.send(answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Semaphore;

    #[tokio::test]
    async fn questions_that_wait_together_go_together_and_each_gets_its_own_answer() {
        let gate = Arc::new(Semaphore::new(0));
        let slices = Arc::new(AtomicUsize::new(0));
        let (inner, counted) = (Arc::clone(&gate), Arc::clone(&slices));
        let gather = Gather::start(100, move |questions: Vec<usize>| {
            let (gate, slices) = (Arc::clone(&inner), Arc::clone(&counted));
            async move {
                slices.fetch_add(1, Ordering::Relaxed);
                gate.acquire().await.unwrap().forget();
                questions.into_iter().map(|q| Ok(q * 2)).collect()
            }
        });
        let asked: Vec<_> = (0..50)
            .map(|i| {
                let gather = gather.clone();
                tokio::spawn(async move { gather.ask(i).await.unwrap() })
            })
            .collect();
        tokio::task::yield_now().await;
        gate.add_permits(50);
        for (i, task) in asked.into_iter().enumerate() {
            assert_eq!(task.await.unwrap(), i * 2);
        }
        assert!(slices.load(Ordering::Relaxed) < 50, "nothing was gathered");
    }

    /// How many slices are under way, and how large they were, while nobody answers.
    #[tokio::test]
    async fn another_slice_begins_beside_one_only_when_enough_wait() {
        let (seen, mut slices) = mpsc::unbounded_channel();
        let gate = Arc::new(Semaphore::new(0));
        let inner = Arc::clone(&gate);
        let gather = Gather::start(500, move |questions: Vec<usize>| {
            let gate = Arc::clone(&inner);
            let _ = seen.send(questions.len());
            async move {
                gate.acquire().await.unwrap().forget();
                questions.into_iter().map(Ok).collect()
            }
        });
        let ask = |many: usize| {
            for i in 0..many {
                let gather = gather.clone();
                tokio::spawn(async move { gather.ask(i).await });
            }
        };
        ask(1);
        assert_eq!(slices.recv().await, Some(1));
        ask(ENOUGH - 1);
        tokio::task::yield_now().await;
        assert!(slices.try_recv().is_err(), "too few for another one");
        ask(1);
        assert_eq!(slices.recv().await, Some(ENOUGH));
        // two hang: nobody else can begin, however many wait
        ask(2 * WIDEST);
        tokio::task::yield_now().await;
        assert!(slices.try_recv().is_err(), "no more than {ABREAST} at a time");
        gate.add_permits(1);
        assert_eq!(slices.recv().await, Some(WIDEST));
    }

    /// A slice that waits for a lock or a dead server holds up nobody for longer than a moment.
    #[tokio::test]
    async fn beside_a_slice_that_hangs_another_one_begins_for_anybody() {
        let first = Arc::new(std::sync::atomic::AtomicBool::new(true));
        let gather = Gather::start(8, move |questions: Vec<usize>| {
            let hangs = first.swap(false, Ordering::Relaxed);
            async move {
                if hangs {
                    std::future::pending::<()>().await;
                }
                questions.into_iter().map(Ok).collect()
            }
        });
        let hanging = gather.clone();
        tokio::spawn(async move { hanging.ask(1).await });
        tokio::task::yield_now().await;
        assert_eq!(gather.ask(2).await.unwrap(), 2);
        assert_eq!(gather.ask(3).await.unwrap(), 3);
    }

    #[tokio::test]
    async fn a_panic_in_a_slice_is_the_trouble_of_its_askers() {
        let gather: Gather<u8, u8> = Gather::start(4, |q| async move {
            assert!(q.len() == 9, "a defect");
            vec![]
        });
        assert!(matches!(gather.ask(1).await, Err(LedgerError::Away(_))));
        assert!(matches!(gather.ask(2).await, Err(LedgerError::Away(_))));
    }

    #[tokio::test]
    async fn a_failure_reaches_everybody_in_the_slice() {
        let gather: Gather<u8, u8> = Gather::start(4, |q| async move {
            q.iter().map(|_| Err(LedgerError::Away("x".into()))).collect()
        });
        assert!(matches!(gather.ask(1).await, Err(LedgerError::Away(_))));
    }
}
