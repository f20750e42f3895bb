//! Public keys that an issuer publishes at an address.
//!
//! Invariant: the address is the operator's, never a token's. What is kept is bounded in size, number and
//! age; whatever tokens ask for, the address is asked at most once in [`JWKS_RETRY_MS`] and by one request
//! at a time. When it does not answer, keys that were good an hour ago still are, and no longer.

use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::RwLock;
use serde_json::Value;
use tokio::sync::Mutex;

use super::JwtKey;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::identity::strict;

/// Largest set of keys in bytes: a hundred times what issuers publish.
pub const JWKS_BYTES_MAX: usize = 64 * 1024;
/// Most keys of a set.
const JWKS_KEYS_MAX: usize = 32;
/// How long a set is believed in milliseconds: what a withdrawn key lives on at most.
const JWKS_FRESH_MS: u64 = 10 * 60 * 1_000;
/// How long a set is used in milliseconds when no newer one can be had.
const JWKS_STALE_MS: u64 = 60 * 60 * 1_000;
/// Least time in milliseconds between two requests for a set, whatever tokens name.
const JWKS_RETRY_MS: u64 = 60 * 1_000;

/// Reads what an address answers.
#[async_trait]
pub trait FetchKeys: Send + Sync {
    /// The body, of at most [`JWKS_BYTES_MAX`] bytes. No redirect is followed.
    async fn fetch(&self, url: &str) -> Result<Vec<u8>>;
}

/// The keys at one address.
pub(super) struct Jwks {
    url: String,
    known: RwLock<Known>,
    /// Held by the one that asks, with the time of the last asking.
    asking: Mutex<Option<Timestamp>>,
}

#[derive(Default, Clone)]
struct Known {
    keys: Arc<Vec<JwtKey>>,
    read: Option<Timestamp>,
}

impl Known {
    fn key(&self, kid: &str, now: Timestamp, age_ms: u64) -> Option<JwtKey> {
        // A clock that was set back must not make a set live longer.
        let read = self
            .read
            .filter(|read| *read <= now && now.since(*read) < age_ms);
        read.and_then(|_| self.keys.iter().find(|key| key.id() == kid).cloned())
    }
}

impl Jwks {
    pub(super) fn new(url: String) -> Self {
        Self {
            url,
            known: RwLock::default(),
            asking: Mutex::new(None),
        }
    }

    /// The key of this id, asking the address if it is not known.
    pub(super) async fn key(
        &self,
        kid: &str,
        fetch: &dyn FetchKeys,
        now: Timestamp,
    ) -> Option<JwtKey> {
        let known = || self.known.read().clone();
        if let Some(key) = known().key(kid, now, JWKS_FRESH_MS) {
            return Some(key);
        }
        let mut asked = self.asking.lock().await;
        // Who held it may have found it.
        if let Some(key) = known().key(kid, now, JWKS_FRESH_MS) {
            return Some(key);
        }
        let lately = |at: Timestamp| at <= now && now.since(at) < JWKS_RETRY_MS;
        if !asked.is_some_and(lately) {
            *asked = Some(now);
            match fetch.fetch(&self.url).await.and_then(|body| read(&body)) {
                Ok(keys) => {
                    *self.known.write() = Known {
                        keys: Arc::new(keys),
                        read: Some(now),
                    };
                }
                Err(error) => {
                    tracing::warn!(%error, url = self.url, "the keys of an issuer could not be read");
                }
            }
        }
        drop(asked);
        known().key(kid, now, JWKS_STALE_MS)
    }
}

/// The keys of a set. What is not for us in it (encryption, other algorithms, no id) is passed over.
fn read(body: &[u8]) -> Result<Vec<JwtKey>> {
    let bad = |reason: &str| Error::invalid("JWKS", reason);
    if body.len() > JWKS_BYTES_MAX {
        return Err(Error::TooLarge {
            limit: "jwks_bytes_max",
            unit: "bytes",
            max: JWKS_BYTES_MAX as u64,
            got: body.len() as u64,
        });
    }
    let document = strict::parse(body).map_err(|e| bad(&e.to_string()))?;
    let keys = document.get("keys").and_then(Value::as_array);
    let keys = keys.ok_or_else(|| bad("it has no list `keys`"))?;
    if keys.len() > JWKS_KEYS_MAX {
        return Err(Error::TooLarge {
            limit: "jwks_keys_max",
            unit: "keys",
            max: JWKS_KEYS_MAX as u64,
            got: keys.len() as u64,
        });
    }
    let ours = keys.iter().filter_map(|key| {
        let jwk = key.as_object()?;
        JwtKey::public(jwk.get("kid")?.as_str()?, jwk).ok()
    });
    Ok(ours.collect())
}

/// Whether keys may be read from there: over TLS, or from this machine, where nobody listens in between.
pub(super) fn check_url(url: &str) -> Result<()> {
    let local = ["http://127.0.0.1:", "http://[::1]:", "http://localhost:"];
    let rest = local
        .iter()
        .find_map(|start| url.strip_prefix(start))
        .or_else(|| url.strip_prefix("https://"));
    let authority = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    match authority {
        Some(authority) if !authority.is_empty() && !authority.contains('@') => Ok(()),
        _ => {
            let reason = format!("`{url}` is not `https://…` without a user in it");
            Err(Error::invalid("jwks_url", reason))
        }
    }
}

#[cfg(test)]
mod tests;
