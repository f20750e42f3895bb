//! `warren tenants`: the operator's view of who is on the host.

use std::collections::BTreeMap;

use crate::api::types::{Listing, SuspendRequest, TenantPatch, TenantRequest, TenantView};
use crate::id::TenantName;
use crate::quota::{Overrides, Quota};

use super::Context;
use super::client::Request;
use super::console::Tint;
use super::failure::{Failure, Result};
use super::table::Table;
use super::text;

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
    /// Change its share of the host and what it may use
    Set {
        /// Its name
        name: TenantName,
        /// Its share of the host relative to others, 1 to 100
        #[arg(long)]
        weight: Option<u32>,
        /// A quota of its own, for example `events_per_second=100`; `=default` is what every tenant has, and 0 no
        /// limit for what is counted by the second or day. `warren usage --tenant NAME` lists them
        #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
        quota: Vec<(Quota, Option<u64>)>,
    },
    /// Let nothing of it run and take nothing new of it, until it is resumed; what it has stays
    Suspend {
        /// Its name
        name: TenantName,
        /// Why: the tenant is told with every refusal
        #[arg(long)]
        reason: String,
    },
    /// Let a suspended tenant go on where it was
    Resume {
        /// Its name
        name: TenantName,
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
        Some(Action::Set {
            name,
            weight,
            quota,
        }) => set(&name, weight, quota, context),
        Some(Action::Suspend { name, reason }) => {
            let path = ["tenants", name.as_str(), "suspend"];
            let request = Request::post(&path).json(&SuspendRequest { reason })?;
            change(request, context)
        }
        Some(Action::Resume { name }) => change(
            Request::post(&["tenants", name.as_str(), "resume"]),
            context,
        ),
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
    let mut table = Table::new(["NAME", "WEIGHT", "STATE", "CREATED", "ID"]);
    for tenant in &page.items {
        let state = tenant.suspended.as_ref().map_or("active", |_| "suspended");
        table.row([
            &tenant.name,
            &tenant.weight,
            &state,
            &tenant.created,
            &tenant.id,
        ]);
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
        .json(&TenantRequest {
            name,
            weight,
            quotas: Overrides::new(),
        })?
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

/// `events_per_second=100`, or `=default`.
fn setting(text: &str) -> std::result::Result<(Quota, Option<u64>), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("write it as NAME=VALUE, for example events_per_second=100")?;
    let quota: Quota = name
        .parse()
        .map_err(|e: crate::error::Error| e.to_string())?;
    if value == "default" {
        return Ok((quota, None));
    }
    let value = value
        .parse()
        .map_err(|_| format!("`{value}` is neither a whole number nor `default`"))?;
    Ok((quota, Some(value)))
}

fn set(
    name: &TenantName,
    weight: Option<u32>,
    quotas: Vec<(Quota, Option<u64>)>,
    context: &Context,
) -> Result<()> {
    if weight.is_none() && quotas.is_empty() {
        let failure = Failure::usage("there is nothing to set");
        return Err(failure.hint("give --weight, or --quota NAME=VALUE"));
    }
    let patch = TenantPatch {
        weight,
        quotas: quotas.into_iter().collect::<BTreeMap<_, _>>(),
    };
    let request = Request::patch(&["tenants", name.as_str()]).json(&patch)?;
    change(request, context)
}

fn change(request: Request, context: &Context) -> Result<()> {
    let answer = context.client()?.send(request.by_operator())?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let tenant: TenantView = answer.read()?;
    let mut words = format!("tenant {} has weight {}", tenant.name, tenant.weight);
    for (quota, value) in &tenant.quotas {
        words = format!("{words}, {quota} {value}");
    }
    if let Some(reason) = &tenant.suspended {
        words = format!("{words}; it is suspended: {reason}");
    }
    context.console.say(Tint::Good, "done:", text::safe(&words));
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
