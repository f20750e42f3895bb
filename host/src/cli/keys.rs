//! `warren keys`: the API keys of a tenant, for the operator.

use crate::api::types::{KeyMade, KeyRequest, KeyView, Listing};
use crate::id::{KeyName, TenantName};

use super::Context;
use super::client::Request;
use super::console::Tint;
use super::failure::Result;
use super::table::Table;

/// `warren keys`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List the keys of a tenant, without their secrets
    List {
        /// The tenant
        tenant: TenantName,
    },
    /// Make a key and print it, this once
    Create {
        /// The tenant
        tenant: TenantName,
        /// The key's name: events published with it carry it in their source
        name: KeyName,
    },
    /// Revoke a key from now on
    Revoke {
        /// The tenant
        tenant: TenantName,
        /// The key's name
        name: KeyName,
    },
}

pub(crate) fn run(args: Args, context: &Context) -> Result<()> {
    match args.action {
        Action::List { tenant } => list(&tenant, context),
        Action::Create { tenant, name } => create(&tenant, name, context),
        Action::Revoke { tenant, name } => revoke(&tenant, &name, context),
    }
}

fn list(tenant: &TenantName, context: &Context) -> Result<()> {
    let request = Request::get(&["tenants", tenant.as_str(), "keys"]).by_operator();
    let answer = context.client()?.send(request)?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let page: Listing<KeyView> = answer.read()?;
    let mut table = Table::new(["NAME", "KEY", "CREATED", "REVOKED"]);
    for key in &page.items {
        let shown = format!("wrn_{}_…", key.id);
        let revoked = key.revoked.map(|at| at.to_string()).unwrap_or_default();
        table.row([&key.name, &shown, &key.created, &revoked]);
    }
    let nothing = format!("no keys; make one with `warren keys create {tenant} NAME`");
    context.console.table(&table, &nothing)
}

fn create(tenant: &TenantName, name: KeyName, context: &Context) -> Result<()> {
    let request = Request::post(&["tenants", tenant.as_str(), "keys"])
        .json(&KeyRequest { name })?
        .by_operator();
    let answer = context.client()?.send(request)?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let made: KeyMade = answer.read()?;
    let talk = format_args!(
        "key {} of tenant {tenant}; it is shown this once",
        made.name
    );
    context.console.say(Tint::Good, "made", talk);
    context.console.line(made.key)
}

fn revoke(tenant: &TenantName, name: &KeyName, context: &Context) -> Result<()> {
    let request =
        Request::delete(&["tenants", tenant.as_str(), "keys", name.as_str()]).by_operator();
    context.client()?.send(request)?;
    let talk = format_args!("key {name} of tenant {tenant}");
    context.console.say(Tint::Good, "revoked", talk);
    Ok(())
}
