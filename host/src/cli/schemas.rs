//! `warren schemas`: what payloads must look like, in versions that never change.

use crate::api::types::{Listing, SchemaView};
use crate::registry::{Compatibility, TenantSettings, UnknownEvents};

use super::client::Request;
use super::console::Tint;
use super::failure::Result;
use super::table::Table;
use super::{Context, input};

/// `warren schemas`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List the latest version of each; the default
    List {
        /// Only this owner's
        #[arg(long)]
        owner: Option<String>,
    },
    /// Print one as it was registered
    Show {
        /// The schema
        name: String,
        /// Its version; the latest unless given
        #[arg(long)]
        version: Option<u32>,
    },
    /// List the versions of one, the newest first
    Versions {
        /// The schema
        name: String,
    },
    /// Register the next version of one
    Register {
        /// The schema
        name: String,
        /// JSON Schema: JSON, @FILE, or - for stdin
        schema: String,
        /// The number it must get; the next one unless given
        #[arg(long)]
        version: Option<u32>,
        /// Whose it is from now on; yours, if it is new
        #[arg(long)]
        owner: Option<String>,
        /// What each version must be to the one before it from now on: none, backward, forward or full
        #[arg(long, value_name = "RULE", value_parser = rule)]
        compatibility: Option<Compatibility>,
        /// Only check, and tell what would be done
        #[arg(long)]
        dry_run: bool,
    },
    /// Say what becomes of events of types that nobody declared, or print it
    Unknown {
        /// What becomes of them
        #[arg(value_enum)]
        choice: Option<Unknown>,
    },
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Unknown {
    /// They are published; the default of a tenant
    Allow,
    /// They are refused: a misspelt type is an error
    Refuse,
}

fn rule(text: &str) -> Result<Compatibility, serde_json::Error> {
    serde_json::from_value(text.into())
}

pub(crate) fn run(args: Args, context: &Context) -> Result<()> {
    match args.action.unwrap_or(Action::List { owner: None }) {
        Action::List { owner } => list(Request::get(&["schemas"]).query("owner", owner), context),
        Action::Show { name, version } => show(&name, version, context),
        Action::Versions { name } => list(Request::get(&["schemas", &name, "versions"]), context),
        Action::Register {
            name,
            schema,
            version,
            owner,
            compatibility,
            dry_run,
        } => {
            let request = Request::put(&["schemas", &name])
                .query("version", version)
                .query("owner", owner)
                .query("compatibility", compatibility.map(Compatibility::as_str))
                .query("dry_run", dry_run.then_some(true));
            let schema = input::payload(Some(&schema))?;
            register(request.json(&schema)?, dry_run, context)
        }
        Action::Unknown { choice } => unknown(choice, context),
    }
}

fn list(request: Request, context: &Context) -> Result<()> {
    let answer = context.client()?.send(request)?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let page: Listing<SchemaView> = answer.read()?;
    let mut table = Table::new(["NAME", "VERSION", "OWNER", "COMPATIBILITY", "REGISTERED"]);
    for schema in &page.items {
        table.row([
            &schema.name,
            &schema.version,
            &schema.owner,
            &schema.compatibility,
            &schema.created,
        ]);
    }
    let nothing = "no schemas; register one with `warren schemas register NAME @FILE`";
    context.console.table(&table, nothing)
}

fn show(name: &str, version: Option<u32>, context: &Context) -> Result<()> {
    let request = Request::get(&["schemas", name]).query("version", version);
    let answer = context.client()?.send(request)?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let schema: SchemaView = answer.read()?;
    context.console.line(schema.schema.as_str())
}

fn register(request: Request, dry_run: bool, context: &Context) -> Result<()> {
    let answer = context.client()?.send(request)?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let schema: SchemaView = answer.read()?;
    let word = if dry_run { "would be:" } else { "done:" };
    let talk = format!("{} version {}", schema.name, schema.version);
    context.console.say(Tint::Good, word, talk);
    Ok(())
}

fn unknown(choice: Option<Unknown>, context: &Context) -> Result<()> {
    let request = match choice {
        None => Request::get(&["settings"]),
        Some(choice) => Request::put(&["settings"]).json(&TenantSettings {
            unknown_events: match choice {
                Unknown::Allow => UnknownEvents::Allow,
                Unknown::Refuse => UnknownEvents::Refuse,
            },
        })?,
    };
    let answer = context.client()?.send(request)?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let settings: TenantSettings = answer.read()?;
    context.console.line(match settings.unknown_events {
        UnknownEvents::Allow => "allow",
        UnknownEvents::Refuse => "refuse",
    })
}
