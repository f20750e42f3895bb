//! What a client showed, and who that makes it.

use std::fmt;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::id::{KeyName, TenantId};
use crate::identity::{
    Allowed, ApiKey, ApiKeySecret, Bounds, Claims, DelegatedToken, JWT_BYTES_MAX, Scopes,
};

/// Hex digits of a token's mark: 48 bits, to tell tokens of one key apart.
const MARK_DIGITS: usize = 12;

/// What stands behind `Authorization: Bearer`, read but not yet believed.
#[derive(Clone)]
pub(crate) enum Credential {
    /// An API key.
    Key(ApiKeySecret),
    /// A token that a key handed on.
    Token(DelegatedToken),
    /// Something that may be a JSON Web Token.
    Jwt(Arc<str>),
}

impl Credential {
    /// None if it is nothing that a tenant or an issuer could have given.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if DelegatedToken::is_one(text) {
            return DelegatedToken::parse(text).ok().map(Self::Token);
        }
        if text.contains('.') && text.len() <= JWT_BYTES_MAX {
            return Some(Self::Jwt(text.into()));
        }
        text.parse().ok().map(Self::Key)
    }
}

impl Credential {
    /// What tells it from others in the audit log, and opens nothing.
    pub(crate) fn mark(&self) -> String {
        let mark = |text: &str| {
            let hash = blake3::hash(text.as_bytes()).to_hex();
            hash.get(..MARK_DIGITS).unwrap_or_default().to_owned()
        };
        match self {
            Self::Key(secret) => secret.id().as_str().to_owned(),
            Self::Token(token) => {
                format!("{} token {}", token.key().as_str(), mark(&token.reveal()))
            }
            Self::Jwt(text) => format!("token {}", mark(text)),
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => key.fmt(f),
            Self::Token(token) => token.fmt(f),
            Self::Jwt(_) => f.write_str("Jwt(..)"),
        }
    }
}

/// Who holds it, and what that allows.
#[derive(Debug, Clone)]
pub(crate) struct Holder {
    pub(crate) tenant: TenantId,
    /// What it is known as in the tenant: its key, or its issuer.
    pub(crate) name: KeyName,
    pub(crate) scopes: Scopes,
    pub(crate) bounds: Bounds,
    /// Good before this; none means until it is revoked.
    pub(crate) until: Option<Timestamp>,
}

impl Holder {
    /// Whoever holds this key.
    pub(super) fn of_key(key: ApiKey) -> Self {
        Self {
            tenant: key.tenant,
            name: key.name,
            scopes: key.scopes,
            bounds: Bounds::default(),
            until: key.expires,
        }
    }

    /// Whoever holds a token of this key that allows this much.
    pub(super) fn of_token(key: ApiKey, allowed: Allowed) -> Self {
        let until = key
            .expires
            .map_or(allowed.until, |at| at.min(allowed.until));
        Self {
            scopes: allowed.scopes,
            bounds: allowed.bounds,
            until: Some(until),
            ..Self::of_key(key)
        }
    }

    /// Whoever holds a token of this issuer that says this.
    pub(super) fn of_claims(issuer: &KeyName, tenant: TenantId, claims: Claims) -> Self {
        Self {
            tenant,
            name: issuer.clone(),
            scopes: claims.scopes,
            bounds: Bounds {
                customer: claims.customer,
                user: claims.user,
                ..Bounds::default()
            },
            until: Some(claims.until),
        }
    }
}
