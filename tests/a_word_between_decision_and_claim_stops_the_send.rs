//! A worker has decided to send on the registry's word and is held before its claim; the person takes the word back meanwhile: nothing is
//! sent, whoever writes it down. Another word of somebody else changes nothing.

use crate::harness::held::Copied;
use crate::harness::{Event, Installation, Options, Row, reminder};

async fn record(clinic: &Installation, event: &Event, channel: &str, status: &str) {
    let number = format!("+90{}", event.national());
    let who = ["consent", "record", "--clinic", "atasehir", "--phone", &number];
    let what = ["--channel", channel, status, "--reason", "asked at the desk"];
    let said = clinic.ulak(&[&who[..], &what[..]].concat()).await.json();
    assert_eq!(said[0]["fate"], "recorded", "{said:?}");
}

/// Holds a worker that has decided to send, lets somebody say something, lets it go on; returns what became of the message.
async fn while_held(copied: Copied, say: impl AsyncFnOnce(&Installation, &Event)) -> (Row, usize) {
    let options = Options { workers: 0, ..Options::default() }.set("ULAK_WORKER__QUICK_RETRIES", 0);
    let mut clinic = Installation::start(options.set("ULAK_CONSENT__SOURCE", "registry")).await;
    let event = reminder(copied.name());
    clinic.hide(event.national());
    record(&clinic, &event, "sms", "--given").await;
    clinic.hand_over(&event, copied).await;
    let (mut worker, mut hold) = clinic.held_worker("before-claim");
    hold.reached().await;
    say(&clinic, &event).await;
    hold.go();
    worker.log_where("the end of it", |line| line["message"] == "handled").await;
    clinic.workers.push(worker);
    let row = clinic.row(&event).await.expect("a row");
    let sent = clinic.outside.messages_to(event.national()).len();
    clinic.finish().await;
    (row, sent)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_stops_both_copies() {
    for copied in Copied::BOTH {
        let refuse = async |clinic: &Installation, event: &Event| {
            record(clinic, event, "all", "--refused").await;
        };
        let (row, sent) = while_held(copied, refuse).await;
        assert_eq!((row.state.as_str(), sent), ("suppressed", 0), "{row:?}");
        assert_eq!(row.why, "suppressed: consent-refused");
        assert_eq!(row.attempts, copied.attempts_before());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_word_about_another_channel_is_decided_on_again_and_stops_nothing() {
    let refuse = async |clinic: &Installation, event: &Event| {
        record(clinic, event, "whatsapp", "--refused").await;
    };
    let (row, sent) = while_held(Copied::ByTheClinic, refuse).await;
    assert_eq!((row.state.as_str(), row.attempts, sent), ("accepted", 1, 1), "{row:?}");
}
