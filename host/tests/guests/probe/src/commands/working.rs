//! Working memory.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use warren_agent::Failure;

use super::{Answer, left, read};
use crate::{Run, Stop};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Put {
    key: String,
    value: Value,
    ttl_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyValue {
    key: String,
    value: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    prefix: String,
    after: String,
    limit: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Add {
    key: String,
    by: f64,
}

pub(super) fn run(run: &mut Run<'_>, name: &str, argument: &Value) -> Answer {
    let working = run.ctx.working();
    match name {
        "put" => {
            let put: Put = read(argument)?;
            match put.ttl_ms {
                Some(ms) => working.put_for(&put.key, &put.value, Duration::from_millis(ms))?,
                None => working.put(&put.key, &put.value)?,
            }
            left(Value::Null)
        }
        "get" => left(working.get::<Value>(&read::<String>(argument)?)?),
        "delete" => left(working.delete(&read::<String>(argument)?)?),
        "keys" => left(working.keys(&read::<String>(argument)?)?),
        "keys_after" => {
            let keys: Keys = read(argument)?;
            left(working.keys_after(&keys.prefix, &keys.after, keys.limit)?)
        }
        "increment" => {
            let add: Add = read(argument)?;
            left(working.increment(&add.key, add.by)?)
        }
        // As `increment`, but by a read and a write.
        "add" => {
            let add: Add = read(argument)?;
            let sum = working.update(&add.key, |now: Option<f64>| now.unwrap_or(0.0) + add.by)?;
            left(sum)
        }
        "append" => {
            let item: KeyValue = read(argument)?;
            left(working.append(&item.key, &item.value)?)
        }
        "append_event_id" => left(working.append(&read::<String>(argument)?, &run.event.id)?),
        "put_last" => {
            working.put(&read::<String>(argument)?, &run.last)?;
            left(Value::Null)
        }
        "expect" => {
            let expected: KeyValue = read(argument)?;
            let got = working.get::<Value>(&expected.key)?.unwrap_or(Value::Null);
            expect(&format!("`{}`", expected.key), &expected.value, &got)?;
            left(got)
        }
        "expect_last" => {
            expect("the last value", argument, &run.last)?;
            left(run.last.clone())
        }
        "expect_error" => {
            expect(
                "the last error",
                argument,
                run.last.get("error").unwrap_or(&Value::Null),
            )?;
            left(run.last.clone())
        }
        // A string of so many bytes, to write or publish.
        "fill" => left(json!("x".repeat(read(argument)?))),
        _ => Ok(None),
    }
}

fn expect(what: &str, expected: &Value, got: &Value) -> Result<(), Stop> {
    if expected == got {
        return Ok(());
    }
    Err(Stop::Ends(Failure::reject(format!(
        "expected {what} to be {expected}, it is {got}"
    ))))
}
