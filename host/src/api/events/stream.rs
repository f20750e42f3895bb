//! `GET /v1/events/stream`: events as they are committed, over server-sent events. See `tail`.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::sse::Sse;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::id::Position;

use super::super::Shared;
use super::super::auth::Caller;
use super::super::error::ApiResult;
use super::super::extract::UrlQuery;
use super::FilterParams;
use super::tail::{Tail, Wanted};

/// Where a client that lost its connection was.
const LAST_EVENT_ID: &str = "last-event-id";
/// Tells a proxy not to collect a stream before passing it on.
const NO_BUFFERING: (HeaderName, HeaderValue) = (
    HeaderName::from_static("x-accel-buffering"),
    HeaderValue::from_static("no"),
);

/// Which events to follow.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamParams {
    #[serde(flatten)]
    #[param(ignore)]
    filter: FilterParams,
    /// Begin after this position; 0 is the whole log. `Last-Event-ID` wins. From now on unless given.
    after: Option<i64>,
}

/// Follow events. Messages are events as JSON with their position as `id`; `connected`, `heartbeat` and
/// `disconnected` speak of the stream itself.
#[utoipa::path(
    get, path = "/v1/events/stream", tag = "events", security(("key" = [])),
    params(
        FilterParams,
        StreamParams,
        ("Last-Event-ID" = Option<i64>, Header, description = "Begin after this position."),
    ),
    responses((status = 200, description = "A stream that ends when the host or the key does.", body = String, content_type = "text/event-stream")),
)]
pub(crate) async fn stream_events(
    State(api): State<Shared>,
    caller: Caller,
    UrlQuery(params): UrlQuery<StreamParams>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let wanted = resume_point(&headers, params.after)?;
    let filter = caller.keep_filter(params.filter.into())?;
    let filter = Wanted::Events(Box::new(filter));
    let tail = Tail::open(api, caller, filter, wanted).await?;
    Ok(sse(tail))
}

/// A tail as server-sent events.
pub(crate) fn sse(tail: Tail) -> Response {
    ([NO_BUFFERING], Sse::new(tail.messages())).into_response()
}

/// Where the client wants to begin; none means from now on.
pub(crate) fn resume_point(headers: &HeaderMap, after: Option<i64>) -> Result<Option<Position>> {
    let Some(value) = headers.get(LAST_EVENT_ID) else {
        return Ok(after.map(Position));
    };
    let text = value.to_str().unwrap_or_default();
    match text.parse() {
        Ok(position) => Ok(Some(Position(position))),
        // An `EventSource` that has seen nothing yet may send the header empty.
        Err(_) if text.is_empty() => Ok(after.map(Position)),
        Err(_) => Err(Error::invalid(
            "Last-Event-ID",
            format!("`{}` is not a position in the log", text.escape_default()),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_resumes_where_the_client_was() {
        let at = |header: Option<&'static str>, after| {
            let headers = header.map(|text| {
                (
                    HeaderName::from_static(LAST_EVENT_ID),
                    HeaderValue::from_static(text),
                )
            });
            resume_point(&headers.into_iter().collect(), after)
        };
        let table = [
            (None, None, Some(None)),
            (None, Some(3), Some(Some(Position(3)))),
            (Some("7"), Some(3), Some(Some(Position(7)))),
            (Some(""), Some(3), Some(Some(Position(3)))),
            (Some("seven"), None, None),
        ];
        for (header, after, expect) in table {
            assert_eq!(at(header, after).ok(), expect, "{header:?}");
        }
    }
}
