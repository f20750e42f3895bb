//! Puts a host together: the one place that gives the domain its adapters.
//!
//! Invariant: parts are opened from the store upwards and closed the other way round, so that nothing
//! is asked to work on something that has gone. Whoever needs a whole host (the CLI, the benchmark, the
//! tests) opens it here; what listens on a socket is `api`'s. What nobody needs any more is swept from here,
//! because it is a matter of the adapters.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use crate::app::{AdminKey, ApiLimits, App, Front, Health, Uploads};
use crate::bus::local::LocalBus;
use crate::bus::{Bus, Feed};
use crate::clock::Clock;
use crate::crash::{self, Point};
use crate::dispatch::{
    DispatchLimits, Dispatcher, Parts, Ran, Recovery, Runner, ServiceSweeper, UsageTeller,
};
use crate::egress::{Egress, EgressSettings, Resolve, SystemResolver};
use crate::embedders::{EmbedderSettings, Work, Worker};
use crate::error::Result;
use crate::id::Digest;
use crate::identity::{AuditLog, Issuers, TenantScope};
use crate::memory::KNOWLEDGE_ENTRIES_MAX;
use crate::memory::embed::{Embedder, Progress, Watched};
use crate::quota::{Quota, QuotaSettings, Quotas};
use crate::registry::{AGENTS_PER_TENANT_MAX, Hosted, RegistrySettings, SchemaCache};
use crate::sandbox::intake::{Accepted, Artifacts, Intake, IntakeSettings};
use crate::sandbox::{ArtifactSource, Sandbox, SandboxLimits};
use crate::store::sqlite::{SqliteSettings, SqliteStore};
use crate::telemetry::Metrics;
use crate::turn::{Services, Turn, TurnLimits};

mod issuer_keys;
mod sweep;

pub use sweep::RetentionSettings;

use issuer_keys::IssuerKeys;
use sweep::{Sweeper, Sweeping};

/// The file of running turns, in the data directory. Not `running`: to a file system that ignores case
/// that is the store's marker `RUNNING`.
const RUNNING_FILE: &str = "turns";

/// What a host is made of.
#[derive(Clone)]
pub struct HostSettings {
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// The operator's key.
    pub admin_key: AdminKey,
    /// Whose tokens are taken beside API keys.
    pub issuers: Issuers,
    /// How uploads are checked and compiled.
    pub intake: IntakeSettings,
    /// What one sandbox may use.
    pub sandbox: SandboxLimits,
    /// What one turn may do.
    pub turn: TurnLimits,
    /// What the dispatcher may hold and run.
    pub dispatch: DispatchLimits,
    /// How the embedded store is run.
    pub store: SqliteSettings,
    /// What is forgotten.
    pub retention: RetentionSettings,
    /// What makes the vectors of knowledge. It takes the place of the store's.
    pub embedder: EmbedderSettings,
    /// Whom the host answers.
    pub front: Front,
    /// What a client may ask for.
    pub api: ApiLimits,
    /// How the catalogue of services is run.
    pub registry: RegistrySettings,
    /// What each tenant may use unless it is set otherwise for one.
    pub quota: QuotaSettings,
    /// What requests to the outside may be, and where they may go.
    pub egress: EgressSettings,
    /// Finds the addresses of the hosts that they go to.
    pub resolver: Arc<dyn Resolve>,
}

impl HostSettings {
    /// All limits at their defaults.
    pub fn new(data_dir: PathBuf, admin_key: AdminKey) -> Self {
        Self {
            data_dir,
            admin_key,
            issuers: Issuers::default(),
            intake: IntakeSettings::default(),
            sandbox: SandboxLimits::default(),
            turn: TurnLimits::default(),
            dispatch: DispatchLimits::default(),
            store: SqliteSettings::default(),
            retention: RetentionSettings::default(),
            embedder: EmbedderSettings::default(),
            front: Front::default(),
            api: ApiLimits::default(),
            registry: RegistrySettings::default(),
            quota: QuotaSettings::default(),
            egress: EgressSettings::default(),
            resolver: Arc::new(SystemResolver::default()),
        }
    }

