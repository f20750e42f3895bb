//! Makes the tenant of a developer and a key for it, or finds those of the last start still good.

use crate::api::types::{KeyMade, KeyRequest, KeyView, Listing, TenantRequest, WhoamiView};
use crate::cli::client::{Client, Request};
use crate::cli::connection::{Connection, Credentials};
use crate::cli::failure::{Exit, Result};
use crate::id::{KeyName, TenantName};

/// The developer's tenant, and the name of its key.
const DEV: &str = "dev";

/// Credentials that work at `url`.
pub(super) fn ready(
    url: &str,
    operator: String,
    stored: Option<Credentials>,
) -> Result<Credentials> {
    let mut credentials = Credentials {
        url: url.to_owned(),
        tenant: Some(DEV.to_owned()),
        key: stored.and_then(|stored| stored.key),
        admin_key: Some(operator),
    };
    let client = client(&credentials);
    ensure_tenant(&client)?;
    if !key_works(&client)? {
        credentials.key = Some(new_key(&client)?);
    }
    Ok(credentials)
}

fn client(credentials: &Credentials) -> Client {
    Client::new(Connection {
        url: credentials.url.clone(),
        key: credentials.key.clone(),
        admin_key: credentials.admin_key.clone(),
        from: "this process".to_owned(),
        ca: None,
    })
}

fn ensure_tenant(client: &Client) -> Result<()> {
    match client.send(Request::get(&["tenants", DEV]).by_operator()) {
        Err(failure) if failure.exit == Exit::NotFound => {
            let body = TenantRequest {
                name: TenantName::new(DEV)?,
                weight: None,
                quotas: std::collections::BTreeMap::default(),
            };
            client.send(Request::post(&["tenants"]).json(&body)?.by_operator())?;
            Ok(())
        }
        Err(failure) => Err(failure),
        Ok(_) => Ok(()),
    }
}

/// Whether the key of the last start is still the tenant's.
fn key_works(client: &Client) -> Result<bool> {
    if client.connection().key.is_none() {
        return Ok(false);
    }
    match client.send(Request::get(&["whoami"])) {
        Ok(answer) => Ok(answer.read::<WhoamiView>()?.tenant.as_str() == DEV),
        Err(failure) if failure.exit == Exit::Denied => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// A new key in place of one that nobody knows any more.
fn new_key(client: &Client) -> Result<String> {
    let keys = Request::get(&["tenants", DEV, "keys"]).by_operator();
    let keys: Listing<KeyView> = client.send(keys)?.read()?;
    let stale = |key: &KeyView| key.name.as_str() == DEV && key.revoked.is_none();
    if keys.items.iter().any(stale) {
        client.send(Request::delete(&["tenants", DEV, "keys", DEV]).by_operator())?;
    }
    let body = KeyRequest::named(KeyName::new(DEV)?);
    let request = Request::post(&["tenants", DEV, "keys"])
        .json(&body)?
        .by_operator();
    let made: KeyMade = client.send(request)?.read()?;
    Ok(made.key)
}
