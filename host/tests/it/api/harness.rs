//! A host without a socket, clients of it, and guests that follow a script.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, Request};
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use warren::api;
use warren::app::{Accepted, AdminKey, ApiLimits, App, Front, Health, Uploads};
use warren::bus::Feed;
use warren::bus::local::LocalBus;
use warren::clock::{Clock, SimClock, Timestamp};
use warren::dispatch::{DispatchLimits, Dispatcher, Parts, Ran, Runner};
use warren::error::Result;
use warren::events::Event;
use warren::host::quotas;
use warren::id::{Digest, TenantId};
use warren::identity::{AuditLog, FetchKeys, Issuers, TenantScope};
use warren::memory::embed::{Offline, Progress};
use warren::quota::QuotaSettings;
use warren::registry::{Hosted, Manifest, RegistrySettings, SchemaCache};
use warren::store::sqlite::{SqliteSettings, SqliteStore};
use warren::telemetry::Metrics;
use warren::turn::{Services, Turn, TurnEnd, TurnLimits};

/// The operator's key.
pub(super) const ADMIN_KEY: &str = "admin-0123456789abcdef0123456789abcdef";
/// When tests take place.
pub(super) const NOW: Timestamp = Timestamp(1_700_000_000_000);
/// How long a test waits for what must come before it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// Look again until it is so.
pub(super) async fn eventually(so: impl AsyncFn() -> bool) {
    let look = async {
        while !so().await {
            tokio::task::yield_now().await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, look).await;
    in_time.expect("it should have come about");
}

/// A whole host but for its sockets, its compiler and its sandbox.
pub(super) struct Host {
    pub(super) clock: SimClock,
    pub(super) app: Arc<App>,
    pub(super) dispatcher: Dispatcher,
    pub(super) unloaded: Unloaded,
    router: Router,
    store: Arc<SqliteStore>,
    _dir: TempDir,
}

/// What a test may want otherwise.
#[derive(Default)]
pub(super) struct Setup {
    pub(super) limits: ApiLimits,
    pub(super) front: Front,
    /// No event is ever announced to streams.
    pub(super) deaf: bool,
    /// Whose tokens are taken.
    pub(super) issuers: Issuers,
}

impl Host {
    pub(super) async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    pub(super) async fn with(setup: Setup) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = SimClock::at(NOW);
        let time: Arc<dyn Clock> = Arc::new(clock.clone());
        let bus = LocalBus::new();
        let settings = SqliteSettings {
            writer_threads: 2,
            fatal: Arc::new(|reason| panic!("the store says that the disk failed: {reason}")),
            quotas: quotas(&QuotaSettings::default(), &setup.limits),
            ..SqliteSettings::default()
        };
        let store = SqliteStore::open(
            dir.path(),
            settings,
            Arc::clone(&time),
            Arc::<LocalBus>::clone(&bus),
        )
        .unwrap();
        let unloaded = Unloaded::default();
        let (dispatcher, recovery) =
            Dispatcher::new(parts(&store, &time, &unloaded), &dir.path().join("turns")).unwrap();
        bus.connect(dispatcher.inbox());
        dispatcher.start(recovery).await.unwrap();
        let feed: Arc<dyn Feed> = if setup.deaf {
            Arc::new(Deaf::default())
        } else {
            bus
        };
        let given = (setup.limits, dispatcher.hosted(), setup.issuers);
        let app = app(&store, time, feed, given);
        let app = Arc::new(App {
            front: setup.front,
            ..app
        });
        app.health.set_recovered();
        Self {
            clock,
            router: api::router(Arc::clone(&app)),
            app,
            dispatcher,
            unloaded,
            store,
            _dir: dir,
        }
    }

    pub(super) fn nobody(&self) -> Client {
        Client {
            router: self.router.clone(),
            key: None,
            whom: Vec::new(),
        }
    }

    pub(super) fn with_key(&self, key: &str) -> Client {
        Client {
            key: Some(key.to_owned()),
            ..self.nobody()
        }
    }

    /// The host's own scope of a tenant.
    pub(super) async fn scope(&self, tenant: &str) -> TenantScope {
        let tenant = self.app.admin.get_tenant(&tenant.parse().unwrap()).await;
        TenantScope::for_dispatch(tenant.unwrap().id)
    }

    pub(super) fn operator(&self) -> Client {
        self.with_key(ADMIN_KEY)
    }

    /// A new tenant's client, with a key named `main`.
    pub(super) async fn tenant(&self, name: &str) -> Client {
        let tenant = json!({ "name": name });
        self.operator().post("/v1/tenants", &tenant).await.ok();
        self.another_key(name, "main").await
    }

    /// A client of this tenant with a new key of this name.
    pub(super) async fn another_key(&self, tenant: &str, name: &str) -> Client {
        let path = format!("/v1/tenants/{tenant}/keys");
        let key = json!({ "name": name });
        let made = self.operator().post(&path, &key).await.ok();
        self.with_key(made["key"].as_str().unwrap())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.store.close();
    }
}

