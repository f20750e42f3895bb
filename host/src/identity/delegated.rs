//! Tokens that a key hands on: weaker than the key, verified without a row of their own.
//!
//! A token is `wrd_<id of the key>.<block>.….<mac>`: each block says what is taken away, and the mac is a
//! chain, `m0 = HMAC(root, "wrd_<id>")`, `m(n+1) = HMAC(m(n), block)`. The root is made from the hash that is
//! kept of the key, so that the key's row is all that a check needs and a revoked or rotated key takes its
//! tokens with it. Whoever holds a token can append a block, with no help of the host; to take one off, they
//! would need the mac before it, which the token does not carry (the construction of macaroons).
//!
//! Invariant: what a token allows is what the key *and* every block allow, so that no block can widen. A
//! block with a member that this version does not know is refused, not read in part.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::{KeyId, Scopes};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::{AgentName, CustomerId, Label, UserId};

/// Longest token in bytes: eight blocks with every member at its usual length.
pub const TOKEN_BYTES_MAX: usize = 4 * 1024;
/// Most blocks of a token: how often it was handed on.
pub const TOKEN_BLOCKS_MAX: usize = 8;
/// How long a token lives in seconds unless told otherwise: an hour, longer than most plans run.
pub const TOKEN_LIFE_S_DEFAULT: u64 = 3_600;
/// Longest that a token lives in seconds: a week. What needs longer needs a key.
pub const TOKEN_LIFE_S_MAX: u64 = 7 * 86_400;

/// What every token begins with.
const PREFIX: &str = "wrd_";
/// Sets the roots of tokens apart from every other use of the hash.
const ROOT_CONTEXT: &str = "warren 2026 root of delegated tokens";

/// Whom and what a token is for. Nothing set, it is for all that its scopes allow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bounds {
    /// This agent alone.
    pub agent: Option<AgentName>,
    /// This plan alone.
    pub plan: Option<Label>,
    /// On behalf of this customer alone.
    pub customer: Option<CustomerId>,
    /// On behalf of this user alone.
    pub user: Option<UserId>,
}

impl Bounds {
    /// Whether it is bound to somebody.
    pub fn has_subject(&self) -> bool {
        self.customer.is_some() || self.user.is_some()
    }

    /// Who that is, the user before the customer.
    pub fn subject(&self) -> &str {
        let user = self.user.as_ref().map(UserId::as_str);
        let customer = self.customer.as_ref().map(CustomerId::as_str);
        user.or(customer).unwrap_or_default()
    }

    /// Whether it is bound to nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Both together; none if they exclude each other.
    #[must_use]
    pub fn and(&self, other: &Self) -> Option<Self> {
        let and = || {
            Ok::<_, Apart>(Self {
                agent: both(self.agent.as_ref(), other.agent.as_ref())?,
                plan: both(self.plan.as_ref(), other.plan.as_ref())?,
                customer: both(self.customer.as_ref(), other.customer.as_ref())?,
                user: both(self.user.as_ref(), other.user.as_ref())?,
            })
        };
        and().ok()
    }
}

/// Two bounds that no request can keep at once.
struct Apart;

fn both<T: Clone + PartialEq>(one: Option<&T>, other: Option<&T>) -> Result<Option<T>, Apart> {
    match (one, other) {
        (Some(one), Some(other)) if one != other => Err(Apart),
        (one, other) => Ok(one.or(other).cloned()),
    }
}

/// What is taken away when a token is handed on. What is left out stays as it was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// Good before this, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    /// At most these scopes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Scopes>,
    /// This agent alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentName>,
    /// This plan alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Label>,
    /// On behalf of this customer alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerId>,
    /// On behalf of this user alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
}

impl Block {
    fn bounds(&self) -> Bounds {
        Bounds {
            agent: self.agent.clone(),
            plan: self.plan.clone(),
            customer: self.customer.clone(),
            user: self.user.clone(),
        }
    }

    fn write(&self) -> Result<String> {
        let json = serde_json::to_vec(self).map_err(|e| Error::internal("writing a token", e))?;
        Ok(URL_SAFE_NO_PAD.encode(json))
    }
}

/// What a token allows when its key allows this much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// At most these scopes.
    pub scopes: Scopes,
    /// For these alone.
    pub bounds: Bounds,
    /// Good before this.
    pub until: Timestamp,
}

/// A token, whole. Its `Debug` shows no mac.
#[derive(Clone, PartialEq, Eq)]
pub struct DelegatedToken {
    key: KeyId,
    /// As they are in the token: what the mac is over.
    blocks: Vec<String>,
    mac: [u8; 32],
}

