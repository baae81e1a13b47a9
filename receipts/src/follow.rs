//! What follows from receipts once they are written: counts, the lane of an account in trouble, lines for people.

use crate::convert::Told;
use ledger::lanes::{Lane, LaneState};
use ledger::receipts::Took;
use ledger::{Ledger, LedgerError};
use metrics::Metrics;
use std::collections::BTreeMap;
use std::time::Duration;

/// An account's trouble that is older closes no lane: somebody may have mended it since, milliseconds.
const FRESH_MS: i64 = 10 * 60 * 1_000;
/// First probe of a lane whose account was refused, milliseconds, as after a send: somebody has to mend it.
const PROBE_MS: i64 = 10_000;

/// Counts what was written, tells what a person should know, and closes lanes of accounts in trouble. `took` has an answer for each
/// of `told`; what was not written is the caller's affair.
pub async fn follow(
    ledger: &Ledger,
    metrics: Option<&Metrics>,
    told: &[Told],
    took: &[Result<Took, LedgerError>],
) {
    let now = ledger.clock().now_ms();
    let mut troubles: BTreeMap<&str, (&Told, i64)> = BTreeMap::new();
    for (told, took) in told.iter().zip(took) {
        let Ok(took) = took else { continue };
        if let Some(metrics) = metrics {
            count(metrics, told, took, now);
        }
        say(told, took);
        if let (Took::Written { lane, .. }, Some(_)) = (took, told.starts.lane) {
            let as_of = told.as_of.unwrap_or(now);
            let newest = troubles.entry(lane).or_insert((told, as_of));
            if as_of > newest.1 {
                *newest = (told, as_of);
            }
        }
    }
    troubles.retain(|_, (_, as_of)| now.saturating_sub(*as_of) <= FRESH_MS);
    if let Err(error) = close(ledger, &troubles).await {
        // the next message of the account meets the same trouble
        tracing::warn!(%error, "could not close the lane of a receipt's trouble");
    }
}

fn count(metrics: &Metrics, told: &Told, took: &Took, now: i64) {
    let provider = told.provider.as_str();
    match took {
        Took::Written { sent_twice, .. } => {
            let delivery = told.write.delivery.map_or("unlisted", |it| it.as_str());
            metrics.receipts.written(provider, delivery, &told.write.code);
            if let Some(at) = told.write.at {
                let age = u64::try_from(now.saturating_sub(at)).unwrap_or(0);
                metrics.receipts.age(provider, Duration::from_millis(age));
            }
            if *sent_twice {
                metrics.events.sent_twice();
            }
        }
        Took::Nothing => metrics.receipts.without_effect(provider, "known"),
        Took::Contradicts => metrics.receipts.without_effect(provider, "contradicts"),
        Took::Unmatched => metrics.receipts.without_effect(provider, "unmatched"),
    }
}

fn say(told: &Told, took: &Took) {
    let write = &told.write;
    let (ntf, attempt, code) = (write.ntf.as_str(), write.n, write.code.as_str());
    match took {
        Took::Written { state, resolved_unknown, sent_twice, .. } => {
            if *sent_twice {
                tracing::error!(
                    alert = "sent-twice",
                    ntf,
                    attempt,
                    "two attempts of one notification were accepted"
                );
            }
            if *resolved_unknown {
                let state = state.as_str();
                tracing::info!(ntf, attempt, state, "the unknown attempt was found: {code}");
            }
        }
        Took::Contradicts => tracing::warn!(
            alert = "receipt-contradicts",
            ntf,
            attempt,
            code,
            word = write.word,
            via = write.via,
            "a receipt says the contrary of what is known of the attempt: nothing was changed"
        ),
        Took::Nothing | Took::Unmatched => {}
    }
}

async fn close(
    ledger: &Ledger,
    troubles: &BTreeMap<&str, (&Told, i64)>,
) -> Result<(), LedgerError> {
    if troubles.is_empty() {
        return Ok(());
    }
    let known = ledger.lanes().await?;
    for (lane, (told, as_of)) in troubles {
        // it was looked at since: what came later says more
        let is_old_news =
            |it: &Lane| it.lane == *lane && (it.since >= *as_of || it.state != LaneState::Open);
        if known.iter().any(is_old_news) {
            continue;
        }
        let why = format!("account: {}", told.write.code);
        if ledger.close_lane(lane, &why, PROBE_MS).await? {
            tracing::error!(
                alert = "lane-closed",
                lane,
                why,
                "lane closed: its messages wait, nothing is lost"
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::tests::ledger;
    use crate::{Provider, Via, write_for};
    use ledger::state::State;
    use providers::LaneTrouble;
    use providers::receipt::{Delivery, Failure, Receipt, Remedy};

    const LANE: &str = "netgsm/default/KLINIK";

    fn told(as_of: Option<i64>) -> Told {
        let failure = Failure {
            code: "netgsm:status-14".to_owned(),
            detail: "no credit".to_owned(),
            remedy: Remedy::NextChannel,
            bad_number: false,
            lane: Some(LaneTrouble::Credit),
        };
        let receipt = Receipt {
            provider_ref: "1".to_owned(),
            reference: None,
            word: "14".to_owned(),
            delivery: Some(Delivery::Failed(failure)),
            at: None,
        };
        let attempt = ("ntf_a".to_owned(), 1);
        Told { as_of, ..write_for(attempt, Provider::Netgsm, Via::Report, &receipt) }
    }

    fn written() -> Took {
        Took::Written {
            state: State::Undelivered,
            lane: LANE.to_owned(),
            clinic: "atasehir".to_owned(),
            resolved_unknown: false,
            sent_twice: false,
        }
    }

    async fn state(ledger: &Ledger) -> Option<LaneState> {
        let lanes = ledger.lanes().await.unwrap();
        lanes.iter().find(|lane| lane.lane == LANE).map(|lane| lane.state)
    }

    /// Until it is open again.
    async fn opened(ledger: &Ledger) {
        ledger.widen_lane(LANE, LaneState::Closed).await.unwrap();
        while state(ledger).await != Some(LaneState::Open) {
            ledger.widen_lane(LANE, LaneState::Trying).await.unwrap();
        }
    }

    #[tokio::test]
    async fn an_accounts_trouble_closes_its_lane_once_and_old_news_do_not() {
        let (ledger, _folder) = ledger().await;
        let now = || ledger.clock().now_ms();
        let tell = async |as_of, took| follow(&ledger, None, &[told(as_of)], &[Ok(took)]).await;
        // nothing new, or too long ago: somebody may have mended it since
        tell(None, Took::Nothing).await;
        tell(Some(now() - FRESH_MS - 1_000), written()).await;
        assert_eq!(state(&ledger).await, None);
        let before = now() - 60_000;
        tell(Some(before), written()).await;
        let lanes = ledger.lanes().await.unwrap();
        assert_eq!(
            (lanes[0].state, lanes[0].why.as_str()),
            (LaneState::Closed, "account: netgsm:status-14")
        );
        opened(&ledger).await;
        // the rest of what was sent before it was mended
        tell(Some(before), written()).await;
        assert_eq!(state(&ledger).await, Some(LaneState::Open));
        tell(Some(now() + 1_000), written()).await;
        assert_eq!(state(&ledger).await, Some(LaneState::Closed));
    }
}
