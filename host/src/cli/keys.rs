//! `warren keys`: the API keys of a tenant, for the operator; and tokens from a key, for its holder.

use crate::api::types::{
    KeyMade, KeyRequest, KeyView, Listing, RotateRequest, TokenMade, TokenRequest,
};
use crate::id::{AgentName, CustomerId, KeyName, Label, TenantName, UserId};
use crate::identity::{Scope, Scopes};

use super::Context;
use super::client::Request;
use super::console::Tint;
use super::failure::Result;
use super::span::Span;
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
    Create(Create),
    /// Give a key another secret and print it, this once; the one until now is good for a while longer
    Rotate {
        /// The tenant
        tenant: TenantName,
        /// The key's name
        name: KeyName,
        /// How long the secret until now stays good, as in `12h`; a day unless given, at most 30d
        #[arg(long, value_name = "SPAN")]
        grace: Option<Span>,
    },
    /// Make a token from your own key that may do less and lives for an hour, or as long as is said
    Delegate(Delegate),
    /// Revoke a key from now on, with both its secrets; what it opened ends
    Revoke {
        /// The tenant
        tenant: TenantName,
        /// The key's name
        name: KeyName,
    },
}

#[derive(Debug, clap::Args)]
struct Create {
    /// The tenant
    tenant: TenantName,
    /// The key's name: events published with it carry it in their source
    name: KeyName,
    /// What it may do, as in `events:publish`; again for more. Everything that there is unless given
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',')]
    scopes: Vec<Scope>,
    /// How long it lives, as in `30d`; until it is revoked unless given
    #[arg(long, value_name = "SPAN")]
    expires: Option<Span>,
}

#[derive(Debug, clap::Args)]
struct Delegate {
    /// What it may do, as in `agents:call`; again for more. All that the key may unless given
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',')]
    scopes: Vec<Scope>,
    /// For this agent alone
    #[arg(long)]
    agent: Option<AgentName>,
    /// For this plan alone
    #[arg(long)]
    plan: Option<Label>,
    /// On behalf of this customer alone
    #[arg(long)]
    customer: Option<CustomerId>,
    /// On behalf of this user alone
    #[arg(long)]
    user: Option<UserId>,
    /// How long it lives, as in `15m`; an hour unless given, at most 7d
    #[arg(long, value_name = "SPAN")]
    expires: Option<Span>,
}

pub(crate) fn run(args: Args, context: &Context) -> Result<()> {
    match args.action {
        Action::List { tenant } => list(&tenant, context),
        Action::Create(wanted) => create(&wanted, context),
        Action::Rotate {
            tenant,
            name,
            grace,
        } => rotate(&tenant, &name, grace, context),
        Action::Delegate(wanted) => delegate(wanted, context),
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
    let mut table = Table::new(["NAME", "KEY", "CREATED", "LAST USED", "STATE", "SCOPES"]);
    for key in &page.items {
        let shown = format!("wrn_{}_…", key.id);
        let used = key.last_used.map(|at| at.to_string()).unwrap_or_default();
        let scopes = match key.scopes {
            scopes if scopes == Scopes::all() => "all".to_owned(),
            scopes => scopes.to_string(),
        };
        table.row([&key.name, &shown, &key.created, &used, &state(key), &scopes]);
    }
    let nothing = format!("no keys; make one with `warren keys create {tenant} NAME`");
    context.console.table(&table, &nothing)
}

fn state(key: &KeyView) -> String {
    match (key.revoked, key.expires, key.previous_until) {
        (Some(at), _, _) => format!("revoked {at}"),
        (None, Some(at), _) => format!("until {at}"),
        (None, None, Some(at)) => format!("good, old secret until {at}"),
        (None, None, None) => "good".to_owned(),
    }
}

/// None if none was named, which means all.
fn scopes(named: &[Scope]) -> Option<Scopes> {
    (!named.is_empty()).then(|| named.iter().copied().collect())
}

fn create(wanted: &Create, context: &Context) -> Result<()> {
    let Create { tenant, name, .. } = wanted;
    let body = KeyRequest {
        scopes: scopes(&wanted.scopes),
        expires_in_s: wanted.expires.map(|span| span.0),
        ..KeyRequest::named(name.clone())
    };
    let request = Request::post(&["tenants", tenant.as_str(), "keys"]).json(&body)?;
    show(request, "made", tenant, context)
}

fn rotate(
    tenant: &TenantName,
    name: &KeyName,
    grace: Option<Span>,
    context: &Context,
) -> Result<()> {
    let body = RotateRequest {
        grace_s: grace.map(|span| span.0),
    };
    let path = ["tenants", tenant.as_str(), "keys", name.as_str(), "rotate"];
    show(
        Request::post(&path).json(&body)?,
        "rotated",
        tenant,
        context,
    )
}

/// Print a key that is shown once.
fn show(request: Request, done: &str, tenant: &TenantName, context: &Context) -> Result<()> {
    let answer = context.client()?.send(request.by_operator())?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let made: KeyMade = answer.read()?;
    let old = made
        .previous_until
        .map(|at| format!("; the secret until now is good before {at}"))
        .unwrap_or_default();
    let talk = format_args!(
        "key {} of tenant {tenant}; it is shown this once{old}",
        made.name
    );
    context.console.say(Tint::Good, done, talk);
    context.console.line(made.key)
}

fn delegate(wanted: Delegate, context: &Context) -> Result<()> {
    let body = TokenRequest {
        scopes: scopes(&wanted.scopes),
        expires_in_s: wanted.expires.map(|span| span.0),
        agent: wanted.agent,
        plan: wanted.plan,
        customer: wanted.customer,
        user: wanted.user,
    };
    let answer = context
        .client()?
        .send(Request::post(&["tokens"]).json(&body)?)?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let made: TokenMade = answer.read()?;
    let talk = format_args!("a token for {}, good before {}", made.scopes, made.expires);
    context.console.say(Tint::Good, "made", talk);
    context.console.line(made.token)
}

fn revoke(tenant: &TenantName, name: &KeyName, context: &Context) -> Result<()> {
    let request =
        Request::delete(&["tenants", tenant.as_str(), "keys", name.as_str()]).by_operator();
    context.client()?.send(request)?;
    let talk = format_args!("key {name} of tenant {tenant}");
    context.console.say(Tint::Good, "revoked", talk);
    Ok(())
}
