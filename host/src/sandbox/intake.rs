//! Takes what people upload: size → kind → shape → component → world → machine code → manifest.
//!
//! Invariant: each step trusts only what the ones before it have shown. Uploaded bytes meet the parser
//! in this process, and the encoder and the compiler only in a child ([`child`]). Nothing that fails is
//! kept. It knows no tenant: what it does and how long it takes is the same whoever uploaded what before.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::Digest;
use crate::registry::Manifest;

use super::{Described, Sandbox};

mod artifact;
pub mod child;
mod componentise;
mod format;
mod precheck;
mod world;

pub use artifact::Artifacts;
pub use child::{ChildLimits, Confinement};
pub use precheck::IntakeLimits;

use format::Kind;
use world::Contract;

/// How uploads are checked and compiled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IntakeSettings {
    /// The program that compile children are made of: this one.
    #[serde(skip, default = "this_program")]
    pub compiler: PathBuf,
    /// What an upload may be made of.
    pub limits: IntakeLimits,
    /// What compiling it may use.
    pub child: ChildLimits,
}

impl Default for IntakeSettings {
    fn default() -> Self {
        Self {
            compiler: this_program(),
            limits: IntakeLimits::default(),
            child: ChildLimits::default(),
        }
    }
}

/// The running program. By this link rather than by its path, so that a host whose file was replaced
/// still compiles with itself.
fn this_program() -> PathBuf {
    let link = Path::new("/proc/self/exe");
    if link.exists() {
        return link.to_owned();
    }
    std::env::current_exe().unwrap_or_else(|_| PathBuf::from("warren"))
}

/// Whether a file begins as WebAssembly does, for whoever is about to upload it.
///
/// # Errors
/// `Invalid` that names what was found instead.
pub fn check_format(file: &[u8]) -> Result<()> {
    format::kind(file).map(drop)
}

/// What an upload turned out to be.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// Of the bytes as uploaded.
    pub digest: Digest,
    /// Bytes as uploaded.
    pub component_bytes: u64,
    /// What it says of itself.
    pub manifest: Manifest,
    /// The interfaces that it imports, as `package:name/interface@version`.
    pub imports: Vec<String>,
    /// How long it took to compile, waiting for others not counted.
    pub compile_ms: u64,
    /// Bytes of its machine code.
    pub artifact_bytes: u64,
    /// From its artifact on the disk to its manifest, in microseconds: what a cold start costs.
    pub start_us: u64,
}

/// Takes uploads.
pub struct Intake {
    artifacts: Arc<Artifacts>,
    contract: Contract,
    sandbox: Arc<Sandbox>,
    /// Uploads of the same bytes go one after the other, so that one that fails takes back only what it
    /// kept itself.
    in_hand: InHand,
}

impl Intake {
    /// An intake that keeps what it accepts in `artifacts`, where `sandbox` finds it.
    ///
    /// # Errors
    /// `Internal` if the contract that this program carries cannot be read.
    pub fn new(artifacts: Arc<Artifacts>, sandbox: Arc<Sandbox>) -> Result<Arc<Self>> {
        Ok(Arc::new(Self {
            artifacts,
            contract: Contract::load()?,
            sandbox,
            in_hand: InHand::default(),
        }))
    }

    /// Check and compile an upload, keep it, and ask it for its manifest.
    ///
    /// The same bytes give the same answer, and take the same time, however often and by whomever they
    /// were uploaded before: a tenant must not learn what others run. A caller that knows that its own
    /// tenant has this digest need not ask.
    ///
    /// Dropping the future before it answers leaves the component kept or not, both of which are fine.
    ///
    /// # Errors
    /// `TooLarge` or `Invalid` that names what is wrong and which limit it passed; `Denied` for an import
    /// that nobody asked for; `Exhausted` if too many uploads wait; `Unavailable` if nothing can be kept.
    pub async fn accept(self: &Arc<Self>, upload: Bytes) -> Result<Accepted> {
        let digest = Digest::of(&upload);
        let turn = self.in_hand.of(digest);
        let _turn = turn.lock().await;
        let (intake, bytes) = (Arc::clone(self), upload.clone());
        let kept = tokio::task::spawn_blocking(move || intake.build(digest, &bytes))
            .await
            .map_err(|e| Error::internal("taking an upload", e))??;
        // So that its start is measured from the disk, whoever runs it already.
        self.sandbox.unload(digest);
        let described = match self.sandbox.describe(digest).await {
            Ok(Described { manifest, start }) => {
                Manifest::parse(&manifest).map(|manifest| (manifest, start))
            }
            Err(e) => Err(e),
        };
        let described = described.and_then(|(manifest, start)| {
            world::check_asked(&kept.imports, &manifest.grants)?;
            Ok((manifest, start))
        });
        let (manifest, start) = match described {
            Ok(described) => described,
            Err(e) => return Err(self.take_back(digest, kept.new, e).await),
        };
        Ok(Accepted {
            digest,
            component_bytes: upload.len() as u64,
            manifest,
            imports: kept.imports,
            compile_ms: kept.compile_ms,
            artifact_bytes: kept.artifact_bytes,
            start_us: start.as_micros() as u64,
        })
    }

