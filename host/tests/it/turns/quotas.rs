//! Real guests at their tenant's quotas and switches.

use std::sync::Arc;

use serde_json::json;
use warren::clock::{SimClock, SystemClock, Timestamp};
use warren::id::AgentName;
use warren::identity::TenantChange;
use warren::quota::Quota;
use warren::registry::AgentStatus;
use warren::turn::{TurnFilter, TurnOutcome};

use crate::harness::TestHost;

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_publishes_at_the_tenants_rate_and_is_told_past_it() {
    let clock = SimClock::at(Timestamp(1_800_000_000_000));
    let host = TestHost::at(&clock).await;
    let change = TenantChange {
        quotas: [(Quota::EventsPerSecond, Some(3))].into(),
        ..TenantChange::default()
    };
    let name = "acme".parse().unwrap();
    host.host
        .app
        .admin
        .change_tenant(&name, change)
        .await
        .unwrap();
    let publish = json!({ "publish": { "type": "x.happened" } });
    let later = json!({ "publish": { "type": "x.later", "delay_ms": 1_000 } });
    let script = json!([
        { "repeat": { "times": 2, "do": [publish] } }, later,
        { "try": publish }, { "expect_error": "exhausted" },
        { "try": later }, { "expect_error": "exhausted" },
        { "put": { "key": "went on", "value": true } }
    ]);
    let id = host.run(script).await;
    let record = host.turn(&id).await;
    assert_eq!(
        record.outcome,
        TurnOutcome::Committed,
        "{:?}",
        record.reason
    );
    assert_eq!(host.events("x.happened").await.len(), 2);
    assert_eq!(host.working("went on").await, json!(true));
    host.stop().await;
}

/// A guest that never yields is stopped by the tenant's switch, not by its own limits: no attempt is used up.
#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_spins_is_stopped_by_a_pause_and_its_event_waits() {
    let clock = Arc::new(SystemClock);
    let host = TestHost::with(clock, |settings| settings.sandbox.cpu_ms_max = 60_000).await;
    let event = host.event("probe.run", json!([{ "spin": true }]));
    let events = &host.host.app.events;
    events.append(&host.tenant, vec![event]).await.unwrap();
    let running = || host.host.app.hosted.running(host.tenant.tenant());
    while running() == 0 {
        tokio::task::yield_now().await;
    }
    let probe = AgentName::new("probe").unwrap();
    let agents = &host.host.app.agents;
    let paused = agents.set_status(&host.tenant, &probe, AgentStatus::Paused, Timestamp(1));
    paused.await.unwrap();
    while running() > 0 {
        tokio::task::yield_now().await;
    }
    let depth = host.host.app.deliveries.depth(&host.tenant).await.unwrap();
    assert_eq!((depth.pending, depth.retrying, depth.dead), (1, 0, 0));
    let filter = TurnFilter::default();
    let turns = host.host.app.turns.list(&host.tenant, &filter, None, 10);
    assert!(
        turns.await.unwrap().items.is_empty(),
        "no attempt is on record"
    );
    agents.delete(&host.tenant, &probe).await.unwrap();
    host.stop().await;
}
