//! What is counted, and what is told of it.

use std::sync::Arc;

use serde_json::Value;
use warren::clock::{Clock, Timestamp};
use warren::error::Error;
use warren::events::{NewEvent, Topic};
use warren::identity::{Tenant, TenantChange};
use warren::quota::Quota;
use warren::store::sqlite::SqliteStore;
use warren::turn::{CommitOutcome, TurnCommit};
use warren::usage::{Figures, Span, USAGE_HOURS_KEPT};

use super::{
    Fixture, RecordingBus, create_tenant, event, on_every_store, open_sqlite, sqlite_settings,
};

on_every_store! {
    what_commits_is_counted_once,
    what_is_refused_is_not_counted,
    hours_add_up_to_days_and_old_ones_are_forgotten,
    a_day_that_is_over_is_told_once,
    a_quota_of_cpu_is_told_at_its_shares_once_a_day,
    a_tenant_is_changed_and_put_back,
    agents_hold_at_a_tenants_quota_and_one_past,
}

const HOUR_MS: u64 = 60 * 60 * 1_000;
const DAY_MS: u64 = 24 * HOUR_MS;

async fn today(f: &Fixture) -> Figures {
    let days = f.usage.usage(&f.scope, Span::Day, None, 1).await.unwrap();
    days.first().map(|day| day.figures).unwrap_or_default()
}

/// What was published on the topic of bills: type and payload.
async fn bills(f: &Fixture) -> Vec<(String, Value)> {
    let all = f
        .events
        .after(&f.scope, warren::id::Position(0), 1_000)
        .await
        .unwrap();
    let bills = all
        .iter()
        .filter(|event| event.body.topic == Topic::BillingEvents);
    bills
        .map(|event| {
            assert_eq!(&*event.body.source, "host");
            let data = serde_json::from_str(event.body.data.as_str()).unwrap();
            (event.body.event_type.to_string(), data)
        })
        .collect()
}

async fn set(f: &Fixture, quotas: &[(Quota, Option<u64>)]) -> Result<Tenant, Error> {
    let change = TenantChange {
        quotas: quotas.iter().copied().collect(),
        ..TenantChange::default()
    };
    f.admin
        .change_tenant(&"acme".parse().unwrap(), change)
        .await
}

/// Commit a turn that used so much CPU.
async fn use_cpu(f: &Fixture, id: &str, cpu_us: u64) {
    let agent = f.deploy("worker", &["order.placed"]).await;
    f.publish(vec![event(id, "order.placed")]).await;
    let delivery = f.pending(&agent).await.remove(0);
    let mut commit = f.commit_of(&agent, &delivery);
    commit.record.cpu_us = cpu_us;
    let outcome = f.turns.commit(&f.scope, commit).await.unwrap();
    assert_eq!(outcome, CommitOutcome::Committed);
}

async fn what_commits_is_counted_once(f: &Fixture) {
    let (agent, delivery) = f.one_delivery().await;
    let failure = f.failure_of(&agent, &delivery, Some(f.clock.now()));
    f.turns.fail(&f.scope, failure).await.unwrap();
    let retry = f.deliveries.due(&f.scope, f.clock.now(), 1).await.unwrap();
    let commit = TurnCommit {
        events: vec![event("made", "made")],
        ..f.commit_of(&agent, &retry[0])
    };
    for _ in 0..2 {
        f.turns.commit(&f.scope, commit.clone()).await.unwrap();
        f.publish(vec![event("e1", "order.placed")]).await;
    }
    let expect = Figures {
        turns: 1,
        turns_failed: 1,
        cpu_us: 200,
        events: 2,
        payload_bytes: 14,
        writes: 0,
    };
    assert_eq!(today(f).await, expect);
}

async fn what_is_refused_is_not_counted(f: &Fixture) {
    f.publish(vec![event("e1", "t")]).await;
    let other = NewEvent {
        data: warren::events::Json::parse("data", "2").unwrap(),
        ..event("e1", "t")
    };
    let batches = [vec![event("e2", "t"), other], vec![event("e3", "t")]];
    let all = batches.map(|batch| f.events.append(&f.scope, batch));
    let [refused, kept] = all;
    let (refused, kept) = tokio::join!(refused, kept);
    assert!(refused.is_err() && kept.is_ok());
    assert_eq!(today(f).await.events, 2);
}

