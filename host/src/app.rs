//! What the HTTP side may touch, handed over by whoever assembles the host.
//!
//! Invariant: everything here is a trait of the domain or a value; nothing names an adapter.
//! `Host::open` fills it in once, tests fill it in with what they like.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use tokio_util::sync::CancellationToken;

use crate::bus::Feed;
use crate::clock::{Clock, millis};
use crate::error::{Error, Result};
use crate::events::EventStore;
use crate::identity::{AdminStore, AuditLog, FetchKeys, Issuers, KeyHasher, TenantScope};
use crate::memory::embed::Progress;
use crate::memory::{
    EpisodeKeeper, EpisodeStore, Eraser, KnowledgeKeeper, KnowledgeStore, ProcedureKeeper,
    ProcedureStore, SessionStore, WorkingKeeper, WorkingStore,
};
use crate::quota::Allowances;
use crate::registry::{AgentStore, CatalogStore, Hosted, RegistrySettings, ServiceStore};
pub use crate::sandbox::intake::Accepted;
use crate::secrets::SecretStore;
use crate::telemetry::Metrics;
use crate::turn::{DeliveryStore, TurnStore};
use crate::usage::UsageStore;

mod front;

pub use front::{FRONT_NAMES_MAX, Front, HttpSettings};

/// Takes what people upload: checks, compiles and describes it. Idempotent by digest.
#[async_trait]
pub trait Uploads: Send + Sync {
    /// Check and compile `upload`, and ask it for its manifest.
    ///
    /// # Errors
    /// `Invalid` or `TooLarge` that names what is wrong with it, `Exhausted` when too many uploads are
    /// being compiled.
    async fn accept(&self, scope: &TenantScope, upload: Bytes) -> Result<Accepted>;
}

/// All that the HTTP side may touch.
pub struct App {
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Tenants and keys.
    pub admin: Arc<dyn AdminStore>,
    /// Agents and their versions.
    pub agents: Arc<dyn AgentStore>,
    /// Event definitions and schemas.
    pub catalog: Arc<dyn CatalogStore>,
    /// Services: what lives elsewhere.
    pub services: Arc<dyn ServiceStore>,
    /// What is known of the agents at this moment.
    pub hosted: Arc<dyn Hosted>,
    /// How the catalogue of services is run.
    pub registry: RegistrySettings,
    /// The log of events.
    pub events: Arc<dyn EventStore>,
    /// Turns and dead letters.
    pub turns: Arc<dyn TurnStore>,
    /// The queue.
    pub deliveries: Arc<dyn DeliveryStore>,
    /// Working memory.
    pub working: Arc<dyn WorkingStore>,
    /// Working memory as clients tidy it up.
    pub working_keeper: Arc<dyn WorkingKeeper>,
    /// Semantic memory.
    pub knowledge: Arc<dyn KnowledgeStore>,
    /// Semantic memory as clients keep it.
    pub knowledge_keeper: Arc<dyn KnowledgeKeeper>,
    /// Episodic memory.
    pub episodes: Arc<dyn EpisodeStore>,
    /// Episodic memory as clients keep it.
    pub episode_keeper: Arc<dyn EpisodeKeeper>,
    /// Conversations.
    pub sessions: Arc<dyn SessionStore>,
    /// What tenants used.
    pub usage: Arc<dyn UsageStore>,
    /// What they may use.
    pub allowances: Arc<Allowances>,
    /// Removes what is kept of somebody.
    pub eraser: Arc<dyn Eraser>,
    /// Procedural memory.
    pub procedures: Arc<dyn ProcedureStore>,
    /// Procedural memory as clients keep it.
    pub procedure_keeper: Arc<dyn ProcedureKeeper>,
    /// What the host sends for agents.
    pub secrets: Arc<dyn SecretStore>,
    /// Takes uploads.
    pub uploads: Arc<dyn Uploads>,
    /// Live events.
    pub feed: Arc<dyn Feed>,
    /// Hashes API keys.
    pub keys: KeyHasher,
    /// Who did or was refused what.
    pub audit: Arc<AuditLog>,
    /// Whose tokens are taken beside API keys.
    pub issuers: Issuers,
    /// Reads the public keys that issuers publish.
    pub issuer_keys: Arc<dyn FetchKeys>,
    /// The operator's key.
    pub admin_key: AdminKey,
    /// Whether the host is fit for work.
    pub health: Arc<Health>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// How the embedder does.
    pub embedding: Arc<Progress>,
    /// Whom the host answers.
    pub front: Front,
    /// What a client may ask for.
    pub limits: ApiLimits,
}

/// Shortest admin key in bytes: 128 bits in hex. It opens every tenant.
pub const ADMIN_KEY_BYTES_MIN: usize = 32;

/// What is kept of the operator's key: its hash.
#[derive(Clone)]
pub struct AdminKey([u8; 32]);

impl AdminKey {
    /// From the key itself.
    ///
    /// # Errors
    /// `Invalid` if it is shorter than [`ADMIN_KEY_BYTES_MIN`] or cannot stand in a header.
    pub fn new(key: &str) -> Result<Self> {
        if key.len() < ADMIN_KEY_BYTES_MIN || !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Error::invalid(
                "admin key",
                format!(
                    "{} bytes; it takes at least {ADMIN_KEY_BYTES_MIN} of visible ASCII without spaces",
                    key.len()
                ),
            ));
        }
        Ok(Self(Self::hash(key)))
    }

    /// Whether `key` is it, in constant time.
    pub fn is(&self, key: &str) -> bool {
        Self::hash(key).ct_eq(&self.0).into()
    }

    /// The hash as hex digits, for whoever keeps it.
    pub fn to_hex(&self) -> String {
        blake3::Hash::from_bytes(self.0).to_hex().to_string()
    }

    /// From a hash that was kept; none if it is no hash.
    pub fn from_hex(hex: &str) -> Option<Self> {
        let hash = blake3::Hash::from_hex(hex).ok()?;
        Some(Self(*hash.as_bytes()))
    }

    fn hash(key: &str) -> [u8; 32] {
        *blake3::hash(key.as_bytes()).as_bytes()
    }
}

