//! The queue: retries, lanes, timers, deaths of the host.

use warren::clock::{Clock, Timestamp};
use warren::error::Error;
use warren::events::{Json, NewEvent};
use warren::id::{AgentId, EventId, Label, Position};
use warren::registry::{Agent, AgentStatus};
use warren::store::sqlite::SCHEDULED_EVENTS_MAX;
use warren::turn::{CommitOutcome, Delivery, Parked, QueueDepth};

use super::{Fixture, event, event_in, on_every_store};

on_every_store! {
    pending_is_read_in_order_from_a_place,
    a_retry_waits_for_its_time,
    retries_of_agents_that_stand_still_take_no_places,
    a_lane_shows_retries_and_all_behind_them,
    parked_are_the_retries_of_lanes,
    a_scheduled_event_is_appended_once_when_due,
    a_scheduled_id_is_taken,
    scheduled_events_are_taken_at_the_limit_and_refused_past_it,
    the_next_due_time_is_the_soonest_of_retries_and_timers,
    a_death_of_the_host_is_counted_apart,
    the_depth_counts_each_kind,
}

fn positions(deliveries: &[Delivery]) -> Vec<i64> {
    deliveries.iter().map(|d| d.event.position.0).collect()
}

async fn pending_is_read_in_order_from_a_place(f: &Fixture) {
    let agent = f.deploy("worker", &["t"]).await;
    f.publish((0..5).map(|n| event(&format!("e{n}"), "t")).collect())
        .await;
    let pending = async |after, limit| {
        let got = f
            .deliveries
            .pending(&f.scope, agent.id, Position(after), limit)
            .await;
        positions(&got.unwrap())
    };
    assert_eq!(pending(0, 2).await, [1, 2]);
    assert_eq!(pending(2, 10).await, [3, 4, 5]);
    assert_eq!(pending(5, 10).await, [0_i64; 0]);
}

async fn a_retry_waits_for_its_time(f: &Fixture) {
    let (agent, delivery) = f.one_delivery().await;
    let later = f.clock.now().plus_ms(100);
    let failure = f.failure_of(&agent, &delivery, Some(later));
    assert!(f.turns.fail(&f.scope, failure).await.unwrap());
    assert!(f.pending(&agent).await.is_empty());
    let due = async |at: Timestamp| f.deliveries.due(&f.scope, at, 10).await.unwrap();
    assert!(due(Timestamp(later.0 - 1)).await.is_empty());
    let now = due(later).await;
    assert_eq!(positions(&now), [1]);
    assert_eq!((now[0].attempts_failed, now[0].due), (1, Some(later)));
    let status = f
        .events
        .deliveries(&f.scope, &EventId::new("e1").unwrap())
        .await
        .unwrap();
    assert_eq!(
        (status[0].state, status[0].attempts_failed, status[0].due),
        ("retrying", 1, Some(later))
    );
}

async fn retries_of_agents_that_stand_still_take_no_places(f: &Fixture) {
    let mut all = Vec::new();
    for (name, event_type) in [("paused", "a"), ("broken", "b"), ("worker", "c")] {
        all.push(f.deploy(name, &[event_type]).await);
        f.publish(
            (0..2)
                .map(|n| event(&format!("{name}{n}"), event_type))
                .collect(),
        )
        .await;
    }
    let now = f.clock.now();
    for agent in &all {
        for delivery in f.pending(agent).await {
            let failure = f.failure_of(agent, &delivery, Some(now));
            f.turns.fail(&f.scope, failure).await.unwrap();
        }
    }
    let set = async |agent: &Agent, status| {
        let done = f
            .agents
            .set_status(&f.scope, &agent.name, status, now)
            .await;
        done.unwrap();
    };
    let due = async |limit| positions(&f.deliveries.due(&f.scope, now, limit).await.unwrap());
    assert_eq!(due(10).await, [1, 2, 3, 4, 5, 6]);
    set(&all[0], AgentStatus::Paused).await;
    let reason = "it took the host down".to_owned();
    set(&all[1], AgentStatus::Quarantined { reason }).await;
    assert_eq!(due(2).await, [5, 6], "not the first four");
    set(&all[0], AgentStatus::Active).await;
    assert_eq!(due(10).await, [1, 2, 5, 6]);
}

