//! Netgsm's report webhook: nobody signs it and nothing describes it (`facts/netgsm_iys.md` A5), so it is read for job ids only, and
//! these are asked about sooner.

use ledger::Ledger;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::sync::mpsc;

/// Hints that wait at most; one more is dropped, since the question comes anyway.
const MOST_WAITING: usize = 1_000;
/// Job ids that are taken of one webhook.
const MOST_JOBS: usize = 200;
/// Digits of what may be a job id (`facts/netgsm_iys.md` A1: 10 to 26 were seen); a phone number among them matches no job.
const DIGITS: std::ops::RangeInclusive<usize> = 6..=40;
/// Hints are gathered for so long: many jobs, one statement.
const GATHERED_FOR: Duration = Duration::from_secs(1);
/// Job ids of one statement.
const AT_ONCE: usize = 2_000;

/// Passes hints on. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Hints(mpsc::Sender<(String, Vec<String>)>);

impl Hints {
    /// Begins to pass them on.
    pub fn start(ledger: &Ledger) -> Self {
        let (to, from) = mpsc::channel(MOST_WAITING);
        tokio::spawn(pass_on(from, ledger.clone()));
        Self(to)
    }

    /// These jobs of an account (`default`) may have news.
    pub fn of(&self, account: &str, jobs: Vec<String>) {
        if !jobs.is_empty() {
            let _ = self.0.try_send((format!("netgsm/{account}"), jobs));
        }
    }
}

/// What may be job ids in a body of any form, each once.
pub(crate) fn jobs(body: &[u8]) -> Vec<String> {
    let mut found = BTreeSet::new();
    for run in body.split(|byte| !byte.is_ascii_digit()) {
        if DIGITS.contains(&run.len()) && found.len() < MOST_JOBS {
            found.insert(String::from_utf8_lossy(run).into_owned());
        }
    }
    found.into_iter().collect()
}

async fn pass_on(mut from: mpsc::Receiver<(String, Vec<String>)>, ledger: Ledger) {
    while let Some(first) = from.recv().await {
        tokio::time::sleep(GATHERED_FOR).await;
        let mut by_account: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut next = Some(first);
        let mut many = 0;
        while let Some((account, jobs)) = next {
            many += jobs.len();
            by_account.entry(account).or_default().extend(jobs);
            next = if many < AT_ONCE { from.try_recv().ok() } else { None };
        }
        for (account, jobs) in by_account {
            let jobs: Vec<String> = jobs.into_iter().collect();
            match ledger.receipts_hinted(&account, &jobs).await {
                Ok(moved) => tracing::debug!(account, moved, "Netgsm hints at news"),
                // they are asked about anyway, later
                Err(error) => tracing::debug!(account, %error, "a hint was lost"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_ids_are_found_in_json_and_in_forms_and_never_too_many() {
        let json = br#"{"jobid":"17377215342605050417149344","status":1,"number":"905321234567"}"#;
        assert_eq!(jobs(json), ["17377215342605050417149344", "905321234567"]);
        assert_eq!(jobs(b"gorevid=112000720&durum=1&gorevid=112000720"), ["112000720"]);
        assert_eq!(jobs(b"\xff\x00 12345"), Vec::<String>::new());
        assert_eq!(jobs("1".repeat(41).as_bytes()), Vec::<String>::new());
        let many: Vec<String> = (100_000..101_000).map(|n| n.to_string()).collect();
        assert_eq!(jobs(many.join(",").as_bytes()).len(), MOST_JOBS);
    }
}