    /// What a tenant may use for which nothing else is set.
    pub fn quotas(&self) -> Quotas {
        quotas(&self.quota, &self.api)
            .with(Quota::TenantBytesMax, self.store.tenant_bytes_max)
            .with(
                Quota::TenantTurnsRunningMax,
                self.dispatch.tenant_turns_running_max as u64,
            )
    }
}

/// What of quotas is told by these settings, everything else at its default.
pub fn quotas(settings: &QuotaSettings, api: &ApiLimits) -> Quotas {
    settings
        .quotas()
        .with(Quota::KnowledgeEntriesMax, KNOWLEDGE_ENTRIES_MAX)
        .with(Quota::AgentsPerTenantMax, AGENTS_PER_TENANT_MAX)
        .with(
            Quota::StreamsPerTenantMax,
            api.streams_per_tenant_max as u64,
        )
        .with(
            Quota::UploadsPerTenantMax,
            api.uploads_per_tenant_max as u64,
        )
}

/// A host, without its socket.
pub struct Host {
    /// All that HTTP may touch.
    pub app: Arc<App>,
    /// Moves deliveries.
    pub dispatcher: Dispatcher,
    /// Keeps everything.
    pub store: Arc<SqliteStore>,
    /// Runs guests.
    pub sandbox: Arc<Sandbox>,
    /// What turns read from.
    pub services: Arc<Services>,
    recovery: Option<Recovery>,
    sweepers: Option<(Sweeper, ServiceSweeper, UsageTeller)>,
    sweeping: Vec<Sweeping>,
    /// Taken when the host starts.
    embedding: Option<Work>,
    worker: Option<Worker>,
}

impl Host {
    /// Open the data directory and build every part. Nothing runs yet.
    ///
    /// # Errors
    /// `Conflict` if another host has the directory or a newer one wrote it; `Unavailable` if it cannot
    /// be used or the machine lacks what the sandbox needs.
    pub fn open(settings: HostSettings, clock: Arc<dyn Clock>) -> Result<Self> {
        let bus = LocalBus::new();
        let announce: Arc<dyn Bus> = Arc::<LocalBus>::clone(&bus);
        let (embedder, progress) = watched(&settings.embedder)?;
        let quotas = settings.quotas();
        let store = SqliteStore::open(
            &settings.data_dir,
            SqliteSettings {
                quotas,
                embedder: Arc::<Watched>::clone(&embedder),
                ..settings.store
            },
            Arc::clone(&clock),
            announce,
        )?;
        let artifacts = Artifacts::open(&settings.data_dir, store.mac_key(), settings.intake)?;
        let source: Arc<dyn ArtifactSource> = Arc::<Artifacts>::clone(&artifacts);
        let way = (settings.egress, settings.resolver);
        let egress = egress(&store, &clock, way)?;
        let sandbox = Sandbox::new(settings.sandbox, source, Some(egress))?;
        let intake = Intake::new(artifacts, Arc::clone(&sandbox))?;
        let services = services(&store, &clock);
        let sweeper = Sweeper {
            store: Arc::clone(&store),
            intake: Arc::clone(&intake),
            clock: Arc::clone(&clock),
            settings: settings.retention,
        };
        let limits = (settings.dispatch, settings.turn);
        let parts = parts(&store, &services, &sandbox, limits);
        let audit = Arc::clone(&parts.audit);
        let (dispatcher, recovery) = Dispatcher::new(parts, &settings.data_dir.join(RUNNING_FILE))?;
        bus.connect(dispatcher.inbox());
        let bills = bills(&store, &clock);
        let silence = silence(&store, &clock, settings.registry);
        let uploads = Arc::new(Gate {
            intake,
            store: Arc::clone(&store),
        });
        let outside = Outside {
            clock,
            hosted: hosted(&dispatcher, &services),
            registry: settings.registry,
            uploads,
            feed: bus,
            audit,
            issuers: settings.issuers,
            admin_key: settings.admin_key,
            embedding: Arc::clone(&progress),
            front: settings.front,
            limits: settings.api,
        };
        let app = app(&store, outside);
        app.metrics.watch_turns(dispatcher.figures());
        app.metrics.watch_embedding(Arc::clone(&progress));
        let embedding = embedding(&store, embedder, progress);
        Ok(Self {
            app: Arc::new(app),
            dispatcher,
            store,
            sandbox,
            services,
            recovery: Some(recovery),
            sweepers: Some((sweeper, silence, bills)),
            sweeping: Vec::new(),
            embedding: Some(embedding),
            worker: None,
        })
    }

