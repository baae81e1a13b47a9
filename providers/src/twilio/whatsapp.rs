//! WhatsApp: an approved template instead of a text (A6).

use std::fmt;
use std::time::Duration;

use reqwest::Method;
use schemas::PhoneNumber;
use serde_json::{Map, Value};

use super::client::{Client, LONGEST_VALIDITY};
use super::wire::{WHATSAPP, callback, form, is_sid};
use crate::http::Ask;
use crate::{FailedKind, Freshness, Outcome, Trouble};

/// One approved template to one number.
#[derive(Clone, Copy)]
pub struct TwilioTemplate<'a> {
    /// Whom to.
    pub to: &'a PhoneNumber,
    /// The template: `HX` and 32 hex digits.
    pub content_sid: &'a str,
    /// The values of its variables `1`, `2`, …, in this order. A run of blanks and line breaks becomes one blank: over
    /// four blanks in a row are refused (63013, A6).
    pub variables: &'a [&'a str],
    /// How long Twilio may still send it, as in [`TwilioSms`](super::TwilioSms::validity).
    pub validity: Duration,
    /// `<ntf>-<n>`; Twilio hears it in the status callback only.
    pub reference: &'a str,
    /// Which attempt of this message it is, whatever the provider; for Twilio's statistics.
    pub attempt: u32,
    /// Where Twilio reports, as in [`TwilioSms`](super::TwilioSms::status_callback). On WhatsApp everything that goes
    /// wrong after the 201 (63003, 63016, 63024, …) is told here or by polling only.
    pub status_callback: Option<&'a str>,
}

impl fmt::Debug for TwilioTemplate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TwilioTemplate")
            .field("content_sid", &self.content_sid)
            .field("reference", &self.reference)
            .field("validity", &self.validity)
            .finish_non_exhaustive()
    }
}

impl TwilioTemplate<'_> {
    /// `ContentVariables`: JSON in a string.
    fn variables_json(&self) -> String {
        let values = self.variables.iter().map(|value| one_line(value));
        let named = values.enumerate().map(|(index, value)| ((index + 1).to_string(), value));
        let map: Map<String, Value> = named.map(|(name, value)| (name, value.into())).collect();
        Value::Object(map).to_string()
    }
}

impl Client {
    /// Sends one template over WhatsApp, once. `fresh` was started before the claim left. The account's sender is a
    /// [`From::WhatsApp`](super::From::WhatsApp), or a messaging service that has one.
    pub async fn send_template(&self, message: TwilioTemplate<'_>, fresh: Freshness) -> Outcome {
        let not_sent =
            |code, detail| Outcome::Failed(FailedKind::NotSent, Trouble::new(code, detail));
        let seconds = message.validity.min(LONGEST_VALIDITY).as_secs();
        if seconds == 0 {
            let detail = "no whole second is left to deliver in; nothing was sent";
            return not_sent("window-closed", detail);
        }
        if !is_sid(message.content_sid, "HX") {
            let detail = "the template's ContentSid is not HX and 32 hex digits; nothing was sent";
            return not_sent("content-sid", detail);
        }
        let (seconds, attempt) = (seconds.to_string(), message.attempt.to_string());
        let to = format!("{WHATSAPP}{}", message.to.e164());
        let variables = message.variables_json();
        let callback = message.status_callback.map(|address| callback(address, message.reference));
        let mut fields = vec![
            ("To", to.as_str()),
            self.account.from.field(),
            ("ContentSid", message.content_sid),
        ];
        if !message.variables.is_empty() {
            fields.push(("ContentVariables", &variables));
        }
        fields.extend([("ValidityPeriod", seconds.as_str()), ("Attempt", attempt.as_str())]);
        fields.extend(callback.as_deref().map(|address| ("StatusCallback", address)));
        let path = self.messages();
        let ask = Ask { method: Method::POST, body: Some(form(&fields)), ..self.question(&path) };
        let answer = self.service.ask(Ask { fresh: Some(fresh), ..ask }).await;
        let mut own = vec![message.to.e164(), message.to.national()];
        own.extend(message.variables);
        self.reading(&own).outcome(answer)
    }
}

/// Blanks, tabs and line breaks as one blank each run.
fn one_line(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}
