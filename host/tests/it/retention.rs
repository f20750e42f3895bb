//! What a host forgets by itself.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use warren::clock::{SimClock, SystemClock, Timestamp};
use warren::host::RetentionSettings;
use warren::id::{AgentName, Digest, EventId};
use warren::registry::GrantSet;

use crate::guests;
use crate::harness::TestHost;

const HOUR_MS: u64 = 60 * 60 * 1_000;
const DAY_MS: u64 = 24 * HOUR_MS;

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
    clock.advance_ms(2 * HOUR_MS);
    let young = handled().await;
    // An hour on either side: a turn ends as much later as it really took.
    clock.advance_ms(7 * DAY_MS - HOUR_MS);
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

/// What is uploaded takes room until it is deployed, which may never happen.
#[tokio::test(flavor = "multi_thread")]
async fn components_that_no_agent_has_are_forgotten_when_they_are_old() {
    let host = TestHost::with(Arc::new(SystemClock), |settings| {
        settings.retention.interval = Duration::ZERO;
    })
    .await;
    let [probe, never, young, deleted] =
        ["probe", "greeter", "mailer", "parcels"].map(|name| Digest::of(&guests::bytes(name)));
    for name in ["greeter", "mailer"] {
        let upload = guests::bytes(name).into();
        let accepted = host.host.app.uploads.accept(&host.tenant, upload).await;
        accepted.unwrap();
    }
    host.push_component(
        &host.tenant,
        "parcels",
        guests::bytes("parcels"),
        GrantSet::all(),
    )
    .await;
    let name = AgentName::new("parcels").unwrap();
    host.host
        .app
        .agents
        .delete(&host.tenant, &name)
        .await
        .unwrap();
    let dir = |digest| host.host.store.data_dir().component(digest);
    for digest in [probe, never, deleted] {
        age(dir(digest));
    }
    while dir(never).exists() || dir(deleted).exists() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(dir(young).exists(), "somebody may be about to deploy it");
    assert!(dir(probe).exists(), "an agent has it");
    host.stop().await;
}

/// Date a component as if it had been uploaded an hour and a minute earlier.
fn age(dir: PathBuf) {
    let dir = File::open(dir).unwrap();
    let now = dir.metadata().and_then(|data| data.modified());
    let then = now.unwrap() - Duration::from_mins(61);
    dir.set_modified(then).unwrap();
}
