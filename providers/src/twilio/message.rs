//! Messages as Twilio keeps them (A1, A2, A3).

use std::fmt;

use chrono::{DateTime, Utc};
use schemas::PhoneNumber;

use super::wire::{WHATSAPP, is_code, message_sid, seen_date};
use crate::fields::Fields;
use crate::mask::mask;

/// The state of a message (A3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Taken; a messaging service has yet to choose a sender.
    Accepted,
    /// Taken, for later.
    Scheduled,
    /// Waits for its sender's turn.
    Queued,
    /// On its way to the carrier.
    Sending,
    /// With the carrier; may be the last state where no receipt comes.
    Sent,
    /// On the phone.
    Delivered,
    /// Delivered in part.
    PartiallyDelivered,
    /// The carrier says that it did not arrive.
    Undelivered,
    /// Could not be sent.
    Failed,
    /// Cancelled at Twilio before it was sent.
    Canceled,
    /// Read (not with SMS).
    Read,
    /// Inbound, on its way to us.
    Receiving,
    /// Inbound.
    Received,
    /// A word that no table lists.
    Unlisted,
}

impl Status {
    /// All documented ones, as they are written.
    pub const LISTED: [Self; 13] = [
        Self::Accepted,
        Self::Scheduled,
        Self::Queued,
        Self::Sending,
        Self::Sent,
        Self::Delivered,
        Self::PartiallyDelivered,
        Self::Undelivered,
        Self::Failed,
        Self::Canceled,
        Self::Read,
        Self::Receiving,
        Self::Received,
    ];

    /// Twilio's word, `unlisted` for every other.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Scheduled => "scheduled",
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::PartiallyDelivered => "partially_delivered",
            Self::Undelivered => "undelivered",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Read => "read",
            Self::Receiving => "receiving",
            Self::Received => "received",
            Self::Unlisted => "unlisted",
        }
    }

    pub(super) fn parse(word: &str) -> Self {
        let word = word.trim();
        Self::LISTED
            .into_iter()
            .find(|status| word.eq_ignore_ascii_case(status.as_str()))
            .unwrap_or(Self::Unlisted)
    }

    /// Whether the message came to the account instead of leaving it.
    pub const fn is_inbound(self) -> bool {
        matches!(self, Self::Receiving | Self::Received)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What became of a message so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageState {
    /// Twilio's id, `SM…` or `MM…`, 34 letters and digits.
    pub sid: String,
    /// Its state.
    pub status: Status,
    /// Why it failed, or a warning; see [`Codes`](super::Codes).
    pub error_code: Option<u32>,
    /// Twilio's words on it, masked; empty where there are none.
    pub error_words: String,
}

impl MessageState {
    /// `None` without a usable sid or a status. `own` are the message's own strings.
    pub(super) fn of_fields(fields: &Fields<'_>, own: &[&str]) -> Option<Self> {
        Some(Self {
            sid: message_sid(&fields.text("sid")?)?,
            status: Status::parse(&fields.text("status")?),
            error_code: fields.number("error_code").filter(is_code),
            error_words: fields.text("error_message").map_or_else(String::new, |w| mask(&w, own)),
        })
    }
}

/// The text of a message: personal, so nothing prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageText(String);

impl MessageText {
    /// A text.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// As Twilio keeps it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The text in the form that is compared or hashed; the same of ours is
    /// [`MessageText::comparable_of`].
    pub fn comparable(&self) -> String {
        Self::comparable_of(&self.0)
    }

    /// Line ends as one character, none of the blanks around: what transports change.
    pub fn comparable_of(text: &str) -> String {
        text.replace("\r\n", "\n").trim().to_owned()
    }

    /// Whether this is the text we sent. A trial account puts a sentence before it, which counts
    /// as the same: taking a sent message for absent would double it.
    pub fn is(&self, sent: &str) -> bool {
        let sent = Self::comparable_of(sent);
        !sent.is_empty() && self.comparable().ends_with(&sent)
    }
}

impl fmt::Debug for MessageText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MessageText(***)")
    }
}

/// One message of the account.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageRow {
    /// Sid, state, error.
    pub state: MessageState,
    /// The recipient, where it is a Turkish mobile number.
    pub to: Option<PhoneNumber>,
    /// The sender; none at first where a messaging service chooses it.
    pub from: Option<String>,
    /// What it says.
    pub text: MessageText,
    /// When Twilio took it; whole seconds.
    pub created_at: DateTime<Utc>,
    /// When it left.
    pub sent_at: Option<DateTime<Utc>>,
    /// Segments counted by Twilio; 0 while no sender is chosen.
    pub segments: Option<u32>,
}

impl MessageRow {
    /// `None` without sid, status, text or time of creation: such a row can be neither matched
    /// nor ruled out.
    pub(super) fn of_fields(fields: &Fields<'_>) -> Option<Self> {
        let text = fields.text("body")?;
        let to = fields.text("to").unwrap_or_default();
        Some(Self {
            state: MessageState::of_fields(fields, &[&text, &to])?,
            to: PhoneNumber::parse(to.strip_prefix(WHATSAPP).unwrap_or(&to)).ok(),
            from: fields.text("from").filter(|from| !from.is_empty() && from.len() <= 64),
            text: MessageText(text),
            created_at: seen_date(&fields.text("date_created")?)?,
            sent_at: fields.text("date_sent").and_then(|date| seen_date(&date)),
            segments: fields.number("num_segments"),
        })
    }
}

impl fmt::Debug for MessageRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageRow")
            .field("state", &self.state)
            .field("created_at", &self.created_at)
            .field("segments", &self.segments)
            .finish_non_exhaustive()
    }
}
