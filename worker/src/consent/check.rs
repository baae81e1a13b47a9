//! One question to the configured consent source by a person who wants to know, within the limits that all workers share.

use super::{Answer, Asker};
use crate::consent_netgsm;
use crate::lanes::Lanes;
use crate::settings::{Clinic, ConsentSource, Settings};
use ledger::lanes::LaneState;
use ledger::{Ledger, LedgerError};
use providers::{ClientError, Limits};
use schemas::{ConsentRule, PhoneNumber, RecipientType};
use std::sync::Arc;

/// What came of the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The İYS brand that was asked for.
    pub brand: String,
    /// The answer.
    pub answer: Answer,
}

/// Why nobody could be asked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The clinic's account is not configured.
    #[error("the clinic's account {0} is not configured for consent questions")]
    NoAccount(String),
    /// Its settings make no client.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The ledger, in which limits and tokens are.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Asks what is on record for one number; `None`: the registry is the source, and nobody outside is asked. It is the single question of
/// İYS, which tells a refusal from no record, whatever rule messages go by.
///
/// # Errors
/// Nobody can be asked. A source that does not answer is an [`Answer::Silent`].
pub async fn outside(
    settings: &Settings,
    ledger: &Ledger,
    clinic: &Clinic,
    phone: &PhoneNumber,
    kind: RecipientType,
) -> Result<Option<Checked>, CheckError> {
    let lane = settings.consent_lane(clinic);
    let lanes = Arc::new(Lanes::default());
    match settings.consent_source {
        ConsentSource::Registry => Ok(None),
        ConsentSource::Iys => {
            let account = settings.iys.get(&clinic.iys);
            let account = account.ok_or_else(|| CheckError::NoAccount(lane.clone()))?;
            let brand = account.account.brand_code.clone();
            if shut(ledger, &lane).await? {
                return Ok(Some(Checked { brand, answer: closed() }));
            }
            // what throttle answers have left of the cap
            lanes.caps.read(ledger).await?;
            let client = providers::iys::Client::new(account.account.clone(), Limits::default())?;
            let asker = Asker::start(client, account.clone(), lane, ledger.clone(), lanes);
            Ok(Some(Checked { brand, answer: asker.not_refused(phone, kind).await }))
        }
        ConsentSource::Netgsm => {
            let account = settings.netgsm.get(&clinic.netgsm);
            let known = account.and_then(|known| Some((known, known.consent.as_ref()?)));
            let (account, consent) = known.ok_or_else(|| CheckError::NoAccount(lane.clone()))?;
            let brand = consent.brand_code.clone();
            if shut(ledger, &lane).await? {
                return Ok(Some(Checked { brand, answer: closed() }));
            }
            let client =
                providers::netgsm::Client::new(account.account.clone(), Limits::default())?;
            let service = client.consents(&consent.brand_code)?;
            let cap = consent.max_per_minute;
            let asker = consent_netgsm::Asker::new(service, cap, lane, ledger.clone(), lanes);
            let answer = asker.ask(phone, kind, ConsentRule::Required).await;
            Ok(Some(Checked { brand, answer }))
        }
    }
}

/// Who asks with an account that was refused uses up the hour's logins, and a probe belongs to a row that waits.
async fn shut(ledger: &Ledger, lane: &str) -> Result<bool, LedgerError> {
    let lanes = ledger.lanes().await?;
    Ok(lanes.iter().any(|known| known.lane == lane && known.state == LaneState::Closed))
}

fn closed() -> Answer {
    Answer::Silent("lane-closed".to_owned())
}
