//! Counts words.

use serde::{Deserialize, Serialize};
use warren_agent::{Agent, Capability, Context, Event, Failure, payload};

/// Words should be counted.
#[derive(Serialize, Deserialize)]
pub struct Count {
    /// Of this text.
    pub text: String,
}
payload!(
    Count: ActionRequests,
    "words.count",
    description = "Words should be counted.",
    schema = r#"{
        "type": "object",
        "required": ["text"],
        "properties": { "text": { "type": "string" } }
    }"#,
);

/// The answer.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Counted {
    /// How many, in words.
    pub result: String,
}
payload!(Counted: ActionResults, "words.counted", description = "How many words there are.");

/// The declaration.
pub fn agent() -> Agent {
    Agent::tool("counter")
        .describe("Knows how long a manuscript is.")
        .category("text")
        .can(
            Capability::new("count-words", "Count how many words there are.")
                .task("count")
                .asked_by::<Count>()
                .answers_by::<Counted>(),
        )
        .answers(count)
}
warren_agent::export!(agent);

#[expect(
    clippy::unnecessary_wraps,
    reason = "a handler may fail, this one cannot"
)]
fn count(_: &Context, request: Event<Count>) -> Result<Counted, Failure> {
    let text = request.data.text;
    let words = text.split_whitespace().count();
    Ok(Counted {
        result: format!("{words} words"),
    })
}
