//! Who may see what: roles, sessions of the pages, and the record of what people saw and did there.
//!
//! A token ([`crate::tokens`]) has one role. `door` is the HTTP API; every other role opens the pages: its token is shown once, at the
//! login, and a session stands for it until it ends: idle for [`IDLE_MS`], after [`LASTS_MS`], or with its token.

mod login;
mod noted;
mod session;

pub use login::{LogIn, TRIES, TRIES_EVERYWHERE, TRIES_SPAN_MS};
pub use noted::{Access, AccessFilter, AccessKind, Accessed};
pub use session::{IDLE_MS, LASTS_MS, SessionSecret, Visitor};

use crate::state::named;

named! {
    /// What a token is for.
    Role {
        /// The HTTP API of one clinic: what every token was before schema 8.
        Door = "door",
        /// The pages, of one clinic.
        Clinic = "clinic",
        /// The pages of all clinics, or of one: reads, opens personal data with a reason, exports, sees who did what.
        Auditor = "auditor",
        /// The pages of all clinics: reads, exports, and steers dead letters and lanes. Opens no personal data.
        Ops = "ops",
        /// Everything on the pages.
        Admin = "admin",
    }
}

named! {
    /// What a role may do.
    Right {
        /// Sees notifications, books, dead letters and lanes, masked.
        Read = "read",
        /// Opens personal data, with a reason that is recorded.
        Open = "open",
        /// Takes rows away as a file, masked; with [`Right::Open`] also opened.
        Export = "export",
        /// Replays and drops dead letters, pauses and resumes lanes.
        Operate = "operate",
        /// Sends events to the HTTP API and reads their outcomes.
        Send = "send",
        /// Sees who saw and did what.
        SeeAccess = "see-access",
    }
}

impl Role {
    /// Whether the role has a right. A clinic's role has it for its own clinic only ([`Visitor::sees`]).
    pub const fn may(self, right: Right) -> bool {
        match self {
            Self::Door => matches!(right, Right::Send),
            Self::Clinic => matches!(right, Right::Read | Right::Open | Right::Export),
            Self::Auditor => {
                matches!(right, Right::Read | Right::Open | Right::Export | Right::SeeAccess)
            }
            Self::Ops => matches!(right, Right::Read | Right::Export | Right::Operate),
            // the API's tokens carry events of one clinic; nobody's who looks at pages does
            Self::Admin => !matches!(right, Right::Send),
        }
    }

    /// Whether a token of this role may log in to the pages.
    pub const fn has_pages(self) -> bool {
        !matches!(self, Self::Door)
    }

    /// Whether a token of this role is always for one clinic.
    pub const fn needs_clinic(self) -> bool {
        matches!(self, Self::Door | Self::Clinic)
    }

    /// Whether a token of this role may be for one clinic. Dead letters without a readable clinic and lanes are everybody's, so who
    /// steers them sees all.
    pub const fn takes_clinic(self) -> bool {
        !matches!(self, Self::Ops | Self::Admin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_has_exactly_its_rights() {
        let rights = |role: Role| -> Vec<&str> {
            Right::ALL
                .iter()
                .filter(|right| role.may(**right))
                .map(|right| right.as_str())
                .collect()
        };
        assert_eq!(rights(Role::Door), ["send"]);
        assert_eq!(rights(Role::Clinic), ["read", "open", "export"]);
        assert_eq!(rights(Role::Auditor), ["read", "open", "export", "see-access"]);
        assert_eq!(rights(Role::Ops), ["read", "export", "operate"]);
        assert_eq!(rights(Role::Admin), ["read", "open", "export", "operate", "see-access"]);
        for role in Role::ALL {
            assert_eq!(role.has_pages(), role.may(Right::Read), "{role}");
            assert!(!role.needs_clinic() || role.takes_clinic(), "{role}");
        }
    }
}