async fn hours_add_up_to_days_and_old_ones_are_forgotten(f: &Fixture) {
    for id in ["e1", "e2", "e3"] {
        f.publish(vec![event(id, "t")]).await;
        f.clock.advance_ms(HOUR_MS);
    }
    let hours = f.usage.usage(&f.scope, Span::Hour, None, 10).await.unwrap();
    assert_eq!(hours.len(), 3);
    assert!(hours.iter().all(|hour| hour.figures.events == 1));
    let older = f
        .usage
        .usage(&f.scope, Span::Hour, Some(hours[0].start), 1)
        .await
        .unwrap();
    assert_eq!(older, hours[1..2]);
    let days = f.usage.usage(&f.scope, Span::Day, None, 10).await.unwrap();
    let events: u64 = days.iter().map(|day| day.figures.events).sum();
    assert_eq!(events, 3);

    // The oldest of them is kept at the limit, and goes one hour past it.
    for (past, left) in [(0, 3), (1, 2)] {
        let first = hours[2].start.0 + (USAGE_HOURS_KEPT + past) * HOUR_MS as i64;
        let ahead = Timestamp(first).since(f.clock.now());
        f.clock.advance_ms(ahead);
        f.publish(vec![event(&format!("late{past}"), "t")]).await;
        let late = f.usage.usage(&f.scope, Span::Hour, None, 10).await.unwrap();
        let old = late.iter().filter(|hour| hour.start <= hours[0].start);
        assert_eq!(old.count(), left, "{past}");
    }
}

async fn a_day_that_is_over_is_told_once(f: &Fixture) {
    f.publish(vec![event("e1", "t"), event("e2", "t")]).await;
    assert_eq!(
        f.usage.tell_days(&f.scope, f.clock.now()).await.unwrap(),
        0,
        "it goes on"
    );
    f.clock.advance_ms(DAY_MS);
    for told in [1, 0] {
        assert_eq!(
            f.usage.tell_days(&f.scope, f.clock.now()).await.unwrap(),
            told
        );
    }
    let bills = bills(f).await;
    assert_eq!(bills.len(), 1);
    assert_eq!(bills[0].0, "usage.day-ended");
    assert_eq!(bills[0].1["events"], 2);
    assert_eq!(bills[0].1["start"], "2023-11-14T00:00:00.000Z");
    assert_eq!(bills[0].1["end"], "2023-11-15T00:00:00.000Z");
    f.clock.advance_ms(DAY_MS);
    let told = f.usage.tell_days(&f.scope, f.clock.now()).await.unwrap();
    assert_eq!(told, 0, "what the host publishes is nobody's use");
}

async fn a_quota_of_cpu_is_told_at_its_shares_once_a_day(f: &Fixture) {
    set(f, &[(Quota::CpuSecondsPerDay, Some(10))])
        .await
        .unwrap();
    let told = async |n: usize| {
        let bills = bills(f).await;
        assert_eq!(bills.len(), n, "{bills:?}");
        bills.last().map(|(_, data)| data["percent"].clone())
    };
    use_cpu(f, "e1", 7_999_999).await;
    assert_eq!(told(0).await, None);
    use_cpu(f, "e2", 1).await;
    assert_eq!(told(1).await, Some(80.into()));
    use_cpu(f, "e3", 1_000_000).await;
    assert_eq!(told(1).await, Some(80.into()));
    use_cpu(f, "e4", 1_000_000).await;
    assert_eq!(told(2).await, Some(100.into()));
    use_cpu(f, "e5", 1_000_000).await;
    let bill = bills(f).await.pop().unwrap();
    assert_eq!(bill.0, "quota.reached");
    let expect = serde_json::json!({
        "quota": "cpu_seconds_per_day", "unit": "seconds a day", "max": 10, "used": 10, "percent": 100
    });
    assert_eq!(bill.1, expect);
    f.clock.advance_ms(DAY_MS);
    use_cpu(f, "e6", 9_000_000).await;
    assert_eq!(told(3).await, Some(80.into()), "the next day begins anew");
}

