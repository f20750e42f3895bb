//! The log: positions, duplicates, subscribers, pages.

use std::sync::Arc;

use futures_util::future::join_all;
use warren::error::Error;
use warren::events::{BATCH_EVENTS_MAX, EventFilter, Json, NewEvent};
use warren::id::{EventId, EventType, Label, Position};

use super::{Fixture, client_scope, create_tenant, event, event_in, on_every_store};

on_every_store! {
    positions_are_contiguous_in_commit_order,
    concurrent_publishers_get_contiguous_positions,
    the_same_publication_again_is_a_duplicate,
    another_content_under_an_id_is_refused_whole,
    each_subscriber_gets_a_delivery_and_nobody_else,
    an_agent_gets_what_comes_after_its_deploy,
    what_was_appended_is_announced_with_its_deliveries,
    a_batch_is_taken_at_its_limit_and_refused_past_it,
    lists_are_newest_first_and_paged,
    lists_are_filtered,
    another_tenant_sees_nothing,
}

async fn positions_are_contiguous_in_commit_order(f: &Fixture) {
    assert_eq!(f.events.head(&f.scope).await.unwrap(), Position(0));
    let first = f.publish(vec![event("a", "t"), event("b", "t")]).await;
    let second = f.publish(vec![event("c", "t")]).await;
    let positions: Vec<i64> = first.iter().chain(&second).map(|a| a.position.0).collect();
    assert_eq!(positions, [1, 2, 3]);
    assert_eq!(f.events.head(&f.scope).await.unwrap(), Position(3));
    let after = f.events.after(&f.scope, Position(1), 10).await.unwrap();
    let ids: Vec<&str> = after.iter().map(|e| e.body.id.as_str()).collect();
    assert_eq!(ids, ["b", "c"]);
}

async fn concurrent_publishers_get_contiguous_positions(f: &Fixture) {
    let publishers = (0..300).map(|n| f.publish(vec![event(&format!("e{n}"), "t")]));
    let mut positions: Vec<i64> = join_all(publishers)
        .await
        .iter()
        .map(|appended| appended[0].position.0)
        .collect();
    positions.sort_unstable();
    assert_eq!(positions, (1..=300).collect::<Vec<_>>());
}

async fn the_same_publication_again_is_a_duplicate(f: &Fixture) {
    let agent = f.deploy("worker", &["t"]).await;
    f.publish(vec![event("a", "t")]).await;
    let again = NewEvent {
        time: event("a", "t").time.plus_ms(5),
        trace: Label::new("another").unwrap(),
        ..event("a", "t")
    };
    let appended = f
        .publish(vec![event("b", "t"), again, event("b", "t")])
        .await;
    let seen: Vec<(i64, bool)> = appended
        .iter()
        .map(|a| (a.position.0, a.duplicate))
        .collect();
    assert_eq!(seen, [(2, false), (1, true), (2, true)]);
    assert_eq!(f.pending(&agent).await.len(), 2);
    assert_eq!(f.events.head(&f.scope).await.unwrap(), Position(2));
}

async fn another_content_under_an_id_is_refused_whole(f: &Fixture) {
    f.publish(vec![event("a", "t")]).await;
    let other = NewEvent {
        data: Json::parse("data", "2").unwrap(),
        ..event("a", "t")
    };
    let refused = f
        .events
        .append(&f.scope, vec![event("b", "t"), other])
        .await;
    assert!(matches!(
        refused,
        Err(Error::Conflict { what: "event", .. })
    ));
    assert_eq!(f.events.head(&f.scope).await.unwrap(), Position(1));
    let next = f.publish(vec![event("c", "t")]).await;
    assert_eq!(
        next[0].position,
        Position(2),
        "the refused batch left no gap"
    );
}

async fn each_subscriber_gets_a_delivery_and_nobody_else(f: &Fixture) {
    let one = f.deploy("one", &["t"]).await;
    let both = f.deploy("both", &["t", "u"]).await;
    let none = f.deploy("none", &["v"]).await;
    f.publish(vec![event("a", "t"), event("b", "u")]).await;
    let mut seen = Vec::new();
    for agent in [&one, &both, &none] {
        let pending = f.pending(agent).await;
        seen.push(
            pending
                .iter()
                .map(|d| d.event.position.0)
                .collect::<Vec<_>>(),
        );
    }
    assert_eq!(seen, [vec![1], vec![1, 2], vec![]]);
    let status = f
        .events
        .deliveries(&f.scope, &EventId::new("a").unwrap())
        .await
        .unwrap();
    let seen: Vec<(&str, &str)> = status.iter().map(|s| (s.agent.as_str(), s.state)).collect();
    assert_eq!(seen, [("both", "pending"), ("one", "pending")]);
}

