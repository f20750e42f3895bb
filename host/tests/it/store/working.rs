//! Working memory.

use std::collections::HashSet;

use warren::clock::Clock;
use warren::events::Json;
use warren::id::{AgentName, Label};
use warren::memory::{KeyRange, WorkingKey, WorkingSpace};
use warren::turn::{CommitOutcome, Effect, Read};

use super::{Fixture, on_every_store};

on_every_store![
    a_value_is_what_the_last_commit_put,
    a_version_is_never_used_twice,
    a_read_that_changed_is_told,
    a_listing_that_changed_is_told,
    a_value_is_gone_at_its_time,
    spaces_and_tenants_share_no_keys,
    keys_are_data_whatever_they_hold,
    a_read_after_a_bulk_removal_sees_nothing,
];

fn space() -> WorkingSpace {
    WorkingSpace::Agent(AgentName::new("worker").unwrap())
}

fn key(text: &str) -> WorkingKey {
    WorkingKey::new(text).unwrap()
}

fn put(name: &str, value: &str) -> Effect {
    put_until(name, value, None)
}

fn put_until(name: &str, value: &str, expires: Option<warren::clock::Timestamp>) -> Effect {
    Effect::WorkingPut {
        space: space(),
        key: key(name),
        value: Json::parse("value", value).unwrap(),
        expires,
    }
}

fn delete(name: &str) -> Effect {
    Effect::WorkingDelete {
        space: space(),
        key: key(name),
    }
}

fn range(prefix: &str, limit: u32) -> KeyRange {
    KeyRange {
        space: space(),
        prefix: prefix.to_owned(),
        after: None,
        limit,
    }
}

/// The value and its version; version 0 if there is none.
async fn get(f: &Fixture, space: &WorkingSpace, name: &str) -> (Option<String>, u64) {
    let found = f
        .working
        .get(&f.scope, space, &key(name), f.clock.now())
        .await
        .unwrap();
    match found {
        Some(entry) => (Some(entry.value.as_str().to_owned()), entry.version),
        None => (None, 0),
    }
}

async fn keys(f: &Fixture, range: &KeyRange) -> Vec<(WorkingKey, u64)> {
    f.working
        .keys(&f.scope, range, f.clock.now())
        .await
        .unwrap()
}

async fn a_value_is_what_the_last_commit_put(f: &Fixture) {
    for value in ["1", "null", r#"{"a":[1,"é"]}"#, r#""""#] {
        f.apply(&f.scope, vec![put("k", "0"), put("k", value)])
            .await;
        assert_eq!(get(f, &space(), "k").await.0.as_deref(), Some(value));
    }
    f.apply(&f.scope, vec![delete("k"), delete("never")]).await;
    assert_eq!(get(f, &space(), "k").await, (None, 0));
    f.apply(&f.scope, vec![put("k", "1"), delete("k"), put("k", "2")])
        .await;
    assert_eq!(get(f, &space(), "k").await.0.as_deref(), Some("2"));
}

async fn a_version_is_never_used_twice(f: &Fixture) {
    let mut seen = HashSet::new();
    for round in 0..200 {
        let effects = match round % 3 {
            0 => vec![delete("k")],
            1 => vec![put("k", "1")],
            _ => vec![delete("k"), put("other", "1"), put("k", "1")],
        };
        f.apply(&f.scope, effects).await;
        let (value, version) = get(f, &space(), "k").await;
        assert_eq!(value.is_some(), version > 0);
        assert!(
            version == 0 || seen.insert(version),
            "{version} again in round {round}"
        );
    }
}

async fn a_read_that_changed_is_told(f: &Fixture) {
    let read = |version| Read::Working {
        space: space(),
        key: key("k"),
        version,
    };
    assert!(f.unchanged(&f.scope, read(0)).await);
    f.apply(&f.scope, vec![put("k", "1")]).await;
    let (_, version) = get(f, &space(), "k").await;
    assert!(!f.unchanged(&f.scope, read(0)).await);
    assert!(f.unchanged(&f.scope, read(version)).await);
    f.apply(&f.scope, vec![put("k", "1")]).await;
    assert!(
        !f.unchanged(&f.scope, read(version)).await,
        "equal, but another write"
    );

    let stale = f
        .turn(
            &f.scope,
            vec![read(version)],
            vec![put("k", "9"), put("l", "9")],
        )
        .await;
    assert!(matches!(stale, Ok(CommitOutcome::ReadChanged { .. })));
    assert_eq!(get(f, &space(), "k").await.0.as_deref(), Some("1"));
    assert_eq!(
        get(f, &space(), "l").await,
        (None, 0),
        "nothing of it happened"
    );
}