impl fmt::Debug for AdminKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminKey(..)")
    }
}

/// How fit the host is for work: it starts as recovering, becomes ready, and ends as draining.
#[derive(Debug)]
pub struct Health {
    recovered: std::sync::atomic::AtomicBool,
    draining: CancellationToken,
}

impl Default for Health {
    fn default() -> Self {
        Self::new(CancellationToken::new())
    }
}

impl Health {
    /// Of a host that begins to drain when `draining` is cancelled.
    pub fn new(draining: CancellationToken) -> Self {
        Self {
            recovered: std::sync::atomic::AtomicBool::new(false),
            draining,
        }
    }

    /// What a crash left behind has been dealt with.
    pub fn set_recovered(&self) {
        self.recovered
            .store(true, std::sync::atomic::Ordering::Release);
    }

    /// Take no more work; end streams.
    pub fn drain(&self) {
        self.draining.cancel();
    }

    /// Cancelled when the host begins to drain.
    pub fn draining(&self) -> &CancellationToken {
        &self.draining
    }

    /// Nothing, or the word for why no work should come here: `recovering` or `draining`. There is none for
    /// a store that failed, as that ends the process.
    pub fn unready(&self) -> Option<&'static str> {
        if self.draining.is_cancelled() {
            Some("draining")
        } else if !self.recovered.load(std::sync::atomic::Ordering::Acquire) {
            Some("recovering")
        } else {
            None
        }
    }
}

/// What a client may ask for. Each limit is per host unless its name says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiLimits {
    /// Bytes of a JSON body. Four events of the largest payload, or a batch of small ones.
    pub json_body_bytes_max: usize,
    /// Bytes of an uploaded component. The largest interpreters compiled to Wasm are about 20 MiB.
    pub component_bytes_max: usize,
    /// Open connections. An idle one holds about 10 KiB.
    pub connections_max: usize,
    /// Time to send the head of a request: what a slow client may hold a connection for.
    #[serde(rename = "header_read_ms", with = "millis")]
    pub header_read: Duration,
    /// Time that a client may take no byte of an answer that waits for it. A stream ends by it too: its
    /// client goes on from where it was.
    #[serde(rename = "write_stall_ms", with = "millis")]
    pub write_stall: Duration,
    /// Bytes of the head of a request.
    pub header_bytes_max: usize,
    /// Time from the head of a request to the head of its answer.
    #[serde(rename = "request_ms", with = "millis")]
    pub request: Duration,
    /// The same for uploads and calls, which wait for a compiler or an agent.
    #[serde(rename = "slow_request_ms", with = "millis")]
    pub slow_request: Duration,
    /// Requests of one tenant at once.
    pub requests_per_tenant_max: usize,
    /// Uploads of one tenant at once: each may hold `component_bytes_max` of memory.
    pub uploads_per_tenant_max: usize,
    /// Synchronous calls of one tenant at once.
    pub calls_per_tenant_max: usize,
    /// Open event streams of one tenant.
    pub streams_per_tenant_max: usize,
    /// Time between two heartbeats of a stream, each of which also checks that its key still stands.
    #[serde(rename = "heartbeat_ms", with = "millis")]
    pub heartbeat: Duration,
    /// How long a looked-up API key or tenant is believed: the longest that a revoked one still works.
    #[serde(rename = "key_cache_ms", with = "millis")]
    pub key_cache: Duration,
    /// Looked-up API keys kept, and as many tenants. One is about 400 bytes.
    pub key_cache_entries_max: usize,
}

impl Default for ApiLimits {
    fn default() -> Self {
        Self {
            json_body_bytes_max: 1024 * 1024,
            component_bytes_max: 32 * 1024 * 1024,
            connections_max: 16_384,
            header_read: Duration::from_secs(10),
            write_stall: Duration::from_secs(30),
            header_bytes_max: 32 * 1024,
            request: Duration::from_secs(30),
            slow_request: Duration::from_secs(330),
            requests_per_tenant_max: 1_024,
            uploads_per_tenant_max: 4,
            calls_per_tenant_max: 256,
            streams_per_tenant_max: 2_048,
            heartbeat: Duration::from_secs(15),
            key_cache: Duration::from_secs(5),
            key_cache_entries_max: 10_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_admin_key_is_long_enough_and_verifies() {
        let at = "k".repeat(ADMIN_KEY_BYTES_MIN);
        let key = AdminKey::new(&at).unwrap();
        assert!(key.is(&at));
        assert!(!key.is(&format!("{at}k")));
        for bad in [&at[1..], &"k ".repeat(ADMIN_KEY_BYTES_MIN)] {
            assert!(AdminKey::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_host_is_ready_between_recovery_and_draining() {
        let health = Health::default();
        assert_eq!(health.unready(), Some("recovering"));
        health.set_recovered();
        assert_eq!(health.unready(), None);
        health.drain();
        assert_eq!(health.unready(), Some("draining"));
    }
}
