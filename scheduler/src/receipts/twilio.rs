//! Twilio's messages, asked for by their sid (`facts/twilio_turkeysms_smsala.md` A2): one question, one message.

use super::Answers;
use crate::reconcile::{Halt, Turn};
use ::receipts::{Provider, Via, write_for};
use ledger::receipts::WantedReceipt;
use providers::receipt::Delivery;
use providers::twilio::Client;

/// Asks about the oldest; who was asked about, and what was said.
pub(super) async fn ask(
    turn: &mut Turn<'_>,
    client: &Client,
    due: Vec<WantedReceipt>,
) -> Result<(Vec<WantedReceipt>, Answers), Halt> {
    let mut answers = Answers::default();
    let Some(wanted) = due.into_iter().next() else { return Ok((vec![], answers)) };
    match turn.ask(client.fetch(&wanted.provider_ref)).await? {
        Ok(Some(row)) => {
            let receipt = client.receipt_of(&row);
            // that it waits is known: it was accepted
            if !matches!(receipt.delivery, None | Some(Delivery::Queued)) {
                let attempt = (wanted.ntf.clone(), wanted.n);
                let mut told = write_for(attempt, Provider::Twilio, Via::Poll, &receipt)
                    .of_account(&wanted.account);
                told.as_of = Some(wanted.started_at);
                answers.told.push((0, told));
            }
        }
        // Twilio knows no such message: nothing is known of it
        Ok(None) => {}
        Err(_) => answers.failed = true,
    }
    Ok((vec![wanted], answers))
}
