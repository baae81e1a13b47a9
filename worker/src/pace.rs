//! Places in the pace of one account, taken for many messages at once: one statement for those that wait together, not one each.

use crate::caps::{Caps, Share};
use crate::lanes::Lanes;
use ledger::{Ledger, LedgerError};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// How long a message waits for the rate of its lane before its row does (PROTOCOL rule 2, ADR 0006).
pub const PATIENCE: Duration = Duration::from_secs(2);
/// A second in microseconds and 3 % more: what leaves evenly arrives a little less so, and the provider counts every second.
pub const PLACE_US: i64 = 1_030_000;
/// No more than so much of the pace is taken at once, microseconds: other workers' messages are not to stand behind all of ours.
const AT_ONCE_US: i64 = 200_000;
/// Where the last place is further away than this, the next ones need not be taken at once: what comes within [`GATHER`] goes along.
const FAR: Duration = Duration::from_millis(500);
const GATHER: Duration = Duration::from_millis(100);

/// A place that is given back less than so much before it comes is of no use to another one: its claim would come too late.
const SOON: Duration = Duration::from_millis(150);

/// A place in a pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// When the request leaves.
    pub at: Instant,
    /// How long the place is, microseconds.
    pub us: i64,
    /// Under what is left of the cap it was taken.
    pub share: Share,
}

type Answer = Result<Option<Place>, LedgerError>;

struct Ask {
    segments: i64,
    answer: oneshot::Sender<Answer>,
}

/// What the taker hears.
#[derive(Debug)]
enum Word {
    /// Somebody wants a place.
    Want(Ask),
    /// Somebody does not use the one that it has.
    Free(Place),
}

/// Takes places in the pace of one account.
#[derive(Debug, Clone)]
pub struct Pace {
    to: mpsc::Sender<Word>,
    key: Arc<str>,
}

impl std::fmt::Debug for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ask").field("segments", &self.segments).finish_non_exhaustive()
    }
}

impl Pace {
    /// Starts for a cap of `per_s` segments a second under `key`; ends when the last clone is dropped. At most `room` messages wait.
    pub fn start(ledger: Ledger, lanes: Arc<Lanes>, key: String, per_s: u32, room: usize) -> Self {
        let (to, from) = mpsc::channel(room.max(1));
        let key: Arc<str> = key.into();
        let whole_us = PLACE_US / i64::from(per_s.max(1));
        let taker = Taker { ledger, lanes, key: Arc::clone(&key), whole_us, free: vec![] };
        tokio::spawn(taker.run(from));
        Self { to, key }
    }

    /// Under which key the pace is kept.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The next place for so many segments; `None`: it is more than [`PATIENCE`] away.
    ///
    /// # Errors
    /// When the ledger does not answer, or the process is stopping.
    pub async fn place(&self, segments: u32) -> Answer {
        let stopped = || LedgerError::Away("this process is stopping".to_owned());
        let (answer, answered) = oneshot::channel();
        let ask = Ask { segments: i64::from(segments.max(1)), answer };
        self.to.send(Word::Want(ask)).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }

    /// Gives a place back that is not used: the next one of this process who asks has it. Those behind it stay where they are, for moving
    /// up they would come upon the ones that keep theirs.
    pub fn give_back(&self, place: Place) {
        // where nobody hears it, it stays empty: the pace is a little slower then
        let _ = self.to.try_send(Word::Free(place));
    }
}

struct Taker {
    ledger: Ledger,
    lanes: Arc<Lanes>,
    key: Arc<str>,
    whole_us: i64,
    /// Places that were given back. At most as many as messages wait at once.
    free: Vec<Place>,
}

impl Taker {
    async fn run(mut self, mut from: mpsc::Receiver<Word>) {
        let mut waiting: VecDeque<Ask> = VecDeque::new();
        loop {
            while waiting.is_empty() {
                let Some(word) = from.recv().await else { return };
                self.hear(word, &mut waiting);
            }
            while let Ok(word) = from.try_recv() {
                self.hear(word, &mut waiting);
            }
            if self.take(&mut waiting).await > FAR {
                tokio::time::sleep(GATHER).await;
            }
        }
    }

    fn hear(&mut self, word: Word, waiting: &mut VecDeque<Ask>) {
        let soonest = Instant::now() + SOON;
        self.free.retain(|place| place.at >= soonest);
        match word {
            Word::Want(ask) => waiting.push_back(ask),
            Word::Free(place) if place.at >= soonest => self.free.push(place),
            Word::Free(_) => {}
        }
    }

    /// A place that was given back, soon enough and long enough for so many segments: the first of them.
    fn free_place(&mut self, us: i64) -> Option<Place> {
        let fits = self.free.iter().enumerate().filter(|(_, place)| place.us >= us);
        let (index, _) = fits.min_by_key(|(_, place)| place.at)?;
        Some(self.free.swap_remove(index))
    }

    /// Gives those at the head of the queue what others gave back.
    fn hand_on(&mut self, waiting: &mut VecDeque<Ask>, share: Share) {
        while let Some(ask) = waiting.pop_front() {
            let Some(place) = self.free_place(share.place_us(ask.segments, self.whole_us)) else {
                waiting.push_front(ask);
                return;
            };
            if ask.answer.send(Ok(Some(place))).is_err() {
                self.free.push(place);
            }
        }
    }

