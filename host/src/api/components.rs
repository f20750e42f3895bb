//! `/v1/suspended-components`: the operator stops a component wherever it runs.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};

use crate::events::short;
use crate::id::Digest;
use crate::identity::SuspendedComponent;

use super::Shared;
use super::audit::{Asked, Switch};
use super::auth::Operator;
use super::error::ApiResult;
use super::extract::{JsonBody, UrlPath};
use super::types::{Listing, SuspendRequest, SuspendedComponentView};

/// Components that no turn runs.
#[utoipa::path(
    get, path = "/v1/suspended-components", tag = "agents", security(("admin" = [])),
    responses((status = 200, description = "All of them.", body = Listing<SuspendedComponentView>)),
)]
pub(crate) async fn list_suspended_components(
    State(api): State<Shared>,
    _: Operator,
) -> ApiResult<Json<Listing<SuspendedComponentView>>> {
    let components = api.app.admin.suspended_components().await?;
    let items = components.into_iter().map(Into::into).collect();
    Ok(Json(Listing { items, next: None }))
}

/// Let no turn of any tenant run a component from now on, running ones included, and take no push of it.
/// Events of its agents wait.
#[utoipa::path(
    put, path = "/v1/suspended-components/{digest}", tag = "agents", security(("admin" = [])),
    params(("digest" = String, Path, description = "The component: `sha256:` and 64 hex digits.")),
    request_body = SuspendRequest,
    responses((status = 200, description = "Suspended.", body = SuspendedComponentView)),
)]
pub(crate) async fn suspend_component(
    State(api): State<Shared>,
    _: Operator,
    Extension(asked): Extension<Asked>,
    UrlPath(digest): UrlPath<Digest>,
    JsonBody(request): JsonBody<SuspendRequest>,
) -> ApiResult<Json<SuspendedComponentView>> {
    let component = SuspendedComponent {
        digest,
        reason: short("reason", &request.reason)?.to_string(),
        since: api.app.clock.now(),
    };
    let switch = Switch {
        asked: &asked,
        component: Some(digest),
        reason: Some(&component.reason),
    };
    let suspend = async {
        api.app.admin.suspend_component(component.clone()).await?;
        api.app.hosted.components_changed().await
    };
    Switch::throw(api.tell_owners_of_switch(&switch), suspend).await?;
    Ok(Json(component.into()))
}

/// Let a component run again: its agents go on where they were.
#[utoipa::path(
    delete, path = "/v1/suspended-components/{digest}", tag = "agents", security(("admin" = [])),
    params(("digest" = String, Path, description = "The component: `sha256:` and 64 hex digits.")),
    responses((status = 204, description = "It may run.")),
)]
pub(crate) async fn resume_component(
    State(api): State<Shared>,
    _: Operator,
    Extension(asked): Extension<Asked>,
    UrlPath(digest): UrlPath<Digest>,
) -> ApiResult<StatusCode> {
    let switch = Switch {
        asked: &asked,
        component: Some(digest),
        reason: None,
    };
    let resume = async {
        api.app.admin.resume_component(digest).await?;
        api.app.hosted.components_changed().await
    };
    Switch::throw(api.tell_owners_of_switch(&switch), resume).await?;
    Ok(StatusCode::NO_CONTENT)
}
