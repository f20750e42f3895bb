//! Summarises a text by its first sentence.

use serde::{Deserialize, Serialize};
use warren_agent::{Agent, Capability, Context, Event, Failure, payload};

/// A text should be summarised.
#[derive(Serialize, Deserialize)]
pub struct Summarise {
    /// It.
    pub text: String,
}
payload!(
    Summarise: ActionRequests,
    "text.summarise",
    description = "A text should be summarised.",
    schema = r#"{
        "type": "object",
        "required": ["text"],
        "properties": { "text": { "type": "string", "minLength": 1 } }
    }"#,
);

/// The answer.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// What it says in short.
    pub result: String,
}
payload!(Summary: ActionResults, "text.summarised", description = "What a text says in short.");

/// The declaration.
pub fn agent() -> Agent {
    Agent::tool("summariser")
        .describe("Reads what is long and says it in short.")
        .category("text")
        .tags(["english"])
        .can(
            Capability::new(
                "summarise-text",
                "Summarise a web page or a letter in one sentence.",
            )
            .task("summarise")
            .asked_by::<Summarise>()
            .answers_by::<Summary>(),
        )
        .answers(summarise)
}
warren_agent::export!(agent);

#[expect(
    clippy::unnecessary_wraps,
    reason = "a handler may fail, this one cannot"
)]
fn summarise(_: &Context, request: Event<Summarise>) -> Result<Summary, Failure> {
    let text = request.data.text;
    let first = text.split_inclusive('.').next().unwrap_or(&text);
    Ok(Summary {
        result: first.trim().to_owned(),
    })
}
