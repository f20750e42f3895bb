//! `/v1/events`: publish, look up, list and follow events.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE, VARY};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::events::{EventFilter, Topic};
use crate::id::{EventId, EventType, Label, UserId};

pub(super) use publish::IDEMPOTENCY_HEADER;

use super::auth::Caller;
use super::error::ApiResult;
use super::extract::{UrlPath, UrlQuery};
use super::types::{EventView, Listing};
use super::{Shared, page};

pub(crate) mod cloudevents;
pub(crate) mod draft;
mod publish;
pub(crate) mod stream;
pub(crate) mod tail;

pub(crate) use publish::{
    __path_publish_batch, __path_publish_event, publish_batch, publish_event,
};
pub(crate) use stream::{__path_stream_events, stream_events};

/// Which events: all that is given must match. Flattened into the parameters of whatever reads the log.
/// The document does not look into flattened fields, so those routes name these parameters too.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct FilterParams {
    /// Of this topic.
    #[param(value_type = Option<String>)]
    topic: Option<Topic>,
    /// Of this type.
    #[serde(rename = "type")]
    #[param(value_type = Option<String>)]
    event_type: Option<EventType>,
    /// Of this correlation.
    #[param(value_type = Option<String>)]
    correlation: Option<Label>,
    /// Of this trace.
    #[param(value_type = Option<String>)]
    trace: Option<Label>,
    /// Of this session.
    #[param(value_type = Option<String>)]
    session: Option<Label>,
    /// Of this plan.
    #[param(value_type = Option<String>)]
    plan: Option<Label>,
    /// Published by this source.
    source: Option<String>,
    /// On behalf of this user.
    #[param(value_type = Option<String>)]
    user: Option<UserId>,
}

impl From<FilterParams> for EventFilter {
    fn from(params: FilterParams) -> Self {
        Self {
            topic: params.topic,
            event_type: params.event_type,
            correlation: params.correlation,
            trace: params.trace,
            session: params.session,
            plan: params.plan,
            source: params.source,
            user: params.user,
        }
    }
}

/// Which events to list.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventParams {
    #[serde(flatten)]
    #[param(ignore)]
    filter: FilterParams,
    /// Continue with events older than this position.
    before: Option<i64>,
    /// Rows of the page, 1 to 100.
    limit: Option<u32>,
}

/// Events, the newest first.
#[utoipa::path(
    get, path = "/v1/events", tag = "events", security(("key" = [])),
    params(FilterParams, EventParams),
    responses((status = 200, description = "A page.", body = Listing<EventView>)),
)]
pub(crate) async fn list_events(
    State(api): State<Shared>,
    caller: Caller,
    UrlQuery(params): UrlQuery<EventParams>,
) -> ApiResult<Json<Listing<EventView>>> {
    let limit = page::rows(params.limit)?;
    let before = page::before(params.before);
    let filter = caller.keep_filter(params.filter.into())?;
    let events = &api.app.events;
    let rows = events.list(&caller.scope, &filter, before, limit).await?;
    Ok(Json(page::newest_first(rows, |event| {
        EventView::from(&*event)
    })))
}

/// One event, and what became of it at each agent. With `Accept: application/cloudevents+json` it comes
/// as a CloudEvent without the deliveries.
#[utoipa::path(
    get, path = "/v1/events/{id}", tag = "events", security(("key" = [])),
    params(("id" = String, Path, description = "The event.")),
    responses((status = 200, description = "The event.", content(
        (EventView = "application/json"),
        (Object = "application/cloudevents+json"),
    ))),
)]
pub(crate) async fn get_event(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(id): UrlPath<EventId>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let event = api.app.events.get(&caller.scope, &id).await?;
    if wants_cloudevent(&headers) {
        let headers = [
            (CONTENT_TYPE, cloudevents::MEDIA_ONE),
            (VARY, ACCEPT.as_str()),
        ];
        return Ok((headers, cloudevents::write(&event)?).into_response());
    }
    let mut view = EventView::from(&*event);
    let deliveries = api.app.events.deliveries(&caller.scope, &id).await?;
    view.deliveries = Some(deliveries.into_iter().map(Into::into).collect());
    Ok(([(VARY, ACCEPT.as_str())], Json(view)).into_response())
}

fn wants_cloudevent(headers: &HeaderMap) -> bool {
    headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains(cloudevents::MEDIA_ONE))
}
