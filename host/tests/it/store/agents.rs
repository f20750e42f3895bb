//! Agents, versions and the directory.

use std::collections::BTreeMap;

use warren::bus::Announcement;
use warren::clock::{Clock, Timestamp};
use warren::error::Error;
use warren::id::{AgentName, Digest};
use warren::registry::{AgentStatus, AnyGrant, CONFIG_BYTES_MAX, GrantSet, NewVersion};

use super::{Fixture, event, on_every_store};

on_every_store![
    a_version_is_current_from_its_deploy_on,
    an_old_version_brings_no_host_back,
    the_directory_is_never_stale,
    an_event_goes_where_the_last_deploy_says,
    a_status_is_kept_and_told,
    a_deploy_does_not_release_a_quarantined_agent,
    configuration_holds_at_the_limit_and_one_past,
    a_deleted_agent_leaves_nothing_that_waits,
    tenants_share_no_agents,
];

fn name(text: &str) -> AgentName {
    AgentName::new(text).unwrap()
}

async fn a_version_is_current_from_its_deploy_on(f: &Fixture) {
    let version = |component: &str| NewVersion {
        component_bytes: 7,
        ..f.version("worker", component, &["order.placed"])
    };
    let first = f.agents.deploy(&f.scope, version("one")).await.unwrap();
    assert_eq!(
        (first.created, first.unchanged, first.agent.version),
        (true, false, 1)
    );
    let same = f.agents.deploy(&f.scope, version("one")).await.unwrap();
    assert_eq!(
        (same.created, same.unchanged, same.agent.version),
        (false, true, 1)
    );
    let second = f.agents.deploy(&f.scope, version("two")).await.unwrap();
    assert_eq!((second.agent.version, second.agent.id), (2, first.agent.id));

    let name = name("worker");
    let back = f
        .agents
        .rollback(&f.scope, &name, None, Timestamp(9))
        .await
        .unwrap();
    assert_eq!(
        (back.version, back.digest, back.updated),
        (1, Digest::of(b"one"), Timestamp(9))
    );
    let none = f.agents.rollback(&f.scope, &name, None, Timestamp(9)).await;
    assert!(matches!(none, Err(Error::NotFound { .. })));
    let versions = f.agents.versions(&f.scope, &name).await.unwrap();
    let shown: Vec<_> = versions
        .iter()
        .map(|v| (v.number, v.digest, v.component_bytes))
        .collect();
    assert_eq!(
        shown,
        [(2, Digest::of(b"two"), 7), (1, Digest::of(b"one"), 7)]
    );
}

async fn an_old_version_brings_no_host_back(f: &Fixture) {
    let set = |words: &str| -> GrantSet {
        let grants = words.split_whitespace().map(str::parse::<AnyGrant>);
        grants.map(Result::unwrap).collect()
    };
    let deploy = async |component: &str, grants: &str| {
        let version = NewVersion {
            grants: set(grants),
            ..f.version("asker", component, &["order.placed"])
        };
        f.agents.deploy(&f.scope, version).await.unwrap();
    };
    deploy("one", "working:read http:a.test http:b.example.com").await;
    deploy("two", "http:*.example.com").await;
    let asker = name("asker");
    for (to, expect) in [
        (None, "working:read http:b.example.com"),
        (Some(2), "http:b.example.com"),
        (Some(1), "working:read http:b.example.com"),
    ] {
        let back = f.agents.rollback(&f.scope, &asker, to, Timestamp(9));
        assert_eq!(back.await.unwrap().grants, set(expect), "{to:?}");
    }
}

async fn the_directory_is_never_stale(f: &Fixture) {
    let agent = f.deploy("worker", &["order.placed"]).await;
    for i in 0..1_000 {
        let config = BTreeMap::from([("round".to_owned(), i.to_string())]);
        f.agents
            .set_config(&f.scope, &agent.name, config.clone(), f.clock.now())
            .await
            .unwrap();
        let directory = f.agents.directory(&f.scope).await.unwrap();
        assert_eq!(*directory.get(&agent.name).unwrap().config, config);
    }
}

async fn an_event_goes_where_the_last_deploy_says(f: &Fixture) {
    for i in 0..50 {
        let event_type = ["order.placed", "order.paid"][i % 2];
        let version = f.version("worker", event_type, &[event_type]);
        let agent = f.agents.deploy(&f.scope, version).await.unwrap().agent;
        let before = f.pending(&agent).await.len();
        let (placed, paid) = (format!("a{i}"), format!("b{i}"));
        f.publish(vec![
            event(&placed, "order.placed"),
            event(&paid, "order.paid"),
        ])
        .await;
        let pending = f.pending(&agent).await;
        assert_eq!(pending.len(), before + 1);
        assert_eq!(pending[before].event.body.event_type.as_str(), event_type);
    }
}

