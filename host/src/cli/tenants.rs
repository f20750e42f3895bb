//! `warren tenants`: the operator's view of who is on the host.

use crate::api::types::{Listing, TenantRequest, TenantView};
use crate::id::TenantName;

use super::Context;
use super::client::Request;
use super::console::Tint;
use super::failure::{Failure, Result};
use super::table::Table;

/// `warren tenants`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List tenants; the default
    List {
        /// Only those after this name
        #[arg(long)]
        after: Option<String>,
    },
    /// Make a tenant
    Create {
        /// Its name: a letter, then a-z, 0-9 and -
        name: TenantName,
        /// Its share of the host relative to others, 1 to 100
        #[arg(long)]
        weight: Option<u32>,
    },
    /// Delete a tenant with everything that is its own
    Delete {
        /// Its name
        name: TenantName,
        /// Do not ask for the name a second time
        #[arg(long)]
        yes: bool,
    },
}

pub(crate) fn run(args: Args, context: &Context) -> Result<()> {
    match args.action {
        None => list(None, context),
        Some(Action::List { after }) => list(after, context),
        Some(Action::Create { name, weight }) => create(name, weight, context),
        Some(Action::Delete { name, yes }) => delete(&name, yes, context),
    }
}

fn list(after: Option<String>, context: &Context) -> Result<()> {
    let request = Request::get(&["tenants"])
        .query("after", after)
        .by_operator();
    let answer = context.client()?.send(request)?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let page: Listing<TenantView> = answer.read()?;
    let mut table = Table::new(["NAME", "WEIGHT", "CREATED", "ID"]);
    for tenant in &page.items {
        table.row([&tenant.name, &tenant.weight, &tenant.created, &tenant.id]);
    }
    context.console.table(
        &table,
        "no tenants yet; make one with `warren tenants create NAME`",
    )?;
    if let Some(next) = page.next {
        context
            .console
            .note(format_args!("more: warren tenants list --after {next}"));
    }
    Ok(())
}

fn create(name: TenantName, weight: Option<u32>, context: &Context) -> Result<()> {
    let request = Request::post(&["tenants"])
        .json(&TenantRequest { name, weight })?
        .by_operator();
    let answer = context.client()?.send(request)?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let tenant: TenantView = answer.read()?;
    let name = &tenant.name;
    context.console.say(
        Tint::Good,
        "made",
        format_args!("tenant {name} ({})", tenant.id),
    );
    context.console.say(
        Tint::Hint,
        "next:",
        format_args!("warren keys create {name} KEYNAME"),
    );
    Ok(())
}

fn delete(name: &TenantName, yes: bool, context: &Context) -> Result<()> {
    if !yes {
        let message = format!("this deletes all agents, events and memory of tenant {name}");
        return Err(Failure::usage(message).hint(format!(
            "`warren tenants delete {name} --yes` does it; nothing was deleted"
        )));
    }
    let request = Request::delete(&["tenants", name.as_str()]).by_operator();
    context.client()?.send(request)?;
    context
        .console
        .say(Tint::Good, "deleted", format_args!("tenant {name}"));
    Ok(())
}
