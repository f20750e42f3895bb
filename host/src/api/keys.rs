//! `/v1/tenants/{name}/keys` and `/v1/whoami`: API keys and what one stands for.

use std::ops::RangeInclusive;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::error::{Error, Result};
use crate::id::{KeyName, TenantName};
use crate::identity::{
    ApiKey, ApiKeySecret, ISSUED_PREFIX, KEY_GRACE_S_DEFAULT, KEY_GRACE_S_MAX, KEY_LIFE_S_MAX,
    PreviousSecret, Rotation, Scopes,
};

use super::Shared;
use super::auth::{Caller, Operator};
use super::error::ApiResult;
use super::extract::{JsonBody, OptionalJson, UrlPath};
use super::types::{KeyMade, KeyRequest, KeyView, Listing, RotateRequest, WhoamiView};

/// Make a key. The answer is the only place where it is shown.
#[utoipa::path(
    post, path = "/v1/tenants/{name}/keys", tag = "tenants", security(("admin" = [])),
    params(("name" = String, Path, description = "The tenant.")),
    request_body = KeyRequest,
    responses((status = 201, description = "Made.", body = KeyMade)),
)]
pub(crate) async fn create_key(
    State(api): State<Shared>,
    _: Operator,
    UrlPath(tenant): UrlPath<TenantName>,
    JsonBody(request): JsonBody<KeyRequest>,
) -> ApiResult<(StatusCode, Json<KeyMade>)> {
    let tenant = api.app.admin.get_tenant(&tenant).await?;
    if request.name.as_str().starts_with(ISSUED_PREFIX) {
        let reason = format!(
            "`{}` begins like the names of issuers of tokens",
            request.name
        );
        return Err(Error::invalid("name", reason).into());
    }
    let now = api.app.clock.now();
    let secret = ApiKeySecret::generate()?;
    let scopes = request.scopes.unwrap_or_else(Scopes::all);
    if scopes.is_empty() {
        let reason =
            "the list is empty: such a key may do nothing; leave it out for a key that may do all";
        return Err(Error::invalid("scopes", reason).into());
    }
    let life = request
        .expires_in_s
        .map(|s| span("expires_in_s", s, 1..=KEY_LIFE_S_MAX));
    let key = ApiKey {
        scopes,
        expires: life.transpose()?.map(|ms| now.plus_ms(ms)),
        ..ApiKey::new(&secret, &api.app.keys, (tenant.id, request.name), now)
    };
    api.app.admin.create_key(key.clone()).await?;
    Ok((StatusCode::CREATED, Json(made(key, &secret))))
}

/// Give a key another secret. The answer is the only place where it is shown; the one until now is good for
/// a while longer, so that the key can be brought to where it is used. Two secrets are good at most.
#[utoipa::path(
    post, path = "/v1/tenants/{name}/keys/{key}/rotate", tag = "tenants", security(("admin" = [])),
    params(
        ("name" = String, Path, description = "The tenant."),
        ("key" = String, Path, description = "The key's name."),
    ),
    request_body = RotateRequest,
    responses((status = 200, description = "Rotated.", body = KeyMade)),
)]
pub(crate) async fn rotate_key(
    State(api): State<Shared>,
    _: Operator,
    UrlPath((tenant, name)): UrlPath<(TenantName, KeyName)>,
    OptionalJson(request): OptionalJson<RotateRequest>,
) -> ApiResult<Json<KeyMade>> {
    let tenant = api.app.admin.get_tenant(&tenant).await?;
    let grace = request.grace_s.unwrap_or(KEY_GRACE_S_DEFAULT);
    let grace_ms = span("grace_s", grace, 0..=KEY_GRACE_S_MAX)?;
    let keys = api.app.admin.list_keys(tenant.id).await?;
    let live = |key: &ApiKey| key.name == name && key.revoked.is_none();
    let mut key = keys
        .into_iter()
        .find(live)
        .ok_or_else(|| Error::not_found("API key", name.as_str()))?;
    let secret = ApiKeySecret::renewed(&key.id)?;
    let to = Rotation {
        hash: api.app.keys.hash(&secret),
        until: api.app.clock.now().plus_ms(grace_ms),
    };
    let admin = &api.app.admin;
    admin.rotate_key(tenant.id, &key.id, to.clone()).await?;
    api.forget_keys();
    key.previous = Some(PreviousSecret {
        hash: key.hash,
        until: to.until,
    });
    Ok(Json(made(key, &secret)))
}

