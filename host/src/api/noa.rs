//! `/agents…`: the routes of a NOA agent registry, over the same catalogue.
//!
//! Invariant: a thin adapter, as `kos` is one. What NOA calls an agent is an entry of type `agent` here
//! unless it says otherwise; hosted agents are in its list as well.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::AgentName;
use crate::registry::{Health, ServiceKind};

use super::Shared;
use super::auth::Caller;
use super::error::ApiResult;
use super::extract::{JsonBody, OptionalJson, UrlPath, UrlQuery};
use super::kos::name_by_id;
use super::services::ServiceParams;
use super::types::{ServiceView, StatusRequest};

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(noa_register))
        .routes(routes!(noa_list))
        .routes(routes!(noa_get, noa_deregister))
        .routes(routes!(noa_beat))
        .routes(routes!(noa_status))
}

/// An agent as NOA writes it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct NoaAgent {
    /// Its id: our name.
    #[schema(value_type = String)]
    id: AgentName,
    /// Its name.
    name: String,
    /// What sort of thing.
    #[serde(rename = "type")]
    kind: ServiceKind,
    /// The owner's version.
    version: String,
    /// What it is for.
    description: String,
    /// Its category.
    category: Option<String>,
    /// What it can do, by name.
    capabilities: Vec<String>,
    /// Words to find it by.
    tags: Vec<String>,
    /// Where it is.
    endpoint: Option<String>,
    /// Its state.
    status: String,
    /// What it last told of its health.
    health: Option<Health>,
    /// Its last sign of life.
    #[serde(rename = "lastHeartbeat")]
    #[schema(value_type = Option<String>, format = DateTime)]
    last_heartbeat: Option<Timestamp>,
}

impl From<ServiceView> for NoaAgent {
    fn from(view: ServiceView) -> Self {
        let definition = view.definition;
        let capabilities = definition.capabilities.into_iter();
        Self {
            name: view.name.to_string(),
            id: view.name,
            kind: view.kind,
            version: definition.version,
            description: definition.description,
            category: definition.category,
            capabilities: capabilities.map(|capability| capability.name).collect(),
            tags: definition.tags.into_iter().collect(),
            endpoint: definition.url,
            status: view.state.to_string(),
            health: view.health,
            last_heartbeat: view.seen,
        }
    }
}

/// Our document of one of NOA: capabilities may be names alone, the url is called `endpoint`.
fn document(mut body: Value) -> Result<Value> {
    let members = body
        .as_object_mut()
        .ok_or_else(|| Error::invalid("agent", "it is not a JSON object"))?;
    members.shift_remove("status");
    name_by_id(members);
    if let Some(endpoint) = members.shift_remove("endpoint") {
        members.entry("url").or_insert(endpoint);
    }
    members.entry("type").or_insert(json!("agent"));
    let capabilities = members
        .get_mut("capabilities")
        .and_then(Value::as_array_mut);
    for capability in capabilities.into_iter().flatten() {
        if capability.is_string() {
            *capability = json!({ "name": capability });
        }
    }
    Ok(body)
}

/// NOA: register an agent.
#[utoipa::path(
    post, path = "/agents/register", tag = "compatible", security(("key" = [])),
    request_body = NoaAgent,
    responses(
        (status = 201, description = "It is new.", body = NoaAgent),
        (status = 200, description = "It was known.", body = NoaAgent),
    ),
)]
pub(crate) async fn noa_register(
    State(api): State<Shared>,
    caller: Caller,
    JsonBody(body): JsonBody<Value>,
) -> ApiResult<(StatusCode, Json<NoaAgent>)> {
    let (status, view) = api.register(&caller.scope, document(body)?).await?;
    Ok((status, Json(view.into())))
}

/// NOA: find agents.
#[utoipa::path(
    get, path = "/agents", tag = "compatible", security(("key" = [])),
    params(ServiceParams),
    responses((status = 200, description = "Agents by id.", body = Vec<NoaAgent>)),
)]
pub(crate) async fn noa_list(
    State(api): State<Shared>,
    caller: Caller,
    UrlQuery(params): UrlQuery<ServiceParams>,
) -> ApiResult<Json<Vec<NoaAgent>>> {
    let page = api.entries(&caller.scope, params).await?;
    Ok(Json(page.items.into_iter().map(Into::into).collect()))
}

/// NOA: one agent.
#[utoipa::path(
    get, path = "/agents/{id}", tag = "compatible", security(("key" = [])),
    params(("id" = String, Path, description = "The agent.")),
    responses((status = 200, description = "The agent.", body = NoaAgent)),
)]
pub(crate) async fn noa_get(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(name): UrlPath<AgentName>,
) -> ApiResult<Json<NoaAgent>> {
    Ok(Json(api.entry(&caller.scope, &name).await?.into()))
}

/// NOA: a sign of life.
#[utoipa::path(
    post, path = "/agents/{id}/heartbeat", tag = "compatible", security(("key" = [])),
    params(("id" = String, Path, description = "The agent.")),
    request_body = Health,
    responses((status = 200, description = "The agent as it is now.", body = NoaAgent)),
)]
pub(crate) async fn noa_beat(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(name): UrlPath<AgentName>,
    OptionalJson(health): OptionalJson<Health>,
) -> ApiResult<Json<NoaAgent>> {
    let view = api.beat(&caller.scope, &name, health).await?;
    Ok(Json(view.into()))
}

/// NOA: put an agent into a state.
#[utoipa::path(
    put, path = "/agents/{id}/status", tag = "compatible", security(("key" = [])),
    params(("id" = String, Path, description = "The agent.")),
    request_body = StatusRequest,
    responses((status = 200, description = "The agent as it is now.", body = NoaAgent)),
)]
pub(crate) async fn noa_status(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(name): UrlPath<AgentName>,
    OptionalJson(request): OptionalJson<StatusRequest>,
) -> ApiResult<Json<NoaAgent>> {
    let view = api
        .change_state(&caller.scope, &name, request.state)
        .await?;
    Ok(Json(view.into()))
}

/// NOA: take an agent out.
#[utoipa::path(
    delete, path = "/agents/{id}", tag = "compatible", security(("key" = [])),
    params(("id" = String, Path, description = "The agent.")),
    responses((status = 204, description = "Gone.")),
)]
pub(crate) async fn noa_deregister(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(name): UrlPath<AgentName>,
) -> ApiResult<StatusCode> {
    api.deregister(&caller.scope, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_capabilities_and_an_endpoint_become_ours() {
        let body = json!({ "name": "Summer", "capabilities": ["add"], "endpoint": "https://a", "status": "active" });
        let expect = json!({ "name": "summer", "capabilities": [{ "name": "add" }], "url": "https://a", "type": "agent" });
        assert_eq!(document(body).unwrap(), expect);
    }
}
