//! `/v1/services`: the catalogue of what lives elsewhere, and of the hosted agents beside it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::id::{AgentName, TenantName};
use crate::identity::{Principal, TenantScope};
use crate::registry::{
    Health, NewService, ServiceDefinition, ServiceDocument, ServiceState, Signature, Unverified,
    Viewer,
};

use super::auth::{Caller, Operator};
use super::error::ApiResult;
use super::extract::{JsonBody, OptionalJson, UrlPath, UrlQuery};
use super::types::{Listing, ServiceView, StatusRequest};
use super::{Api, Shared, page};

mod feed;
mod import;
mod list;
mod overview;
mod resolve;

pub(crate) use feed::{
    __path_stream_services, __path_watch_services, stream_services, watch_services,
};
pub(crate) use import::{__path_import_services, import_services};
pub(crate) use list::{
    __path_brief_services, __path_list_services, ServiceParams, brief_services, list_services,
};
pub(crate) use overview::{__path_get_overview, get_overview};
pub(crate) use resolve::{__path_resolve_service, resolve_service};

/// Where a list begins.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageParams {
    /// Continue after this name.
    after: Option<String>,
    /// Rows of the page, 1 to 100.
    limit: Option<u32>,
}

/// Register a service, or replace what it said before. With a member `signature`, a compact JWS over the
/// rest of the document, it is verified first. Registering is a sign of life.
#[utoipa::path(
    post, path = "/v1/services", tag = "services", security(("key" = [])),
    request_body = ServiceDefinition,
    responses(
        (status = 201, description = "It is new.", body = ServiceView),
        (status = 200, description = "It was known.", body = ServiceView),
    ),
)]
pub(crate) async fn register_service(
    State(api): State<Shared>,
    caller: Caller,
    JsonBody(document): JsonBody<Value>,
) -> ApiResult<(StatusCode, Json<ServiceView>)> {
    let (status, view) = api.register(&caller.scope, document).await?;
    Ok((status, Json(view)))
}

/// One entry: a service, or an agent of this host.
#[utoipa::path(
    get, path = "/v1/services/{name}", tag = "services", security(("key" = [])),
    params(("name" = String, Path, description = "The service.")),
    responses((status = 200, description = "The entry.", body = ServiceView)),
)]
pub(crate) async fn get_service(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(name): UrlPath<AgentName>,
) -> ApiResult<Json<ServiceView>> {
    Ok(Json(api.entry(&caller.scope, &name).await?))
}

/// Take a service out of the catalogue.
#[utoipa::path(
    delete, path = "/v1/services/{name}", tag = "services", security(("key" = [])),
    params(("name" = String, Path, description = "The service.")),
    responses((status = 204, description = "Gone.")),
)]
pub(crate) async fn deregister_service(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(name): UrlPath<AgentName>,
) -> ApiResult<StatusCode> {
    api.deregister(&caller.scope, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tell that a service lives, and how it is.
#[utoipa::path(
    post, path = "/v1/services/{name}/heartbeat", tag = "services", security(("key" = [])),
    params(("name" = String, Path, description = "The service.")),
    request_body = Health,
    responses((status = 200, description = "The service as it is now.", body = ServiceView)),
)]
pub(crate) async fn beat_service(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(name): UrlPath<AgentName>,
    OptionalJson(health): OptionalJson<Health>,
) -> ApiResult<Json<ServiceView>> {
    Ok(Json(api.beat(&caller.scope, &name, health).await?))
}

/// The same for clients that put.
#[utoipa::path(
    put, path = "/v1/services/{name}/heartbeat", tag = "services", security(("key" = [])),
    params(("name" = String, Path, description = "The service.")),
    request_body = Health,
    responses((status = 200, description = "The service as it is now.", body = ServiceView)),
)]
pub(crate) async fn put_beat_of_service(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(name): UrlPath<AgentName>,
    OptionalJson(health): OptionalJson<Health>,
) -> ApiResult<Json<ServiceView>> {
    Ok(Json(api.beat(&caller.scope, &name, health).await?))
}

/// Put a service into a state. One that does not follow on the state it is in is refused with those that
/// do.
#[utoipa::path(
    put, path = "/v1/services/{name}/status", tag = "services", security(("key" = [])),
    params(("name" = String, Path, description = "The service.")),
    request_body = StatusRequest,
    responses((status = 200, description = "The service as it is now.", body = ServiceView)),
)]
pub(crate) async fn change_service_status(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(name): UrlPath<AgentName>,
    OptionalJson(request): OptionalJson<StatusRequest>,
) -> ApiResult<Json<ServiceView>> {
    Ok(Json(
        api.change_state(&caller.scope, &name, request.state)
            .await?,
    ))
}

