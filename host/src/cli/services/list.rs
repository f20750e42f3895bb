//! `warren services list`: entries by name, by question, or as a text for language models.

use crate::api::types::{Listing, ServiceView};
use crate::cli::client::Request;
use crate::cli::failure::Result;
use crate::cli::table::Table;
use crate::cli::{Context, text};
use crate::registry::{ServiceKind, ServiceState};

use super::{state, word};

/// Longest description in a row, in characters.
const DESCRIPTION_CHARS: usize = 50;
/// Rows that are asked for at a time, the most that a host gives.
const PAGE_ROWS: u32 = 100;
/// Pages that are read at most: more entries than a tenant can have.
const PAGES_MAX: usize = 1_000;

/// Which entries: all that is given must match.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Wanted {
    /// A question in plain words: what answers it best comes first
    #[arg(value_name = "QUESTION")]
    about: Option<String>,
    /// Its id: the name, or NAME:VERSION
    #[arg(long)]
    id: Option<String>,
    /// Part of the name
    #[arg(long, value_name = "PART")]
    name: Option<String>,
    /// agent, tool, service, api, device or node
    #[arg(long = "type", value_name = "TYPE", value_parser = word::<ServiceKind>)]
    kind: Option<ServiceKind>,
    /// Its category
    #[arg(long, value_name = "WORD")]
    category: Option<String>,
    /// Tags, all of them, with commas in between
    #[arg(long, value_name = "TAG,…")]
    tags: Option<String>,
    /// A capability by name
    #[arg(long, value_name = "NAME")]
    capability: Option<String>,
    /// A task that one of its capabilities carries out
    #[arg(long, value_name = "NAME")]
    task: Option<String>,
    /// The type of an event that it consumes
    #[arg(long, value_name = "TYPE")]
    consumes: Option<String>,
    /// The type of an event that it produces
    #[arg(long, value_name = "TYPE")]
    produces: Option<String>,
    /// Whose it is: the key that registered it, or what an agent's manifest says
    #[arg(long, value_name = "OWNER")]
    owner: Option<String>,
    /// In this state
    #[arg(long, value_name = "STATE", value_parser = word::<ServiceState>)]
    state: Option<ServiceState>,
    /// Words of its description and its capabilities
    #[arg(long, value_name = "WORDS")]
    text: Option<String>,
    /// An expression that is true of it, in CEL: "type == 'tool' && metadata.region == 'eu'"
    #[arg(long, value_name = "EXPRESSION")]
    filter: Option<String>,
    /// Only agents of the host
    #[arg(long, conflicts_with = "elsewhere")]
    hosted: bool,
    /// Only what lives elsewhere
    #[arg(long)]
    elsewhere: bool,
    /// Those that are offline too
    #[arg(long)]
    all: bool,
    /// Print it as a text for language models
    #[arg(long)]
    brief: bool,
}

impl Wanted {
    fn on(&self, request: Request) -> Request {
        let hosted = self.hosted.then_some(true);
        request
            .query("about", self.about.as_ref())
            .query("id", self.id.as_ref())
            .query("hosted", hosted.or(self.elsewhere.then_some(false)))
            .query("task", self.task.as_ref())
            .query("name", self.name.as_ref())
            .query("type", self.kind)
            .query("category", self.category.as_ref())
            .query("tags", self.tags.as_ref())
            .query("capability", self.capability.as_ref())
            .query("consumes", self.consumes.as_ref())
            .query("produces", self.produces.as_ref())
            .query("owner", self.owner.as_ref())
            .query("state", self.state)
            .query("text", self.text.as_ref())
            .query("filter", self.filter.as_ref())
            .query("include_expired", self.all.then_some(true))
    }
}

pub(super) fn list(wanted: &Wanted, context: &Context) -> Result<()> {
    let client = context.client()?;
    if wanted.brief {
        let request = wanted.on(Request::get(&["services", "brief"]));
        let brief = client.send(request.query("limit", Some(PAGE_ROWS)))?.text();
        let mut lines = brief.lines();
        return lines.try_for_each(|line| context.console.line(text::safe(line)));
    }
    let mut all = Listing {
        items: Vec::<ServiceView>::new(),
        next: None,
    };
    for _ in 0..PAGES_MAX {
        let request = wanted.on(Request::get(&["services"]));
        let request = request
            .query("limit", Some(PAGE_ROWS))
            .query("after", all.next);
        let page: Listing<ServiceView> = client.send(request)?.read()?;
        all.items.extend(page.items);
        all.next = page.next;
        if all.next.is_none() {
            break;
        }
    }
    if context.console.is_json() {
        return context.console.json(&all);
    }
    let table = if wanted.about.is_some() {
        ranked(&all.items)
    } else {
        listed(&all.items)
    };
    let nothing = "nothing matches; register one with `warren services register @FILE`, \
                   see what is offline with `warren services list --all`";
    context.console.table(&table, nothing)
}

fn listed(entries: &[ServiceView]) -> Table {
    let mut table = Table::new(["NAME", "TYPE", "STATE", "OWNER", "URL", "DESCRIPTION"]);
    for entry in entries {
        table.row([
            &entry.name,
            &entry.kind,
            &state(entry),
            &entry.owner.as_deref().unwrap_or("the host"),
            &entry.definition.url.as_deref().unwrap_or_default(),
            &text::shorten(&entry.definition.description, DESCRIPTION_CHARS),
        ]);
    }
    table
}

/// What answers a question, the best first.
pub(in crate::cli) fn ranked(entries: &[ServiceView]) -> Table {
    let mut table = Table::new(["SCORE", "NAME", "TYPE", "STATE", "CAN", "DESCRIPTION"]);
    for entry in entries {
        let can = entry.capabilities.iter().map(|can| can.name.as_str());
        table.row([
            &format_args!("{:.2}", entry.score.unwrap_or_default()),
            &entry.name,
            &entry.kind,
            &state(entry),
            &can.collect::<Vec<_>>().join(","),
            &text::shorten(&entry.definition.description, DESCRIPTION_CHARS),
        ]);
    }
    table
}
