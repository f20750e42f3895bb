//! Who is asking: tenants, API keys, and the [`TenantScope`] that every touch of data begins with.
//!
//! Invariant: a scope is built for others in two places only, the auth extractor (`api::auth`) and the
//! dispatcher; for the host itself, in the dispatcher and the sweep. It cannot be changed afterwards.
//! There is no `Default` and no conversion from a [`TenantId`].
//! This module knows nothing of HTTP or SQL.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::id::{AgentName, CustomerId, Digest, KeyName, TenantId, TenantName, UserId};
use crate::quota::{Overrides, Quota};

mod api_key;
mod audit;
mod delegated;
mod jwt;
mod key;
mod scopes;
pub(crate) mod strict;

pub use api_key::{
    ApiKey, KEY_GRACE_S_DEFAULT, KEY_GRACE_S_MAX, KEY_LIFE_S_MAX, KEY_USED_EVERY_MS,
    KEYS_PER_TENANT_MAX, PreviousSecret, REVOKED_KEYS_PER_TENANT_MAX,
};
pub use audit::{
    AUDIT_DAYS, AUDIT_DENIALS_PER_MINUTE_MAX, AUDIT_FORGOTTEN_MAX, AUDIT_ROWS_MAX,
    AUDIT_TEXT_BYTES_MAX, AuditEnds, AuditLog, AuditRecord, AuditRow, AuditStore, ChainCheck,
    Outcome, RowHash, Tampering,
};
pub use delegated::{
    Allowed, Block, Bounds, DelegatedToken, TOKEN_BLOCKS_MAX, TOKEN_BYTES_MAX,
    TOKEN_LIFE_S_DEFAULT, TOKEN_LIFE_S_MAX,
};
pub use jwt::{
    Algorithm, Claims, FetchKeys, Issuer, IssuerSettings, Issuers, JWKS_BYTES_MAX, JWT_BYTES_MAX,
    JwtKey, KeySettings, Refusal, Unverified,
};
pub use key::{ApiKeySecret, KeyHasher, KeyId};
pub use scopes::{Scope, Scopes};

/// What the names of issuers begin with in a tenant, and no key's name: whoever is `client/jwt-login` is so
/// by a token.
pub const ISSUED_PREFIX: &str = "jwt-";

/// The source of what the host itself publishes.
pub const HOST_SOURCE: &str = "host";

/// Who acts inside a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// An agent in its turn.
    Agent(AgentName),
    /// The holder of an API key.
    Client(KeyName),
    /// The host itself: moving deliveries, firing timers, sweeping.
    Host,
}

impl Principal {
    /// How it is stamped as the `source` of events: `agent/<name>`, `client/<key>` or `host`.
    pub fn source(&self) -> Arc<str> {
        match self {
            Self::Agent(name) => format!("agent/{name}").into(),
            Self::Client(name) => format!("client/{name}").into(),
            Self::Host => HOST_SOURCE.into(),
        }
    }
}

/// For whom something is done. The first argument of everything that touches data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantScope {
    tenant: TenantId,
    principal: Principal,
    customer: Option<CustomerId>,
    user: Option<UserId>,
}

impl TenantScope {
    /// For a request that was authenticated. Only the auth extractor calls this.
    pub fn for_request(
        tenant: TenantId,
        key: KeyName,
        customer: Option<CustomerId>,
        user: Option<UserId>,
    ) -> Self {
        Self {
            tenant,
            principal: Principal::Client(key),
            customer,
            user,
        }
    }

    /// For a turn: customer and user are those of the event being handled, never the agent's own.
    /// Only the dispatcher calls this.
    pub fn for_turn(
        tenant: TenantId,
        agent: AgentName,
        customer: Option<CustomerId>,
        user: Option<UserId>,
    ) -> Self {
        Self {
            tenant,
            principal: Principal::Agent(agent),
            customer,
            user,
        }
    }

    /// For the host's own work on a tenant's queue and log. Only the dispatcher and the sweep call this.
    pub fn for_dispatch(tenant: TenantId) -> Self {
        Self {
            tenant,
            principal: Principal::Host,
            customer: None,
            user: None,
        }
    }

    /// For the operator looking into a tenant. Only the auth extractor calls this.
    pub fn for_operator(tenant: TenantId) -> Self {
        Self::for_dispatch(tenant)
    }

    /// The same tenant, customer and user, acted for by a tool that was called inside the turn.
    #[must_use]
    pub fn nested(&self, agent: AgentName) -> Self {
        Self {
            principal: Principal::Agent(agent),
            ..self.clone()
        }
    }

    /// The tenant.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Who acts.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The tenant's customer on whose behalf.
    pub fn customer(&self) -> Option<&CustomerId> {
        self.customer.as_ref()
    }

    /// The end user on whose behalf.
    pub fn user(&self) -> Option<&UserId> {
        self.user.as_ref()
    }
}