    /// Take up what the last host left and begin to run turns. Ready when it returns.
    pub async fn start(&mut self) -> Result<()> {
        if let Some(recovery) = self.recovery.take() {
            self.dispatcher.start(recovery).await?;
        }
        if let Some((old, silent, bills)) = self.sweepers.take() {
            let silent = Sweeping::begin(async move |closing| silent.run(&closing).await);
            let bills = Sweeping::begin(async move |closing| bills.run(&closing).await);
            self.sweeping = vec![old.start(), silent, bills];
        }
        self.app.health.set_recovered();
        self.worker = self.embedding.take().map(Worker::start);
        Ok(())
    }

    /// Take nothing more, end the sweeps, finish what runs, close the store. Says how many turns had to be dropped;
    /// their deliveries are in the store.
    pub async fn stop(self) -> usize {
        crash::point(Point::ShutdownBegun);
        self.app.health.drain();
        for sweeping in self.sweeping {
            sweeping.stop().await;
        }
        let dropped = self.dispatcher.drain().await;
        if let Some(worker) = self.worker {
            worker.stop().await;
        }
        self.store.close();
        dropped
    }
}

/// What the HTTP side gets that is not the store's.
struct Outside {
    clock: Arc<dyn Clock>,
    hosted: Arc<dyn Hosted>,
    registry: RegistrySettings,
    uploads: Arc<dyn Uploads>,
    feed: Arc<dyn Feed>,
    audit: Arc<AuditLog>,
    issuers: Issuers,
    admin_key: AdminKey,
    embedding: Arc<Progress>,
    front: Front,
    limits: ApiLimits,
}

fn app(store: &Arc<SqliteStore>, outside: Outside) -> App {
    App {
        clock: outside.clock,
        hosted: outside.hosted,
        registry: outside.registry,
        services: Arc::<SqliteStore>::clone(store),
        admin: Arc::<SqliteStore>::clone(store),
        agents: Arc::<SqliteStore>::clone(store),
        catalog: Arc::<SqliteStore>::clone(store),
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
        uploads: outside.uploads,
        feed: outside.feed,
        keys: store.key_hasher(),
        audit: outside.audit,
        issuers: outside.issuers,
        issuer_keys: Arc::new(IssuerKeys::new()),
        admin_key: outside.admin_key,
        health: Arc::new(Health::default()),
        metrics: Arc::new(Metrics::default()),
        embedding: outside.embedding,
        front: outside.front,
        limits: outside.limits,
    }
}

/// The embedder, and what is told of it.
fn watched(settings: &EmbedderSettings) -> Result<(Arc<Watched>, Arc<Progress>)> {
    let embedder = settings.build()?;
    let progress = Progress::new(&*embedder);
    let watched = Watched::new(embedder, Arc::clone(&progress));
    Ok((watched, progress))
}

/// The work in the background.
fn embedding(
    store: &Arc<SqliteStore>,
    embedder: Arc<dyn Embedder>,
    progress: Arc<Progress>,
) -> Work {
    Work {
        admin: Arc::<SqliteStore>::clone(store),
        store: Arc::<SqliteStore>::clone(store),
        embedder,
        progress,
    }
}

fn parts(
    store: &Arc<SqliteStore>,
    services: &Arc<Services>,
    sandbox: &Arc<Sandbox>,
    (limits, turn_limits): (DispatchLimits, TurnLimits),
) -> Parts {
    Parts {
        admin: Arc::<SqliteStore>::clone(store),
        audit: Arc::new(AuditLog::new(Arc::<SqliteStore>::clone(store))),
        deliveries: Arc::<SqliteStore>::clone(store),
        turns: Arc::<SqliteStore>::clone(store),
        usage: Arc::<SqliteStore>::clone(store),
        services: Arc::clone(services),
        runner: Arc::new(Guests(Arc::clone(sandbox))),
        limits,
        turn_limits,
    }
}

