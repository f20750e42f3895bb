//! `/v1/memory`: what is remembered, as of the last commit. Here: working memory, which only turns write and
//! clients tidy up; and erasure.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::memory::{KeyRange, Subject, WorkingKey, WorkingSpace};

use super::auth::Caller;
use super::error::ApiResult;
use super::extract::{JsonBody, UrlPath, UrlQuery};
use super::types::{
    ClearedView, EraseRequest, ErasedView, Listing, WorkingKeyView, WorkingValueView,
};
use super::{Shared, page};

pub(crate) mod episodes;
pub(crate) mod knowledge;
pub(crate) mod procedures;

/// Which keys to list.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct KeyParams {
    /// What the keys begin with.
    #[serde(default)]
    prefix: String,
    /// Continue after this key.
    after: Option<String>,
    /// Rows of the page, 1 to 100.
    limit: Option<u32>,
}

/// Keys of a space of working memory, in byte order.
#[utoipa::path(
    get, path = "/v1/memory/working/{space}", tag = "memory", security(("key" = [])),
    params(("space" = String, Path, description = "`agent:<name>` or `plan:<id>`."), KeyParams),
    responses((status = 200, description = "A page.", body = Listing<WorkingKeyView>)),
)]
pub(crate) async fn list_working(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(space): UrlPath<String>,
    UrlQuery(params): UrlQuery<KeyParams>,
) -> ApiResult<Json<Listing<WorkingKeyView>>> {
    let limit = page::rows(params.limit)?;
    let range = KeyRange {
        space: space.parse::<WorkingSpace>()?,
        prefix: params.prefix,
        after: params.after,
        limit,
    };
    let now = api.app.clock.now();
    let rows = api.app.working.keys(&caller.scope, &range, now).await?;
    let views: Vec<WorkingKeyView> = rows
        .into_iter()
        .map(|(key, version)| WorkingKeyView {
            key: key.as_str().to_owned(),
            version,
        })
        .collect();
    Ok(Json(page::by_name(views, limit, |view| view.key.clone())))
}

/// A value of working memory. A slash in the key is written `%2F`.
#[utoipa::path(
    get, path = "/v1/memory/working/{space}/{key}", tag = "memory", security(("key" = [])),
    params(
        ("space" = String, Path, description = "`agent:<name>` or `plan:<id>`."),
        ("key" = String, Path, description = "The key."),
    ),
    responses((status = 200, description = "The value.", body = WorkingValueView)),
)]
pub(crate) async fn get_working(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath((space, key)): UrlPath<(String, String)>,
) -> ApiResult<Json<WorkingValueView>> {
    let space: WorkingSpace = space.parse()?;
    let wanted = WorkingKey::new(&key)?;
    let now = api.app.clock.now();
    let working = &api.app.working;
    let entry = working
        .get(&caller.scope, &space, &wanted, now)
        .await?
        .ok_or_else(|| Error::not_found("working memory value", key.clone()))?;
    Ok(Json(WorkingValueView {
        space: space.to_string(),
        key,
        value: entry.value,
        version: entry.version,
        expires: entry.expires,
    }))
}

/// Remove a value of working memory. A turn that read it is run again.
#[utoipa::path(
    delete, path = "/v1/memory/working/{space}/{key}", tag = "memory", security(("key" = [])),
    params(
        ("space" = String, Path, description = "`agent:<name>` or `plan:<id>`."),
        ("key" = String, Path, description = "The key."),
    ),
    responses((status = 204, description = "Gone.")),
)]
pub(crate) async fn delete_working(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath((space, key)): UrlPath<(String, String)>,
) -> ApiResult<StatusCode> {
    let (space, wanted) = (space.parse()?, WorkingKey::new(&key)?);
    let keeper = &api.app.working_keeper;
    if !keeper.delete(&caller.scope, &space, &wanted).await? {
        return Err(Error::not_found("working memory value", key).into());
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Remove all values of a space, as when a plan is over.
#[utoipa::path(
    delete, path = "/v1/memory/working/{space}", tag = "memory", security(("key" = [])),
    params(("space" = String, Path, description = "`agent:<name>` or `plan:<id>`.")),
    responses((status = 200, description = "How many there were.", body = ClearedView)),
)]
pub(crate) async fn clear_working(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(space): UrlPath<String>,
) -> ApiResult<Json<ClearedView>> {
    let keeper = &api.app.working_keeper;
    let cleared = keeper.clear(&caller.scope, &space.parse()?).await?;
    Ok(Json(ClearedView { cleared }))
}

/// Erase all that is kept of a user, or of a customer with all its users: knowledge, episodes, sessions,
/// working memory, events, turns, dead letters. The tenant's file is rewritten, so that nothing of it is
/// left on the disk. There is no way back.
#[utoipa::path(
    post, path = "/v1/memory/erase", tag = "memory", security(("key" = [])),
    request_body = EraseRequest,
    responses((status = 200, description = "How much there was.", body = ErasedView)),
)]
pub(crate) async fn erase_memory(
    State(api): State<Shared>,
    caller: Caller,
    JsonBody(request): JsonBody<EraseRequest>,
) -> ApiResult<Json<ErasedView>> {
    let of = subject(request)?;
    let erased = api.app.eraser.erase(&caller.scope, &of).await?;
    Ok(Json(erased.into()))
}

fn subject(request: EraseRequest) -> Result<Subject> {
    match (request.customer, request.user) {
        (Some(customer), None) => Ok(Subject::Customer(customer)),
        (customer, Some(user)) => Ok(Subject::User { customer, user }),
        (None, None) => Err(Error::invalid(
            "user",
            "neither a user nor a customer is named",
        )),
    }
}
