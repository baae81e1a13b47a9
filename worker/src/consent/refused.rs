//! A question that İYS refuses for another reason than the number in it: above all with a code that nobody documented. It says
//! nothing about the person, so whoever was asked about waits, and the others are asked about without it.

use super::{Answer, Inner, TRIES};
use crate::caps::Share;
use chrono::TimeDelta;
use providers::iys::{IysTrouble, Rejection};
use secrecy::SecretString;

/// How long a message waits whose question İYS did not take: our choice.
const NOT_ACCEPTED_S: i64 = 60;
const NOT_ACCEPTED: &str = "question-not-accepted";

impl Inner {
    /// [`Inner::ask`] about one number: a refusal that does not speak of it is taken for a trouble that may pass.
    pub(super) async fn insist<T, F>(
        &self,
        question: impl Fn(SecretString) -> F,
        mut share: Share,
    ) -> Result<T, IysTrouble>
    where
        F: Future<Output = Result<T, IysTrouble>>,
    {
        let mut delays = crate::retry::quick();
        let mut tries = 1;
        loop {
            match self.ask(&question, share).await {
                Err(IysTrouble::BadRequest(r)) if !r.of_number && tries < TRIES => {
                    tries += 1;
                    tokio::time::sleep(delays()).await;
                    share = self.permit().await.unwrap_or(share);
                }
                other => return other,
            }
        }
    }

    /// What the asker of one number hears. Where all are refused it is an outage: several in a row close the lane.
    pub(super) async fn not_accepted(&self, rejection: &Rejection) -> Answer {
        let code = rejection.trouble.code.as_str();
        self.lanes.bad(&self.ledger, &self.lane, code).await;
        if self.lanes.closed(&self.lane) {
            return Answer::Silent(code.to_owned());
        }
        tracing::error!(
            alert = "consent-question",
            lane = self.lane,
            code,
            detail = rejection.trouble.detail,
            "İYS did not accept a question about a number: its message waits"
        );
        let wait = TimeDelta::try_seconds(NOT_ACCEPTED_S).unwrap_or_default();
        Answer::NotBefore { at: self.ledger.clock().now() + wait, why: NOT_ACCEPTED }
    }
}
