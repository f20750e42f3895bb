//! `warren services run`: a service that is in the catalogue for as long as a program runs.
//!
//! Invariant: whatever ends the program, or asks this one to end, the service is taken out again. Where no
//! host can be reached for that, it goes offline by the heartbeats that it misses.

use std::future;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::process::{Child, Command};
use tokio::task::block_in_place;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::state;
use crate::api::types::ServiceView;
use crate::cli::client::{Client, Request};
use crate::cli::console::Tint;
use crate::cli::failure::{Exit, Failure, Result};
use crate::cli::running::StopSignals;
use crate::cli::{Context, input, serve};
use crate::events::Json;
use crate::registry::{BEATS_PER_TTL, ServiceDefinition};

/// Between two heartbeats, unless the definition's time to live wants more of them.
const BEAT_EVERY: Duration = Duration::from_secs(10);
/// How long a program that was asked to end may take: as a container gets, usually.
const GRACE: Duration = Duration::from_secs(10);

/// What to run, and as what.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Its definition: JSON, @FILE, or - for stdin
    definition: String,
    /// The program and its arguments; without one the service stays until this command is stopped
    #[arg(last = true, value_name = "PROGRAM")]
    program: Vec<String>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<()> {
    let definition = input::payload(Some(&args.definition))?;
    let runtime = serve::runtime()?;
    runtime.block_on(async {
        // From before it is registered: a stop that comes early must find somebody who takes it out.
        let mut signals = StopSignals::listen()?;
        let mut service = Registered::new(definition, context)?;
        let worked = match start(&args.program) {
            Ok(program) => service.live(program, &mut signals).await,
            Err(failure) => Err(failure),
        };
        let removed = service.remove();
        worked.and(removed)
    })
}

/// A service that this command put into the catalogue.
struct Registered<'a> {
    context: &'a Context,
    client: Client,
    definition: Json,
    name: String,
    every: Duration,
    /// Whether the last heartbeat was not taken.
    unheard: bool,
}

impl<'a> Registered<'a> {
    fn new(definition: Json, context: &'a Context) -> Result<Self> {
        let client = context.client()?;
        let answer = client.send(registration(&definition)?)?;
        let entry: ServiceView = answer.read()?;
        if context.console.is_json() {
            context.console.json_line(&answer.raw()?)?;
        } else {
            let talk = format!("{} is {}", entry.name, state(&entry));
            context.console.say(Tint::Good, "registered:", talk);
        }
        Ok(Self {
            context,
            client,
            definition,
            name: entry.name.to_string(),
            every: beat_every(&entry.definition),
            unheard: false,
        })
    }

    /// Send heartbeats until the program ends or a signal comes.
    async fn live(&mut self, mut program: Option<Child>, signals: &mut StopSignals) -> Result<()> {
        let mut beats = interval_at(Instant::now() + self.every, self.every);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                ended = end_of(&mut program) => return judged(ended),
                () = signals.asked() => return stop(program).await,
                _ = beats.tick() => self.beat()?,
            }
        }
    }

    /// Tell that it lives. A host that is away is told of once, and asked again at the next beat.
    fn beat(&mut self) -> Result<()> {
        let request = Request::post(&["services", &self.name, "heartbeat"]).json(&json!({}))?;
        let sent = block_in_place(|| match self.client.send(request) {
            // It expired while no host could be reached, or somebody removed it.
            Err(failure) if failure.exit == Exit::NotFound => {
                self.client.send(registration(&self.definition)?)
            }
            sent => sent,
        });
        match sent {
            Ok(_) => self.unheard = false,
            Err(failure) if !self.unheard => {
                self.unheard = true;
                let talk = format!("{failure}; trying again every {:?}", self.every);
                self.context.console.say(Tint::Odd, "unheard:", talk);
            }
            Err(_) => {}
        }
        Ok(())
    }

    fn remove(&self) -> Result<()> {
        let request = Request::delete(&["services", &self.name]);
        match block_in_place(|| self.client.send(request)) {
            Err(failure) if failure.exit != Exit::NotFound => Err(failure),
            _ => {
                let talk = format_args!("service {}", self.name);
                self.context.console.say(Tint::Good, "removed", talk);
                Ok(())
            }
        }
    }
}

fn registration(definition: &Json) -> Result<Request> {
    Request::post(&["services"]).json(definition)
}

/// Twice as often as the host counts, so that a beat that comes late is not a missed one.
fn beat_every(definition: &ServiceDefinition) -> Duration {
    match definition.ttl_s {
        None | Some(0) => BEAT_EVERY,
        Some(ttl_s) => BEAT_EVERY.min(Duration::from_secs(ttl_s.into()) / BEATS_PER_TTL / 2),
    }
}

fn start(words: &[String]) -> Result<Option<Child>> {
    let Some((program, arguments)) = words.split_first() else {
        return Ok(None);
    };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::inherit());
    // Should this command die of a fault of its own, the program must not go on unseen.
    command.kill_on_drop(true);
    let started = command.spawn().map_err(|error| {
        Failure::new(format!("cannot start `{program}`: {error}"))
            .hint("what comes after `--` is the program and its arguments")
    });
    started.map(Some)
}

/// How the program ended; never, if there is none.
async fn end_of(program: &mut Option<Child>) -> std::io::Result<ExitStatus> {
    match program {
        Some(program) => program.wait().await,
        None => future::pending().await,
    }
}

fn judged(ended: std::io::Result<ExitStatus>) -> Result<()> {
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::new(format!("the program ended with {status}"))),
        Err(error) => Err(Failure::new(format!(
            "cannot wait for the program: {error}"
        ))),
    }
}

/// Ask the program to end; one that does not is killed.
async fn stop(program: Option<Child>) -> Result<()> {
    let Some(mut program) = program else {
        return Ok(());
    };
    let pid = program.id().and_then(|id| Pid::from_raw(id as i32));
    if let Some(pid) = pid {
        // It may have ended already, by the same signal.
        let _ = kill_process(pid, Signal::TERM);
    }
    if timeout(GRACE, program.wait()).await.is_err() {
        let killed = program.kill().await;
        killed.map_err(|error| Failure::new(format!("cannot end the program: {error}")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_life_is_told_of_often() {
        let every = |ttl_s: Option<u32>| {
            let mut said = json!({ "name": "lamp", "type": "device" });
            said["ttl_s"] = json!(ttl_s);
            beat_every(&serde_json::from_value(said).unwrap()).as_millis()
        };
        let ttls = [None, Some(0), Some(1), Some(20), Some(100), Some(3_600)];
        assert_eq!(
            ttls.map(every),
            [10_000, 10_000, 100, 2_000, 10_000, 10_000]
        );
    }
}
