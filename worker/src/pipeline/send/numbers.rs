//! Numbers that cannot be reached on a channel, as the answer to a send says; receipts say it too, where they are taken in.

use crate::pipeline::route::Route;
use crate::pipeline::validate::Work;
use crate::worker::Worker;
use providers::{FailedKind, Outcome, meta, twilio};
use std::collections::HashSet;
use std::sync::LazyLock;

/// The codes that the tables mark so. A table that cannot be read makes no client either.
static BAD_NUMBERS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let meta = meta::Codes::embedded().map(|codes| {
        let bad = codes.rows().iter().filter(|row| row.bad_number);
        bad.map(|row| format!("meta:{}", row.code)).collect::<Vec<_>>()
    });
    let twilio = twilio::Codes::embedded().map(|codes| {
        let bad = codes.rows().iter().filter(|row| row.bad_number);
        bad.map(|row| format!("twilio:{}", row.code)).collect::<Vec<_>>()
    });
    meta.into_iter().chain(twilio).flatten().collect()
});

/// Whether an answer says that the number cannot be reached, today or tomorrow.
pub(super) fn is_unreachable(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Refused(trouble) | Outcome::Failed(FailedKind::NextChannel, trouble) => {
            BAD_NUMBERS.contains(&trouble.code)
        }
        _ => false,
    }
}

/// The next message takes another channel, if one is left.
pub(super) async fn remember(worker: &Worker, work: &Work<'_>, route: &Route<'_>) {
    if let Err(error) = worker.ledger.remember_unreachable(&route.reach_key).await {
        tracing::warn!(ntf = work.ntf, %error, "that its number cannot be reached here is not remembered");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use providers::Trouble;

    #[test]
    fn a_number_without_whatsapp_is_one_and_a_paused_template_is_none() {
        let next = |code: &str| {
            let trouble = Trouble { code: code.to_owned(), detail: String::new() };
            is_unreachable(&Outcome::Failed(FailedKind::NextChannel, trouble))
        };
        assert!(next("meta:131026") && next("twilio:63003") && next("twilio:63024"));
        assert!(!next("meta:132015") && !next("meta:unlisted") && !next("netgsm:131026"));
        let trouble = Trouble { code: "twilio:21211".to_owned(), detail: String::new() };
        assert!(is_unreachable(&Outcome::Refused(trouble.clone())));
        assert!(!is_unreachable(&Outcome::Unknown(trouble)));
    }
}
