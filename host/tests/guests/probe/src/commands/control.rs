//! Commands that run commands.

use serde::Deserialize;
use serde_json::{Value, json};
use warren_agent::Error;

use super::{Answer, left, read};
use crate::{Run, Script, Stop};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Times {
    times: u32,
    r#do: Script,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Only {
    agent: String,
    r#do: Script,
}

pub(super) fn run(run: &mut Run<'_>, name: &str, argument: &Value) -> Answer {
    match name {
        "repeat" => {
            let repeat: Times = read(argument)?;
            for _ in 0..repeat.times {
                run.script(&repeat.r#do)?;
            }
        }
        // On the first so many attempts at this event.
        "first_attempts" => {
            let first: Times = read(argument)?;
            if run.event.attempt <= first.times {
                run.script(&first.r#do)?;
            }
        }
        // When the agent has this name, for tests that push this component under several.
        "only" => {
            let only: Only = read(argument)?;
            if run.ctx.identity().agent == only.agent {
                run.script(&only.r#do)?;
            }
        }
        // One command; a refusal of the host becomes its value.
        "try" => match run.script(&vec![read(argument)?]) {
            Ok(()) => {}
            Err(Stop::Refused(error)) => return left(refusal(&error)),
            Err(ends) => return Err(ends),
        },
        _ => return Ok(None),
    }
    left(run.last.clone())
}

fn refusal(error: &Error) -> Value {
    let kind = match error {
        Error::Denied(_) => "denied",
        Error::NotFound => "not-found",
        Error::Invalid(_) => "invalid",
        Error::Conflict(_) => "conflict",
        Error::Exhausted(_) => "exhausted",
        Error::Unavailable(_) => "unavailable",
        Error::Json(_) => "json",
        _ => "other",
    };
    json!({ "error": kind, "message": error.to_string() })
}