async fn a_lane_shows_retries_and_all_behind_them(f: &Fixture) {
    let agent = f.deploy("worker", &["t"]).await;
    f.publish(vec![
        event_in("s", "e1", "t"),
        event_in("other", "e2", "t"),
        event_in("s", "e3", "t"),
        event("e4", "t"),
    ])
    .await;
    let first = f.pending(&agent).await.remove(0);
    let failure = f.failure_of(&agent, &first, Some(f.clock.now().plus_ms(100)));
    f.turns.fail(&f.scope, failure).await.unwrap();
    let lane = async |from| {
        let key = Label::new("s").unwrap();
        let got = f
            .deliveries
            .lane(&f.scope, agent.id, &key, Position(from), 10)
            .await;
        positions(&got.unwrap())
    };
    assert_eq!(lane(0).await, [1, 3]);
    assert_eq!(lane(1).await, [1, 3]);
    assert_eq!(lane(2).await, [3]);
}

async fn parked_are_the_retries_of_lanes(f: &Fixture) {
    let agent = f.deploy("worker", &["t"]).await;
    f.publish(vec![
        event_in("s", "e1", "t"),
        event("e2", "t"),
        event_in("s", "e3", "t"),
    ])
    .await;
    for (delivery, delay) in f.pending(&agent).await.iter().zip([300, 200, 100]) {
        let at = f.clock.now().plus_ms(delay);
        let failure = f.failure_of(&agent, delivery, Some(at));
        f.turns.fail(&f.scope, failure).await.unwrap();
    }
    let page = async |after: Option<&Parked>, limit| {
        f.deliveries.parked(&f.scope, after, limit).await.unwrap()
    };
    let all = page(None, 10).await;
    let positions: Vec<i64> = all.iter().map(|parked| parked.position.0).collect();
    assert_eq!(
        positions,
        [3, 1],
        "soonest first, without the one in no lane"
    );
    assert!(all.iter().all(|parked| parked.key.as_str() == "s"));
    let first = page(None, 1).await;
    assert_eq!(first, all[..1]);
    assert_eq!(page(first.first(), 1).await, all[1..]);
    assert_eq!(page(all.last(), 1).await, []);
}

async fn a_scheduled_event_is_appended_once_when_due(f: &Fixture) {
    let agent = f.deploy("worker", &["t"]).await;
    let due = f.clock.now().plus_ms(1_000);
    f.events
        .schedule(&f.scope, event("e1", "t"), due)
        .await
        .unwrap();
    let fire = async |at| f.deliveries.fire_scheduled(&f.scope, at, 10).await.unwrap();
    assert_eq!(fire(Timestamp(due.0 - 1)).await, 0);
    assert_eq!(f.events.head(&f.scope).await.unwrap(), Position(0));
    f.bus.appended();
    assert_eq!(fire(due).await, 1);
    assert_eq!(fire(due).await, 0);
    assert_eq!(positions(&f.pending(&agent).await), [1]);
    assert_eq!(f.bus.appended().1, [(agent.id, Position(1))]);
}

async fn a_scheduled_id_is_taken(f: &Fixture) {
    let due = f.clock.now().plus_ms(1_000);
    let other = || NewEvent {
        data: Json::parse("data", "2").unwrap(),
        ..event("e1", "t")
    };
    let schedule = async |event| f.events.schedule(&f.scope, event, due).await;
    schedule(event("e1", "t")).await.unwrap();
    schedule(event("e1", "t")).await.unwrap();
    assert_eq!(f.deliveries.depth(&f.scope).await.unwrap().scheduled, 1);
    assert!(matches!(
        schedule(other()).await,
        Err(Error::Conflict { .. })
    ));
    let early = f.events.append(&f.scope, vec![event("e1", "t")]).await;
    assert!(matches!(early, Err(Error::Conflict { .. })));
    f.deliveries
        .fire_scheduled(&f.scope, due, 10)
        .await
        .unwrap();
    schedule(event("e1", "t")).await.unwrap();
    assert_eq!(f.deliveries.depth(&f.scope).await.unwrap().scheduled, 0);
    assert!(matches!(
        schedule(other()).await,
        Err(Error::Conflict { .. })
    ));
}

