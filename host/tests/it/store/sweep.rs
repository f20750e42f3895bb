//! Retention of the embedded store.

use warren::clock::Clock;
use warren::id::Position;
use warren::store::sqlite::{SWEPT_EVENTS_MAX, SqliteStore, Swept};

use super::{Fixture, event, sqlite_fixture};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

async fn sweep(f: &Fixture, store: &SqliteStore, limit: u32) -> Vec<Swept> {
    let mut done = Vec::new();
    let mut after = Position(0);
    loop {
        let swept = store
            .sweep(&f.scope, f.clock.now(), after, limit)
            .await
            .unwrap();
        done.push(swept);
        match swept.next {
            Some(next) => after = next,
            None => return done,
        }
    }
}

#[tokio::test]
async fn what_waits_and_the_last_event_are_never_removed() {
    let (f, store) = sqlite_fixture().await;
    let agent = f.deploy("worker", &["t"]).await;
    f.publish((1..=6).map(|n| event(&format!("e{n}"), "t")).collect())
        .await;
    let pending = f.pending(&agent).await;
    for n in [0, 1, 5] {
        f.turns
            .commit(&f.scope, f.commit_of(&agent, &pending[n]))
            .await
            .unwrap();
    }
    let dead = f.failure_of(&agent, &pending[2], None);
    f.turns.fail(&f.scope, dead).await.unwrap();
    let retry = f.failure_of(&agent, &pending[3], Some(f.clock.now()));
    f.turns.fail(&f.scope, retry).await.unwrap();
    f.clock.advance_ms(30 * DAY_MS);
    sweep(&f, &store, 2).await;
    let left = f.events.after(&f.scope, Position(0), 10).await.unwrap();
    let left: Vec<i64> = left.iter().map(|e| e.position.0).collect();
    assert_eq!(left, [3, 4, 5, 6], "dead, retrying, pending, and the last");
    let next = f.publish(vec![event("e7", "t")]).await;
    assert_eq!(next[0].position, Position(7));
    let again = f.publish(vec![event("e1", "t")]).await;
    assert!(!again[0].duplicate, "past the horizon it is news");
}

#[tokio::test]
async fn what_is_young_is_kept() {
    let (f, store) = sqlite_fixture().await;
    f.publish(vec![event("e1", "t"), event("e2", "t")]).await;
    let swept = store
        .sweep(&f.scope, f.clock.now(), Position(0), 10)
        .await
        .unwrap();
    assert_eq!(
        (swept.removed, swept.next),
        (0, None),
        "of this very moment"
    );
    f.clock.advance_ms(1);
    assert_eq!(sweep(&f, &store, 10).await[0].removed, 1);
}

#[tokio::test]
async fn one_sweep_looks_at_so_many_events_and_no_more() {
    let (f, store) = sqlite_fixture().await;
    let max = SWEPT_EVENTS_MAX;
    f.publish((0..max + 2).map(|n| event(&format!("e{n}"), "t")).collect())
        .await;
    f.clock.advance_ms(1);
    let removed: Vec<u32> = sweep(&f, &store, u32::MAX)
        .await
        .iter()
        .map(|swept| swept.removed)
        .collect();
    assert_eq!(removed, [max, 1]);
}
