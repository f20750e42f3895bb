//! `/v1/services/stream` and `/v1/services/ws`: changes of the catalogue as they are committed.
//!
//! Both carry the same tail of the log, so both resume from a position without loss or repeat.

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::Response;
use futures_util::StreamExt;
use serde::Deserialize;

use crate::events::Json;

use super::super::Shared;
use super::super::auth::Caller;
use super::super::error::ApiResult;
use super::super::events::stream::{resume_point, sse};
use super::super::events::tail::{Said, Tail, Wanted};
use super::super::extract::UrlQuery;
use super::super::serve::Held;
use super::super::types::{EventView, FeedMessage};

/// Longest message of a client in bytes: there is nothing to say.
const CLIENT_MESSAGE_BYTES_MAX: usize = 1_024;

/// Where to begin.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FeedParams {
    /// Begin after this position; 0 is the whole log. `Last-Event-ID` wins. From now on unless given.
    after: Option<i64>,
}

/// Follow the catalogue: server-sent events of the types `service.registered`, `changed`, `degraded`,
/// `unhealthy`, `paused`, `offline`, `recovered` and `deregistered`, with their position as `id`.
#[utoipa::path(
    get, path = "/v1/services/stream", tag = "services", security(("key" = [])),
    params(
        FeedParams,
        ("Last-Event-ID" = Option<i64>, Header, description = "Begin after this position."),
    ),
    responses((status = 200, description = "A stream that ends when the host or the key does.", body = String, content_type = "text/event-stream")),
)]
pub(crate) async fn stream_services(
    State(api): State<Shared>,
    caller: Caller,
    UrlQuery(params): UrlQuery<FeedParams>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let wanted = resume_point(&headers, params.after)?;
    let tail = Tail::open(api, caller, Wanted::Catalogue, wanted).await?;
    Ok(sse(tail))
}

/// The same over a WebSocket: each text message is a `FeedMessage`. What a client sends is ignored.
#[utoipa::path(
    get, path = "/v1/services/ws", tag = "services", security(("key" = [])),
    params(FeedParams),
    responses((status = 101, description = "A WebSocket that ends when the host or the key does.", body = FeedMessage)),
)]
pub(crate) async fn watch_services(
    State(api): State<Shared>,
    caller: Caller,
    UrlQuery(params): UrlQuery<FeedParams>,
    headers: HeaderMap,
    held: Option<Extension<Held>>,
    upgrade: WebSocketUpgrade,
) -> ApiResult<Response> {
    let wanted = resume_point(&headers, params.after)?;
    let tail = Tail::open(api, caller, Wanted::Catalogue, wanted).await?;
    let upgrade = upgrade
        .max_message_size(CLIENT_MESSAGE_BYTES_MAX)
        .max_frame_size(CLIENT_MESSAGE_BYTES_MAX);
    // The connection counts as one, and is waited for, until the socket is closed.
    Ok(upgrade.on_upgrade(move |socket| async move {
        tell(socket, tail).await;
        drop(held);
    }))
}

async fn tell(mut socket: WebSocket, tail: Tail) {
    let mut said = std::pin::pin!(tail.said());
    loop {
        let next = tokio::select! {
            next = said.next() => next,
            heard = socket.recv() => match heard {
                // Pings are answered below; the rest is not for us.
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => continue,
            },
        };
        let Some(next) = next else {
            // Whoever has gone already needs no farewell.
            let _ = socket.send(Message::Close(None)).await;
            return;
        };
        let text = serde_json::to_string(&message(next)).unwrap_or_default();
        if socket.send(Message::Text(text.into())).await.is_err() {
            return;
        }
    }
}

fn message(said: Said) -> FeedMessage {
    match said {
        Said::Event(event) => FeedMessage {
            kind: "event".to_owned(),
            position: event.position,
            event: Some(EventView::from(&*event)),
            data: None,
        },
        Said::Control { name, last, data } => FeedMessage {
            kind: name.to_owned(),
            position: last,
            event: None,
            data: Some(Json::from_stored(data.to_string())),
        },
    }
}
