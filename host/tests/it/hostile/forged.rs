//! Every function that a guest may import, called with every single thing wrong that a guest can pass wrongly: the
//! guest's run ends or it is told what is wrong, and nothing else notices.

use std::collections::HashMap;

use serde_json::json;
use warren::events::EventFilter;
use warren::id::{AgentName, EventId, EventType};
use warren::identity::TenantScope;
use warren::registry::GrantSet;
use warren::turn::{TurnFilter, TurnOutcome, TurnRecord};

use super::forge::{Call, Case, Contract, Expect, Words, cases_of, component};
use crate::harness::TestHost;

/// Events that are published at once.
const BATCH: usize = 500;

/// Words of this host, of what it is made of and of where it runs. No guest is told any of them.
const INSIDE: [&str; 9] = [
    "sqlite",
    "fts5",
    "SELECT ",
    "INSERT ",
    "no such ",
    ".rs:",
    "panicked",
    "wasmtime",
    "internal error",
];

/// Texts that fit where they are expected.
fn fitting(name: &str, _: &str) -> String {
    let text = match name {
        "json" => "{}",
        "instant" => "2026-01-01T00:00:00Z",
        "topic" => "business-facts",
        "event-type" => "forged.told",
        "kind" => "agent",
        "before" | "after" | "through" | "id" => "1",
        // What was made by the host only.
        "derived-from" | "supersedes" => "",
        _ => "forged",
    };
    text.to_owned()
}

