//! A whole host in the test's process: tenants, agents, events, and what became of them.

use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;
use warren::app::AdminKey;
use warren::clock::{Clock, SimClock, SystemClock, Timestamp};
use warren::dispatch::DispatchLimits;
use warren::events::{Event, EventFilter, Json, NewEvent, Topic};
use warren::host::{Host, HostSettings};
use warren::id::{AgentName, EventId, EventType, KeyName, Label, TenantName};
use warren::identity::{Tenant, TenantScope};
use warren::memory::{WorkingKey, WorkingSpace};
use warren::registry::{GrantSet, Manifest, NewVersion, Settings};
use warren::sandbox::intake::IntakeSettings;
use warren::turn::{DeadLetter, TurnFilter, TurnRecord};

use crate::guests;

/// The program whose hidden subcommand compiles uploads.
const WARREN: &str = env!("CARGO_BIN_EXE_warren");

/// A running host with one tenant that has the probe.
pub(crate) struct TestHost {
    pub(crate) host: Host,
    pub(crate) tenant: TenantScope,
    dir: Option<TempDir>,
}

impl TestHost {
    /// With all limits at their defaults and the machine's clock.
    pub(crate) async fn start() -> Self {
        Self::with(Arc::new(SystemClock), |_| {}).await
    }

    /// With a clock that only the test moves.
    pub(crate) async fn at(clock: &SimClock) -> Self {
        Self::with(Arc::new(clock.clone()), |_| {}).await
    }

    /// With other settings.
    pub(crate) async fn with(
        clock: Arc<dyn Clock>,
        change: impl FnOnce(&mut HostSettings),
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = settings(dir.path());
        change(&mut settings);
        let mut host = Host::open(settings, clock).unwrap();
        host.start().await.unwrap();
        let tenant = add_tenant(&host, "acme").await;
        let test = Self {
            host,
            tenant,
            dir: Some(dir),
        };
        test.push(&test.tenant, "probe", GrantSet::all()).await;
        test
    }

    /// Another tenant, with the probe.
    pub(crate) async fn another(&self, name: &str) -> TenantScope {
        let scope = add_tenant(&self.host, name).await;
        self.push(&scope, "probe", GrantSet::all()).await;
        scope
    }

    /// Deploy the probe under a name.
    pub(crate) async fn push(&self, scope: &TenantScope, name: &str, grants: GrantSet) {
        self.push_changed(scope, name, guests::probe(), grants, |_| {})
            .await;
    }

    /// Deploy a component under a name.
    pub(crate) async fn push_component(
        &self,
        scope: &TenantScope,
        name: &str,
        component: Vec<u8>,
        grants: GrantSet,
    ) {
        self.push_changed(scope, name, component, grants, |_| {})
            .await;
    }

    /// Deploy the probe with other settings than it asks for, which makes it another version: a component
    /// of the same digest keeps what it has.
    pub(crate) async fn push_with(
        &self,
        scope: &TenantScope,
        name: &str,
        grants: GrantSet,
        change: impl FnOnce(&mut Settings),
    ) {
        let mut component = guests::probe();
        // A custom section, named `other`, with nothing in it.
        component.extend(b"\x00\x06\x05other");
        let change = |manifest: &mut Manifest| change(&mut manifest.settings);
        self.push_changed(scope, name, component, grants, change)
            .await;
    }

    /// Deploy a component as if its manifest said something else.
    pub(crate) async fn push_changed(
        &self,
        scope: &TenantScope,
        name: &str,
        component: Vec<u8>,
        grants: GrantSet,
        change: impl FnOnce(&mut Manifest),
    ) {
        let mut version = self.accept(scope, name, component).await;
        change(Arc::make_mut(&mut version.manifest));
        self.deploy(scope, NewVersion { grants, ..version }).await;
    }

    /// Have a component checked and compiled; nothing is granted yet.
    pub(crate) async fn accept(
        &self,
        scope: &TenantScope,
        name: &str,
        component: Vec<u8>,
    ) -> NewVersion {
        let upload = component.into();
        let accepted = self.host.app.uploads.accept(scope, upload).await.unwrap();
        NewVersion {
            name: AgentName::new(name).unwrap(),
            digest: accepted.digest,
            component_bytes: accepted.component_bytes,
            manifest: Arc::new(accepted.manifest),
            grants: GrantSet::NONE,
            now: self.host.app.clock.now(),
        }
    }

    /// Deploy what was accepted.
    pub(crate) async fn deploy(&self, scope: &TenantScope, version: NewVersion) {
        self.host.app.agents.deploy(scope, version).await.unwrap();
        self.host.dispatcher.settle().await;
    }

    /// Publish a script for the probe of the first tenant.
    pub(crate) async fn run(&self, script: Value) -> EventId {
        self.publish(&self.tenant, self.event("probe.run", script))
            .await
    }

