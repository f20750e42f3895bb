//! What waits does not wait in memory, and nobody waits behind a neighbour's backlog.

use serde_json::json;
use warren::clock::SystemClock;
use warren::dispatch::{DispatchLimits, Held};
use warren::events::NewEvent;
use warren::id::{AgentName, Label};
use warren::identity::TenantScope;
use warren::registry::AgentStatus;

use crate::harness::TestHost;

/// Events that wait.
const EVENTS: usize = 20_000;
/// Events appended at once.
const BATCH: usize = 500;
/// Deliveries of an agent in memory, at most.
const WINDOW: usize = 16;
/// Turns of the tenant at once.
const RUNNING: usize = 8;
/// Bytes of deliveries of a tenant in memory, at most.
const WINDOW_BYTES: usize = 64 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn a_deep_queue_waits_in_the_store() {
    let host = with_small_windows().await;
    let neighbour = host.another("neighbour").await;
    set_status(&host, AgentStatus::Paused).await;
    for batch in 0..EVENTS / BATCH {
        let events = (0..BATCH).map(|n| waiting(&host, batch * BATCH + n));
        append(&host, &host.tenant, events.collect()).await;
        is_bounded(&host);
    }
    let depth = host.host.app.deliveries.depth(&host.tenant).await.unwrap();
    assert_eq!(depth.pending, EVENTS as u64);

    is_handled_meanwhile(&host, &neighbour, "paused").await;
    set_status(&host, AgentStatus::Active).await;
    is_handled_meanwhile(&host, &neighbour, "busy").await;
    loop {
        is_bounded(&host);
        let depth = host.host.app.deliveries.depth(&host.tenant).await.unwrap();
        if depth.pending == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    host.host.dispatcher.settle().await;
    assert_eq!(
        host.host.dispatcher.held(host.tenant.tenant()),
        Held::default()
    );
    assert!(host.dead_letters().await.is_empty());
    host.stop().await;
}

/// Retries that are all due at once, as after an outage of what they need.
#[tokio::test(flavor = "multi_thread")]
async fn retries_that_are_due_wait_in_the_store() {
    let clock = warren::clock::SimClock::at(warren::clock::Timestamp(1_800_000_000_000));
    let shared: std::sync::Arc<dyn warren::clock::Clock> = std::sync::Arc::new(clock.clone());
    let host = TestHost::with(shared, |settings| settings.dispatch = small_windows()).await;
    let count = 4_000;
    for _ in 0..count / BATCH {
        let fails =
            json!([{ "first_attempts": { "times": 1, "do": [{ "fail": { "retry": 60_000 } }] } }]);
        let events = std::iter::repeat_with(|| host.event("probe.run", fails.clone()));
        append(&host, &host.tenant, events.take(BATCH).collect()).await;
    }
    host.host.dispatcher.settle().await;
    let depth = host.host.app.deliveries.depth(&host.tenant).await.unwrap();
    assert_eq!((depth.retrying, depth.dead), (count as u64, 0));
    clock.advance_ms(120_000);
    loop {
        host.host.dispatcher.poke();
        is_bounded(&host);
        let depth = host.host.app.deliveries.depth(&host.tenant).await.unwrap();
        if depth.retrying + depth.pending == 0 {
            assert_eq!(depth.dead, 0);
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    host.stop().await;
}

async fn with_small_windows() -> TestHost {
    let clock = std::sync::Arc::new(SystemClock);
    TestHost::with(clock, |settings| settings.dispatch = small_windows()).await
}

fn small_windows() -> DispatchLimits {
    DispatchLimits {
        agent_window_events: WINDOW,
        tenant_window_bytes: WINDOW_BYTES,
        load_batch: WINDOW as u32 / 2,
        tenant_turns_running_max: RUNNING,
        ..DispatchLimits::default()
    }
}

/// An event whose turn is short; every other one belongs to a session of its own or of ten.
fn waiting(host: &TestHost, n: usize) -> NewEvent {
    let mut event = host.event("probe.run", json!([]));
    event.session = match n % 4 {
        0 => Some(Label::new(&format!("own-{n}")).unwrap()),
        1 => Some(Label::new(&format!("shared-{}", n % 10)).unwrap()),
        _ => None,
    };
    event
}

async fn append(host: &TestHost, scope: &TenantScope, events: Vec<NewEvent>) {
    host.host.app.events.append(scope, events).await.unwrap();
}

async fn set_status(host: &TestHost, status: AgentStatus) {
    let name = AgentName::new("probe").unwrap();
    let now = host.host.app.clock.now();
    let agents = &host.host.app.agents;
    agents
        .set_status(&host.tenant, &name, status, now)
        .await
        .unwrap();
}

/// What is in memory of the first tenant's queue is bounded, whatever waits: a window, and the next of
/// each order key of which one runs.
fn is_bounded(host: &TestHost) {
    let held = host.host.dispatcher.held(host.tenant.tenant());
    assert!(held.deliveries <= WINDOW + RUNNING, "{held:?}");
    assert!(held.lanes <= WINDOW + 2 * RUNNING, "{held:?}");
    assert!(held.bytes <= WINDOW_BYTES, "{held:?}");
}

/// Another tenant's event is handled while the first one's wait.
async fn is_handled_meanwhile(host: &TestHost, neighbour: &TenantScope, key: &str) {
    let event = host.event("probe.run", json!([{ "put": { "key": key, "value": 1 } }]));
    append(host, neighbour, vec![event]).await;
    while host.working_of(neighbour, "probe", key).await != json!(1) {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    let depth = host.host.app.deliveries.depth(&host.tenant).await.unwrap();
    assert!(depth.pending > 0, "{key}: the others still wait");
}
