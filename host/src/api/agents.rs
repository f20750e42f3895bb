//! `/v1/agents`: push, look up, roll back, pause and configure agents.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::id::AgentName;
use crate::identity::TenantScope;
use crate::registry::{Agent, AgentKind, AgentQuery, AgentStatus, check_config};

use super::auth::Caller;
use super::error::ApiResult;
use super::extract::{JsonBody, OptionalJson, UrlPath, UrlQuery};
use super::types::{AgentView, Listing, RollbackRequest, VersionView};
use super::{Api, Shared, page};

mod push;

pub(crate) use push::{__path_push_agent, push_agent};

/// Which agents to list. All that is given must match.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AgentParams {
    /// The name, exactly.
    id: Option<String>,
    /// Part of the name, in any case.
    name: Option<String>,
    /// `tool`, `worker`, `planner` or `agent`.
    #[param(value_type = Option<String>)]
    kind: Option<AgentKind>,
    /// The type of an event that it consumes.
    consumes: Option<String>,
    /// The type of an event that it produces.
    produces: Option<String>,
    /// A capability by name.
    capability: Option<String>,
    /// A task that one of its capabilities carries out.
    task: Option<String>,
    /// Its category.
    category: Option<String>,
    /// Tags with commas in between, all of which it must have.
    tags: Option<String>,
    /// Whose it is.
    owner: Option<String>,
    /// `active`, `paused` or `quarantined`.
    status: Option<String>,
    /// Words of its description and its capabilities, all of them, in any case.
    text: Option<String>,
    /// Continue after this name.
    after: Option<String>,
    /// Rows of the page, 1 to 100.
    limit: Option<u32>,
}

impl AgentParams {
    fn query(self) -> Result<AgentQuery> {
        let tags = self.tags.as_deref().unwrap_or_default();
        let tags = tags.split(',').map(str::trim).filter(|tag| !tag.is_empty());
        Ok(AgentQuery {
            id: self.id,
            task: self.task,
            category: self.category,
            tags: tags.map(str::to_owned).collect(),
            owner: self.owner,
            name: self.name,
            kind: self.kind.map(|kind| kind.as_str().to_owned()),
            consumes: self.consumes,
            produces: self.produces,
            capability: self.capability,
            status: self.status,
            text: self.text,
            limit: page::rows(self.limit)?,
            after: self.after,
        })
    }
}

/// Agents by name.
#[utoipa::path(
    get, path = "/v1/agents", tag = "agents", security(("key" = [])),
    params(AgentParams),
    responses((status = 200, description = "A page.", body = Listing<AgentView>)),
)]
pub(crate) async fn list_agents(
    State(api): State<Shared>,
    caller: Caller,
    UrlQuery(params): UrlQuery<AgentParams>,
) -> ApiResult<Json<Listing<AgentView>>> {
    let query = params.query()?;
    let directory = api.app.agents.directory(&caller.scope).await?;
    let found = directory.find_agents(&query)?;
    let breakers = api.app.hosted.breakers(caller.scope.tenant());
    let views: Vec<AgentView> = found
        .iter()
        .map(|agent| AgentView::from(&**agent).with_breaker(breakers.get(&agent.id).copied()))
        .collect();
    let next = |view: &AgentView| view.name.to_string();
    Ok(Json(page::by_name(views, query.limit, next)))
}

/// One agent.
#[utoipa::path(
    get, path = "/v1/agents/{name}", tag = "agents", security(("key" = [])),
    params(("name" = String, Path, description = "The agent.")),
    responses((status = 200, description = "The agent.", body = AgentView)),
)]
pub(crate) async fn get_agent(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(name): UrlPath<AgentName>,
) -> ApiResult<Json<AgentView>> {
    let agent = api.agent(&caller.scope, &name).await?;
    let breakers = api.app.hosted.breakers(caller.scope.tenant());
    let breaker = breakers.get(&agent.id).copied();
    Ok(Json(AgentView::from(&*agent).with_breaker(breaker)))
}

