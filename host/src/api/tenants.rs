//! `/v1/tenants`: the operator makes and removes tenants.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use crate::error::Error;
use crate::id::{TenantId, TenantName};
use crate::identity::Tenant;

use super::auth::Operator;
use super::error::ApiResult;
use super::extract::{JsonBody, UrlPath, UrlQuery};
use super::types::{Listing, TENANT_WEIGHT_DEFAULT, TENANT_WEIGHT_MAX, TenantRequest, TenantView};
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
    if !(1..=TENANT_WEIGHT_MAX).contains(&weight) {
        let reason = format!("{weight} is not between 1 and {TENANT_WEIGHT_MAX}");
        return Err(Error::invalid("weight", reason).into());
    }
    let tenant = Tenant {
        id: TenantId::generate(),
        name: request.name,
        created: api.app.clock.now(),
        weight,
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