async fn scheduled_events_are_taken_at_the_limit_and_refused_past_it(f: &Fixture) {
    // Through commits, a thousand at a time: one by one would be as many flushes.
    let due = f.clock.now().plus_ms(1_000);
    let agent = f.deploy("worker", &["t"]).await;
    let turns = SCHEDULED_EVENTS_MAX.div_ceil(1_000);
    f.publish((0..turns).map(|n| event(&format!("e{n}"), "t")).collect())
        .await;
    for delivery in f.pending(&agent).await {
        let position = delivery.event.position.0;
        let mut commit = f.commit_of(&agent, &delivery);
        commit.scheduled = (0..1_000)
            .map(|n| (due, event(&format!("s-{position}-{n}"), "later")))
            .collect();
        let outcome = f.turns.commit(&f.scope, commit).await.unwrap();
        assert_eq!(outcome, CommitOutcome::Committed);
    }
    let past = f.events.schedule(&f.scope, event("past", "t"), due).await;
    assert!(matches!(
        past,
        Err(Error::Exhausted {
            limit: "scheduled_events_max",
            max: SCHEDULED_EVENTS_MAX,
            ..
        })
    ));
    f.deliveries.fire_scheduled(&f.scope, due, 1).await.unwrap();
    f.events
        .schedule(&f.scope, event("past", "t"), due)
        .await
        .unwrap();
}

async fn the_next_due_time_is_the_soonest_of_retries_and_timers(f: &Fixture) {
    let now = f.clock.now();
    let next = async |after| f.deliveries.next_due(&f.scope, after).await.unwrap();
    assert_eq!(next(now).await, None);
    let (agent, delivery) = f.one_delivery().await;
    let failure = f.failure_of(&agent, &delivery, Some(now.plus_ms(500)));
    f.turns.fail(&f.scope, failure).await.unwrap();
    f.events
        .schedule(&f.scope, event("later", "t"), now.plus_ms(200))
        .await
        .unwrap();
    assert_eq!(next(now).await, Some(now.plus_ms(200)));
    assert_eq!(next(now.plus_ms(200)).await, Some(now.plus_ms(500)));
    assert_eq!(next(now.plus_ms(500)).await, None);
}

async fn a_death_of_the_host_is_counted_apart(f: &Fixture) {
    let (agent, _) = f.one_delivery().await;
    let running = [
        (agent.id, Position(1)),
        (agent.id, Position(7)),
        (AgentId(99), Position(1)),
    ];
    for deaths in 1..=2 {
        let now = f.deliveries.host_died(&f.scope, &running).await.unwrap();
        assert_eq!(positions(&now), [1], "those that are gone are left out");
        assert_eq!((now[0].host_deaths, now[0].attempts_failed), (deaths, 0));
    }
}

async fn the_depth_counts_each_kind(f: &Fixture) {
    let agent = f.deploy("worker", &["t"]).await;
    f.publish((0..6).map(|n| event(&format!("e{n}"), "t")).collect())
        .await;
    let later = f.clock.now().plus_ms(100);
    for (delivery, retry_at) in f
        .pending(&agent)
        .await
        .iter()
        .zip([Some(later), Some(later), None])
    {
        let failure = f.failure_of(&agent, delivery, retry_at);
        f.turns.fail(&f.scope, failure).await.unwrap();
    }
    f.events
        .schedule(&f.scope, event("later", "t"), later)
        .await
        .unwrap();
    let depth = f.deliveries.depth(&f.scope).await.unwrap();
    let expected = QueueDepth {
        pending: 3,
        retrying: 2,
        scheduled: 1,
        dead: 1,
    };
    assert_eq!(depth, expected);
}
