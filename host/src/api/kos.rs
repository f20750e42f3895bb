//! `/api/services…`: the routes of a kOS service registry, over the same catalogue.
//!
//! Invariant: a thin adapter. It turns the shapes of kOS into ours and back; what is allowed, who may and
//! what is told of it is decided where `/v1/services` decides it. A token in `auth` is refused, as is any
//! secret: the catalogue tells which kind of key a service takes.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::AgentName;
use crate::registry::Health;

use super::Shared;
use super::auth::Caller;
use super::error::ApiResult;
use super::extract::{JsonBody, OptionalJson, UrlPath, UrlQuery};
use super::services::ServiceParams;
use super::types::ServiceView;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(kos_register))
        .routes(routes!(kos_list))
        .routes(routes!(kos_get, kos_deregister))
        .routes(routes!(kos_beat))
}

/// A service as kOS writes it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct KosService {
    /// Its id: our name.
    #[schema(value_type = String)]
    id: AgentName,
    /// Its readable name.
    name: String,
    /// What sort of thing.
    #[serde(rename = "type")]
    kind: String,
    /// Words to find it by.
    tags: Vec<String>,
    /// Where it is.
    url: Option<String>,
    /// What is spoken there.
    protocol: Option<String>,
    /// Its last sign of life.
    #[schema(value_type = Option<String>, format = DateTime)]
    heartbeat: Option<Timestamp>,
    /// Its state.
    status: String,
    /// The key that registered it.
    owner: Option<String>,
    /// Who may see it.
    visibility: Value,
    /// The ways into it.
    endpoints: Value,
}

impl From<ServiceView> for KosService {
    fn from(view: ServiceView) -> Self {
        let definition = view.definition;
        Self {
            id: view.name,
            name: definition.name.to_string(),
            kind: view.kind.to_string(),
            tags: definition.tags.into_iter().collect(),
            url: definition.url,
            protocol: definition.protocol,
            heartbeat: view.seen,
            status: view.state.to_string(),
            owner: view.owner,
            visibility: json!(definition.visibility),
            endpoints: json!(definition.endpoints),
        }
    }
}

/// What of a kOS document is the host's to say, and not the service's.
const TOLD_BY_HOST: [&str; 3] = ["heartbeat", "status", "owner"];

/// Our document of one of kOS: its `id` is our name, or what its `name` makes.
fn document(mut body: Value) -> Result<Value> {
    let members = body
        .as_object_mut()
        .ok_or_else(|| Error::invalid("service", "it is not a JSON object"))?;
    for member in TOLD_BY_HOST {
        members.shift_remove(member);
    }
    name_by_id(members);
    Ok(body)
}

/// Their `id` becomes our name, or else what their `name` makes.
pub(super) fn name_by_id(members: &mut Map<String, Value>) {
    let id = members.shift_remove("id");
    let named = id.as_ref().or(members.get("name")).and_then(Value::as_str);
    let name = named.map(slug).unwrap_or_default();
    members.insert("name".to_owned(), json!(name));
}

/// A readable name as one of ours: `Weather API` is `weather-api`.
fn slug(text: &str) -> String {
    let plain = text.trim().to_lowercase();
    let plain: String = plain
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let plain = plain.trim_matches('-');
    // Ids that begin with a digit are common elsewhere; names here begin with a letter.
    if plain.starts_with(|c: char| c.is_ascii_digit()) {
        return format!("s-{plain}");
    }
    plain.to_owned()
}

/// kOS: register a service.
#[utoipa::path(
    post, path = "/api/services/register", tag = "compatible", security(("key" = [])),
    request_body = KosService,
    responses(
        (status = 201, description = "It is new.", body = KosService),
        (status = 200, description = "It was known.", body = KosService),
    ),
)]
pub(crate) async fn kos_register(
    State(api): State<Shared>,
    caller: Caller,
    JsonBody(body): JsonBody<Value>,
) -> ApiResult<(StatusCode, Json<KosService>)> {
    let (status, view) = api.register(&caller.scope, document(body)?).await?;
    Ok((status, Json(view.into())))
}

/// kOS: find services by `tag`, `type`, `owner` and `status`, and by all else that `/v1/services` takes.
#[utoipa::path(
    get, path = "/api/services", tag = "compatible", security(("key" = [])),
    params(ServiceParams),
    responses((status = 200, description = "Services by id.", body = Vec<KosService>)),
)]
pub(crate) async fn kos_list(
    State(api): State<Shared>,
    caller: Caller,
    UrlQuery(params): UrlQuery<ServiceParams>,
) -> ApiResult<Json<Vec<KosService>>> {
    let page = api.entries(&caller.scope, params).await?;
    Ok(Json(page.items.into_iter().map(Into::into).collect()))
}

/// kOS: one service.
#[utoipa::path(
    get, path = "/api/services/{id}", tag = "compatible", security(("key" = [])),
    params(("id" = String, Path, description = "The service.")),
    responses((status = 200, description = "The service.", body = KosService)),
)]
pub(crate) async fn kos_get(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(name): UrlPath<AgentName>,
) -> ApiResult<Json<KosService>> {
    let view = api.entry(&caller.scope, &name).await?;
    Ok(Json(view.into()))
}

/// kOS: a sign of life.
#[utoipa::path(
    post, path = "/api/services/{id}/heartbeat", tag = "compatible", security(("key" = [])),
    params(("id" = String, Path, description = "The service.")),
    request_body = Health,
    responses((status = 200, description = "The service as it is now.", body = KosService)),
)]
pub(crate) async fn kos_beat(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(name): UrlPath<AgentName>,
    OptionalJson(health): OptionalJson<Health>,
) -> ApiResult<Json<KosService>> {
    let view = api.beat(&caller.scope, &name, health).await?;
    Ok(Json(view.into()))
}

/// kOS: take a service out.
#[utoipa::path(
    delete, path = "/api/services/{id}", tag = "compatible", security(("key" = [])),
    params(("id" = String, Path, description = "The service.")),
    responses((status = 204, description = "Gone.")),
)]
pub(crate) async fn kos_deregister(
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
    fn readable_names_become_names() {
        for (text, name) in [
            ("weather", "weather"),
            ("Weather API", "weather-api"),
            (" Éclair (v2) ", "clair--v2"),
            ("3fa85f64-5717", "s-3fa85f64-5717"),
            ("", ""),
        ] {
            assert_eq!(slug(text), name, "{text}");
        }
    }

    #[test]
    fn an_id_is_the_name_and_what_the_host_says_is_left_out() {
        let body = json!({ "id": "w1", "name": "Weather", "type": "api", "status": "active", "owner": "me" });
        assert_eq!(
            document(body).unwrap(),
            json!({ "name": "w1", "type": "api" })
        );
        let body = json!({ "name": "The Weather", "type": "api" });
        assert_eq!(document(body).unwrap()["name"], "the-weather");
        assert!(document(json!([])).is_err());
    }
}
