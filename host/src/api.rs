//! HTTP: one file a resource, `/v1`, problem documents, OpenAPI made from the routes.
//!
//! Invariant: a handler is extract → scope → one domain call → answer. A scope comes only from the
//! `auth` extractors, so a handler without one cannot reach data. Every route is registered through
//! `routes!`, so that the OpenAPI document lists it. Nothing here knows SQL, Wasm or the adapters.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::id::{TenantId, TenantName};
use crate::identity::{ApiKey, KeyId};
use crate::quota::Quota;
use crate::registry::SchemaCache;

mod access;
mod agents;
mod audit;
mod auth;
mod calls;
mod components;
mod dead_letters;
mod edge;
mod error;
mod event_definitions;
mod events;
mod extract;
mod front;
mod graph;
mod health;
mod keys;
mod kos;
mod memory;
mod noa;
mod openapi;
mod page;
mod schemas;
mod secrets;
mod serve;
mod services;
mod settings;
mod signing_keys;
mod slots;
mod tenants;
mod tokens;
mod turns;
pub mod types;
mod usage;

pub use serve::{Certificate, serve};

use auth::{Lately, Revocations};
use error::{ApiError, Code};
use slots::TenantSlots;

/// What handlers share: the host and what this side keeps in memory.
pub(crate) struct Api {
    pub(crate) app: Arc<App>,
    keys: Lately<KeyId, ApiKey>,
    tenants: Lately<TenantName, TenantId>,
    revocations: Revocations,
    schemas: SchemaCache,
    requests: TenantSlots,
    uploads: TenantSlots,
    calls: TenantSlots,
    streams: TenantSlots,
    openapi: String,
}

/// The state of the router.
pub(crate) type Shared = Arc<Api>;

impl Api {
    fn new(app: Arc<App>, openapi: String) -> Self {
        let limits = &app.limits;
        Self {
            keys: Lately::new(limits.key_cache, limits.key_cache_entries_max),
            tenants: Lately::new(limits.key_cache, limits.key_cache_entries_max),
            revocations: Revocations::default(),
            schemas: SchemaCache::default(),
            requests: TenantSlots::new("requests_per_tenant_max", limits.requests_per_tenant_max),
            uploads: TenantSlots::by_quota(&app.allowances, Quota::UploadsPerTenantMax),
            calls: TenantSlots::new("calls_per_tenant_max", limits.calls_per_tenant_max),
            streams: TenantSlots::by_quota(&app.allowances, Quota::StreamsPerTenantMax),
            openapi,
            app,
        }
    }
}

/// The whole HTTP side of `app`.
pub fn router(app: Arc<App>) -> Router {
    let (router, document) = documented(&app).split_for_parts();
    let api = Arc::new(Api::new(app, openapi::finish(document)));
    router
        .fallback(async || ApiError::new(Code::NotFound, "no such route"))
        .method_not_allowed_fallback(async || ApiError::bare(Code::MethodNotAllowed))
        // Bodies are limited where they are read, each by its own named limit.
        .layer(DefaultBodyLimit::disable())
        .layer(CatchPanicLayer::custom(edge::panicked))
        .layer(front::cors(&api.app.front))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&api),
            front::guard,
        ))
        .layer(middleware::from_fn_with_state(Arc::clone(&api), edge::edge))
        .with_state(api)
}

fn documented(app: &App) -> OpenApiRouter<Shared> {
    let timeout = |after| TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, after);
    let quick = resources().layer(timeout(app.limits.request));
    let slow = waiting().layer(timeout(app.limits.slow_request));
    openapi::begin().merge(quick).merge(slow)
}

/// Routes that wait for a compiler, an agent or the rewriting of a file.
fn waiting() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(agents::push_agent))
        .routes(routes!(calls::call_agent))
        .routes(routes!(memory::erase_memory))
}