/// A tenant.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tenant {
    /// Random, never reused.
    pub id: TenantId,
    /// Unique on the host.
    pub name: TenantName,
    /// When it was made.
    pub created: Timestamp,
    /// Its share of the host relative to others, 1 to 100.
    pub weight: u32,
    /// What it may use, as far as an operator has set it.
    #[serde(default)]
    pub quotas: Overrides,
    /// Why nothing of it runs, if so.
    #[serde(default)]
    pub suspended: Option<String>,
}

impl Tenant {
    /// A tenant of an id of its own, with the quotas that every tenant has.
    pub fn new(name: TenantName, created: Timestamp, weight: u32) -> Self {
        Self {
            id: TenantId::generate(),
            name,
            created,
            weight,
            quotas: Overrides::new(),
            suspended: None,
        }
    }
}

/// A component that no turn runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuspendedComponent {
    /// Which.
    pub digest: Digest,
    /// Why: whoever pushes it is told.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

/// What an operator changes of a tenant. What is not named stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TenantChange {
    /// Its share of the host.
    pub weight: Option<u32>,
    /// Quotas; none puts one back to what every tenant has.
    pub quotas: BTreeMap<Quota, Option<u64>>,
    /// Suspend it for a reason, or (none) let it run again.
    pub suspended: Option<Option<String>>,
}

impl TenantChange {
    /// The tenant after it.
    #[must_use]
    pub fn apply(&self, mut tenant: Tenant) -> Tenant {
        tenant.weight = self.weight.unwrap_or(tenant.weight);
        for (quota, value) in &self.quotas {
            match value {
                Some(value) => tenant.quotas.insert(*quota, *value),
                None => tenant.quotas.remove(quota),
            };
        }
        if let Some(suspended) = &self.suspended {
            tenant.suspended.clone_from(suspended);
        }
        tenant
    }
}

/// Another secret for a key.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// Keyed hash of the whole key with its new secret.
    pub hash: [u8; 32],
    /// The secret until now is good before this.
    pub until: Timestamp,
}

/// Tenants and keys. The one storage trait without a scope: only the operator reaches it.
#[async_trait]
pub trait AdminStore: Send + Sync {
    /// Make a tenant and its directory. `Conflict` if the name is taken.
    async fn create_tenant(&self, tenant: Tenant) -> Result<()>;
    /// All tenants by name, after `after`.
    async fn list_tenants(&self, after: Option<TenantName>, limit: u32) -> Result<Vec<Tenant>>;
    /// `NotFound` if there is none of that name.
    async fn get_tenant(&self, name: &TenantName) -> Result<Tenant>;
    /// `NotFound` if there is none of this id.
    async fn find_tenant(&self, id: TenantId) -> Result<Tenant>;
    /// Change what a tenant may use, or whether it runs; returns it as it is then. It holds at once.
    /// `NotFound` if there is none of that name, `Invalid` for a value that a quota cannot have.
    async fn change_tenant(&self, name: &TenantName, change: TenantChange) -> Result<Tenant>;
    /// Let no turn of any tenant run a component. The same again says another reason.
    /// `Exhausted` when as many are suspended as may be.
    async fn suspend_component(&self, component: SuspendedComponent) -> Result<()>;
    /// Let it run again. `NotFound` if it is not suspended.
    async fn resume_component(&self, digest: Digest) -> Result<()>;
    /// All that are suspended, by digest.
    async fn suspended_components(&self) -> Result<Vec<SuspendedComponent>>;
    /// Every tenant's id and weight, for the dispatcher at start.
    async fn all_tenants(&self) -> Result<Vec<Tenant>>;
    /// Remove a tenant, its keys and its directory: nothing of it is left.
    async fn delete_tenant(&self, name: &TenantName) -> Result<()>;
    /// Keep a key. `Conflict` if the tenant has one of that name that is not revoked, `Exhausted` past
    /// [`KEYS_PER_TENANT_MAX`]. Of the revoked ones the last [`REVOKED_KEYS_PER_TENANT_MAX`] stay.
    async fn create_key(&self, key: ApiKey) -> Result<()>;
    /// Give a key another secret. `NotFound` if the tenant has none of this id that is not revoked.
    async fn rotate_key(&self, tenant: TenantId, id: &KeyId, to: Rotation) -> Result<()>;
    /// A tenant's keys by name.
    async fn list_keys(&self, tenant: TenantId) -> Result<Vec<ApiKey>>;
    /// Revoke a key from now on. `NotFound` if there is none of that name.
    async fn revoke_key(&self, tenant: TenantId, name: &KeyName, at: Timestamp) -> Result<()>;
    /// The key of this id, revoked ones included.
    async fn find_key(&self, id: &KeyId) -> Result<Option<ApiKey>>;
    /// Write down that a key was used.
    async fn note_key_used(&self, id: &KeyId, at: Timestamp) -> Result<()>;
}
