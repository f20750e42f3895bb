//! The scripted guest of the host's tests: the event's payload is a list of commands, run in order.
//!
//! Each command is an object with one member, its name and its argument: `{"put": {"key": "a", "value": 1}}`.
//! README.md lists them. A command leaves a value, which `put_last`, `expect_last` and others use. A command
//! that the host refuses fails the turn, unless it stands inside `try`.
//!
//! Invariant: every function of the contract and every way to end a turn has a command, so that a test is
//! data. It must not know what a test expects of the host.

use serde_json::{Map, Value};
use warren_agent::{Agent, Context, Error, Event, Failure, Grant, Topic};

mod commands;

/// A list of commands.
type Script = Vec<Map<String, Value>>;

/// What running a command needs besides its argument.
struct Run<'a> {
    ctx: &'a Context,
    event: &'a Event<Script>,
    /// What the last command left.
    last: Value,
}

/// How a command ends that does not end well.
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

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Refused(error) => error.into(),
            Stop::Ends(failure) => failure,
        }
    }
}

/// The agent. A tool, so that it can be called; asks for everything, so that tests can take away.
pub fn probe() -> Agent {
    Agent::tool("probe")
        .describe("Does what the event tells it to do.")
        .version(env!("CARGO_PKG_VERSION"))
        .capability("probe", "Runs a script of host calls.")
        .on_type(Topic::BusinessFacts, "probe.run", handle)
        .on_type(Topic::BusinessFacts, "probe.chain", handle)
        .on_type(Topic::ActionRequests, "probe.call", handle)
        .produces_type(Topic::BusinessFacts, "probe.chain")
        .grants(Grant::ALL)
        .concurrency(256)
}

warren_agent::export!(probe);

fn handle(ctx: &Context, event: Event<Script>) -> Result<(), Failure> {
    let mut run = Run {
        ctx,
        event: &event,
        last: Value::Null,
    };
    Ok(run.script(&event.data)?)
}

impl Run<'_> {
    fn script(&mut self, script: &Script) -> Result<(), Stop> {
        for command in script {
            let mut members = command.iter();
            let (Some((name, argument)), None) = (members.next(), members.next()) else {
                return Err(Stop::Ends(Failure::reject(
                    "the script: a command is an object with one member",
                )));
            };
            self.last = commands::run(self, name, argument.clone())?;
        }
        Ok(())
    }
}