/// Somebody with a key, or without.
#[derive(Clone)]
pub(super) struct Client {
    router: Router,
    pub(super) key: Option<String>,
    /// Headers that say on whose behalf it speaks.
    whom: Vec<(&'static str, String)>,
}

impl Client {
    /// The same key, on behalf of somebody.
    pub(super) fn of(&self, customer: Option<&str>, user: Option<&str>) -> Self {
        let named = [("warren-customer", customer), ("warren-user", user)];
        let whom = named
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?.to_owned())));
        Self {
            whom: whom.collect(),
            ..self.clone()
        }
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }

    pub(super) async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], "").await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Answer {
        let json = [("content-type", "application/json")];
        self.send("POST", path, &json, body.to_string()).await
    }

    pub(super) async fn patch(&self, path: &str, body: &Value) -> Answer {
        let json = [("content-type", "application/json")];
        self.send("PATCH", path, &json, body.to_string()).await
    }

    pub(super) async fn put(&self, path: &str, body: &Value) -> Answer {
        let json = [("content-type", "application/json")];
        self.send("PUT", path, &json, body.to_string()).await
    }

    /// Push an agent that behaves so and handles these action requests.
    pub(super) async fn push(&self, name: &str, behaviour: &str, types: &[&str]) -> Answer {
        let path = format!("/v1/agents/{name}");
        let wasm = [("content-type", "application/wasm")];
        self.send(
            "PUT",
            &path,
            &wasm,
            manifest(name, behaviour, types).to_string(),
        )
        .await
    }

    /// Publish an event of the topic `business-facts`, or as `more` says.
    pub(super) async fn publish(&self, event_type: &str, more: &Value) -> Value {
        let mut event = json!({ "type": event_type, "topic": "business-facts" });
        for (name, value) in more.as_object().into_iter().flatten() {
            event[name] = value.clone();
        }
        self.post("/v1/events", &event).await.ok()
    }

    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let response = self.open(method, path, headers, body).await;
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            what: format!("{method} {path}"),
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        }
    }

    async fn open(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> axum::response::Response {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        for (name, value) in &self.whom {
            request = request.header(*name, value);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).unwrap();
        let sent = self.router.clone().oneshot(request);
        tokio::time::timeout(PATIENCE, sent).await.unwrap().unwrap()
    }

    /// Follow events.
    pub(super) async fn stream(&self, query: &str, headers: &[(&str, &str)]) -> Stream {
        self.follow(&format!("/v1/events/stream{query}"), headers)
            .await
    }

    /// Follow what any route streams.
    pub(super) async fn follow(&self, path: &str, headers: &[(&str, &str)]) -> Stream {
        let response = self.open("GET", path, headers, "").await;
        assert_eq!(response.status().as_u16(), 200, "{path}");
        Stream {
            body: response.into_body().into_data_stream(),
            text: String::new(),
        }
    }
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) what: String,
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body of an answer that must be a success.
    #[track_caller]
    pub(super) fn ok(&self) -> Value {
        self.is(200..300)
    }

    #[track_caller]
    fn is(&self, statuses: std::ops::Range<u16>) -> Value {
        let told = format!("{}: {} {}", self.what, self.status, self.text());
        assert!(statuses.contains(&self.status), "{told}");
        self.json()
    }

    /// The problem document of an answer that must be this one.
    #[track_caller]
    pub(super) fn problem(&self, status: u16, code: &str) -> Value {
        let problem = self.is(status..status + 1);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(problem["code"], code, "{}: {problem}", self.what);
        assert_eq!(problem["status"], status);
        problem
    }
}

