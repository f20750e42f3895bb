//! A key that tokens are checked with, for one algorithm and no other.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, VerifyingKey};
use ring::hmac;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Refusal, refused, shown};
use crate::error::{Error, Result};

/// Shortest secret of HS256 in bytes: as long as its hash (RFC 7518, 3.2).
pub(super) const HS256_SECRET_BYTES_MIN: usize = 32;
/// Shortest modulus of RS256 in bytes: 2048 bits (RFC 7518, 3.3).
const RSA_MODULUS_BYTES_MIN: usize = 256;
/// Longest: 8192 bits, more than which costs time and nothing else.
const RSA_MODULUS_BYTES_MAX: usize = 1_024;
/// Longest id of a key in bytes.
const KID_BYTES_MAX: usize = 256;

/// How tokens are signed. There is no `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// HMAC with SHA-256: a secret that issuer and host share.
    #[serde(rename = "HS256")]
    Hs256,
    /// RSA (PKCS #1 v1.5) with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Algorithm {
    /// From the `alg` of a header, to the letter.
    pub(super) fn parse(name: &str) -> Result<Self, Refusal> {
        match name {
            "HS256" => Ok(Self::Hs256),
            "RS256" => Ok(Self::Rs256),
            // RFC 8037's name, and the one that takes its place.
            "EdDSA" | "Ed25519" => Ok(Self::EdDsa),
            other => refused(format!("its `alg` is `{}`", shown(other))),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::EdDsa => "EdDSA",
        })
    }
}

/// A key with its id. Its `Debug` shows no secret.
#[derive(Clone)]
pub struct JwtKey {
    id: String,
    material: Material,
}

#[derive(Clone)]
enum Material {
    Hs256(hmac::Key),
    Rs256(RsaPublicKeyComponents<Vec<u8>>),
    EdDsa(Box<VerifyingKey>),
}

impl JwtKey {
    /// A shared secret.
    ///
    /// # Errors
    /// `Invalid` if it is short, or its id long.
    pub fn shared(id: &str, secret: &[u8]) -> Result<Self> {
        if secret.len() < HS256_SECRET_BYTES_MIN {
            let reason = format!(
                "{} bytes, HS256 takes at least {HS256_SECRET_BYTES_MIN}: `openssl rand -hex 32` makes a good one",
                secret.len()
            );
            return Err(Error::invalid("secret", reason));
        }
        let material = Material::Hs256(hmac::Key::new(hmac::HMAC_SHA256, secret));
        Self::new(id, material)
    }

    /// A public key as a JWK: `RSA` is for RS256 and `OKP` `Ed25519` for `EdDSA`, and if the JWK says `alg` or
    /// `use`, it says the same.
    ///
    /// # Errors
    /// `Invalid` for every other sort of key, a secret one too.
    pub fn public(id: &str, jwk: &Map<String, Value>) -> Result<Self> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        if ["d", "k", "p", "q"]
            .iter()
            .any(|name| jwk.contains_key(*name))
        {
            return Err(Error::invalid(
                "jwk",
                "it has a secret part: give the public key alone",
            ));
        }
        if text("use").is_some_and(|usage| usage != "sig") {
            return Err(Error::invalid("jwk.use", "it is not `sig`"));
        }
        let (material, algorithms) = match (text("kty"), text("crv")) {
            (Some("RSA"), _) => (rsa(jwk)?, &["RS256"][..]),
            (Some("OKP"), Some("Ed25519")) => (ed25519(jwk)?, &["EdDSA", "Ed25519"][..]),
            _ => {
                let reason = "it is neither `RSA` nor `OKP` with `Ed25519`";
                return Err(Error::invalid("jwk", reason));
            }
        };
        match text("alg") {
            Some(named) if !algorithms.contains(&named) => {
                let reason = format!("`{}` is not what such a key is for", shown(named));
                Err(Error::invalid("jwk.alg", reason))
            }
            _ => Self::new(id, material),
        }
    }

    fn new(id: &str, material: Material) -> Result<Self> {
        if id.len() > KID_BYTES_MAX {
            let reason = format!("{} bytes, at most {KID_BYTES_MAX}", id.len());
            return Err(Error::invalid("kid", reason));
        }
        Ok(Self {
            id: id.to_owned(),
            material,
        })
    }

    /// What `kid` says.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The one algorithm that it is for.
    pub fn algorithm(&self) -> Algorithm {
        match &self.material {
            Material::Hs256(_) => Algorithm::Hs256,
            Material::Rs256(_) => Algorithm::Rs256,
            Material::EdDsa(_) => Algorithm::EdDsa,
        }
    }

    /// Whether `signature` is this key's over `message`.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            // Compares in constant time.
            Material::Hs256(key) => hmac::verify(key, message, signature).is_ok(),
            Material::Rs256(key) => key
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok(),
            Material::EdDsa(key) => Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
        }
    }
}

impl fmt::Debug for JwtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "JwtKey({}, {})",
            self.id.escape_debug(),
            self.algorithm()
        )
    }
}

fn rsa(jwk: &Map<String, Value>) -> Result<Material> {
    let (n, e) = (bytes(jwk, "n")?, bytes(jwk, "e")?);
    if !(RSA_MODULUS_BYTES_MIN..=RSA_MODULUS_BYTES_MAX).contains(&n.len()) {
        let reason = format!(
            "{} bits, RS256 takes {} to {}",
            n.len() * 8,
            RSA_MODULUS_BYTES_MIN * 8,
            RSA_MODULUS_BYTES_MAX * 8
        );
        return Err(Error::invalid("jwk.n", reason));
    }
    Ok(Material::Rs256(RsaPublicKeyComponents { n, e }))
}

fn ed25519(jwk: &Map<String, Value>) -> Result<Material> {
    let bytes = <[u8; 32]>::try_from(bytes(jwk, "x")?)
        .map_err(|_| Error::invalid("jwk.x", "it is not 32 bytes"))?;
    match VerifyingKey::from_bytes(&bytes) {
        Ok(key) if !key.is_weak() => Ok(Material::EdDsa(Box::new(key))),
        Ok(_) | Err(_) => Err(Error::invalid("jwk.x", "it is no Ed25519 public key")),
    }
}

/// A member in base64url, without zeros in front, as ring wants numbers.
fn bytes(jwk: &Map<String, Value>, name: &'static str) -> Result<Vec<u8>> {
    let text = jwk.get(name).and_then(Value::as_str);
    let decoded = text.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    let bytes = decoded
        .ok_or_else(|| Error::invalid(format!("jwk.{name}"), "it is missing or not base64url"))?;
    if name == "x" {
        return Ok(bytes);
    }
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    Ok(bytes.get(zeros..).unwrap_or_default().to_vec())
}
