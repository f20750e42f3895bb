//! Signed definitions: a JWS (RFC 7515) by a key that the owner registered before.
//!
//! Invariant: what is verified is an Ed25519 signature over exactly the document that is registered, by a
//! key that the host looked up by its id among the owner's own. Nothing in the signature's header chooses
//! a key or an algorithm: `alg` must be the one there is, and any member but `alg`, `kid` and `typ` is
//! refused, so that `jwk`, `jku`, `x5u`, `crit` and what else may be invented mean nothing here.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature as RawSignature, VerifyingKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::KeyName;
use crate::identity::strict;

use super::entry::SERVICE_BYTES_MAX;

/// Longest signature in bytes: a header, the largest document in base64, and 64 bytes.
pub const JWS_BYTES_MAX: usize = SERVICE_BYTES_MAX / 3 * 4 + 1_024;
/// Names of the one algorithm: RFC 8037's and the one that takes its place.
const ALGORITHMS: [&str; 2] = ["EdDSA", "Ed25519"];
/// Whole numbers beyond it are read differently by different programs.
const INTEGER_MAX: u64 = 1 << 53;

/// A public key that signatures are checked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// What `kid` says.
    pub id: KeyName,
    /// The API key that registered it: it signs that key's services and no others.
    pub owner: KeyName,
    /// The Ed25519 public key.
    pub public: [u8; 32],
    /// When it was registered.
    pub created: Timestamp,
}

/// A signature that was verified when it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The key that made it.
    pub key: KeyName,
    /// The compact JWS with the document in it: anybody can verify it again.
    pub jws: String,
    /// Whether its key still stands.
    pub verified: bool,
}

/// A public key as a JWK.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicJwk {
    /// `OKP`.
    pub kty: String,
    /// `Ed25519`.
    pub crv: String,
    /// The 32 bytes in base64url.
    pub x: String,
}

impl PublicJwk {
    /// The key's bytes.
    ///
    /// # Errors
    /// `Invalid` for another sort of key, and for one of few points, which signs nothing.
    pub fn read(&self) -> Result<[u8; 32]> {
        if self.kty != "OKP" || self.crv != "Ed25519" {
            let reason = format!(
                "`{}` `{}` is not `OKP` `Ed25519`, the one sort that signs here",
                self.kty.escape_default(),
                self.crv.escape_default()
            );
            return Err(Error::invalid("jwk", reason));
        }
        let bytes = decode(&self.x)
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .ok_or_else(|| Error::invalid("jwk.x", "it is not 32 bytes in base64url"))?;
        match VerifyingKey::from_bytes(&bytes) {
            Ok(key) if !key.is_weak() => Ok(bytes),
            Ok(_) | Err(_) => Err(Error::invalid("jwk.x", "it is no Ed25519 public key")),
        }
    }

    /// Of a key's bytes.
    pub fn of(public: &[u8; 32]) -> Self {
        Self {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            x: URL_SAFE_NO_PAD.encode(public),
        }
    }
}

/// The protected header. Unknown members are refused, and so are members that are there twice.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    kid: String,
    #[serde(default, rename = "typ")]
    _typ: Option<String>,
}

/// A signature about to be checked, taken apart.
pub struct Unverified {
    key: KeyName,
    header: String,
    payload: String,
    raw: RawSignature,
}

impl Unverified {
    /// Take a compact JWS apart; detached, its payload is empty.
    ///
    /// # Errors
    /// `Invalid` that says what is wrong with it.
    pub fn parse(jws: &str) -> Result<Self> {
        if jws.len() > JWS_BYTES_MAX {
            return Err(Error::TooLarge {
                limit: "jws_bytes_max",
                unit: "bytes",
                max: JWS_BYTES_MAX as u64,
                got: jws.len() as u64,
            });
        }
        let mut parts = jws.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(refused("it is not `header.payload.signature`"));
        };
        let text = decode(header).ok_or_else(|| refused("its header is not base64url"))?;
        let read: Header = serde_json::from_slice(&text).map_err(|e| {
            refused(&format!(
                "its header is refused: {e}; it takes `alg` and `kid` and nothing else"
            ))
        })?;
        if !ALGORITHMS.contains(&read.alg.as_str()) {
            let alg: String = read
                .alg
                .chars()
                .take(40)
                .flat_map(char::escape_default)
                .collect();
            return Err(refused(&format!("its `alg` is `{alg}`, not `EdDSA`")));
        }
        let raw = decode(signature)
            .and_then(|bytes| <[u8; 64]>::try_from(bytes).ok())
            .ok_or_else(|| refused("the signature itself is not 64 bytes in base64url"))?;
        Ok(Self {
            key: KeyName::new(&read.kid).map_err(|e| refused(&format!("its `kid`: {e}")))?,
            header: header.to_owned(),
            payload: payload.to_owned(),
            raw: RawSignature::from_bytes(&raw),
        })
    }

    /// The id of the key that it says it was made with.
    pub fn key(&self) -> &KeyName {
        &self.key
    }

    /// Check it with the key that was found, over the document that it came with.
    ///
    /// # Errors
    /// `Invalid` if it was made by another key or over another document.
    pub fn verify(self, key: &SigningKey, document: &Value) -> Result<Signature> {
        let payload = if self.payload.is_empty() {
            URL_SAFE_NO_PAD.encode(canonical(document)?)
        } else {
            let text =
                decode(&self.payload).ok_or_else(|| refused("its payload is not base64url"))?;
            if strict::parse(&text).map_err(|e| refused(&format!("its payload: {e}")))? != *document
            {
                return Err(refused(
                    "it signs another document than the one it came with",
                ));
            }
            self.payload
        };
        let signed = format!("{}.{payload}", self.header);
        let public = VerifyingKey::from_bytes(&key.public)
            .map_err(|e| Error::internal("reading a signing key", e))?;
        public
            .verify_strict(signed.as_bytes(), &self.raw)
            .map_err(|_| {
                refused(&format!(
                    "it was not made by the key `{}` over this document",
                    self.key
                ))
            })?;
        Ok(Signature {
            key: self.key,
            jws: format!("{signed}.{}", URL_SAFE_NO_PAD.encode(self.raw.to_bytes())),
            verified: true,
        })
    }
}

/// The document that a detached signature is made over: RFC 8785 for what both sides write alike.
///
/// # Errors
/// `Invalid` if it holds a number that programs write differently: sign such a document attached.
pub fn canonical(document: &Value) -> Result<String> {
    let mut text = String::new();
    write(document, &mut text)?;
    Ok(text)
}

fn write(value: &Value, text: &mut String) -> Result<()> {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            text.push('{');
            for (index, (name, member)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                write(member, text)?;
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write(item, text)?;
            }
            text.push(']');
        }
        Value::Number(number) => {
            let whole = number.as_i64().map(i64::unsigned_abs).or(number.as_u64());
            if whole.is_none_or(|whole| whole > INTEGER_MAX) {
                return Err(refused(&format!(
                    "{number} is written differently by different programs: sign it with the document \
                     in the signature, not detached"
                )));
            }
            text.push_str(&number.to_string());
        }
        Value::Null | Value::Bool(_) | Value::String(_) => text.push_str(&value.to_string()),
    }
    Ok(())
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

fn refused(reason: &str) -> Error {
    Error::invalid("signature", reason)
}

#[cfg(test)]
mod tests;
