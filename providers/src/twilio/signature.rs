//! `X-Twilio-Signature` (A4): base64 of HMAC-SHA1, by the AuthToken, over the URL and the parameters.
//!
//! Twilio signs the URL as it was configured, without its fragment, but inconsistently with or without a port, and at
//! times with a query that was written anew. So each of these forms of the URL may match:
//!
//! | form | of `https://u:p@h/x?b=It's+a` |
//! |---|---|
//! | as it came | `https://u:p@h/x?b=It's+a` |
//! | query as browsers write it (WHATWG) | `…?b=It%27s+a` |
//! | query as node's `querystring` writes it | `…?b=It's%20a` |
//! | each of them without a port, and with the one that it has or the scheme's own | `https://u:p@h:443/x?…` |

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Url;
use sha1::Sha1;

/// Bytes of a SHA-1.
const DIGEST_BYTES: usize = 20;

/// The bytes of a signature; `None` if it cannot be one.
pub(super) fn decoded(signature: &str) -> Option<[u8; DIGEST_BYTES]> {
    let signature = signature.trim();
    if signature.len() != 28 {
        return None;
    }
    BASE64.decode(signature.as_bytes()).ok()?.try_into().ok()
}

/// Whether the signature is that of a form of the URL with these parameters. All forms are tried whatever the first of
/// them says, each compared in constant time.
pub(super) fn matches(
    auth_token: &str,
    url: &str,
    params: &[(String, String)],
    signature: &[u8; DIGEST_BYTES],
) -> bool {
    let tail = sorted(params);
    let Ok(key) = Hmac::<Sha1>::new_from_slice(auth_token.as_bytes()) else { return false };
    forms(url).iter().fold(false, |found, form| {
        let mut mac = key.clone();
        mac.update(form.as_bytes());
        mac.update(&tail);
        found | mac.verify_slice(signature).is_ok()
    })
}

/// The parameters by name (byte order), each as name and value; of a repeated name the distinct values, sorted.
fn sorted(params: &[(String, String)]) -> Vec<u8> {
    let mut params: Vec<&(String, String)> = params.iter().collect();
    params.sort_unstable();
    params.dedup();
    let mut bytes = Vec::new();
    for (name, value) in params {
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(value.as_bytes());
    }
    bytes
}

/// Every form of the URL that Twilio may have signed.
fn forms(url: &str) -> Vec<String> {
    let url = url.split('#').next().unwrap_or(url);
    let Some(parts) = Parts::of(url) else { return vec![url.to_owned()] };
    let mut rests = vec![parts.rest.to_owned()];
    if let Some((path, query)) = parts.rest.split_once('?') {
        let whatwg = Url::parse(url).ok();
        let whatwg = whatwg.as_ref().and_then(Url::query).unwrap_or(query);
        for query in [whatwg.to_owned(), rewritten(query)] {
            let rest = format!("{path}?{query}");
            if !rests.contains(&rest) {
                rests.push(rest);
            }
        }
    }
    let own = if parts.scheme.eq_ignore_ascii_case("https") { "443" } else { "80" };
    let with = parts.port.unwrap_or(own);
    let write = |port: Option<&str>, rest: &str| {
        let colon = if port.is_some() { ":" } else { "" };
        let (scheme, user, host) = (parts.scheme, parts.user, parts.host);
        format!("{scheme}://{user}{host}{colon}{}{rest}", port.unwrap_or_default())
    };
    let mut forms: Vec<String> =
        rests.iter().flat_map(|rest| [write(None, rest), write(Some(with), rest)]).collect();
    if !forms.iter().any(|form| form == url) {
        forms.push(url.to_owned());
    }
    forms
}

/// A URL in pieces, none of them written anew.
struct Parts<'a> {
    scheme: &'a str,
    /// With its `@`; may be empty.
    user: &'a str,
    host: &'a str,
    port: Option<&'a str>,
    /// Path and query.
    rest: &'a str,
}

impl<'a> Parts<'a> {
    fn of(url: &'a str) -> Option<Self> {
        let (scheme, after) = url.split_once("://")?;
        let end = after.find(['/', '?']).unwrap_or(after.len());
        let (authority, rest) = after.split_at(end);
        let at = authority.rfind('@').map_or(0, |at| at + 1);
        let (user, host) = authority.split_at(at);
        // the colons of an IPv6 address stand in brackets
        let bracket = host.rfind(']').map_or(0, |at| at + 1);
        let (host, port) = match host[bracket..].rfind(':') {
            Some(colon) => (&host[..bracket + colon], Some(&host[bracket + colon + 1..])),
            None => (host, None),
        };
        let digits = |port: &&str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        Some(Self { scheme, user, host, port: port.filter(digits), rest })
    }
}

/// A query decoded and encoded again as node's `querystring` does.
fn rewritten(query: &str) -> String {
    let mut out = String::with_capacity(query.len());
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if !out.is_empty() {
            out.push('&');
        }
        escape(&name, &mut out);
        out.push('=');
        escape(&value, &mut out);
    }
    out
}

fn escape(text: &str, out: &mut String) {
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte);
        if plain {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&data_encoding::HEXUPPER.encode(&[byte]));
        }
    }
}
