//! `warren agents`: what is deployed, and what an operator of a tenant does with it.

use crate::api::types::{
    AgentView, CapabilityView, Listing, RollbackRequest, ServiceView, VersionView,
};
use crate::id::AgentName;
use crate::registry::{Dangling, EventContract, Graph, Manifest, PayloadSchema};

use super::client::Request;
use super::console::Tint;
use super::failure::{Failure, Result};
use super::table::Table;
use super::{Context, text};

/// Longest description in a row, in characters.
const DESCRIPTION_CHARS: usize = 60;
/// Most entries that a question finds.
const FOUND_ROWS: u32 = 10;
/// Fields that are left out where an agent says nothing.
const OPTIONAL: [&str; 3] = ["category", "tags", "owner"];
/// Digits of a digest that tell versions apart at a glance.
const DIGEST_CHARS: usize = 12;

/// `warren agents`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    /// Find who can do something, in plain words: agents and services, the best first
    #[arg(long, value_name = "QUESTION")]
    find: Option<String>,
    /// Show who speaks to whom: events with their producers and consumers
    #[arg(long, conflicts_with = "find")]
    graph: bool,
    /// With --graph: as text for Graphviz
    #[arg(long, requires = "graph")]
    dot: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List agents; the default
    List,
    /// Show one
    Show {
        /// The agent
        name: AgentName,
    },
    /// List the versions of one
    Versions {
        /// The agent
        name: AgentName,
    },
    /// Make an older version the current one
    Rollback {
        /// The agent
        name: AgentName,
        /// To this version; to the one before the current unless given
        #[arg(long, value_name = "VERSION")]
        to: Option<u32>,
    },
    /// Stop its turns and let its events wait
    #[command(visible_alias = "stop")]
    Pause {
        /// The agent
        name: AgentName,
    },
    /// Let it run again
    #[command(visible_alias = "start")]
    Resume {
        /// The agent
        name: AgentName,
    },
    /// Start it afresh: stop its turns, forget how it failed, load its component anew
    Restart {
        /// The agent
        name: AgentName,
    },
    /// Let it run again after it took the host down
    Release {
        /// The agent
        name: AgentName,
    },
    /// Delete it with its versions and waiting events
    Delete {
        /// The agent
        name: AgentName,
        /// Do not ask a second time
        #[arg(long)]
        yes: bool,
    },
}

pub(crate) fn run(args: Args, context: &Context) -> Result<()> {
    let looks = args.find.is_some() || args.graph;
    if looks && !matches!(args.action, None | Some(Action::List)) {
        return Err(
            Failure::usage("--find and --graph look at all agents, not at one")
                .hint("write `warren agents --find QUESTION` or `warren agents --graph`"),
        );
    }
    if let Some(question) = &args.find {
        return find(question, context);
    }
    if args.graph {
        return graph(args.dot, context);
    }
    match args.action.unwrap_or(Action::List) {
        Action::List => list(context),
        Action::Show { name } => show(&name, context),
        Action::Versions { name } => versions(&name, context),
        Action::Rollback { name, to } => {
            let body = RollbackRequest { version: to };
            change(post(&name, "rollback").json(&body)?, context)
        }
        Action::Pause { name } => change(post(&name, "pause"), context),
        Action::Resume { name } => change(post(&name, "resume"), context),
        Action::Restart { name } => change(post(&name, "restart"), context),
        Action::Release { name } => change(post(&name, "release"), context),
        Action::Delete { name, yes } => delete(&name, yes, context),
    }
}

fn post(name: &AgentName, verb: &str) -> Request {
    Request::post(&["agents", name.as_str(), verb])
}

fn list(context: &Context) -> Result<()> {
    let answer = context.client()?.send(Request::get(&["agents"]))?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let page: Listing<AgentView> = answer.read()?;
    let nothing = "no agents; make one with `warren new NAME`, deploy it with `warren push`";
    context.console.table(&table(&page.items), nothing)
}

fn find(question: &str, context: &Context) -> Result<()> {
    let request = Request::get(&["services"]).query("about", Some(question));
    let answer = context
        .client()?
        .send(request.query("limit", Some(FOUND_ROWS)))?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let page: Listing<ServiceView> = answer.read()?;
    let nothing = "nobody says that he can; look at everybody with `warren services`";
    context
        .console
        .table(&super::services::ranked(&page.items), nothing)
}

fn graph(dot: bool, context: &Context) -> Result<()> {
    let answer = context.client()?.send(Request::get(&["graph"]))?;
    if context.console.is_json() && !dot {
        return context.console.json(&answer.raw()?);
    }
    let graph: Graph = answer.read()?;
    if dot {
        // The console adds the end of the last line.
        return context.console.line(graph.to_dot().trim_end());
    }
    let mut table = Table::new(["PRODUCERS", "EVENT", "TOPIC", "CONSUMERS", "NOTE"]);
    for event in &graph.events {
        table.row([
            &names(&event.producers),
            &event.event_type,
            &event.topic,
            &names(&event.consumers),
            &event.dangling.map_or("", Dangling::words),
        ]);
    }
    let nothing = "no events are declared: agents declare what they handle and publish";
    context.console.table(&table, nothing)
}

fn names(names: &[AgentName]) -> String {
    let names: Vec<&str> = names.iter().map(AgentName::as_str).collect();
    if names.is_empty() {
        "-".to_owned()
    } else {
        names.join(",")
    }
}

