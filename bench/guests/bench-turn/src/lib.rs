//! The guest of the benchmarks: a turn with four host calls, a read, a write, an event and a line of log.
//!
//! Invariant: the key is the event's own subject, so that turns contend only where a benchmark wants it.

use serde::{Deserialize, Serialize};
use warren_agent::{Agent, Context, Event, Failure, Grant, payload};

/// Asks for a turn.
#[derive(Serialize, Deserialize)]
pub struct Run {
    /// Number of the turn.
    pub n: u64,
    /// About as much text as an event of a business carries.
    pub text: String,
}
payload!(Run: BusinessFacts, "bench.run");

/// A turn was done. Nobody handles it.
#[derive(Serialize, Deserialize)]
pub struct Done {
    /// Number of the turn.
    pub n: u64,
    /// How many turns this key has had.
    pub count: u64,
    /// The text of the request.
    pub text: String,
}
payload!(Done: BusinessFacts, "bench.done");

/// The agent.
pub fn agent() -> Agent {
    Agent::new("bench-turn")
        .describe("Reads, writes, publishes and logs once.")
        .on(handle)
        .produces::<Done>()
        .grants(Grant::WORKING)
        .concurrency(256)
}

warren_agent::export!(agent);

fn handle(ctx: &Context, event: Event<Run>) -> Result<(), Failure> {
    let key = event.subject.as_deref().unwrap_or("turns");
    let count = ctx.working().get::<u64>(key)?.unwrap_or(0) + 1;
    ctx.working().put(key, &count)?;
    ctx.publish(&Done {
        n: event.data.n,
        count,
        text: event.data.text,
    })?;
    ctx.log().info("done");
    Ok(())
}

#[cfg(test)]
mod tests {
    use warren_agent::testing::TestHost;

    use super::*;

    #[test]
    fn a_turn_is_four_host_calls() {
        let run = Run {
            n: 7,
            text: "x".into(),
        };
        let turn = TestHost::new()
            .with_working("turns", &1)
            .handle(&agent(), Event::new(run));
        assert_eq!(turn.result(), &Ok(()));
        assert_eq!(turn.host_calls(), 4);
        assert_eq!(turn.published::<Done>()[0].count, 2);
    }
}
