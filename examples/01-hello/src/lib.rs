//! Greets people: answers a request, and tells the business that it happened.

use serde::{Deserialize, Serialize};
use warren_agent::{Agent, Context, Event, Failure, payload};

/// Somebody would like to be greeted.
#[derive(Serialize, Deserialize)]
pub struct Greet {
    /// Who.
    pub name: String,
}
payload!(
    Greet: ActionRequests,
    "greet.requested",
    description = "Somebody would like to be greeted.",
    schema = r#"{
        "type": "object",
        "required": ["name"],
        "properties": { "name": { "type": "string", "minLength": 1 } }
    }"#,
);

/// The answer.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Greeting {
    /// What to say.
    pub text: String,
}
payload!(Greeting: ActionResults, "greeting.ready", description = "A greeting is ready to be said.");

/// What the rest of the business may want to know.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Greeted {
    /// Who.
    pub name: String,
}
payload!(Greeted: BusinessFacts, "person.greeted", description = "Somebody was greeted.");

/// The declaration: from it come the manifest that the host reads and the dispatch to the handlers.
pub fn agent() -> Agent {
    Agent::tool("greeter")
        .describe("Greets people by name.")
        .version(env!("CARGO_PKG_VERSION"))
        .answers(greet)
        .produces::<Greeted>()
}
warren_agent::export!(agent);

fn greet(ctx: &Context, request: Event<Greet>) -> Result<Greeting, Failure> {
    let name = request.data.name;
    ctx.log().with("name", &name).info("greeting");
    let text = format!("Hello, {name}!");
    ctx.publish(&Greeted { name })?;
    Ok(Greeting { text })
}

#[cfg(test)]
mod tests {
    use warren_agent::Topic;
    use warren_agent::testing::TestHost;

    use super::*;

    fn ada() -> Event<Greet> {
        Event::new(Greet { name: "Ada".into() })
    }

    #[test]
    fn whoever_asks_is_answered() {
        let asked = ada().with_reply_to(Topic::ActionResults, "greeting.ready");
        let turn = TestHost::new().handle(&agent(), asked);
        let expect = Greeting {
            text: "Hello, Ada!".into(),
        };
        assert_eq!(turn.response(), Some(expect));
        assert_eq!(
            turn.published::<Greeted>(),
            [Greeted { name: "Ada".into() }]
        );
    }

    #[test]
    fn the_fact_is_told_even_if_nobody_waits_for_the_answer() {
        let turn = TestHost::new().handle(&agent(), ada());
        assert_eq!(turn.published::<Greeted>().len(), 1);
        assert_eq!(turn.response::<Greeting>(), None);
    }
}
