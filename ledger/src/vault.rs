//! Keys: the master key wraps one lookup key per installation and one data key per person (DESIGN §4 *Persons*).
//!
//! XChaCha20-Poly1305 with random nonces; the associated data binds a ciphertext to its place, so that moving a wrapped key
//! or a sealed body to another row makes it unreadable (`facts/probes.md` §6).

use crate::error::LedgerError;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use data_encoding::{BASE32_NOPAD, BASE64};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Bytes of a keyed hash.
const HASH_BYTES: usize = 20;

/// 32 secret bytes that wipe themselves and do not print.
#[derive(Clone)]
pub struct Secret32(Zeroizing<[u8; 32]>);

impl Secret32 {
    /// Takes key bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A new random key.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn random() -> Result<Self, LedgerError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|e| LedgerError::Key(format!("no randomness: {e}")))?;
        Ok(Self::new(bytes))
    }

    fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for Secret32 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret32(…)")
    }
}

/// A person's data key.
#[derive(Debug, Clone)]
pub struct DataKey(Secret32);

/// The keys of an installation, open.
#[derive(Debug, Clone)]
pub struct Vault {
    master: Secret32,
    lookup: Secret32,
    name: String,
}

/// What a keyed hash is for. Two purposes never share a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// (clinic, number): finds a person.
    Person,
    /// (clinic, number): finds a suppression; survives erasure.
    Suppression,
    /// (clinic, appointment id).
    Appointment,
    /// (clinic, type, same-as fields).
    Thing,
    /// (clinic, appointment id, start).
    Gap,
    /// (provider account, number).
    Number,
    /// (token id, secret): proves a token.
    Token,
    /// (session id, secret): proves a session of the pages.
    Session,
    /// (session id, secret): what the forms of a session carry.
    Form,
    /// (address): counts a caller's tries to log in.
    Caller,
    /// (clinic, canonical JSON of what a fact says of its appointment): tells two facts of one version apart.
    Fact,
    /// (clinic, what a row of an imported file says): names the row where the file has no key for it.
    Import,
}

impl Purpose {
    const fn label(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Suppression => "suppression",
            Self::Appointment => "appointment",
            Self::Thing => "thing",
            Self::Gap => "gap",
            Self::Number => "number",
            Self::Token => "token",
            Self::Session => "session",
            Self::Form => "form",
            Self::Caller => "caller",
            Self::Fact => "fact",
            Self::Import => "import",
        }
    }
}

/// Public name of a master key: says which key it is and nothing about it.
pub fn fingerprint(master: &Secret32) -> String {
    let digest =
        Sha256::new().chain_update(b"ulak master key\0").chain_update(master.bytes()).finalize();
    base32(&digest[..10])
}

/// Makes the lookup key of a new installation, wrapped.
///
/// # Errors
/// When there is no randomness.
pub fn new_lookup_key(master: &Secret32) -> Result<String, LedgerError> {
    let key = Secret32::random()?;
    seal_bytes(master, "lookup", key.bytes())
}

impl Vault {
    /// Opens the installation's keys.
    ///
    /// # Errors
    /// When the master key does not open the wrapped lookup key.
    pub fn open(master: Secret32, wrapped_lookup: &str) -> Result<Self, LedgerError> {
        let lookup = open_key(&master, "lookup", wrapped_lookup)?;
        let name = fingerprint(&master);
        Ok(Self { master, lookup, name })
    }

    /// Name of the master key, kept with every key it wrapped.
    pub fn master_name(&self) -> &str {
        &self.name
    }

    /// Keyed hash for lookups: HMAC-SHA-256, 160 bits, base32. A plain hash of a phone number would be reversible.
    pub fn hash(&self, purpose: Purpose, parts: &[&str]) -> String {
        // HMAC takes keys of every length, so there always is one
        self.mac(purpose, parts)
            .map_or_else(String::new, |mac| base32(&mac.finalize().into_bytes()[..HASH_BYTES]))
    }