/// Remove an agent, its versions and what waits for it. Its past turns stay readable.
#[utoipa::path(
    delete, path = "/v1/agents/{name}", tag = "agents", security(("key" = [])),
    params(("name" = String, Path, description = "The agent.")),
    responses((status = 204, description = "Gone.")),
)]
pub(crate) async fn delete_agent(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(name): UrlPath<AgentName>,
) -> ApiResult<StatusCode> {
    api.app.agents.delete(&caller.scope, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Versions of an agent, the newest first.
#[utoipa::path(
    get, path = "/v1/agents/{name}/versions", tag = "agents", security(("key" = [])),
    params(("name" = String, Path, description = "The agent.")),
    responses((status = 200, description = "All that are kept.", body = Listing<VersionView>)),
)]
pub(crate) async fn list_versions(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(name): UrlPath<AgentName>,
) -> ApiResult<Json<Listing<VersionView>>> {
    let agent = api.agent(&caller.scope, &name).await?;
    let versions = api.app.agents.versions(&caller.scope, &name).await?;
    let items = versions
        .iter()
        .map(|version| VersionView::new(version, agent.version))
        .collect();
    Ok(Json(Listing { items, next: None }))
}

/// Let new turns run an earlier version. Running turns finish on theirs.
#[utoipa::path(
    post, path = "/v1/agents/{name}/rollback", tag = "agents", security(("key" = [])),
    params(("name" = String, Path, description = "The agent.")),
    request_body = RollbackRequest,
    responses((status = 200, description = "The agent as it is now.", body = AgentView)),
)]
pub(crate) async fn rollback_agent(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(name): UrlPath<AgentName>,
    OptionalJson(request): OptionalJson<RollbackRequest>,
) -> ApiResult<Json<AgentView>> {
    let now = api.app.clock.now();
    let agents = &api.app.agents;
    let agent = agents
        .rollback(&caller.scope, &name, request.version, now)
        .await?;
    Ok(Json(AgentView::from(&agent)))
}

/// Let an agent's deliveries wait.
#[utoipa::path(
    post, path = "/v1/agents/{name}/pause", tag = "agents", security(("key" = [])),
    params(("name" = String, Path, description = "The agent.")),
    responses((status = 200, description = "The agent as it is now.", body = AgentView)),
)]
pub(crate) async fn pause_agent(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(name): UrlPath<AgentName>,
) -> ApiResult<Json<AgentView>> {
    api.change_status(&caller.scope, &name, Change::Pause).await
}

/// Let a paused agent's deliveries run again.
#[utoipa::path(
    post, path = "/v1/agents/{name}/resume", tag = "agents", security(("key" = [])),
    params(("name" = String, Path, description = "The agent.")),
    responses((status = 200, description = "The agent as it is now.", body = AgentView)),
)]
pub(crate) async fn resume_agent(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(name): UrlPath<AgentName>,
) -> ApiResult<Json<AgentView>> {
    api.change_status(&caller.scope, &name, Change::Resume)
        .await
}

/// Start an agent afresh, also one that is paused: running turns are stopped and their events wait, how it failed is
/// forgotten, and the next turn loads its component anew. A quarantine is not lifted by the way.
#[utoipa::path(
    post, path = "/v1/agents/{name}/restart", tag = "agents", security(("key" = [])),
    params(("name" = String, Path, description = "The agent.")),
    responses((status = 200, description = "The agent as it is now.", body = AgentView)),
)]
pub(crate) async fn restart_agent(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(name): UrlPath<AgentName>,
) -> ApiResult<Json<AgentView>> {
    let agent = api.agent(&caller.scope, &name).await?;
    // Refused before anything is stopped.
    Change::Resume.apply(&agent.status)?;
    api.app.hosted.restart(caller.scope.tenant(), &agent);
    api.change_status(&caller.scope, &name, Change::Resume)
        .await
}

