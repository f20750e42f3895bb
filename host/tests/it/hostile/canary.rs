//! Every function that a guest may import, called as another tenant: nothing of what the first one wrote comes back.
//!
//! Invariant: a tenant's texts all carry a mark of sixteen bytes. Its neighbour looks for that mark in its own memory
//! after each call, and the owner does too, so that a look which finds nothing means something.

use serde_json::Value;
use warren::events::EventFilter;
use warren::registry::GrantSet;
use warren::turn::{TurnOutcome, TurnRecord};

use super::forge::{Call, Case, Contract, Look, Words, cases_of, component};
use super::forged::run;
use crate::harness::TestHost;

/// The marks of the two tenants.
const OWNER: &str = "f3a9c07be15d4286";
const NEIGHBOUR: &str = "0b7e64d1a82c935f";

/// Functions that show their owner what it wrote: those that the look is known to bite on.
const SHOW: [&str; 10] = [
    "episodes.recent",
    "episodes.search",
    "episodes.unconsolidated",
    "knowledge.list-entries",
    "knowledge.search",
    "procedures.get",
    "procedures.match-situation",
    "registry.find-agents",
    "registry.get-agent",
    "working.get",
];

/// Functions that take away or replace what others have written: their owner does not call them here.
const TAKE: [&str; 5] = [
    "knowledge.forget",
    "procedures.roll-back",
    "working.append",
    "working.delete",
    "working.increment",
];

/// Texts that name the same things whoever says them, and carry the mark where they mean nothing.
fn marked(name: &str, mark: &str) -> String {
    match name {
        "json" => format!(r#"{{"m":"{mark}"}}"#),
        "instant" => "2026-01-01T00:00:00Z".into(),
        "topic" => "business-facts".into(),
        "event-type" => "forged.told".into(),
        "prefix" | "key" => "k".into(),
        "text" | "situation" | "triggers" => "common".into(),
        "tags" => "tag".into(),
        "extensions" => "ext".into(),
        "name" | "schema" => "forged".into(),
        "id" | "through" | "before" | "after" => "1".into(),
        // What was made by the host only.
        "derived-from" | "supersedes" => String::new(),
        _ => format!("common {mark}"),
    }
}

fn guest(contract: &Contract, words: &Words) -> (Vec<u8>, Vec<String>) {
    let imports = contract.imports();
    let calls: Vec<Call> = imports
        .iter()
        .map(|import| contract.call(import, words))
        .collect();
    let evil: Vec<_> = calls
        .iter()
        .map(|call| (call, cases_of(call).remove(0)))
        .collect();
    let cases: Vec<Case<'_>> = evil
        .iter()
        .map(|(call, evil)| Case { call, evil })
        .collect();
    let names = imports.iter().map(super::forge::Import::name).collect();
    let look = Look(OWNER);
    let component = component(contract, words.mark, &cases, Some(&look));
    (component, names)
}

/// The functions whose look found the mark: those of `names` that `turns` called.
fn found<'a>(names: &[&'a str], turns: &[TurnRecord]) -> Vec<&'a str> {
    let ended = names.iter().zip(turns).filter(|(name, turn)| {
        let reason = turn.reason.as_deref().unwrap_or_default();
        match turn.outcome {
            TurnOutcome::Committed => false,
            TurnOutcome::Trapped if reason.starts_with("unreachable") => true,
            other => panic!("{name}: {other:?}: {reason}"),
        }
    });
    ended.map(|(name, _)| *name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_function_shows_what_another_tenant_wrote() {
    let contract = Contract::read();
    let words = |mark| Words {
        of: marked,
        mark,
        full: false,
    };
    let (owner, names) = guest(&contract, &words(OWNER));
    let (neighbour, _) = guest(&contract, &words(NEIGHBOUR));
    let host = TestHost::start().await;
    let (acme, beta) = (host.tenant.clone(), host.another("beta").await);
    host.push_component(&acme, "forged", owner, GrantSet::all())
        .await;
    host.push_component(&beta, "forged", neighbour, GrantSet::all())
        .await;

    let all: Vec<usize> = (0..names.len()).collect();
    let every: Vec<&str> = names.iter().map(String::as_str).collect();
    let mine = |number: &usize| !TAKE.contains(&every[*number]);
    let writes: Vec<usize> = all.iter().copied().filter(mine).collect();
    let shown: Vec<&str> = writes.iter().map(|number| every[*number]).collect();
    // The first time what is read may not be written yet.
    run(&host, &acme, &writes).await;
    let seen = run(&host, &acme, &writes).await;
    let seen = found(&shown, &seen);
    for name in SHOW {
        assert!(
            seen.contains(&name),
            "{name} shows its owner nothing: {seen:?}"
        );
    }
    for _ in 0..2 {
        let turns = run(&host, &beta, &all).await;
        assert_eq!(found(&every, &turns), <[&str; 0]>::default());
        for (name, turn) in names.iter().zip(&turns) {
            let told = serde_json::to_string(turn).unwrap();
            assert!(!told.contains(OWNER), "{name}: {told}");
        }
    }
    let app = &host.host.app;
    let filter = EventFilter::default();
    let events = app.events.list(&beta, &filter, None, 1_000).await;
    for event in events.unwrap().items {
        let data: Value = serde_json::from_str(event.body.data.as_str()).unwrap();
        assert!(!data.to_string().contains(OWNER), "{data}");
    }
    host.stop().await;
}
