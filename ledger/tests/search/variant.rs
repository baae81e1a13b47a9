//! What one run of the search is allowed to do: bounds, faults, and rules left out on purpose.

use ledger::state::State;

/// A rule of PROTOCOL.md left out, or read in a way that looks reasonable and is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// The boot clock is read when the claim's reply arrives, not before the statement leaves (rule 6).
    ClockFromReply,
    /// A released row has no due time: nobody releases it again (transition 4).
    NoPatience,
    /// The copy is published first and the row is marked afterwards (transition 3).
    PublishBeforeCommit,
    /// A claim compares only the release number, not the state (transition 6).
    ClaimByFence,
    /// A claim compares the release number and refuses only `sending` and final rows.
    ClaimByFenceNotSending,
    /// A claim does not look at earlier attempts on its channel (transition 6).
    NoChannelGuard,
    /// An outcome counts only while its release number and its attempt are the row's (transition 13).
    LateOutcomeFenced,
    /// The provider's report is behind, once: it says absent of what was accepted (rule 9).
    ReportLag,
    /// Bytes may still arrive when reconciliation looks (rule 6, `TCP_USER_TIMEOUT` and reset).
    BytesLate,
    /// The worker may be stopped between the age check and the first byte (rule 6).
    StoppedAfterCheck,
    /// A claim whose reply was lost is taken for one that wrote nothing (rule 7).
    DoubtAsFailure,
    /// A late `Failed` does not open an `unresolved` row again (transition 13).
    NoReopen,
    /// A copy with a larger number than the row's goes back to the queue (delivery rule).
    LargerNumberHeld,
    /// Table of late outcomes, read literally: `Refused` of any attempt ends an `unresolved` row (ADR 0003 a).
    LateRefusedOfAny,
    /// Table of late outcomes, read literally: `Accepted` does not correct `suppressed refused dead-lettered` (ADR 0003 b, c).
    LateAcceptedListedOnly,
    /// Table of late outcomes, read literally: `sending(m)` stays, in back-off too (ADR 0003 d).
    BackOffStays,
    /// A late `Failed` of any attempt opens an `unknown` or `unresolved` row again.
    LateFailedOfAny,
    /// A late `Failed` of no more use leaves the row `unresolved` (ADR 0003 e).
    UselessStaysUnresolved,
    /// A claim does not compare revisions (rule 3).
    RevisionNotCompared,
    /// Only the next claim under the same lease does not compare revisions (rule 3).
    RevisionNotComparedAgain,
    /// The next claim under the same lease asks only whether its own attempt failed, not whether it is the last.
    BackOffUnfenced,
    /// The lease ends, and the look for the attempt begins, while its worker may still send (transition 8: deadline + 30 s).
    LeaseTooShort,
    /// A late `Accepted` leaves the release number as it is (transition 13).
    AcceptedKeepsNumber,
    /// An account that is refused ends the row as if the message were (rule 8 `Failed(lane)`, rule 10).
    LaneBurns,
    /// A row that went out again on another channel after an acceptance ends as that channel's copy is decided (transition 17).
    FallbackEndsAsDecided,
    /// An accepted attempt stands also when it is lost or not heard of, so that the next channel's own trouble ends the row (ADR 0012).
    GivenUpStands,
    /// A receipt that says lost counts also over one that said arrived (ADR 0012: late, out of order).
    LostOverArrived,
    /// What was passed over and then is lost goes on to its next channel, which was tried then (ADR 0012).
    HeardLateGoesOn,
    /// What is lost goes on to its next channel also if somebody ended the row meanwhile (ADR 0012).
    DecidedGoesOn,
    /// What is lost goes on to its next channel also while a later attempt may have arrived (ADR 0012).
    LostGoesOnInDoubt,
    /// A receipt for an attempt without an outcome is nobody's (ADR 0012).
    EarlyReceiptUnmatched,
}

/// What becomes of an attempt that was looked for and not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// `on_unknown: resend`.
    Resend,
    /// `on_unknown: stop`.
    Stop,
    /// `on_unknown: resend` once; what is unknown then is given up without a look (rule 9: no control message came).
    ResendThenGiveUp,
    /// Rule 20: nobody looks; after 15 minutes it is given up.
    GiveUp,
}

