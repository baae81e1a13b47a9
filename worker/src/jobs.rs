//! Several messages in one job of a Netgsm account (`providers.netgsm.batch`, ADR 0011). Each has its claim, its place in the pace and
//! its outcome; they share a request.

use crate::hold::{self, Place};
use chrono::{DateTime, Utc};
use ledger::Ledger;
use providers::netgsm::{Client, JobKey, Sms, of_member};
use providers::{FailedKind, Freshness, Outcome, Trouble};
use schemas::PhoneNumber;
use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use templates::Text;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// How long a job waits for others that are in work: what the pace leaves free behind those that are late already (ADR 0011).
const LINGER: Duration = Duration::from_millis(5);
/// Netgsm collects the messages of such a job and never shows them in its report (`facts/netgsm_iys.md` A1, legacy n:n).
const COLLECTED: &str = "netgsm:1000";

/// A claimed message on its way out.
#[derive(Debug)]
pub struct Outgoing {
    /// Whom to.
    pub to: PhoneNumber,
    /// What to say.
    pub text: Text,
    /// The text needs Turkish letters.
    pub turkish: bool,
    /// The approved sender name.
    pub sender: String,
    /// Not before.
    pub starts: DateTime<Utc>,
    /// Not after.
    pub stops: DateTime<Utc>,
    /// Until when the decision behind it holds.
    pub until: DateTime<Utc>,
    /// How old its claim is.
    pub fresh: Freshness,
}

impl Outgoing {
    fn sms(&self) -> Sms<'_> {
        Sms {
            to: &self.to,
            text: self.text.expose(),
            turkish: self.turkish,
            sender: &self.sender,
            // accounts that send one share no jobs
            reference: "",
            starts: self.starts,
            stops: self.stops,
        }
    }

    fn may_leave(&self, now: DateTime<Utc>) -> bool {
        !self.fresh.too_old() && now < self.until
    }
}

/// What became of a member's job, for this member.
#[derive(Debug)]
pub struct Answered {
    /// Its outcome.
    pub outcome: Outcome,
    /// One answer is one observation of lane and cap: this member tells of it, or another one does.
    pub speaks: bool,
}

#[derive(Debug)]
struct Member {
    message: Outgoing,
    key: JobKey,
    /// Messages in work in this process when it came, itself included.
    in_work: usize,
    answer: oneshot::Sender<Answered>,
}

/// The jobs of one account.
#[derive(Debug, Clone)]
pub struct Jobs {
    to: mpsc::Sender<Member>,
}

impl Jobs {
    /// Starts for jobs of at most `most` messages; ends when the last clone is dropped. At most `room` messages wait.
    pub fn start(client: Arc<Client>, ledger: Ledger, most: u32, room: usize) -> Self {
        let (to, from) = mpsc::channel(room.max(1));
        let most = Arc::new(AtomicUsize::new(most as usize));
        tokio::spawn(Sharer { client, ledger, most }.run(from));
        Self { to }
    }

    /// Sends a message, with others if there are any. `None`: it shares nothing (no whole minute is left of its window); nothing was
    /// done. `in_work`: how many messages are in work in this process, with this one.
    pub async fn send(&self, message: Outgoing, in_work: usize) -> Option<Answered> {
        let key = JobKey::of(&message.sms())?;
        let (answer, answered) = oneshot::channel();
        if self.to.send(Member { message, key, in_work, answer }).await.is_err() {
            let outcome = trouble("no-client", "the jobs of this account are not made any more");
            return Some(Answered {
                outcome: Outcome::Failed(FailedKind::NotSent, outcome),
                speaks: true,
            });
        }
        // whoever held the request is gone: it may have left
        let lost = || Answered {
            outcome: Outcome::Unknown(trouble("job-lost", "its request ended without a word")),
            // each member would say it: one defect of ours is not many bad answers of theirs
            speaks: false,
        };
        Some(answered.await.unwrap_or_else(|_| lost()))
    }
}

fn trouble(code: &str, detail: &str) -> Trouble {
    Trouble { code: code.to_owned(), detail: detail.to_owned() }
}

#[derive(Debug, Clone)]
struct Sharer {
    client: Arc<Client>,
    ledger: Ledger,
    /// 1 from the first job on that Netgsm collected.
    most: Arc<AtomicUsize>,
}