    /// Whether a keyed hash is that of these parts; takes the same time wherever they differ.
    pub fn fits(&self, purpose: Purpose, parts: &[&str], hash: &str) -> bool {
        let bytes = BASE32_NOPAD.decode(hash.to_ascii_uppercase().as_bytes());
        let bytes = bytes.ok().filter(|bytes| bytes.len() == HASH_BYTES);
        let (Some(bytes), Some(mac)) = (bytes, self.mac(purpose, parts)) else { return false };
        mac.verify_truncated_left(&bytes).is_ok()
    }

    fn mac(&self, purpose: Purpose, parts: &[&str]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.lookup.bytes()).ok()?;
        mac.update(purpose.label().as_bytes());
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        Some(mac)
    }

    /// A new data key for a person, and its wrapped form.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn new_data_key(&self, person: &str) -> Result<(DataKey, String), LedgerError> {
        let key = Secret32::random()?;
        let wrapped = seal_bytes(&self.master, &format!("person:{person}"), key.bytes())?;
        Ok((DataKey(key), wrapped))
    }

    /// Unwraps a person's data key.
    ///
    /// # Errors
    /// A key that cannot be unwrapped stops the process; it is never the message's fault.
    pub fn data_key(&self, person: &str, wrapped: &str) -> Result<DataKey, LedgerError> {
        open_key(&self.master, &format!("person:{person}"), wrapped).map(DataKey)
    }

    /// Seals something of the installation itself (tokens).
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn seal_own(&self, place: &str, message: &[u8]) -> Result<String, LedgerError> {
        seal_bytes(&self.master, &format!("own:{place}"), message)
    }

    /// Opens what [`Vault::seal_own`] sealed.
    ///
    /// # Errors
    /// When it was sealed with another key or for another place.
    pub fn open_own(&self, place: &str, sealed: &str) -> Result<Zeroizing<Vec<u8>>, LedgerError> {
        open_bytes(&self.master, &format!("own:{place}"), sealed)
    }
}

impl DataKey {
    /// Seals a personal field for one place (`<ntf>/<field>`).
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn seal(&self, place: &str, message: &[u8]) -> Result<String, LedgerError> {
        seal_bytes(&self.0, place, message)
    }

    /// Opens a sealed field.
    ///
    /// # Errors
    /// When it was sealed with another key or for another place.
    pub fn open(&self, place: &str, sealed: &str) -> Result<Zeroizing<Vec<u8>>, LedgerError> {
        open_bytes(&self.0, place, sealed)
    }
}

/// Lower-case base32 without padding.
pub fn base32(bytes: &[u8]) -> String {
    BASE32_NOPAD.encode(bytes).to_ascii_lowercase()
}

/// A random identifier with a prefix (`per_…`), or a claim token.
///
/// # Errors
/// When there is no randomness.
pub fn random_id(prefix: &str) -> Result<String, LedgerError> {
    Ok(format!("{prefix}{}", base32(&random_bytes::<16>()?[..])))
}

/// Random bytes that wipe themselves.
pub(crate) fn random_bytes<const N: usize>() -> Result<Zeroizing<[u8; N]>, LedgerError> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut bytes[..]).map_err(|e| LedgerError::Key(format!("no randomness: {e}")))?;
    Ok(bytes)
}

fn seal_bytes(key: &Secret32, place: &str, message: &[u8]) -> Result<String, LedgerError> {
    let mut nonce = [0; 24];
    getrandom::fill(&mut nonce).map_err(|e| LedgerError::Key(format!("no randomness: {e}")))?;
    let sealed = XChaCha20Poly1305::new(&Key::from(*key.bytes()))
        .encrypt(&XNonce::from(nonce), Payload { msg: message, aad: place.as_bytes() })
        .map_err(|_| LedgerError::Key("sealing failed".to_owned()))?;
    let mut out = nonce.to_vec();
    out.extend(sealed);
    Ok(BASE64.encode(&out))
}

