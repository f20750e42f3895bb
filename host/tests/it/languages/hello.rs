//! The agent `hello`, held to the specification in `examples/07-languages/README.md`.

use std::time::Instant;

use serde_json::json;
use warren::events::{NewEvent, Topic};
use warren::registry::GrantSet;
use warren::turn::{TurnOutcome, TurnRecord};

use super::{component, host, note};
use crate::examples;
use crate::harness::TestHost;

const GO: &str = "go";
/// Where the handler that fails does so, in the languages whose errors know.
const PLACES: [(&str, &str); 3] = [
    ("javascript", "src/agent.js:"),
    ("typescript", "src/agent.ts:"),
    ("python", "agent.py"),
];
/// Turns after which a median says something.
const TURNS: usize = 41;

/// Hold the agent of a language to the specification.
pub(super) async fn hold(language: &str) {
    let host = host().await;
    let component = component("hello", language);
    let bytes = component.len() as u128;
    let begun = Instant::now();
    host.push_component(&host.tenant, "hello", component, GrantSet::all())
        .await;
    let push_ms = begun.elapsed().as_millis();
    let begun = Instant::now();
    turn(&host, "hello.requested", json!({ "name": "first" })).await;
    let first_turn_ms = begun.elapsed().as_millis();

    let example = examples::load("07-languages");
    let outcome = examples::outcome(&host, &example).await;
    let expected = example.expected().unwrap();
    assert!(
        outcome.ends_with(&expected),
        "{language}: {outcome}\nis not\n{expected}"
    );
    check_failures(&host, language).await;
    let figures = [
        ("bytes", bytes),
        ("push_ms", push_ms),
        ("first_turn_ms", first_turn_ms),
        ("cpu_us", u128::from(cpu_us(&host, language).await)),
    ]
    .map(|(name, figure)| (name.to_owned(), figure));
    note("hello", language, &figures);
    host.stop().await;
}

/// What went wrong says what, and where.
async fn check_failures(host: &TestHost, language: &str) {
    let broken = turn(host, "hello.broken", json!({})).await;
    assert_ne!(broken.outcome, TurnOutcome::Committed, "{language}");
    // Where it is a trap, the words are in the log.
    let mut told = broken.reason.clone().unwrap_or_default();
    told.extend(broken.logs.iter().map(|line| line.message.as_str()));
    assert!(told.contains("broken on purpose"), "{language}: {told}");
    let place = PLACES.iter().find(|(of, _)| *of == language);
    let (_, place) = place.unwrap_or(&("", ""));
    assert!(told.contains(place), "{language}: {told}");
    let nobody = turn(host, "hello.requested", json!({ "name": 7 })).await;
    assert_eq!(
        nobody.outcome,
        TurnOutcome::Rejected,
        "{language}: {nobody:?}"
    );
    let reason = nobody.reason.unwrap_or_default();
    assert!(reason.contains("name"), "{language}: {reason}");
}

/// CPU of a turn on a warm host, the median of many, after a look at what they say.
async fn cpu_us(host: &TestHost, language: &str) -> u64 {
    let mut times = Vec::new();
    for _ in 0..TURNS {
        let turn = turn(host, "hello.requested", json!({ "name": "Ada" })).await;
        assert_eq!(turn.outcome, TurnOutcome::Committed, "{language}: {turn:?}");
        // Go's runtime asks WASI for the time and for randomness on top of them.
        let more = language == GO && turn.host_calls > 4;
        assert!(turn.host_calls == 4 || more, "{language}: {turn:?}");
        let line = turn.logs.first().expect("it logs a line");
        assert_eq!(line.message, "greeting Ada", "{language}");
        times.push(turn.cpu_us);
    }
    times.sort_unstable();
    times[TURNS / 2]
}

async fn turn(host: &TestHost, event_type: &str, data: serde_json::Value) -> TurnRecord {
    let event = NewEvent {
        topic: Topic::ActionRequests,
        ..host.event(event_type, data)
    };
    let id = host.publish(&host.tenant, event).await;
    host.turn(&id).await
}
