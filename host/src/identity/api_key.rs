//! What is kept of an API key, and when it is good.
//!
//! Invariant: never the secret. At most two secrets of one key are good at a time: the newest, and for a
//! while after a rotation the one before.

use crate::clock::Timestamp;
use crate::id::{KeyName, TenantId};

use super::{ApiKeySecret, KeyHasher, KeyId, Scopes};

/// Most keys of a tenant that are not revoked: each is one program or person that can be told apart.
pub const KEYS_PER_TENANT_MAX: u64 = 1_000;
/// Revoked keys of a tenant that are remembered, the last ones: for whoever asks when one went.
pub const REVOKED_KEYS_PER_TENANT_MAX: u64 = 1_000;
/// Longest life of a key in seconds: ten years. Without an expiry it lives until it is revoked.
pub const KEY_LIFE_S_MAX: u64 = 10 * 365 * 86_400;
/// How long the secret before a rotation stays good unless told otherwise: a day, in which a key can be
/// brought to where it is used.
pub const KEY_GRACE_S_DEFAULT: u64 = 86_400;
/// Longest that a secret stays good after a rotation in seconds: a month, for those that ship with releases.
pub const KEY_GRACE_S_MAX: u64 = 30 * 86_400;
/// How exact `last_used` is, in milliseconds: a key's row is written at most this often.
pub const KEY_USED_EVERY_MS: u64 = 10 * 60 * 1_000;

/// The secret that a rotation replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviousSecret {
    /// Keyed hash of the whole key.
    pub hash: [u8; 32],
    /// Good before this.
    pub until: Timestamp,
}

/// What is kept of an API key: never the secret.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// The part of the key that finds it.
    pub id: KeyId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Unique in the tenant.
    pub name: KeyName,
    /// Keyed hash of the whole key.
    pub hash: [u8; 32],
    /// The secret before the last rotation.
    pub previous: Option<PreviousSecret>,
    /// What it may do.
    pub scopes: Scopes,
    /// When it was made.
    pub created: Timestamp,
    /// Good before this; none means until it is revoked.
    pub expires: Option<Timestamp>,
    /// When it was revoked, if it was.
    pub revoked: Option<Timestamp>,
    /// When it was used last, to [`KEY_USED_EVERY_MS`].
    pub used: Option<Timestamp>,
}

impl ApiKey {
    /// A key that may do all and does not expire.
    pub fn new(
        secret: &ApiKeySecret,
        hasher: &KeyHasher,
        (tenant, name): (TenantId, KeyName),
        created: Timestamp,
    ) -> Self {
        Self {
            id: secret.id().clone(),
            tenant,
            name,
            hash: hasher.hash(secret),
            previous: None,
            scopes: Scopes::all(),
            created,
            expires: None,
            revoked: None,
            used: None,
        }
    }

    /// Whether it is neither revoked nor expired.
    pub fn stands(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|at| now < at)
    }

    /// Whether it is long enough since its use was written down.
    pub fn is_use_worth_noting(&self, now: Timestamp) -> bool {
        self.used
            .is_none_or(|used| now.since(used) >= KEY_USED_EVERY_MS)
    }

    /// The hashes of secrets that are good now: one, or two after a rotation.
    pub fn hashes(&self, now: Timestamp) -> impl Iterator<Item = &[u8; 32]> {
        let previous = self
            .previous
            .as_ref()
            .filter(|previous| now < previous.until);
        let both = [Some(&self.hash), previous.map(|previous| &previous.hash)];
        let stands = self.stands(now);
        both.into_iter().flatten().filter(move |_| stands)
    }

    /// Whether `secret` opens it now, in constant time for each secret that is good.
    pub fn opens(&self, secret: &ApiKeySecret, hasher: &KeyHasher, now: Timestamp) -> bool {
        self.hashes(now)
            .fold(false, |good, hash| hasher.verify(secret, hash) | good)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_opens_until_it_expires_and_its_old_secret_until_the_grace_ends() {
        let hasher = KeyHasher::new([1; 32]);
        let (old, new) = (
            ApiKeySecret::generate().unwrap(),
            ApiKeySecret::generate().unwrap(),
        );
        let name = KeyName::new("ci").unwrap();
        let mut key = ApiKey::new(&new, &hasher, (TenantId::generate(), name), Timestamp(0));
        key.previous = Some(PreviousSecret {
            hash: hasher.hash(&old),
            until: Timestamp(50),
        });
        key.expires = Some(Timestamp(100));
        let opens = |key: &ApiKey, at: i64| {
            [&new, &old].map(|secret| key.opens(secret, &hasher, Timestamp(at)))
        };
        for (at, expect) in [
            (0, [true, true]),
            (49, [true, true]),
            (50, [true, false]),
            (99, [true, false]),
            (100, [false, false]),
        ] {
            assert_eq!(opens(&key, at), expect, "{at}");
        }
        key.revoked = Some(Timestamp(10));
        assert_eq!(opens(&key, 20), [false, false], "revoked, both are");
    }
}
