//! `/v1/graph`: producers → events → consumers.

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::registry::{Graph, Viewer};

use super::Shared;
use super::auth::Caller;
use super::error::ApiResult;
use super::extract::UrlQuery;

/// The media type of Graphviz texts.
const MEDIA_DOT: &str = "text/vnd.graphviz; charset=utf-8";

/// How the graph is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum GraphFormat {
    #[default]
    Json,
    Dot,
}

/// How the graph is written.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct GraphParams {
    /// `json`, the default, or `dot` for Graphviz.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    format: GraphFormat,
}

/// Who speaks to whom: producers, events and consumers, agents and services alike. Events that nobody
/// consumes, requests that nobody answers and events that nobody produces are marked.
#[utoipa::path(
    get, path = "/v1/graph", tag = "services", security(("key" = [])),
    params(GraphParams),
    responses((status = 200, description = "The whole graph.", content(
        (Graph = "application/json"),
        (String = "text/vnd.graphviz"),
    ))),
)]
pub(crate) async fn get_graph(
    State(api): State<Shared>,
    caller: Caller,
    UrlQuery(params): UrlQuery<GraphParams>,
) -> ApiResult<Response> {
    let directory = api.app.agents.directory(&caller.scope).await?;
    let viewer = Viewer::of(caller.scope.principal());
    let graph = Graph::of(&directory, viewer, api.app.clock.now());
    Ok(match params.format {
        GraphFormat::Json => Json(graph).into_response(),
        GraphFormat::Dot => ([(CONTENT_TYPE, MEDIA_DOT)], graph.to_dot()).into_response(),
    })
}