/// Publish these numbers of cases to the agent `forged`, and tell what became of each.
pub(super) async fn run(
    host: &TestHost,
    scope: &TenantScope,
    numbers: &[usize],
) -> Vec<TurnRecord> {
    let app = &host.host.app;
    let mut ids: Vec<EventId> = Vec::new();
    for batch in numbers.chunks(BATCH) {
        let events: Vec<_> = batch
            .iter()
            .map(|number| host.event("forged.run", json!(number)))
            .collect();
        ids.extend(events.iter().map(|event| event.id.clone()));
        app.events.append(scope, events).await.unwrap();
        host.host.dispatcher.settle().await;
    }
    let filter = TurnFilter {
        agent: Some(AgentName::new("forged").unwrap()),
        ..TurnFilter::default()
    };
    let mut found = HashMap::new();
    let mut before = None;
    loop {
        let page = app.turns.list(scope, &filter, before, 1_000).await.unwrap();
        found.extend(
            page.items
                .into_iter()
                .map(|turn| (turn.event.clone(), turn)),
        );
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    ids.iter()
        .map(|id| found.remove(id).expect("each event had its turn"))
        .collect()
}

/// What the host did for the guest that it should not have done, or told it that it should not know.
fn fault(expect: Expect, turn: &TurnRecord) -> Option<String> {
    use TurnOutcome::{Committed, LimitReached, Trapped};
    let ended = matches!(turn.outcome, Trapped | LimitReached);
    let fine = match expect {
        Expect::Refused => ended && turn.host_calls == 0,
        Expect::Ended => ended,
        Expect::Contained => ended || turn.outcome == Committed,
    };
    if !fine {
        let calls = turn.host_calls;
        return Some(format!(
            "{:?} after {calls} calls: {:?}",
            turn.outcome, turn.reason
        ));
    }
    let here = std::env::temp_dir().display().to_string();
    let told = turn.logs.iter().map(|line| line.message.as_str());
    let mut told = told.chain(turn.reason.as_deref());
    told.find(|text| text.contains(&here) || INSIDE.iter().any(|word| text.contains(word)))
        .map(|text| format!("it is told: {text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_guest_passes_to_any_function_is_refused_or_handled() {
    let contract = Contract::read();
    let imports = contract.imports();
    assert!(imports.len() > 30, "{}", imports.len());
    let words = |full| Words {
        of: fitting,
        mark: "",
        full,
    };
    // With all that may be absent there, and without.
    let calls: Vec<Call> = imports
        .iter()
        .flat_map(|import| [true, false].map(|full| contract.call(import, &words(full))))
        .collect();
    let evil: Vec<_> = calls
        .iter()
        .flat_map(|call| cases_of(call).into_iter().map(move |evil| (call, evil)))
        .collect();
    let cases: Vec<Case<'_>> = evil
        .iter()
        .map(|(call, evil)| Case { call, evil })
        .collect();
    assert!(cases.len() > 2_000, "{}", cases.len());
    let host = TestHost::start().await;
    let guest = component(&contract, "hostile", &cases, None);
    host.push_component(&host.tenant, "forged", guest, GrantSet::all())
        .await;

    let numbers: Vec<usize> = (0..cases.len()).collect();
    let turns = run(&host, &host.tenant, &numbers).await;
    let faults: Vec<String> = cases
        .iter()
        .zip(&turns)
        .filter_map(|(case, turn)| {
            let fault = fault(case.evil.expect, turn)?;
            Some(format!("{}: {fault}", case.evil.label))
        })
        .collect();
    assert!(
        faults.is_empty(),
        "{} of {}:\n{}",
        faults.len(),
        cases.len(),
        faults.join("\n")
    );
    // Each function answers when it is called as it should be.
    for (case, turn) in cases.iter().zip(&turns) {
        if case.evil.changes.is_empty() && case.evil.realloc.is_none() {
            let reason = &turn.reason;
            let what = format!("{}: {reason:?}", case.evil.label);
            assert_eq!(turn.outcome, TurnOutcome::Committed, "{what}");
        }
    }
    only_what_was_committed_is_there(&host, &turns).await;
    let honest = host.run(json!([{ "log": "alive" }])).await;
    assert_eq!(host.turn(&honest).await.outcome, TurnOutcome::Committed);
    host.stop().await;
}

/// The events in the log are those of the turns that were committed.
async fn only_what_was_committed_is_there(host: &TestHost, turns: &[TurnRecord]) {
    let filter = EventFilter {
        event_type: Some(EventType::new("forged.told").unwrap()),
        ..EventFilter::default()
    };
    let app = &host.host.app;
    let page = app.events.list(&host.tenant, &filter, None, 10_000).await;
    let there = page.unwrap().items;
    assert!(!there.is_empty(), "honest calls publish");
    let committed: HashMap<&EventId, &TurnRecord> = turns
        .iter()
        .filter(|turn| turn.outcome == TurnOutcome::Committed)
        .map(|turn| (&turn.event, turn))
        .collect();
    for event in there {
        let parent = event.body.parent.as_ref().unwrap();
        let turn = committed.get(parent).expect("its turn was committed");
        assert!(turn.published.contains(&event.body.id));
    }
}

/// Functions that every agent may call: they show it itself and the time.
const FREE: [&str; 8] = [
    "clock.elapsed-ms",
    "clock.now",
    "context.cancelled",
    "context.config",
    "context.remaining",
    "context.who",
    "log.log",
    "random.bytes",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_function_wants_its_grant() {
    let contract = Contract::read();
    let words = Words {
        of: fitting,
        mark: "",
        full: false,
    };
    let imports = contract.imports();
    let calls: Vec<Call> = imports.iter().map(|i| contract.call(i, &words)).collect();
    let evil: Vec<_> = calls
        .iter()
        .map(|call| (call, cases_of(call).remove(0)))
        .collect();
    let cases: Vec<Case<'_>> = evil
        .iter()
        .map(|(call, evil)| Case { call, evil })
        .collect();
    let host = TestHost::start().await;
    let guest = component(&contract, "granted nothing", &cases, None);
    host.push_component(&host.tenant, "forged", guest, GrantSet::NONE)
        .await;
    let numbers: Vec<usize> = (0..cases.len()).collect();
    let turns = run(&host, &host.tenant, &numbers).await;
    for (import, turn) in imports.iter().zip(&turns) {
        let name = import.name();
        assert_eq!(turn.outcome, TurnOutcome::Committed, "{name}");
        assert_eq!((turn.writes, turn.published.len()), (0, 0), "{name}");
        let denied = turn
            .logs
            .iter()
            .any(|line| line.message.contains("` needs the grant `"));
        assert_eq!(
            denied,
            !FREE.contains(&name.as_str()),
            "{name}: {:?}",
            turn.logs
        );
    }
    host.stop().await;
}
