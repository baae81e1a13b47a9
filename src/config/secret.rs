//! Values that must not be shown: the master key, and addresses that may hold a password.

use std::fmt;

use secrecy::{ExposeSecret, SecretBox, SecretString};
use url::Url;

/// The key that wraps all other keys: exactly 32 bytes. Wiped from memory when dropped, never shown.
pub struct MasterKey(SecretBox<[u8; 32]>);

impl MasterKey {
    /// Reads base64 (standard or URL alphabet, with or without padding); `None` unless it is exactly 32 bytes.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_end_matches('=');
        let bytes = data_encoding::BASE64_NOPAD
            .decode(text.as_bytes())
            .or_else(|_| data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()))
            .ok()?;
        // The vector is the box's own source: it goes out of scope here, and with it the only other copy.
        let key: [u8; 32] = bytes.try_into().ok()?;
        Some(Self(SecretBox::new(Box::new(key))))
    }

    /// The 32 bytes, for the one place that makes the cipher.
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose_secret()
    }
}

impl Clone for MasterKey {
    fn clone(&self) -> Self {
        Self(SecretBox::new(Box::new(*self.expose())))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// An address that may hold a password. `Display` and `Debug` show it with the password masked.
#[derive(Clone)]
pub struct Address {
    whole: SecretString,
    masked: String,
}

impl Address {
    /// Reads a URL with one of `schemes` and a host or file behind it.
    ///
    /// # Errors
    /// A sentence that says what is allowed; it never repeats the text, which may be a password.
    pub fn parse(text: &str, schemes: &[&str]) -> Result<Self, String> {
        let allowed = schemes.iter().map(|s| format!("{s}://…")).collect::<Vec<_>>().join(" or ");
        let text = text.trim();
        let url = Url::parse(text).map_err(|e| format!("{allowed} ({e})"))?;
        if !schemes.contains(&url.scheme()) {
            return Err(allowed);
        }
        // `postgres://me:a/b@host/db` parses, with half of the password as the path: it would be shown.
        if url.path().contains('@')
            || url.query().is_some_and(|q| q.contains('@'))
            || url.fragment().is_some()
        {
            return Err(format!("{allowed}, with / ? # @ in a password percent-encoded"));
        }
        if url.host_str().unwrap_or_default().is_empty() && url.path().trim_matches('/').is_empty()
        {
            return Err(allowed);
        }
        Ok(Self { whole: text.into(), masked: mask(url) })
    }

    /// The address of a file, which holds no password: `scheme` with its slashes, then the path.
    pub fn of_file(scheme: &str, path: &str) -> Self {
        let masked = format!("{scheme}{path}");
        Self { whole: masked.clone().into(), masked }
    }

    /// The whole address with its password, for the one place that connects.
    pub fn expose(&self) -> &str {
        self.whole.expose_secret()
    }

    /// The address as a secret, for settings that keep it as one.
    pub fn secret(&self) -> SecretString {
        self.whole.clone()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.masked)
    }
}

/// What stands for a password where an address is shown.
const MASK: &str = "********";

fn mask(mut url: Url) -> String {
    if url.password().is_some() && url.set_password(Some(MASK)).is_err() {
        return format!("{}://{MASK}", url.scheme());
    }
    if url.query().is_some() {
        let pairs: Vec<(String, String)> = url
            .query_pairs()
            .map(|(name, value)| {
                // libpq takes the password (and that of a TLS key) as a parameter too.
                let hidden = name.to_ascii_lowercase().contains("password");
                (
                    name.clone().into_owned(),
                    if hidden { MASK.to_owned() } else { value.into_owned() },
                )
            })
            .collect();
        url.query_pairs_mut().clear().extend_pairs(pairs);
    }
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_masked_wherever_an_address_can_hold_it() {
        for text in [
            "postgres://ulak:hunter2@db:5432/ulak",
            "postgres://db/ulak?user=ulak&password=hunter2",
            "postgres://db/ulak?sslpassword=hunter2&sslmode=require",
            "amqps://ulak:hunter2@mq:5671/%2f",
        ] {
            let address = Address::parse(text, &["postgres", "amqps"]).expect("valid");
            assert_eq!(address.expose(), text);
            for shown in [address.to_string(), format!("{address:?}")] {
                assert!(!shown.contains("hunter2"), "{shown}");
                assert!(shown.contains(MASK), "{shown}");
            }
        }
    }

    #[test]
    fn a_password_that_is_not_percent_encoded_is_refused_without_repeating_it() {
        for text in [
            "postgres://ulak:12/hunter2@db/ulak",
            "postgres://ulak:hunter2?x@db/ulak",
            "postgres://ulak:12#hunter2@db/ulak",
            "hunter2",
            "mysql://ulak:hunter2@db/ulak",
            "postgres://",
        ] {
            let problem = Address::parse(text, &["postgres"]).expect_err(text);
            assert!(!problem.contains("hunter2"), "{problem}");
            assert!(problem.contains("postgres://"), "{problem}");
        }
    }

    #[test]
    fn a_master_key_is_exactly_32_bytes_in_either_base64_alphabet() {
        let key = [0xFB_u8; 32];
        for text in [
            data_encoding::BASE64.encode(&key),
            data_encoding::BASE64_NOPAD.encode(&key),
            data_encoding::BASE64URL.encode(&key),
        ] {
            assert_eq!(MasterKey::parse(&text).expect("valid").expose(), &key);
        }
        for text in [
            data_encoding::BASE64.encode(&key[..31]),
            data_encoding::BASE64.encode(&[1; 33]),
            "ö".into(),
            String::new(),
        ] {
            assert!(MasterKey::parse(&text).is_none());
        }
        assert!(
            !format!("{:?}", MasterKey::parse(&data_encoding::BASE64.encode(&key))).contains("251")
        );
    }
}
