//! The outermost layer: gives each request an id and a span, counts it, and writes problem documents.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;
use uuid::Uuid;

use super::Shared;
use super::audit::Asked;
use super::error::{ApiError, Code};

/// Names a request in answers and in the log; taken from the client if it is fit to be logged.
pub(crate) const REQUEST_ID_HEADER: &str = "x-request-id";
/// Longest request id that is taken from a client, in bytes.
const REQUEST_ID_BYTES_MAX: usize = 64;
/// The media type of a problem document.
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");
/// The route of a request that matched none.
const UNMATCHED: &str = "unmatched";

/// What happens around every request.
pub(crate) async fn edge(State(api): State<Shared>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = request_id(request.headers());
    let method = known(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or(UNMATCHED, MatchedPath::as_str);
    let span = tracing::info_span!("request", request.id = %id, method, route);
    let asked = Asked::new(&id, method, route, request.uri());
    request.extensions_mut().insert(asked.clone());
    let running = api.app.metrics.running();
    let response = next.run(request).instrument(span.clone()).await;
    drop(running);
    let why = response.extensions().get::<ApiError>();
    api.answered(&asked, response.status(), why).await;
    let mut response = with_problem(response, &id);
    let status = response.status().as_u16();
    let took = began.elapsed();
    api.app.metrics.request(method, route, status, took);
    tracing::debug!(parent: &span, status, duration_ms = took.as_millis() as u64, "answered");
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID_HEADER, value);
    }
    response
}

/// A handler panicked: the host goes on, the client gets an id.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the layer hands the cause over"
)]
pub(crate) fn panicked(cause: Box<dyn Any + Send>) -> Response {
    let words = cause
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| cause.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    tracing::error!(cause = words, "a handler panicked");
    ApiError::bare(Code::Internal).into_response()
}

/// Give a failed answer its document.
fn with_problem(response: Response, request_id: &str) -> Response {
    let (mut parts, body) = response.into_parts();
    let status = parts.status;
    if !status.is_client_error() && !status.is_server_error() {
        return Response::from_parts(parts, body);
    }
    let error = parts
        .extensions
        .remove::<ApiError>()
        .unwrap_or_else(|| ApiError::bare(Code::of_status(status)));
    // What was sent so far belongs to the framework: an empty body, or a line of plain text.
    drop(body);
    let document = serde_json::to_vec(&error.problem(request_id)).unwrap_or_default();
    parts.status = error.code().parts().0;
    parts.headers.insert(CONTENT_TYPE, PROBLEM_JSON);
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(document))
}

fn request_id(headers: &HeaderMap) -> Arc<str> {
    headers
        .get(REQUEST_ID_HEADER)
        .and_then(|value| value.to_str().ok())
        .filter(|id| {
            (1..=REQUEST_ID_BYTES_MAX).contains(&id.len())
                && id
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        })
        .map_or_else(
            || format!("req_{}", Uuid::now_v7().simple()).into(),
            Into::into,
        )
}

/// A method as a metric's label: clients may send any word.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}
