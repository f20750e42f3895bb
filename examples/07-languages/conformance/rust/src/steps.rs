//! The steps that are not about long-term memory.

use serde_json::{Map, Value, json};
use warren_agent::{
    AgentQuery, CatalogQuery, Context, Event, EventQuery, Failure, Instant, Json, Topic,
};

use crate::{Script, Stop, memory, millis, number, option, text};

/// What a step leaves.
pub(crate) type Left = Result<Value, Stop>;

pub(crate) fn run(ctx: &Context, event: &Event<Script>, step: &Value) -> Left {
    let name = text(step, "do");
    match name.split_once('.').map_or(name, |(group, _)| group) {
        "working" => working(ctx, name, step),
        "knowledge" | "episodes" | "procedures" => memory::run(ctx, name, step),
        "registry" => registry(ctx, name, step),
        "end" => end(event, name, step),
        _ => plain(ctx, event, name, step),
    }
}

fn plain(ctx: &Context, event: &Event<Script>, name: &str, step: &Value) -> Left {
    Ok(match name {
        "echo" => step["value"].clone(),
        "event" => told(event),
        "publish" => return publish(ctx, step),
        "respond" => json!(ctx.respond(&step["data"])?),
        "call" => {
            let timeout = millis(step, "timeout_ms").unwrap_or_default();
            ctx.call_of::<_, Value>(text(step, "type"), &step["data"], timeout)?
        }
        "who" => {
            let who = ctx.identity();
            json!({ "agent": who.agent, "attempt": who.attempt, "depth": who.depth, "user": who.user })
        }
        "remaining" => {
            let left = ctx.budget();
            json!({
                "time_ms": left.time.as_millis(), "cpu_ms": left.cpu.as_millis(), "host_calls": left.host_calls,
                "events": left.events, "writes": left.writes, "output_bytes": left.output_bytes,
            })
        }
        "cancelled" => json!(ctx.cancelled()),
        "config" => json!(ctx.config(text(step, "key"))?),
        "log" => {
            let fields = step["fields"].as_object().into_iter().flatten();
            let log = fields.fold(ctx.log(), |log, (name, value)| {
                log.with(name, value.as_str().unwrap_or_default())
            });
            match text(step, "level") {
                "trace" => log.trace(text(step, "message")),
                "debug" => log.debug(text(step, "message")),
                "warn" => log.warn(text(step, "message")),
                "error" => log.error(text(step, "message")),
                _ => log.info(text(step, "message")),
            }
            Value::Null
        }
        "now" => json!(ctx.now().as_str()),
        "elapsed" => json!(ctx.elapsed().as_millis()),
        "random" => json!(ctx.random_bytes(number(step, "len"))?.len()),
        other => return Err(unknown(other)),
    })
}

pub(crate) fn unknown(name: &str) -> Stop {
    Stop::Ends(Failure::reject(format!("no step `{name}`")))
}

fn told(event: &Event<Script>) -> Value {
    let extensions: Map<String, Value> = event
        .extensions
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    json!({
        "type": event.event_type, "topic": event.topic, "subject": event.subject, "session": event.session,
        "plan": event.plan, "user": event.user, "customer": event.customer, "attempt": event.attempt,
        "extensions": extensions,
    })
}

fn publish(ctx: &Context, step: &Value) -> Left {
    let topic = Topic::parse(text(step, "topic"))
        .ok_or_else(|| Stop::Ends(Failure::reject("no such topic")))?;
    let mut id = String::new();
    for _ in 0..number(step, "times").max(1) {
        let mut draft = ctx.draft_of(topic, text(step, "type"), &step["data"]);
        if let Some(subject) = option(step, "subject") {
            draft = draft.subject(subject);
        }
        if let Some(delay) = millis(step, "after_ms") {
            draft = draft.after(delay);
        }
        if let Some(at) = option(step, "at") {
            draft = draft.at(Instant::from_text(at));
        }
        id = draft.publish()?;
    }
    Ok(json!(id))
}

fn working(ctx: &Context, name: &str, step: &Value) -> Left {
    let (memory, key) = (ctx.working(), text(step, "key"));
    Ok(match name {
        "working.get" => json!(memory.get::<Value>(key)?),
        "working.put" => match millis(step, "ttl_ms") {
            Some(ttl) => json!(memory.put_for(key, &step["value"], ttl)?),
            None => json!(memory.put(key, &step["value"])?),
        },
        "working.delete" => json!(memory.delete(key)?),
        "working.keys" => {
            let (prefix, limit) = (text(step, "prefix"), number(step, "limit"));
            json!(memory.keys_after(prefix, text(step, "after"), limit)?)
        }
        "working.increment" => {
            json!(memory.increment(key, step["by"].as_f64().unwrap_or_default())?)
        }
        "working.append" => json!(memory.append(key, &step["value"])?),
        other => return Err(unknown(other)),
    })
}

fn registry(ctx: &Context, name: &str, step: &Value) -> Left {
    let registry = ctx.registry();
    Ok(match name {
        "registry.find-agents" => {
            let query = AgentQuery {
                name: option(step, "name"),
                ..AgentQuery::default()
            };
            let found = registry.find_agents(query)?;
            found.into_iter().map(|agent| agent.name).collect()
        }
        "registry.discover" => {
            let query = CatalogQuery {
                name: option(step, "name"),
                ..CatalogQuery::default()
            };
            let found = registry.discover(query)?.into_iter();
            found
                .map(|entry| json!({ "name": entry.name, "kind": entry.kind, "hosted": entry.hosted }))
                .collect()
        }
        "registry.get-agent" => {
            let agent = registry.get_agent(text(step, "name"))?;
            json!({ "name": agent.name, "kind": agent.kind, "status": agent.status })
        }
        "registry.find-events" => {
            let query = EventQuery {
                event_type: option(step, "type"),
                ..EventQuery::default()
            };
            let found = registry.find_events(query)?;
            found.into_iter().map(|event| event.event_type).collect()
        }
        "registry.get-schema" => {
            let schema = match number(step, "version") {
                0 => registry.get_schema(text(step, "name"))?,
                version => registry.get_schema_version(text(step, "name"), version)?,
            };
            schema.body.read()?
        }
        "registry.validate" => {
            let found = registry.validate(text(step, "schema"), &Json::of(&step["value"])?)?;
            found
                .into_iter()
                .map(|violation| violation.pointer)
                .collect()
        }
        other => return Err(unknown(other)),
    })
}

fn end(event: &Event<Script>, name: &str, step: &Value) -> Left {
    let until = step["until"].as_u64().unwrap_or(u64::MAX);
    if u64::from(event.attempt) >= until {
        return Ok(Value::Null);
    }
    let reason = text(step, "reason");
    Err(Stop::Ends(match name {
        "end.reject" => Failure::reject(reason),
        "end.fail" => Failure::other(reason),
        "end.retry" => Failure::retry_after(millis(step, "after_ms").unwrap_or_default(), reason),
        "end.trap" => std::process::abort(),
        "end.spin" => loop {
            std::hint::black_box(());
        },
        other => return Err(unknown(other)),
    }))
}