fn services(store: &Arc<SqliteStore>, clock: &Arc<dyn Clock>) -> Arc<Services> {
    Arc::new(Services {
        clock: Arc::clone(clock),
        ids: store.id_key(),
        agents: Arc::<SqliteStore>::clone(store),
        catalog: Arc::<SqliteStore>::clone(store),
        working: Arc::<SqliteStore>::clone(store),
        knowledge: Arc::<SqliteStore>::clone(store),
        episodes: Arc::<SqliteStore>::clone(store),
        procedures: Arc::<SqliteStore>::clone(store),
        schemas: SchemaCache::default(),
        hosted: OnceLock::new(),
        allowances: Arc::clone(store.allowances()),
    })
}

/// The way out.
fn egress(
    store: &Arc<SqliteStore>,
    clock: &Arc<dyn Clock>,
    (settings, resolver): (EgressSettings, Arc<dyn Resolve>),
) -> Result<Arc<Egress>> {
    Egress::new(
        settings,
        resolver,
        Arc::<SqliteStore>::clone(store),
        Arc::clone(store.allowances()),
        Arc::clone(clock),
    )
}

/// What is known of the agents, for the HTTP side, and for turns while that side lives.
fn hosted(dispatcher: &Dispatcher, services: &Services) -> Arc<dyn Hosted> {
    let hosted = dispatcher.hosted();
    services.hosted.get_or_init(|| Arc::downgrade(&hosted));
    hosted
}

fn bills(store: &Arc<SqliteStore>, clock: &Arc<dyn Clock>) -> UsageTeller {
    UsageTeller {
        admin: Arc::<SqliteStore>::clone(store),
        usage: Arc::<SqliteStore>::clone(store),
        clock: Arc::clone(clock),
    }
}

fn silence(
    store: &Arc<SqliteStore>,
    clock: &Arc<dyn Clock>,
    settings: RegistrySettings,
) -> ServiceSweeper {
    ServiceSweeper {
        admin: Arc::<SqliteStore>::clone(store),
        services: Arc::<SqliteStore>::clone(store),
        clock: Arc::clone(clock),
        settings,
    }
}

/// The sandbox as the dispatcher knows it.
struct Guests(Arc<Sandbox>);

#[async_trait]
impl Runner for Guests {
    async fn run(&self, digest: Digest, turn: Box<Turn>, cancelled: CancellationToken) -> Ran {
        let run = self.0.run(digest, turn, cancelled).await;
        Ran {
            turn: Some(run.turn),
            end: run.end,
            cpu: run.cpu,
            wall: run.wall,
        }
    }

    fn unload(&self, digest: Digest) {
        self.0.unload(digest);
    }
}

/// Intake as the HTTP side knows it.
struct Gate {
    intake: Arc<Intake>,
    /// Told when components cannot be kept because the disk failed: it is the store's disk too.
    store: Arc<SqliteStore>,
}

#[async_trait]
impl Uploads for Gate {
    async fn accept(&self, _scope: &TenantScope, upload: Bytes) -> Result<Accepted> {
        let accepted = self.intake.accept(upload).await;
        crash::point(Point::ComponentKept);
        if let Err(error) = &accepted {
            self.store.notice(error);
        }
        accepted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_are_those_of_the_settings_of_their_names() {
        let admin = AdminKey::new(&"k".repeat(64)).unwrap();
        let quotas = HostSettings::new(PathBuf::new(), admin).quotas();
        let defaults = Quotas::default()
            .with(Quota::KnowledgeEntriesMax, KNOWLEDGE_ENTRIES_MAX)
            .with(Quota::AgentsPerTenantMax, AGENTS_PER_TENANT_MAX);
        assert_eq!(quotas, defaults);
    }
}
