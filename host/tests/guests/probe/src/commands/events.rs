//! Publish, respond, call.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use warren_agent::{Draft, Failure, Instant, Topic};

use super::{Answer, left, read};
use crate::{Run, Stop};

/// The timeout of a call that says none.
const CALL_TIMEOUT_MS: u64 = 5_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Publish {
    topic: Option<String>,
    r#type: String,
    #[serde(default)]
    data: Value,
    /// The payload is what the last command left.
    #[serde(default)]
    last: bool,
    delay_ms: Option<u64>,
    at: Option<String>,
    subject: Option<String>,
    schema: Option<String>,
    correlation: Option<String>,
    session: Option<String>,
    goal: Option<String>,
    plan: Option<String>,
    task: Option<String>,
    reply_to: Option<ReplyTo>,
    #[serde(default)]
    extensions: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplyTo {
    topic: String,
    r#type: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    r#type: String,
    #[serde(default)]
    data: Value,
    timeout_ms: Option<u64>,
}

/// A setter of [`Draft`].
type Set<'a> = fn(Draft<'a>, String) -> Draft<'a>;

pub(super) fn run(run: &mut Run<'_>, name: &str, argument: &Value) -> Answer {
    match name {
        "publish" => left(draft(run, read(argument)?)?.publish()?),
        "respond" => left(run.ctx.respond(argument)?),
        "respond_last" => left(run.ctx.respond(&run.last)?),
        "call" => {
            let call: Call = read(argument)?;
            let timeout = Duration::from_millis(call.timeout_ms.unwrap_or(CALL_TIMEOUT_MS));
            left(
                run.ctx
                    .call_of::<_, Value>(&call.r#type, &call.data, timeout)?,
            )
        }
        // An event that sets off the next one, so many times.
        "chain" => match read::<u32>(argument)?.checked_sub(1) {
            None => left(Value::Null),
            Some(rest) => {
                let script = json!([{ "chain": rest }]);
                let draft = run
                    .ctx
                    .draft_of(Topic::BusinessFacts, "probe.chain", &script);
                left(draft.publish()?)
            }
        },
        _ => Ok(None),
    }
}

fn draft<'a>(run: &Run<'a>, publish: Publish) -> Result<Draft<'a>, Stop> {
    let data = if publish.last {
        &run.last
    } else {
        &publish.data
    };
    let on = match &publish.topic {
        Some(name) => topic(name)?,
        None => Topic::BusinessFacts,
    };
    let mut draft = run.ctx.draft_of(on, publish.r#type, data);
    if let Some(ms) = publish.delay_ms {
        draft = draft.after(Duration::from_millis(ms));
    }
    if let Some(at) = publish.at {
        draft = draft.at(Instant::from_text(at));
    }
    let settings: [(Option<String>, Set<'a>); 7] = [
        (publish.subject, Draft::subject),
        (publish.schema, Draft::schema),
        (publish.correlation, Draft::correlation),
        (publish.session, Draft::session),
        (publish.goal, Draft::goal),
        (publish.plan, Draft::plan),
        (publish.task, Draft::task),
    ];
    for (value, set) in settings {
        if let Some(value) = value {
            draft = set(draft, value);
        }
    }
    if let Some(reply_to) = publish.reply_to {
        draft = draft.reply_to(topic(&reply_to.topic)?, reply_to.r#type);
    }
    for (name, value) in publish.extensions {
        draft = draft.extension(name, value);
    }
    Ok(draft)
}

fn topic(name: &str) -> Result<Topic, Stop> {
    Topic::parse(name)
        .ok_or_else(|| Stop::Ends(Failure::reject(format!("the script: no topic `{name}`"))))
}