fn open_bytes(
    key: &Secret32,
    place: &str,
    sealed: &str,
) -> Result<Zeroizing<Vec<u8>>, LedgerError> {
    let unreadable =
        || LedgerError::Key(format!("the master key does not open {}", kind_of(place)));
    let bytes = BASE64.decode(sealed.as_bytes()).map_err(|_| unreadable())?;
    let (nonce, body) = bytes.split_at_checked(24).ok_or_else(unreadable)?;
    let nonce: [u8; 24] = nonce.try_into().map_err(|_| unreadable())?;
    XChaCha20Poly1305::new(&Key::from(*key.bytes()))
        .decrypt(&XNonce::from(nonce), Payload { msg: body, aad: place.as_bytes() })
        .map(Zeroizing::new)
        .map_err(|_| unreadable())
}

fn open_key(key: &Secret32, place: &str, sealed: &str) -> Result<Secret32, LedgerError> {
    let bytes = open_bytes(key, place, sealed)?;
    let bytes: [u8; 32] = bytes
        .as_slice()
        .try_into()
        .map_err(|_| LedgerError::Key(format!("{} has a wrong length", kind_of(place))))?;
    Ok(Secret32::new(bytes))
}

fn kind_of(place: &str) -> &str {
    place.split(':').next().unwrap_or(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault() -> Vault {
        let master = Secret32::new([7; 32]);
        let wrapped = new_lookup_key(&master).unwrap();
        Vault::open(master, &wrapped).unwrap()
    }

    #[test]
    fn a_sealed_field_opens_only_in_its_own_place() {
        let vault = vault();
        let (key, wrapped) = vault.new_data_key("per_a").unwrap();
        let sealed = key.seal("ntf_1/body", b"hello").unwrap();
        let again = vault.data_key("per_a", &wrapped).unwrap();
        assert_eq!(again.open("ntf_1/body", &sealed).unwrap().as_slice(), b"hello");
        assert!(again.open("ntf_2/body", &sealed).is_err());
        assert!(vault.data_key("per_b", &wrapped).is_err());
    }

    #[test]
    fn another_master_key_opens_nothing_and_is_named_otherwise() {
        let master = Secret32::new([7; 32]);
        let wrapped = new_lookup_key(&master).unwrap();
        let other = Secret32::new([8; 32]);
        assert_ne!(fingerprint(&master), fingerprint(&other));
        let error = Vault::open(other, &wrapped).unwrap_err();
        assert_eq!(error.to_string(), "the master key does not open lookup");
    }

    #[test]
    fn hashes_of_different_purposes_and_splits_differ() {
        let vault = vault();
        let a = vault.hash(Purpose::Person, &["atasehir", "+905321234567"]);
        assert_eq!(a, vault.hash(Purpose::Person, &["atasehir", "+905321234567"]));
        assert_ne!(a, vault.hash(Purpose::Suppression, &["atasehir", "+905321234567"]));
        assert_ne!(a, vault.hash(Purpose::Person, &["atasehir+", "905321234567"]));
        assert_eq!(a.len(), 32);
    }

    #[test]
    fn a_hash_fits_its_own_parts_and_nothing_else() {
        let vault = vault();
        let hash = vault.hash(Purpose::Token, &["id", "secret"]);
        assert!(vault.fits(Purpose::Token, &["id", "secret"], &hash));
        for (purpose, parts, hash) in [
            (Purpose::Token, ["id", "secreT"], hash.as_str()),
            (Purpose::Token, ["idsecret", ""], &hash),
            (Purpose::Person, ["id", "secret"], &hash),
            (Purpose::Token, ["id", "secret"], ""),
            (Purpose::Token, ["id", "secret"], &hash[..16]),
            (Purpose::Token, ["id", "secret"], "not base32!"),
        ] {
            assert!(!vault.fits(purpose, &parts, hash), "{parts:?} {hash}");
        }
    }
}
