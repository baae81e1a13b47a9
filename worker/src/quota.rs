//! How much of the budgets of an hour is used, which all processes share through the ledger.

use crate::token::TOKENS_PER_HOUR;
use crate::worker::Worker;
use ledger::LedgerError;
use ledger::shared::HOUR_MS;
use std::time::Duration;

/// How often they are looked at: a budget is an hour's.
const EVERY: Duration = Duration::from_mins(1);

/// Shows them for ever.
pub async fn follow(worker: &Worker) {
    loop {
        if let Err(error) = look(worker).await {
            tracing::debug!(%error, "budgets are looked at later");
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn look(worker: &Worker) -> Result<(), LedgerError> {
    for (name, account) in &worker.settings.iys {
        let lane = format!("iys/{name}");
        let used = worker.ledger.tokens_asked_for(&lane).await?;
        worker.metrics.sends.quota("iys-tokens", &lane, used, TOKENS_PER_HOUR);
        if let Some(most) = account.max_single_per_hour {
            let used = worker.ledger.permits_used(&format!("{lane}/single"), HOUR_MS).await?;
            worker.metrics.sends.quota("iys-single", &lane, used, i64::from(most));
        }
    }
    Ok(())
}
