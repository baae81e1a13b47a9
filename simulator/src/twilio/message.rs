//! A message as Twilio shows it, and what becomes of it with time (facts twilio A1, A3).

use serde::Serialize;

use super::{API_VERSION, error, sid};
use crate::messages::{Entry, Kind, Mark, NO_NAME, Ring};
use crate::script::{TwilioEnd, TwilioOutcome};
use crate::world::Prepared;
use crate::{dates, number, seed};

/// `status` of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Accepted,
    Scheduled,
    Queued,
    Sending,
    Sent,
    Delivered,
    Undelivered,
    Failed,
    Canceled,
    Read,
}

impl Status {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Scheduled => "scheduled",
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Undelivered => "undelivered",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Read => "read",
        }
    }

    /// Whether it has not left Twilio and can be cancelled.
    pub(super) fn can_be_canceled(self) -> bool {
        matches!(self, Self::Accepted | Self::Scheduled | Self::Queued)
    }

    /// Whether nothing comes after it.
    pub(super) fn is_final(self) -> bool {
        matches!(
            self,
            Self::Delivered | Self::Undelivered | Self::Failed | Self::Canceled | Self::Read
        )
    }

    /// Whether Twilio has not chosen the sender of a Messaging Service yet.
    fn has_no_sender(self) -> bool {
        matches!(self, Self::Accepted | Self::Scheduled)
    }
}

/// The statuses of a message and when it has each, and the error code that its last one carries (0: none).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Course {
    pub steps: Vec<(i64, Status)>,
    pub error: u32,
}

/// Where a message stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub status: Status,
    pub error: u32,
    pub sent_ms: Option<i64>,
    pub updated_ms: i64,
}

impl Course {
    /// Draws the course of a message: a function of the script's seed and the message's number.
    pub(super) fn of(prepared: &Prepared, n: u64, entry: &Entry) -> Self {
        let script = &prepared.script;
        let draw = |salt: u64, [low, high]: [u64; 2]| {
            let drawn = seed::between(seed::mix(script.seed, salt), n, low, high);
            i64::try_from(drawn).unwrap_or(i64::MAX / 4)
        };
        let first = match entry.mark {
            Mark::Scheduled => Status::Scheduled,
            _ if entry.service != NO_NAME => Status::Accepted,
            _ => Status::Queued,
        };
        let wait = draw(11, script.twilio.send_ms);
        let sent_ms = entry.start_ms.saturating_add(wait);
        let end = outcome(prepared, entry);
        let mut steps = vec![(entry.at_ms, first)];
        if end.status != TwilioEnd::Queued && sent_ms > entry.stop_ms {
            // Older than its validity before its turn came (facts A1).
            steps.push((entry.stop_ms, Status::Failed));
            return Self { steps, error: 30036 };
        }
        if first != Status::Queued {
            steps.push((entry.start_ms.saturating_add(wait / 3), Status::Queued));
        }
        match end.status {
            TwilioEnd::Queued => {}
            TwilioEnd::Failed => steps.push((sent_ms, Status::Failed)),
            TwilioEnd::Sent | TwilioEnd::Delivered | TwilioEnd::Undelivered | TwilioEnd::Read => {
                steps.push((entry.start_ms.saturating_add(wait / 3 * 2), Status::Sending));
                steps.push((sent_ms, Status::Sent));
                let ended_ms = sent_ms.saturating_add(draw(12, script.twilio.delivery_ms));
                match end.status {
                    TwilioEnd::Delivered => steps.push((ended_ms, Status::Delivered)),
                    TwilioEnd::Undelivered => steps.push((ended_ms, Status::Undelivered)),
                    TwilioEnd::Read => {
                        steps.push((ended_ms, Status::Delivered));
                        let looked_ms = draw(14, script.twilio.delivery_ms);
                        steps.push((ended_ms.saturating_add(looked_ms), Status::Read));
                    }
                    _ => {}
                }
            }
        }
        Self { steps, error: end.error_code }
    }

