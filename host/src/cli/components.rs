//! `warren components`: the operator stops a component wherever it runs.

use crate::api::types::{Listing, SuspendRequest, SuspendedComponentView};
use crate::id::Digest;

use super::Context;
use super::client::Request;
use super::console::Tint;
use super::failure::Result;
use super::table::Table;

/// Where they are.
const PATH: &str = "suspended-components";

/// `warren components`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List those that are suspended; the default
    List,
    /// Let no agent of any tenant run a component, and take no push of it, until it is resumed
    Suspend {
        /// Its digest, as `warren agents show NAME` shows it
        digest: Digest,
        /// Why: whoever pushes it is told
        #[arg(long)]
        reason: String,
    },
    /// Let a suspended component run again
    Resume {
        /// Its digest
        digest: Digest,
    },
}

pub(crate) fn run(args: Args, context: &Context) -> Result<()> {
    match args.action.unwrap_or(Action::List) {
        Action::List => list(context),
        Action::Suspend { digest, reason } => {
            let path = [PATH, &digest.to_string()];
            let request = Request::put(&path).json(&SuspendRequest { reason })?;
            let answer = context.client()?.send(request.by_operator())?;
            if context.console.is_json() {
                return context.console.json(&answer.raw()?);
            }
            say(context, "suspended", digest);
            Ok(())
        }
        Action::Resume { digest } => {
            let request = Request::delete(&[PATH, &digest.to_string()]).by_operator();
            context.client()?.send(request)?;
            say(context, "resumed", digest);
            Ok(())
        }
    }
}

fn say(context: &Context, done: &str, digest: Digest) {
    let words = format_args!("component {digest}");
    context.console.say(Tint::Good, done, words);
}

fn list(context: &Context) -> Result<()> {
    let answer = context
        .client()?
        .send(Request::get(&[PATH]).by_operator())?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let page: Listing<SuspendedComponentView> = answer.read()?;
    let mut table = Table::new(["DIGEST", "SINCE", "REASON"]);
    for component in &page.items {
        table.row([&component.digest, &component.since, &component.reason]);
    }
    context.console.table(&table, "no component is suspended")
}
