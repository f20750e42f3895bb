//! `/v1/schemas`: JSON schemas by name and version. A version never changes.

use axum::Json as JsonAnswer;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Error;
use crate::events::Json;
use crate::registry::compile_schema;
use crate::turn::short;

use super::Shared;
use super::auth::Caller;
use super::error::ApiResult;
use super::extract::{UrlPath, UrlQuery, parse_json, read_json_body};
use super::types::{Listing, SchemaView};

/// Which version of a schema.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SchemaParams {
    /// Its number; the latest unless given.
    version: Option<u32>,
}

/// The latest version of each schema, by name.
#[utoipa::path(
    get, path = "/v1/schemas", tag = "catalog", security(("key" = [])),
    responses((status = 200, description = "All of them.", body = Listing<SchemaView>)),
)]
pub(crate) async fn list_schemas(
    State(api): State<Shared>,
    caller: Caller,
) -> ApiResult<JsonAnswer<Listing<SchemaView>>> {
    let schemas = api.app.catalog.schemas(&caller.scope).await?;
    let items = schemas.into_iter().map(Into::into).collect();
    Ok(JsonAnswer(Listing { items, next: None }))
}

/// Register the next version of a schema: JSON Schema 2020-12 without references to other documents.
/// The latest one again is not a new version.
#[utoipa::path(
    put, path = "/v1/schemas/{name}", tag = "catalog", security(("key" = [])),
    params(("name" = String, Path, description = "The schema.")),
    request_body(content = Object, description = "The JSON Schema itself."),
    responses((status = 200, description = "The latest version.", body = SchemaView)),
)]
pub(crate) async fn put_schema(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(name): UrlPath<String>,
    request: Request,
) -> ApiResult<(StatusCode, JsonAnswer<SchemaView>)> {
    let name = short("schema", &name)?;
    let body = read_json_body(request, &api).await?;
    let raw: Box<RawValue> = parse_json(&body)?;
    let schema = Json::parse("schema", raw.get())?;
    compile_schema(&schema).map_err(|reason| Error::invalid("schema", reason))?;
    let now = api.app.clock.now();
    let catalog = &api.app.catalog;
    let kept = catalog
        .put_schema(&caller.scope, &name, schema, now)
        .await?;
    Ok((StatusCode::OK, JsonAnswer(kept.into())))
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
