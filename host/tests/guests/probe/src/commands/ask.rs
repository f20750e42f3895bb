//! The registry, the context, the log, the clock and randomness.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use warren_agent::{
    AgentInfo, AgentQuery, CatalogEntry, CatalogQuery, EventInfo, EventQuery, Failure, Kind, Level,
    Topic,
};

use super::{Answer, left, read};
use crate::{Run, Stop};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FindAgents {
    name: Option<String>,
    kind: Option<String>,
    consumes: Option<String>,
    produces: Option<String>,
    capability: Option<String>,
    text: Option<String>,
    limit: Option<u32>,
    after: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FindEvents {
    r#type: Option<String>,
    topic: Option<String>,
    text: Option<String>,
    #[serde(default)]
    actionable: bool,
    limit: Option<u32>,
    after: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Schema {
    name: String,
    version: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Discover {
    id: Option<String>,
    kind: Option<String>,
    capability: Option<String>,
    task: Option<String>,
    tags: Vec<String>,
    state: Option<String>,
    about: Option<String>,
    hosted: Option<bool>,
    include_expired: bool,
    limit: Option<u32>,
    after: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Validate {
    schema: String,
    value: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    level: Option<String>,
    message: String,
    #[serde(default)]
    fields: BTreeMap<String, String>,
}

pub(super) fn run(run: &mut Run<'_>, name: &str, argument: &Value) -> Answer {
    let ctx = run.ctx;
    match name {
        "find_agents" => {
            let found = ctx.registry().find_agents(agent_query(read(argument)?)?)?;
            left(found.iter().map(agent).collect::<Value>())
        }
        "discover" => {
            let found = ctx.registry().discover(catalog_query(read(argument)?))?;
            left(found.iter().map(entry).collect::<Value>())
        }
        "get_agent" => left(agent(
            &ctx.registry().get_agent(&read::<String>(argument)?)?,
        )),
        "find_events" => {
            let found = ctx.registry().find_events(event_query(read(argument)?)?)?;
            left(found.iter().map(event).collect::<Value>())
        }
        "get_schema" => {
            let wanted: Schema = read(argument)?;
            let schema = match wanted.version {
                Some(version) => ctx.registry().get_schema_version(&wanted.name, version)?,
                None => ctx.registry().get_schema(&wanted.name)?,
            };
            left(json!({ "name": schema.name, "version": schema.version, "body": schema.body }))
        }
        "validate" => {
            let wanted: Validate = read(argument)?;
            let violations = ctx.registry().validate(&wanted.schema, &wanted.value)?;
            let shown = |found: &warren_agent::Violation| json!({ "pointer": found.pointer, "message": found.message });
            left(violations.iter().map(shown).collect::<Value>())
        }
        "config" => left(ctx.config(&read::<String>(argument)?)?),
        "cancelled" => left(ctx.cancelled()),
        "now" => left(ctx.now().as_str()),
        "elapsed" => left(ctx.elapsed().as_millis() as u64),
        "random" => left(ctx.random_bytes(read(argument)?)?),
        "log" => log(run, argument),
        "who" => left(who(run)),
        "budget" => left(budget(run)),
        "event" => left(handled(run)),
        _ => Ok(None),
    }
}

fn log(run: &Run<'_>, argument: &Value) -> Answer {
    let line: Line = match argument {
        Value::String(message) => Line {
            level: None,
            message: message.clone(),
            fields: BTreeMap::new(),
        },
        other => read(other)?,
    };
    let level = match line.level.as_deref() {
        Some("trace") => Level::Trace,
        Some("debug") => Level::Debug,
        Some("warn") => Level::Warn,
        Some("error") => Level::Error,
        _ => Level::Info,
    };
    let log = line
        .fields
        .into_iter()
        .fold(run.ctx.log(), |log, (name, value)| log.with(name, value));
    log.write(level, &line.message);
    left(Value::Null)
}

fn who(run: &Run<'_>) -> Value {
    let who = run.ctx.identity();
    json!({
        "agent": who.agent, "digest": who.digest, "turn": who.turn, "attempt": who.attempt,
        "customer": who.customer, "user": who.user, "depth": who.depth,
    })
}

fn budget(run: &Run<'_>) -> Value {
    let budget = run.ctx.budget();
    json!({
        "time_ms": budget.time.as_millis() as u64, "cpu_ms": budget.cpu.as_millis() as u64,
        "host_calls": budget.host_calls, "events": budget.events, "writes": budget.writes,
        "output_bytes": budget.output_bytes,
    })
}

/// The event being handled, without its payload.
fn handled(run: &Run<'_>) -> Value {
    let event = run.event;
    let reply_to = event
        .reply_to
        .as_ref()
        .map(|reply_to| json!({ "topic": reply_to.topic.as_str(), "type": reply_to.event_type }));
    json!({
        "id": event.id, "source": event.source, "type": event.event_type,
        "topic": event.topic.as_str(), "time": event.time, "subject": event.subject,
        "schema": event.schema, "correlation": event.correlation, "trace": event.trace,
        "parent": event.parent, "session": event.session, "goal": event.goal, "plan": event.plan,
        "task": event.task, "customer": event.customer, "user": event.user, "reply_to": reply_to,
        "attempt": event.attempt, "deadline": event.deadline, "extensions": event.extensions,
    })
}

fn agent_query(find: FindAgents) -> Result<AgentQuery, Stop> {
    let kind = match find.kind.as_deref() {
        None => None,
        Some("tool") => Some(Kind::Tool),
        Some("worker") => Some(Kind::Worker),
        Some("planner") => Some(Kind::Planner),
        Some("agent") => Some(Kind::Agent),
        Some(other) => {
            return Err(Stop::Ends(Failure::reject(format!(
                "the script: no kind `{other}`"
            ))));
        }
    };
    Ok(AgentQuery {
        name: find.name,
        kind,
        consumes: find.consumes,
        produces: find.produces,
        capability: find.capability,
        text: find.text,
        limit: find.limit.unwrap_or(AgentQuery::default().limit),
        after: find.after,
    })
}

fn catalog_query(wanted: Discover) -> CatalogQuery {
    CatalogQuery {
        id: wanted.id,
        kind: wanted.kind,
        capability: wanted.capability,
        task: wanted.task,
        tags: wanted.tags,
        state: wanted.state,
        about: wanted.about,
        hosted: wanted.hosted,
        include_expired: wanted.include_expired,
        limit: wanted.limit.unwrap_or(CatalogQuery::default().limit),
        after: wanted.after,
        ..CatalogQuery::default()
    }
}

fn entry(found: &CatalogEntry) -> Value {
    json!({
        "name": found.name, "kind": found.kind, "hosted": found.hosted, "state": found.state,
        "owner": found.owner, "score": found.score, "brief": found.brief, "definition": found.definition,
    })
}

fn event_query(find: FindEvents) -> Result<EventQuery, Stop> {
    let topic = match find.topic.as_deref() {
        None => None,
        Some(name) => Some(Topic::parse(name).ok_or_else(|| {
            Stop::Ends(Failure::reject(format!("the script: no topic `{name}`")))
        })?),
    };
    Ok(EventQuery {
        event_type: find.r#type,
        topic,
        text: find.text,
        actionable: find.actionable,
        limit: find.limit.unwrap_or(EventQuery::default().limit),
        after: find.after,
    })
}

fn agent(agent: &AgentInfo) -> Value {
    json!({
        "name": agent.name, "kind": agent.kind, "description": agent.description,
        "status": agent.status, "digest": agent.digest, "manifest": agent.manifest,
    })
}

fn event(event: &EventInfo) -> Value {
    json!({
        "type": event.event_type, "topic": event.topic, "description": event.description,
        "schema": event.schema, "actionable": event.actionable, "consumers": event.consumers,
        "producers": event.producers,
    })
}