/// A message of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) event: String,
    pub(super) id: i64,
    pub(super) data: Value,
}

/// An open stream.
pub(super) struct Stream {
    body: BodyDataStream,
    text: String,
}

impl Stream {
    /// The next message; none at the end of the stream.
    pub(super) async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let message = read_message(&self.text[..end]);
                self.text.drain(..end + 2);
                return Some(message);
            }
            let chunk = tokio::time::timeout(PATIENCE, self.body.next());
            let chunk = chunk.await.expect("a message should have come")?;
            self.text
                .push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
        }
    }

    /// The next message that is an event, whatever the stream says of itself in between.
    pub(super) async fn event(&mut self) -> Message {
        loop {
            let message = self.next().await.expect("the stream should go on");
            if message.event == "message" {
                return message;
            }
        }
    }

    /// What the stream says last.
    pub(super) async fn last(mut self) -> Message {
        let mut last = None;
        while let Some(message) = self.next().await {
            last = Some(message);
        }
        last.unwrap()
    }
}

fn read_message(text: &str) -> Message {
    let field = |name: &str| {
        let lines = text.lines().filter_map(|line| line.strip_prefix(name));
        lines.map(str::trim_start).collect::<Vec<_>>().join("\n")
    };
    let event = field("event:");
    Message {
        event: if event.is_empty() {
            "message".into()
        } else {
            event
        },
        id: field("id:").parse().unwrap(),
        data: serde_json::from_str(&field("data:")).unwrap(),
    }
}

/// The manifest of an agent that behaves so.
pub(super) fn manifest(name: &str, behaviour: &str, types: &[&str]) -> Value {
    let subscriptions: Vec<Value> = types
        .iter()
        .map(|event_type| json!({ "topic": "action-requests", "type": event_type }))
        .collect();
    json!({
        "name": name,
        "kind": "tool",
        "description": behaviour,
        "subscriptions": subscriptions,
        "grants": ["events:publish", "working:write", "working:read"],
        "settings": { "attempts": 1 },
    })
}

/// No issuer publishes keys.
struct NoIssuerKeys;

#[async_trait]
impl FetchKeys for NoIssuerKeys {
    async fn fetch(&self, url: &str) -> Result<Vec<u8>> {
        panic!("nobody was told to read {url}")
    }
}

/// Takes a manifest for a component.
struct Manifests;

#[async_trait]
impl Uploads for Manifests {
    async fn accept(&self, _: &TenantScope, upload: Bytes) -> Result<Accepted> {
        let manifest = Manifest::parse(&String::from_utf8_lossy(&upload))?;
        Ok(Accepted {
            digest: Digest::of(&upload),
            component_bytes: upload.len() as u64,
            manifest,
            imports: vec!["warren:agent/events@0.1.0".to_owned()],
            compile_ms: 1,
            artifact_bytes: 2,
            start_us: 3,
        })
    }
}

/// Behaves as the agent's description says.
struct Scripted {
    unloaded: Unloaded,
}

/// Components that were taken out of memory.
type Unloaded = Arc<parking_lot::Mutex<Vec<Digest>>>;

#[async_trait]
impl Runner for Scripted {
    async fn run(&self, _: Digest, mut turn: Box<Turn>, cancelled: CancellationToken) -> Ran {
        let behaviour = turn.agent().manifest.description.clone();
        let data = turn.event().body.data.as_str().to_owned();
        let done = match behaviour.as_str() {
            "echo" => turn.respond(&data).await.map(|_| TurnEnd::Done),
            "remember" => turn
                .working_put("last", &data, None)
                .await
                .map(|()| TurnEnd::Done),
            "fail" => Ok(TurnEnd::Trapped("no".to_owned())),
            "reject" => Ok(TurnEnd::Rejected("not today".to_owned())),
            "hang" => {
                cancelled.cancelled().await;
                Ok(TurnEnd::TimedOut)
            }
            _ => Ok(TurnEnd::Done),
        };
        let cpu = match behaviour.as_str() {
            "burn" => Duration::from_secs(1),
            _ => Duration::from_micros(5),
        };
        Ran {
            turn: Some(turn),
            end: done.unwrap_or_else(|e| TurnEnd::HostError(e.to_string())),
            cpu,
            wall: Duration::from_micros(10),
        }
    }