fn table(agents: &[AgentView]) -> Table {
    let mut table = Table::new([
        "NAME",
        "KIND",
        "STATUS",
        "VERSION",
        "CONSUMES",
        "DESCRIPTION",
    ]);
    for agent in agents {
        table.row([
            &agent.name,
            &agent.kind,
            &status(agent),
            &agent.version,
            &consumes(&agent.manifest),
            &text::shorten(&agent.description, DESCRIPTION_CHARS),
        ]);
    }
    table
}

/// Its status, and whether it waits although it is active.
fn status(agent: &AgentView) -> String {
    match &agent.breaker {
        Some(breaker) => format!("{} ({})", agent.status, breaker.state),
        None => agent.status.clone(),
    }
}

fn consumes(manifest: &Manifest) -> String {
    let types: Vec<&str> = manifest
        .subscriptions
        .iter()
        .map(|subscription| subscription.event_type.as_str())
        .collect();
    types.join(",")
}

fn show(name: &AgentName, context: &Context) -> Result<()> {
    let request = Request::get(&["agents", name.as_str()]);
    let answer = context.client()?.send(request)?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let agent: AgentView = answer.read()?;
    for (name, value) in fields(&agent) {
        let name = context
            .console
            .data_tint(Tint::Faint, &format!("{name:<13}"));
        context
            .console
            .line(format_args!("{name}{}", text::safe(&value)))?;
    }
    Ok(())
}

fn fields(agent: &AgentView) -> Vec<(&'static str, String)> {
    let status = match &agent.status_reason {
        Some(reason) => format!("{}: {reason}", agent.status),
        None => agent.status.clone(),
    };
    let grants: Vec<String> = agent
        .grants
        .all_of_it()
        .map(|grant| grant.to_string())
        .collect();
    let mut fields = vec![
        ("name", agent.name.to_string()),
        ("kind", agent.kind.clone()),
        ("status", status),
        ("version", agent.version.to_string()),
        ("category", agent.category.clone().unwrap_or_default()),
        ("tags", agent.tags.join(" ")),
        ("owner", agent.owner.clone().unwrap_or_default()),
        ("digest", agent.digest.to_string()),
        ("grants", grants.join(" ")),
        ("created", agent.created.to_string()),
        ("updated", agent.updated.to_string()),
        ("description", agent.description.clone()),
    ];
    fields.retain(|(name, value)| !value.is_empty() || !OPTIONAL.contains(name));
    let breaker = agent.breaker.as_ref().map(|breaker| {
        let until = breaker.until.map(|until| format!(" until {until}"));
        let (state, failures) = (&breaker.state, breaker.failures);
        format!(
            "{state}{}: it failed {failures} times in a row, its events wait",
            until.unwrap_or_default()
        )
    });
    fields.extend(breaker.map(|words| ("breaker", words)));
    let consumed = agent.manifest.subscriptions.iter();
    fields.extend(consumed.map(|s| ("consumes", format!("{} on {}", s.event_type, s.topic))));
    let produced = agent.manifest.produces.iter();
    fields.extend(produced.map(|p| ("produces", format!("{} on {}", p.event_type, p.topic))));
    capabilities(&mut fields, &agent.capabilities);
    let config = agent.config.iter();
    fields.extend(config.map(|(key, value)| ("config", format!("{key}={value}"))));
    fields
}

/// What it can do, with the events of each.
pub(super) fn capabilities(fields: &mut Vec<(&'static str, String)>, all: &[CapabilityView]) {
    for capability in all {
        let words = format!("{}: {}", capability.name, capability.description);
        fields.push(("can", words));
        if !capability.tasks.is_empty() {
            fields.push(("  tasks", capability.tasks.join(" ")));
        }
        let asked = capability.consumes.iter();
        fields.extend(asked.map(|event| ("  asked by", contract(event))));
        let answered = capability.produces.iter();
        fields.extend(answered.map(|event| ("  answers by", contract(event))));
    }
}

fn contract(event: &EventContract) -> String {
    let schema = match &event.schema {
        None => String::new(),
        Some(PayloadSchema::Named(name)) => format!(", schema `{name}`"),
        Some(PayloadSchema::Inline(body)) => format!(", {}", body.as_str()),
    };
    format!("{} on {}{schema}", event.event_type, event.topic)
}

fn versions(name: &AgentName, context: &Context) -> Result<()> {
    let request = Request::get(&["agents", name.as_str(), "versions"]);
    let answer = context.client()?.send(request)?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let page: Listing<VersionView> = answer.read()?;
    let mut table = Table::new(["VERSION", "CURRENT", "PUSHED", "SIZE", "DIGEST"]);
    for version in &page.items {
        let digest = version.digest.hex();
        table.row([
            &version.version,
            &if version.current { "yes" } else { "" },
            &version.created,
            &text::bytes(version.component_bytes),
            &digest.get(..DIGEST_CHARS).unwrap_or(&digest),
        ]);
    }
    context.console.table(&table, "no versions")
}

fn change(request: Request, context: &Context) -> Result<()> {
    let answer = context.client()?.send(request)?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let agent: AgentView = answer.read()?;
    let state = format!(
        "{} is {}, version {}",
        agent.name, agent.status, agent.version
    );
    context.console.say(Tint::Good, "done:", state);
    Ok(())
}

fn delete(name: &AgentName, yes: bool, context: &Context) -> Result<()> {
    if !yes {
        let message = format!("this deletes agent {name} with its versions and waiting events");
        return Err(Failure::usage(message).hint(format!(
            "`warren agents delete {name} --yes` does it; nothing was deleted. \
             `warren agents pause {name}` only stops it"
        )));
    }
    let request = Request::delete(&["agents", name.as_str()]);
    context.client()?.send(request)?;
    context
        .console
        .say(Tint::Good, "deleted", format_args!("agent {name}"));
    Ok(())
}
