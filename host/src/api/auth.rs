//! Who is asking: extractors that turn an API key or a token into a [`TenantScope`].
//!
//! Invariant: this is the only place outside the dispatcher that builds a scope. Which tenant it is for
//! follows from the key or token alone, never from a path, a header or a body; customer and user are the
//! tenant's own and may be named by it, unless a token names them already. What the operation takes is looked up in [`super::access`] before
//! anything is read of the request.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use utoipa::Modify;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

use crate::error::{Error, Result};
use crate::id::{CustomerId, TenantId, TenantName, UserId};
use crate::identity::{
    ApiKey, ApiKeySecret, DelegatedToken, KeyId, Principal, Refusal, Scope, Tenant, TenantScope,
    Unverified,
};

use super::access::{self, Access, Row};
use super::audit::{Asked, Who};
use super::error::{ApiError, ApiResult, Code};
use super::slots::Slot;
use super::{Api, Shared};

mod bounds;
mod cache;
mod holder;
mod revocations;

pub(crate) use cache::Lately;
pub(crate) use holder::{Credential, Holder};
pub(crate) use revocations::Revocations;

/// The tenant's customer on whose behalf a request is made.
pub(super) const CUSTOMER_HEADER: &str = "warren-customer";
/// The end user on whose behalf a request is made.
pub(super) const USER_HEADER: &str = "warren-user";

/// Whoever holds something that a tenant gave, good for the operation that is asked for.
pub(crate) struct Caller {
    pub(crate) scope: TenantScope,
    /// Who it is, and what it may do.
    pub(crate) holder: Holder,
    /// What it showed, to look at again while a stream lives.
    pub(crate) credential: Credential,
    /// One of the tenant's requests, until the handler is done.
    _slot: Slot,
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Shared) -> ApiResult<Self> {
        let row = access::of(parts)?;
        let text = bearer(&parts.headers)?;
        let Some(credential) = Credential::parse(text) else {
            return Err(api.not_a_tenant_key(text));
        };
        let asked = parts.extensions.get::<Asked>().cloned();
        let Some(holder) = api.authenticate(&credential).await? else {
            if let (Some(asked), Some(who)) = (asked, api.once_known(&credential).await?) {
                api.refused(&asked, who);
            }
            return Err(unknown_key());
        };
        let slot = api.requests.take(holder.tenant)?;
        let who = who(&holder, &credential, row.audited);
        let mut may = require(row.access, &holder);
        if may.is_ok() && !holder.bounds.is_empty() {
            may = keep_within(row, &holder, parts, api).await;
        }
        match (asked, may) {
            (Some(asked), Ok(())) => api.allowed(&asked, who).await?,
            (Some(asked), Err(error)) => {
                api.refused(&asked, who);
                return Err(error);
            }
            (None, may) => may?,
        }
        let customer = header(&parts.headers, CUSTOMER_HEADER, CustomerId::new)?;
        let user = header(&parts.headers, USER_HEADER, UserId::new)?;
        let bounds = &holder.bounds;
        let customer = bounds::pinned("customer", bounds.customer.as_ref(), customer)?;
        let user = bounds::pinned("user", bounds.user.as_ref(), user)?;
        let name = holder.name.clone();
        Ok(Self {
            scope: TenantScope::for_request(holder.tenant, name, customer, user),
            holder,
            credential,
            _slot: slot,
        })
    }
}

fn who(holder: &Holder, credential: &Credential, audited: bool) -> Who {
    Who {
        log: TenantScope::for_operator(holder.tenant),
        name: Principal::Client(holder.name.clone()).source().to_string(),
        with: Some(credential.mark()),
        audited,
    }
}

/// Refuse whoever lacks what the operation takes, and say what that is.
fn require(access: Access, holder: &Holder) -> ApiResult<()> {
    match access {
        Access::Scope(scope) if !holder.scopes.has(scope) => Err(lacks(scope)),
        Access::Scope(_) | Access::Tenant => Ok(()),
        // No handler of such an operation asks for a caller.
        Access::Operator | Access::Open => Err(not_the_operators()),
    }
}

async fn keep_within(row: Row, holder: &Holder, parts: &mut Parts, api: &Shared) -> ApiResult<()> {
    let path = RawPathParams::from_request_parts(parts, api).await;
    let named: Vec<(&str, &str)> = path.iter().flatten().collect();
    row.keeps_within(&holder.bounds, |part| {
        let mut found = named.iter().filter(|(name, _)| *name == part);
        found.next().map(|(_, value)| *value)
    })
}

