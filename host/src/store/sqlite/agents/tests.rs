//! Deploys, versions and limits, on a database in memory.

use std::collections::BTreeSet;

use super::super::testing::{agent, tenant_db};
use super::*;
use crate::id::Digest;
use crate::registry::{
    AGENTS_PER_TENANT_MAX, AgentKind, Grant, GrantSet, Manifest, Settings, VERSIONS_PER_AGENT_MAX,
};

fn version(name: &str, component: &str) -> NewVersion {
    NewVersion {
        name: agent(name),
        digest: Digest::of(component.as_bytes()),
        component_bytes: 1,
        manifest: Arc::new(Manifest {
            name: agent(name),
            kind: AgentKind::Worker,
            description: component.to_owned(),
            version: None,
            category: None,
            tags: BTreeSet::new(),
            owner: None,
            capabilities: Vec::new(),
            subscriptions: Vec::new(),
            produces: Vec::new(),
            grants: GrantSet::NONE,
            settings: Settings::default(),
        }),
        grants: GrantSet::NONE,
        now: Timestamp(1),
    }
}

fn deployed(conn: &Connection, name: &str, component: &str) -> (Change, u32) {
    let change = deploy::deploy(conn, &version(name, component), AGENTS_PER_TENANT_MAX).unwrap();
    (change, current(conn, name))
}

fn current(conn: &Connection, name: &str) -> u32 {
    let directory = load::directory(conn, &Directory::default()).unwrap();
    let agent = directory.get(&agent(name)).unwrap();
    let numbers = numbers(conn, name);
    assert!(numbers.contains(&agent.version));
    agent.version
}

fn numbers(conn: &Connection, name: &str) -> Vec<u32> {
    let versions = load::versions(conn, number_of(conn, &agent(name)).unwrap()).unwrap();
    versions.iter().map(|version| version.number).collect()
}

#[test]
fn a_digest_keeps_its_number() {
    let conn = tenant_db();
    assert_eq!(deployed(&conn, "a", "one"), (Change::Created, 1));
    assert_eq!(deployed(&conn, "a", "one"), (Change::Nothing, 1));
    assert_eq!(deployed(&conn, "a", "two"), (Change::Updated, 2));
    assert_eq!(deployed(&conn, "a", "one"), (Change::Updated, 1));
    assert_eq!(deployed(&conn, "a", "three"), (Change::Updated, 3));
    assert_eq!(numbers(&conn, "a"), [3, 2, 1]);
    assert_eq!(
        deployed(&conn, "b", "one"),
        (Change::Created, 1),
        "each its own"
    );
}

#[test]
fn new_grants_are_a_change() {
    let conn = tenant_db();
    deployed(&conn, "a", "one");
    let granted = NewVersion {
        grants: [Grant::EventsPublish].into_iter().collect(),
        ..version("a", "one")
    };
    assert_eq!(
        deploy::deploy(&conn, &granted, AGENTS_PER_TENANT_MAX).unwrap(),
        Change::Updated
    );
    assert_eq!(
        deploy::deploy(&conn, &granted, AGENTS_PER_TENANT_MAX).unwrap(),
        Change::Nothing
    );
    let directory = load::directory(&conn, &Directory::default()).unwrap();
    let grants = &directory.get(&agent("a")).unwrap().grants;
    assert!(grants.has(Grant::EventsPublish));
}

#[test]
fn versions_are_kept_at_the_limit_and_the_oldest_forgotten_past_it() {
    let conn = tenant_db();
    let max = VERSIONS_PER_AGENT_MAX;
    for i in 1..=max {
        deployed(&conn, "a", &format!("v{i}"));
    }
    assert_eq!(numbers(&conn, "a"), (1..=max).rev().collect::<Vec<_>>());
    deployed(&conn, "a", "past");
    assert_eq!(numbers(&conn, "a"), (2..=max + 1).rev().collect::<Vec<_>>());

    // The oldest is current now, so the one after it goes.
    let id = number_of(&conn, &agent("a")).unwrap();
    deploy::point_at(&conn, id, Some(2), Timestamp(2)).unwrap();
    deployed(&conn, "a", "v2");
    assert_eq!(numbers(&conn, "a").len(), max as usize);
    let again = deployed(&conn, "a", "v1");
    assert_eq!(
        again,
        (Change::Updated, max + 2),
        "a forgotten one is new, under a new number"
    );
    assert_eq!(numbers(&conn, "a").last(), Some(&3));
}

#[test]
fn rollback_goes_to_the_one_before_or_the_one_named() {
    let conn = tenant_db();
    for component in ["one", "two", "three"] {
        deployed(&conn, "a", component);
    }
    let id = number_of(&conn, &agent("a")).unwrap();
    for (to, expected) in [
        (None, Some(2)),
        (None, Some(1)),
        (None, None),
        (Some(3), Some(3)),
        (Some(4), None),
        (Some(0), None),
        (Some(3), Some(3)),
    ] {
        let done = deploy::point_at(&conn, id, to, Timestamp(9));
        match expected {
            Some(number) => assert_eq!(
                (done.is_ok(), current(&conn, "a")),
                (true, number),
                "{to:?}"
            ),
            None => assert!(matches!(done, Err(Error::NotFound { .. })), "{to:?}"),
        }
    }
}

#[test]
fn agents_hold_at_the_limit_and_one_past() {
    let conn = tenant_db();
    let max = AGENTS_PER_TENANT_MAX;
    for i in 0..max {
        deploy::deploy(&conn, &version(&format!("a{i}"), "one"), max).unwrap();
    }
    let past = deploy::deploy(&conn, &version("past", "one"), max);
    assert!(matches!(past, Err(Error::Exhausted { max: got, .. }) if got == max));
    assert_eq!(
        deployed(&conn, "a0", "two"),
        (Change::Updated, 2),
        "a version is no agent"
    );
    let id = number_of(&conn, &agent("a0")).unwrap();
    deploy::delete(&conn, id).unwrap();
    assert_eq!(deployed(&conn, "past", "one"), (Change::Created, 1));
    let new = number_of(&conn, &agent("past")).unwrap();
    assert!(new.0 > max as i64, "an agent's number is never given again");
}

#[test]
fn manifests_are_read_once() {
    let conn = tenant_db();
    deployed(&conn, "a", "one");
    deployed(&conn, "b", "one");
    let before = load::directory(&conn, &Directory::default()).unwrap();
    deployed(&conn, "b", "two");
    let after = load::directory(&conn, &before).unwrap();
    let manifest =
        |directory: &Directory, name| Arc::clone(&directory.get(&agent(name)).unwrap().manifest);
    assert!(Arc::ptr_eq(&manifest(&before, "a"), &manifest(&after, "a")));
    assert_eq!(manifest(&after, "b").description, "two");
}
