//! What a token says, as its issuer's settings map it.
//!
//! Invariant: a claim that the settings name must be there: a token without it would otherwise speak for
//! more than its issuer meant.

use serde_json::{Map, Value};

use super::{Issuer, Refusal, TenantFrom, refused, shown};
use crate::clock::Timestamp;
use crate::id::{CustomerId, TenantName, UserId};
use crate::identity::Scopes;

/// Longest time in seconds since 1970 that is read: the year 9999.
const SECONDS_MAX: f64 = 253_402_300_799.0;

/// What a token that was verified says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// Whose it is.
    pub tenant: TenantName,
    /// The customer that it speaks for, and nobody else.
    pub customer: Option<CustomerId>,
    /// The user that it speaks for, and nobody else.
    pub user: Option<UserId>,
    /// What it may do.
    pub scopes: Scopes,
    /// Good before this, the leeway included.
    pub until: Timestamp,
}

impl Claims {
    pub(super) fn read(
        claims: &Map<String, Value>,
        issuer: &Issuer,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let until = time_fits(claims, issuer, now)?;
        if claims.get("iss").and_then(Value::as_str) != Some(issuer.iss.as_str()) {
            return refused("it is another issuer's");
        }
        if !audiences(claims)?.any(|said| issuer.aud.iter().any(|ours| ours == said)) {
            return refused("its `aud` is not this host's");
        }
        let tenant = match &issuer.tenant {
            TenantFrom::Fixed(name) => name.clone(),
            TenantFrom::Claim(claim) => mapped(claims, claim, TenantName::new)?,
        };
        let given = match &issuer.scopes_claim {
            None => issuer.scopes,
            Some(claim) => scopes(claims, claim)?.and(issuer.scopes),
        };
        let customer = issuer.customer_claim.as_ref();
        let user = issuer.user_claim.as_ref();
        Ok(Self {
            tenant,
            customer: customer
                .map(|claim| mapped(claims, claim, CustomerId::new))
                .transpose()?,
            user: user
                .map(|claim| mapped(claims, claim, UserId::new))
                .transpose()?,
            scopes: given,
            until,
        })
    }
}

/// Check `exp`, `nbf` and `iat`, and say until when the token is good.
fn time_fits(
    claims: &Map<String, Value>,
    issuer: &Issuer,
    now: Timestamp,
) -> Result<Timestamp, Refusal> {
    let leeway = issuer.leeway_s * 1_000;
    let Some(expires) = instant(claims, "exp")? else {
        return refused("it has no `exp`");
    };
    let until = expires.plus_ms(leeway);
    if now >= until {
        return refused(format!("it expired at {expires}"));
    }
    if expires > now.plus_ms(issuer.life_s_max * 1_000 + leeway) {
        return refused(format!(
            "it expires at {expires}, later than life_s_max of {} s allows",
            issuer.life_s_max
        ));
    }
    for name in ["nbf", "iat"] {
        if instant(claims, name)?.is_some_and(|at| at > now.plus_ms(leeway)) {
            return refused(format!("its `{name}` is in the future"));
        }
    }
    Ok(until)
}

fn instant(claims: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, Refusal> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    match value.as_f64() {
        Some(seconds) if (0.0..=SECONDS_MAX).contains(&seconds) => {
            Ok(Some(Timestamp((seconds * 1_000.0) as i64)))
        }
        _ => refused(format!("its `{name}` is no time")),
    }
}

fn audiences(claims: &Map<String, Value>) -> Result<impl Iterator<Item = &str>, Refusal> {
    let values = match claims.get("aud") {
        Some(one @ Value::String(_)) => std::slice::from_ref(one),
        Some(Value::Array(several)) => several.as_slice(),
        _ => return refused("it has no `aud`"),
    };
    Ok(values.iter().filter_map(Value::as_str))
}

/// As RFC 8693 writes them, in one text, or as a list. What is no scope of ours is for others.
fn scopes(claims: &Map<String, Value>, name: &str) -> Result<Scopes, Refusal> {
    match claims.get(name) {
        Some(Value::String(names)) => Ok(Scopes::of_known(names)),
        Some(Value::Array(names)) => {
            let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
            Ok(Scopes::of_known(&names.join(" ")))
        }
        _ => refused(format!(
            "it has no `{}`, which gives its scopes",
            shown(name)
        )),
    }
}

fn mapped<T>(
    claims: &Map<String, Value>,
    name: &str,
    read: fn(&str) -> crate::error::Result<T>,
) -> Result<T, Refusal> {
    let Some(text) = claims.get(name).and_then(Value::as_str) else {
        return refused(format!("it has no text `{}`", shown(name)));
    };
    read(text).map_err(|error| Refusal(format!("its `{}`: {error}", shown(name))))
}