    /// Where the message stands now.
    pub(super) fn at(&self, entry: &Entry, now_ms: i64) -> Standing {
        let reached = || self.steps.iter().take_while(|(at_ms, _)| *at_ms <= now_ms);
        let sent_ms =
            reached().find(|(_, status)| *status == Status::Sent).map(|(at_ms, _)| *at_ms);
        if entry.mark == Mark::Cancelled {
            let (status, updated_ms) = (Status::Canceled, entry.stop_ms);
            return Standing { status, error: 0, sent_ms: None, updated_ms };
        }
        let (updated_ms, status) =
            reached().last().copied().unwrap_or((entry.at_ms, Status::Queued));
        let is_last = self.steps.last().is_some_and(|last| last.1 == status);
        // An error is known once it has happened; the warning 30018 comes with the end, too.
        let error =
            if is_last && (status.is_final() || status == Status::Sent) { self.error } else { 0 };
        Standing { status, error, sent_ms, updated_ms }
    }
}

fn outcome(prepared: &Prepared, entry: &Entry) -> TwilioOutcome {
    match entry.kind {
        _ if entry.error != 0 => error::end_of(entry.error),
        Kind::TwilioWhatsApp => prepared.twilio_whatsapp_outcome(entry.to),
        _ => prepared.twilio_outcome(entry.to),
    }
}

/// The recipient as Twilio writes it.
pub(super) fn address(entry: &Entry) -> String {
    let channel = if entry.kind == Kind::TwilioWhatsApp { "whatsapp:" } else { "" };
    format!("{channel}{}", number::to_e164(entry.to))
}

/// The message resource (facts A1). Numbers are strings where Twilio's are.
#[derive(Debug, Serialize)]
pub(super) struct MessageBody<'a> {
    account_sid: &'a str,
    api_version: &'static str,
    body: &'a str,
    date_created: String,
    date_sent: Option<String>,
    date_updated: String,
    direction: &'static str,
    error_code: Option<u32>,
    error_message: Option<&'static str>,
    from: Option<&'a str>,
    messaging_service_sid: Option<&'a str>,
    num_media: &'static str,
    num_segments: String,
    price: Option<String>,
    price_unit: Option<&'static str>,
    sid: String,
    status: &'static str,
    subresource_uris: Media,
    to: String,
    uri: String,
}

#[derive(Debug, Serialize)]
struct Media {
    media: String,
}

impl<'a> MessageBody<'a> {
    /// The resource as it is now.
    pub(super) fn of(
        prepared: &Prepared,
        ring: &'a Ring,
        account_sid: &'a str,
        (n, entry): (u64, &'a Entry),
        now_ms: i64,
    ) -> Self {
        let standing = Course::of(prepared, n, entry).at(entry, now_ms);
        let service = (entry.service != NO_NAME).then(|| ring.name(entry.service));
        let undecided = service.is_some() && standing.status.has_no_sender();
        let sid = sid(entry.at_ms, n);
        let path = format!("/{API_VERSION}/Accounts/{account_sid}/Messages/{sid}");
        let price = || {
            let price = prepared.script.twilio.price_per_segment * f64::from(entry.segments);
            format!("-{price:.5}")
        };
        Self {
            account_sid,
            api_version: API_VERSION,
            body: if entry.redacted { "" } else { &entry.text },
            date_created: dates::to_rfc2822(entry.at_ms),
            date_sent: standing.sent_ms.map(dates::to_rfc2822),
            date_updated: dates::to_rfc2822(standing.updated_ms),
            direction: "outbound-api",
            error_code: (standing.error != 0).then_some(standing.error),
            error_message: error::words(standing.error),
            from: (!undecided).then(|| ring.name(entry.sender)),
            messaging_service_sid: service,
            num_media: "0",
            num_segments: if undecided { "0".to_owned() } else { entry.segments.to_string() },
            price: standing.sent_ms.map(|_| price()),
            price_unit: standing.sent_ms.map(|_| "USD"),
            sid,
            status: standing.status.as_str(),
            subresource_uris: Media { media: format!("{path}/Media.json") },
            to: address(entry),
            uri: format!("{path}.json"),
        }
    }
}
