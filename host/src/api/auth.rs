//! Who is asking: extractors that turn an API key into a [`TenantScope`].
//!
//! Invariant: this is the only place outside the dispatcher that builds a scope. Which tenant it is for
//! follows from the key alone, never from a path, a header or a body; customer and user are the
//! tenant's own and may be named by it. What the operation takes is looked up in [`super::access`] before
//! anything is read of the request.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use utoipa::Modify;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

use crate::error::{Error, Result};
use crate::id::{CustomerId, UserId};
use crate::identity::{ApiKey, ApiKeySecret, Scope, Tenant, TenantScope};

use super::access::{self, Access};
use super::error::{ApiError, ApiResult, Code};
use super::slots::Slot;
use super::{Api, Shared};

mod cache;
mod holder;
mod revocations;

pub(crate) use cache::KeyCache;
pub(crate) use holder::{Credential, Holder};
pub(crate) use revocations::Revocations;

/// The tenant's customer on whose behalf a request is made.
const CUSTOMER_HEADER: &str = "warren-customer";
/// The end user on whose behalf a request is made.
const USER_HEADER: &str = "warren-user";

/// Whoever holds something that a tenant gave, good for the operation that is asked for.
pub(crate) struct Caller {
    pub(crate) scope: TenantScope,
    /// Who it is, and what it may do.
    pub(crate) holder: Holder,
    /// What it showed, to look at again while a stream lives.
    pub(crate) credential: Credential,
    /// One of the tenant's requests, until the handler is done.
    _slot: Slot,
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Shared) -> ApiResult<Self> {
        let access = access::of(parts)?;
        let text = bearer(&parts.headers)?;
        let Some(credential) = Credential::parse(text) else {
            return Err(api.not_a_tenant_key(text));
        };
        let holder = api.authenticate(&credential).await?;
        let holder = holder.ok_or_else(unknown_key)?;
        let slot = api.requests.take(holder.tenant)?;
        require(access, &holder)?;
        let customer = header(&parts.headers, CUSTOMER_HEADER, CustomerId::new)?;
        let user = header(&parts.headers, USER_HEADER, UserId::new)?;
        let name = holder.name.clone();
        Ok(Self {
            scope: TenantScope::for_request(holder.tenant, name, customer, user),
            holder,
            credential,
            _slot: slot,
        })
    }
}

/// Refuse whoever lacks what the operation takes, and say what that is.
fn require(access: Access, holder: &Holder) -> ApiResult<()> {
    match access {
        Access::Scope(scope) if !holder.scopes.has(scope) => Err(lacks(scope)),
        Access::Scope(_) | Access::Tenant => Ok(()),
        // No handler of such an operation asks for a caller.
        Access::Operator | Access::Open => Err(not_the_operators()),
    }
}

fn lacks(scope: Scope) -> ApiError {
    ApiError::new(
        Code::Denied,
        format!("this takes the scope `{scope}`, which the key was not given"),
    )
    .scope(scope)
}

/// Whoever holds the operator's key.
pub(crate) struct Operator;

impl Operator {
    /// To look into a tenant's catalogue. What an operator may see there, the catalogue decides.
    #[expect(
        clippy::unused_self,
        reason = "only who holds the operator's key has one"
    )]
    pub(crate) fn scope_of(&self, tenant: &Tenant) -> TenantScope {
        TenantScope::for_operator(tenant.id)
    }
}

impl FromRequestParts<Shared> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Shared) -> ApiResult<Self> {
        let text = bearer(&parts.headers)?;
        if api.app.admin_key.is(text) {
            return match access::of(parts)? {
                Access::Operator => Ok(Self),
                _ => Err(ApiError::new(Code::Denied, "this is not the operator's")),
            };
        }
        // The routes are no secret, so a tenant's key is told what is wrong with it: 403, not 404.
        match Credential::parse(text) {
            Some(credential) if api.authenticate(&credential).await?.is_some() => {
                Err(not_the_operators())
            }
            _ => Err(unknown_key()),
        }
    }
}

fn not_the_operators() -> ApiError {
    ApiError::new(
        Code::Denied,
        "this takes the operator's key, not a tenant's",
    )
}

impl Api {
    /// Who shows this, if it is good now.
    pub(crate) async fn authenticate(&self, credential: &Credential) -> Result<Option<Holder>> {
        match credential {
            Credential::Key(secret) => {
                let key = self.key(secret).await?;
                Ok(key.map(Holder::of_key))
            }
        }
    }

    /// The key's row, if the key is right and stands.
    async fn key(&self, secret: &ApiKeySecret) -> Result<Option<ApiKey>> {
        let now = self.app.clock.now();
        let row = match self.keys.get(secret.id(), now) {
            Some(row) => row,
            None => match self.app.admin.find_key(secret.id()).await? {
                Some(row) => self.keys.put(row, now),
                None => return Ok(None),
            },
        };
        if !row.opens(secret, &self.app.keys, now) {
            return Ok(None);
        }
        if row.is_use_worth_noting(now) {
            self.note_use(&row).await;
        }
        Ok(Some(row))
    }

    /// Write down that a key is in use. That this cannot be written is no reason to refuse its holder.
    async fn note_use(&self, row: &ApiKey) {
        let now = self.app.clock.now();
        let noted = ApiKey {
            used: Some(now),
            ..row.clone()
        };
        self.keys.put(noted, now);
        if let Err(error) = self.app.admin.note_key_used(&row.id, now).await {
            tracing::warn!(%error, key = row.id.as_str(), "could not note the use of a key");
        }
    }

    /// Believe nothing that was looked up any longer, and have open streams look again: a key was revoked
    /// or rotated here, or a tenant removed.
    pub(crate) fn forget_keys(&self) {
        self.keys.clear();
        self.revocations.tell();
    }

    fn not_a_tenant_key(&self, text: &str) -> ApiError {
        if self.app.admin_key.is(text) {
            return ApiError::new(
                Code::Denied,
                "the operator's key belongs to no tenant: make a key with POST /v1/tenants/{name}/keys",
            );
        }
        unknown_key()
    }
}

/// The same words for a key that is malformed, unknown, wrong, expired or revoked.
fn unknown_key() -> ApiError {
    ApiError::new(
        Code::Unauthenticated,
        "the key is not known here, has expired, or was revoked",
    )
}

fn bearer(headers: &HeaderMap) -> ApiResult<&str> {
    headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, key)| key.trim())
        .ok_or_else(|| {
            ApiError::new(
                Code::Unauthenticated,
                "send the API key as `Authorization: Bearer <key>`",
            )
        })
}

fn header<T>(
    headers: &HeaderMap,
    name: &'static str,
    read: fn(&str) -> Result<T>,
) -> Result<Option<T>> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let text = value
        .to_str()
        .map_err(|_| Error::invalid(name, "not visible ASCII"))?;
    read(text).map(Some)
}

/// Tells the OpenAPI document how to authenticate.
pub(crate) struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        for (name, words) in [
            (
                "key",
                "A tenant's API key. An operation that names a scope takes a key that has it.",
            ),
            ("admin", "The operator's key."),
        ] {
            let scheme = Http::builder()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some(words))
                .build();
            components.add_security_scheme(name, SecurityScheme::Http(scheme));
        }
    }
}
