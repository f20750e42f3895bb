//! `/v1/tokens`: weaker, shorter-lived tokens from a key, or from such a token.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::clock::Timestamp;
use crate::error::Error;
use crate::identity::{
    Block, Bounds, DelegatedToken, Scopes, TOKEN_LIFE_S_DEFAULT, TOKEN_LIFE_S_MAX,
};

use super::Shared;
use super::access::leads_out;
use super::auth::{Caller, Credential, Holder, lacks};
use super::error::{ApiError, ApiResult, Code};
use super::extract::JsonBody;
use super::types::{TokenMade, TokenRequest};

/// Make a token that may do less than what it is made with, and not for longer. The host keeps nothing of it:
/// it ends by itself, or with the key that it comes from, when that is revoked or its secret is replaced.
#[utoipa::path(
    post, path = "/v1/tokens", tag = "tenants", security(("key" = [])),
    request_body = TokenRequest,
    responses((status = 201, description = "Made.", body = TokenMade)),
)]
pub(crate) async fn delegate(
    State(api): State<Shared>,
    caller: Caller,
    JsonBody(request): JsonBody<TokenRequest>,
) -> ApiResult<(StatusCode, Json<TokenMade>)> {
    let now = api.app.clock.now();
    let holder = &caller.holder;
    let scopes = narrower(holder, request.scopes)?;
    let asked = Bounds {
        agent: request.agent,
        plan: request.plan,
        customer: request.customer,
        user: request.user,
    };
    let bounds = holder.bounds.and(&asked).ok_or_else(|| elsewhere(holder))?;
    let until = ends(now, request.expires_in_s)?;
    let until = holder.until.map_or(until, |at| at.min(until));
    let block = Block {
        // The same to the second; a second is never added.
        exp: Some(until.0.div_euclid(1_000)),
        scopes: Some(scopes),
        agent: asked.agent,
        plan: asked.plan,
        customer: asked.customer,
        user: asked.user,
    };
    let token = match &caller.credential {
        Credential::Key(secret) => {
            let key = api
                .key(secret)
                .await?
                .ok_or_else(super::auth::unknown_key)?;
            DelegatedToken::mint(&key.id, &key.hash, &block)?
        }
        Credential::Token(token) => token.clone().narrowed(&block)?,
        Credential::Jwt(_) => {
            let words = "a token of an issuer is not handed on: ask its issuer for a narrower one, or use an API key";
            return Err(ApiError::new(Code::Denied, words));
        }
    };
    let made = TokenMade {
        token: token.reveal(),
        scopes,
        agent: bounds.agent,
        plan: bounds.plan,
        customer: bounds.customer,
        user: bounds.user,
        expires: Timestamp(until.0.div_euclid(1_000) * 1_000),
    };
    Ok((StatusCode::CREATED, Json(made)))
}

/// The scopes that were asked for, all of which the holder must have; all that it has when none were.
fn narrower(holder: &Holder, asked: Option<Scopes>) -> ApiResult<Scopes> {
    let scopes = asked.unwrap_or(holder.scopes);
    if let Some(lacking) = scopes.iter().find(|scope| !holder.scopes.has(*scope)) {
        return Err(lacks(lacking));
    }
    if scopes.is_empty() {
        let reason = "the list is empty: such a token may do nothing";
        return Err(Error::invalid("scopes", reason).into());
    }
    Ok(scopes)
}

fn ends(now: Timestamp, asked: Option<u64>) -> ApiResult<Timestamp> {
    let life = asked.unwrap_or(TOKEN_LIFE_S_DEFAULT);
    if !(1..=TOKEN_LIFE_S_MAX).contains(&life) {
        let reason = format!("{life} is not between 1 and {TOKEN_LIFE_S_MAX} seconds");
        return Err(Error::invalid("expires_in_s", reason).into());
    }
    Ok(now.plus_ms(life * 1_000))
}

fn elsewhere(holder: &Holder) -> ApiError {
    let Bounds {
        agent,
        plan,
        customer,
        user,
    } = &holder.bounds;
    let said = [
        agent.as_ref().map(|agent| format!("agent {agent}")),
        plan.as_ref().map(|plan| format!("plan {plan}")),
        customer
            .as_ref()
            .map(|customer| format!("customer {customer}")),
        user.as_ref().map(|user| format!("user {user}")),
    ];
    let said: Vec<String> = said.into_iter().flatten().collect();
    leads_out("bounds", &said.join(", "))
}
