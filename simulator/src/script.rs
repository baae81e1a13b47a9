//! What the twins know and how they behave: the script.
//!
//! Everything has a default, so a script names only what differs; unknown keys are refused.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::faults::Fault;

pub(crate) mod iys;
mod meta;
mod netgsm;
mod twilio;

pub use iys::{Consent, Consents, CredentialRefusal, IysLimits, IysScript, IysUser};
pub use meta::{
    MetaAccount, MetaButton, MetaButtonKind, MetaEnd, MetaMessageStatus, MetaOutcome, MetaScript,
    MetaTemplate,
};
pub use netgsm::{
    BadDates, ErrorShape, InboundMessage, NetgsmAccount, NetgsmScript, NoCredit, Outcome,
};
pub use twilio::{
    TwilioAccount, TwilioApiKey, TwilioContent, TwilioEnd, TwilioKeyKind, TwilioOutcome,
    TwilioScript, TwilioService, UnregisteredSender,
};

/// Accounts, rules, consents and faults of one simulator.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// Every draw (report delays, shares of faults) is a function of this number.
    pub seed: u64,
    /// The Netgsm twin.
    pub netgsm: NetgsmScript,
    /// The İYS twin.
    pub iys: IysScript,
    /// The Twilio twin.
    pub twilio: TwilioScript,
    /// The Meta twin.
    pub meta: MetaScript,
    /// Faults from the start; more come by `POST /_simulator/faults`.
    pub faults: Vec<Fault>,
}

/// A script that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// The file cannot be read.
    #[error("simulator script {path}: {cause}; check the path and its permissions")]
    Unreadable {
        /// The path as it was given.
        path: String,
        /// Why.
        cause: std::io::Error,
    },
    /// Not JSON or TOML of this shape.
    #[error("simulator script: {0}; see simulator/README.md for the keys")]
    Shape(String),
    /// Well-formed, but it makes no sense.
    #[error("simulator script: {key}: {wrong}")]
    Senseless {
        /// Which key.
        key: String,
        /// What is wrong and what is allowed.
        wrong: String,
    },
}

impl Script {
    /// Reads a script file: JSON where the name ends in `.json`, TOML otherwise.
    ///
    /// # Errors
    /// The file cannot be read, has another shape, or says something senseless.
    pub fn from_file(path: &Path) -> Result<Self, ScriptError> {
        let text = std::fs::read_to_string(path)
            .map_err(|cause| ScriptError::Unreadable { path: path.display().to_string(), cause })?;
        if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json")) {
            Self::from_json(text.as_bytes())
        } else {
            Self::from_toml(&text)
        }
    }

    /// Reads a script in JSON.
    ///
    /// # Errors
    /// Another shape, or senseless.
    pub fn from_json(text: &[u8]) -> Result<Self, ScriptError> {
        let script: Self =
            serde_json::from_slice(text).map_err(|error| ScriptError::Shape(error.to_string()))?;
        script.check()?;
        Ok(script)
    }

    /// Reads a script in TOML.
    ///
    /// # Errors
    /// Another shape, or senseless.
    pub fn from_toml(text: &str) -> Result<Self, ScriptError> {
        use figment::providers::{Format, Toml};
        let script: Self = figment::Figment::from(Toml::string(text))
            .extract()
            .map_err(|error| ScriptError::Shape(error.to_string()))?;
        script.check()?;
        Ok(script)
    }

    /// Checks what the shape alone does not say.
    ///
    /// # Errors
    /// The first key that makes no sense.
    pub fn check(&self) -> Result<(), ScriptError> {
        self.netgsm.check()?;
        self.iys.check()?;
        self.twilio.check()?;
        self.meta.check()?;
        for (index, fault) in self.faults.iter().enumerate() {
            fault.check().map_err(|wrong| senseless(format!("faults[{index}]"), wrong))?;
        }
        Ok(())
    }
}

fn senseless(key: impl Into<String>, wrong: impl Into<String>) -> ScriptError {
    ScriptError::Senseless { key: key.into(), wrong: wrong.into() }
}

