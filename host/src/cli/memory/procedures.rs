//! `warren memory procedures`.

use crate::api::types::{ActivateRequest, Listing, MatchRequest, ProcedureRequest, ProcedureView};
use crate::memory::ProcedureKind;

use super::super::client::{Answer, Request};
use super::super::failure::Result;
use super::super::table::Table;
use super::super::{Context, text};
use super::knowledge::content;

/// Longest text in a row, in characters.
const TEXT_CHARS: usize = 60;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List the current versions by name; the default
    List(List),
    /// Print one
    Get(Get),
    /// Keep a new version and make it current
    Put(Put),
    /// Make a version current that is there already
    Activate(Activate),
    /// Make the version current that was so before
    Rollback(Chosen),
    /// Find those that fit a situation
    Match(Match),
}

#[derive(Debug, Default, clap::Args)]
struct List {
    /// Continue after this name
    #[arg(long)]
    after: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Get {
    /// The procedure
    name: String,
    /// This version instead of the current one
    #[arg(long)]
    version: Option<u32>,
}

#[derive(Debug, clap::Args)]
struct Put {
    /// The procedure
    name: String,
    /// What sort
    #[arg(value_enum)]
    kind: Sort,
    /// The text, @FILE, or - for stdin
    body: String,
    /// When to use it, in plain words; may be given more than once
    #[arg(long = "trigger")]
    triggers: Vec<String>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Sort {
    Prompt,
    Rule,
    Skill,
}

#[derive(Debug, clap::Args)]
struct Activate {
    /// The procedure
    name: String,
    /// Its version
    version: u32,
}

#[derive(Debug, clap::Args)]
struct Chosen {
    /// The procedure
    name: String,
}

#[derive(Debug, clap::Args)]
struct Match {
    /// What is the case, in plain words
    situation: String,
    /// At most this many
    #[arg(long, default_value_t = 10)]
    limit: u32,
}

pub(super) fn run(args: Args, context: &Context) -> Result<()> {
    let path = |name: &str| {
        [
            "memory".to_owned(),
            "procedures".to_owned(),
            name.to_owned(),
        ]
    };
    let client = context.client()?;
    match args.action.unwrap_or(Action::List(List::default())) {
        Action::List(list) => {
            let request = Request::get(&["memory", "procedures"]).query("after", list.after);
            let answer = client.send(request)?;
            rows(&answer, context)
        }
        Action::Get(get) => {
            let path = path(&get.name);
            let request = Request::get(&path.each_ref().map(String::as_str));
            let answer = client.send(request.query("version", get.version))?;
            one(&answer, context)
        }
        Action::Put(put) => {
            let body = ProcedureRequest {
                kind: match put.kind {
                    Sort::Prompt => ProcedureKind::Prompt,
                    Sort::Rule => ProcedureKind::Rule,
                    Sort::Skill => ProcedureKind::Skill,
                },
                body: content(&put.body)?,
                triggers: put.triggers,
                metadata: None,
            };
            let request = Request::put(&path(&put.name).each_ref().map(String::as_str));
            version(&client.send(request.json(&body)?)?, context)
        }
        Action::Activate(chosen) => {
            let request = Request::post(&["memory", "procedures", &chosen.name, "activate"]);
            let version = chosen.version;
            client.send(request.json(&ActivateRequest { version })?)?;
            context
                .console
                .note(format_args!("{} is at version {version}", chosen.name));
            Ok(())
        }
        Action::Rollback(chosen) => {
            let request = Request::post(&["memory", "procedures", &chosen.name, "rollback"]);
            version(&client.send(request)?, context)
        }
        Action::Match(wanted) => {
            let body = MatchRequest {
                situation: wanted.situation,
                limit: Some(wanted.limit),
            };
            let request = Request::post(&["memory", "procedures", "match"]).json(&body)?;
            rows(&client.send(request)?, context)
        }
    }
}

fn rows(answer: &Answer, context: &Context) -> Result<()> {
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let page: Listing<ProcedureView> = answer.read()?;
    let mut table = Table::new(["NAME", "VERSION", "KIND", "TEXT"]);
    for procedure in &page.items {
        let body = text::shorten(&procedure.body, TEXT_CHARS);
        table.row([
            &procedure.name,
            &procedure.version,
            &procedure.kind.as_str(),
            &body,
        ]);
    }
    context.console.table(&table, "no procedures")?;
    if let Some(next) = page.next {
        context.console.note(format_args!(
            "more: warren memory procedures list --after {next}"
        ));
    }
    Ok(())
}

fn one(answer: &Answer, context: &Context) -> Result<()> {
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let procedure: ProcedureView = answer.read()?;
    context.console.note(format_args!(
        "{} {}, version {}, by {}",
        procedure.kind.as_str(),
        procedure.name,
        procedure.version,
        procedure.writer
    ));
    context.console.line(&procedure.body)
}

fn version(answer: &Answer, context: &Context) -> Result<()> {
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let procedure: ProcedureView = answer.read()?;
    context.console.note(format_args!(
        "{} is at version {}",
        procedure.name, procedure.version
    ));
    Ok(())
}
