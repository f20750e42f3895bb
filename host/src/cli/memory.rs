//! `warren memory`: what agents, plans and users remember.

use super::Context;
use super::client::Request;
use super::failure::Result;

mod episodes;
mod erase;
mod knowledge;
mod procedures;
mod sessions;
mod transfer;
mod working;

/// `warren memory`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    whom: Whom,
    #[command(subcommand)]
    kind: Kind,
}

/// Whose memory, of what belongs to customers and users.
#[derive(Debug, clap::Args)]
pub(super) struct Whom {
    /// Of this customer
    #[arg(long, global = true)]
    customer: Option<String>,
    /// Of this user
    #[arg(long, global = true)]
    user: Option<String>,
}

impl Whom {
    /// A request that speaks for them.
    fn ask(&self, request: Request) -> Request {
        request
            .header("warren-customer", self.customer.as_deref())
            .header("warren-user", self.user.as_deref())
    }
}

#[derive(Debug, clap::Subcommand)]
enum Kind {
    /// Find knowledge by meaning and by words, the best first
    Search(knowledge::Search),
    /// Remember a text; the same one, or the same --external-id, again replaces it
    Remember(knowledge::Remember),
    /// List knowledge, what was first remembered last first
    List(knowledge::List),
    /// Show an entry of knowledge
    Get(knowledge::Chosen),
    /// Forget an entry of knowledge
    Forget(knowledge::Chosen),
    /// Write all knowledge as JSON Lines, of --customer and --user if given
    Export(transfer::Export),
    /// Read knowledge that was exported
    Import(transfer::Import),
    /// An agent's episodes with the user, the newest first
    Recent(episodes::Recent),
    /// Add an episode
    Add(episodes::Add),
    /// The user's sessions, and forgetting one
    Sessions(sessions::Args),
    /// Prompts, rules and skills: list, read, put, activate, roll back, match
    Procedures(procedures::Args),
    /// Working memory: list the keys of a space, print one value, remove
    Working(working::Working),
    /// Erase all that is kept of --customer or --user, in every memory and in the log
    Erase(erase::Erase),
}

pub(crate) fn run(args: Args, context: &Context) -> Result<()> {
    let whom = &args.whom;
    match args.kind {
        Kind::Search(search) => knowledge::search(search, whom, context),
        Kind::Remember(remember) => knowledge::remember(remember, whom, context),
        Kind::List(list) => knowledge::list(&list, whom, context),
        Kind::Get(chosen) => knowledge::get(&chosen, whom, context),
        Kind::Forget(chosen) => knowledge::forget(&chosen, whom, context),
        Kind::Export(export) => transfer::export(&export, whom, context),
        Kind::Import(import) => transfer::import(&import, whom, context),
        Kind::Recent(recent) => episodes::recent(&recent, whom, context),
        Kind::Add(add) => episodes::add(add, whom, context),
        Kind::Sessions(args) => sessions::run(args, whom, context),
        Kind::Procedures(args) => procedures::run(args, context),
        Kind::Working(working) => working::run(&working, context),
        Kind::Erase(erase) => erase::run(&erase, whom, context),
    }
}