async fn a_listing_that_changed_is_told(f: &Fixture) {
    f.apply(&f.scope, ["a1", "a2", "b1"].map(|k| put(k, "1")).into())
        .await;
    let range = range("a", 3);
    let seen = keys(f, &range).await;
    let read = Read::WorkingKeys {
        range,
        seen: seen.clone(),
    };
    let names: Vec<_> = seen.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(names, ["a1", "a2"]);
    for (effects, still) in [
        (vec![], true),
        (vec![put("b2", "1"), delete("b1"), delete("a9")], true),
        (vec![put("a1", "1")], false),
        (vec![delete("a1"), put("a1", "1")], false),
        (vec![delete("a2")], false),
        (vec![put("a0", "1")], false),
    ] {
        let case = format!("{effects:?}");
        f.apply(&f.scope, effects).await;
        assert_eq!(f.unchanged(&f.scope, read.clone()).await, still, "{case}");
    }
}

async fn a_value_is_gone_at_its_time(f: &Fixture) {
    let end = f.clock.now().plus_ms(1_000);
    f.apply(
        &f.scope,
        vec![put_until("k", "1", Some(end)), put("l", "1")],
    )
    .await;
    let (_, version) = get(f, &space(), "k").await;
    let read = |version| Read::Working {
        space: space(),
        key: key("k"),
        version,
    };
    f.clock.advance_ms(999);
    assert_eq!(get(f, &space(), "k").await.1, version);
    assert!(f.unchanged(&f.scope, read(version)).await);
    f.clock.advance_ms(1);
    assert_eq!(get(f, &space(), "k").await, (None, 0));
    assert_eq!(keys(f, &range("", 9)).await.len(), 1);
    assert!(!f.unchanged(&f.scope, read(version)).await);
    assert!(f.unchanged(&f.scope, read(0)).await);
    f.apply(&f.scope, vec![put("k", "2")]).await;
    assert!(get(f, &space(), "k").await.1 > version);
}

async fn spaces_and_tenants_share_no_keys(f: &Fixture) {
    let plan = WorkingSpace::Plan(Label::new("worker").unwrap());
    let bolt = f.neighbour("bolt").await;
    f.apply(&f.scope, vec![put("k", "1")]).await;
    assert_eq!(get(f, &plan, "k").await, (None, 0));
    assert_eq!(get(&bolt, &space(), "k").await, (None, 0));
    assert!(keys(&bolt, &range("", 9)).await.is_empty());
    bolt.apply(&bolt.scope, vec![delete("k"), put("l", "2")])
        .await;
    assert_eq!(get(f, &space(), "k").await.0.as_deref(), Some("1"));
    assert_eq!(get(f, &space(), "l").await, (None, 0));
}

async fn keys_are_data_whatever_they_hold(f: &Fixture) {
    let odd = [
        "'; DROP TABLE working; --",
        "%",
        "_",
        "é/退款",
        "\"",
        "\u{10ffff}",
        " ",
    ];
    f.apply(&f.scope, odd.map(|name| put(name, "1")).into())
        .await;
    for name in odd {
        assert_eq!(
            get(f, &space(), name).await.0.as_deref(),
            Some("1"),
            "{name}"
        );
        let found = keys(f, &range(name, 9)).await;
        assert_eq!(found.len(), 1, "{name}");
    }
}

async fn a_read_after_a_bulk_removal_sees_nothing(f: &Fixture) {
    let plan = WorkingSpace::Plan(Label::new("worker").unwrap());
    // More than one transaction removes.
    let names: Vec<String> = (0..300).map(|n| format!("k{n:03}")).collect();
    for half in names.chunks(150) {
        f.apply(&f.scope, half.iter().map(|name| put(name, "1")).collect())
            .await;
    }
    let mut other = put("k000", "2");
    if let Effect::WorkingPut { space, .. } = &mut other {
        *space = plan.clone();
    }
    f.apply(&f.scope, vec![other]).await;
    let version = get(f, &space(), "k000").await.1;
    for name in &names {
        assert!(get(f, &space(), name).await.0.is_some(), "in the cache now");
    }
    assert!(
        f.desk
            .delete(&f.scope, &space(), &key("k001"))
            .await
            .unwrap()
    );
    assert_eq!(get(f, &space(), "k001").await, (None, 0));
    assert!(
        !f.desk
            .delete(&f.scope, &space(), &key("k001"))
            .await
            .unwrap()
    );
    let cleared = f.desk.clear(&f.scope, &space()).await.unwrap();
    assert_eq!(cleared, 299);
    for name in &names {
        assert_eq!(get(f, &space(), name).await, (None, 0), "{name}");
    }
    assert!(keys(f, &range("", 999)).await.is_empty());
    assert_eq!(get(f, &plan, "k000").await.0.as_deref(), Some("2"));
    let read = |version| Read::Working {
        space: space(),
        key: key("k000"),
        version,
    };
    assert!(!f.unchanged(&f.scope, read(version)).await, "told");
    assert!(f.unchanged(&f.scope, read(0)).await);
    f.apply(&f.scope, vec![put("k000", "3")]).await;
    assert!(get(f, &space(), "k000").await.1 > version);
    assert_eq!(f.desk.clear(&f.scope, &space()).await.unwrap(), 1);
    assert_eq!(f.desk.clear(&f.scope, &space()).await.unwrap(), 0);
}
