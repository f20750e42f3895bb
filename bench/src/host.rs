//! A whole host in this process, as `warren serve` assembles it, for the benchmarks.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use tempfile::TempDir;
use warren::clock::{Clock, SystemClock};
use warren::events::{Json, NewEvent, Topic};
use warren::host::{Host, HostSettings};
use warren::id::{EventId, EventType, KeyName, Label, TenantName};
use warren::identity::{Tenant, TenantScope};
use warren::registry::NewVersion;

use crate::guests;

/// A running host and its temporary data directory.
pub(crate) struct BenchHost {
    /// The host.
    pub(crate) host: Host,
    /// Removed when dropped.
    dir: TempDir,
    /// The tenants made so far.
    pub(crate) tenants: Vec<TenantScope>,
}

impl BenchHost {
    /// Open and start a host with `tenants` tenants, each with the benchmark's agent.
    pub(crate) async fn start(tenants: usize) -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("warren-bench")
            .tempdir_in(scratch())?;
        let settings = HostSettings {
            intake: guests::intake_settings()?,
            ..HostSettings::new(
                dir.path().join("data"),
                warren::app::AdminKey::new(guests::ADMIN_KEY)?,
            )
        };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let mut host = Host::open(settings, clock)?;
        host.start().await?;
        let mut bench = Self {
            host,
            dir,
            tenants: Vec::new(),
        };
        for index in 0..tenants {
            let scope = bench.add_tenant(index).await?;
            bench.push(&scope, guests::bytes("bench-turn")?).await?;
            bench.tenants.push(scope);
        }
        bench.host.dispatcher.settle().await;
        Ok(bench)
    }

    async fn add_tenant(&self, index: usize) -> Result<TenantScope> {
        let name = TenantName::new(&format!("bench-{index}"))?;
        let tenant = Tenant::new(name, self.host.app.clock.now(), 1);
        let id = tenant.id;
        self.host.app.admin.create_tenant(tenant).await?;
        Ok(TenantScope::for_request(
            id,
            KeyName::new("bench")?,
            None,
            None,
        ))
    }

    /// What `PUT /v1/agents/{name}` does, without HTTP.
    pub(crate) async fn push(&self, scope: &TenantScope, component: Vec<u8>) -> Result<()> {
        let accepted = self
            .host
            .app
            .uploads
            .accept(scope, component.into())
            .await?;
        let grants = accepted.manifest.grants.clone();
        let version = NewVersion {
            name: accepted.manifest.name.clone(),
            digest: accepted.digest,
            component_bytes: accepted.component_bytes,
            manifest: Arc::new(accepted.manifest),
            grants,
            now: self.host.app.clock.now(),
        };
        self.host.app.agents.deploy(scope, version).await?;
        Ok(())
    }

    /// Turns committed since the start.
    pub(crate) fn committed(&self) -> u64 {
        self.host
            .dispatcher
            .stats()
            .outcomes
            .first()
            .map_or(0, |(_, count)| *count)
    }

    /// Stop it and remove its directory.
    pub(crate) async fn stop(self) {
        self.host.stop().await;
        drop(self.dir);
    }
}

/// An event for the benchmark's agent; each has its own working-memory key.
pub(crate) fn event(scope: &TenantScope, clock: &dyn Clock, n: u64) -> Result<NewEvent> {
    let id = EventId::generate();
    let text = "0123456789abcdef".repeat(12);
    Ok(NewEvent {
        source: scope.principal().source(),
        event_type: EventType::new("bench.run")?,
        topic: Topic::BusinessFacts,
        time: clock.now(),
        subject: Some(format!("key-{}", n % 1_000).into()),
        data: Json::from_value("data", &serde_json::json!({ "n": n, "text": text }))?,
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
    })
}

/// Where temporary directories go: beside the build, on the disk that matters, not in a memory file
/// system.
pub(crate) fn scratch() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target")
}

/// A runtime as `warren serve` makes it.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| anyhow!(e))
        .context("starting the runtime")
}