impl DelegatedToken {
    /// Whether `text` says that it is one.
    pub fn is_one(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// The first token of a key, which is kept as `hash`.
    ///
    /// # Errors
    /// Only if the block cannot be written.
    pub fn mint(key: &KeyId, hash: &[u8; 32], block: &Block) -> Result<Self> {
        let mac = link(&root(hash), head(key).as_bytes());
        Self {
            key: key.clone(),
            blocks: Vec::new(),
            mac,
        }
        .narrowed(block)
    }

    /// The same with less: nothing but the token is needed for it.
    ///
    /// # Errors
    /// `TooLarge` when it was handed on [`TOKEN_BLOCKS_MAX`] times, or has become too long.
    pub fn narrowed(mut self, block: &Block) -> Result<Self> {
        let text = block.write()?;
        self.mac = link(&self.mac, text.as_bytes());
        self.blocks.push(text);
        limit(
            "token_blocks_max",
            "blocks",
            TOKEN_BLOCKS_MAX,
            self.blocks.len(),
        )?;
        limit(
            "token_bytes_max",
            "bytes",
            TOKEN_BYTES_MAX,
            self.reveal().len(),
        )?;
        Ok(self)
    }

    /// Take a token apart.
    ///
    /// # Errors
    /// `Invalid` or `TooLarge` if it is none.
    pub fn parse(text: &str) -> Result<Self> {
        limit("token_bytes_max", "bytes", TOKEN_BYTES_MAX, text.len())?;
        let none = || Error::invalid("token", "not of the form `wrd_<16 hex>.<block>.….<mac>`");
        let rest = text.strip_prefix(PREFIX).ok_or_else(none)?;
        let mut parts = rest.split('.');
        let key = parts.next().and_then(KeyId::parse).ok_or_else(none)?;
        let mut blocks: Vec<String> = parts.map(str::to_owned).collect();
        let mac = blocks
            .pop()
            .and_then(|mac| URL_SAFE_NO_PAD.decode(mac).ok());
        let mac = mac.and_then(|mac| mac.try_into().ok()).ok_or_else(none)?;
        limit("token_blocks_max", "blocks", TOKEN_BLOCKS_MAX, blocks.len())?;
        if blocks.is_empty() {
            return Err(none());
        }
        Ok(Self { key, blocks, mac })
    }

    /// The key that it comes from.
    pub fn key(&self) -> &KeyId {
        &self.key
    }

    /// Whether it comes from the key that is kept as `hash`, in constant time.
    pub fn comes_from(&self, hash: &[u8; 32]) -> bool {
        let first = link(&root(hash), head(&self.key).as_bytes());
        let mac = self
            .blocks
            .iter()
            .fold(first, |mac, block| link(&mac, block.as_bytes()));
        mac.ct_eq(&self.mac).into()
    }

    /// What it allows now, if its key may do `scopes`. Only of a token that [`Self::comes_from`] its key.
    pub fn allows(&self, scopes: Scopes, now: Timestamp) -> Option<Allowed> {
        let mut allowed = Allowed {
            scopes,
            bounds: Bounds::default(),
            until: Timestamp(i64::MAX),
        };
        for text in &self.blocks {
            let block: Block = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
            let until = block.exp.map_or(i64::MAX, |exp| exp.saturating_mul(1_000));
            allowed = Allowed {
                scopes: allowed.scopes.and(block.scopes.unwrap_or(scopes)),
                bounds: allowed.bounds.and(&block.bounds())?,
                until: allowed.until.min(Timestamp(until)),
            };
        }
        // Whatever was written into it: none lives longer than a token may.
        let lives = now < allowed.until && allowed.until <= now.plus_ms(TOKEN_LIFE_S_MAX * 1_000);
        lives.then_some(allowed)
    }

    /// The token, for whom it is handed to.
    pub fn reveal(&self) -> String {
        let mut text = head(&self.key);
        for part in &self.blocks {
            text.push('.');
            text.push_str(part);
        }
        text.push('.');
        text.push_str(&URL_SAFE_NO_PAD.encode(self.mac));
        text
    }
}

impl fmt::Debug for DelegatedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DelegatedToken({}..)", head(&self.key))
    }
}

fn head(key: &KeyId) -> String {
    format!("{PREFIX}{}", key.as_str())
}

fn root(hash: &[u8; 32]) -> [u8; 32] {
    blake3::derive_key(ROOT_CONTEXT, hash)
}

fn link(mac: &[u8; 32], text: &[u8]) -> [u8; 32] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, mac);
    let tag = hmac::sign(&key, text);
    tag.as_ref().try_into().expect("HMAC-SHA256 makes 32 bytes")
}

fn limit(name: &'static str, unit: &'static str, max: usize, got: usize) -> Result<()> {
    if got <= max {
        return Ok(());
    }
    Err(Error::TooLarge {
        limit: name,
        unit,
        max: max as u64,
        got: got as u64,
    })
}

#[cfg(test)]
mod tests;
