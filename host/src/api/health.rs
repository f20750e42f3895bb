//! Whether the host lives and is ready, what it counts, and what it offers.
//!
//! Metrics take the operator's key even on the loopback address: behind a proxy on the same machine
//! everybody comes from there, and the figures of the whole host are no tenant's business. Prometheus
//! sends a key as `authorization: credentials_file`.

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::Shared;
use super::auth::Operator;
use super::error::{ApiError, ApiResult, Code};
use super::types::{HealthView, HostVersionView, ReadyView};

/// The version of this host.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The contract with guests.
const CONTRACT: &str = "warren:agent@0.1.0";
/// Prometheus' text format.
const METRICS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether the process lives.
#[utoipa::path(
    get, path = "/healthz", tag = "host", security(()),
    responses((status = 200, description = "It does.", body = HealthView)),
)]
pub(crate) async fn healthz(State(api): State<Shared>) -> Json<HealthView> {
    Json(HealthView {
        status: "ok".to_owned(),
        state: api.app.health.unready().unwrap_or("ready").to_owned(),
        store: "sqlite".to_owned(),
        bus: "local".to_owned(),
        streams: api.app.metrics.streams(),
        version: VERSION.to_owned(),
        embedder: api.app.embedding.figures().into(),
    })
}

/// Whether work may be sent here: not while it recovers or drains.
#[utoipa::path(
    get, path = "/readyz", tag = "host", security(()),
    responses((status = 200, description = "It may.", body = ReadyView)),
)]
pub(crate) async fn readyz(State(api): State<Shared>) -> ApiResult<Json<ReadyView>> {
    match api.app.health.unready() {
        None => Ok(Json(ReadyView {
            status: "ready".to_owned(),
        })),
        Some(state) => Err(ApiError::new(
            Code::Unavailable,
            format!("the host is not ready: {state}"),
        )),
    }
}

/// What the host counts, for Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "host", security(("admin" = [])),
    responses((status = 200, description = "Text format 0.0.4.", body = String, content_type = "text/plain")),
)]
pub(crate) async fn metrics(State(api): State<Shared>, _: Operator) -> Response {
    ([(CONTENT_TYPE, METRICS_TEXT)], api.app.metrics.render()).into_response()
}

/// What runs here.
#[utoipa::path(
    get, path = "/v1/version", tag = "host", security(()),
    responses((status = 200, description = "Versions.", body = HostVersionView)),
)]
pub(crate) async fn version() -> Json<HostVersionView> {
    Json(HostVersionView {
        version: VERSION.to_owned(),
        contract: CONTRACT.to_owned(),
        api: "v1".to_owned(),
    })
}

/// This document.
#[utoipa::path(
    get, path = "/v1/openapi.json", tag = "host", security(()),
    responses((status = 200, description = "OpenAPI 3.1.", body = Object)),
)]
pub(crate) async fn openapi(State(api): State<Shared>) -> Response {
    ([(CONTENT_TYPE, "application/json")], api.openapi.clone()).into_response()
}
