//! `/v1/secrets`: what the host sends for agents that never see it.
//!
//! Invariant: no answer holds a value, and no error repeats one.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::id::SecretName;
use crate::secrets::{Secret, SecretRules, SecretValue};

use super::Shared;
use super::auth::Caller;
use super::error::ApiResult;
use super::extract::{JsonBody, UrlPath};
use super::types::{Listing, SecretRequest, SecretView};

/// All of the tenant's, by name, without their values.
#[utoipa::path(
    get, path = "/v1/secrets", tag = "agents", security(("key" = [])),
    responses((status = 200, description = "All of them.", body = Listing<SecretView>)),
)]
pub(crate) async fn list_secrets(
    State(api): State<Shared>,
    caller: Caller,
) -> ApiResult<Json<Listing<SecretView>>> {
    let secrets = api.app.secrets.list(&caller.scope).await?;
    let items = secrets.into_iter().map(Into::into).collect();
    Ok(Json(Listing { items, next: None }))
}

/// Set a secret. An agent writes `{{secret:NAME}}` into a header of a request, and the host puts the value there, for these
/// hosts and headers alone. It is felt by the next request, and nobody can read it back.
#[utoipa::path(
    put, path = "/v1/secrets/{name}", tag = "agents", security(("key" = [])),
    params(("name" = String, Path, description = "Its name.")),
    request_body = SecretRequest,
    responses((status = 200, description = "Set.", body = SecretView)),
)]
pub(crate) async fn put_secret(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(name): UrlPath<SecretName>,
    JsonBody(request): JsonBody<SecretRequest>,
) -> ApiResult<Json<SecretView>> {
    let secret = Secret {
        rules: SecretRules::new(&request.hosts, &request.headers)?,
        value: SecretValue::new(request.value)?,
    };
    let now = api.app.clock.now();
    let secrets = &api.app.secrets;
    let entry = secrets.put(&caller.scope, name, secret, now).await?;
    Ok(Json(entry.into()))
}

/// Forget a secret. Requests that name it are refused from now on.
#[utoipa::path(
    delete, path = "/v1/secrets/{name}", tag = "agents", security(("key" = [])),
    params(("name" = String, Path, description = "Its name.")),
    responses((status = 204, description = "Gone.")),
)]
pub(crate) async fn delete_secret(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(name): UrlPath<SecretName>,
) -> ApiResult<StatusCode> {
    api.app.secrets.delete(&caller.scope, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
