//! The contract of the storage traits: each behaviour is one `async fn(&Fixture)`, run for every store.
//! A new store adds one line to [`fixtures`].

use std::path::Path;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use warren::bus::{Announcement, Bus};
use warren::clock::{Clock, SimClock, Timestamp};
use warren::events::{Appended, EventStore, Json, NewEvent, Topic};
use warren::id::{
    AgentId, CustomerId, EventId, EventType, IdKey, KeyName, Label, Position, TenantId, TenantName,
};
use warren::identity::{AdminStore, Tenant, TenantScope};
use warren::memory::{
    EpisodeStore, Eraser, KnowledgeKeeper, KnowledgeStore, ProcedureStore, SessionStore,
    WorkingKeeper, WorkingStore,
};
use warren::registry::{Agent, AgentStore, CatalogStore, ServiceStore};
use warren::store::sqlite::{SqliteSettings, SqliteStore};
use warren::turn::{
    Delivery, DeliveryStore, TurnCommit, TurnFailure, TurnOutcome, TurnRecord, TurnStore,
};
use warren::usage::UsageStore;

mod admin;
mod agents;
mod append;
mod catalog;
mod embedding;
mod helpers;
mod history;
mod memory;
mod queue;
mod recovery;
mod services;
mod sqlite;
mod sweep;
mod turns;
mod usage;
mod working;

/// Remembers what was announced.
#[derive(Default)]
struct RecordingBus(Mutex<Vec<(TenantId, Announcement)>>);

impl Bus for RecordingBus {
    fn announce(&self, tenant: TenantId, announcement: Announcement) {
        self.0.lock().unwrap().push((tenant, announcement));
    }
}

impl RecordingBus {
    /// What was announced since the last call, `AgentsChanged` and such left out.
    fn appended(&self) -> (Vec<EventId>, Vec<(AgentId, Position)>) {
        let mut found = (Vec::new(), Vec::new());
        for (_, announcement) in self.0.lock().unwrap().drain(..) {
            if let Announcement::Appended { events, deliveries } = announcement {
                found.0.extend(events.iter().map(|e| e.body.id.clone()));
                found
                    .1
                    .extend(deliveries.iter().map(|d| (d.agent, d.event.position)));
            }
        }
        found
    }
}

/// A store with one tenant in it.
struct Fixture {
    clock: SimClock,
    bus: Arc<RecordingBus>,
    ids: IdKey,
    scope: TenantScope,
    admin: Arc<dyn AdminStore>,
    agents: Arc<dyn AgentStore>,
    catalog: Arc<dyn CatalogStore>,
    services: Arc<dyn ServiceStore>,
    events: Arc<dyn EventStore>,
    deliveries: Arc<dyn DeliveryStore>,
    turns: Arc<dyn TurnStore>,
    working: Arc<dyn WorkingStore>,
    knowledge: Arc<dyn KnowledgeStore>,
    keeper: Arc<dyn KnowledgeKeeper>,
    desk: Arc<dyn WorkingKeeper>,
    sessions: Arc<dyn SessionStore>,
    eraser: Arc<dyn Eraser>,
    episodes: Arc<dyn EpisodeStore>,
    procedures: Arc<dyn ProcedureStore>,
    usage: Arc<dyn UsageStore>,
    // Kept until the end of the test.
    dir: Option<TempDir>,
}

/// One of each store.
async fn fixtures() -> Vec<Fixture> {
    vec![sqlite_fixture().await.0]
}

async fn sqlite_fixture() -> (Fixture, Arc<SqliteStore>) {
    let dir = tempfile::tempdir().unwrap();
    let bus = Arc::new(RecordingBus::default());
    let clock = SimClock::at(Timestamp(1_700_000_000_000));
    let store = open_sqlite(dir.path(), &clock, &bus, sqlite_settings()).unwrap();
    let scope = create_tenant(&*store, "acme", &clock).await;
    let fixture = Fixture::of_sqlite(&store, clock, bus, scope, Some(dir));
    (fixture, store)
}

impl Fixture {
    fn of_sqlite(
        store: &Arc<SqliteStore>,
        clock: SimClock,
        bus: Arc<RecordingBus>,
        scope: TenantScope,
        dir: Option<TempDir>,
    ) -> Self {
        Self {
            clock,
            bus,
            ids: store.id_key(),
            scope,
            admin: Arc::<SqliteStore>::clone(store),
            agents: Arc::<SqliteStore>::clone(store),
            catalog: Arc::<SqliteStore>::clone(store),
            services: Arc::<SqliteStore>::clone(store),
            events: Arc::<SqliteStore>::clone(store),
            deliveries: Arc::<SqliteStore>::clone(store),
            turns: Arc::<SqliteStore>::clone(store),
            working: Arc::<SqliteStore>::clone(store),
            knowledge: Arc::<SqliteStore>::clone(store),
            keeper: Arc::<SqliteStore>::clone(store),
            desk: Arc::<SqliteStore>::clone(store),
            sessions: Arc::<SqliteStore>::clone(store),
            eraser: Arc::<SqliteStore>::clone(store),
            episodes: Arc::<SqliteStore>::clone(store),
            procedures: Arc::<SqliteStore>::clone(store),
            usage: Arc::<SqliteStore>::clone(store),
            dir,
        }
    }
}

