//! The question about one number, which İYS answers with what is on record, within its budget of an hour.

use super::{Answer, Inner};
use chrono::{DateTime, TimeDelta, Utc};
use ledger::shared::HOUR_MS;
use providers::iys::{ConsentStatus, IysTrouble, SingleAnswer};
use schemas::{PhoneNumber, RecipientType};
use secrecy::SecretString;

impl Inner {
    /// The budget of an hour is there again with the next one.
    fn next_hour(&self) -> DateTime<Utc> {
        let now = self.ledger.clock().now();
        let left = HOUR_MS - now.timestamp_millis().rem_euclid(HOUR_MS);
        now + TimeDelta::try_milliseconds(left).unwrap_or_default()
    }

    pub(super) async fn single(&self, phone: &PhoneNumber, kind: RecipientType) -> Answer {
        let budget = match self.account.max_single_per_hour {
            Some(cap) => {
                self.ledger
                    .permits(&format!("{}/single", self.lane), 1, i64::from(cap), HOUR_MS)
                    .await
            }
            None => Ok(true),
        };
        match budget {
            Ok(true) => {}
            Ok(false) => {
                return Answer::NotBefore { at: self.next_hour(), why: "budget-used-up" };
            }
            Err(_) => return Answer::Silent("ledger-away".to_owned()),
        }
        let share = match self.permit().await {
            Ok(share) => share,
            Err(code) => return Answer::Silent(code),
        };
        let asked_at = self.ledger.clock().now();
        let client = &self.client;
        let question =
            |token: SecretString| async move { client.status(&token, kind, phone).await };
        let (allowed, word, request_id) = match self.insist(question, share).await {
            Ok(SingleAnswer::Found(record)) => match record.status {
                ConsentStatus::Onay => (true, "onay", record.transaction_id),
                ConsentStatus::Ret => (false, "ret", record.transaction_id),
            },
            Ok(SingleAnswer::NoRecord) => (true, "no-record", None),
            Err(IysTrouble::BadRequest(rejection)) if rejection.of_number => {
                (false, "not-a-recipient", None)
            }
            Err(IysTrouble::BadRequest(rejection)) => return self.not_accepted(&rejection).await,
            Err(trouble) => return Answer::Silent(trouble.code().to_owned()),
        };
        self.lanes.good(&self.ledger, &self.lane).await;
        Answer::Said { allowed, word, asked_at, request_id }
    }
}
