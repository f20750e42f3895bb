//! The catalogue of services: one entry a name, states told by time and by the owner, a feed in the log.

use std::collections::HashMap;

use serde_json::{Value, json};
use warren::clock::{Clock, Timestamp};
use warren::error::Error;
use warren::id::{AgentName, CustomerId, KeyName, Position};
use warren::identity::TenantScope;
use warren::registry::{
    Health, NewService, SERVICES_PER_TENANT_MAX, ServiceDefinition, ServiceQuery, ServiceState,
    Viewer,
};

use super::{Fixture, on_every_store};

on_every_store![
    what_was_written_is_what_is_read_ten_thousand_times,
    a_silent_service_goes_down_step_by_step_and_is_forgotten,
    a_heartbeat_brings_back_and_health_counts,
    an_owner_changes_states_as_the_lifecycle_allows,
    a_name_means_one_thing_and_has_one_owner,
    all_of_a_list_is_registered_or_nothing,
    only_public_services_are_told_of,
    tenants_share_no_services,
    services_hold_at_the_limit_and_one_past,
];

/// The default time to live.
const TTL_MS: u64 = 300_000;
const RETENTION_MS: u64 = 1_000_000;

fn name(text: &str) -> AgentName {
    AgentName::new(text).unwrap()
}

fn definition(name: &str, more: &Value) -> ServiceDefinition {
    let mut body = json!({ "name": name, "type": "api", "url": "https://a" });
    for (member, value) in more.as_object().into_iter().flatten() {
        body[member] = value.clone();
    }
    serde_json::from_value(body).unwrap()
}

impl Fixture {
    fn new_service(&self, name: &str, more: &Value) -> NewService {
        NewService {
            definition: definition(name, more),
            signature: None,
            ttl_ms: TTL_MS,
            now: self.clock.now(),
        }
    }

    async fn register(&self, name: &str, more: &Value) -> warren::error::Result<(bool, bool)> {
        let new = vec![self.new_service(name, more)];
        let done = self.services.register(&self.main(), new).await?;
        Ok((done[0].created, done[0].unchanged))
    }

    /// The state of a service at this moment; none if there is no such service.
    async fn state(&self, wanted: &str) -> Option<ServiceState> {
        let directory = self.agents.directory(&self.main()).await.unwrap();
        let service = directory.services().get(&name(wanted))?;
        Some(service.state_at(self.clock.now()))
    }

    async fn sweep_services(&self) -> (usize, usize) {
        let now = self.clock.now();
        let scope = self.main();
        let swept = self.services.sweep_services(&scope, now, RETENTION_MS);
        let swept = swept.await.unwrap();
        (swept.changed, swept.removed)
    }

    async fn beat(&self, wanted: &str, health: Value) -> warren::error::Result<ServiceState> {
        let health: Option<Health> = serde_json::from_value(health).unwrap();
        let now = self.clock.now();
        let wanted = name(wanted);
        let scope = self.main();
        let beat = self.services.beat(&scope, &wanted, health, now);
        Ok(beat.await?.state_at(now))
    }

    /// The words of the feed since the last look, with the name of each service.
    async fn feed(&self, after: &mut Position) -> Vec<String> {
        let events = self
            .events
            .after(&self.main(), *after, 1_000)
            .await
            .unwrap();
        *after = events.last().map_or(*after, |event| event.position);
        let told = |event: &std::sync::Arc<warren::events::Event>| {
            let body = &event.body;
            assert!(warren::registry::is_feed_event(body));
            let data: Value = body.data.read("data").unwrap();
            assert_eq!(body.subject.as_deref(), data["name"].as_str());
            format!("{} {}", data["name"].as_str().unwrap(), body.event_type)
        };
        events.iter().map(told).collect()
    }

    /// The key that registers services here.
    fn main(&self) -> TenantScope {
        self.with_key("main")
    }

    fn with_key(&self, key: &str) -> TenantScope {
        let key = KeyName::new(key).unwrap();
        TenantScope::for_request(self.scope.tenant(), key, None::<CustomerId>, None)
    }
}

async fn what_was_written_is_what_is_read_ten_thousand_times(f: &Fixture) {
    let wanted = name("weather");
    for round in 0..10_000 {
        let version = json!({ "version": round.to_string() });
        f.register("weather", &version).await.unwrap();
        let directory = f.agents.directory(&f.main()).await.unwrap();
        let read = directory.services().get(&wanted).unwrap();
        assert_eq!(read.definition.version, round.to_string());
        assert_eq!(directory.services().len(), 1, "one entry a name");
    }
}

