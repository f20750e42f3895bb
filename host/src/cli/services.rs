//! `warren services`: the catalogue of what lives elsewhere, and of the agents beside it.

use std::path::PathBuf;

use crate::api::types::{ResolvedView, ServiceView, StatusRequest};
use crate::id::AgentName;
use crate::registry::ServiceState;

use super::client::Request;
use super::console::Tint;
use super::failure::{Failure, Result};
use super::{Context, input, tail, text};

mod import;
mod keys;
mod list;
mod overview;
mod run;

pub(super) use list::ranked;
use list::{Wanted, list};

/// `warren services`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List services and agents; the default
    List(Box<Wanted>),
    /// Show one
    Show {
        /// The service
        name: AgentName,
    },
    /// Register a service, or replace what it said before
    Register {
        /// Its definition: JSON, @FILE, or - for stdin
        definition: String,
    },
    /// Tell that a service lives, and how it is
    Heartbeat {
        /// The service
        name: AgentName,
        /// What it tells: JSON, @FILE, or - for stdin, for example '{"errors": 4}'
        health: Option<String>,
    },
    /// Register a service for as long as a program runs
    Run(run::Args),
    /// Put a service into a state
    Status {
        /// The service
        name: AgentName,
        /// active, degraded, unhealthy, paused or offline
        #[arg(value_parser = word::<ServiceState>)]
        state: ServiceState,
    },
    /// Take a service out of the catalogue
    Remove {
        /// The service
        name: AgentName,
        /// Do not ask a second time
        #[arg(long)]
        yes: bool,
    },
    /// Register all services of a CSV or JSON file, or none of them
    Import {
        /// The file: .csv or .json
        file: PathBuf,
        /// Only check, and tell what would be done
        #[arg(long)]
        dry_run: bool,
    },
    /// Print where to ask: of an address, or of the best that can do something
    Resolve {
        /// The address: `klp://NAME/PATH`
        #[arg(required_unless_present_any = ["capability", "consumes"])]
        address: Option<String>,
        /// A capability by name
        #[arg(long, value_name = "NAME", conflicts_with = "address")]
        capability: Option<String>,
        /// The type of an event that it consumes
        #[arg(long, value_name = "TYPE", conflicts_with = "address")]
        consumes: Option<String>,
    },
    /// Print the catalogue in figures
    Overview,
    /// The public keys that signatures are checked with
    Keys {
        #[command(subcommand)]
        action: Option<keys::Action>,
    },
    /// Print changes of the catalogue as they happen
    Watch {
        /// Begin after this position; 0 is the beginning. Without it only what comes is printed
        #[arg(long, value_name = "POSITION")]
        since: Option<u64>,
        /// Stop after this many changes
        #[arg(long, value_name = "COUNT")]
        count: Option<u64>,
    },
}

/// A word as the host writes it.
fn word<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    serde_json::from_value(text.into())
}

pub(crate) fn run(args: Args, context: &Context) -> Result<()> {
    match args.action.unwrap_or(Action::List(Box::default())) {
        Action::List(wanted) => list(&wanted, context),
        Action::Show { name } => show(&name, context),
        Action::Register { definition } => {
            let definition = input::payload(Some(&definition))?;
            change(Request::post(&["services"]).json(&definition)?, context)
        }
        Action::Heartbeat { name, health } => {
            let health = input::payload(health.as_deref())?;
            let request = Request::post(&["services", name.as_str(), "heartbeat"]);
            change(request.json(&health)?, context)
        }
        Action::Run(args) => run::run(&args, context),
        Action::Status { name, state } => {
            let body = StatusRequest { state: Some(state) };
            let request = Request::put(&["services", name.as_str(), "status"]);
            change(request.json(&body)?, context)
        }
        Action::Remove { name, yes } => remove(&name, yes, context),
        Action::Import { file, dry_run } => import::run(&file, dry_run, context),
        Action::Resolve {
            address,
            capability,
            consumes,
        } => {
            let request = Request::get(&["services", "resolve"])
                .query("address", address)
                .query("capability", capability)
                .query("consumes", consumes);
            resolve(request, context)
        }
        Action::Overview => overview::run(context),
        Action::Keys { action } => keys::run(action, context),
        Action::Watch { since, count } => {
            let request = || Request::get(&["services", "stream"]);
            tail::follow(&request, since, count, context)
        }
    }
}

