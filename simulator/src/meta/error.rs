//! Meta's error table, as data (facts netgsm A8; words and statuses of Meta's page of error codes).

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::reply::Reply;

/// Code, HTTP status, title.
const TABLE: &[(u32, u16, &str)] = &[
    (0, 401, "AuthException"),
    (1, 400, "API Unknown"),
    (2, 503, "API Service"),
    (3, 500, "API Method"),
    (4, 400, "API Too Many Calls"),
    (10, 403, "Permission Denied"),
    (33, 400, "Parameter value is not valid"),
    (100, 400, "Invalid parameter"),
    (190, 401, "Access token has expired"),
    (200, 403, "API Permission"),
    (368, 403, "Temporarily blocked for policies violations"),
    (80_007, 400, "Rate limit issues"),
    (130_429, 429, "Rate limit hit"),
    (130_472, 400, "User's number is part of an experiment"),
    (130_497, 403, "Business account is restricted from messaging users in this country"),
    (131_000, 500, "Something went wrong"),
    (131_005, 403, "Access denied"),
    (131_008, 400, "Required parameter is missing"),
    (131_009, 400, "Parameter value is not valid"),
    (131_016, 500, "Service unavailable"),
    (131_021, 400, "Recipient cannot be sender"),
    (131_026, 400, "Message Undeliverable"),
    (131_030, 400, "Recipient phone number not in allowed list"),
    (131_031, 403, "Account has been locked"),
    (131_037, 400, "Display name approval needed"),
    (131_042, 400, "Business eligibility payment issue"),
    (131_045, 500, "Incorrect certificate"),
    (131_047, 400, "Re-engagement message"),
    (131_048, 400, "Spam rate limit hit"),
    (131_049, 400, "Meta chose not to deliver"),
    (131_050, 400, "User has stopped receiving marketing messages"),
    (131_051, 400, "Unsupported message type"),
    (131_056, 400, "(Business Account, Consumer Account) pair rate limit hit"),
    (131_057, 500, "Account in maintenance mode"),
    (132_000, 400, "Template param count mismatch"),
    (132_001, 404, "Template does not exist"),
    (132_005, 400, "Template hydrated text too long"),
    (132_007, 400, "Template format character policy violated"),
    (132_008, 400, "Template parameter name mismatch"),
    (132_012, 400, "Template parameter format mismatch"),
    (132_015, 400, "Template is paused"),
    (132_016, 400, "Template is disabled"),
    (132_018, 400, "There's an issue with the parameters in your template"),
    (133_010, 400, "Phone number not registered"),
    (135_000, 400, "Generic user error"),
];

fn row(code: u32) -> Option<&'static (u32, u16, &'static str)> {
    TABLE.binary_search_by_key(&code, |row| row.0).ok().and_then(|index| TABLE.get(index))
}

/// The title of a code.
pub(super) fn title(code: u32) -> &'static str {
    row(code).map_or("An unknown error has occurred", |row| row.2)
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MetaError {
    pub code: u32,
    subcode: Option<u32>,
    title: Cow<'static, str>,
    details: Cow<'static, str>,
}

impl MetaError {
    /// With the page's words.
    pub(super) fn new(code: u32) -> Self {
        Self::about(code, "")
    }

    /// With details that say what was wrong with the request.
    pub(super) fn about(code: u32, details: impl Into<Cow<'static, str>>) -> Self {
        Self::saying(code, title(code), details)
    }

    /// With a title and details of its own.
    pub(super) fn saying(
        code: u32,
        title: impl Into<Cow<'static, str>>,
        details: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { code, subcode: None, title: title.into(), details: details.into() }
    }

    /// The path names nothing that the token may see.
    pub(super) fn no_object(id: &str) -> Self {
        let title = format!(
            "Unsupported request. Object with ID '{id}' does not exist, cannot be loaded due to missing permissions, \
             or does not support this operation"
        );
        Self { subcode: Some(33), ..Self::saying(100, title, "") }
    }

    /// The answer: `{"error":{message, type, code, error_subcode?, error_data?, fbtrace_id}}`.
    pub(super) fn reply(&self) -> Reply {
        let status = row(self.code).map_or(400, |row| row.1);
        let mut error = json!({
            "message": format!("(#{}) {}", self.code, self.title),
            "type": if self.subcode.is_some() { "GraphMethodException" } else { "OAuthException" },
            "code": self.code,
            "fbtrace_id": "AUlakSimulatorTrace0000",
        });
        if let Some(subcode) = self.subcode {
            error["error_subcode"] = Value::from(subcode);
        }
        if !self.details.is_empty() {
            error["error_data"] =
                json!({ "messaging_product": "whatsapp", "details": self.details });
        }
        Reply::json(status, self.code.to_string(), &json!({ "error": error }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_every_answer_has_its_status() {
        assert!(TABLE.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (code, status) in
            [(190, 401), (130_429, 429), (131_026, 400), (131_000, 500), (2, 503), (999, 400)]
        {
            assert_eq!(MetaError::new(code).reply().status, status, "{code}");
        }
    }
}
