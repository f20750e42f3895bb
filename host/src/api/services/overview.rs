//! `GET /v1/services/overview`: the catalogue in figures.

use axum::Json;
use axum::extract::State;

use crate::registry::{Overview, Viewer};

use super::super::Shared;
use super::super::auth::Caller;
use super::super::error::ApiResult;

/// The catalogue in figures: entries by type, state, category and owner, what services tell of their
/// health, event types by topic, and those that lead nowhere.
#[utoipa::path(
    get, path = "/v1/services/overview", tag = "services", security(("key" = [])),
    responses((status = 200, description = "As it is now.", body = Overview)),
)]
pub(crate) async fn get_overview(
    State(api): State<Shared>,
    caller: Caller,
) -> ApiResult<Json<Overview>> {
    let scope = &caller.scope;
    let directory = api.app.agents.directory(scope).await?;
    let facts = api.app.hosted.facts(scope).await?;
    let viewer = Viewer::of(scope.principal());
    let now = api.app.clock.now();
    Ok(Json(Overview::of(&directory, viewer, &facts, now)))
}
