//! `/v1/memory/procedures`: named, versioned prompts, rules and skills of the tenant.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use crate::error::Error;
use crate::memory::{MATCH_LIMIT_MAX, NewProcedure, QUERY_BYTES_MAX};

use super::super::auth::Caller;
use super::super::error::ApiResult;
use super::super::extract::{JsonBody, UrlPath, UrlQuery};
use super::super::types::{
    ActivateRequest, Listing, MatchRequest, ProcedureRequest, ProcedureView,
};
use super::super::{Shared, page};

/// Procedures of a match that says no limit.
const MATCHES: u32 = 10;

/// Which procedures to list.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ProcedureParams {
    /// Continue after this name.
    after: Option<String>,
    /// Rows of the page, 1 to 100.
    limit: Option<u32>,
}

/// Which version of a procedure.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct VersionParams {
    /// Its number; the current one unless given.
    version: Option<u32>,
}

/// The current version of each procedure, by name.
#[utoipa::path(
    get, path = "/v1/memory/procedures", tag = "memory", security(("key" = [])),
    params(ProcedureParams),
    responses((status = 200, description = "A page.", body = Listing<ProcedureView>)),
)]
pub(crate) async fn list_procedures(
    State(api): State<Shared>,
    caller: Caller,
    UrlQuery(params): UrlQuery<ProcedureParams>,
) -> ApiResult<Json<Listing<ProcedureView>>> {
    let limit = page::rows(params.limit)?;
    let procedures = &api.app.procedures;
    let rows = procedures
        .list(&caller.scope, params.after.as_deref(), limit)
        .await?;
    let views: Vec<ProcedureView> = rows.into_iter().map(Into::into).collect();
    Ok(Json(page::by_name(views, limit, |view| {
        view.name.to_string()
    })))
}

/// Keep a new version of a procedure and make it current.
#[utoipa::path(
    put, path = "/v1/memory/procedures/{name}", tag = "memory", security(("key" = [])),
    params(("name" = String, Path, description = "The procedure.")),
    request_body = ProcedureRequest,
    responses((status = 200, description = "The new version.", body = ProcedureView)),
)]
pub(crate) async fn put_procedure(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(name): UrlPath<String>,
    JsonBody(request): JsonBody<ProcedureRequest>,
) -> ApiResult<Json<ProcedureView>> {
    let metadata = request.metadata.map(|raw| raw.get().to_owned());
    let given = NewProcedure {
        name,
        kind: request.kind,
        body: request.body,
        triggers: request.triggers,
        metadata: metadata.unwrap_or_default(),
    };
    let writer = caller.scope.principal().source();
    let write = given.check(writer, api.app.clock.now())?;
    let kept = api.app.procedure_keeper.put(&caller.scope, write).await?;
    Ok(Json(kept.into()))
}

/// A version of a procedure.
#[utoipa::path(
    get, path = "/v1/memory/procedures/{name}", tag = "memory", security(("key" = [])),
    params(("name" = String, Path, description = "The procedure."), VersionParams),
    responses((status = 200, description = "The version asked for.", body = ProcedureView)),
)]
pub(crate) async fn get_procedure(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(name): UrlPath<String>,
    UrlQuery(params): UrlQuery<VersionParams>,
) -> ApiResult<Json<ProcedureView>> {
    let procedures = &api.app.procedures;
    let found = procedures.get(&caller.scope, &name, params.version).await?;
    let found = found.ok_or_else(|| Error::not_found("procedure", name))?;
    Ok(Json(found.into()))
}

/// Make a version current that is there already.
#[utoipa::path(
    post, path = "/v1/memory/procedures/{name}/activate", tag = "memory", security(("key" = [])),
    params(("name" = String, Path, description = "The procedure.")),
    request_body = ActivateRequest,
    responses((status = 204, description = "It is current.")),
)]
pub(crate) async fn activate_procedure(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(name): UrlPath<String>,
    JsonBody(request): JsonBody<ActivateRequest>,
) -> ApiResult<StatusCode> {
    let manual = &api.app.procedure_keeper;
    manual
        .activate(&caller.scope, &name, request.version)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make the version current that was so before the one that is.
#[utoipa::path(
    post, path = "/v1/memory/procedures/{name}/rollback", tag = "memory", security(("key" = [])),
    params(("name" = String, Path, description = "The procedure.")),
    responses((status = 200, description = "The version that is current now.", body = ProcedureView)),
)]
pub(crate) async fn roll_back_procedure(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(name): UrlPath<String>,
) -> ApiResult<Json<ProcedureView>> {
    let current = api
        .app
        .procedure_keeper
        .roll_back(&caller.scope, &name)
        .await?;
    Ok(Json(current.into()))
}

/// Current procedures whose triggers fit a situation, the best first.
#[utoipa::path(
    post, path = "/v1/memory/procedures/match", tag = "memory", security(("key" = [])),
    request_body = MatchRequest,
    responses((status = 200, description = "The best ones.", body = Listing<ProcedureView>)),
)]
pub(crate) async fn match_procedures(
    State(api): State<Shared>,
    caller: Caller,
    JsonBody(request): JsonBody<MatchRequest>,
) -> ApiResult<Json<Listing<ProcedureView>>> {
    let limit = request.limit.unwrap_or(MATCHES);
    if !(1..=MATCH_LIMIT_MAX).contains(&limit) {
        let rule = format!("{limit} is not between 1 and {MATCH_LIMIT_MAX}");
        return Err(Error::invalid("limit", rule).into());
    }
    let bytes = request.situation.len();
    if bytes == 0 || bytes > QUERY_BYTES_MAX {
        let rule = format!("{bytes} bytes, must be 1 to {QUERY_BYTES_MAX}");
        return Err(Error::invalid("situation", rule).into());
    }
    let procedures = &api.app.procedures;
    let found = procedures
        .matching(&caller.scope, &request.situation, limit)
        .await?;
    let items = found.into_iter().map(Into::into).collect();
    Ok(Json(Listing { items, next: None }))
}
