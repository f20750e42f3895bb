//! `warren memory`: looks into what agents and plans remember.

use crate::api::types::{Listing, WorkingKeyView, WorkingValueView};

use super::Context;
use super::client::Request;
use super::failure::Result;
use super::table::Table;

/// `warren memory`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Debug, clap::Subcommand)]
enum Kind {
    /// Working memory: list the keys of a space, or print one value
    Working(Working),
}

#[derive(Debug, clap::Args)]
struct Working {
    /// Whose: agent:NAME or plan:ID
    space: String,
    /// Print the value of this key
    #[arg(value_name = "KEY")]
    entry: Option<String>,
    /// Only keys that begin so
    #[arg(long, conflicts_with = "entry")]
    prefix: Option<String>,
    /// Only keys after this one
    #[arg(long, conflicts_with = "entry")]
    after: Option<String>,
}

pub(crate) fn run(args: Args, context: &Context) -> Result<()> {
    let Kind::Working(working) = args.kind;
    match &working.entry {
        Some(key) => value(&working.space, key, context),
        None => keys(working, context),
    }
}

fn value(space: &str, key: &str, context: &Context) -> Result<()> {
    let answer = context
        .client()?
        .send(Request::get(&["memory", "working", space, key]))?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let view: WorkingValueView = answer.read()?;
    let until = view
        .expires
        .map(|at| format!(", until {at}"))
        .unwrap_or_default();
    context
        .console
        .note(format_args!("version {}{until}", view.version));
    context.console.json(&view.value)
}

fn keys(args: Working, context: &Context) -> Result<()> {
    let request = Request::get(&["memory", "working", &args.space])
        .query("prefix", args.prefix)
        .query("after", args.after);
    let answer = context.client()?.send(request)?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let page: Listing<WorkingKeyView> = answer.read()?;
    let mut table = Table::new(["VERSION", "KEY"]);
    for key in &page.items {
        table.row([&key.version, &key.key]);
    }
    context.console.table(&table, "no keys")?;
    if let Some(next) = page.next {
        context.console.note(format_args!(
            "more: warren memory working {} --after {next}",
            args.space
        ));
    }
    Ok(())
}
