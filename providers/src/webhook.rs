//! What all webhooks have in common: bounds, and why one is turned away.

/// The largest webhook body that is looked at. Meta puts up to 1,000 status updates of about 600 bytes into one.
pub const MOST_BODY_BYTES: usize = 2 * 1024 * 1024;

/// Why a webhook was not taken. None of them says anything about its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum HookTrouble {
    /// No signature came, or nothing that could be one.
    #[error("the webhook carries no signature")]
    Unsigned,
    /// A signature came, and it is not ours.
    #[error("the webhook's signature is wrong")]
    Forged,
    /// Larger, or with more fields, than any documented one.
    #[error("the webhook is larger than any documented one")]
    TooLarge,
    /// Signed, and nothing that is documented.
    #[error("the webhook could not be read")]
    Unreadable,
}

impl HookTrouble {
    /// The word for metric labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::Forged => "forged",
            Self::TooLarge => "too-large",
            Self::Unreadable => "unreadable",
        }
    }

    /// Whether the sender did not prove who it is: 403.
    pub const fn is_forbidden(self) -> bool {
        matches!(self, Self::Unsigned | Self::Forged)
    }
}
