//! `/v1/event-definitions`: event types that somebody declared, by hand or in a manifest.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::events::Topic;
use crate::id::EventType;
use crate::identity::TenantScope;
use crate::registry::{DESCRIPTION_BYTES_MAX, EventDefinition, EventQuery, FoundEvent, Viewer};
use crate::turn::short;

use super::auth::Caller;
use super::error::ApiResult;
use super::extract::{JsonBody, UrlPath, UrlQuery};
use super::types::{EventDefinitionRequest, EventDefinitionView, Listing};
use super::{Api, Shared, page};

/// Which event types to list. All that is given must match.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DefinitionParams {
    /// Part of the type, in any case.
    #[serde(rename = "type")]
    event_type: Option<String>,
    /// One of the eight topics.
    #[param(value_type = Option<String>)]
    topic: Option<Topic>,
    /// Words of its description, all of them, in any case.
    text: Option<String>,
    /// Only those that something consumes which works now.
    #[serde(default)]
    actionable: bool,
    /// Continue after this type.
    after: Option<String>,
    /// Rows of the page, 1 to 100. A type on several topics comes whole, with up to seven rows more.
    limit: Option<u32>,
}

/// Event types by name.
#[utoipa::path(
    get, path = "/v1/event-definitions", tag = "catalog", security(("key" = [])),
    params(DefinitionParams),
    responses((status = 200, description = "A page.", body = Listing<EventDefinitionView>)),
)]
pub(crate) async fn list_event_definitions(
    State(api): State<Shared>,
    caller: Caller,
    UrlQuery(params): UrlQuery<DefinitionParams>,
) -> ApiResult<Json<Listing<EventDefinitionView>>> {
    let limit = page::rows(params.limit)?;
    let query = EventQuery {
        event_type: params.event_type,
        topic: params.topic.map(|topic| topic.to_string()),
        text: params.text,
        actionable: params.actionable,
        limit,
        after: params.after,
    };
    let directory = api.app.agents.directory(&caller.scope).await?;
    let viewer = Viewer::of(caller.scope.principal());
    let views: Vec<_> = directory
        .find_events(viewer, &query, api.app.clock.now())?
        .into_iter()
        .map(view)
        .collect();
    let next = |view: &EventDefinitionView| view.event_type.to_string();
    Ok(Json(page::by_name(views, limit, next)))
}

/// Declare an event type, or change what was declared.
#[utoipa::path(
    put, path = "/v1/event-definitions/{type}", tag = "catalog", security(("key" = [])),
    params(("type" = String, Path, description = "The event type.")),
    request_body = EventDefinitionRequest,
    responses((status = 200, description = "As it is now.", body = EventDefinitionView)),
)]
pub(crate) async fn put_event_definition(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(event_type): UrlPath<EventType>,
    JsonBody(request): JsonBody<EventDefinitionRequest>,
) -> ApiResult<Json<EventDefinitionView>> {
    let scope = &caller.scope;
    let definition = checked(event_type.clone(), request)?;
    if let Some(schema) = &definition.schema {
        // A definition that names no schema would check nothing while looking as if it did.
        api.app.catalog.schema(scope, schema, None).await?;
    }
    api.app.catalog.put_event(scope, definition).await?;
    Ok(Json(api.declared(scope, &event_type).await?))
}

/// One event type.
#[utoipa::path(
    get, path = "/v1/event-definitions/{type}", tag = "catalog", security(("key" = [])),
    params(("type" = String, Path, description = "The event type.")),
    responses((status = 200, description = "The event type.", body = EventDefinitionView)),
)]
pub(crate) async fn get_event_definition(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(event_type): UrlPath<EventType>,
) -> ApiResult<Json<EventDefinitionView>> {
    Ok(Json(api.declared(&caller.scope, &event_type).await?))
}

/// Forget what was declared by hand.
#[utoipa::path(
    delete, path = "/v1/event-definitions/{type}", tag = "catalog", security(("key" = [])),
    params(("type" = String, Path, description = "The event type.")),
    responses((status = 204, description = "Gone.")),
)]
pub(crate) async fn delete_event_definition(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(event_type): UrlPath<EventType>,
) -> ApiResult<StatusCode> {
    let catalog = &api.app.catalog;
    catalog.delete_event(&caller.scope, &event_type).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl Api {
    async fn declared(
        &self,
        scope: &TenantScope,
        event_type: &EventType,
    ) -> Result<EventDefinitionView> {
        let directory = self.app.agents.directory(scope).await?;
        directory
            .declared(
                Viewer::of(scope.principal()),
                event_type,
                self.app.clock.now(),
            )
            .map(view)
            .ok_or_else(|| Error::not_found("event definition", event_type.as_str()))
    }
}

fn checked(event_type: EventType, request: EventDefinitionRequest) -> Result<EventDefinition> {
    let got = request.description.len();
    if got > DESCRIPTION_BYTES_MAX {
        return Err(Error::invalid(
            "description",
            format!("{got} bytes, the limit is {DESCRIPTION_BYTES_MAX}"),
        ));
    }
    if let Some(schema) = &request.schema {
        short("schema", schema)?;
    }
    Ok(EventDefinition {
        event_type,
        topic: request.topic,
        description: request.description,
        schema: request.schema,
    })
}

fn view(found: FoundEvent) -> EventDefinitionView {
    EventDefinitionView {
        event_type: found.event_type,
        topic: found.topic,
        description: found.description,
        schema: found.schema,
        actionable: found.actionable,
        consumers: found.consumers,
        producers: found.producers,
    }
}
