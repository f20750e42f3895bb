//! API keys: `wrn_<id>_<secret>`, 256 bits of secret, stored as a keyed hash and compared in constant time.
//!
//! The id part finds the row, so that a lookup never depends on the secret. The hash is keyed with the
//! host's own secret, so that a copy of the database alone cannot be used to test guesses.

use std::fmt;
use std::str::FromStr;

use subtle::ConstantTimeEq;

use crate::error::{Error, Result};

/// Length of the id part in hex digits: 64 bits, enough that two keys of a host never share one.
const KEY_ID_DIGITS: usize = 16;
/// Length of the secret part in hex digits: 256 bits.
const KEY_SECRET_DIGITS: usize = 64;

/// The part of an API key that finds its row.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct KeyId(String);

impl KeyId {
    /// The hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// From a token; none if it is no id.
    pub fn parse(text: &str) -> Option<Self> {
        is_hex(text, KEY_ID_DIGITS).then(|| Self(text.to_owned()))
    }

    /// From a row.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({})", self.0)
    }
}

fn is_hex(part: &str, digits: usize) -> bool {
    part.len() == digits && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes
        .iter()
        .flat_map(|b| [digit(b >> 4), digit(b & 15)])
        .collect()
}

/// A whole API key. Shown once, when it is made; its `Debug` never shows the secret.
#[derive(Clone)]
pub struct ApiKeySecret {
    id: KeyId,
    secret: String,
}

impl ApiKeySecret {
    /// A new random key.
    ///
    /// # Errors
    /// `Unavailable` if the operating system gives no randomness.
    pub fn generate() -> Result<Self> {
        let mut bytes = [0_u8; 40];
        getrandom::fill(&mut bytes).map_err(|e| Error::Unavailable {
            what: "system randomness",
            reason: e.to_string(),
        })?;
        let hex = hex(&bytes);
        let (id, secret) = hex.split_at(KEY_ID_DIGITS);
        Ok(Self {
            id: KeyId(id.to_owned()),
            secret: secret.to_owned(),
        })
    }

    /// A new secret for the key of this id.
    ///
    /// # Errors
    /// `Unavailable` if the operating system gives no randomness.
    pub fn renewed(id: &KeyId) -> Result<Self> {
        Ok(Self {
            id: id.clone(),
            ..Self::generate()?
        })
    }

    /// The part that finds the row.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// The whole key, for its owner.
    pub fn reveal(&self) -> String {
        format!("wrn_{}_{}", self.id.0, self.secret)
    }
}

impl fmt::Debug for ApiKeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKeySecret(wrn_{}_..)", self.id.0)
    }
}

impl FromStr for ApiKeySecret {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        text.strip_prefix("wrn_")
            .and_then(|rest| rest.split_once('_'))
            .filter(|(id, secret)| is_hex(id, KEY_ID_DIGITS) && is_hex(secret, KEY_SECRET_DIGITS))
            .map(|(id, secret)| Self {
                id: KeyId(id.to_owned()),
                secret: secret.to_owned(),
            })
            .ok_or_else(|| Error::invalid("API key", "not of the form `wrn_<16 hex>_<64 hex>`"))
    }
}

/// Hashes keys with the host's secret.
#[derive(Clone)]
pub struct KeyHasher([u8; 32]);

impl KeyHasher {
    /// From the host's secret.
    pub fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// What is stored.
    pub fn hash(&self, key: &ApiKeySecret) -> [u8; 32] {
        *blake3::keyed_hash(&self.0, key.reveal().as_bytes()).as_bytes()
    }

    /// Whether `key` is the one that was stored as `stored`, in constant time.
    pub fn verify(&self, key: &ApiKeySecret, stored: &[u8; 32]) -> bool {
        self.hash(key).ct_eq(stored).into()
    }
}

impl fmt::Debug for KeyHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHasher(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_and_verifies_and_another_does_not() {
        let hasher = KeyHasher::new([7; 32]);
        let key = ApiKeySecret::generate().unwrap();
        let again: ApiKeySecret = key.reveal().parse().unwrap();
        let stored = hasher.hash(&key);
        assert!(hasher.verify(&again, &stored));
        assert!(!hasher.verify(&ApiKeySecret::generate().unwrap(), &stored));
        assert!(
            !KeyHasher::new([8; 32]).verify(&key, &stored),
            "another host's hash is of no use"
        );
        assert!(!format!("{key:?}").contains(&key.secret));
    }

    #[test]
    fn malformed_keys_are_refused() {
        let good = ApiKeySecret::generate().unwrap().reveal();
        for bad in [
            "",
            "wrn_",
            "wrn_1_2",
            &good[1..],
            &good[..good.len() - 1],
            &good.to_uppercase(),
        ] {
            assert!(bad.parse::<ApiKeySecret>().is_err(), "{bad}");
        }
    }
}