pub(crate) fn lacks(scope: Scope) -> ApiError {
    ApiError::new(
        Code::Denied,
        format!("this takes the scope `{scope}`, which the key or token does not have"),
    )
    .scope(scope)
}

/// Whoever holds the operator's key.
pub(crate) struct Operator;

impl Operator {
    /// To look into a tenant's catalogue. What an operator may see there, the catalogue decides.
    #[expect(
        clippy::unused_self,
        reason = "only who holds the operator's key has one"
    )]
    pub(crate) fn scope_of(&self, tenant: &Tenant) -> TenantScope {
        TenantScope::for_operator(tenant.id)
    }
}

impl FromRequestParts<Shared> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Shared) -> ApiResult<Self> {
        let text = bearer(&parts.headers)?;
        if api.app.admin_key.is(text) {
            let row = access::of(parts)?;
            if row.access != Access::Operator {
                return Err(ApiError::new(Code::Denied, "this is not the operator's"));
            }
            if row.audited {
                api.operator_acts(parts).await?;
            }
            return Ok(Self);
        }
        // The routes are no secret, so a tenant's key is told what is wrong with it: 403, not 404.
        match Credential::parse(text) {
            Some(credential) => match api.authenticate(&credential).await? {
                Some(holder) => {
                    if let Some(asked) = parts.extensions.get::<Asked>() {
                        api.refused(asked, who(&holder, &credential, false));
                    }
                    Err(not_the_operators())
                }
                None => Err(unknown_key()),
            },
            None => Err(unknown_key()),
        }
    }
}

fn not_the_operators() -> ApiError {
    ApiError::new(
        Code::Denied,
        "this takes the operator's key, not a tenant's",
    )
}

impl Api {
    /// Who shows this, if it is good now.
    pub(crate) async fn authenticate(&self, credential: &Credential) -> Result<Option<Holder>> {
        match credential {
            Credential::Key(secret) => {
                let key = self.key(secret).await?;
                Ok(key.map(Holder::of_key))
            }
            Credential::Token(token) => self.token_holder(token).await,
            Credential::Jwt(text) => match self.claimed(text).await? {
                Ok(holder) => Ok(Some(holder)),
                Err(refusal) => {
                    // For the operator who sets an issuer up; a client is told nothing.
                    tracing::debug!(%refusal, "a token was refused");
                    Ok(None)
                }
            },
        }
    }

    /// Whose a key or a token was that is good no longer: whoever shows it had it from them.
    async fn once_known(&self, credential: &Credential) -> Result<Option<Who>> {
        let id = match credential {
            Credential::Key(secret) => secret.id(),
            Credential::Token(token) => token.key(),
            Credential::Jwt(_) => return Ok(None),
        };
        let Some(row) = self.row(id).await? else {
            return Ok(None);
        };
        let is = |hash: &[u8; 32]| match credential {
            Credential::Key(secret) => self.app.keys.verify(secret, hash),
            Credential::Token(token) => token.comes_from(hash),
            Credential::Jwt(_) => false,
        };
        let previous = row.previous.as_ref();
        if !is(&row.hash) && !previous.is_some_and(|previous| is(&previous.hash)) {
            return Ok(None);
        }
        Ok(Some(who(&Holder::of_key(row), credential, false)))
    }

    /// The operator changes something of the tenant that the path names: its log tells.
    async fn operator_acts(self: &Arc<Self>, parts: &mut Parts) -> ApiResult<()> {
        let path = RawPathParams::from_request_parts(parts, self).await;
        let mut named = path.iter().flatten();
        let name = named.find(|(part, _)| *part == "name");
        let name = name.and_then(|(_, name)| TenantName::new(name).ok());
        let (Some(asked), Some(name)) = (parts.extensions.get::<Asked>(), name) else {
            return Ok(());
        };
        let Some(tenant) = self.tenant_named(&name).await? else {
            return Ok(());
        };
        let who = Who {
            log: TenantScope::for_operator(tenant),
            name: "operator".to_owned(),
            with: None,
            audited: true,
        };
        match self.allowed(asked, who).await {
            // The name was believed for a moment too long.
            Err(Error::NotFound { .. }) => Ok(()),
            done => Ok(done?),
        }
    }

    /// Who holds a token that a key handed on.
    async fn token_holder(&self, token: &DelegatedToken) -> Result<Option<Holder>> {
        let now = self.app.clock.now();
        let Some(key) = self.row(token.key()).await? else {
            return Ok(None);
        };
        let comes = key
            .hashes(now)
            .fold(false, |comes, hash| token.comes_from(hash) | comes);
        let allowed = comes.then(|| token.allows(key.scopes, now)).flatten();
        Ok(allowed.map(|allowed| Holder::of_token(key, allowed)))
    }