fn remembered() -> OpenApiRouter<Shared> {
    use memory::{episodes, knowledge, procedures};
    OpenApiRouter::new()
        .routes(routes!(memory::list_working, memory::clear_working))
        .routes(routes!(memory::get_working, memory::delete_working))
        .routes(routes!(
            knowledge::remember_knowledge,
            knowledge::list_knowledge
        ))
        .routes(routes!(knowledge::search_knowledge))
        .routes(routes!(
            knowledge::get_knowledge,
            knowledge::forget_knowledge
        ))
        .routes(routes!(knowledge::export_knowledge))
        .routes(routes!(knowledge::import_knowledge))
        .routes(routes!(episodes::add_episode, episodes::list_episodes))
        .routes(routes!(episodes::list_sessions))
        .routes(routes!(
            episodes::get_session,
            episodes::put_session,
            episodes::forget_session
        ))
        .routes(routes!(procedures::list_procedures))
        .routes(routes!(procedures::match_procedures))
        .routes(routes!(
            procedures::put_procedure,
            procedures::get_procedure
        ))
        .routes(routes!(procedures::activate_procedure))
        .routes(routes!(procedures::roll_back_procedure))
}

fn resources() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .merge(catalogue())
        .routes(routes!(tenants::create_tenant, tenants::list_tenants))
        .routes(routes!(
            tenants::get_tenant,
            tenants::change_tenant,
            tenants::delete_tenant
        ))
        .routes(routes!(tenants::suspend_tenant))
        .routes(routes!(tenants::resume_tenant))
        .routes(routes!(components::list_suspended_components))
        .routes(routes!(
            components::suspend_component,
            components::resume_component
        ))
        .routes(routes!(usage::get_tenant_usage))
        .routes(routes!(usage::get_usage))
        .routes(routes!(keys::create_key, keys::list_keys))
        .routes(routes!(keys::revoke_key))
        .routes(routes!(keys::rotate_key))
        .routes(routes!(keys::whoami))
        .routes(routes!(tokens::delegate))
        .routes(routes!(audit::list_audit))
        .routes(routes!(audit::audit_ends))
        .routes(routes!(agents::list_agents))
        .routes(routes!(agents::get_agent, agents::delete_agent))
        .routes(routes!(agents::list_versions))
        .routes(routes!(agents::rollback_agent))
        .routes(routes!(agents::pause_agent))
        .routes(routes!(agents::restart_agent))
        .routes(routes!(agents::resume_agent))
        .routes(routes!(agents::release_agent))
        .routes(routes!(agents::configure_agent))
        .routes(routes!(events::publish_event, events::list_events))
        .routes(routes!(events::publish_batch))
        .routes(routes!(events::stream_events))
        .routes(routes!(events::get_event))
        .routes(routes!(turns::list_turns))
        .routes(routes!(turns::get_turn))
        .routes(routes!(turns::get_queue))
        .routes(routes!(dead_letters::list_dead_letters))
        .routes(routes!(dead_letters::discard_dead_letter))
        .routes(routes!(dead_letters::replay_dead_letter))
        .routes(routes!(event_definitions::list_event_definitions))
        .routes(routes!(
            event_definitions::put_event_definition,
            event_definitions::get_event_definition,
            event_definitions::delete_event_definition
        ))
        .routes(routes!(schemas::list_schemas))
        .routes(routes!(schemas::put_schema, schemas::get_schema))
        .merge(remembered())
        .routes(routes!(schemas::list_schema_versions))
        .routes(routes!(secrets::list_secrets))
        .routes(routes!(secrets::put_secret, secrets::delete_secret))
        .routes(routes!(settings::get_settings, settings::put_settings))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
        .routes(routes!(health::version))
        .routes(routes!(health::openapi))
}

/// The catalogue of services, and the routes of other registries that mean the same.
fn catalogue() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(services::register_service, services::list_services))
        .routes(routes!(services::brief_services))
        .routes(routes!(services::get_overview))
        .routes(routes!(services::import_services))
        .routes(routes!(graph::get_graph))
        .routes(routes!(services::resolve_service))
        .routes(routes!(services::stream_services))
        .routes(routes!(services::watch_services))
        .routes(routes!(services::get_service, services::deregister_service))
        .routes(routes!(
            services::beat_service,
            services::put_beat_of_service
        ))
        .routes(routes!(services::change_service_status))
        .routes(routes!(services::list_tenant_services))
        .routes(routes!(signing_keys::list_signing_keys))
        .routes(routes!(
            signing_keys::put_signing_key,
            signing_keys::delete_signing_key
        ))
        .merge(kos::routes())
        .merge(noa::routes())
}
