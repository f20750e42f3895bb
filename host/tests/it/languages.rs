//! One agent in every language, held to one specification: `examples/07-languages`.
//!
//! `cargo xtask languages` builds the agents, names them in `WARREN_HELLO` and runs this; so does `cargo xtask test`.
//! Without that variable there is nothing to hold to anything, as their toolchains are no part of a plain build.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::json;
use warren::events::{NewEvent, Topic};
use warren::registry::GrantSet;
use warren::turn::{TurnOutcome, TurnRecord};

use crate::examples;
use crate::harness::TestHost;

/// Turns after which a median says something.
const TURNS: usize = 41;

#[tokio::test(flavor = "multi_thread")]
async fn languages_are_held_to_one_specification() {
    let languages = std::env::var("WARREN_HELLO").unwrap_or_default();
    let languages = languages.split(',').filter(|name| !name.is_empty());
    let mut table = String::from(
        "| language | component KiB | push ms | first turn ms | turn in the guest µs, median |\n|---|---:|---:|---:|---:|\n",
    );
    for language in languages {
        table.push_str(&hold(language).await);
    }
    println!("{table}");
}

/// Hold the agent of a language to the specification; its line of the table.
async fn hold(language: &str) -> String {
    let host = TestHost::start().await;
    let component = read(&file(language));
    let kib = component.len().div_ceil(1024);
    let begun = Instant::now();
    host.push_component(&host.tenant, "hello", component, GrantSet::all())
        .await;
    let pushed = begun.elapsed().as_millis();
    let begun = Instant::now();
    turn(&host, "hello.requested", json!({ "name": "first" })).await;
    let first = begun.elapsed().as_millis();

    let example = examples::load("07-languages");
    let outcome = examples::outcome(&host, &example).await;
    let expected = example.expected().unwrap();
    assert!(
        outcome.ends_with(&expected),
        "{language}: {outcome}\nis not\n{expected}"
    );
    check_failures(&host, language).await;
    let guest_us = guest_us(&host, language).await;
    host.stop().await;
    format!("| {language} | {kib} | {pushed} | {first} | {guest_us} |\n")
}

/// What went wrong says what, and where.
async fn check_failures(host: &TestHost, language: &str) {
    let broken = turn(host, "hello.broken", json!({})).await;
    assert_ne!(broken.outcome, TurnOutcome::Committed, "{language}");
    // Where it is a trap, the words are in the log.
    let mut told = broken.reason.clone().unwrap_or_default();
    told.extend(broken.logs.iter().map(|line| line.message.as_str()));
    assert!(told.contains("broken on purpose"), "{language}: {told}");
    let nobody = turn(host, "hello.requested", json!({ "name": 7 })).await;
    assert_eq!(
        nobody.outcome,
        TurnOutcome::Rejected,
        "{language}: {nobody:?}"
    );
    let reason = nobody.reason.unwrap_or_default();
    assert!(reason.contains("name"), "{language}: {reason}");
}

/// The median of turns on a warm host, after a look at what they say.
async fn guest_us(host: &TestHost, language: &str) -> u64 {
    let mut times = Vec::new();
    for _ in 0..TURNS {
        let turn = turn(host, "hello.requested", json!({ "name": "Ada" })).await;
        assert_eq!(turn.outcome, TurnOutcome::Committed, "{language}: {turn:?}");
        assert_eq!(turn.host_calls, 4, "{language}: {turn:?}");
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

/// Where `cargo xtask languages` puts the component of a language.
fn file(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../target/languages/{language}/hello.wasm"))
}

fn read(file: &Path) -> Vec<u8> {
    std::fs::read(file)
        .unwrap_or_else(|e| panic!("{}: {e}; `cargo xtask languages` builds it", file.display()))
}
