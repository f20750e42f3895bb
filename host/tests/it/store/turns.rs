//! Turns: exactly once, all or nothing.

use std::sync::Arc;

use futures_util::future::join_all;
use warren::clock::Clock;
use warren::error::Error;
use warren::events::{Json, NewEvent};
use warren::id::{EventId, Label, Position};
use warren::memory::{WorkingKey, WorkingSpace};
use warren::store::sqlite::DESCENDANTS_PER_ROOT_MAX;
use warren::turn::{CommitOutcome, Effect, Read, TurnCommit, TurnOutcome};

use super::{Fixture, event, on_every_store};

on_every_store! {
    a_commit_does_all_of_it,
    a_delivery_is_consumed_once,
    of_many_commits_of_one_delivery_one_is_kept,
    an_older_attempt_is_stale,
    a_delivery_that_never_was_is_stale,
    a_changed_read_undoes_nothing_but_its_own_turn,
    a_failing_job_leaves_its_neighbours_alone,
    descendants_are_allowed_at_the_limit_and_refused_past_it,
    the_first_turns_events_are_not_counted,
}

fn space() -> WorkingSpace {
    WorkingSpace::Plan(Label::new("plan").unwrap())
}

fn key(name: &str) -> WorkingKey {
    WorkingKey::new(name).unwrap()
}

fn put(name: &str, value: &str) -> Effect {
    Effect::WorkingPut {
        space: space(),
        key: key(name),
        value: Json::parse("value", value).unwrap(),
        expires: None,
    }
}

fn seen(name: &str, version: u64) -> Read {
    Read::Working {
        space: space(),
        key: key(name),
        version,
    }
}

async fn value(f: &Fixture, name: &str) -> Option<String> {
    f.working
        .get(&f.scope, &space(), &key(name), f.clock.now())
        .await
        .unwrap()
        .map(|entry| entry.value.as_str().to_owned())
}

/// An event that a turn publishes.
fn child(id: &str, root: i64, hops: u32) -> NewEvent {
    NewEvent {
        root: Some(Position(root)),
        hops,
        ..event(id, "child")
    }
}

async fn a_commit_does_all_of_it(f: &Fixture) {
    let (agent, delivery) = f.one_delivery().await;
    let listener = f.deploy("listener", &["child"]).await;
    f.bus.appended();
    let later = f.clock.now().plus_ms(1_000);
    let commit = TurnCommit {
        effects: vec![put("a", "1"), put("b", "2")],
        events: vec![child("c1", 1, 1)],
        scheduled: vec![(later, child("c2", 1, 1))],
        ..f.commit_of(&agent, &delivery)
    };
    let turn = commit.turn.clone();
    let outcome = f.turns.commit(&f.scope, commit).await.unwrap();
    assert_eq!(outcome, CommitOutcome::Committed);
    assert_eq!(value(f, "a").await.as_deref(), Some("1"));
    assert_eq!(value(f, "b").await.as_deref(), Some("2"));
    assert!(f.pending(&agent).await.is_empty());
    assert_eq!(f.pending(&listener).await.len(), 1);
    let (events, deliveries) = f.bus.appended();
    assert_eq!(events, [EventId::new("c1").unwrap()]);
    assert_eq!(deliveries, [(listener.id, Position(2))]);
    assert_eq!(f.deliveries.depth(&f.scope).await.unwrap().scheduled, 1);
    let records = f.turns.get(&f.scope, &turn).await.unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].outcome, TurnOutcome::Committed);
}

async fn a_delivery_is_consumed_once(f: &Fixture) {
    let (agent, delivery) = f.one_delivery().await;
    let commit = TurnCommit {
        effects: vec![put("a", "1")],
        reads: vec![seen("a", 0)],
        events: vec![child("c1", 1, 1)],
        ..f.commit_of(&agent, &delivery)
    };
    let first = f.turns.commit(&f.scope, commit.clone()).await.unwrap();
    let second = f.turns.commit(&f.scope, commit).await.unwrap();
    assert_eq!(first, CommitOutcome::Committed);
    assert_eq!(
        second,
        CommitOutcome::AlreadyConsumed,
        "although what it read has changed too"
    );
    assert_eq!(f.events.head(&f.scope).await.unwrap(), Position(2));
}

async fn of_many_commits_of_one_delivery_one_is_kept(f: &Fixture) {
    let (agent, delivery) = f.one_delivery().await;
    let commits = (0..50).map(|n| {
        let commit = TurnCommit {
            effects: vec![put(&format!("k{n}"), "1")],
            ..f.commit_of(&agent, &delivery)
        };
        f.turns.commit(&f.scope, commit)
    });
    let outcomes: Vec<CommitOutcome> = join_all(commits)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let kept = outcomes.iter().position(|o| *o == CommitOutcome::Committed);
    let consumed = outcomes
        .iter()
        .filter(|o| **o == CommitOutcome::AlreadyConsumed)
        .count();
    assert_eq!(consumed, 49);
    for n in 0..50 {
        assert_eq!(value(f, &format!("k{n}")).await.is_some(), Some(n) == kept);
    }
}

