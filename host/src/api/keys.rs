//! `/v1/tenants/{name}/keys` and `/v1/whoami`: API keys and what one stands for.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::id::{KeyName, TenantName};
use crate::identity::{ApiKey, ApiKeySecret};

use super::Shared;
use super::auth::{Caller, Operator};
use super::error::ApiResult;
use super::extract::{JsonBody, UrlPath};
use super::types::{KeyMade, KeyRequest, KeyView, Listing, WhoamiView};

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
    let secret = ApiKeySecret::generate()?;
    let key = ApiKey {
        id: secret.id().clone(),
        tenant: tenant.id,
        name: request.name,
        hash: api.app.keys.hash(&secret),
        created: api.app.clock.now(),
        revoked: None,
    };
    let made = KeyMade {
        name: key.name.clone(),
        key: secret.reveal(),
        created: key.created,
    };
    api.app.admin.create_key(key).await?;
    Ok((StatusCode::CREATED, Json(made)))
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

/// Revoke a key. Streams opened with it end at their next heartbeat.
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

/// Who the key of this request belongs to.
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
        customer: scope.customer().cloned(),
        user: scope.user().cloned(),
    }))
}
