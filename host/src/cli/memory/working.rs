//! `warren memory working`.

use crate::api::types::{ClearedView, Listing, WorkingKeyView, WorkingValueView};

use super::super::Context;
use super::super::client::Request;
use super::super::failure::Result;
use super::super::table::Table;

#[derive(Debug, clap::Args)]
pub(super) struct Working {
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
    /// Remove the value of KEY
    #[arg(long, requires = "entry")]
    delete: bool,
    /// Remove all values of the space
    #[arg(long, conflicts_with_all = ["entry", "prefix", "after"])]
    clear: bool,
}

pub(super) fn run(args: &Working, context: &Context) -> Result<()> {
    match &args.entry {
        Some(key) if args.delete => {
            let path = ["memory", "working", &args.space, key];
            context.client()?.send(Request::delete(&path))?;
            context.console.note(format_args!("{key} is gone"));
            Ok(())
        }
        Some(key) => value(&args.space, key, context),
        None if args.clear => clear(&args.space, context),
        None => keys(args, context),
    }
}

fn clear(space: &str, context: &Context) -> Result<()> {
    let request = Request::delete(&["memory", "working", space]);
    let answer = context.client()?.send(request)?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let view: ClearedView = answer.read()?;
    context
        .console
        .note(format_args!("{} values of {space} are gone", view.cleared));
    Ok(())
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

fn keys(args: &Working, context: &Context) -> Result<()> {
    let request = Request::get(&["memory", "working", &args.space])
        .query("prefix", args.prefix.as_ref())
        .query("after", args.after.as_ref());
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