/// How often each fault may happen, and how many of all together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// A worker dies.
    pub crash: u8,
    /// A worker loses its broker connection: its copy is requeued while it lives on.
    pub connection: u8,
    /// A scheduler dies between commit and publish.
    pub scheduler: u8,
    /// The broker loses a copy by reference.
    pub loss: u8,
    /// The clinic, or the relay, publishes twice.
    pub duplicate: u8,
    /// The reply to a statement is lost.
    pub doubt: u8,
    /// All of the above together.
    pub total: u8,
    /// Decisions to defer.
    pub defer: u8,
    /// Decisions to end without a send.
    pub end: u8,
    /// Replays of a dead letter.
    pub replay: u8,
    /// Reports that are behind.
    pub lie: u8,
}

/// One run.
#[derive(Debug, Clone, Copy)]
pub struct Variant {
    /// Most attempts.
    pub attempts: u8,
    /// Highest release number that is given out.
    pub releases: u8,
    /// Channels of the notification.
    pub channels: u8,
    /// Schedulers.
    pub schedulers: u8,
    /// What becomes of what was not found.
    pub policy: Policy,
    /// Workers make the next attempt themselves, under the same lease.
    pub quick_retry: bool,
    /// The provider may fail for now, or refuse for good.
    pub provider_says_no: bool,
    /// The notification's time may pass at any moment, not only at the bounds of the search.
    pub time_passes: bool,
    /// Somebody may cancel at any moment.
    pub cancel: bool,
    /// Erasure may be asked for at any moment: as a cancellation, and what is unknown then is given up at once (rule 19).
    pub erase: bool,
    /// The account may be refused, once, and recovers (rule 10).
    pub lanes: bool,
    /// Without a receipt the other channel is tried after an acceptance (transition 17).
    pub fallback: bool,
    /// Providers say what became of messages, at any moment and as often as they like.
    pub receipts: bool,
    /// They also say first that it is lost and then that it arrived, or the reverse.
    pub contradicting: bool,
    /// Somebody may stop it by hand, so that no revision rises.
    pub stop: bool,
    /// A claim in doubt may still be running in the database and commit later.
    pub ghost_claims: bool,
    /// Decisions that end the row without a send.
    pub ends: &'static [State],
    /// Faults.
    pub budget: Budget,
    /// Rules left out.
    pub without: &'static [Mutation],
    /// Twice is the named residual risk here: only the books are judged.
    pub books_only: bool,
}

/// Every fault once, `total` of them in one run.
pub const fn faults(total: u8) -> Budget {
    Budget {
        crash: 1,
        connection: 1,
        scheduler: 1,
        loss: 1,
        duplicate: 1,
        doubt: 1,
        total,
        defer: 0,
        end: 0,
        replay: 0,
        lie: 0,
    }
}

/// The smallest run: one fault, two attempts, `resend`.
pub const BASE: Variant = Variant {
    attempts: 2,
    releases: 3,
    channels: 1,
    schedulers: 1,
    policy: Policy::Resend,
    quick_retry: false,
    provider_says_no: false,
    time_passes: false,
    cancel: false,
    erase: false,
    lanes: false,
    fallback: false,
    receipts: false,
    contradicting: false,
    stop: false,
    ghost_claims: false,
    ends: &[],
    budget: faults(1),
    without: &[],
    books_only: false,
};

impl Variant {
    /// Whether the books may end not knowing of an acceptance that no living worker knows.
    pub fn may_give_up(&self) -> bool {
        matches!(self.policy, Policy::GiveUp | Policy::ResendThenGiveUp)
    }

    /// Whether an accepted message may go out on the next channel too.
    pub fn has_next_channel(&self) -> bool {
        self.fallback || self.receipts
    }

    /// Whether a rule is left out.
    pub fn is_without(&self, mutation: Mutation) -> bool {
        self.without.contains(&mutation)
    }
}
