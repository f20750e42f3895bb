//! `warren memory recent` and `add`.

use crate::api::types::{EpisodeRequest, EpisodeView, Listing, RememberedView};
use crate::id::{AgentName, Label};
use crate::memory::Role;

use super::super::client::Request;
use super::super::failure::Result;
use super::super::table::Table;
use super::super::{Context, text};
use super::Whom;
use super::knowledge::content;

/// Longest text in a row, in characters.
const TEXT_CHARS: usize = 72;

#[derive(Debug, clap::Args)]
pub(super) struct Recent {
    /// The agent
    agent: String,
    /// The best first by these words, instead of the newest
    #[arg(long)]
    text: Option<String>,
    /// Only of this session
    #[arg(long)]
    session: Option<String>,
    /// Older than the episode of this id
    #[arg(long, value_name = "ID")]
    before: Option<String>,
    /// At most this many
    #[arg(long, default_value_t = 20)]
    limit: u32,
}

#[derive(Debug, clap::Args)]
pub(super) struct Add {
    /// The agent
    agent: AgentName,
    /// Who spoke or acted
    #[arg(value_enum)]
    role: By,
    /// The text, @FILE, or - for stdin
    text: String,
    /// In this session
    #[arg(long)]
    session: Option<Label>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum By {
    User,
    Assistant,
    System,
    Tool,
}

pub(super) fn recent(args: &Recent, whom: &Whom, context: &Context) -> Result<()> {
    let request = Request::get(&["memory", "episodes"])
        .query("agent", Some(&args.agent))
        .query("text", args.text.as_ref())
        .query("session", args.session.as_ref())
        .query("before", args.before.as_ref())
        .query("limit", Some(args.limit));
    let answer = context.client()?.send(whom.ask(request))?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let page: Listing<EpisodeView> = answer.read()?;
    let mut table = Table::new(["TIME", "ROLE", "TEXT"]);
    for episode in &page.items {
        let role = episode.role.as_str();
        let said = text::shorten(&episode.content, TEXT_CHARS);
        table.row([&episode.time, &role, &said]);
    }
    context.console.table(&table, "no episodes")?;
    if let Some(next) = page.next {
        context.console.note(format_args!(
            "more: warren memory recent {} --before {next}",
            args.agent
        ));
    }
    Ok(())
}

pub(super) fn add(args: Add, whom: &Whom, context: &Context) -> Result<()> {
    let body = EpisodeRequest {
        agent: args.agent,
        role: match args.role {
            By::User => Role::User,
            By::Assistant => Role::Assistant,
            By::System => Role::System,
            By::Tool => Role::Tool,
        },
        content: content(&args.text)?,
        session: args.session,
        metadata: None,
    };
    let request = Request::post(&["memory", "episodes"]).json(&body)?;
    let answer = context.client()?.send(whom.ask(request))?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    context.console.line(answer.read::<RememberedView>()?.id)
}