    /// Who holds a token of an issuer.
    async fn claimed(&self, text: &str) -> Result<Result<Holder, Refusal>> {
        let now = self.app.clock.now();
        let token = match Unverified::parse(text) {
            Ok(token) => token,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let issuer = token.issuer().and_then(|iss| self.app.issuers.find(iss));
        let Some(issuer) = issuer else {
            return Ok(Err(Refusal("its issuer is not known here".to_owned())));
        };
        let key = match issuer.key(&token, &*self.app.issuer_keys, now).await {
            Ok(key) => key,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let claims = match token.verify(issuer, &key, now) {
            Ok(claims) => claims,
            Err(refusal) => return Ok(Err(refusal)),
        };
        Ok(match self.tenant_named(&claims.tenant).await? {
            Some(tenant) => Ok(Holder::of_claims(issuer.name(), tenant, claims)),
            None => Err(Refusal(format!("there is no tenant `{}`", claims.tenant))),
        })
    }

    async fn tenant_named(&self, name: &TenantName) -> Result<Option<TenantId>> {
        let now = self.app.clock.now();
        if let Some(id) = self.tenants.get(name, now) {
            return Ok(Some(id));
        }
        match self.app.admin.get_tenant(name).await {
            Ok(tenant) => Ok(Some(self.tenants.put(name.clone(), tenant.id, now))),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The key's row, if the key is right and stands.
    pub(crate) async fn key(&self, secret: &ApiKeySecret) -> Result<Option<ApiKey>> {
        let now = self.app.clock.now();
        let row = self.row(secret.id()).await?;
        let row = row.filter(|row| row.opens(secret, &self.app.keys, now));
        if let Some(row) = row.as_ref().filter(|row| row.is_use_worth_noting(now)) {
            self.note_use(row).await;
        }
        Ok(row)
    }

    /// The row of this id, if there is one.
    async fn row(&self, id: &KeyId) -> Result<Option<ApiKey>> {
        let now = self.app.clock.now();
        if let Some(row) = self.keys.get(id, now) {
            return Ok(Some(row));
        }
        let found = self.app.admin.find_key(id).await?;
        Ok(found.map(|row| self.keys.put(id.clone(), row, now)))
    }

    /// Write down that a key is in use. That this cannot be written is no reason to refuse its holder.
    async fn note_use(&self, row: &ApiKey) {
        let now = self.app.clock.now();
        let noted = ApiKey {
            used: Some(now),
            ..row.clone()
        };
        self.keys.put(row.id.clone(), noted, now);
        if let Err(error) = self.app.admin.note_key_used(&row.id, now).await {
            tracing::warn!(%error, key = row.id.as_str(), "could not note the use of a key");
        }
    }

    /// Believe nothing that was looked up any longer, and have open streams look again: a key was revoked
    /// or rotated here, or a tenant removed.
    pub(crate) fn forget_keys(&self) {
        self.keys.clear();
        self.tenants.clear();
        self.revocations.tell();
    }

    fn not_a_tenant_key(&self, text: &str) -> ApiError {
        if self.app.admin_key.is(text) {
            return ApiError::new(
                Code::Denied,
                "the operator's key belongs to no tenant: make a key with POST /v1/tenants/{name}/keys",
            );
        }
        unknown_key()
    }
}

/// The same words for a key or a token that is malformed, unknown, wrong, expired or revoked.
pub(crate) fn unknown_key() -> ApiError {
    ApiError::new(
        Code::Unauthenticated,
        "the key or token is not known here, has expired, or was revoked",
    )
}

fn bearer(headers: &HeaderMap) -> ApiResult<&str> {
    headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, key)| key.trim())
        .ok_or_else(|| {
            ApiError::new(
                Code::Unauthenticated,
                "send an API key or a token as `Authorization: Bearer <key>`",
            )
        })
}

fn header<T>(
    headers: &HeaderMap,
    name: &'static str,
    read: fn(&str) -> Result<T>,
) -> Result<Option<T>> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let text = value
        .to_str()
        .map_err(|_| Error::invalid(name, "not visible ASCII"))?;
    read(text).map(Some)
}

/// Tells the OpenAPI document how to authenticate.
pub(crate) struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        for (name, words) in [
            (
                "key",
                "A tenant's API key, a token from one, or a JSON Web Token of a configured issuer. An operation \
                 that names a scope takes one that has it.",
            ),
            ("admin", "The operator's key."),
        ] {
            let scheme = Http::builder()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some(words))
                .build();
            components.add_security_scheme(name, SecurityScheme::Http(scheme));
        }
    }
}
