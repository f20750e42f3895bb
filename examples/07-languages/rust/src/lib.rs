//! Greets people and counts how often; `../README.md` is what it is held to.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use warren_agent::{Agent, Context, Event, Failure, Grant, payload};

/// Somebody would like to be greeted.
#[derive(Default, Serialize, Deserialize)]
pub struct Requested {
    /// Who; only a text will do.
    #[serde(default)]
    pub name: Value,
}
payload!(Requested: ActionRequests, "hello.requested");

/// Something is to go wrong.
#[derive(Serialize, Deserialize)]
pub struct Broken {}
payload!(Broken: ActionRequests, "hello.broken");

/// Somebody was greeted.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Greeted {
    /// What to say.
    pub text: String,
    /// How often this name came.
    pub count: u64,
}
payload!(Greeted: ActionResults, "hello.greeted");

/// The agent.
pub fn agent() -> Agent {
    Agent::new("hello")
        .describe("Greets people and counts how often.")
        .on(greet)
        .on(go_wrong)
        .produces::<Greeted>()
        .grants(Grant::WORKING)
}
warren_agent::export!(agent);

fn greet(ctx: &Context, event: Event<Requested>) -> Result<(), Failure> {
    let Value::String(name) = event.data.name else {
        let name = event.data.name;
        return Err(Failure::reject(format!("name: {name} is not a string")));
    };
    let word = ctx.config("greeting")?.unwrap_or_else(|| "Hello".into());
    let count = ctx.working().count(&format!("greeted/{name}"))?;
    ctx.log()
        .with("count", count)
        .info(format!("greeting {name}"));
    ctx.publish(&Greeted {
        text: format!("{word}, {name}!"),
        count,
    })?;
    Ok(())
}

fn go_wrong(ctx: &Context, _event: Event<Broken>) -> Result<(), Failure> {
    ctx.working().put("broken", &true)?;
    Err(Failure::other("broken on purpose"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use warren_agent::testing::{TestHost, Turn};

    use super::*;

    fn asked(mut host: TestHost, name: Value) -> Turn {
        host.handle(&agent(), Event::new(Requested { name }))
    }

    #[test]
    fn greetings_are_counted_by_name() {
        let host = TestHost::new().with_working("greeted/Ada", &1);
        let turn = asked(host, json!("Ada"));
        let expect = Greeted {
            text: "Hello, Ada!".into(),
            count: 2,
        };
        assert_eq!(turn.published::<Greeted>(), [expect]);
        assert_eq!(turn.host_calls(), 4);
    }

    #[test]
    fn nobody_is_not_greeted() {
        for name in [Value::Null, json!(7)] {
            let turn = asked(TestHost::new(), name);
            let reason = format!("{:?}", turn.result());
            assert!(reason.contains("name"), "{reason}");
        }
    }

    #[test]
    fn nothing_is_left_of_what_went_wrong() {
        let turn = TestHost::new().handle(&agent(), Event::new(Broken {}));
        let reason = format!("{:?}", turn.result());
        assert!(reason.contains("broken on purpose"), "{reason}");
        assert_eq!(turn.host_calls(), 1);
    }
}
