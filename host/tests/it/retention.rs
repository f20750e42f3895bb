//! What a host forgets by itself.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use warren::clock::{SimClock, Timestamp};
use warren::host::RetentionSettings;
use warren::id::EventId;

use crate::harness::TestHost;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Nobody calls for it, and it takes a transaction for each event here.
#[tokio::test(flavor = "multi_thread")]
async fn old_events_are_forgotten_in_the_background_and_young_ones_are_not() {
    let clock = SimClock::at(Timestamp(1_700_000_000_000));
    let host = TestHost::with(Arc::new(clock.clone()), |settings| {
        settings.retention = RetentionSettings {
            days: 7,
            interval: Duration::ZERO,
            batch_events_max: 1,
        };
    })
    .await;
    let handled = async || host.run(json!([{ "log": "handled" }])).await;
    let old = [handled().await, handled().await, handled().await];
    clock.advance_ms(7 * DAY_MS);
    let young = handled().await;
    clock.advance_ms(1);
    for event in &old {
        while is_there(&host, event).await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    assert!(is_there(&host, &young).await);
    host.stop().await;
}

async fn is_there(host: &TestHost, event: &EventId) -> bool {
    host.host.app.events.get(&host.tenant, event).await.is_ok()
}
