use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ScriptError, senseless};
use crate::number;

/// How the İYS twin behaves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IysScript {
    /// Who may call.
    pub users: Vec<IysUser>,
    /// How often.
    pub limits: IysLimits,
    /// Who has consented.
    pub consents: Consents,
    /// How wrong credentials are answered.
    pub credential_refusal: CredentialRefusal,
    /// Life of an access token (facts B1: 7,200 s).
    pub access_token_s: u64,
    /// Life of a refresh token (facts B1: 14,400 s).
    pub refresh_token_s: u64,
    /// When the result of an asynchronous upload can be read (facts B3: 300 s).
    pub upload_result_s: u64,
}

impl Default for IysScript {
    fn default() -> Self {
        Self {
            users: vec![IysUser {
                username: "iys-user".to_owned(),
                password: "iys-secret".to_owned(),
                iys_code: "100001".to_owned(),
                brand_code: "100001".to_owned(),
            }],
            limits: IysLimits::default(),
            consents: Consents::default(),
            credential_refusal: CredentialRefusal::H251,
            access_token_s: 7_200,
            refresh_token_s: 14_400,
            upload_result_s: 300,
        }
    }
}

impl IysScript {
    pub(super) fn check(&self) -> Result<(), ScriptError> {
        for (index, user) in self.users.iter().enumerate() {
            let codes = [&user.iys_code, &user.brand_code];
            if codes.iter().any(|code| code.is_empty() || !code.bytes().all(|b| b.is_ascii_digit()))
            {
                return Err(senseless(
                    format!("iys.users[{index}]"),
                    "iys_code and brand_code must be digits",
                ));
            }
        }
        self.consents.check()
    }
}

/// A user of the İYS API and the brand that is his.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IysUser {
    /// Name.
    pub username: String,
    /// Password.
    pub password: String,
    /// Service provider number.
    pub iys_code: String,
    /// Brand number.
    pub brand_code: String,
}

impl fmt::Debug for IysUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IysUser")
            .field("username", &self.username)
            .field("iys_code", &self.iys_code)
            .field("brand_code", &self.brand_code)
            .finish_non_exhaustive()
    }
}

/// Limits per IP address (facts B0); 0 turns one off, `enabled = false` all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IysLimits {
    /// Whether any limit holds.
    pub enabled: bool,
    /// Requests within a second before H124.
    pub requests_per_s: u32,
    /// Single status queries within an hour before H086.
    pub single_queries_per_h: u32,
    /// History queries within an hour before H089.
    pub history_queries_per_h: u32,
    /// Token calls within an hour before H084, whose ban each further call starts anew.
    pub tokens_per_h: u32,
}

impl Default for IysLimits {
    fn default() -> Self {
        Self {
            enabled: true,
            requests_per_s: 10,
            single_queries_per_h: 1_000,
            history_queries_per_h: 100,
            tokens_per_h: 10,
        }
    }
}

/// What İYS knows about a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Consent {
    /// Consented.
    #[serde(rename = "ONAY")]
    Onay,
    /// Refused.
    #[serde(rename = "RET")]
    Ret,
    /// No record.
    #[serde(rename = "NONE")]
    None,
}

/// Consents by recipient; what was uploaded through the API comes before them.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Consents {
    /// Of all who are not named.
    pub default: Consent,
    /// Of single recipients: any writing of a Turkish mobile, or an e-mail address.
    pub numbers: BTreeMap<String, Consent>,
}

impl fmt::Debug for Consents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consents")
            .field("default", &self.default)
            .field("numbers", &self.numbers.len())
            .finish()
    }
}

impl Default for Consents {
    fn default() -> Self {
        Self { default: Consent::Onay, numbers: BTreeMap::new() }
    }
}

impl Consents {
    pub(crate) fn check(&self) -> Result<(), ScriptError> {
        if self.numbers.keys().any(|key| recipient(key).is_none()) {
            return Err(senseless(
                "iys.consents.numbers",
                "a key is neither a Turkish mobile number nor an e-mail address: write +905XXXXXXXXX",
            ));
        }
        Ok(())
    }
}

/// The key under which a recipient named by a person is kept.
pub(crate) fn recipient(text: &str) -> Option<String> {
    if let Some(national) = number::written_by_a_person(text) {
        return Some(format!("+90{national}"));
    }
    number::iys_email(text).then(|| text.to_ascii_lowercase())
}

/// How wrong credentials are answered at the token call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialRefusal {
    /// 401 with H251, as the code table says (facts B4).
    H251,
    /// 400 `invalid_request`, as the example of the token operation says (facts B1).
    InvalidRequest,
}
