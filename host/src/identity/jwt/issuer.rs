//! Issuers of tokens, as the operator's settings describe them.
//!
//! Invariant: secrets are in the environment, under names that the settings give; no address is ever taken
//! from a token.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::jwks::Jwks;
use super::{Algorithm, FetchKeys, JwtKey, Refusal, Unverified, refused, shown};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::{KeyName, TenantName};
use crate::identity::{ISSUED_PREFIX, Scopes};

/// Longest leeway in seconds for clocks that disagree.
pub(super) const JWT_LEEWAY_S_MAX: u64 = 60;
/// Leeway in seconds unless told otherwise: clocks that are kept in time differ by less.
const JWT_LEEWAY_S_DEFAULT: u64 = 30;
/// Longest time in seconds that a token may still live, unless told otherwise: a day. A token cannot be
/// taken back one by one, so that a longer one is a key that cannot be revoked.
const JWT_LIFE_S_DEFAULT: u64 = 86_400;
/// Longest that may be set: 30 days.
pub(super) const JWT_LIFE_S_MAX: u64 = 30 * 86_400;
/// Most issuers of a host.
const ISSUERS_MAX: usize = 64;
/// Most keys that settings give an issuer: the one in use, the next, and as many again that run out.
const ISSUER_KEYS_MAX: usize = 16;

/// An issuer as settings describe it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerSettings {
    /// What the host calls it: events published with its tokens are from `client/jwt-<name>`.
    pub name: KeyName,
    /// What `iss` says, to the letter.
    pub iss: String,
    /// What `aud` may say.
    pub aud: Vec<String>,
    /// The tenant that its tokens are for. Either this or `tenant_claim`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantName>,
    /// The claim that names the tenant: the issuer then speaks for every tenant of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_claim: Option<String>,
    /// The claim that names the customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_claim: Option<String>,
    /// The claim that names the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_claim: Option<String>,
    /// The claim that names scopes; without it a token has all of `scopes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes_claim: Option<String>,
    /// The most that its tokens may do.
    pub scopes: Scopes,
    /// Seconds by which clocks may disagree, at most 60.
    #[serde(default = "default_leeway")]
    pub leeway_s: u64,
    /// Seconds that a token may still live, at most 30 days.
    #[serde(default = "default_life")]
    pub life_s_max: u64,
    /// Keys that are known here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeySettings>,
    /// Where public keys are read from (RFC 7517), over HTTPS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_url: Option<String>,
}

fn default_leeway() -> u64 {
    JWT_LEEWAY_S_DEFAULT
}

fn default_life() -> u64 {
    JWT_LIFE_S_DEFAULT
}

/// A key as settings give it: a public one, or the name of the variable that holds a shared secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySettings {
    /// What `kid` says.
    pub kid: String,
    /// The one algorithm that it is for.
    pub alg: Algorithm,
    /// The public key, of RS256 and `EdDSA`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwk: Option<Map<String, Value>>,
    /// The environment variable that holds the secret, of HS256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_variable: Option<String>,
}

/// Where the tenant of a token comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TenantFrom {
    /// It is always this one.
    Fixed(TenantName),
    /// This claim names it.
    Claim(String),
}

/// An issuer, ready to check tokens.
pub struct Issuer {
    pub(super) name: KeyName,
    pub(super) iss: String,
    pub(super) aud: Vec<String>,
    pub(super) tenant: TenantFrom,
    pub(super) customer_claim: Option<String>,
    pub(super) user_claim: Option<String>,
    pub(super) scopes_claim: Option<String>,
    pub(super) scopes: Scopes,
    pub(super) leeway_s: u64,
    pub(super) life_s_max: u64,
    keys: Vec<JwtKey>,
    jwks: Option<Jwks>,
}

impl Issuer {
    /// From settings, with the secrets that `variable` finds.
    ///
    /// # Errors
    /// `Invalid` that names the issuer, the setting and what is wrong with it.
    pub fn new(
        settings: IssuerSettings,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        let name = settings.name.clone();
        let within = |error: Error| match error {
            Error::Invalid { field, reason } => {
                Error::invalid(format!("identity.issuers `{name}`: {field}"), reason)
            }
            other => other,
        };
        check(&settings).map_err(within)?;
        let key = |key: &KeySettings| read_key(key, variable);
        let keys: Vec<JwtKey> = settings
            .keys
            .iter()
            .map(key)
            .collect::<Result<_>>()
            .map_err(within)?;
        let ids: HashSet<&str> = keys.iter().map(JwtKey::id).collect();
        if ids.len() < keys.len() {
            return Err(within(Error::invalid("keys", "two have the same `kid`")));
        }
        let tenant = match (settings.tenant, settings.tenant_claim) {
            (Some(tenant), None) => TenantFrom::Fixed(tenant),
            (None, Some(claim)) => TenantFrom::Claim(claim),
            _ => {
                let reason = "give one of `tenant` and `tenant_claim`";
                return Err(within(Error::invalid("tenant", reason)));
            }
        };
        Ok(Self {
            name: KeyName::new(&format!("{ISSUED_PREFIX}{}", settings.name)).map_err(within)?,
            iss: settings.iss,
            aud: settings.aud,
            tenant,
            customer_claim: settings.customer_claim,
            user_claim: settings.user_claim,
            scopes_claim: settings.scopes_claim,
            scopes: settings.scopes,
            leeway_s: settings.leeway_s,
            life_s_max: settings.life_s_max,
            keys,
            jwks: settings.jwks_url.map(Jwks::new),
        })
    }