async fn a_tenant_is_changed_and_put_back(f: &Fixture) {
    let name = "acme".parse().unwrap();
    let changed = set(
        f,
        &[
            (Quota::EventsPerSecond, Some(5)),
            (Quota::TurnsPerSecond, Some(7)),
        ],
    );
    let changed = changed.await.unwrap();
    assert_eq!(changed.quotas.len(), 2);
    let kept = f.admin.get_tenant(&name).await.unwrap();
    assert_eq!(kept.quotas, changed.quotas);
    let kept = set(f, &[(Quota::EventsPerSecond, None)]).await.unwrap();
    assert_eq!(kept.quotas, [(Quota::TurnsPerSecond, 7)].into());
    let refused = set(f, &[(Quota::TenantBytesMax, Some(0))]).await;
    assert!(matches!(refused, Err(Error::Invalid { .. })));
    let suspended = TenantChange {
        weight: Some(9),
        suspended: Some(Some("unpaid".to_owned())),
        ..TenantChange::default()
    };
    f.admin.change_tenant(&name, suspended).await.unwrap();
    let kept = f.admin.get_tenant(&name).await.unwrap();
    assert_eq!(
        (kept.weight, kept.suspended.as_deref()),
        (9, Some("unpaid"))
    );
    assert_eq!(kept.quotas, [(Quota::TurnsPerSecond, 7)].into());
    let nobody = "nobody".parse().unwrap();
    let nobody = f
        .admin
        .change_tenant(&nobody, TenantChange::default())
        .await;
    assert!(matches!(nobody, Err(Error::NotFound { .. })));
}

async fn agents_hold_at_a_tenants_quota_and_one_past(f: &Fixture) {
    set(f, &[(Quota::AgentsPerTenantMax, Some(2))])
        .await
        .unwrap();
    f.deploy("a", &["t"]).await;
    f.deploy("b", &["t"]).await;
    let past = f.agents.deploy(&f.scope, f.version("c", "c", &["t"])).await;
    assert!(
        matches!(past, Err(Error::Exhausted { max: 2, .. })),
        "{past:?}"
    );
    set(f, &[(Quota::AgentsPerTenantMax, None)]).await.unwrap();
    f.deploy("c", &["t"]).await;
}

/// The figures, what was told of them and what is set are read back from the disk.
#[tokio::test]
async fn usage_survives_the_host() {
    let dir = tempfile::tempdir().unwrap();
    let clock = warren::clock::SimClock::at(Timestamp(1_700_000_000_000));
    let bus = Arc::new(RecordingBus::default());
    let open = || open_sqlite(dir.path(), &clock, &bus, sqlite_settings()).unwrap();
    let fixture = |store: &Arc<SqliteStore>, scope| {
        Fixture::of_sqlite(store, clock.clone(), Arc::clone(&bus), scope, None)
    };
    let store = open();
    let scope = create_tenant(&*store, "acme", &clock).await;
    let f = fixture(&store, scope.clone());
    set(
        &f,
        &[
            (Quota::CpuSecondsPerDay, Some(10)),
            (Quota::TenantBytesMax, Some(1 << 20)),
        ],
    )
    .await
    .unwrap();
    use_cpu(&f, "e1", 9_000_000).await;
    let before = today(&f).await;
    store.close();
    drop((f, store));

    let store = open();
    let f = fixture(&store, scope);
    assert_eq!(today(&f).await, before);
    use_cpu(&f, "e2", 500_000).await;
    assert_eq!(today(&f).await.cpu_us, 9_500_000);
    let told = bills(&f)
        .await
        .into_iter()
        .filter(|(_, data)| data["quota"] == "cpu_seconds_per_day");
    assert_eq!(told.count(), 1, "80 % was told before");
    let standing = store.allowances().standing(f.scope.tenant());
    assert_eq!(standing.quotas.get(Quota::TenantBytesMax), 1 << 20);
    store.close();
}

/// The database of a tenant grows up to its quota, of which it is told, and not past it.
#[tokio::test]
async fn bytes_hold_at_a_tenants_quota() {
    let (f, _store) = super::sqlite_fixture().await;
    let held = f.usage.held(&f.scope).await.unwrap().bytes;
    let max = held + 512 * 1024;
    set(&f, &[(Quota::TenantBytesMax, Some(max))])
        .await
        .unwrap();
    let text = "x".repeat(64 * 1024);
    let mut refused = None;
    for n in 0..64 {
        let data = warren::events::Json::from_value("data", &text).unwrap();
        let event = NewEvent {
            data,
            ..event(&format!("e{n}"), "t")
        };
        if let Err(error) = f.events.append(&f.scope, vec![event]).await {
            refused = Some(error);
            break;
        }
        f.clock.advance_ms(HOUR_MS);
    }
    assert!(
        matches!(refused, Some(Error::StorageFull { .. })),
        "{refused:?}"
    );
    assert!(f.usage.held(&f.scope).await.unwrap().bytes <= max);
    let told = bills(&f)
        .await
        .into_iter()
        .filter(|(_, data)| data["quota"] == "tenant_bytes_max");
    assert!(told.count() >= 1);
    set(&f, &[(Quota::TenantBytesMax, Some(4 * max))])
        .await
        .unwrap();
    f.publish(vec![event("again", "t")]).await;
}
