//! `GET /v1/events/stream`: events as they are committed, over server-sent events.
//!
//! Invariant: no event is lost or repeated. The stream subscribes first, reads the log from where the
//! client was, and only then goes live; positions have no gaps, so a gap or a lagging subscription is
//! seen and the log is read again. What a slow client has not read waits in the log, not in memory.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::sse::{Event as Message, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{FutureExt, Stream};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use crate::error::{Error, Result};
use crate::events::{Event, EventFilter};
use crate::id::Position;
use crate::identity::{ApiKeySecret, TenantScope};

use super::super::auth::Caller;
use super::super::error::ApiResult;
use super::super::extract::UrlQuery;
use super::super::slots::Slot;
use super::super::types::EventView;
use super::super::{Api, Shared};
use super::FilterParams;

/// Where a client that lost its connection was.
const LAST_EVENT_ID: &str = "last-event-id";
/// Events read from the log at a time: what one stream holds in memory while it catches up.
const READ_EVENTS: u32 = 64;
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
    let slot = api.streams.take(caller.scope.tenant())?;
    let tail = Tail::open(api, caller, params.filter.into(), wanted, slot).await?;
    Ok(([NO_BUFFERING], Sse::new(tail.messages())).into_response())
}

/// Where the client wants to begin; none means from now on.
fn resume_point(headers: &HeaderMap, after: Option<i64>) -> Result<Option<Position>> {
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

/// One client's view of the end of the log.
struct Tail {
    api: Shared,
    scope: TenantScope,
    secret: ApiKeySecret,
    filter: EventFilter,
    feed: broadcast::Receiver<Arc<Event>>,
    /// The last position that was sent or passed over.
    last: Position,
    heartbeat: Interval,
    _open: Open,
}

/// What the tail has to say next.
enum Step {
    Event(Arc<Event>),
    /// There may be more in the log.
    CatchUp,
    Heartbeat,
    End(&'static str),
}

impl Tail {
    async fn open(
        api: Shared,
        caller: Caller,
        filter: EventFilter,
        wanted: Option<Position>,
        slot: Slot,
    ) -> Result<Self> {
        // A stream has its own limit: the request is done when it begins.
        let Caller { scope, secret, .. } = caller;
        // Subscribe before looking at the log: what is committed in between comes twice and is skipped.
        let feed = api.app.feed.subscribe(scope.tenant());
        let head = api.app.events.head(&scope).await?;
        let period = api.app.limits.heartbeat;
        let mut heartbeat = tokio::time::interval_at(Instant::now() + period, period);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            // A position of another log, or of a copy that went further, must not hide what comes.
            last: wanted.map_or(head, |wanted| wanted.clamp(Position(0), head)),
            _open: Open::new(Arc::clone(&api), slot),
            api,
            scope,
            secret,
            filter,
            feed,
            heartbeat,
        })
    }

    /// The stream that the client reads.
    fn messages(mut self) -> impl Stream<Item = Result<Message, Infallible>> {
        async_stream::stream! {
            yield Ok(control("connected", self.last, &json!({ "position": self.last })));
            let reason = loop {
                let page = match self.read_log().await {
                    Ok(page) => page,
                    Err(reason) => break reason,
                };
                let more = page.len() == READ_EVENTS as usize;
                for event in page {
                    self.last = event.position;
                    if self.filter.matches(&event.body) {
                        yield Ok(message(&event));
                    }
                }
                if more {
                    continue;
                }
                let ended = loop {
                    match self.live().await {
                        Step::Event(event) => yield Ok(message(&event)),
                        Step::Heartbeat => {
                            yield Ok(control("heartbeat", self.last, &json!({})));
                            break None;
                        }
                        Step::CatchUp => break None,
                        Step::End(reason) => break Some(reason),
                    }
                };
                if let Some(reason) = ended {
                    break reason;
                }
            };
            yield Ok(control("disconnected", self.last, &json!({ "reason": reason })));
        }
    }

    /// The next page of the log, or why the stream ends.
    async fn read_log(&mut self) -> Result<Vec<Arc<Event>>, &'static str> {
        // A long catch-up must notice the end of the host and of the key too.
        if self.api.app.health.draining().is_cancelled() {
            return Err("shutdown");
        }
        if self.heartbeat.tick().now_or_never().is_some() && !self.still_allowed().await {
            return Err("revoked");
        }
        let events = &self.api.app.events;
        let page = events.after(&self.scope, self.last, READ_EVENTS);
        page.await.map_err(|error| {
            tracing::warn!(%error, "a stream could not read the log");
            "unavailable"
        })
    }

    /// Wait for what happens next, having read the log to its end.
    async fn live(&mut self) -> Step {
        loop {
            let received = tokio::select! {
                received = self.feed.recv() => received,
                () = self.api.app.health.draining().cancelled() => return Step::End("shutdown"),
                _ = self.heartbeat.tick() => {
                    if self.still_allowed().await {
                        return Step::Heartbeat;
                    }
                    return Step::End("revoked");
                }
            };
            match received {
                Ok(event) if event.position <= self.last => {}
                Ok(event) if event.position.0 == self.last.0 + 1 => {
                    self.last = event.position;
                    if self.filter.matches(&event.body) {
                        return Step::Event(event);
                    }
                }
                Ok(_) | Err(RecvError::Lagged(_)) => return Step::CatchUp,
                Err(RecvError::Closed) => return Step::End("closed"),
            }
        }
    }

    /// Whether the key still stands. When the store cannot say, the stream goes on until it can.
    async fn still_allowed(&self) -> bool {
        !matches!(self.api.authenticate(&self.secret).await, Ok(None))
    }
}

/// Counts an open stream until it is dropped.
struct Open {
    api: Arc<Api>,
    _slot: Slot,
}

impl Open {
    fn new(api: Arc<Api>, slot: Slot) -> Self {
        api.app.metrics.stream_opened();
        Self { api, _slot: slot }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.api.app.metrics.stream_closed();
    }
}

fn message(event: &Event) -> Message {
    let text = serde_json::to_string(&EventView::from(event)).unwrap_or_default();
    Message::default()
        .id(event.position.0.to_string())
        .data(text)
}

/// A message about the stream itself. It carries the position too, so that a client whose filter lets
/// little through does not have to read everything again.
fn control(name: &str, last: Position, data: &serde_json::Value) -> Message {
    Message::default()
        .event(name)
        .id(last.0.to_string())
        .data(data.to_string())
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