    /// Components that were accepted last before `before`, whoever uploaded them.
    ///
    /// # Errors
    /// `Unavailable` if they cannot be listed.
    pub async fn accepted_before(self: &Arc<Self>, before: Timestamp) -> Result<HashSet<Digest>> {
        let artifacts = Arc::clone(&self.artifacts);
        tokio::task::spawn_blocking(move || artifacts.kept_before(before))
            .await
            .map_err(|e| Error::internal("listing components", e))?
    }

    /// Forget a component that no agent has, unless it was accepted again since `before`: then somebody is
    /// about to deploy it. Says whether it is gone.
    ///
    /// # Errors
    /// `Unavailable` if it cannot be removed.
    pub async fn forget(self: &Arc<Self>, digest: Digest, before: Timestamp) -> Result<bool> {
        let turn = self.in_hand.of(digest);
        let _turn = turn.lock().await;
        let artifacts = Arc::clone(&self.artifacts);
        let forget = move || {
            let old = artifacts.was_kept_before(digest, before);
            if old {
                artifacts.remove(digest)?;
            }
            Ok(old)
        };
        tokio::task::spawn_blocking(forget)
            .await
            .map_err(|e| Error::internal("forgetting a component", e))?
    }

    fn build(&self, digest: Digest, upload: &[u8]) -> Result<Kept> {
        let limits = &self.artifacts.settings().limits;
        let compiler = self.artifacts.compiler();
        let kind = format::recognise(upload, limits)?;
        let checked = precheck::check(upload, limits)?;
        let (component, checked) = match kind {
            Kind::Component => (None, checked),
            Kind::Module => {
                let component = compiler.componentise(upload)?;
                let checked = precheck::check(&component, limits)?;
                (Some(component), checked)
            }
        };
        tracing::debug!(component.digest = %digest, shape = ?checked.seen, "an upload was checked");
        let imports = self.contract.check(&checked)?;
        drop(checked);
        let made = compiler.compile(component.as_deref().unwrap_or(upload))?;
        let new = !self.artifacts.has(digest);
        self.artifacts.keep(digest, upload, &made.artifact)?;
        Ok(Kept {
            new,
            imports,
            compile_ms: made.took.as_millis() as u64,
            artifact_bytes: made.artifact.len() as u64,
        })
    }

    /// Remove what was kept for an upload that is refused after all.
    async fn take_back(&self, digest: Digest, new: bool, refusal: Error) -> Error {
        if !new {
            return refusal;
        }
        let artifacts = Arc::clone(&self.artifacts);
        let removed = tokio::task::spawn_blocking(move || artifacts.remove(digest)).await;
        if !matches!(removed, Ok(Ok(()))) {
            tracing::warn!(component.digest = %digest, "a refused component could not be removed");
        }
        refusal
    }
}

struct Kept {
    /// Nobody had uploaded it before.
    new: bool,
    imports: Vec<String>,
    compile_ms: u64,
    artifact_bytes: u64,
}

/// The uploads that are being taken, by digest.
#[derive(Default)]
struct InHand(Mutex<HashMap<Digest, Weak<tokio::sync::Mutex<()>>>>);

impl InHand {
    fn of(&self, digest: Digest) -> Arc<tokio::sync::Mutex<()>> {
        let mut all = self.0.lock();
        // Those that have ended: there are as many as uploads at once, which HTTP bounds.
        all.retain(|_, turn| turn.strong_count() > 0);
        if let Some(turn) = all.get(&digest).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::default();
        all.insert(digest, Arc::downgrade(&turn));
        turn
    }
}

#[cfg(test)]
mod tests;
