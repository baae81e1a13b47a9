//! `X-Twilio-Signature` (facts twilio A4).

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// Signature of a form POST: base64 of HMAC-SHA1 by the AuthToken over the URL (without fragment) and the
/// parameters sorted by name, each as name and value; of a repeated name the distinct values, sorted.
pub(super) fn sign(auth_token: &str, url: &str, params: &[(&str, &str)]) -> Option<String> {
    let mut sorted = params.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let mut mac = Hmac::<Sha1>::new_from_slice(auth_token.as_bytes()).ok()?;
    mac.update(url.split('#').next().unwrap_or(url).as_bytes());
    for (name, value) in sorted {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    Some(BASE64.encode(&mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of Twilio's own SDKs and two of the fact sheet's (A4; the number is the sheet's).
    #[test]
    fn the_vectors_of_the_sdks_hold() {
        const U: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
        let p = [
            ("From", "+14158675309"),
            ("CallSid", "CA1234567890ABCDE"),
            ("To", "+18005551212"),
            ("Caller", "+14158675309"),
            ("Digits", "1234"),
        ];
        let prefixes =
            [&p[..], &[("ReasonConferenceEnded", "test"), ("Reason", "Participant")]].concat();
        let repeated = [
            ("Sid", "CA123"),
            ("SidAccount", "AC123"),
            ("Digits", "5678"),
            ("Digits", "1234"),
            ("Digits", "1234"),
        ];
        let (ac, sm) = (format!("AC{}", "b".repeat(32)), format!("SM{}", "c".repeat(32)));
        let status = [
            ("AccountSid", ac.as_str()),
            ("ApiVersion", "2010-04-01"),
            ("From", "KLINIK"),
            ("To", "+905321112233"),
            ("MessageSid", &sm),
            ("SmsSid", &sm),
            ("MessageStatus", "undelivered"),
            ("SmsStatus", "undelivered"),
            ("ErrorCode", "30003"),
            ("RawDlrDoneDate", "2601151230"),
        ];
        for (number, url, params, wanted) in [
            (1, U, &p[..], "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
            (
                1,
                "https://mycompany.com/myapp.php?foo=1&bar=2#rc=3",
                &p[..],
                "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
            ),
            (
                2,
                "https://mycompany.com:443/myapp.php?foo=1&bar=2",
                &p[..],
                "kvajT1Ptam85bY51eRf/AJRuM3w=",
            ),
            (5, U, &repeated[..], "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
            (7, U, &prefixes[..], "vOEb5UThFn24KEfnOFLQY2AE5FY="),
            (
                12,
                "https://user:pass@mycompany.com/myapp.php?foo=1&bar=2",
                &p[..],
                "CukzLTc1tT5dXEDIHm/tKBanW10=",
            ),
        ] {
            assert_eq!(sign("12345", url, params).as_deref(), Some(wanted), "vector {number}");
        }
        let url = "https://hooks.example.com/v1/twilio/status";
        assert_eq!(sign("12345", url, &status).as_deref(), Some("d5dEcRVxwRka8McdYS3NRxigauo="));
    }
}