/// Trust an agent again that was quarantined for taking the host down.
#[utoipa::path(
    post, path = "/v1/agents/{name}/release", tag = "agents", security(("key" = [])),
    params(("name" = String, Path, description = "The agent.")),
    responses((status = 200, description = "The agent as it is now.", body = AgentView)),
)]
pub(crate) async fn release_agent(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(name): UrlPath<AgentName>,
) -> ApiResult<Json<AgentView>> {
    api.change_status(&caller.scope, &name, Change::Release)
        .await
}

/// Replace an agent's configuration values. They apply from the next turn on.
#[utoipa::path(
    put, path = "/v1/agents/{name}/config", tag = "agents", security(("key" = [])),
    params(("name" = String, Path, description = "The agent.")),
    request_body(content = BTreeMap<String, String>, description = "Names and values."),
    responses((status = 200, description = "The agent as it is now.", body = AgentView)),
)]
pub(crate) async fn configure_agent(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(name): UrlPath<AgentName>,
    JsonBody(config): JsonBody<BTreeMap<String, String>>,
) -> ApiResult<Json<AgentView>> {
    check_config(&config)?;
    let now = api.app.clock.now();
    let agents = &api.app.agents;
    let agent = agents.set_config(&caller.scope, &name, config, now).await?;
    Ok(Json(AgentView::from(&agent)))
}

/// What is to become of an agent's status.
#[derive(Debug, Clone, Copy)]
enum Change {
    Pause,
    Resume,
    Release,
}

impl Change {
    /// The status after it; nothing if it is so already.
    ///
    /// # Errors
    /// `Conflict` when a quarantine would be lifted or hidden by the way.
    fn apply(self, now: &AgentStatus) -> Result<Option<AgentStatus>> {
        match (self, now) {
            (Self::Pause, AgentStatus::Active) => Ok(Some(AgentStatus::Paused)),
            (Self::Resume, AgentStatus::Paused)
            | (Self::Release, AgentStatus::Quarantined { .. }) => Ok(Some(AgentStatus::Active)),
            (Self::Pause, AgentStatus::Paused)
            | (Self::Resume | Self::Release, AgentStatus::Active) => Ok(None),
            (Self::Pause | Self::Resume, AgentStatus::Quarantined { .. }) => Err(Error::conflict(
                "agent",
                "it is quarantined and gets no turns; `release` lifts that",
            )),
            (Self::Release, AgentStatus::Paused) => Err(Error::conflict(
                "agent",
                "it is paused, not quarantined; `resume` lifts that",
            )),
        }
    }
}

impl Api {
    /// The agent of this name in the scope's tenant.
    pub(crate) async fn agent(&self, scope: &TenantScope, name: &AgentName) -> Result<Arc<Agent>> {
        let directory = self.app.agents.directory(scope).await?;
        directory.get(name).cloned()
    }

    async fn change_status(
        &self,
        scope: &TenantScope,
        name: &AgentName,
        change: Change,
    ) -> ApiResult<Json<AgentView>> {
        let agent = self.agent(scope, name).await?;
        let Some(status) = change.apply(&agent.status)? else {
            return Ok(Json(AgentView::from(&*agent)));
        };
        let now = self.app.clock.now();
        let agents = &self.app.agents;
        let agent = agents.set_status(scope, name, status, now).await?;
        Ok(Json(AgentView::from(&agent)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarantine_is_lifted_by_release_alone() {
        let quarantined = AgentStatus::Quarantined {
            reason: "it took the host down".into(),
        };
        let table = [
            (Change::Pause, AgentStatus::Active, Some("paused")),
            (Change::Resume, AgentStatus::Paused, Some("active")),
            (Change::Release, quarantined.clone(), Some("active")),
            (Change::Pause, quarantined.clone(), None),
            (Change::Resume, quarantined, None),
            (Change::Release, AgentStatus::Paused, None),
        ];
        for (change, from, to) in table {
            let got = change.apply(&from).ok().flatten();
            let got = got.as_ref().map(AgentStatus::as_str);
            assert_eq!(got, to, "{change:?} {from:?}");
        }
        assert!(matches!(
            Change::Resume.apply(&AgentStatus::Active),
            Ok(None)
        ));
    }
}