async fn a_silent_service_goes_down_step_by_step_and_is_forgotten(f: &Fixture) {
    use ServiceState::{Active, Degraded, Offline, Unhealthy};
    let mut seen = Position(0);
    f.register("weather", &json!({})).await.unwrap();
    assert_eq!(f.feed(&mut seen).await, ["weather service.registered"]);
    for (wait_ms, state, told) in [
        (TTL_MS / 5, Active, None),
        (TTL_MS / 5, Degraded, Some("weather service.degraded")),
        (2 * TTL_MS / 5, Unhealthy, Some("weather service.unhealthy")),
        (TTL_MS / 5, Offline, Some("weather service.offline")),
        (RETENTION_MS - 1, Offline, None),
    ] {
        f.clock.advance_ms(wait_ms);
        assert_eq!(
            f.state("weather").await,
            Some(state),
            "told before it is swept"
        );
        assert_eq!(f.sweep_services().await, (usize::from(told.is_some()), 0));
        assert_eq!(f.sweep_services().await, (0, 0), "told once");
        assert_eq!(f.feed(&mut seen).await, Vec::from_iter(told));
    }
    f.clock.advance_ms(1);
    assert_eq!(f.sweep_services().await, (0, 1));
    assert_eq!(f.feed(&mut seen).await, ["weather service.deregistered"]);
    assert_eq!(f.state("weather").await, None);
}

async fn a_heartbeat_brings_back_and_health_counts(f: &Fixture) {
    use ServiceState::{Active, Degraded, Offline, Unhealthy};
    let unknown = f.beat("weather", json!(null)).await;
    assert!(matches!(unknown, Err(Error::NotFound { .. })));
    f.register("weather", &json!({})).await.unwrap();
    let mut seen = Position(1);
    f.clock.advance_ms(TTL_MS);
    f.sweep_services().await;
    assert_eq!(f.state("weather").await, Some(Offline));
    for (health, state) in [
        (json!(null), Active),
        (json!({ "cpu": 95.0 }), Degraded),
        (json!(null), Degraded),
        (json!({ "status": "unhealthy" }), Unhealthy),
        (json!({ "cpu": 5.0, "connections": 3 }), Active),
    ] {
        assert_eq!(f.beat("weather", health).await.unwrap(), state);
    }
    let told = ["offline", "recovered", "degraded", "unhealthy", "recovered"];
    let told = told.map(|word| format!("weather service.{word}"));
    assert_eq!(f.feed(&mut seen).await, told);
}

async fn an_owner_changes_states_as_the_lifecycle_allows(f: &Fixture) {
    use ServiceState::{Active, Degraded, Offline, Paused};
    f.register("weather", &json!({})).await.unwrap();
    let set = async |state| {
        let (wanted, now) = (name("weather"), f.clock.now());
        let scope = f.main();
        let set = f.services.set_state(&scope, &wanted, state, now);
        set.await.map(|service| service.state_at(now))
    };
    assert_eq!(set(Paused).await.unwrap(), Paused);
    let refused = set(Degraded).await.unwrap_err();
    assert!(
        matches!(&refused, Error::Conflict { reason, .. } if reason.contains("active, offline"))
    );
    assert_eq!(
        f.beat("weather", json!({ "cpu": 1.0 })).await.unwrap(),
        Paused
    );
    f.clock.advance_ms(TTL_MS);
    assert_eq!(
        f.state("weather").await,
        Some(Offline),
        "a pause hides no silence"
    );
    assert!(
        set(Active).await.is_err(),
        "only a sign of life brings it back"
    );
    assert_eq!(f.beat("weather", json!(null)).await.unwrap(), Paused);
    assert_eq!(set(Active).await.unwrap(), Active);
    assert_eq!(set(Offline).await.unwrap(), Offline);
    assert_eq!(
        f.register("weather", &json!({})).await.unwrap(),
        (false, true)
    );
    assert_eq!(f.state("weather").await, Some(Active));
}