/// Settings under which a failed disk fails the test and not the process.
fn sqlite_settings() -> SqliteSettings {
    SqliteSettings {
        writer_threads: 2,
        fatal: Arc::new(|reason| panic!("the store says that the disk failed: {reason}")),
        ..SqliteSettings::default()
    }
}

fn open_sqlite(
    dir: &Path,
    clock: &SimClock,
    bus: &Arc<RecordingBus>,
    settings: SqliteSettings,
) -> warren::error::Result<Arc<SqliteStore>> {
    SqliteStore::open(
        dir,
        settings,
        Arc::new(clock.clone()),
        Arc::<RecordingBus>::clone(bus),
    )
}

async fn create_tenant(admin: &dyn AdminStore, name: &str, clock: &SimClock) -> TenantScope {
    let tenant = Tenant::new(TenantName::new(name).unwrap(), clock.now(), 1);
    let id = tenant.id;
    admin.create_tenant(tenant).await.unwrap();
    TenantScope::for_dispatch(id)
}

/// Runs a behaviour on every store.
macro_rules! on_every_store {
    ($($name:ident),+ $(,)?) => {
        mod every_store {
            $(
                #[tokio::test]
                async fn $name() {
                    for fixture in crate::store::fixtures().await {
                        super::$name(&fixture).await;
                    }
                }
            )+
        }
    };
}
use on_every_store;

/// An event from outside.
fn event(id: &str, event_type: &str) -> NewEvent {
    let id = EventId::new(id).unwrap();
    NewEvent {
        source: "client/test".into(),
        event_type: EventType::new(event_type).unwrap(),
        topic: Topic::BusinessFacts,
        time: Timestamp(1_700_000_000_000),
        subject: None,
        data: Json::parse("data", r#"{"n":1}"#).unwrap(),
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

/// An event of a session, which is what its deliveries are kept in order by.
fn event_in(session: &str, id: &str, event_type: &str) -> NewEvent {
    NewEvent {
        session: Some(Label::new(session).unwrap()),
        ..event(id, event_type)
    }
}

impl Fixture {
    /// An agent that handles these types.
    async fn deploy(&self, name: &str, event_types: &[&str]) -> Agent {
        let version = self.version(name, &format!("{name} {event_types:?}"), event_types);
        self.agents
            .deploy(&self.scope, version)
            .await
            .unwrap()
            .agent
    }

    /// Append and be sure of it.
    async fn publish(&self, events: Vec<NewEvent>) -> Vec<Appended> {
        self.events.append(&self.scope, events).await.unwrap()
    }

    /// What waits for an agent.
    async fn pending(&self, agent: &Agent) -> Vec<Delivery> {
        self.deliveries
            .pending(&self.scope, agent.id, Position(0), 1_000)
            .await
            .unwrap()
    }

    fn record(&self, agent: &Agent, delivery: &Delivery, outcome: TurnOutcome) -> TurnRecord {
        let event = &delivery.event;
        TurnRecord {
            turn: self.ids.turn(self.scope.tenant(), event.position, agent.id),
            agent: agent.name.clone(),
            digest: agent.digest,
            event: event.body.id.clone(),
            position: event.position,
            event_type: event.body.event_type.clone(),
            trace: event.body.trace.clone(),
            attempt: delivery.attempts_failed + 1,
            outcome,
            reason: None,
            started: self.clock.now(),
            duration_us: 1_500,
            cpu_us: 100,
            host_calls: 0,
            reruns: 0,
            writes: 0,
            published: Vec::new(),
            calls: Vec::new(),
            http: Vec::new(),
            logs: Vec::new(),
        }
    }

    /// A turn that did nothing.
    fn commit_of(&self, agent: &Agent, delivery: &Delivery) -> TurnCommit {
        let record = self.record(agent, delivery, TurnOutcome::Committed);
        TurnCommit {
            turn: record.turn.clone(),
            agent: agent.id,
            position: delivery.event.position,
            attempts_failed: delivery.attempts_failed,
            reads: Vec::new(),
            effects: Vec::new(),
            events: Vec::new(),
            scheduled: Vec::new(),
            record,
        }
    }

    /// A turn that failed.
    fn failure_of(
        &self,
        agent: &Agent,
        delivery: &Delivery,
        retry_at: Option<Timestamp>,
    ) -> TurnFailure {
        TurnFailure {
            agent: agent.id,
            position: delivery.event.position,
            attempts_failed: delivery.attempts_failed,
            retry_at,
            record: self.record(agent, delivery, TurnOutcome::Failed),
        }
    }

    /// One agent, one event, the delivery of it.
    async fn one_delivery(&self) -> (Agent, Delivery) {
        let agent = self.deploy("worker", &["order.placed"]).await;
        self.publish(vec![event("e1", "order.placed")]).await;
        let mut pending = self.pending(&agent).await;
        assert_eq!(pending.len(), 1);
        (agent, pending.remove(0))
    }
}

fn client_scope(tenant: TenantId) -> TenantScope {
    TenantScope::for_request(
        tenant,
        KeyName::new("test").unwrap(),
        None::<CustomerId>,
        None,
    )
}
