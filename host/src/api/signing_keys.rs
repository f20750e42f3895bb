//! `/v1/signing-keys`: public keys that signatures of services are checked with.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::error::Error;
use crate::id::KeyName;
use crate::identity::Principal;
use crate::registry::SigningKey;

use super::Shared;
use super::auth::Caller;
use super::error::ApiResult;
use super::extract::{JsonBody, UrlPath};
use super::types::{Listing, SigningKeyRequest, SigningKeyView};

/// All of the tenant's, by id.
#[utoipa::path(
    get, path = "/v1/signing-keys", tag = "services", security(("key" = [])),
    responses((status = 200, description = "All of them.", body = Listing<SigningKeyView>)),
)]
pub(crate) async fn list_signing_keys(
    State(api): State<Shared>,
    caller: Caller,
) -> ApiResult<Json<Listing<SigningKeyView>>> {
    let keys = api.app.services.signing_keys(&caller.scope).await?;
    let items = keys.into_iter().map(Into::into).collect();
    Ok(Json(Listing { items, next: None }))
}

/// Register a public key. It signs services of the API key that registers it, and no others.
#[utoipa::path(
    put, path = "/v1/signing-keys/{key}", tag = "services", security(("key" = [])),
    params(("key" = String, Path, description = "What `kid` will say.")),
    request_body = SigningKeyRequest,
    responses((status = 200, description = "Registered.", body = SigningKeyView)),
)]
pub(crate) async fn put_signing_key(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(id): UrlPath<KeyName>,
    JsonBody(request): JsonBody<SigningKeyRequest>,
) -> ApiResult<Json<SigningKeyView>> {
    let Principal::Client(owner) = caller.scope.principal() else {
        return Err(Error::internal("registering a key", "a request without a key").into());
    };
    let key = SigningKey {
        id,
        owner: owner.clone(),
        public: request.jwk.read()?,
        created: api.app.clock.now(),
    };
    let services = &api.app.services;
    services.put_signing_key(&caller.scope, key.clone()).await?;
    Ok(Json(key.into()))
}

/// Forget a public key. What it has signed is no longer taken for verified.
#[utoipa::path(
    delete, path = "/v1/signing-keys/{key}", tag = "services", security(("key" = [])),
    params(("key" = String, Path, description = "The key's id.")),
    responses((status = 204, description = "Gone.")),
)]
pub(crate) async fn delete_signing_key(
    State(api): State<Shared>,
    caller: Caller,
    UrlPath(id): UrlPath<KeyName>,
) -> ApiResult<StatusCode> {
    let now = api.app.clock.now();
    let services = &api.app.services;
    services.delete_signing_key(&caller.scope, &id, now).await?;
    Ok(StatusCode::NO_CONTENT)
}
