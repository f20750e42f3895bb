//! A tenant of the demonstration: made by the operator, then on its own with its own key.

use std::path::Path;

use crate::api::types::{KeyMade, KeyRequest, PushView, TenantRequest};
use crate::cli::client::{Client, Request};
use crate::cli::connection::Connection;
use crate::cli::failure::{Failure, Result};
use crate::cli::push::{self, Upload};
use crate::id::{AgentName, KeyName, TenantName};

/// The example agents: a tool, a chain of three, and one that remembers.
const AGENTS: [&str; 5] = ["greeter", "invoices", "parcels", "mailer", "box-office"];
/// The name of each tenant's key: events published with it are from `client/demo`.
const KEY: &str = "demo";

/// An agent to push.
pub(super) struct Guest {
    pub(super) name: AgentName,
    bytes: Vec<u8>,
}

/// Read the agents that the demonstration pushes.
///
/// # Errors
/// `Usage` that says how to build them if one is not there.
pub(super) fn read_guests(dir: &Path) -> Result<Vec<Guest>> {
    let read = |name: &&str| {
        let file = dir.join(format!("{name}.wasm"));
        if !file.is_file() {
            let missing = format!("there is no {}", file.display());
            return Err(Failure::usage(missing).hint(
                "`cargo xtask demo` builds the example agents and runs this; --guests names \
                 the directory of agents that are built",
            ));
        }
        Ok(Guest {
            name: AgentName::new(name)?,
            bytes: push::read(&file)?,
        })
    };
    AGENTS.iter().map(read).collect()
}

/// A tenant with its agents.
pub(super) struct Member {
    pub(super) name: String,
    /// What its order numbers begin with, to tell them apart at a glance.
    pub(super) letter: &'static str,
    pub(super) client: Client,
    pub(super) agents: Vec<PushView>,
}

impl Member {
    /// Make the tenant and its key, and push the agents to it.
    pub(super) fn make(
        url: &str,
        operator: &str,
        (name, letter): (&str, &'static str),
        guests: &[Guest],
    ) -> Result<Self> {
        let operator = client(url, None, Some(operator));
        let body = TenantRequest {
            name: TenantName::new(name)?,
            weight: None,
            quotas: std::collections::BTreeMap::default(),
        };
        operator.send(Request::post(&["tenants"]).json(&body)?.by_operator())?;
        let body = KeyRequest::named(KeyName::new(KEY)?);
        let request = Request::post(&["tenants", name, "keys"]).json(&body)?;
        let made: KeyMade = operator.send(request.by_operator())?.read()?;
        let client = client(url, Some(&made.key), None);
        let agents = guests
            .iter()
            .map(|guest| {
                let upload = Upload::new(guest.name.clone(), guest.bytes.clone());
                push::push(&client, upload)
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            name: name.to_owned(),
            letter,
            client,
            agents,
        })
    }

    /// Its key in the clear.
    pub(super) fn key(&self) -> &str {
        self.client.connection().key.as_deref().unwrap_or_default()
    }
}

fn client(url: &str, key: Option<&str>, admin_key: Option<&str>) -> Client {
    Client::new(Connection {
        url: url.to_owned(),
        key: key.map(str::to_owned),
        admin_key: admin_key.map(str::to_owned),
        from: "this process".to_owned(),
        ca: None,
    })
}
