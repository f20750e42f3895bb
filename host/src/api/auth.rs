//! Who is asking: extractors that turn an API key into a [`TenantScope`].
//!
//! Invariant: this is the only place outside the dispatcher that builds a scope. Which tenant it is for
//! follows from the key alone, never from a path, a header or a body; customer and user are the
//! tenant's own and may be named by it.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use utoipa::Modify;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

use crate::error::{Error, Result};
use crate::id::{CustomerId, UserId};
use crate::identity::{ApiKey, ApiKeySecret, Tenant, TenantScope};

use super::error::{ApiError, ApiResult, Code};
use super::slots::Slot;
use super::{Api, Shared};

mod cache;

pub(crate) use cache::KeyCache;

/// The tenant's customer on whose behalf a request is made.
const CUSTOMER_HEADER: &str = "warren-customer";
/// The end user on whose behalf a request is made.
const USER_HEADER: &str = "warren-user";

/// Whoever holds a tenant's key.
pub(crate) struct Caller {
    pub(crate) scope: TenantScope,
    /// The key, to look at again while a stream lives.
    pub(crate) secret: ApiKeySecret,
    /// One of the tenant's requests, until the handler is done.
    _slot: Slot,
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Shared) -> ApiResult<Self> {
        let text = bearer(&parts.headers)?;
        let Ok(secret) = text.parse::<ApiKeySecret>() else {
            return Err(api.not_a_tenant_key(text));
        };
        let key = api.authenticate(&secret).await?.ok_or_else(unknown_key)?;
        let customer = header(&parts.headers, CUSTOMER_HEADER, CustomerId::new)?;
        let user = header(&parts.headers, USER_HEADER, UserId::new)?;
        let slot = api.requests.take(key.tenant)?;
        Ok(Self {
            scope: TenantScope::for_request(key.tenant, key.name, customer, user),
            secret,
            _slot: slot,
        })
    }
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
            return Ok(Self);
        }
        // The routes are no secret, so a tenant's key is told what is wrong with it: 403, not 404.
        match text.parse::<ApiKeySecret>() {
            Ok(secret) if api.authenticate(&secret).await?.is_some() => Err(ApiError::new(
                Code::Denied,
                "this takes the operator's key, not a tenant's",
            )),
            _ => Err(unknown_key()),
        }
    }
}

impl Api {
    /// The key's row, if the key is right and not revoked.
    pub(crate) async fn authenticate(&self, secret: &ApiKeySecret) -> Result<Option<ApiKey>> {
        let now = self.app.clock.now();
        let row = match self.keys.get(secret.id(), now) {
            Some(row) => row,
            None => match self.app.admin.find_key(secret.id()).await? {
                Some(row) => self.keys.put(row, now),
                None => return Ok(None),
            },
        };
        let valid = self.app.keys.verify(secret, &row.hash);
        Ok((valid && row.revoked.is_none()).then_some(row))
    }

    /// Believe no looked-up key any longer: one was revoked here.
    pub(crate) fn forget_keys(&self) {
        self.keys.clear();
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

/// The same words for a key that is malformed, unknown, wrong or revoked.
fn unknown_key() -> ApiError {
    ApiError::new(
        Code::Unauthenticated,
        "the key is not known here, or was revoked",
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
            ("key", "A tenant's API key."),
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
