//! `/v1/settings`: what a tenant chose.

use axum::Json;
use axum::extract::State;

use crate::registry::TenantSettings;

use super::Shared;
use super::auth::Caller;
use super::error::ApiResult;
use super::extract::JsonBody;

/// What the tenant chose.
#[utoipa::path(
    get, path = "/v1/settings", tag = "catalog", security(("key" = [])),
    responses((status = 200, description = "As they are now.", body = TenantSettings)),
)]
pub(crate) async fn get_settings(
    State(api): State<Shared>,
    caller: Caller,
) -> ApiResult<Json<TenantSettings>> {
    let directory = api.app.agents.directory(&caller.scope).await?;
    Ok(Json(directory.settings()))
}

/// Choose. What is left out goes back to its default.
#[utoipa::path(
    put, path = "/v1/settings", tag = "catalog", security(("key" = [])),
    request_body = TenantSettings,
    responses((status = 200, description = "As they are now.", body = TenantSettings)),
)]
pub(crate) async fn put_settings(
    State(api): State<Shared>,
    caller: Caller,
    JsonBody(settings): JsonBody<TenantSettings>,
) -> ApiResult<Json<TenantSettings>> {
    let catalog = &api.app.catalog;
    catalog.put_settings(&caller.scope, settings).await?;
    Ok(Json(settings))
}
