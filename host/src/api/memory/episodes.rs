//! `/v1/memory/episodes` and `/v1/memory/sessions`: what was said and done with the customer and user that
//! the request speaks for.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{Error, Result};
use crate::id::{AgentName, Label};
use crate::memory::{Episode, EpisodeFilter, QUERY_BYTES_MAX, Role, check};

use super::super::auth::Caller;
use super::super::error::ApiResult;
use super::super::extract::{JsonBody, UrlPath, UrlQuery};
use super::super::types::{
    EpisodeRequest, EpisodeView, Listing, RememberedView, SessionRequest, SessionView,
};
use super::super::{Shared, page};
use super::knowledge::instant;

/// Which episodes. All that is given must match.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EpisodeParams {
    /// Of this agent.
    #[param(value_type = String)]
    agent: AgentName,
    /// The best first by these words, instead of the newest.
    text: Option<String>,
    /// Of this session.
    #[param(value_type = Option<String>)]
    session: Option<Label>,
    /// By this role: `user`, `assistant`, `system` or `tool`.
    #[param(value_type = Option<String>)]
    role: Option<Role>,
    /// At or after this instant.
    since: Option<String>,
    /// Before this instant.
    until: Option<String>,
    /// Older than the episode of this id.
    before: Option<String>,
    /// Rows of the page, 1 to 100.
    limit: Option<u32>,
}

/// Which sessions.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SessionParams {
    /// Continue after this session.
    #[param(value_type = Option<String>)]
    after: Option<Label>,
    /// Rows of the page, 1 to 100.
    limit: Option<u32>,
}

/// Add an episode to an agent's memory of the user.
#[utoipa::path(
    post, path = "/v1/memory/episodes", tag = "memory", security(("key" = [])),
    request_body = EpisodeRequest,
    responses((status = 200, description = "Its id.", body = RememberedView)),
)]
pub(crate) async fn add_episode(
    State(api): State<Shared>,
    caller: Caller,
    JsonBody(request): JsonBody<EpisodeRequest>,
) -> ApiResult<Json<RememberedView>> {
    check::text("content", &request.content)?;
    let scope = &caller.scope;
    let episode = Episode {
        id: crate::memory::fresh_id("epi"),
        agent: request.agent,
        customer: scope.customer().cloned(),
        user: scope.user().cloned(),
        role: request.role,
        content: request.content.into(),
        metadata: object(request.metadata.as_deref())?,
        session: request.session,
        time: api.app.clock.now(),
    };
    let id = std::sync::Arc::clone(&episode.id);
    api.app.episode_keeper.add(scope, episode).await?;
    Ok(Json(RememberedView { id }))
}

/// An agent's episodes with the user, the newest first, or by words the best first.
#[utoipa::path(
    get, path = "/v1/memory/episodes", tag = "memory", security(("key" = [])),
    params(EpisodeParams),
    responses((status = 200, description = "A page.", body = Listing<EpisodeView>)),
)]
pub(crate) async fn list_episodes(
    State(api): State<Shared>,
    caller: Caller,
    UrlQuery(params): UrlQuery<EpisodeParams>,
) -> ApiResult<Json<Listing<EpisodeView>>> {
    let limit = page::rows(params.limit)?;
    let filter = EpisodeFilter {
        agent: params.agent,
        session: params.session,
        role: params.role,
        since: instant("since", params.since)?,
        until: instant("until", params.until)?,
        limit,
        before: params.before,
    };
    let episodes = &api.app.episodes;
    let Some(text) = params.text else {
        let rows = episodes.recent(&caller.scope, &filter).await?;
        let views: Vec<EpisodeView> = rows.into_iter().map(Into::into).collect();
        return Ok(Json(page::by_name(views, limit, |view| {
            view.id.to_string()
        })));
    };
    if text.is_empty() || text.len() > QUERY_BYTES_MAX {
        let rule = format!("{} bytes, must be 1 to {QUERY_BYTES_MAX}", text.len());
        return Err(Error::invalid("text", rule).into());
    }
    let rows = episodes.search(&caller.scope, &text, &filter).await?;
    let items = rows.into_iter().map(Into::into).collect();
    Ok(Json(Listing { items, next: None }))
}

/// The user's sessions, the one in which something happened last first.
#[utoipa::path(
    get, path = "/v1/memory/sessions", tag = "memory", security(("key" = [])),
    params(SessionParams),
    responses((status = 200, description = "A page.", body = Listing<SessionView>)),
)]
pub(crate) async fn list_sessions(
    State(api): State<Shared>,
    caller: Caller,
    UrlQuery(params): UrlQuery<SessionParams>,
) -> ApiResult<Json<Listing<SessionView>>> {
    let limit = page::rows(params.limit)?;
    let sessions = &api.app.sessions;
    let rows = sessions
        .list(&caller.scope, params.after.as_ref(), limit)
        .await?;
    let views: Vec<SessionView> = rows.into_iter().map(Into::into).collect();
    Ok(Json(page::by_name(views, limit, |view| {
        view.id.to_string()
    })))
}

/// A session of the user.
#[utoipa::path(
    get, path = "/v1/memory/sessions/{id}", tag = "memory", security(("key" = [])),
    params(("id" = String, Path, description = "The session.")),
    responses((status = 200, description = "The session.", body = SessionView)),
)]
pub(crate) async fn get_session(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(id): UrlPath<Label>,
) -> ApiResult<Json<SessionView>> {
    let session = api.app.sessions.get(&caller.scope, &id).await?;
    let session = session.ok_or_else(|| Error::not_found("session", id.as_str()))?;
    Ok(Json(session.into()))
}

/// Set a session's metadata; begins the session if there is none.
#[utoipa::path(
    put, path = "/v1/memory/sessions/{id}", tag = "memory", security(("key" = [])),
    params(("id" = String, Path, description = "The session.")),
    request_body = SessionRequest,
    responses((status = 200, description = "The session.", body = SessionView)),
)]
pub(crate) async fn put_session(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(id): UrlPath<Label>,
    JsonBody(request): JsonBody<SessionRequest>,
) -> ApiResult<Json<SessionView>> {
    let metadata = object(request.metadata.as_deref())?;
    let now = api.app.clock.now();
    let sessions = &api.app.sessions;
    let session = sessions.put(&caller.scope, &id, metadata, now).await?;
    Ok(Json(session.into()))
}

/// Forget a session with the episodes of all agents in it.
#[utoipa::path(
    delete, path = "/v1/memory/sessions/{id}", tag = "memory", security(("key" = [])),
    params(("id" = String, Path, description = "The session.")),
    responses((status = 204, description = "Gone.")),
)]
pub(crate) async fn forget_session(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(id): UrlPath<Label>,
) -> ApiResult<StatusCode> {
    if !api.app.sessions.forget(&caller.scope, &id).await? {
        return Err(Error::not_found("session", id.as_str()).into());
    }
    Ok(StatusCode::NO_CONTENT)
}

/// A JSON object of a body; nothing stands for an empty one.
pub(super) fn object(raw: Option<&RawValue>) -> Result<crate::events::Json> {
    check::object("metadata", raw.map_or("", RawValue::get))
}