async fn an_agent_gets_what_comes_after_its_deploy(f: &Fixture) {
    f.publish(vec![event("before", "t")]).await;
    let agent = f.deploy("worker", &["t"]).await;
    f.publish(vec![event("after", "t")]).await;
    let pending = f.pending(&agent).await;
    assert_eq!(pending.len(), 1);
    assert_eq!(pending[0].event.body.id.as_str(), "after");
}

async fn what_was_appended_is_announced_with_its_deliveries(f: &Fixture) {
    let agent = f.deploy("worker", &["t"]).await;
    f.bus.appended();
    f.publish(vec![event("a", "t"), event("b", "u")]).await;
    let (events, deliveries) = f.bus.appended();
    let ids: Vec<&str> = events.iter().map(EventId::as_str).collect();
    assert_eq!(ids, ["a", "b"]);
    assert_eq!(deliveries, [(agent.id, Position(1))]);
    f.publish(vec![event("a", "t")]).await;
    assert_eq!(f.bus.appended(), (vec![], vec![]), "a duplicate is no news");
}

async fn a_batch_is_taken_at_its_limit_and_refused_past_it(f: &Fixture) {
    let batch = |count: usize| -> Vec<NewEvent> {
        (0..count).map(|n| event(&format!("e{n}"), "t")).collect()
    };
    let past = f.events.append(&f.scope, batch(BATCH_EVENTS_MAX + 1)).await;
    assert!(matches!(
        past,
        Err(Error::TooLarge {
            limit: "batch_events_max",
            max: 1_000,
            got: 1_001,
            ..
        })
    ));
    assert_eq!(
        f.publish(batch(BATCH_EVENTS_MAX)).await.len(),
        BATCH_EVENTS_MAX
    );
}

async fn lists_are_newest_first_and_paged(f: &Fixture) {
    f.publish((1..=5).map(|n| event(&format!("e{n}"), "t")).collect())
        .await;
    let mut pages = Vec::new();
    let mut before = None;
    loop {
        let page = f
            .events
            .list(&f.scope, &EventFilter::default(), before, 2)
            .await
            .unwrap();
        pages.push(page.items.iter().map(|e| e.position.0).collect::<Vec<_>>());
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(pages, [vec![5, 4], vec![3, 2], vec![1]]);
}

async fn lists_are_filtered(f: &Fixture) {
    let answer = NewEvent {
        correlation: Label::new("e1").unwrap(),
        ..event("e3", "u")
    };
    f.publish(vec![
        event("e1", "t"),
        event_in("s", "e2", "t"),
        answer,
        event("e4", "t"),
    ])
    .await;
    let list = async |filter: EventFilter| {
        let page = f.events.list(&f.scope, &filter, None, 10).await.unwrap();
        page.items.iter().map(|e| e.position.0).collect::<Vec<_>>()
    };
    let of_type = EventFilter {
        event_type: Some(EventType::new("t").unwrap()),
        ..EventFilter::default()
    };
    assert_eq!(list(of_type.clone()).await, [4, 2, 1]);
    let of_correlation = EventFilter {
        correlation: Some(Label::new("e1").unwrap()),
        ..EventFilter::default()
    };
    assert_eq!(list(of_correlation.clone()).await, [3, 1]);
    let of_both = EventFilter {
        correlation: of_correlation.correlation,
        ..of_type
    };
    assert_eq!(list(of_both).await, [1]);
    let of_session = EventFilter {
        session: Some(Label::new("s").unwrap()),
        ..EventFilter::default()
    };
    assert_eq!(list(of_session).await, [2]);
}

async fn another_tenant_sees_nothing(f: &Fixture) {
    f.publish(vec![event("a", "t")]).await;
    let other = create_tenant(&*f.admin, "other", &f.clock).await;
    let other = client_scope(other.tenant());
    let id = EventId::new("a").unwrap();
    let foreign = f.events.get(&other, &id).await.map(|e| Arc::clone(&e));
    let absent = f.events.get(&other, &EventId::new("zz").unwrap()).await;
    assert!(matches!(
        foreign,
        Err(Error::NotFound { what: "event", .. })
    ));
    assert!(matches!(absent, Err(Error::NotFound { what: "event", .. })));
    assert_eq!(f.events.head(&other).await.unwrap(), Position(0));
    let nobody = client_scope(warren::id::TenantId::generate());
    let unknown = f.events.get(&nobody, &id).await;
    assert!(matches!(
        unknown,
        Err(Error::NotFound { what: "tenant", .. })
    ));
}
