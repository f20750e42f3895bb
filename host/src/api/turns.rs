//! `/v1/turns` and `/v1/queue`: what agents did, with their logs, and what is still to be done.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use crate::id::{AgentName, EventId, TurnId};
use crate::turn::{TurnFilter, TurnOutcome};

use super::auth::Caller;
use super::error::ApiResult;
use super::extract::{UrlPath, UrlQuery};
use super::types::{Listing, QueueView, TurnDetails, TurnView};
use super::{Shared, page};

/// Which turns to list. All that is given must match.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TurnParams {
    /// By this agent.
    #[param(value_type = Option<String>)]
    agent: Option<AgentName>,
    /// On this event.
    #[param(value_type = Option<String>)]
    event: Option<EventId>,
    /// That ended so.
    #[param(value_type = Option<String>)]
    outcome: Option<TurnOutcome>,
    /// With their logs.
    #[serde(default)]
    logs: bool,
    /// Continue with events older than this position.
    before: Option<i64>,
    /// Rows of the page, 1 to 100.
    limit: Option<u32>,
}

/// The last attempts of turns, those on the newest events first.
#[utoipa::path(
    get, path = "/v1/turns", tag = "turns", security(("key" = [])),
    params(TurnParams),
    responses((status = 200, description = "A page.", body = Listing<TurnView>)),
)]
pub(crate) async fn list_turns(
    State(api): State<Shared>,
    caller: Caller,
    UrlQuery(params): UrlQuery<TurnParams>,
) -> ApiResult<Json<Listing<TurnView>>> {
    let limit = page::rows(params.limit)?;
    let filter = TurnFilter {
        agent: params.agent,
        event: params.event,
        outcome: params.outcome.map(|outcome| outcome.as_str().to_owned()),
    };
    let before = page::before(params.before);
    let turns = &api.app.turns;
    let rows = turns.list(&caller.scope, &filter, before, limit).await?;
    let view = |record| TurnView::new(record, params.logs);
    Ok(Json(page::newest_first(rows, view)))
}

/// A turn with all its attempts and their logs.
#[utoipa::path(
    get, path = "/v1/turns/{turn}", tag = "turns", security(("key" = [])),
    params(("turn" = String, Path, description = "The turn.")),
    responses((status = 200, description = "The turn.", body = TurnDetails)),
)]
pub(crate) async fn get_turn(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(turn): UrlPath<TurnId>,
) -> ApiResult<Json<TurnDetails>> {
    let attempts = api.app.turns.get(&caller.scope, &turn).await?;
    let attempts = attempts
        .into_iter()
        .map(|record| TurnView::new(record, true))
        .collect();
    Ok(Json(TurnDetails { turn, attempts }))
}

/// What waits in the tenant's queue.
#[utoipa::path(
    get, path = "/v1/queue", tag = "turns", security(("key" = [])),
    responses((status = 200, description = "How much.", body = QueueView)),
)]
pub(crate) async fn get_queue(
    State(api): State<Shared>,
    caller: Caller,
) -> ApiResult<Json<QueueView>> {
    let depth = api.app.deliveries.depth(&caller.scope).await?;
    Ok(Json(depth.into()))
}
