//! Many webhooks at the same moment, a few writes.
//!
//! A burst of receipts must not be in the way of those who send: one slice at a time, and after each a rest as long as it took, in
//! which others have the ledger. Whoever brings receipts is answered after the commit; when too many wait he is told so at once, and
//! the vendor comes again.

use crate::convert::Told;
use crate::follow::follow;
use ledger::receipts::{ReceiptWrite, Took};
use ledger::{Ledger, LedgerError};
use metrics::Metrics;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, TryAcquireError, mpsc, oneshot};
use tokio::time::Instant;

/// Receipts that wait at most; about 500 bytes each.
pub const MOST_WAITING: usize = 40_000;
/// Receipts of one caller that are written together at most, and as many as make a slice worth beginning.
const PART: usize = 250;
/// Longest rest between two slices.
const REST_AT_MOST: Duration = Duration::from_millis(250);
/// How long a caller waits: vendors hang up after 15 s (`facts/twilio_turkeysms_smsala.md` A3).
const PATIENCE: Duration = Duration::from_secs(12);

/// Why receipts were not taken. What was written all the same is harmless when it comes again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// Too many wait.
    #[error("too many receipts wait")]
    Full,
    /// The ledger is away, does not answer in time, or the process stops.
    #[error("the ledger is away")]
    Away,
    /// A defect of ours, or a damaged ledger.
    #[error("the ledger refuses a receipt")]
    Defect,
}

/// Takes receipts in. Cheap to clone; ends with its last clone.
#[derive(Debug, Clone)]
pub struct Intake {
    to: mpsc::UnboundedSender<Part>,
    places: Arc<Semaphore>,
}

type Answers = Vec<Result<Took, LedgerError>>;

/// What one caller wants written together.
#[derive(Debug)]
struct Part {
    told: Vec<Told>,
    answer: oneshot::Sender<Answers>,
}

impl Intake {
    /// Begins to take receipts in.
    pub fn start(ledger: &Ledger, metrics: Option<Arc<Metrics>>) -> Self {
        let (to, from) = mpsc::unbounded_channel();
        tokio::spawn(collect(from, ledger.clone(), metrics));
        Self { to, places: Arc::new(Semaphore::new(MOST_WAITING)) }
    }

    /// Writes receipts; what became of each, in their order.
    ///
    /// # Errors
    /// None of them, or nobody knows how many, were taken: the sender should come again.
    pub async fn take(&self, told: Vec<Told>) -> Result<Vec<Took>, NotTaken> {
        if told.is_empty() {
            return Ok(vec![]);
        }
        let wanted = u32::try_from(told.len()).map_err(|_| NotTaken::Full)?;
        let places = Arc::clone(&self.places).try_acquire_many_owned(wanted);
        // given back when everything is written, or nobody waits for it any more
        let _places = places.map_err(|error| match error {
            TryAcquireError::NoPermits => NotTaken::Full,
            TryAcquireError::Closed => NotTaken::Away,
        })?;
        let mut answers = vec![];
        let mut told = told.into_iter().peekable();
        while told.peek().is_some() {
            let (answer, answered) = oneshot::channel();
            let part = Part { told: told.by_ref().take(PART).collect(), answer };
            self.to.send(part).map_err(|_| NotTaken::Away)?;
            answers.push(answered);
        }
        let all = async {
            let mut took = vec![];
            for answered in answers {
                took.extend(answered.await.map_err(|_| NotTaken::Away)?);
            }
            took.into_iter().map(|it| it.map_err(|error| not_taken(&error))).collect()
        };
        tokio::time::timeout(PATIENCE, all).await.unwrap_or(Err(NotTaken::Away))
    }
}

fn not_taken(error: &LedgerError) -> NotTaken {
    match error {
        LedgerError::Statement(_) | LedgerError::Corrupt(_) | LedgerError::Conflict => {
            tracing::error!(%error, "the ledger refuses a receipt");
            NotTaken::Defect
        }
        error => {
            tracing::debug!(%error, "receipts are told to come again");
            NotTaken::Away
        }
    }
}

async fn collect(
    mut from: mpsc::UnboundedReceiver<Part>,
    ledger: Ledger,
    metrics: Option<Arc<Metrics>>,
) {
    while let Some(first) = from.recv().await {
        let mut parts = vec![];
        let mut next = Some(first);
        let mut receipts = 0;
        while let Some(part) = next {
            // whoever does not wait any more has told the vendor to come again
            if !part.answer.is_closed() {
                receipts += part.told.len();
                parts.push(part);
            }
            next = if receipts < PART { from.try_recv().ok() } else { None };
        }
        if parts.is_empty() {
            continue;
        }
        let began = Instant::now();
        // a panic is this slice's trouble: its askers are told to come again, the next ones are served
        let slice = tokio::spawn(write(parts, ledger.clone(), metrics.clone()));
        if slice.await.is_err() {
            tracing::error!("a slice of receipts ended badly");
        }
        tokio::time::sleep(began.elapsed().min(REST_AT_MOST)).await;
    }
}