async fn a_status_is_kept_and_told(f: &Fixture) {
    let agent = f.deploy("worker", &["order.placed"]).await;
    let quarantined = AgentStatus::Quarantined {
        reason: "killed the host twice".to_owned(),
    };
    for status in [AgentStatus::Paused, quarantined, AgentStatus::Active] {
        f.bus.of(f.scope.tenant());
        let now = f.clock.now();
        let changed = f
            .agents
            .set_status(&f.scope, &agent.name, status.clone(), now)
            .await
            .unwrap();
        assert_eq!(changed.status, status);
        let told = f.bus.of(f.scope.tenant());
        assert!(
            matches!(told[..], [Announcement::AgentsChanged]),
            "{told:?}"
        );
    }
    let nobody = f
        .agents
        .set_status(
            &f.scope,
            &name("nobody"),
            AgentStatus::Paused,
            f.clock.now(),
        )
        .await;
    assert!(matches!(nobody, Err(Error::NotFound { .. })));
    assert!(f.bus.of(f.scope.tenant()).is_empty(), "nothing happened");
}

async fn a_deploy_does_not_release_a_quarantined_agent(f: &Fixture) {
    let agent = f.deploy("worker", &["order.placed"]).await;
    let status = AgentStatus::Quarantined {
        reason: "r".to_owned(),
    };
    let now = f.clock.now();
    f.agents
        .set_status(&f.scope, &agent.name, status.clone(), now)
        .await
        .unwrap();
    let version = f.version("worker", "fixed", &["order.placed"]);
    let deployed = f.agents.deploy(&f.scope, version).await.unwrap();
    assert_eq!(deployed.agent.status, status);
}

async fn configuration_holds_at_the_limit_and_one_past(f: &Fixture) {
    let agent = f.deploy("worker", &["order.placed"]).await;
    let config = |bytes| {
        let overhead = r#"{"k":""}"#.len();
        BTreeMap::from([("k".to_owned(), "x".repeat(bytes - overhead))])
    };
    let set = |bytes| {
        f.agents
            .set_config(&f.scope, &agent.name, config(bytes), f.clock.now())
    };
    set(CONFIG_BYTES_MAX).await.unwrap();
    let past = set(CONFIG_BYTES_MAX + 1).await;
    assert!(matches!(past, Err(Error::TooLarge { .. })));
}

async fn a_deleted_agent_leaves_nothing_that_waits(f: &Fixture) {
    let agent = f.deploy("worker", &["order.placed"]).await;
    let other = f.deploy("other", &["order.placed"]).await;
    f.publish(vec![event("e1", "order.placed")]).await;
    f.agents.delete(&f.scope, &agent.name).await.unwrap();
    assert!(f.pending(&agent).await.is_empty());
    assert_eq!(f.pending(&other).await.len(), 1);
    assert_eq!(f.deliveries.depth(&f.scope).await.unwrap().pending, 1);
    f.publish(vec![event("e2", "order.placed")]).await;
    assert!(f.pending(&agent).await.is_empty());

    let directory = f.agents.directory(&f.scope).await.unwrap();
    assert!(directory.get(&agent.name).is_err());
    let versions = f.agents.versions(&f.scope, &agent.name).await;
    assert!(matches!(versions, Err(Error::NotFound { .. })));
    let again = f.deploy("worker", &["order.placed"]).await;
    assert_eq!(again.version, 1);
    assert!(
        again.id > agent.id && again.id > other.id,
        "its number is its own"
    );
}

async fn tenants_share_no_agents(f: &Fixture) {
    let ours = f.deploy("worker", &["order.placed"]).await;
    let bolt = f.neighbour("bolt").await;
    assert!(bolt.agents.directory(&bolt.scope).await.unwrap().is_empty());
    let missing = bolt.agents.delete(&bolt.scope, &ours.name).await;
    assert!(matches!(missing, Err(Error::NotFound { .. })));
    let theirs = bolt.deploy("worker", &["order.paid"]).await;
    f.publish(vec![event("e1", "order.placed")]).await;
    assert_eq!(f.pending(&ours).await.len(), 1);
    assert!(bolt.pending(&theirs).await.is_empty());
    bolt.agents.delete(&bolt.scope, &theirs.name).await.unwrap();
    assert_eq!(f.agents.directory(&f.scope).await.unwrap().len(), 1);
    assert_eq!(f.pending(&ours).await.len(), 1);
}
