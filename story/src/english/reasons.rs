//! What each reason means, in English.

use crate::words::first_words;

/// What a reason means; `None` where it says so itself.
pub(crate) fn meaning(why: &str) -> Option<&'static str> {
    Some(match first_words(why) {
        "quiet-hours" => "it is quiet hours at the clinic, and this type observes them",
        "lane-closed" => "the provider account or sender does not work now, so its messages wait",
        "consent-silent" => {
            "the consent source does not answer, and without its answer nothing is sent"
        }
        "consent-later" => "no more questions about consent are allowed now, so it is asked later",
        "consent-not-asked" => "the answer about consent was too old and is asked for again",
        "retry" => "the last try certainly sent nothing, so it is tried again later",
        "failover" => "the provider certainly sent nothing, so the next one is tried at once",
        "rate" => "the account's cap of messages a second was used up",
        "no-route" => "the clinic has no provider account or sender for its channels",
        "contended" => "other messages about the same person or visit were being decided",
        "number-busy" => "another message to the same number is on its way",
        "another-reminder-in-flight" => "another reminder of the same visit is on its way",
        "same-thing-in-flight" => "another message about the same thing is on its way",
        "same-thing-waiting" => "another message about the same thing waits to be sent",
        "returned by the broker" => "the broker gave it back, and it was taken in again",
        "replayed" => "a person put it back after it was dead-lettered",
        "taken in after a refusal" => "a person took it in after it had been refused",
        "no-consent" => "the rule asks for consent, and whoever was asked has none on record",
        "no-opt-in" => {
            "WhatsApp needs the person's own agreement, and the registry has none that stands"
        }
        "suppressed" => "the number is on the list of those who must not be contacted",
        "duplicate of" => "a message about the same thing was sent before",
        "too soon after" => "a reminder of the same visit was sent a short time before",
        "superseded by" => "a newer message about the same thing took its place",
        "appointment-past" => "the visit had begun before it could be sent",
        "too-late" => "it was of no use any more",
        "too-late-after-failures" => "every try had failed until it was of no use any more",
        "quiet-hours-until-too-late" => "quiet hours last until it is of no use any more",
        "appointment-cancelled" => "the visit was cancelled",
        "stopped-by-operator" => "somebody stopped it with `ulak schedule cancel`",
        "superseded-by-newer-version" => {
            "the visit was changed, and another message took its place"
        }
        "plan" => "a fact planned it for its time",
        "new" => "it has just come, and a worker decides about it",
        "appointment-moved" => "the visit was moved, and this was about the old time",
        "appointment-stands" => "it told of a cancellation, and the visit stands",
        "appointment-cancelled-again" => {
            "it told of a cancellation, and the visit was cancelled once more since then"
        }
        "template" => "its text could not be made from the template",
        "crash-loop" => "the broker gave it back three times: handling it did not end",
        "handler-panic" => "handling it failed twice inside Ulak",
        "its body is missing" => "the sealed event is not in the ledger any more",
        "its body no longer fits the schema" => "the event type has changed since it was taken in",
        "its clinic or type is not configured" => "the configuration does not know them any more",
        "lease-ran-out" => "the worker that was sending it did not come back",
        "accepted-before" => "an earlier attempt was accepted",
        "next-channel" => {
            "it did not arrive on one channel, or nobody heard of it there, so the next one is tried"
        }
        "no-next-channel" => {
            "it was sent on one channel, and it was decided not to try the next one"
        }
        "resend" => {
            "the provider's books show that the attempt never arrived there, and its type is sent once more"
        }
        "found" => "its answer was lost, and the provider's books have it",
        "absent, and its type is not sent again" => {
            "the provider's books show that it never arrived there, and its type is not sent on its own a second time"
        }
        "absent, and too late to be sent again" => {
            "the provider's books show that it never arrived there, and it would come too late"
        }
        "absent, and it was sent again once before" => {
            "it was sent again once before, and no message is sent a third time"
        }
        "ambiguous" => {
            "the provider's books have messages to this number that may be it or another one"
        }
        "no later message of the account to compare with" => {
            "only a later message that is in the books proves that a missing one is missing, and there was none"
        }
        "the provider does not show a later message yet" => {
            "the provider's books were behind: what was sent later was not there either"
        }
        "a message is there that may be it or another one" => {
            "the provider's books have a message to this number that differs in something, or several"
        }
        "no answer" => "the provider did not answer the question",
        "its account is not configured any more" => "nobody can log in to look for it",
        "its provider cannot be asked" => "this provider has no books that can be asked",
        "its number and text cannot be opened any more" => "nobody knows any more what to look for",
        "nobody could look for it" => "no scheduler ran that could look for it",
        _ => return None,
    })
}
