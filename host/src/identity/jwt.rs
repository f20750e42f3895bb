//! JSON Web Tokens (RFC 7519, RFC 8725) of issuers that the operator configured.
//!
//! Invariant: nothing in a token chooses a key or an algorithm. The issuer is one of the configured, the key
//! one of that issuer's by its id, and the algorithm the one that the key was configured for; a header that
//! carries or points at a key, or that must be understood, is refused. `iss`, `aud` and `exp` must be there.
//! Who is refused is told nothing; the reason is for the host's log.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::strict;
use crate::clock::Timestamp;

mod claims;
mod issuer;
mod jwks;
mod key;
#[cfg(test)]
mod tests;

pub use claims::Claims;
pub use issuer::{Issuer, IssuerSettings, Issuers, KeySettings};
pub use jwks::{FetchKeys, JWKS_BYTES_MAX};
pub use key::{Algorithm, JwtKey};

use issuer::TenantFrom;
#[cfg(test)]
use issuer::{JWT_LEEWAY_S_MAX, JWT_LIFE_S_MAX};

/// Longest token in bytes: four times what common issuers give, well below the head of a request.
pub const JWT_BYTES_MAX: usize = 8 * 1024;

/// Members of a header that carry or point at a key, or change what is signed: never looked into.
const REFUSED_MEMBERS: [&str; 8] = ["jwk", "jku", "x5u", "x5c", "crit", "b64", "enc", "zip"];
/// What `typ` may say: RFC 7519's and RFC 9068's.
const TYPES: [&str; 3] = ["jwt", "at+jwt", "application/at+jwt"];

/// Why a token is refused. For the log: it may quote the token's claims, never its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(pub String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn refused<T>(reason: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal(reason.into()))
}

/// A text of the token, fit for a line of the log.
fn shown(text: &str) -> String {
    text.chars()
        .take(64)
        .flat_map(char::escape_default)
        .collect()
}

/// A token taken apart, not believed yet.
#[derive(Clone)]
pub struct Unverified {
    kid: Option<String>,
    algorithm: Algorithm,
    signed: String,
    signature: Vec<u8>,
    claims: Map<String, Value>,
}

impl fmt::Debug for Unverified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unverified({:?}, {:?})", self.algorithm, self.kid)
    }
}

impl Unverified {
    /// Take a compact JWS apart.
    ///
    /// # Errors
    /// What is wrong with its form or its header.
    pub fn parse(token: &str) -> Result<Self, Refusal> {
        if token.len() > JWT_BYTES_MAX {
            return refused(format!(
                "{} bytes, jwt_bytes_max is {JWT_BYTES_MAX}",
                token.len()
            ));
        }
        let parts: Vec<&str> = token.split('.').collect();
        let [header, payload, signature] = parts.as_slice() else {
            return refused("not `header.payload.signature`");
        };
        let head = object("header", header)?;
        if let Some(member) = REFUSED_MEMBERS
            .iter()
            .find(|name| head.contains_key(**name))
        {
            return refused(format!("its header has `{member}`"));
        }
        let algorithm = match head.get("alg").and_then(Value::as_str) {
            Some(name) => Algorithm::parse(name)?,
            None => return refused("its header has no `alg`"),
        };
        let typ = head
            .get("typ")
            .map(|typ| typ.as_str().unwrap_or_default().to_ascii_lowercase());
        if typ.is_some_and(|typ| !TYPES.contains(&typ.as_str())) {
            return refused("its `typ` is not `JWT`");
        }
        let kid = match head.get("kid") {
            None => None,
            Some(Value::String(kid)) => Some(kid.clone()),
            Some(_) => return refused("its `kid` is no text"),
        };
        let Some(signature) = decode(signature).filter(|bytes| !bytes.is_empty()) else {
            return refused("its signature is empty or not base64url");
        };
        Ok(Self {
            kid,
            algorithm,
            signed: format!("{header}.{payload}"),
            signature,
            claims: object("payload", payload)?,
        })
    }

    /// Who it says has issued it.
    pub fn issuer(&self) -> Option<&str> {
        self.claims.get("iss").and_then(Value::as_str)
    }

    /// The id of the key that it says it was made with.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Check it with the key that was found among its issuer's, at this time, for this host.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn verify(self, issuer: &Issuer, key: &JwtKey, now: Timestamp) -> Result<Claims, Refusal> {
        if key.algorithm() != self.algorithm {
            return refused(format!(
                "it says `{}`, its key `{}` is for `{}`",
                self.algorithm,
                shown(key.id()),
                key.algorithm()
            ));
        }
        if !key.verifies(self.signed.as_bytes(), &self.signature) {
            return refused(format!("not signed by `{}`", shown(key.id())));
        }
        Claims::read(&self.claims, issuer, now)
    }
}

fn object(what: &str, part: &str) -> Result<Map<String, Value>, Refusal> {
    let Some(bytes) = decode(part) else {
        return refused(format!("its {what} is not base64url"));
    };
    match strict::parse(&bytes) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => refused(format!("its {what} is no object")),
        Err(error) => refused(format!("its {what}: {error}")),
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
