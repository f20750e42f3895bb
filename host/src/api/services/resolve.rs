//! `GET /v1/services/resolve`: from an address or a wish to the entry to ask.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::id::AgentName;
use crate::identity::TenantScope;
use crate::registry::{Address, Entry, ServiceQuery, Viewer};

use super::super::auth::Caller;
use super::super::error::{ApiError, ApiResult, Code};
use super::super::extract::UrlQuery;
use super::super::types::ResolvedView;
use super::super::{Api, Shared};

/// How agents of this host are asked.
const PROTOCOL: &str = "warren";
/// Most others that are named.
const OTHERS_MAX: usize = 10;

/// Whom to find: by address, or by what it must be.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ResolveParams {
    /// `klp://name/path`.
    address: Option<String>,
    /// A capability by name.
    capability: Option<String>,
    /// The type of an event that it consumes.
    consumes: Option<String>,
    /// Tags, all of them, with commas in between.
    tags: Option<String>,
}

/// Find the entry to ask: the one that is named, or the best that can do what is wanted. Nothing that is
/// unhealthy, paused or offline is answered.
#[utoipa::path(
    get, path = "/v1/services/resolve", tag = "services", security(("key" = [])),
    params(ResolveParams),
    responses((status = 200, description = "Whom to ask.", body = ResolvedView)),
)]
pub(crate) async fn resolve_service(
    State(api): State<Shared>,
    caller: Caller,
    UrlQuery(params): UrlQuery<ResolveParams>,
) -> ApiResult<Json<ResolvedView>> {
    match params.address.as_deref() {
        Some(address) => {
            let address = Address::parse(address)?;
            api.resolve(&caller.scope, &address).await.map(Json)
        }
        None => api.best_of(&caller.scope, params).await.map(Json),
    }
}

impl Api {
    async fn resolve(&self, scope: &TenantScope, address: &Address) -> ApiResult<ResolvedView> {
        let now = self.app.clock.now();
        let entry = self.entry(scope, &address.name).await?;
        let unusable = || {
            let words = format!(
                "`{}` is {} and cannot be asked now",
                entry.name, entry.state
            );
            ApiError::new(Code::Unavailable, words)
        };
        if entry.hosted {
            if entry.state > crate::registry::ServiceState::Degraded {
                return Err(unusable());
            }
            return Ok(ResolvedView {
                url: call_of(&entry.name),
                name: entry.name,
                protocol: Some(PROTOCOL.to_owned()),
                state: entry.state,
                others: Vec::new(),
            });
        }
        let directory = self.app.agents.directory(scope).await?;
        let viewer = Viewer::of(scope.principal());
        let service = directory.services().seen_by(viewer, &address.name)?;
        if !service.is_usable(now) {
            return Err(unusable());
        }
        let url = service.url_of(&address.path).ok_or_else(|| {
            Error::conflict("service", format!("`{}` has no url", service.name()))
        })?;
        Ok(ResolvedView {
            name: service.name().clone(),
            url,
            protocol: service.definition.protocol.clone(),
            state: service.state_at(now),
            others: Vec::new(),
        })
    }

    async fn best_of(&self, scope: &TenantScope, params: ResolveParams) -> ApiResult<ResolvedView> {
        let query = wish(params)?;
        let now = self.app.clock.now();
        let directory = self.app.agents.directory(scope).await?;
        let facts = self.app.hosted.facts(scope).await?;
        let viewer = Viewer::of(scope.principal());
        let found = directory.best(viewer, &query, &facts, now);
        let best = found.first().ok_or_else(|| {
            ApiError::new(
                Code::Unavailable,
                "nothing that works now matches; look with GET /v1/services?include_expired=true",
            )
        })?;
        let (url, protocol) = match &best.entry {
            Entry::Agent(agent, _) => (call_of(&agent.name), Some(PROTOCOL.to_owned())),
            Entry::Service(service) => {
                let url = service.url_of("").unwrap_or_default();
                (url, service.definition.protocol.clone())
            }
        };
        Ok(ResolvedView {
            name: best.name().clone(),
            url,
            protocol,
            state: best.state,
            others: found
                .iter()
                .skip(1)
                .take(OTHERS_MAX)
                .map(|s| s.name().clone())
                .collect(),
        })
    }
}

/// Where an agent of this host is asked.
fn call_of(name: &AgentName) -> String {
    format!("/v1/agents/{name}/call")
}

fn wish(params: ResolveParams) -> Result<ServiceQuery> {
    let tags = params.tags.unwrap_or_default();
    let tags = tags.split(',').map(str::trim).filter(|tag| !tag.is_empty());
    let query = ServiceQuery {
        capability: params.capability,
        consumes: params.consumes,
        tags: tags.map(str::to_owned).collect(),
        ..ServiceQuery::default()
    };
    if query.capability.is_none() && query.consumes.is_none() && query.tags.is_empty() {
        let reason = "name an address, a capability, an event type that it consumes, or tags";
        return Err(Error::invalid("address", reason));
    }
    Ok(query)
}