    /// Takes places for the first of those that wait. Returns how far away the last one is, or would be.
    async fn take(&mut self, waiting: &mut VecDeque<Ask>) -> Duration {
        let share = self.share();
        self.hand_on(waiting, share);
        let us: Vec<i64> =
            waiting.iter().map(|ask| share.place_us(ask.segments, self.whole_us)).collect();
        let us = &us[..at_once(&us)];
        let waits = match self.ledger.paces(&self.key, us, PATIENCE).await {
            Ok(waits) => waits,
            Err(error) => {
                for ask in waiting.drain(..) {
                    drop(ask.answer.send(Err(error.clone())));
                }
                return Duration::ZERO;
            }
        };
        let (now, mut last) = (Instant::now(), Duration::ZERO);
        for (us, wait) in us.iter().zip(&waits) {
            // in this order: who is taken out is answered
            let Some(wait) = *wait else { break };
            let Some(ask) = waiting.pop_front() else { break };
            last = wait;
            let place = Place { at: now + wait, us: *us, share };
            if ask.answer.send(Ok(Some(place))).is_err() {
                self.free.push(place);
            }
        }
        if waits.iter().any(Option::is_none) {
            // whoever stands behind one for whom there was none
            for ask in waiting.drain(..) {
                drop(ask.answer.send(Ok(None)));
            }
            last = PATIENCE;
        }
        last
    }

    fn share(&self) -> Share {
        let caps: &Caps = &self.lanes.caps;
        caps.share(&self.key, self.ledger.clock().now_ms())
    }
}

/// How many of these places are taken together: at least the first.
fn at_once(us: &[i64]) -> usize {
    let mut taken: i64 = 0;
    let fit = us.iter().take_while(|us| {
        taken = taken.saturating_add(**us);
        taken <= AT_ONCE_US
    });
    fit.count().max(1).min(us.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::caps::Throttle;

    async fn ledger(folder: &tempfile::TempDir) -> Ledger {
        let told = ledger::LedgerSettings {
            url: format!("sqlite://{}", folder.path().join("ulak.db").display()).into(),
            master_key: ledger::vault::Secret32::new([7; 32]),
            connections: 2,
            max_mib: None,
            name: "test".to_owned(),
        };
        ledger::migrate(&told).await.unwrap();
        Ledger::open(&told).await.unwrap()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn who_finds_no_place_is_told_so_and_nobody_that_the_process_stops() {
        let folder = tempfile::tempdir().unwrap();
        let pace = Pace::start(ledger(&folder).await, Arc::default(), "k".to_owned(), 1, 25);
        let asked = futures::future::join_all((0..25).map(|_| pace.place(1))).await;
        let places = asked.iter().filter(|asked| matches!(asked, Ok(Some(_)))).count();
        assert!((1..=4).contains(&places), "{places} within {PATIENCE:?}");
        assert!(asked.iter().all(Result::is_ok), "{asked:?}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_lowered_cap_makes_longer_places_and_each_says_under_what_it_was_taken() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = ledger(&folder).await;
        let lanes = Arc::new(Lanes::default());
        let key = crate::caps::key("netgsm", "a");
        let pace = Pace::start(ledger.clone(), Arc::clone(&lanes), key.clone(), 1_000, 30);
        let whole = futures::future::join_all((0..30).map(|_| pace.place(1))).await;
        let whole: Vec<Place> = whole.into_iter().map(|place| place.unwrap().unwrap()).collect();
        assert!(whole.iter().all(|place| (place.us, place.share) == (1_030, Share::ALL)));

        // every answer says "too fast": of many at once one counts
        let answers = whole.iter().map(|place| {
            lanes.caps.throttled(&ledger, &key, ("netgsm:80", Throttle::Account), place.share)
        });
        futures::future::join_all(answers).await;
        let lowered = ledger.lowered_caps().await.unwrap().remove(0);
        assert_eq!((lowered.share, lowered.why.as_str()), (250, "netgsm:80"));
        let slower = pace.place(2).await.unwrap().unwrap();
        assert_eq!((slower.us, slower.share.under), (2 * 4_120, lowered.at));

        // another worker hears of it
        let others = Lanes::default();
        others.caps.read(&ledger).await.unwrap();
        assert_eq!(others.caps.share(&key, lowered.at).thousandths, 250);
        assert_eq!(others.caps.share("rate/netgsm/b", lowered.at), Share::ALL);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_place_that_is_given_back_is_the_next_ones_and_nobodys_else() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = ledger(&folder).await;
        let pace = Pace::start(ledger.clone(), Arc::default(), "k".to_owned(), 1, 10);
        let first = pace.place(1).await.unwrap().expect("a place");
        let long = pace.place(4).await.unwrap().expect("a place");
        pace.give_back(long);
        // it is too short for five segments, and the next place is behind its end: nobody moves up onto one that another keeps
        assert_eq!(pace.place(5).await.unwrap(), None);
        assert_eq!(pace.place(1).await.unwrap(), Some(long));
        let next = ledger.pace("k", 1, Duration::from_secs(9)).await.unwrap().expect("a place");
        assert!(Instant::now() + next > long.at + Duration::from_secs(3));
        // what comes too soon to be claimed for is nobody's any more
        pace.give_back(Place { at: Instant::now(), ..first });
        assert_eq!(pace.place(1).await.unwrap(), None);
    }

    #[test]
    fn no_more_than_a_fifth_of_a_second_is_taken_at_once_and_always_one() {
        assert_eq!(at_once(&[20_600; 30]), 9);
        assert_eq!(at_once(&[1_030_000, 10]), 1);
        assert_eq!(at_once(&[100_000, 100_000, 1]), 2);
        assert_eq!(at_once(&[5]), 1);
        assert_eq!(at_once(&[]), 0);
    }
}
