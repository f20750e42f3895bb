//! Finds whoever can do what is wanted, and has it done. It knows neither names nor event types.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use warren_agent::{
    Agent, CatalogEntry, CatalogQuery, Context, Event, Failure, Grant, Json, payload,
};

/// How long whoever was found may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Somebody wants something done.
#[derive(Serialize, Deserialize)]
pub struct Wanted {
    /// What, in plain words.
    pub need: String,
    /// With what.
    pub text: String,
}
payload!(Wanted: BusinessFacts, "work.wanted", description = "Somebody wants something done.");

/// It was done, or nobody could.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// What was wanted.
    pub need: String,
    /// Who did it; none if nobody says that he can.
    pub by: Option<String>,
    /// What came of it.
    pub result: Option<String>,
}
payload!(Done: BusinessFacts, "work.done", description = "What came of what was wanted.");

/// The declaration.
pub fn agent() -> Agent {
    Agent::new("foreman")
        .describe("Has done what others want.")
        .on(have_done)
        .produces::<Done>()
        .grants([Grant::RegistryRead, Grant::EventsCall])
}
warren_agent::export!(agent);

/// What is read of an entry: the requests that its capabilities take.
#[derive(Deserialize)]
struct Definition {
    capabilities: Vec<Capability>,
}

#[derive(Deserialize)]
struct Capability {
    #[serde(default)]
    consumes: Vec<Request>,
}

#[derive(Deserialize)]
struct Request {
    r#type: String,
}

/// What tools are given here, and what they answer.
#[derive(Serialize)]
struct Task {
    text: String,
}

#[derive(Deserialize)]
struct Outcome {
    result: String,
}

fn have_done(ctx: &Context, wanted: Event<Wanted>) -> Result<(), Failure> {
    let Wanted { need, text } = wanted.data;
    // In plain words; the filters beside them keep the foreman from finding himself, or who is not there.
    let found = ctx.registry().discover(CatalogQuery {
        kind: Some("tool".into()),
        state: Some("active".into()),
        hosted: Some(true),
        limit: 1,
        ..CatalogQuery::about(&need)
    })?;
    let Some(best) = found.into_iter().next() else {
        ctx.log().with("need", &need).warn("nobody can");
        let (by, result) = (None, None);
        ctx.publish(&Done { need, by, result })?;
        return Ok(());
    };
    // The contract says what to send. The host has checked that the event exists, and checks what is sent.
    let request = request_of(&best)?;
    let outcome: Outcome = ctx.call_of(&request, &Task { text }, PATIENCE)?;
    ctx.publish(&Done {
        need,
        by: Some(best.name),
        result: Some(outcome.result),
    })?;
    Ok(())
}

/// The request that the first capability of an entry takes.
fn request_of(entry: &CatalogEntry) -> Result<String, Failure> {
    let definition: Definition = Json::read(&entry.definition)?;
    let mut requests = definition.capabilities.into_iter().flat_map(|c| c.consumes);
    requests
        .next()
        .map(|request| request.r#type)
        .ok_or_else(|| Failure::reject(format!("`{}` does not say how it is asked", entry.name)))
}