fn check_range(key: &str, [low, high]: [u64; 2]) -> Result<(), ScriptError> {
    if low > high {
        return Err(senseless(key, format!("[{low}, {high}] is empty: write [least, most]")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_script_is_the_one_the_demo_and_the_tests_rely_on() {
        let script = Script::default();
        assert!(script.check().is_ok());
        let accounts = &script.netgsm.accounts;
        assert_eq!(accounts[0].username, "8501234567");
        assert_eq!(accounts[0].senders, ["KLINIK", "DISKLINIGI"]);
        assert_eq!(accounts[1].senders, ["OTHER"]);
        assert_eq!(script.iys.users[0].iys_code, "100001");
        assert_eq!(script.iys.consents.default, Consent::Onay);
        let twilio = &script.twilio.accounts[0];
        assert_eq!(twilio.account_sid, "AC00000000000000000000000000000001");
        assert_eq!(twilio.auth_token, "twilio-token");
        assert_eq!(twilio.api_keys[0].sid, "SK00000000000000000000000000000001");
        assert_eq!(twilio.api_keys[0].secret, "twilio-key-secret");
        assert_eq!(
            (&twilio.from[..], &twilio.alphanumeric[..]),
            (&["+13185550100".into()][..], &["KLINIK".into()][..])
        );
        assert_eq!(twilio.messaging_services[0].sid, "MG00000000000000000000000000000001");
    }

    #[test]
    fn toml_and_json_say_the_same() {
        let toml = Script::from_toml(
            "seed = 3\n[netgsm]\nreport_delay_ms = [0, 0]\n[netgsm.outcomes]\n5321234567 = { status = 3 }\n\
             [[faults]]\nprovider = \"netgsm\"\noperation = \"send\"\nshare = 0.5\n\
             fault = { kind = \"hang\", accept = true }\n",
        )
        .unwrap();
        let json = Script::from_json(
            br#"{"seed":3,"netgsm":{"report_delay_ms":[0,0],"outcomes":{"5321234567":{"status":3}}},
                "faults":[{"provider":"netgsm","operation":"send","share":0.5,
                           "fault":{"kind":"hang","accept":true}}]}"#,
        )
        .unwrap();
        assert_eq!(toml, json);
    }

    #[test]
    fn the_script_of_the_readme_is_a_script() {
        let readme = include_str!("../README.md");
        let toml = readme.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
        let script = Script::from_toml(toml.unwrap()).unwrap();
        assert_eq!(script.netgsm.accounts[0].credit, Some(500));
        assert_eq!(script.faults.len(), 1);
        assert_eq!(script.twilio.accounts[0].messaging_services[0].senders, ["KLINIK"]);
        assert_eq!(script.twilio.opted_out, ["5321234569"]);
    }

    #[test]
    fn a_senseless_script_is_refused_with_its_key() {
        for (text, key) in [
            (r#"{"netgsm":{"report_delay_ms":[5,1]}}"#, "netgsm.report_delay_ms"),
            (r#"{"netgsm":{"outcomes":{"0212":{"status":1}}}}"#, "netgsm.outcomes"),
            (r#"{"netgsm":{"page_rows":0}}"#, "netgsm.page_rows"),
            (r#"{"iys":{"consents":{"numbers":{"123":"RET"}}}}"#, "iys.consents.numbers"),
            (r#"{"twilio":{"send_ms":[5,1]}}"#, "twilio.send_ms"),
            (r#"{"twilio":{"outcomes":{"5321":{"status":"failed"}}}}"#, "twilio.outcomes"),
            (
                r#"{"twilio":{"accounts":[{"account_sid":"AC1","auth_token":"t"}]}}"#,
                "twilio.accounts[0].account_sid",
            ),
            (r#"{"faults":[{"provider":"iys","share":2,"fault":{"kind":"down"}}]}"#, "faults[0]"),
            (r#"{"nonsense":1}"#, "nonsense"),
        ] {
            let error = Script::from_json(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(key) && !error.contains('\n'), "{error}");
        }
    }
}