    /// What its tokens are known as in a tenant.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// The key that a token was made with, by its id. A token without one is taken only if there is no
    /// choice.
    ///
    /// # Errors
    /// That there is none.
    pub async fn key(
        &self,
        token: &Unverified,
        fetch: &dyn FetchKeys,
        now: Timestamp,
    ) -> Result<JwtKey, Refusal> {
        let Some(kid) = token.kid() else {
            return match (self.keys.as_slice(), &self.jwks) {
                ([only], None) => Ok(only.clone()),
                _ => refused("it has no `kid`, and its issuer has several keys"),
            };
        };
        if let Some(key) = self.keys.iter().find(|key| key.id() == kid) {
            return Ok(key.clone());
        }
        let found = match &self.jwks {
            Some(jwks) => jwks.key(kid, fetch, now).await,
            None => None,
        };
        found.ok_or_else(|| Refusal(format!("its issuer has no key `{}`", shown(kid))))
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Issuer({}, {:?})", self.name, self.keys)
    }
}

fn check(settings: &IssuerSettings) -> Result<()> {
    let bad = |field: &'static str, reason: &str| Err(Error::invalid(field, reason));
    if settings.iss.is_empty() {
        return bad("iss", "it is empty");
    }
    if settings.aud.is_empty() || settings.aud.iter().any(String::is_empty) {
        return bad("aud", "it is empty: a token must be meant for this host");
    }
    if settings.scopes.is_empty() {
        return bad("scopes", "it is empty: its tokens could do nothing");
    }
    if settings.leeway_s > JWT_LEEWAY_S_MAX {
        let reason = format!("{}, at most {JWT_LEEWAY_S_MAX}", settings.leeway_s);
        return bad("leeway_s", &reason);
    }
    if !(1..=JWT_LIFE_S_MAX).contains(&settings.life_s_max) {
        let reason = format!(
            "{}, not between 1 and {JWT_LIFE_S_MAX}",
            settings.life_s_max
        );
        return bad("life_s_max", &reason);
    }
    if settings.keys.len() > ISSUER_KEYS_MAX {
        let reason = format!("{}, at most {ISSUER_KEYS_MAX}", settings.keys.len());
        return bad("keys", &reason);
    }
    match &settings.jwks_url {
        None if settings.keys.is_empty() => bad("keys", "there is none, and no `jwks_url`"),
        Some(url) => super::jwks::check_url(url),
        None => Ok(()),
    }
}

fn read_key(settings: &KeySettings, variable: &dyn Fn(&str) -> Option<String>) -> Result<JwtKey> {
    let key = match (settings.alg, &settings.jwk, &settings.secret_variable) {
        (Algorithm::Hs256, None, Some(name)) => {
            let secret = variable(name).ok_or_else(|| {
                Error::invalid("secret_variable", format!("the environment has no {name}"))
            })?;
            JwtKey::shared(&settings.kid, secret.as_bytes())?
        }
        (Algorithm::Rs256 | Algorithm::EdDsa, Some(jwk), None) => {
            JwtKey::public(&settings.kid, jwk)?
        }
        _ => {
            let reason = "HS256 takes `secret_variable`, RS256 and EdDSA take `jwk`";
            return Err(Error::invalid("keys", reason));
        }
    };
    if key.algorithm() != settings.alg {
        let reason = format!("the key `{}` is for {}", settings.kid, key.algorithm());
        return Err(Error::invalid("alg", reason));
    }
    Ok(key)
}

/// All issuers of a host, by what `iss` says.
#[derive(Debug, Clone, Default)]
pub struct Issuers(Arc<Vec<Issuer>>);

impl Issuers {
    /// From settings, with the secrets that `variable` finds.
    ///
    /// # Errors
    /// `Invalid` that names the issuer and what is wrong with it.
    pub fn new(
        settings: Vec<IssuerSettings>,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        if settings.len() > ISSUERS_MAX {
            let reason = format!("{}, at most {ISSUERS_MAX}", settings.len());
            return Err(Error::invalid("identity.issuers", reason));
        }
        let read = |issuer| Issuer::new(issuer, variable);
        let all: Vec<Issuer> = settings.into_iter().map(read).collect::<Result<_>>()?;
        let names: HashSet<_> = all.iter().map(|issuer| issuer.name.as_str()).collect();
        let urls: HashSet<_> = all.iter().map(|issuer| issuer.iss.as_str()).collect();
        if names.len() < all.len() || urls.len() < all.len() {
            let reason = "two have the same `name` or the same `iss`";
            return Err(Error::invalid("identity.issuers", reason));
        }
        Ok(Self(Arc::new(all)))
    }

    /// The issuer that says this of itself.
    pub fn find(&self, iss: &str) -> Option<&Issuer> {
        self.0.iter().find(|issuer| issuer.iss == iss)
    }
}
