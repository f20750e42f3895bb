//! `warren events`: the log of events, and what became of one.

use crate::api::types::{EventView, Listing};
use crate::events::Topic;

use super::client::Request;
use super::console::Tint;
use super::failure::Result;
use super::table::Table;
use super::{Context, text};

/// Longest payload excerpt in a row, in characters: with the other columns a line fits most terminals.
const EXCERPT_CHARS: usize = 60;

/// `warren events`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Show this event and what became of it
    id: Option<String>,
    #[command(flatten)]
    filter: Filter,
    /// Only events before this position
    #[arg(long, value_name = "POSITION", conflicts_with = "id")]
    before: Option<i64>,
    /// At most this many
    #[arg(long, default_value_t = 20, conflicts_with = "id")]
    limit: u32,
}

/// Which events; all that is given must match.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Filter {
    /// Only of this topic
    #[arg(long)]
    topic: Option<Topic>,
    /// Only of this type
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// Only what this first event set off
    #[arg(long)]
    trace: Option<String>,
    /// Only a request and its answers
    #[arg(long)]
    correlation: Option<String>,
    /// Only of this conversation
    #[arg(long)]
    session: Option<String>,
    /// Only of this plan
    #[arg(long)]
    plan: Option<String>,
    /// Only from this source: agent/NAME, client/KEY or host
    #[arg(long)]
    source: Option<String>,
}

impl Filter {
    /// `request` with these conditions.
    pub(crate) fn on(&self, request: Request) -> Request {
        request
            .query("topic", self.topic)
            .query("type", self.event_type.as_ref())
            .query("trace", self.trace.as_ref())
            .query("correlation", self.correlation.as_ref())
            .query("session", self.session.as_ref())
            .query("plan", self.plan.as_ref())
            .query("source", self.source.as_ref())
    }
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<()> {
    match &args.id {
        Some(id) => show(id, context),
        None => list(args, context),
    }
}

fn list(args: &Args, context: &Context) -> Result<()> {
    let request = args
        .filter
        .on(Request::get(&["events"]))
        .query("before", args.before)
        .query("limit", Some(args.limit));
    let answer = context.client()?.send(request)?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let page: Listing<EventView> = answer.read()?;
    let nothing = "no events; publish one with `warren publish TYPE DATA`";
    context.console.table(&table(&page.items), nothing)?;
    if let Some(next) = page.next {
        context
            .console
            .note(format_args!("older: the same with --before {next}"));
    }
    Ok(())
}

fn table(events: &[EventView]) -> Table {
    let mut table = Table::new(["POSITION", "TIME", "TOPIC", "TYPE", "SOURCE", "ID", "DATA"]);
    for event in events {
        table.row([
            &event.position,
            &event.time,
            &event.topic,
            &event.event_type,
            &event.source,
            &event.id,
            &text::shorten(event.data.as_str(), EXCERPT_CHARS),
        ]);
    }
    table
}

/// One event on one line, for what comes as it happens.
pub(crate) fn line(event: &EventView) -> String {
    let time = event.time.to_string();
    let line = format!(
        "{}  {}  {}  {}  {}  {}",
        text::clock_of(&time),
        event.topic,
        event.event_type,
        event.source,
        event.id,
        text::shorten(event.data.as_str(), EXCERPT_CHARS)
    );
    text::safe(&line).into_owned()
}

fn show(id: &str, context: &Context) -> Result<()> {
    let answer = context.client()?.send(Request::get(&["events", id]))?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let event: EventView = answer.read()?;
    for (name, value) in fields(&event) {
        let name = context
            .console
            .data_tint(Tint::Faint, &format!("{name:<13}"));
        context
            .console
            .line(format_args!("{name}{}", text::safe(&value)))?;
    }
    context.console.json(&event.data)?;
    let deliveries = event.deliveries.unwrap_or_default();
    let mut table = Table::new(["AGENT", "STATE", "FAILED", "DUE"]);
    for delivery in &deliveries {
        let due = delivery.due.map(|due| due.to_string()).unwrap_or_default();
        table.row([
            &delivery.agent,
            &delivery.state,
            &delivery.attempts_failed,
            &due,
        ]);
    }
    context.console.table(
        &table,
        "no agent was subscribed to it when it was published",
    )?;
    let next = if deliveries.is_empty() {
        "warren agents --graph, which shows who consumes what".to_owned()
    } else {
        format!("warren turns --event {}", event.id)
    };
    context.console.say(Tint::Hint, "next:", next);
    Ok(())
}

fn fields(event: &EventView) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("id", event.id.to_string()),
        ("type", event.event_type.to_string()),
        ("topic", event.topic.to_string()),
        ("position", event.position.to_string()),
        ("time", event.time.to_string()),
        ("source", event.source.clone()),
        ("trace", event.trace.to_string()),
    ];
    let optional = [
        ("subject", event.subject.clone()),
        ("parent", event.parent.as_ref().map(ToString::to_string)),
        ("session", event.session.as_ref().map(ToString::to_string)),
        ("goal", event.goal.as_ref().map(ToString::to_string)),
        ("plan", event.plan.as_ref().map(ToString::to_string)),
        ("task", event.task.as_ref().map(ToString::to_string)),
        ("customer", event.customer.as_ref().map(ToString::to_string)),
        ("user", event.user.as_ref().map(ToString::to_string)),
        ("schema", event.schema.clone()),
    ];
    let given = optional
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    fields.extend(given);
    fields
}