impl Sharer {
    async fn run(self, mut from: mpsc::Receiver<Member>) {
        let mut waiting = vec![];
        while let Some(first) = from.recv().await {
            hold::at(Place::BeforeJob).await;
            let leaves = Instant::now() + LINGER;
            waiting.push(first);
            let most = self.most.load(Ordering::Relaxed);
            gather(&mut from, &mut waiting, most, leaves).await;
            for job in jobs(std::mem::take(&mut waiting), most) {
                tokio::spawn(self.clone().leave(job));
            }
        }
    }

    /// Sends a job, without those whose time has passed meanwhile.
    async fn leave(self, members: Vec<Member>) {
        let now = self.ledger.clock().now();
        let mut go = vec![];
        // whose task is gone, nobody would write down
        for member in members.into_iter().filter(|member| !member.answer.is_closed()) {
            if member.message.may_leave(now) {
                go.push(member);
            } else {
                drop(member.answer.send(Answered { outcome: left_out(), speaks: false }));
            }
        }
        let Some(oldest) = go.iter().map(|member| member.message.fresh).min() else { return };
        let size = go.len();
        let messages: Vec<Sms<'_>> = go.iter().map(|member| member.message.sms()).collect();
        let outcome = self.client.send_job(&go[0].key, &messages, oldest).await;
        tracing::debug!(account = self.client.account(), size, "a job was answered");
        self.is_collected(&outcome, size);
        for (place, member) in go.into_iter().enumerate() {
            let outcome = of_member(&outcome, size);
            drop(member.answer.send(Answered { outcome, speaks: place == 0 }));
        }
    }

    /// What is collected can never be looked for: from then on every message goes alone.
    fn is_collected(&self, outcome: &Outcome, size: usize) {
        let collected = matches!(outcome, Outcome::Accepted(it) if it.code == COLLECTED);
        if collected && size > 1 && self.most.swap(1, Ordering::Relaxed) > 1 {
            tracing::error!(
                alert = "jobs-collected",
                account = self.client.account(),
                "Netgsm collects the messages of a job (code 1000) and will not report them: they go one by one from now on; set batch = 1"
            );
        }
    }
}

/// The decision had run out when its job left.
fn left_out() -> Outcome {
    let detail = "the decision had run out when its job left; nothing was sent";
    Outcome::Failed(FailedKind::NotSent, trouble("stale", detail))
}

/// Takes those that come until then; no longer than anybody else is in work, and no more than go together.
async fn gather(
    from: &mut mpsc::Receiver<Member>,
    waiting: &mut Vec<Member>,
    most: usize,
    leaves: Instant,
) {
    loop {
        while let Ok(member) = from.try_recv() {
            waiting.push(member);
        }
        let others = waiting.last().is_some_and(|last| last.in_work > waiting.len());
        if !others || waiting.len() >= most {
            return;
        }
        match tokio::time::timeout_at(leaves, from.recv()).await {
            Ok(Some(member)) => waiting.push(member),
            Ok(None) | Err(_) => return,
        }
    }
}

fn jobs(waiting: Vec<Member>, most: usize) -> Vec<Vec<Member>> {
    let of: Vec<(&JobKey, &PhoneNumber)> =
        waiting.iter().map(|member| (&member.key, &member.message.to)).collect();
    let places = shared(&of, most);
    let mut jobs: Vec<Vec<Member>> = vec![];
    for (member, job) in waiting.into_iter().zip(places) {
        if job == jobs.len() {
            jobs.push(vec![]);
        }
        jobs[job].push(member);
    }
    jobs
}

/// The job of each, numbered from 0 in the order of their first members: of one key, no number twice, at most `most`.
fn shared<K: PartialEq, N: Eq + Hash>(of: &[(K, N)], most: usize) -> Vec<usize> {
    let mut jobs: Vec<(&K, HashSet<&N>)> = vec![];
    let mut places = Vec::with_capacity(of.len());
    for (key, number) in of {
        let fits = |(own, numbers): &(&K, HashSet<&N>)| {
            *own == key && numbers.len() < most && !numbers.contains(number)
        };
        let job = jobs.iter().position(fits).unwrap_or_else(|| {
            jobs.push((key, HashSet::new()));
            jobs.len() - 1
        });
        jobs[job].1.insert(number);
        places.push(job);
    }
    places
}

#[cfg(test)]
mod tests;
