//! `warren memory sessions`.

use crate::api::types::{Listing, SessionView};

use super::super::Context;
use super::super::client::Request;
use super::super::failure::Result;
use super::super::table::Table;
use super::Whom;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List them, the latest first; the default
    List(List),
    /// Forget one with its episodes
    Forget(Chosen),
}

#[derive(Debug, Default, clap::Args)]
struct List {
    /// Continue after this session
    #[arg(long)]
    after: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Chosen {
    /// The session
    id: String,
}

pub(super) fn run(args: Args, whom: &Whom, context: &Context) -> Result<()> {
    match args.action {
        None => list(&List::default(), whom, context),
        Some(Action::List(which)) => list(&which, whom, context),
        Some(Action::Forget(chosen)) => {
            let request = Request::delete(&["memory", "sessions", &chosen.id]);
            context.client()?.send(whom.ask(request))?;
            context
                .console
                .note(format_args!("{} is forgotten", chosen.id));
            Ok(())
        }
    }
}

fn list(which: &List, whom: &Whom, context: &Context) -> Result<()> {
    let request = Request::get(&["memory", "sessions"]).query("after", which.after.as_ref());
    let answer = context.client()?.send(whom.ask(request))?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let page: Listing<SessionView> = answer.read()?;
    let mut table = Table::new(["LAST", "STARTED", "EVENTS", "SESSION"]);
    for session in &page.items {
        table.row([
            &session.last_interaction,
            &session.started,
            &session.events,
            &session.id,
        ]);
    }
    context.console.table(&table, "no sessions")?;
    if let Some(next) = page.next {
        context.console.note(format_args!(
            "more: warren memory sessions list --after {next}"
        ));
    }
    Ok(())
}
