//! `/v1/memory/working`: working memory as of the last commit. Only turns write it.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use crate::error::Error;
use crate::memory::{KeyRange, WorkingKey, WorkingSpace};

use super::auth::Caller;
use super::error::ApiResult;
use super::extract::{UrlPath, UrlQuery};
use super::types::{Listing, WorkingKeyView, WorkingValueView};
use super::{Shared, page};

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
