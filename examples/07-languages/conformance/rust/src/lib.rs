//! The conformance agent in Rust: does what a list of steps says and answers with what came of each.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use warren_agent::{Agent, Context, Error, Event, Failure, Grant, Json, Topic};

mod memory;
mod steps;

/// A payload of `conformance.run`.
#[derive(Deserialize)]
struct Script {
    steps: Vec<Value>,
}

/// How a step ends that has no value.
enum Stop {
    /// The host said no.
    Refused(Error),
    /// The turn ends with this.
    Ends(Failure),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<serde_json::Error> for Stop {
    fn from(error: serde_json::Error) -> Self {
        Self::Ends(Failure::reject(format!("the script: {error}")))
    }
}

/// The agent.
pub fn agent() -> Agent {
    Agent::tool("conformance")
        .describe("Does what a list of steps says.")
        .on_type(Topic::ActionRequests, "conformance.run", run)
        .on_type(Topic::ActionRequests, "conformance.raw", raw)
        .produces_type(Topic::BusinessFacts, "conformance.said")
        .grants(Grant::ALL)
}
warren_agent::export!(agent);

#[expect(clippy::needless_pass_by_value, reason = "handlers take their event")]
fn raw(ctx: &Context, event: Event<Json>) -> Result<(), Failure> {
    ctx.respond(&json!({ "results": [{ "ok": event.data.as_str() }] }))?;
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "handlers take their event")]
fn run(ctx: &Context, event: Event<Script>) -> Result<(), Failure> {
    let mut results: Vec<Value> = Vec::new();
    for step in &event.data.steps {
        let step = resolved(step, &results);
        let result = match steps::run(ctx, &event, &step) {
            Ok(value) => json!({ "ok": value }),
            Err(Stop::Refused(error)) => refused(&error),
            Err(Stop::Ends(failure)) => return Err(failure),
        };
        results.push(result);
    }
    ctx.respond(&json!({ "results": results }))?;
    Ok(())
}

/// The step with the values of earlier results where it names them.
fn resolved(step: &Value, results: &[Value]) -> Value {
    let mut step = step.clone();
    for value in step
        .as_object_mut()
        .into_iter()
        .flatten()
        .map(|(_, value)| value)
    {
        let earlier = value.get("$").and_then(Value::as_u64);
        if let Some(result) = earlier.and_then(|n| results.get(usize::try_from(n).ok()?)) {
            *value = result["ok"].clone();
        }
    }
    step
}

fn refused(error: &Error) -> Value {
    let (variant, message) = match error {
        Error::Denied(text) => ("denied", text.clone()),
        Error::NotFound => ("not-found", String::new()),
        Error::Invalid(text) => ("invalid", text.clone()),
        Error::Conflict(text) => ("conflict", text.clone()),
        Error::Exhausted(text) => ("exhausted", text.clone()),
        Error::Unavailable(text) => ("unavailable", text.clone()),
        Error::Json(text) => ("json", text.clone()),
        Error::Other(text) => ("other", text.clone()),
        _ => ("unknown", error.to_string()),
    };
    json!({ "error": variant, "message": message })
}

/// A text argument; empty if it is not there.
fn text<'a>(step: &'a Value, name: &str) -> &'a str {
    step[name].as_str().unwrap_or_default()
}

/// A text argument that may be left out.
fn option(step: &Value, name: &str) -> Option<String> {
    step[name].as_str().map(str::to_owned)
}

/// A whole number; 0 if it is not there.
fn number(step: &Value, name: &str) -> u32 {
    step[name]
        .as_u64()
        .and_then(|n| u32::try_from(n).ok())
        .unwrap_or_default()
}

fn millis(step: &Value, name: &str) -> Option<Duration> {
    step[name].as_u64().map(Duration::from_millis)
}