async fn an_older_attempt_is_stale(f: &Fixture) {
    let (agent, delivery) = f.one_delivery().await;
    let failure = f.failure_of(&agent, &delivery, Some(f.clock.now()));
    assert!(f.turns.fail(&f.scope, failure.clone()).await.unwrap());
    let late = TurnCommit {
        effects: vec![put("a", "1")],
        ..f.commit_of(&agent, &delivery)
    };
    let outcome = f.turns.commit(&f.scope, late).await.unwrap();
    assert_eq!(outcome, CommitOutcome::Stale);
    assert_eq!(value(f, "a").await, None);
    assert!(!f.turns.fail(&f.scope, failure).await.unwrap());
    let now = f.deliveries.due(&f.scope, f.clock.now(), 10).await.unwrap();
    assert_eq!(now[0].attempts_failed, 1);
    let outcome = f
        .turns
        .commit(&f.scope, f.commit_of(&agent, &now[0]))
        .await
        .unwrap();
    assert_eq!(outcome, CommitOutcome::Committed);
}

async fn a_delivery_that_never_was_is_stale(f: &Fixture) {
    let (agent, delivery) = f.one_delivery().await;
    let commit = TurnCommit {
        position: Position(99),
        ..f.commit_of(&agent, &delivery)
    };
    let outcome = f.turns.commit(&f.scope, commit).await.unwrap();
    assert_eq!(outcome, CommitOutcome::Stale);
    assert_eq!(f.pending(&agent).await.len(), 1);
}

async fn a_changed_read_undoes_nothing_but_its_own_turn(f: &Fixture) {
    let agent = f.deploy("worker", &["t"]).await;
    f.publish((0..3).map(|n| event(&format!("e{n}"), "t")).collect())
        .await;
    let pending = f.pending(&agent).await;
    // Together, so that they are likely to share a transaction: the second reads what the first writes.
    let commits = pending.iter().enumerate().map(|(n, delivery)| {
        let commit = TurnCommit {
            reads: if n == 1 { vec![seen("k0", 0)] } else { vec![] },
            effects: vec![put(&format!("k{n}"), "1")],
            ..f.commit_of(&agent, delivery)
        };
        f.turns.commit(&f.scope, commit)
    });
    let outcomes: Vec<CommitOutcome> = join_all(commits)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(outcomes[0], CommitOutcome::Committed);
    assert!(matches!(&outcomes[1], CommitOutcome::ReadChanged { what } if what.contains("k0")));
    assert_eq!(outcomes[2], CommitOutcome::Committed);
    assert_eq!(value(f, "k1").await, None);
    assert_eq!(
        f.pending(&agent).await.len(),
        1,
        "the second is still to do"
    );
}

async fn a_failing_job_leaves_its_neighbours_alone(f: &Fixture) {
    f.publish(vec![event("taken", "t")]).await;
    let publishers = (0..100).map(|n| {
        let other = NewEvent {
            data: Json::parse("data", "2").unwrap(),
            ..event("taken", "t")
        };
        let batch = match n % 10 {
            7 => vec![event(&format!("lost{n}"), "t"), other],
            _ => vec![event(&format!("e{n}"), "t")],
        };
        let events = Arc::clone(&f.events);
        async move { events.append(&f.scope, batch).await }
    });
    let results = join_all(publishers).await;
    for (n, result) in results.iter().enumerate() {
        assert_eq!(result.is_err(), n % 10 == 7, "{n}: {result:?}");
    }
    assert_eq!(f.events.head(&f.scope).await.unwrap(), Position(91));
    let all = f.events.after(&f.scope, Position(0), 1_000).await.unwrap();
    let positions: Vec<i64> = all.iter().map(|e| e.position.0).collect();
    assert_eq!(positions, (1..=91).collect::<Vec<_>>());
    let (announced, _) = f.bus.appended();
    let log: Vec<EventId> = all.iter().map(|e| e.body.id.clone()).collect();
    assert_eq!(
        announced, log,
        "announced in commit order, and only what was kept"
    );
}

/// Commits `count` turns, each of which publishes `events` events of the second hop.
async fn grow(
    f: &Fixture,
    from: u64,
    count: u64,
    events: u64,
) -> Vec<Result<CommitOutcome, Error>> {
    let agent = f.deploy("grower", &["seed"]).await;
    let seeds = (0..count).map(|n| event(&format!("seed-{from}-{n}"), "seed"));
    f.publish(seeds.collect()).await;
    let mut outcomes = Vec::new();
    for delivery in f.pending(&agent).await {
        let position = delivery.event.position.0;
        let commit = TurnCommit {
            events: (0..events)
                .map(|n| child(&format!("c-{position}-{n}"), 1, 2))
                .collect(),
            ..f.commit_of(&agent, &delivery)
        };
        outcomes.push(f.turns.commit(&f.scope, commit).await);
    }
    outcomes
}

async fn descendants_are_allowed_at_the_limit_and_refused_past_it(f: &Fixture) {
    let outcomes = grow(f, 0, 10, DESCENDANTS_PER_ROOT_MAX / 10).await;
    assert!(outcomes.iter().all(Result::is_ok));
    let head = f.events.head(&f.scope).await.unwrap();
    let outcomes = grow(f, 1, 1, 1).await;
    assert!(matches!(
        outcomes[..],
        [Err(Error::Exhausted {
            limit: "descendants_per_root_max",
            max: 10_000,
            ..
        })]
    ));
    assert_eq!(
        f.events.head(&f.scope).await.unwrap(),
        Position(head.0 + 1),
        "the seed alone"
    );
}

async fn the_first_turns_events_are_not_counted(f: &Fixture) {
    let (agent, delivery) = f.one_delivery().await;
    let commit = TurnCommit {
        events: (0..=DESCENDANTS_PER_ROOT_MAX)
            .map(|n| child(&format!("c{n}"), 1, 1))
            .collect(),
        ..f.commit_of(&agent, &delivery)
    };
    let outcome = f.turns.commit(&f.scope, commit).await.unwrap();
    assert_eq!(outcome, CommitOutcome::Committed);
}
