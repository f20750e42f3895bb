//! `warren memory search`, `remember`, `list`, `get` and `forget`.

use std::io::Read;
use std::path::Path;

use serde_json::value::RawValue;

use crate::api::types::{
    FoundView, KnowledgeView, Listing, PlaceView, RememberRequest, RememberedView, SearchRequest,
};
use crate::memory::knowledge::chunk::DOCUMENT_BYTES_MAX;
use crate::memory::{SearchMode, Visibility};

use super::super::client::Request;
use super::super::console::Tint;
use super::super::failure::{Failure, Result};
use super::super::table::Table;
use super::super::{Context, text};
use super::Whom;

/// Longest text in a row, in characters.
const TEXT_CHARS: usize = 72;

#[derive(Debug, clap::Args)]
pub(super) struct Search {
    /// A question or some words
    text: String,
    /// How to look
    #[arg(long, value_enum, default_value_t = Mode::Hybrid)]
    mode: Mode,
    /// At most this many
    #[arg(long, default_value_t = 10)]
    limit: u32,
    /// Skip this many
    #[arg(long, default_value_t = 0)]
    offset: u32,
    /// Only entries with this tag; may be given more than once
    #[arg(long = "tag")]
    tags: Vec<String>,
    /// Only entries from this source
    #[arg(long)]
    source: Option<String>,
    /// Only entries that are true at this instant, instead of now
    #[arg(long, value_name = "INSTANT")]
    as_of: Option<String>,
    /// Only hits that score at least this, 0 to 1
    #[arg(long)]
    min_score: Option<f64>,
    /// Say of each hit why it was found: its rank and score among words and among vectors
    #[arg(long)]
    explain: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Mode {
    Hybrid,
    Keyword,
    Vector,
}

#[derive(Debug, clap::Args)]
pub(super) struct Remember {
    /// The text, @FILE, or - for stdin
    text: String,
    /// Your own name for it
    #[arg(long)]
    external_id: Option<String>,
    /// A tag; may be given more than once
    #[arg(long = "tag")]
    tags: Vec<String>,
    /// Where it comes from
    #[arg(long)]
    source: Option<String>,
    /// Who finds it
    #[arg(long, value_enum, default_value_t = Seen::Private)]
    visibility: Seen,
    /// A JSON object
    #[arg(long, value_name = "JSON")]
    metadata: Option<String>,
    /// Forget it after this many seconds
    #[arg(long, value_name = "SECONDS")]
    ttl: Option<u32>,
    /// True from this instant on
    #[arg(long, value_name = "INSTANT")]
    valid_from: Option<String>,
    /// True until this instant
    #[arg(long, value_name = "INSTANT")]
    valid_until: Option<String>,
    /// The entry that is no longer true because of this one
    #[arg(long, value_name = "ID")]
    supersedes: Option<String>,
    /// Split it into chunks of at most this many bytes
    #[arg(long, value_name = "BYTES")]
    chunk_bytes: Option<u32>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Seen {
    Private,
    Customer,
    Tenant,
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// Only entries with this tag
    #[arg(long)]
    tag: Option<String>,
    /// Only entries from this source
    #[arg(long)]
    source: Option<String>,
    /// The chunks of this document
    #[arg(long, value_name = "ID")]
    document: Option<String>,
    /// Continue where a page ended
    #[arg(long, value_name = "PLACE")]
    before: Option<String>,
    /// At most this many
    #[arg(long, default_value_t = 20)]
    limit: u32,
}

#[derive(Debug, clap::Args)]
pub(super) struct Chosen {
    /// The entry
    id: String,
}

pub(super) fn search(args: Search, whom: &Whom, context: &Context) -> Result<()> {
    let body = SearchRequest {
        text: args.text,
        mode: match args.mode {
            Mode::Hybrid => SearchMode::Hybrid,
            Mode::Keyword => SearchMode::Keyword,
            Mode::Vector => SearchMode::Vector,
        },
        limit: Some(args.limit),
        offset: args.offset,
        tags: args.tags,
        source: args.source,
        metadata: None,
        since: None,
        until: None,
        as_of: args.as_of,
        min_score: args.min_score,
        explain: args.explain,
    };
    let request = Request::post(&["memory", "knowledge", "search"]).json(&body)?;
    let answer = context.client()?.send(whom.ask(request))?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let found: FoundView = answer.read()?;
    if args.explain {
        explained(&found, context)?;
    } else {
        let mut table = Table::new(["SCORE", "ID", "TEXT"]);
        for hit in &found.items {
            let score = format!("{:.2}", hit.score.unwrap_or_default());
            table.row([&score, &hit.id, &text::shorten(&hit.content, TEXT_CHARS)]);
        }
        context.console.table(&table, "nothing fits")?;
    }
    if let Some(shortfall) = &found.shortfall {
        context.console.say(Tint::Odd, "odd ", shortfall);
    }
    Ok(())
}

/// With each hit's place in both lists.
fn explained(found: &FoundView, context: &Context) -> Result<()> {
    let place = |place: Option<PlaceView>| match place {
        Some(place) => format!("#{} {:.3}", place.rank, place.score),
        None => "-".to_owned(),
    };
    let mut table = Table::new(["SCORE", "WORDS", "VECTOR", "ID", "TEXT"]);
    for hit in &found.items {
        let why = hit.why.as_ref();
        table.row([
            &format!("{:.3}", hit.score.unwrap_or_default()),
            &place(why.and_then(|why| why.words)),
            &place(why.and_then(|why| why.vector)),
            &hit.id.to_string(),
            &text::shorten(&hit.content, TEXT_CHARS),
        ]);
    }
    context.console.table(&table, "nothing fits")
}

pub(super) fn remember(args: Remember, whom: &Whom, context: &Context) -> Result<()> {
    let metadata = args.metadata.map(RawValue::from_string).transpose()?;
    let body = RememberRequest {
        external_id: args.external_id,
        content: content(&args.text)?,
        metadata,
        tags: args.tags,
        source: args.source,
        visibility: match args.visibility {
            Seen::Private => Visibility::Private,
            Seen::Customer => Visibility::Customer,
            Seen::Tenant => Visibility::Tenant,
        },
        ttl_seconds: args.ttl,
        valid_from: args.valid_from,
        valid_until: args.valid_until,
        supersedes: args.supersedes,
        derived_from: Vec::new(),
        chunk_bytes: args.chunk_bytes,
    };
    let request = Request::post(&["memory", "knowledge"]).json(&body)?;
    let answer = context.client()?.send(whom.ask(request))?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    context.console.line(answer.read::<RememberedView>()?.id)
}

pub(super) fn list(args: &List, whom: &Whom, context: &Context) -> Result<()> {
    let request = Request::get(&["memory", "knowledge"])
        .query("tag", args.tag.as_ref())
        .query("source", args.source.as_ref())
        .query("document", args.document.as_ref())
        .query("before", args.before.as_ref())
        .query("limit", Some(args.limit));
    let answer = context.client()?.send(whom.ask(request))?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let page: Listing<KnowledgeView> = answer.read()?;
    let mut table = Table::new(["UPDATED", "ID", "TEXT"]);
    for item in &page.items {
        let known = text::shorten(&item.content, TEXT_CHARS);
        table.row([&item.updated, &item.id, &known]);
    }
    context.console.table(&table, "nothing is known")?;
    if let Some(next) = page.next {
        context
            .console
            .note(format_args!("more: warren memory list --before {next}"));
    }
    Ok(())
}

pub(super) fn get(args: &Chosen, whom: &Whom, context: &Context) -> Result<()> {
    let request = Request::get(&["memory", "knowledge", &args.id]);
    let answer = context.client()?.send(whom.ask(request))?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let item: KnowledgeView = answer.read()?;
    let owner = [
        item.customer.map(|id| id.to_string()),
        item.user.map(|id| id.to_string()),
    ];
    let owner: Vec<String> = owner.into_iter().flatten().collect();
    context.console.note(format_args!(
        "by {} on {}, {:?}{}{}",
        item.writer,
        item.updated,
        item.visibility,
        if owner.is_empty() { "" } else { ", of " },
        owner.join("/")
    ));
    context.console.line(&item.content)
}

pub(super) fn forget(args: &Chosen, whom: &Whom, context: &Context) -> Result<()> {
    let request = Request::delete(&["memory", "knowledge", &args.id]);
    context.client()?.send(whom.ask(request))?;
    context
        .console
        .note(format_args!("{} is forgotten", args.id));
    Ok(())
}

/// The text itself, of a file, or of stdin: a byte more than the host takes, so that it says what is too much.
pub(super) fn content(argument: &str) -> Result<String> {
    let bounded = |what: &str, reader: &mut dyn Read| {
        let mut text = String::new();
        reader
            .take(DOCUMENT_BYTES_MAX as u64 + 1)
            .read_to_string(&mut text)
            .map_err(|error| Failure::file("read", Path::new(what), &error))?;
        Ok(text)
    };
    if argument == "-" {
        return bounded("stdin", &mut std::io::stdin().lock());
    }
    match argument.strip_prefix('@') {
        None => Ok(argument.to_owned()),
        Some(path) => {
            let mut file = std::fs::File::open(path)
                .map_err(|error| Failure::file("read", Path::new(path), &error))?;
            bounded(path, &mut file)
        }
    }
}
