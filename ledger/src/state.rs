//! States of a notification and of an attempt, as the protocol names them (`shared/PROTOCOL.md` §1).

/// Defines an enum whose variants have one text form, used in the database, in records and on the command line.
macro_rules! named {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$doc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every variant, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The text form.
            pub const fn as_str(self) -> &'static str { match self { $(Self::$variant => $text),+ } }

            /// The variant of a text form.
            pub fn parse(text: &str) -> Option<Self> { match text { $($text => Some(Self::$variant),)+ _ => None } }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.pad(self.as_str()) }
        }
    };
}

pub(crate) use named;

named! {
    /// State of a notification. Every state that is not final has one row in `open` with one due time.
    State {
        /// Owned by the ledger; due when it is to be released.
        Waiting = "waiting",
        /// A numbered copy is with the broker; due when patience with it ends.
        Released = "released",
        /// A worker made an attempt; due when its lease ends.
        Sending = "sending",
        /// The last attempt may have arrived; due for the next look.
        Unknown = "unknown",
        /// A provider accepted it.
        Accepted = "accepted",
        /// A delivery receipt said that it arrived.
        Delivered = "delivered",
        /// A delivery receipt said that it will not arrive.
        Undelivered = "undelivered",
        /// The provider refused the message or the number for good.
        Refused = "refused",
        /// It was decided not to send: consent, suppression, duplicate.
        Suppressed = "suppressed",
        /// Cancelled or superseded before a send.
        Cancelled = "cancelled",
        /// Its time passed before it could be sent.
        Expired = "expired",
        /// Whether an attempt arrived could not be found out.
        Unresolved = "unresolved",
        /// Ulak could not handle it: the event was refused, or a handler failed on it.
        DeadLettered = "dead-lettered",
    }
}

impl State {
    /// Whether the state has no due time. `unresolved`, `expired` and the like may still be corrected by a late outcome.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Waiting | Self::Released | Self::Sending | Self::Unknown)
    }

    /// Whether a provider took the message.
    pub const fn is_sent(self) -> bool {
        matches!(self, Self::Accepted | Self::Delivered | Self::Undelivered)
    }
}

named! {
    /// State of one attempt. Nothing leaves `Accepted`, `Refused` or `Failed`.
    AttemptState {
        /// Made, no outcome yet.
        Open = "open",
        /// The provider has it.
        Accepted = "accepted",
        /// The provider refused this message for good.
        Refused = "refused",
        /// Certainly not sent.
        Failed = "failed",
        /// May have arrived.
        Unknown = "unknown",
        /// Looked for and not found.
        Absent = "absent",
    }
}

named! {
    /// What is known of the way of an accepted attempt to the person. `Unheard` for every other one.
    Reach {
        /// The provider has it; nobody said more.
        Unheard = "unheard",
        /// A receipt says that it arrived.
        Arrived = "arrived",
        /// The same, said after it had been given up: another channel was tried with good reason (ADR 0012).
        ArrivedLate = "arrived-late",
        /// A receipt says that it certainly did not arrive.
        Lost = "lost",
        /// Nobody said anything for so long that the next channel is tried (transition 17).
        Overdue = "overdue",
    }
}

impl Reach {
    /// Whether the person has it.
    pub const fn has_arrived(self) -> bool {
        matches!(self, Self::Arrived | Self::ArrivedLate)
    }

    /// Whether the attempt is all that is needed, as far as anybody knows: no other channel is tried while it stands.
    pub const fn stands(self) -> bool {
        matches!(self, Self::Unheard | Self::Arrived | Self::ArrivedLate)
    }

    /// Whether another channel was tried, or might have been, because of it.
    pub const fn gave_way(self) -> bool {
        matches!(self, Self::Lost | Self::Overdue | Self::ArrivedLate)
    }
}

impl AttemptState {
    /// Whether an outcome may still be written over this state.
    pub const fn takes_outcome(self) -> bool {
        matches!(self, Self::Open | Self::Unknown | Self::Absent)
    }

    /// Whether an attempt in this state forbids another one on the same channel.
    pub const fn blocks_channel(self) -> bool {
        matches!(self, Self::Open | Self::Unknown | Self::Accepted)
    }
}