async fn write(parts: Vec<Part>, ledger: Ledger, metrics: Option<Arc<Metrics>>) {
    let (told, sizes): (Vec<Vec<Told>>, Vec<_>) =
        parts.into_iter().map(|part| (part.told, part.answer)).unzip();
    let lengths: Vec<usize> = told.iter().map(Vec::len).collect();
    let told: Vec<Told> = told.into_iter().flatten().collect();
    let writes: Vec<ReceiptWrite> = told.iter().map(|it| it.write.clone()).collect();
    let took = ledger.record_receipts(&writes).await;
    let mut answers = took.clone().into_iter();
    for (answer, length) in sizes.into_iter().zip(lengths) {
        // an asker that was cancelled does not want it any more
        let _ = answer.send(answers.by_ref().take(length).collect());
    }
    follow(&ledger, metrics.as_deref(), &told, &took).await;
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{Provider, Via, write_for};
    use ledger::vault::Secret32;
    use ledger::{LedgerSettings, migrate};
    use providers::receipt::{Delivery, Receipt};
    use tempfile::TempDir;

    /// A ledger in a folder of its own.
    pub async fn ledger() -> (Ledger, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("ulak.db").display());
        let settings = LedgerSettings {
            url: url.into(),
            master_key: Secret32::new([7; 32]),
            connections: 2,
            max_mib: None,
            name: "receipts test".to_owned(),
        };
        migrate(&settings).await.unwrap();
        (Ledger::open(&settings).await.unwrap(), folder)
    }

    /// Receipts of messages that nobody knows.
    fn nobodys(many: usize) -> Vec<Told> {
        let receipt = Receipt {
            provider_ref: "SM1".to_owned(),
            reference: None,
            word: "delivered".to_owned(),
            delivery: Some(Delivery::Delivered),
            at: None,
        };
        let of = |n: usize| {
            let attempt = (format!("ntf_{n:026}"), 1);
            write_for(attempt, Provider::Twilio, Via::Webhook, &receipt)
        };
        (0..many).map(of).collect()
    }

    #[tokio::test]
    async fn each_of_many_gets_its_answer_and_is_counted() {
        let (ledger, _folder) = ledger().await;
        let metrics = Metrics::new([]);
        let intake = Intake::start(&ledger, Some(Arc::clone(&metrics)));
        assert_eq!(intake.take(vec![]).await, Ok(vec![]));
        let several = (0..20).map(|_| intake.take(nobodys(PART + 7)));
        for took in futures_of(several).await {
            let took = took.unwrap();
            assert_eq!(took.len(), PART + 7);
            assert!(took.iter().all(|it| *it == Took::Unmatched), "{took:?}");
        }
        let all = 20 * (PART + 7);
        let line = format!(
            "ulak_receipts_without_effect_total{{provider=\"twilio\",why=\"unmatched\"}} {all}"
        );
        // what follows a write comes after its answer
        let counted = async {
            while !metrics.text().contains(&line) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), counted).await.expect(&line);
    }

    async fn futures_of<T>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
        futures::future::join_all(all).await
    }

    #[tokio::test]
    async fn when_too_many_wait_the_next_is_told_so_and_there_is_room_again_afterwards() {
        let (ledger, _folder) = ledger().await;
        let intake = Intake::start(&ledger, None);
        assert_eq!(intake.take(nobodys(MOST_WAITING + 1)).await, Err(NotTaken::Full));
        let most = intake.clone();
        let places = Arc::clone(&intake.places).acquire_many_owned(MOST_WAITING as u32 - 1).await;
        assert!(most.take(nobodys(1)).await.is_ok());
        assert_eq!(most.take(nobodys(2)).await, Err(NotTaken::Full));
        drop(places);
        assert!(most.take(nobodys(2)).await.is_ok());
    }

    #[tokio::test]
    async fn while_the_ledger_is_away_everybody_is_told_to_come_again() {
        let (ledger, _folder) = ledger().await;
        let intake = Intake::start(&ledger, None);
        ledger.close().await;
        assert_eq!(intake.take(nobodys(3)).await, Err(NotTaken::Away));
        assert_eq!(intake.places.available_permits(), MOST_WAITING);
    }
}
