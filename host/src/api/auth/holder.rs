//! What a client showed, and who that makes it.

use crate::id::{KeyName, TenantId};
use crate::identity::{ApiKey, ApiKeySecret, Scopes};

/// What stands behind `Authorization: Bearer`, read but not yet believed.
#[derive(Debug, Clone)]
pub(crate) enum Credential {
    /// An API key.
    Key(ApiKeySecret),
}

impl Credential {
    /// None if it is nothing that a tenant could have given.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self::Key)
    }
}

/// Who holds it, and what that allows.
#[derive(Debug, Clone)]
pub(crate) struct Holder {
    pub(crate) tenant: TenantId,
    /// What it is known as in the tenant.
    pub(crate) name: KeyName,
    pub(crate) scopes: Scopes,
}

impl Holder {
    /// Whoever holds this key.
    pub(super) fn of_key(key: ApiKey) -> Self {
        Self {
            tenant: key.tenant,
            name: key.name,
            scopes: key.scopes,
        }
    }
}
