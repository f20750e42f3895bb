//! `GET /v1/services`: services and hosted agents, by name, as one list.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use crate::error::Result;
use crate::id::AgentId;
use crate::identity::TenantScope;
use crate::registry::{Directory, HostedFacts, ServiceKind, ServiceQuery, ServiceState, Viewer};

use super::super::auth::Caller;
use super::super::error::ApiResult;
use super::super::extract::UrlQuery;
use super::super::types::{Listing, ServiceView};
use super::super::{Api, Shared, page};

/// Which entries to list. All that is given must match.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct ServiceParams {
    /// Part of the name, in any case.
    pub(crate) name: Option<String>,
    /// What sort of thing.
    #[serde(rename = "type")]
    #[param(value_type = Option<String>)]
    pub(crate) kind: Option<ServiceKind>,
    /// Its category.
    pub(crate) category: Option<String>,
    /// Tags, all of them, with commas in between.
    #[serde(alias = "tag")]
    pub(crate) tags: Option<String>,
    /// A capability by name.
    pub(crate) capability: Option<String>,
    /// The type of an event that it consumes.
    pub(crate) consumes: Option<String>,
    /// The type of an event that it produces.
    pub(crate) produces: Option<String>,
    /// The key that registered it.
    pub(crate) owner: Option<String>,
    /// In this state.
    #[serde(alias = "status")]
    #[param(value_type = Option<String>)]
    pub(crate) state: Option<ServiceState>,
    /// Words of its description, all of them, in any case.
    pub(crate) text: Option<String>,
    /// Only hosted agents, or only what lives elsewhere.
    pub(crate) hosted: Option<bool>,
    /// Those that are offline too.
    pub(crate) include_expired: bool,
    /// Continue after this name.
    pub(crate) after: Option<String>,
    /// Rows of the page, 1 to 100.
    pub(crate) limit: Option<u32>,
}

impl ServiceParams {
    /// What is looked for, and whether hosted agents or others alone.
    pub(super) fn query(self) -> Result<(ServiceQuery, Option<bool>)> {
        let tags = self.tags.unwrap_or_default();
        let tags = tags.split(',').map(str::trim).filter(|tag| !tag.is_empty());
        let query = ServiceQuery {
            name: self.name,
            kind: self.kind,
            category: self.category,
            tags: tags.map(str::to_owned).collect(),
            capability: self.capability,
            consumes: self.consumes,
            produces: self.produces,
            owner: self.owner,
            state: self.state,
            text: self.text,
            include_expired: self.include_expired,
            limit: page::rows(self.limit)?,
            after: self.after,
        };
        Ok((query, self.hosted))
    }
}

/// Services and hosted agents by name.
#[utoipa::path(
    get, path = "/v1/services", tag = "services", security(("key" = [])),
    params(ServiceParams),
    responses((status = 200, description = "A page.", body = Listing<ServiceView>)),
)]
pub(crate) async fn list_services(
    State(api): State<Shared>,
    caller: Caller,
    UrlQuery(params): UrlQuery<ServiceParams>,
) -> ApiResult<Json<Listing<ServiceView>>> {
    Ok(Json(api.entries(&caller.scope, params).await?))
}

impl Api {
    /// A page of the catalogue.
    pub(crate) async fn entries(
        &self,
        scope: &TenantScope,
        params: ServiceParams,
    ) -> Result<Listing<ServiceView>> {
        let (query, hosted) = params.query()?;
        let directory = self.app.agents.directory(scope).await?;
        let now = self.app.clock.now();
        let mut views = Vec::new();
        if hosted != Some(false) {
            let facts = self.app.hosted.facts(scope).await?;
            views = agents(&directory, &query, &facts);
        }
        if hosted != Some(true) {
            let viewer = Viewer::of(scope.principal());
            let found = directory.services().find(viewer, &query, now);
            views.extend(
                found
                    .iter()
                    .map(|found| ServiceView::of_service(found, now)),
            );
        }
        views.sort_by(|a, b| a.name.cmp(&b.name));
        views.truncate(query.limit as usize);
        let next = |view: &ServiceView| view.name.to_string();
        Ok(page::by_name(views, query.limit, next))
    }
}

/// The first hosted agents that match.
fn agents(
    directory: &Directory,
    query: &ServiceQuery,
    facts: &HashMap<AgentId, HostedFacts>,
) -> Vec<ServiceView> {
    let after = query.after.as_deref().unwrap_or_default();
    directory
        .agents()
        .filter(|agent| agent.name.as_str() > after)
        .map(|agent| {
            let facts = facts.get(&agent.id).copied().unwrap_or_default();
            ServiceView::of_agent(agent, facts)
        })
        .filter(|view| query.matches_parts(&view.definition, None, view.state))
        .take(query.limit as usize)
        .collect()
}