/// A tenant's public and internal services, for whoever operates the host.
#[utoipa::path(
    get, path = "/v1/tenants/{name}/services", tag = "services", security(("admin" = [])),
    params(("name" = String, Path, description = "The tenant."), PageParams),
    responses((status = 200, description = "A page.", body = Listing<ServiceView>)),
)]
pub(crate) async fn list_tenant_services(
    State(api): State<Shared>,
    operator: Operator,
    UrlPath(tenant): UrlPath<TenantName>,
    UrlQuery(params): UrlQuery<PageParams>,
) -> ApiResult<Json<Listing<ServiceView>>> {
    let limit = page::rows(params.limit)?;
    let tenant = api.app.admin.get_tenant(&tenant).await?;
    let scope = operator.scope_of(&tenant);
    let after = params.after.as_deref().unwrap_or_default();
    let directory = api.app.agents.directory(&scope).await?;
    let now = api.app.clock.now();
    let views: Vec<ServiceView> = directory
        .services()
        .visible_to(Viewer::of(scope.principal()))
        .filter(|service| service.name().as_str() > after)
        .take(limit as usize)
        .map(|service| ServiceView::of_service(service, now))
        .collect();
    let next = |view: &ServiceView| view.name.to_string();
    Ok(Json(page::by_name(views, limit, next)))
}

impl Api {
    /// Register what a document says.
    pub(crate) async fn register(
        &self,
        scope: &TenantScope,
        document: Value,
    ) -> Result<(StatusCode, ServiceView)> {
        let document = ServiceDocument::read(document)?;
        let new = self.new_service(scope, document).await?;
        let mut done = self.app.services.register(scope, vec![new]).await?;
        let done = done
            .pop()
            .ok_or_else(|| Error::internal("registering a service", "nothing was registered"))?;
        let status = if done.created {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        };
        let view = ServiceView::of_service(&done.service, self.app.clock.now());
        Ok((status, view))
    }

    /// Take a service out.
    pub(crate) async fn deregister(&self, scope: &TenantScope, name: &AgentName) -> Result<()> {
        let now = self.app.clock.now();
        self.app.services.deregister(scope, name, now).await
    }

    /// A document that was read, its signature verified.
    pub(super) async fn new_service(
        &self,
        scope: &TenantScope,
        document: ServiceDocument,
    ) -> Result<NewService> {
        let signature = self.verified(scope, &document).await?;
        Ok(NewService {
            ttl_ms: self.app.registry.ttl_ms(&document.definition),
            definition: document.definition,
            signature,
            now: self.app.clock.now(),
        })
    }

    async fn verified(
        &self,
        scope: &TenantScope,
        document: &ServiceDocument,
    ) -> Result<Option<Signature>> {
        let Some(jws) = &document.signature else {
            return Ok(None);
        };
        let unverified = Unverified::parse(jws)?;
        let keys = self.app.services.signing_keys(scope).await?;
        let mine = |owner| matches!(scope.principal(), Principal::Client(key) if key == owner);
        let key = keys
            .iter()
            .find(|key| key.id == *unverified.key() && mine(&key.owner))
            .ok_or_else(|| {
                let id = unverified.key();
                let reason = format!(
                    "no signing key `{id}` of yours is registered: PUT it to /v1/signing-keys/{id} first"
                );
                Error::invalid("signature", reason)
            })?;
        unverified.verify(key, &document.document).map(Some)
    }

    /// The entry of this name as it is now.
    pub(crate) async fn entry(&self, scope: &TenantScope, name: &AgentName) -> Result<ServiceView> {
        let directory = self.app.agents.directory(scope).await?;
        if let Ok(agent) = directory.get(name) {
            let facts = self.app.hosted.facts(scope).await?;
            let facts = facts.get(&agent.id).copied().unwrap_or_default();
            return Ok(ServiceView::of_agent(agent, facts));
        }
        let viewer = Viewer::of(scope.principal());
        let service = directory.services().seen_by(viewer, name)?;
        Ok(ServiceView::of_service(service, self.app.clock.now()))
    }

    /// Note a sign of life.
    pub(crate) async fn beat(
        &self,
        scope: &TenantScope,
        name: &AgentName,
        health: Health,
    ) -> Result<ServiceView> {
        health.check()?;
        let now = self.app.clock.now();
        let health = Some(health).filter(|health| !health.is_empty());
        let service = self.app.services.beat(scope, name, health, now).await?;
        Ok(ServiceView::of_service(&service, now))
    }

    /// Put a service into a state.
    pub(crate) async fn change_state(
        &self,
        scope: &TenantScope,
        name: &AgentName,
        state: Option<ServiceState>,
    ) -> Result<ServiceView> {
        let now = self.app.clock.now();
        let Some(state) = state else {
            // Who names no state is told that only if there is something to put into one.
            let directory = self.app.agents.directory(scope).await?;
            directory
                .services()
                .seen_by(Viewer::of(scope.principal()), name)?;
            let words = ServiceState::ALL.map(ServiceState::as_str).join(", ");
            return Err(Error::invalid(
                "state",
                format!("is missing; it is one of {words}"),
            ));
        };
        let service = self.app.services.set_state(scope, name, state, now).await?;
        Ok(ServiceView::of_service(&service, now))
    }
}
