//! Netgsm's report, asked about jobs (`facts/netgsm_iys.md` A4).

use super::Answers;
use crate::reconcile::{Halt, Turn};
use ::receipts::{Provider, Via, write_for};
use ledger::receipts::WantedReceipt;
use ledger::vault::Purpose;
use providers::netgsm::{Client, ReportPage, ReportQuery, ReportRow};
use providers::receipt::Delivery;
use std::collections::HashMap;

/// Jobs of one question.
const JOBS: usize = 50;
/// Messages of one question: a page of the report.
const ROWS: usize = 100;
/// Pages of one answer that are read: 50 jobs of 100 messages.
const PAGES: u32 = 50;

/// Asks about as many of the oldest as one question takes; who was asked about, and what was said.
pub(super) async fn ask(
    turn: &mut Turn<'_>,
    client: &Client,
    due: Vec<WantedReceipt>,
) -> Result<(Vec<WantedReceipt>, Answers), Halt> {
    let (jobs, asked) = question(due);
    let mut answers = Answers::default();
    let mut places: HashMap<(&str, &str), usize> = HashMap::with_capacity(asked.len());
    for (place, wanted) in asked.iter().enumerate() {
        places.insert((&wanted.provider_ref, &wanted.number), place);
    }
    for page in 0..PAGES {
        let Ok(read) = turn.ask(client.report(ReportQuery::Jobs(&jobs), page)).await? else {
            answers.failed = true;
            break;
        };
        let last = read.last;
        take(turn, client, &asked, &places, read, &mut answers);
        if last {
            break;
        }
    }
    drop(places);
    Ok((asked, answers))
}

/// The jobs of a question, and everybody in them who is due. More than a page of messages only where one job has them.
fn question(due: Vec<WantedReceipt>) -> (Vec<String>, Vec<WantedReceipt>) {
    let mut sizes: HashMap<&str, usize> = HashMap::new();
    for wanted in &due {
        *sizes.entry(&wanted.provider_ref).or_default() += 1;
    }
    let (mut jobs, mut rows): (Vec<String>, usize) = (vec![], 0);
    for wanted in &due {
        let size = sizes.get(wanted.provider_ref.as_str()).copied().unwrap_or(1);
        let fits = jobs.is_empty() || rows + size <= ROWS;
        if !jobs.contains(&wanted.provider_ref) && fits && jobs.len() < JOBS {
            jobs.push(wanted.provider_ref.clone());
            rows += size;
        }
    }
    let asked = due.into_iter().filter(|wanted| jobs.contains(&wanted.provider_ref)).collect();
    (jobs, asked)
}

fn take(
    turn: &Turn<'_>,
    client: &Client,
    asked: &[WantedReceipt],
    places: &HashMap<(&str, &str), usize>,
    page: ReportPage,
    answers: &mut Answers,
) {
    let vault = turn.ledger().vault();
    for row in page.rows {
        // a job may have messages that are known already, and some of which nobody here knows
        let Some(place) = place_of(&row, places, |number| {
            vault.hash(Purpose::Number, &["netgsm", client.account(), number])
        }) else {
            continue;
        };
        let wanted = &asked[place];
        let receipt = client.receipt_of(&row);
        // that it waits is known: it was accepted
        if matches!(receipt.delivery, None | Some(Delivery::Queued)) {
            continue;
        }
        let attempt = (wanted.ntf.clone(), wanted.n);
        let mut told =
            write_for(attempt, Provider::Netgsm, Via::Report, &receipt).of_account(&wanted.account);
        // of no failure does Netgsm say when it was: what it says of the account it says of then
        told.as_of = Some(wanted.started_at);
        answers.told.push((place, told));
    }
}

/// Whose row it is: its job's and its number's.
fn place_of(
    row: &ReportRow,
    places: &HashMap<(&str, &str), usize>,
    hash: impl Fn(&str) -> String,
) -> Option<usize> {
    let number = hash(row.number.as_ref()?.e164());
    places.get(&(row.jobid.as_str(), number.as_str())).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wanted(job: &str, number: &str) -> WantedReceipt {
        WantedReceipt {
            ntf: format!("ntf_{job}{number}"),
            n: 1,
            provider: "netgsm".to_owned(),
            account: "netgsm/default".to_owned(),
            provider_ref: job.to_owned(),
            number: number.to_owned(),
            started_at: 0,
            next_at: 0,
            looks: 0,
            until: i64::MAX,
        }
    }

    proptest! {
        /// Never too many jobs, whole jobs only, the oldest always among them.
        #[test]
        fn a_question_has_whole_jobs_and_the_oldest_first(of in proptest::collection::vec(0_u32..80, 1..300)) {
            let due: Vec<_> =
                of.iter().enumerate().map(|(i, job)| wanted(&job.to_string(), &i.to_string())).collect();
            let (jobs, asked) = question(due.clone());
            prop_assert!((1..=JOBS).contains(&jobs.len()));
            prop_assert!(jobs.len() == 1 || asked.len() <= ROWS);
            prop_assert_eq!(&asked[0], &due[0]);
            for wanted in &due {
                prop_assert_eq!(jobs.contains(&wanted.provider_ref), asked.contains(wanted));
            }
        }
    }
}
