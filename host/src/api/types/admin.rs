//! Tenants, API keys, and who one is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::id::{AgentName, CustomerId, Digest, KeyName, Label, TenantId, TenantName, UserId};
use crate::identity::{ApiKey, Scopes, SuspendedComponent, Tenant};
use crate::quota::{Overrides, Quota};

/// Share of the host that a tenant gets unless told otherwise: there is room to give less and more.
pub const TENANT_WEIGHT_DEFAULT: u32 = 10;
/// Largest share of the host.
pub const TENANT_WEIGHT_MAX: u32 = 100;

/// A tenant to make.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantRequest {
    /// Unique on the host.
    #[schema(value_type = String, example = "acme")]
    pub name: TenantName,
    /// Its share of the host relative to others, 1 to 100; 10 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// Quotas of its own by name; of others it has what every tenant has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, u64>, example = json!({ "events_per_second": 100 }))]
    pub quotas: Overrides,
}

/// What to change of a tenant.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantPatch {
    /// Its share of the host relative to others, 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// Quotas of its own by name; `null` is what every tenant has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, Option<u64>>, example = json!({ "events_per_second": 100 }))]
    pub quotas: BTreeMap<Quota, Option<u64>>,
}

/// Why a tenant or a component is suspended.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SuspendRequest {
    /// Whoever is refused is told this.
    #[schema(example = "the invoice of October is open")]
    pub reason: String,
}

/// A component that no turn runs.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SuspendedComponentView {
    /// Which.
    #[schema(value_type = String, example = "sha256:…")]
    pub digest: Digest,
    /// Why: whoever pushes it is told.
    pub reason: String,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
}

impl From<SuspendedComponent> for SuspendedComponentView {
    fn from(component: SuspendedComponent) -> Self {
        Self {
            digest: component.digest,
            reason: component.reason,
            since: component.since,
        }
    }
}

/// A tenant.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TenantView {
    /// Unique on the host.
    #[schema(value_type = String)]
    pub name: TenantName,
    /// Never reused.
    #[schema(value_type = String)]
    pub id: TenantId,
    /// Its share of the host relative to others.
    pub weight: u32,
    /// Quotas of its own by name; of others it has what every tenant has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, u64>)]
    pub quotas: Overrides,
    /// Why nothing of it runs, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended: Option<String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
}

impl From<Tenant> for TenantView {
    fn from(tenant: Tenant) -> Self {
        Self {
            name: tenant.name,
            id: tenant.id,
            weight: tenant.weight,
            quotas: tenant.quotas,
            suspended: tenant.suspended,
            created: tenant.created,
        }
    }
}

/// A key to make.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRequest {
    /// Unique among the tenant's keys; events published with the key carry it in their source.
    #[schema(value_type = String, example = "checkout")]
    pub name: KeyName,
    /// What it may do; everything that there is today unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>, example = json!(["events:publish"]))]
    pub scopes: Option<Scopes>,
    /// Seconds that it lives, up to ten years; until it is revoked unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_s: Option<u64>,
}

impl KeyRequest {
    /// A key of this name that may do everything and does not expire.
    pub fn named(name: KeyName) -> Self {
        Self {
            name,
            scopes: None,
            expires_in_s: None,
        }
    }
}

/// Another secret for a key.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateRequest {
    /// Seconds that the secret until now stays good beside the new one, up to 30 days; a day unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_s: Option<u64>,
}

/// A new key, or a key with a new secret.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct KeyMade {
    /// Its name.
    #[schema(value_type = String)]
    pub name: KeyName,
    /// The key itself, shown this once.
    pub key: String,
    /// What it may do.
    #[schema(value_type = Vec<String>)]
    pub scopes: Scopes,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// Good before this; until it is revoked if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires: Option<Timestamp>,
    /// The secret before this one is good before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub previous_until: Option<Timestamp>,
}

/// A key without its secret.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct KeyView {
    /// Its name.
    #[schema(value_type = String)]
    pub name: KeyName,
    /// The part of the key that may be shown: `wrn_<id>_…`.
    pub id: String,
    /// What it may do.
    #[schema(value_type = Vec<String>)]
    pub scopes: Scopes,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// Good before this; until it is revoked if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires: Option<Timestamp>,
    /// When it was used last, to ten minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used: Option<Timestamp>,
    /// The secret before the last rotation is good before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub previous_until: Option<Timestamp>,
    /// When it was revoked, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked: Option<Timestamp>,
}

impl From<ApiKey> for KeyView {
    fn from(key: ApiKey) -> Self {
        Self {
            name: key.name,
            id: key.id.as_str().to_owned(),
            scopes: key.scopes,
            created: key.created,
            expires: key.expires,
            last_used: key.used,
            previous_until: key.previous.map(|previous| previous.until),
            revoked: key.revoked,
        }
    }
}

/// A token to make from what the request is made with. What is left out stays as it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// What it may do: some of what its maker may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>, example = json!(["agents:call"]))]
    pub scopes: Option<Scopes>,
    /// Seconds that it lives, up to a week and not longer than its maker; an hour unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_s: Option<u64>,
    /// For this agent alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub agent: Option<AgentName>,
    /// For this plan alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub plan: Option<Label>,
    /// On behalf of this customer alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub customer: Option<CustomerId>,
    /// On behalf of this user alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub user: Option<UserId>,
}

/// A new token, and all that it is bound to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TokenMade {
    /// The token, shown this once.
    pub token: String,
    /// What it may do.
    #[schema(value_type = Vec<String>)]
    pub scopes: Scopes,
    /// For this agent alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub agent: Option<AgentName>,
    /// For this plan alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub plan: Option<Label>,
    /// On behalf of this customer alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub customer: Option<CustomerId>,
    /// On behalf of this user alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub user: Option<UserId>,
    /// Good before this.
    #[schema(value_type = String, format = DateTime)]
    pub expires: Timestamp,
}

/// Who a key belongs to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct WhoamiView {
    /// The tenant.
    #[schema(value_type = String)]
    pub tenant: TenantName,
    /// The tenant's id.
    #[schema(value_type = String)]
    pub tenant_id: TenantId,
    /// What events published with the key carry as their source.
    pub source: String,
    /// What the key may do.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub scopes: Scopes,
    /// Good before this; until it is revoked if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires: Option<Timestamp>,
    /// The one agent that a token is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub agent: Option<AgentName>,
    /// The one plan that a token is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub plan: Option<Label>,
    /// The customer of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub customer: Option<CustomerId>,
    /// The user of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub user: Option<UserId>,
}