async fn a_name_means_one_thing_and_has_one_owner(f: &Fixture) {
    f.deploy("worker", &["t"]).await;
    f.register("weather", &json!({})).await.unwrap();
    let clash = f.register("worker", &json!({})).await;
    assert!(matches!(
        clash,
        Err(Error::Conflict {
            what: "service",
            ..
        })
    ));
    let clash = f
        .agents
        .deploy(&f.main(), f.version("weather", "c", &["t"]))
        .await;
    assert!(matches!(clash, Err(Error::Conflict { what: "agent", .. })));

    let other = f.with_key("other");
    let now = f.clock.now();
    let new = vec![f.new_service("weather", &json!({}))];
    assert!(matches!(
        f.services.register(&other, new).await,
        Err(Error::Conflict { .. })
    ));
    let beat = f.services.beat(&other, &name("weather"), None, now).await;
    assert!(matches!(beat, Err(Error::Denied { .. })));
    let gone = f.services.deregister(&other, &name("weather"), now).await;
    assert!(matches!(gone, Err(Error::Denied { .. })));
    f.register("weather", &json!({ "visibility": "private" }))
        .await
        .unwrap();
    let gone = f.services.deregister(&other, &name("weather"), now).await;
    assert!(
        matches!(gone, Err(Error::NotFound { .. })),
        "as if it were not there"
    );
    f.services
        .deregister(&f.main(), &name("weather"), now)
        .await
        .unwrap();
    let again = f
        .services
        .deregister(&f.main(), &name("weather"), now)
        .await;
    assert!(matches!(again, Err(Error::NotFound { .. })));
}

async fn all_of_a_list_is_registered_or_nothing(f: &Fixture) {
    f.deploy("worker", &["t"]).await;
    let head = f.events.head(&f.main()).await.unwrap();
    for bad in ["worker", "a"] {
        let list = ["a", "b", bad].map(|name| f.new_service(name, &json!({})));
        let refused = f.services.register(&f.main(), list.to_vec()).await;
        assert!(matches!(refused, Err(Error::Conflict { .. })), "{bad}");
        assert_eq!(f.state("a").await, None);
        assert_eq!(
            f.events.head(&f.main()).await.unwrap(),
            head,
            "nobody was told"
        );
    }
    let list = ["a", "b", "c"].map(|name| f.new_service(name, &json!({})));
    f.services.register(&f.main(), list.to_vec()).await.unwrap();
    assert_eq!(f.state("c").await, Some(ServiceState::Active));
}

async fn only_public_services_are_told_of(f: &Fixture) {
    let mut seen = Position(0);
    for visibility in ["private", "internal", "public"] {
        let more = json!({ "visibility": visibility });
        f.register(visibility, &more).await.unwrap();
    }
    f.clock.advance_ms(TTL_MS);
    assert_eq!(f.sweep_services().await, (3, 0));
    let told = ["public service.registered", "public service.offline"];
    assert_eq!(f.feed(&mut seen).await, told);
    let directory = f.agents.directory(&f.main()).await.unwrap();
    let query = ServiceQuery {
        limit: 100,
        ..ServiceQuery::default()
    };
    let found = |include_expired| {
        let query = ServiceQuery {
            include_expired,
            ..query.clone()
        };
        let found = directory.discover(Viewer::Agent, &query, &HashMap::new(), f.clock.now());
        found.unwrap().found.len()
    };
    assert_eq!((found(false), found(true)), (0, 1));
}

async fn tenants_share_no_services(f: &Fixture) {
    let bolt = f.neighbour("bolt").await;
    f.register("weather", &json!({})).await.unwrap();
    assert_eq!(bolt.state("weather").await, None);
    assert!(matches!(
        bolt.beat("weather", json!(null)).await,
        Err(Error::NotFound { .. })
    ));
    assert_eq!(
        bolt.register("weather", &json!({})).await.unwrap(),
        (true, false)
    );
    bolt.services
        .deregister(&bolt.main(), &name("weather"), Timestamp(0))
        .await
        .unwrap();
    assert_eq!(f.state("weather").await, Some(ServiceState::Active));
}

async fn services_hold_at_the_limit_and_one_past(f: &Fixture) {
    let many = |n: usize| {
        (0..n)
            .map(|i| f.new_service(&format!("s{i}"), &json!({})))
            .collect()
    };
    let past: Vec<_> = many(SERVICES_PER_TENANT_MAX + 1);
    assert!(matches!(
        f.services.register(&f.main(), past).await,
        Err(Error::Exhausted {
            limit: "services_per_tenant_max",
            ..
        })
    ));
    f.services
        .register(&f.main(), many(SERVICES_PER_TENANT_MAX))
        .await
        .unwrap();
    assert!(matches!(
        f.register("one-more", &json!({})).await,
        Err(Error::Exhausted { .. })
    ));
    f.register("s0", &json!({ "version": "2" })).await.unwrap();
}
