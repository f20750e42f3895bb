//! `/v1/dead-letters`: events that an agent could not handle.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use crate::id::{AgentName, TurnId};

use super::auth::Caller;
use super::error::ApiResult;
use super::extract::{UrlPath, UrlQuery};
use super::types::{DeadLetterView, Listing};
use super::{Shared, page};

/// Which dead letters to list.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeadLetterParams {
    /// Of this agent.
    #[param(value_type = Option<String>)]
    agent: Option<AgentName>,
    /// Continue with events older than this position.
    before: Option<i64>,
    /// Rows of the page, 1 to 100.
    limit: Option<u32>,
}

/// Dead letters with reason and log, those of the newest events first.
#[utoipa::path(
    get, path = "/v1/dead-letters", tag = "turns", security(("key" = [])),
    params(DeadLetterParams),
    responses((status = 200, description = "A page.", body = Listing<DeadLetterView>)),
)]
pub(crate) async fn list_dead_letters(
    State(api): State<Shared>,
    caller: Caller,
    UrlQuery(params): UrlQuery<DeadLetterParams>,
) -> ApiResult<Json<Listing<DeadLetterView>>> {
    let limit = page::rows(params.limit)?;
    let before = page::before(params.before);
    let turns = &api.app.turns;
    let rows = turns
        .dead_letters(&caller.scope, params.agent.as_ref(), before, limit)
        .await?;
    Ok(Json(page::newest_first(rows, Into::into)))
}

/// Deliver a dead letter again, as if for the first time.
#[utoipa::path(
    post, path = "/v1/dead-letters/{turn}/replay", tag = "turns", security(("key" = [])),
    params(("turn" = String, Path, description = "The turn that failed.")),
    responses((status = 202, description = "It will be delivered.")),
)]
pub(crate) async fn replay_dead_letter(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(turn): UrlPath<TurnId>,
) -> ApiResult<StatusCode> {
    api.app.turns.replay(&caller.scope, &turn).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Forget a dead letter.
#[utoipa::path(
    delete, path = "/v1/dead-letters/{turn}", tag = "turns", security(("key" = [])),
    params(("turn" = String, Path, description = "The turn that failed.")),
    responses((status = 204, description = "Gone.")),
)]
pub(crate) async fn discard_dead_letter(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(turn): UrlPath<TurnId>,
) -> ApiResult<StatusCode> {
    api.app.turns.discard(&caller.scope, &turn).await?;
    Ok(StatusCode::NO_CONTENT)
}
