//! Answers only requests that are for this host, and of web pages only those that may ask it.
//!
//! Invariant: decided before anything of a request is looked at, its key included, and the same for every
//! route. Programs send no `Origin`; browsers always do where it matters.

use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderName, HeaderValue, Method, request::Parts};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::time::Duration;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::app::Front;

use super::Shared;
use super::auth::{CUSTOMER_HEADER, USER_HEADER};
use super::edge::REQUEST_ID_HEADER;
use super::error::{ApiError, Code};
use super::events::IDEMPOTENCY_HEADER;

/// How long a browser may remember what a page of another origin may send: what the settings say changes
/// only with a restart.
const PREFLIGHT_AGE: Duration = Duration::from_mins(10);
/// Longest excerpt of a foreign name in an answer, in characters.
const NAME_CHARS_MAX: usize = 100;

/// Refuses what is not for this host.
pub(super) async fn guard(State(api): State<Shared>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    if let Err(refusal) = check(&api.app.front, &parts) {
        return refusal.into_response();
    }
    next.run(Request::from_parts(parts, body)).await
}

/// What pages of the named origins may read and send.
pub(super) fn cors(front: &Front) -> CorsLayer {
    let origins = front.origins.iter();
    let origins = origins.filter_map(|origin| HeaderValue::from_str(origin).ok());
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allow_headers([
            ACCEPT,
            AUTHORIZATION,
            CONTENT_TYPE,
            HeaderName::from_static("last-event-id"),
            HeaderName::from_static(IDEMPOTENCY_HEADER),
            HeaderName::from_static(CUSTOMER_HEADER),
            HeaderName::from_static(USER_HEADER),
            HeaderName::from_static(REQUEST_ID_HEADER),
        ])
        .expose_headers([HeaderName::from_static(REQUEST_ID_HEADER)])
        .max_age(PREFLIGHT_AGE)
}

fn check(front: &Front, parts: &Parts) -> Result<(), ApiError> {
    // HTTP/2 has it in the address, HTTP/1.1 in a header.
    let authority = match parts.uri.authority() {
        Some(authority) => authority.as_str(),
        None => text(parts, &HOST).unwrap_or_default(),
    };
    if !front.is_host(authority) {
        let words = format!(
            "this host is not `{}`: ask it by a name of its own, or add this one to http.hosts",
            shown(authority)
        );
        return Err(ApiError::new(Code::Misdirected, words));
    }
    match text(parts, &ORIGIN) {
        Some(origin) if !front.is_origin(origin, authority) => {
            let words = format!(
                "pages of `{}` may not ask this host: add it to http.origins if they should",
                shown(origin)
            );
            Err(ApiError::new(Code::Denied, words))
        }
        _ => Ok(()),
    }
}

/// A header's value; one that is no text is nobody's name.
fn text<'a>(parts: &'a Parts, name: &HeaderName) -> Option<&'a str> {
    parts
        .headers
        .get(name)
        .map(|value| value.to_str().unwrap_or("?"))
}

fn shown(name: &str) -> String {
    name.chars().take(NAME_CHARS_MAX).collect()
}
