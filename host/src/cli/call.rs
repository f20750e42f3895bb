//! `warren call`: asks a tool agent and prints its answer.

use std::time::Duration;

use serde_json::value::RawValue;

use crate::api::types::{CallRequest, CallView};

use super::client::Request;
use super::failure::Result;
use super::{Context, input};

/// Added to the wait for the answer, so that the host's own time-out is what is reported.
const WAIT_MARGIN: Duration = Duration::from_secs(5);
/// What the host waits if it is not told: as `POST …/call` documents it.
const TIMEOUT_MS_DEFAULT: u32 = 30_000;

/// `warren call`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The tool's name
    agent: String,
    /// The payload: JSON, @FILE, or - for stdin; an empty object unless given
    data: Option<String>,
    /// Event type of the request, if the tool handles several
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// Milliseconds to wait for the answer, 1 to 300000
    #[arg(long, value_name = "MS", default_value_t = TIMEOUT_MS_DEFAULT)]
    timeout_ms: u32,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<()> {
    let data = input::payload(args.data.as_deref())?;
    let body = CallRequest {
        event_type: args.event_type.clone(),
        data: Some(RawValue::from_string(data.as_str().to_owned())?),
        timeout_ms: Some(args.timeout_ms),
    };
    let request = Request::post(&["agents", &args.agent, "call"])
        .json(&body)?
        .wait(Duration::from_millis(args.timeout_ms.into()) + WAIT_MARGIN);
    let client = context.client()?;
    let progress = context.console.progress(format!("Calling {}", args.agent));
    let answer = client.send(request)?;
    drop(progress);
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let view: CallView = answer.read()?;
    context.console.json(&view.data)
}
