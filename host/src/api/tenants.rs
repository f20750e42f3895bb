//! `/v1/tenants`: the operator makes and removes tenants.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::events::short;
use crate::id::TenantName;
use crate::identity::{Tenant, TenantChange};

use super::audit::{Asked, Switch};
use super::auth::Operator;
use super::error::ApiResult;
use super::extract::{JsonBody, UrlPath, UrlQuery};
use super::types::{
    Listing, SuspendRequest, TENANT_WEIGHT_DEFAULT, TENANT_WEIGHT_MAX, TenantPatch, TenantRequest,
    TenantView,
};
use super::{Shared, page};

/// Where a list of tenants begins.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TenantParams {
    /// Continue after this name.
    #[param(value_type = Option<String>)]
    after: Option<TenantName>,
    /// Rows of the page, 1 to 100.
    limit: Option<u32>,
}

/// Make a tenant.
#[utoipa::path(
    post, path = "/v1/tenants", tag = "tenants", security(("admin" = [])),
    request_body = TenantRequest,
    responses((status = 201, description = "Made.", body = TenantView)),
)]
pub(crate) async fn create_tenant(
    State(api): State<Shared>,
    _: Operator,
    JsonBody(request): JsonBody<TenantRequest>,
) -> ApiResult<(StatusCode, Json<TenantView>)> {
    let weight = request.weight.unwrap_or(TENANT_WEIGHT_DEFAULT);
    check_weight(weight)?;
    let tenant = Tenant {
        quotas: request.quotas,
        ..Tenant::new(request.name, api.app.clock.now(), weight)
    };
    api.app.admin.create_tenant(tenant.clone()).await?;
    Ok((StatusCode::CREATED, Json(tenant.into())))
}

/// All tenants by name.
#[utoipa::path(
    get, path = "/v1/tenants", tag = "tenants", security(("admin" = [])),
    params(TenantParams),
    responses((status = 200, description = "A page.", body = Listing<TenantView>)),
)]
pub(crate) async fn list_tenants(
    State(api): State<Shared>,
    _: Operator,
    UrlQuery(params): UrlQuery<TenantParams>,
) -> ApiResult<Json<Listing<TenantView>>> {
    let limit = page::rows(params.limit)?;
    let rows = api.app.admin.list_tenants(params.after, limit).await?;
    let views: Vec<TenantView> = rows.into_iter().map(Into::into).collect();
    let next = |view: &TenantView| view.name.to_string();
    Ok(Json(page::by_name(views, limit, next)))
}

/// One tenant.
#[utoipa::path(
    get, path = "/v1/tenants/{name}", tag = "tenants", security(("admin" = [])),
    params(("name" = String, Path, description = "The tenant.")),
    responses((status = 200, description = "The tenant.", body = TenantView)),
)]
pub(crate) async fn get_tenant(
    State(api): State<Shared>,
    _: Operator,
    UrlPath(name): UrlPath<TenantName>,
) -> ApiResult<Json<TenantView>> {
    Ok(Json(api.app.admin.get_tenant(&name).await?.into()))
}

/// Change what a tenant may use. What is not named stays; a quota of `null` is put back to what every tenant
/// has. It holds from the next event and the next turn on.
#[utoipa::path(
    patch, path = "/v1/tenants/{name}", tag = "tenants", security(("admin" = [])),
    params(("name" = String, Path, description = "The tenant.")),
    request_body = TenantPatch,
    responses((status = 200, description = "The tenant as it is now.", body = TenantView)),
)]
pub(crate) async fn change_tenant(
    State(api): State<Shared>,
    _: Operator,
    UrlPath(name): UrlPath<TenantName>,
    JsonBody(patch): JsonBody<TenantPatch>,
) -> ApiResult<Json<TenantView>> {
    if let Some(weight) = patch.weight {
        check_weight(weight)?;
    }
    let change = TenantChange {
        weight: patch.weight,
        quotas: patch.quotas,
        suspended: None,
    };
    Ok(Json(
        api.app.admin.change_tenant(&name, change).await?.into(),
    ))
}

/// Let nothing of a tenant run from now on, running turns included, and take nothing new of it: events and
/// uploads are refused with the reason. What it has stays and can be read; events that were accepted wait.
#[utoipa::path(
    post, path = "/v1/tenants/{name}/suspend", tag = "tenants", security(("admin" = [])),
    params(("name" = String, Path, description = "The tenant.")),
    request_body = SuspendRequest,
    responses((status = 200, description = "The tenant as it is now.", body = TenantView)),
)]
pub(crate) async fn suspend_tenant(
    State(api): State<Shared>,
    _: Operator,
    Extension(asked): Extension<Asked>,
    UrlPath(name): UrlPath<TenantName>,
    JsonBody(request): JsonBody<SuspendRequest>,
) -> ApiResult<Json<TenantView>> {
    let reason = short("reason", &request.reason)?.to_string();
    let tenant = api.app.admin.get_tenant(&name).await?;
    let switch = Switch {
        asked: &asked,
        component: None,
        reason: Some(&reason),
    };
    let telling = api.tell_of_switch(&switch, tenant.id);
    let change = TenantChange {
        suspended: Some(Some(reason.clone())),
        ..TenantChange::default()
    };
    let suspend = api.app.admin.change_tenant(&name, change);
    Ok(Json(Switch::throw(telling, suspend).await?.into()))
}

/// Let a suspended tenant go on where it was.
#[utoipa::path(
    post, path = "/v1/tenants/{name}/resume", tag = "tenants", security(("admin" = [])),
    params(("name" = String, Path, description = "The tenant.")),
    responses((status = 200, description = "The tenant as it is now.", body = TenantView)),
)]
pub(crate) async fn resume_tenant(
    State(api): State<Shared>,
    _: Operator,
    UrlPath(name): UrlPath<TenantName>,
) -> ApiResult<Json<TenantView>> {
    let change = TenantChange {
        suspended: Some(None),
        ..TenantChange::default()
    };
    Ok(Json(
        api.app.admin.change_tenant(&name, change).await?.into(),
    ))
}

fn check_weight(weight: u32) -> Result<()> {
    if (1..=TENANT_WEIGHT_MAX).contains(&weight) {
        return Ok(());
    }
    let reason = format!("{weight} is not between 1 and {TENANT_WEIGHT_MAX}");
    Err(Error::invalid("weight", reason))
}

/// Remove a tenant with all that it has. Nothing of it is left.
#[utoipa::path(
    delete, path = "/v1/tenants/{name}", tag = "tenants", security(("admin" = [])),
    params(("name" = String, Path, description = "The tenant.")),
    responses((status = 204, description = "Gone.")),
)]
pub(crate) async fn delete_tenant(
    State(api): State<Shared>,
    _: Operator,
    UrlPath(name): UrlPath<TenantName>,
) -> ApiResult<StatusCode> {
    api.app.admin.delete_tenant(&name).await?;
    api.forget_keys();
    Ok(StatusCode::NO_CONTENT)
}
