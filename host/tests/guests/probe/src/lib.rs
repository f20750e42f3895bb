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

#[expect(clippy::needless_pass_by_value, reason = "handlers take their event")]
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
            self.last = commands::run(self, name, argument)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use warren_agent::testing::TestHost;

    use super::*;

    fn run(script: Value) -> Event<Value> {
        Event::of(Topic::BusinessFacts, "probe.run", script)
    }

    #[test]
    fn commands_run_in_order_and_leave_values() {
        let turn = TestHost::new().handle(
            &probe(),
            run(json!([
                {"put": {"key": "a", "value": 1}},
                {"increment": {"key": "a", "by": 2}},
                {"expect_last": 3.0},
                {"repeat": {"times": 3, "do": [{"append": {"key": "list", "value": "x"}}]}},
                {"get": "list"},
                {"put_last": "copy"},
                {"publish": {"type": "probe.done", "data": {"n": 1}}},
                {"append_event_id": "ids"},
            ])),
        );
        assert_eq!(turn.result(), &Ok(()));
        assert_eq!(turn.working::<Value>("copy"), Some(json!(["x", "x", "x"])));
        assert_eq!(turn.working::<Value>("ids"), Some(json!(["evt_test"])));
        assert_eq!(turn.events().len(), 1);
    }

    #[test]
    fn an_error_fails_the_turn_unless_it_is_tried() {
        let denied = json!({"put": {"key": "a", "value": 1}});
        let host = || TestHost::new().deny(Grant::WorkingWrite);
        let turn = host().handle(&probe(), run(json!([denied])));
        assert!(
            matches!(turn.result(), Err(Failure::Other(reason)) if reason.contains("working:write"))
        );

        let turn = host().handle(
            &probe(),
            run(json!([{"try": denied}, {"expect_error": "denied"}])),
        );
        assert_eq!(turn.result(), &Ok(()));
    }

    #[test]
    fn turns_end_as_told() {
        let reject = |reason: &str| Err(Failure::reject(reason));
        for (script, result) in [
            (json!([{"reject": "why"}]), reject("why")),
            (json!([{"fail": {"other": "x"}}]), Err(Failure::other("x"))),
            (
                json!([{"fail": {"retry": 10}}]),
                Err(Failure::retry_after(
                    std::time::Duration::from_millis(10),
                    "as told",
                )),
            ),
            (
                json!([{"expect": {"key": "a", "value": 1}}]),
                reject("expected `a` to be 1, it is null"),
            ),
            (
                json!([{"first_attempts": {"times": 0, "do": [{"panic": "x"}]}}]),
                Ok(()),
            ),
            (
                json!([{"nonsense": 1}]),
                reject("the script: no command `nonsense`"),
            ),
        ] {
            assert_eq!(
                TestHost::new().handle(&probe(), run(script)).result(),
                &result
            );
        }
    }

    #[test]
    fn it_calls_itself() {
        let turn = TestHost::new().with_agent(probe()).handle(
            &probe(),
            run(json!([
                {"call": {"type": "probe.call", "data": [{"put": {"key": "k", "value": 1}}, {"respond": {"n": 7}}]}},
                {"expect_last": {"n": 7}},
            ])),
        );
        assert_eq!(turn.result(), &Ok(()));
    }
}
