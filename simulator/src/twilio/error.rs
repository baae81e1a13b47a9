//! Twilio's error table, as data (facts twilio A1, A7; words of Twilio's own error dictionary).

use std::borrow::Cow;

use serde::Serialize;
use serde_json::json;

use crate::reply::{JSON, Reply};
use crate::script::{TwilioEnd, TwilioOutcome};

/// Code, HTTP status, words. Status 0: it comes with a message's end, never as an answer.
const TABLE: &[(u32, u16, &str)] = &[
    (20001, 400, "Unknown parameters"),
    (20003, 401, "Authenticate"),
    (20004, 405, "Method not allowed"),
    (20005, 403, "Account not active"),
    (20007, 400, "Page size too large"),
    (20009, 409, "Cannot delete this resource before it is complete"),
    (20404, 404, "The requested resource was not found"),
    (20422, 400, "Invalid Parameter"),
    (20429, 429, "Too Many Requests"),
    (20500, 500, "An internal server error has occurred"),
    (20503, 503, "Service Unavailable"),
    (21211, 400, "Invalid 'To' Phone Number"),
    (21212, 400, "Invalid From Number (caller ID)"),
    (21219, 400, "'To' phone number not verified"),
    (
        21408,
        400,
        "Permission to send an SMS has not been enabled for the region indicated by the 'To' number",
    ),
    (21601, 400, "Phone number is not a valid SMS-capable inbound phone number"),
    (21602, 400, "Message body is required."),
    (21603, 400, "A 'From' or 'MessagingServiceSid' parameter is required to send a message"),
    (21604, 400, "A 'To' phone number is required."),
    (
        21606,
        400,
        "The 'From' phone number provided is not a valid message-capable Twilio phone number for this destination",
    ),
    (
        21608,
        400,
        "The number is unverified. Trial accounts cannot send messages to unverified numbers",
    ),
    (21609, 400, "The 'StatusCallback' URL is not a valid URL."),
    (21610, 400, "Attempt to send to unsubscribed recipient"),
    (21611, 400, "This 'From' number has exceeded the maximum number of queued messages"),
    (
        21612,
        400,
        "Message cannot be sent with the current combination of 'To' and/or 'From' parameters",
    ),
    (21614, 400, "'To' number is not a valid mobile number"),
    (21617, 400, "The concatenated message body exceeds the 1600 character limit"),
    (21619, 400, "A text message body or media urls must be specified."),
    (21620, 400, "Invalid media URL(s)"),
    (21623, 400, "Number of media files exceeds allowed limit"),
    (21624, 400, "Invalid validity period value"),
    (21654, 400, "ContentSid Required"),
    (21655, 400, "The ContentSid is Invalid"),
    (21656, 400, "The ContentVariables Parameter is invalid"),
    (21657, 400, "The Sender ID is invalid"),
    (21701, 400, "The Messaging Service does not exist"),
    (21703, 400, "The Messaging Service does not have a phone number available to send a message"),
    (21704, 400, "The Messaging Service contains no phone numbers"),
    (21705, 400, "The Messaging Service Sid is invalid"),
    (21910, 400, "Invalid From and To pair. From and To should be of the same channel"),
    (30001, 0, "Queue overflow"),
    (30002, 0, "Account suspended"),
    (30003, 0, "Unreachable destination handset"),
    (30004, 0, "Message blocked"),
    (30005, 0, "Unknown destination handset"),
    (30006, 0, "Landline or unreachable carrier"),
    (30007, 0, "Message filtered"),
    (30008, 0, "Unknown error"),
    (30017, 0, "Carrier network congestion"),
    (30018, 0, "Destination carrier requires sender ID pre-registration"),
    (30019, 0, "Content size exceeds carrier limit"),
    (30020, 0, "Internal Failure with Message Scheduling"),
    (30021, 0, "Internal Failure with messaging service orchestrator"),
    (30024, 0, "Numeric Sender ID Not Provisioned on Carrier"),
    (30036, 0, "Validity Period Expired"),
    (30400, 400, "Parameters are not valid"),
    (30409, 400, "This message cannot be canceled"),
    (30410, 0, "Provider Timeout Error"),
    (30450, 0, "Message delivery blocked"),
    (30500, 0, "Twilio Internal Error"),
    (35111, 400, "SendAt timestamp is missing"),
    (35114, 400, "Scheduling does not support this timestamp"),
    (35118, 400, "MessagingServiceSid is required to schedule a message"),
    (35126, 400, "The ScheduleType value provided is not supported for this channel"),
    (63001, 0, "Channel could not authenticate the request"),
    (63002, 0, "Channel could not find the From address"),
    (63003, 0, "Channel could not find To address"),
    (63005, 0, "Channel did not accept given content"),
    (63007, 400, "Twilio could not find a Channel with the specified From address"),
    (63012, 0, "Channel provider returned an internal service error"),
    (63013, 0, "Channel policy violation"),
    (63014, 0, "Channel message blocked by user action"),
    (63016, 0, "Failed to send freeform message because you are outside the allowed window"),
    (63018, 0, "Rate limit exceeded for Channel"),
    (63021, 0, "Channel invalid content error"),
    (63024, 0, "Invalid message recipient"),
    (63027, 0, "Template does not exist for a language and locale"),
    (63028, 0, "Number of parameters provided does not match the expected number of parameters"),
    (63032, 0, "We cannot send this message to this user because of a WhatsApp limitation"),
    (63033, 0, "Recipient blocked to receive message"),
    (63038, 0, "Account exceeded the daily messages limit"),
    (63040, 0, "Template Rejected"),
    (63041, 0, "Template paused"),
    (63042, 0, "Template disabled"),
    (63051, 0, "WhatsApp Business Account is Locked"),
];

