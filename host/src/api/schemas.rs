//! `/v1/schemas`: JSON schemas by name and version. A version never changes.

use axum::Json as JsonAnswer;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::events::Json;
use crate::registry::{Compatibility, NewSchema};
use crate::turn::short;

use super::auth::Caller;
use super::error::ApiResult;
use super::extract::{UrlPath, UrlQuery, parse_json, read_json_body};
use super::types::{Listing, SchemaView};
use super::{Shared, page};

/// Which schemas to list.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SchemasParams {
    /// Only this owner's.
    owner: Option<String>,
}

/// Which version of a schema.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SchemaParams {
    /// Its number; the latest unless given.
    version: Option<u32>,
}

/// How to register a version.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RegisterParams {
    /// The number it must get; the next one unless given.
    version: Option<u32>,
    /// Whose it is from now on; the key's that registers the first version unless given.
    owner: Option<String>,
    /// What each version must be to the one before it from now on: `none`, `backward`, `forward` or `full`;
    /// `backward` unless ever given.
    #[param(value_type = Option<String>)]
    compatibility: Option<Compatibility>,
    /// Check and report, register nothing.
    #[serde(default)]
    dry_run: bool,
}

/// Which versions of a schema.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct VersionsParams {
    /// Continue before this version.
    before: Option<u32>,
    /// Rows of the page, 1 to 100.
    limit: Option<u32>,
}

/// The latest version of each schema, by name.
#[utoipa::path(
    get, path = "/v1/schemas", tag = "catalog", security(("key" = [])),
    params(SchemasParams),
    responses((status = 200, description = "All of them.", body = Listing<SchemaView>)),
)]
pub(crate) async fn list_schemas(
    State(api): State<Shared>,
    caller: Caller,
    UrlQuery(params): UrlQuery<SchemasParams>,
) -> ApiResult<JsonAnswer<Listing<SchemaView>>> {
    let catalog = &api.app.catalog;
    let schemas = catalog
        .schemas(&caller.scope, params.owner.as_deref())
        .await?;
    let items = schemas.into_iter().map(Into::into).collect();
    Ok(JsonAnswer(Listing { items, next: None }))
}

/// Register the next version of a schema: JSON Schema 2020-12 without references to other documents. It must
/// go with the version before it; the problem names the JSON path that breaks. The latest one again is not
/// a new version, and a number that another body has is refused.
#[utoipa::path(
    put, path = "/v1/schemas/{name}", tag = "catalog", security(("key" = [])),
    params(("name" = String, Path, description = "The schema."), RegisterParams),
    request_body(content = Object, description = "The JSON Schema itself."),
    responses(
        (status = 201, description = "A new version.", body = SchemaView),
        (status = 200, description = "The same one again, or a dry run.", body = SchemaView),
    ),
)]
pub(crate) async fn put_schema(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(name): UrlPath<String>,
    UrlQuery(params): UrlQuery<RegisterParams>,
    request: Request,
) -> ApiResult<(StatusCode, JsonAnswer<SchemaView>)> {
    let name = short("schema", &name)?;
    let body = read_json_body(request, &api).await?;
    let raw: Box<RawValue> = parse_json(&body)?;
    let new = NewSchema {
        name: name.to_string(),
        version: params.version,
        body: Json::parse("schema", raw.get())?,
        owner: params.owner,
        compatibility: params.compatibility,
        dry_run: params.dry_run,
        now: api.app.clock.now(),
    };
    let kept = api.app.catalog.put_schema(&caller.scope, new).await?;
    let status = if kept.created && !params.dry_run {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, JsonAnswer(kept.schema.into())))
}

/// A schema.
#[utoipa::path(
    get, path = "/v1/schemas/{name}", tag = "catalog", security(("key" = [])),
    params(("name" = String, Path, description = "The schema."), SchemaParams),
    responses((status = 200, description = "The version asked for.", body = SchemaView)),
)]
pub(crate) async fn get_schema(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(name): UrlPath<String>,
    UrlQuery(params): UrlQuery<SchemaParams>,
) -> ApiResult<JsonAnswer<SchemaView>> {
    let catalog = &api.app.catalog;
    let schema = catalog.schema(&caller.scope, &name, params.version).await?;
    Ok(JsonAnswer(schema.into()))
}

/// Versions of a schema, the newest first.
#[utoipa::path(
    get, path = "/v1/schemas/{name}/versions", tag = "catalog", security(("key" = [])),
    params(("name" = String, Path, description = "The schema."), VersionsParams),
    responses((status = 200, description = "A page.", body = Listing<SchemaView>)),
)]
pub(crate) async fn list_schema_versions(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(name): UrlPath<String>,
    UrlQuery(params): UrlQuery<VersionsParams>,
) -> ApiResult<JsonAnswer<Listing<SchemaView>>> {
    let limit = page::rows(params.limit)?;
    let catalog = &api.app.catalog;
    let versions = catalog
        .schema_versions(&caller.scope, &name, params.before, limit)
        .await?;
    let views: Vec<SchemaView> = versions.into_iter().map(Into::into).collect();
    let next = |view: &SchemaView| view.version.to_string();
    Ok(JsonAnswer(page::by_name(views, limit, next)))
}
