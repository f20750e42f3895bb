//! `warren tail`: prints events as they are published, across reconnections.
//!
//! Invariant: an event is printed once and none is left out, because each connection continues after the
//! last event that was printed.

use std::io::Read;
use std::thread;
use std::time::Duration;

use serde_json::value::RawValue;

use crate::api::types::EventView;

use super::client::{Client, Request};
use super::events::{self, Filter};
use super::failure::{Exit, Failure, Result};
use super::sse::{SseEvent, SseReader};
use super::{Context, text};

/// First wait before connecting again: a host that restarts is back within it.
const RETRY_FIRST: Duration = Duration::from_millis(250);
/// Longest wait before connecting again.
const RETRY_LAST: Duration = Duration::from_secs(5);
/// How the host says that it ends the stream.
const DISCONNECTED: &str = "disconnected";

/// `warren tail`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    filter: Filter,
    /// Begin after this position; 0 is the beginning. Without it only what comes is printed
    #[arg(long, value_name = "POSITION")]
    since: Option<u64>,
    /// Stop after this many events
    #[arg(long, value_name = "COUNT")]
    count: Option<u64>,
}

/// How far the stream was read.
struct Reached {
    last_id: Option<String>,
    left: Option<u64>,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<()> {
    let request = || args.filter.on(Request::get(&["events", "stream"]));
    follow(&request, args.since, args.count, context)
}

/// Print the events of a stream, after the position `since` and at most `count`.
pub(super) fn follow(
    request: &impl Fn() -> Request,
    since: Option<u64>,
    count: Option<u64>,
    context: &Context,
) -> Result<()> {
    let client = context.client()?;
    let mut reached = Reached {
        last_id: since.map(|position| position.to_string()),
        left: count,
    };
    // Only what was there once is waited for: a wrong address should fail at once.
    let mut stream = client.stream(request(), reached.last_id.as_deref())?;
    let url = &client.connection().url;
    context
        .console
        .note(format_args!("events at {url}; Ctrl-C stops"));
    while reached.left != Some(0) {
        print(stream, &mut reached, context)?;
        if reached.left == Some(0) {
            break;
        }
        stream = reconnect(&client, request, reached.last_id.as_deref(), context)?;
    }
    Ok(())
}

/// Print until the stream ends or enough was printed.
fn print(stream: impl Read, reached: &mut Reached, context: &Context) -> Result<()> {
    for event in SseReader::new(stream) {
        let event = match event {
            Ok(event) => event,
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                return Err(Failure::new(error.to_string()));
            }
            // The connection broke: the next one continues.
            Err(_) => return Ok(()),
        };
        let is_event = event.kind.is_empty();
        if is_event {
            show(&event, context)?;
        } else if event.kind == DISCONNECTED {
            context.console.note(why_it_ends(&event.data));
        }
        // What speaks of the stream itself has a position too: what the filter held back is passed.
        reached.last_id = event.id.or(reached.last_id.take());
        if !is_event {
            continue;
        }
        if let Some(left) = &mut reached.left {
            *left = left.saturating_sub(1);
            if *left == 0 {
                break;
            }
        }
    }
    Ok(())
}

/// What a host that ends the stream says of it, for people.
fn why_it_ends(data: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Said {
        reason: String,
    }
    let said: Option<Said> = serde_json::from_str(data).ok();
    match said.as_ref().map(|said| said.reason.as_str()) {
        Some("shutdown") => "the host is stopping; connecting again when it is back".to_owned(),
        Some("revoked") => "the key may not read this any more".to_owned(),
        Some(reason) => format!("the host ends the stream: {}", text::safe(reason)),
        None => "the host ends the stream".to_owned(),
    }
}

fn show(event: &SseEvent, context: &Context) -> Result<()> {
    if context.console.is_json() {
        let raw: &RawValue = serde_json::from_str(&event.data)?;
        return context.console.json_line(raw);
    }
    let view: EventView = serde_json::from_str(&event.data)?;
    context.console.line(events::line(&view))
}

fn reconnect(
    client: &Client,
    request: &impl Fn() -> Request,
    last_id: Option<&str>,
    context: &Context,
) -> Result<Box<dyn Read>> {
    let mut wait = RETRY_FIRST;
    let mut told = false;
    // Endless on purpose: whoever started it stops it.
    loop {
        match client.stream(request(), last_id) {
            Ok(stream) => {
                if told {
                    context.console.note("connected again");
                }
                return Ok(stream);
            }
            Err(failure) if matches!(failure.exit, Exit::Unreachable | Exit::Busy) => {
                if !told {
                    context
                        .console
                        .note(format_args!("{failure}; trying again"));
                    told = true;
                }
            }
            Err(failure) => return Err(failure),
        }
        thread::sleep(wait);
        wait = (wait * 2).min(RETRY_LAST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_stream_is_told_in_words() {
        let check = |data: &str, expect: &str| {
            let got = why_it_ends(data);
            assert!(got.contains(expect) && !got.contains('{'), "{got}");
        };
        check(r#"{"reason":"shutdown"}"#, "stopping");
        check(r#"{"reason":"revoked"}"#, "the key");
        check(r#"{"reason":"odd"}"#, "stream: odd");
        check("{", "ends the stream");
    }
}