fn row(code: u32) -> Option<&'static (u32, u16, &'static str)> {
    TABLE.binary_search_by_key(&code, |row| row.0).ok().and_then(|index| TABLE.get(index))
}

/// The words of a message's `error_message`.
pub(super) fn words(code: u32) -> Option<&'static str> {
    row(code).map(|row| row.2)
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TwilioError {
    pub code: u32,
    words: Option<Cow<'static, str>>,
}

impl TwilioError {
    /// With the dictionary's words.
    pub(super) fn new(code: u32) -> Self {
        Self { code, words: None }
    }

    /// With words that name what was given, as Twilio's do.
    pub(super) fn saying(code: u32, words: impl Into<Cow<'static, str>>) -> Self {
        Self { code, words: Some(words.into()) }
    }

    /// The answer: `{code, message, more_info, status}` (facts A1).
    pub(super) fn reply(&self) -> Reply {
        let status = row(self.code).map_or(400, |row| if row.1 == 0 { 400 } else { row.1 });
        let words = self.words.as_deref().or_else(|| words(self.code));
        let body = json!({
            "code": self.code,
            "message": words.unwrap_or("An error has occurred"),
            "more_info": format!("https://www.twilio.com/docs/errors/{}", self.code),
            "status": status,
        });
        Reply::json(status, self.code.to_string(), &body)
    }
}

/// Whether a fault's code at a send is that of a message's end: it is accepted and ends with it.
pub(crate) fn is_of_an_end(code: u32) -> bool {
    matches!(code, 30_001..=30_999 | 63_001..=63_999) && row(code).is_none_or(|row| row.1 == 0)
}

/// How a message with this error code ends (facts A7: 30018 is a warning, the others of before the carrier fail).
pub(super) fn end_of(code: u32) -> TwilioOutcome {
    let status = match code {
        30_018 => TwilioEnd::Delivered,
        // What a phone or its user would have said.
        63_003 | 63_014 | 63_024 | 63_032 | 63_033 => TwilioEnd::Undelivered,
        30_001 | 30_002 | 30_019..=30_021 | 30_036 | 30_410 | 30_450 | 30_500 | 63_001..=63_999 => {
            TwilioEnd::Failed
        }
        _ => TwilioEnd::Undelivered,
    };
    TwilioOutcome { status, error_code: code }
}

/// A JSON answer of a type of ours.
pub(super) fn json_reply(status: u16, code: &'static str, body: &impl Serialize) -> Reply {
    match serde_json::to_vec(body) {
        Ok(body) => Reply::ready(status, code, JSON, body),
        Err(_) => TwilioError::new(20500).reply(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_every_answer_has_its_status() {
        assert!(TABLE.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (code, status) in [(20003, 401), (20404, 404), (20429, 429), (21211, 400), (20503, 503)]
        {
            assert_eq!(TwilioError::new(code).reply().status, status, "{code}");
        }
        // A code that nobody here has heard of.
        assert_eq!(TwilioError::new(29999).reply().status, 400);
    }

    #[test]
    fn codes_of_an_end_are_told_from_refusals() {
        for code in [30003, 30036, 30410, 30999, 63016] {
            assert!(is_of_an_end(code), "{code}");
        }
        for code in [20429, 21610, 30400, 30409, 35111, 63007] {
            assert!(!is_of_an_end(code), "{code}");
        }
    }
}