    /// Publish an event and wait until nothing runs.
    pub(crate) async fn publish(&self, scope: &TenantScope, event: NewEvent) -> EventId {
        let id = event.id.clone();
        self.host
            .app
            .events
            .append(scope, vec![event])
            .await
            .unwrap();
        self.host.dispatcher.settle().await;
        id
    }

    /// An event as a client sends it.
    pub(crate) fn event(&self, event_type: &str, data: Value) -> NewEvent {
        let id = EventId::generate();
        NewEvent {
            source: self.tenant.principal().source(),
            event_type: EventType::new(event_type).unwrap(),
            topic: Topic::BusinessFacts,
            time: self.host.app.clock.now(),
            subject: None,
            data: Json::from_value("data", &data).unwrap(),
            schema: None,
            correlation: Label::of_event(&id),
            trace: Label::of_event(&id),
            parent: None,
            session: None,
            goal: None,
            plan: None,
            task: None,
            customer: None,
            user: None,
            reply_to: None,
            extensions: Vec::new(),
            hops: 0,
            root: None,
            id,
        }
    }

    /// A value in the probe's working memory; null if there is none.
    pub(crate) async fn working(&self, key: &str) -> Value {
        self.working_of(&self.tenant, "probe", key).await
    }

    /// A value in an agent's working memory; null if there is none.
    pub(crate) async fn working_of(&self, scope: &TenantScope, agent: &str, key: &str) -> Value {
        let space = WorkingSpace::Agent(AgentName::new(agent).unwrap());
        let key = WorkingKey::new(key).unwrap();
        let now = self.host.app.clock.now();
        let entry = self
            .host
            .app
            .working
            .get(scope, &space, &key, now)
            .await
            .unwrap();
        entry.map_or(Value::Null, |entry| {
            serde_json::from_str(entry.value.as_str()).unwrap()
        })
    }

    /// All events of a type, oldest first.
    pub(crate) async fn events(&self, event_type: &str) -> Vec<Arc<Event>> {
        let event_type = Some(EventType::new(event_type).unwrap());
        let filter = EventFilter {
            event_type,
            ..EventFilter::default()
        };
        let page = self
            .host
            .app
            .events
            .list(&self.tenant, &filter, None, 1_000)
            .await
            .unwrap();
        page.items.into_iter().rev().collect()
    }

    /// The last attempt of the turn on an event.
    pub(crate) async fn turn(&self, event: &EventId) -> TurnRecord {
        let filter = TurnFilter {
            event: Some(event.clone()),
            ..TurnFilter::default()
        };
        let page = self
            .host
            .app
            .turns
            .list(&self.tenant, &filter, None, 10)
            .await
            .unwrap();
        page.items.into_iter().next().expect("the event had a turn")
    }

    /// Dead letters of the first tenant, newest first.
    pub(crate) async fn dead_letters(&self) -> Vec<DeadLetter> {
        self.host
            .app
            .turns
            .dead_letters(&self.tenant, None, None, 100)
            .await
            .unwrap()
            .items
    }

    /// Stop it and start another on its data, which is removed with the last one.
    pub(crate) async fn restart(mut self) -> Self {
        let dir = self.dir.take().unwrap();
        let tenant = self.tenant.clone();
        let clock = Arc::clone(&self.host.app.clock);
        assert_eq!(self.host.stop().await, 0, "nothing had to be dropped");
        let mut host = Host::open(settings(dir.path()), clock).unwrap();
        host.start().await.unwrap();
        Self {
            host,
            tenant,
            dir: Some(dir),
        }
    }

    /// Stop it: nothing was left running.
    pub(crate) async fn stop(self) {
        self.host.dispatcher.settle().await;
        assert_eq!(self.host.stop().await, 0, "nothing had to be dropped");
    }
}

fn settings(dir: &std::path::Path) -> HostSettings {
    let admin = AdminKey::new("operator-operator-operator-operator").unwrap();
    HostSettings {
        intake: IntakeSettings {
            compiler: WARREN.into(),
            ..IntakeSettings::default()
        },
        dispatch: DispatchLimits {
            // Retries come at once, so that a test need not wait for them.
            retry_first: std::time::Duration::from_millis(1),
            // Agents of tests fail as often as they are told to.
            breaker_failures: 0,
            ..DispatchLimits::default()
        },
        ..HostSettings::new(dir.join("data"), admin)
    }
}

async fn add_tenant(host: &Host, name: &str) -> TenantScope {
    let tenant = Tenant::new(TenantName::new(name).unwrap(), Timestamp(0), 1);
    let id = tenant.id;
    host.app.admin.create_tenant(tenant).await.unwrap();
    TenantScope::for_request(id, KeyName::new("test").unwrap(), None, None)
}
