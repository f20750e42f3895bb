//! `GET /v1/services`: services and hosted agents as one list, for programs and for language models.

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::identity::TenantScope;
use crate::registry::{Discovered, Found, ServiceKind, ServiceQuery, ServiceState, Viewer};

use super::super::auth::Caller;
use super::super::error::ApiResult;
use super::super::extract::UrlQuery;
use super::super::types::{Listing, ServiceView};
use super::super::{Api, Shared, page};

/// The media type of texts.
const MEDIA_TEXT: &str = "text/plain; charset=utf-8";

/// Which entries to list. All that is given must match.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct ServiceParams {
    /// Its id: the name, or `name:version`.
    pub(crate) id: Option<String>,
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
    /// A task that one of its capabilities carries out.
    pub(crate) task: Option<String>,
    /// The type of an event that it consumes.
    pub(crate) consumes: Option<String>,
    /// The type of an event that it produces.
    pub(crate) produces: Option<String>,
    /// Whose it is: of a service the key that registered it, of an agent what its manifest says.
    pub(crate) owner: Option<String>,
    /// In this state.
    #[serde(alias = "status")]
    #[param(value_type = Option<String>)]
    pub(crate) state: Option<ServiceState>,
    /// Words of its description and its capabilities, all of them, in any case.
    pub(crate) text: Option<String>,
    /// A question in plain words, such as `who can summarise a web page`: what answers it best comes first,
    /// with its score, and what does not is left out. Such a list has no next page.
    pub(crate) about: Option<String>,
    /// An expression of CEL that is true of it, such as `type == 'tool' && 'web' in tags`. It speaks of `name`,
    /// `version`, `type`, `state`, `hosted`, `owner`, `description`, `category`, `tags`, `url`, `protocol`, `tasks`,
    /// `consumes`, `produces`, `visibility`, `metadata`, and of `capabilities` with `name`, `description`, `tasks`,
    /// `consumes` and `produces` each. A page may be short and yet have a next one.
    pub(crate) filter: Option<String>,
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
    /// What is looked for.
    pub(super) fn query(self) -> Result<ServiceQuery> {
        let tags = self.tags.unwrap_or_default();
        let tags = tags.split(',').map(str::trim).filter(|tag| !tag.is_empty());
        Ok(ServiceQuery {
            id: self.id,
            name: self.name,
            kind: self.kind,
            category: self.category,
            tags: tags.map(str::to_owned).collect(),
            capability: self.capability,
            task: self.task,
            consumes: self.consumes,
            produces: self.produces,
            owner: self.owner,
            state: self.state,
            text: self.text,
            about: self.about,
            filter: self.filter,
            hosted: self.hosted,
            include_expired: self.include_expired,
            limit: page::rows(self.limit)?,
            after: self.after,
        })
    }
}

/// Services and hosted agents: by name, or those that answer a question, the best first.
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

/// The same as a text for language models: what each can do, what to send, and what comes back.
#[utoipa::path(
    get, path = "/v1/services/brief", tag = "services", security(("key" = [])),
    params(ServiceParams),
    responses((status = 200, description = "Some lines an entry.", body = String, content_type = "text/plain")),
)]
pub(crate) async fn brief_services(
    State(api): State<Shared>,
    caller: Caller,
    UrlQuery(params): UrlQuery<ServiceParams>,
) -> ApiResult<Response> {
    let discovered = api.discover(&caller.scope, params.query()?).await?;
    let text: String = discovered.found.iter().map(Found::brief).collect();
    Ok(([(CONTENT_TYPE, MEDIA_TEXT)], text).into_response())
}

impl Api {
    /// A page of the catalogue.
    pub(crate) async fn entries(
        &self,
        scope: &TenantScope,
        params: ServiceParams,
    ) -> Result<Listing<ServiceView>> {
        let query = params.query()?;
        let (limit, ranked) = (query.limit, query.about.is_some());
        let Discovered { found, stopped_at } = self.discover(scope, query).await?;
        let now = self.app.clock.now();
        let views = found.iter().map(|found| ServiceView::of_found(found, now));
        let views: Vec<ServiceView> = views.collect();
        if ranked {
            return Ok(Listing {
                items: views,
                next: None,
            });
        }
        let next = |view: &ServiceView| view.name.to_string();
        let page = page::by_name(views, limit, next);
        Ok(Listing {
            next: page.next.or(stopped_at.map(|name| name.to_string())),
            ..page
        })
    }

    /// Entries that match.
    async fn discover(&self, scope: &TenantScope, query: ServiceQuery) -> Result<Discovered> {
        let directory = self.app.agents.directory(scope).await?;
        let facts = self.app.hosted.facts(scope).await?;
        let now = self.app.clock.now();
        let scope = scope.clone();
        // Ranking a full catalogue for the first time takes some hundred milliseconds of a core.
        let find = move || {
            let viewer = Viewer::of(scope.principal());
            directory.discover(viewer, &query, &facts, now)
        };
        tokio::task::spawn_blocking(find)
            .await
            .map_err(|e| Error::internal("searching the catalogue", e))?
    }
}