fn made(key: ApiKey, secret: &ApiKeySecret) -> KeyMade {
    KeyMade {
        name: key.name,
        key: secret.reveal(),
        scopes: key.scopes,
        created: key.created,
        expires: key.expires,
        previous_until: key.previous.map(|previous| previous.until),
    }
}

/// Seconds that a client named, in milliseconds.
fn span(field: &'static str, seconds: u64, within: RangeInclusive<u64>) -> Result<u64> {
    if !within.contains(&seconds) {
        let reason = format!(
            "{seconds} is not between {} and {} seconds",
            within.start(),
            within.end()
        );
        return Err(Error::invalid(field, reason));
    }
    Ok(seconds * 1_000)
}

/// A tenant's keys by name, without their secrets.
#[utoipa::path(
    get, path = "/v1/tenants/{name}/keys", tag = "tenants", security(("admin" = [])),
    params(("name" = String, Path, description = "The tenant.")),
    responses((status = 200, description = "All of them.", body = Listing<KeyView>)),
)]
pub(crate) async fn list_keys(
    State(api): State<Shared>,
    _: Operator,
    UrlPath(tenant): UrlPath<TenantName>,
) -> ApiResult<Json<Listing<KeyView>>> {
    let tenant = api.app.admin.get_tenant(&tenant).await?;
    let keys = api.app.admin.list_keys(tenant.id).await?;
    let items = keys.into_iter().map(Into::into).collect();
    Ok(Json(Listing { items, next: None }))
}

/// Revoke a key, with both its secrets. Streams opened with it end at once; on other hosts of the same
/// store at their next heartbeat.
#[utoipa::path(
    delete, path = "/v1/tenants/{name}/keys/{key}", tag = "tenants", security(("admin" = [])),
    params(
        ("name" = String, Path, description = "The tenant."),
        ("key" = String, Path, description = "The key's name."),
    ),
    responses((status = 204, description = "Revoked.")),
)]
pub(crate) async fn revoke_key(
    State(api): State<Shared>,
    _: Operator,
    UrlPath((tenant, key)): UrlPath<(TenantName, KeyName)>,
) -> ApiResult<StatusCode> {
    let tenant = api.app.admin.get_tenant(&tenant).await?;
    let now = api.app.clock.now();
    api.app.admin.revoke_key(tenant.id, &key, now).await?;
    api.forget_keys();
    Ok(StatusCode::NO_CONTENT)
}

/// Who the key or token of this request belongs to.
#[utoipa::path(
    get, path = "/v1/whoami", tag = "tenants", security(("key" = [])),
    responses((status = 200, description = "Who.", body = WhoamiView)),
)]
pub(crate) async fn whoami(
    State(api): State<Shared>,
    caller: Caller,
) -> ApiResult<Json<WhoamiView>> {
    let scope = &caller.scope;
    let tenant = api.app.admin.find_tenant(scope.tenant()).await?;
    Ok(Json(WhoamiView {
        tenant: tenant.name,
        tenant_id: tenant.id,
        source: scope.principal().source().to_string(),
        scopes: caller.holder.scopes,
        expires: caller.holder.until,
        agent: caller.holder.bounds.agent.clone(),
        plan: caller.holder.bounds.plan.clone(),
        customer: scope.customer().cloned(),
        user: scope.user().cloned(),
    }))
}