/// Its state; of an agent of the host, in the words for agents.
fn state(entry: &ServiceView) -> String {
    entry
        .hosted_state
        .clone()
        .unwrap_or_else(|| entry.state.to_string())
}

fn show(name: &AgentName, context: &Context) -> Result<()> {
    let request = Request::get(&["services", name.as_str()]);
    let answer = context.client()?.send(request)?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let entry: ServiceView = answer.read()?;
    for (name, value) in fields(&entry) {
        let name = format!("{name:<13}");
        let name = context.console.data_tint(Tint::Faint, &name);
        let value = text::safe(&value);
        context.console.line(format_args!("{name}{value}"))?;
    }
    Ok(())
}

fn fields(entry: &ServiceView) -> Vec<(&'static str, String)> {
    let said = &entry.definition;
    let tags: Vec<&str> = said.tags.iter().map(String::as_str).collect();
    let mut fields = vec![
        ("name", entry.name.to_string()),
        ("type", entry.kind.to_string()),
        ("state", state(entry)),
    ];
    if entry.missed_beats > 0 {
        let missed = format!("{} heartbeats in a row", entry.missed_beats);
        fields.push(("missed", missed));
    }
    let signed = entry.signature.as_ref().map(|signature| {
        let key = &signature.key;
        let verified = signature.verified;
        let word = if verified {
            "verified"
        } else {
            "no longer verified"
        };
        format!("by {key}, {word}")
    });
    let maybe = [
        ("version", Some(said.version.clone())),
        ("category", said.category.clone()),
        ("tags", Some(tags.join(" "))),
        ("url", said.url.clone()),
        ("protocol", said.protocol.clone()),
        ("owner", entry.owner.clone()),
        ("signed", signed),
        ("seen", entry.seen.map(|seen| seen.to_string())),
        ("registered", Some(entry.registered.to_string())),
        ("updated", Some(entry.updated.to_string())),
        ("description", Some(said.description.clone())),
    ];
    let told = maybe
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?)));
    fields.extend(told);
    let ways = said.endpoints.iter();
    fields.extend(ways.map(|e| {
        let method = e.method.as_deref().unwrap_or_default();
        let way = format!("{method} {} {}", e.path, e.description);
        ("endpoint", way.trim().to_owned())
    }));
    let consumed = said.subscriptions.iter();
    fields.extend(consumed.map(|s| ("consumes", format!("{} on {}", s.event_type, s.topic))));
    let produced = said.produces.iter();
    fields.extend(produced.map(|p| ("produces", format!("{} on {}", p.event_type, p.topic))));
    super::agents::capabilities(&mut fields, &entry.capabilities);
    fields
}

fn change(request: Request, context: &Context) -> Result<()> {
    let answer = context.client()?.send(request)?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let entry: ServiceView = answer.read()?;
    let talk = format!("{} is {}", entry.name, state(&entry));
    context.console.say(Tint::Good, "done:", talk);
    Ok(())
}

fn remove(name: &AgentName, yes: bool, context: &Context) -> Result<()> {
    if !yes {
        let message = format!("this takes {name} out of the catalogue");
        return Err(Failure::usage(message).hint(format!(
            "`warren services remove {name} --yes` does it; nothing was changed. \
             `warren services status {name} paused` only takes it out of use"
        )));
    }
    context
        .client()?
        .send(Request::delete(&["services", name.as_str()]))?;
    let talk = format_args!("service {name}");
    context.console.say(Tint::Good, "removed", talk);
    Ok(())
}

fn resolve(request: Request, context: &Context) -> Result<()> {
    let answer = context.client()?.send(request)?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let found: ResolvedView = answer.read()?;
    let others: Vec<&str> = found.others.iter().map(AgentName::as_str).collect();
    let others = match others.as_slice() {
        [] => String::new(),
        others => format!("; others: {}", others.join(", ")),
    };
    let talk = format!("{} is {}{others}", found.name, found.state);
    context.console.note(talk);
    context.console.line(text::safe(&found.url))
}