    fn unload(&self, digest: Digest) {
        self.unloaded.lock().push(digest);
    }
}

/// A feed that never says anything.
#[derive(Default)]
struct Deaf(parking_lot::Mutex<Vec<broadcast::Sender<Arc<Event>>>>);

impl Feed for Deaf {
    fn subscribe(&self, _: TenantId) -> broadcast::Receiver<Arc<Event>> {
        let (sender, receiver) = broadcast::channel(1);
        self.0.lock().push(sender);
        receiver
    }
}

fn parts(store: &Arc<SqliteStore>, clock: &Arc<dyn Clock>, unloaded: &Unloaded) -> Parts {
    let services = Services {
        clock: Arc::clone(clock),
        ids: store.id_key(),
        agents: Arc::<SqliteStore>::clone(store),
        catalog: Arc::<SqliteStore>::clone(store),
        working: Arc::<SqliteStore>::clone(store),
        knowledge: Arc::<SqliteStore>::clone(store),
        episodes: Arc::<SqliteStore>::clone(store),
        procedures: Arc::<SqliteStore>::clone(store),
        schemas: SchemaCache::default(),
        hosted: std::sync::OnceLock::new(),
        allowances: Arc::clone(store.allowances()),
    };
    let limits = DispatchLimits {
        turns_running_max: 8,
        drain: Duration::ZERO,
        ..DispatchLimits::default()
    };
    Parts {
        admin: Arc::<SqliteStore>::clone(store),
        audit: Arc::new(AuditLog::new(Arc::<SqliteStore>::clone(store))),
        deliveries: Arc::<SqliteStore>::clone(store),
        turns: Arc::<SqliteStore>::clone(store),
        usage: Arc::<SqliteStore>::clone(store),
        services: Arc::new(services),
        runner: Arc::new(Scripted {
            unloaded: Arc::clone(unloaded),
        }),
        limits,
        turn_limits: TurnLimits::default(),
    }
}

fn app(
    store: &Arc<SqliteStore>,
    clock: Arc<dyn Clock>,
    feed: Arc<dyn Feed>,
    (limits, hosted, issuers): (ApiLimits, Arc<dyn Hosted>, Issuers),
) -> App {
    App {
        clock,
        admin: Arc::<SqliteStore>::clone(store),
        agents: Arc::<SqliteStore>::clone(store),
        catalog: Arc::<SqliteStore>::clone(store),
        services: Arc::<SqliteStore>::clone(store),
        hosted,
        registry: RegistrySettings::default(),
        events: Arc::<SqliteStore>::clone(store),
        turns: Arc::<SqliteStore>::clone(store),
        deliveries: Arc::<SqliteStore>::clone(store),
        working: Arc::<SqliteStore>::clone(store),
        knowledge: Arc::<SqliteStore>::clone(store),
        knowledge_keeper: Arc::<SqliteStore>::clone(store),
        episode_keeper: Arc::<SqliteStore>::clone(store),
        procedure_keeper: Arc::<SqliteStore>::clone(store),
        working_keeper: Arc::<SqliteStore>::clone(store),
        sessions: Arc::<SqliteStore>::clone(store),
        usage: Arc::<SqliteStore>::clone(store),
        allowances: Arc::clone(store.allowances()),
        eraser: Arc::<SqliteStore>::clone(store),
        episodes: Arc::<SqliteStore>::clone(store),
        procedures: Arc::<SqliteStore>::clone(store),
        secrets: Arc::<SqliteStore>::clone(store),
        uploads: Arc::new(Manifests),
        feed,
        keys: store.key_hasher(),
        audit: Arc::new(AuditLog::new(Arc::<SqliteStore>::clone(store))),
        issuers,
        issuer_keys: Arc::new(NoIssuerKeys),
        admin_key: AdminKey::new(ADMIN_KEY).unwrap(),
        health: Arc::new(Health::default()),
        metrics: Arc::new(Metrics::default()),
        embedding: Progress::new(&Offline::default()),
        front: Front::default(),
        limits,
    }
}

/// As a part of a path or of a query, whatever it holds.
pub(super) fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        let _ = write!(encoded, "%{byte:02X}");
        encoded
    })
}
