//! `warren dead-letters`: events that an agent could not handle.

use crate::api::types::{DeadLetterView, Listing};

use super::client::{Client, Request};
use super::console::Tint;
use super::failure::{Failure, Result};
use super::table::Table;
use super::{Context, text, turns};

/// Longest reason in a row, in characters.
const REASON_CHARS: usize = 60;
/// Dead letters asked for at once when all are meant.
const PAGE: u32 = 100;

/// `warren dead-letters`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List them, the newest first; the default
    List(Which),
    /// Deliver one again, as if for the first time
    Replay(Chosen),
    /// Forget one
    Discard(Chosen),
}

#[derive(Debug, Default, clap::Args)]
struct Which {
    /// Only of this agent
    #[arg(long)]
    agent: Option<String>,
    /// Only of events before this position
    #[arg(long, value_name = "POSITION")]
    before: Option<String>,
    /// At most this many
    #[arg(long, default_value_t = 20)]
    limit: u32,
}

#[derive(Debug, clap::Args)]
struct Chosen {
    /// The turn that names it
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    turn: Option<String>,
    /// All of them, or all of --agent
    #[arg(long)]
    all: bool,
    /// With --all: only of this agent
    #[arg(long, requires = "all")]
    agent: Option<String>,
}

#[derive(Clone, Copy)]
enum Deed {
    Replay,
    Discard,
}

impl Deed {
    fn request(self, turn: &str) -> Request {
        match self {
            Self::Replay => Request::post(&["dead-letters", turn, "replay"]),
            Self::Discard => Request::delete(&["dead-letters", turn]),
        }
    }

    const fn done(self) -> &'static str {
        match self {
            Self::Replay => "replayed",
            Self::Discard => "discarded",
        }
    }
}

pub(crate) fn run(args: Args, context: &Context) -> Result<()> {
    match args.action {
        None => list(
            &Which {
                limit: 20,
                ..Which::default()
            },
            context,
        ),
        Some(Action::List(which)) => list(&which, context),
        Some(Action::Replay(chosen)) => handle(&chosen, Deed::Replay, context),
        Some(Action::Discard(chosen)) => handle(&chosen, Deed::Discard, context),
    }
}

fn list(which: &Which, context: &Context) -> Result<()> {
    let request = Request::get(&["dead-letters"])
        .query("agent", which.agent.as_ref())
        .query("before", which.before.as_ref())
        .query("limit", Some(which.limit));
    let answer = context.client()?.send(request)?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let page: Listing<DeadLetterView> = answer.read()?;
    let mut table = Table::new(["TIME", "AGENT", "EVENT", "OUTCOME", "TURN", "REASON"]);
    for letter in &page.items {
        let last = &letter.last_attempt;
        let reason = turns::reason(last).unwrap_or_default();
        table.row([
            &letter.time,
            &last.agent,
            &last.event_type,
            &last.outcome,
            &letter.turn,
            &text::shorten(reason, REASON_CHARS),
        ]);
    }
    context.console.table(&table, "no dead letters")?;
    if let Some(next) = page.next {
        context
            .console
            .note(format_args!("older: the same with --before {next}"));
    }
    Ok(())
}

fn handle(chosen: &Chosen, deed: Deed, context: &Context) -> Result<()> {
    let client = context.client()?;
    let turns = match &chosen.turn {
        Some(turn) => vec![turn.clone()],
        None => all(&client, chosen.agent.as_deref())?,
    };
    let progress = context
        .console
        .progress(text::count(turns.len(), "dead letter"));
    for (done, turn) in turns.iter().enumerate() {
        client.send(deed.request(turn)).map_err(|failure| {
            let message = format!("{} of {} {}: {failure}", done, turns.len(), deed.done());
            let hint = failure
                .next_step()
                .unwrap_or("run the same again for the rest");
            Failure::of(failure.exit, message).hint(hint)
        })?;
        progress.now(format!("{} of {} {}", done + 1, turns.len(), deed.done()));
    }
    drop(progress);
    if context.console.is_json() {
        return context.console.json(&turns);
    }
    context.console.say(Tint::Good, deed.done(), turns.len());
    Ok(())
}

/// Every dead letter there is now. Those that come while this runs are for the next time.
fn all(client: &Client, agent: Option<&str>) -> Result<Vec<String>> {
    let mut turns = Vec::new();
    let mut before = None;
    loop {
        let request = Request::get(&["dead-letters"])
            .query("agent", agent)
            .query("before", before)
            .query("limit", Some(PAGE));
        let page: Listing<DeadLetterView> = client.send(request)?.read()?;
        turns.extend(page.items.iter().map(|letter| letter.turn.to_string()));
        before = page.next;
        if before.is_none() {
            return Ok(turns);
        }
    }
}
