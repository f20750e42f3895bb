//! The background work: embeds the entries that lack a vector, of all tenants in turn.
//!
//! What waits is in the tenants' rows; in memory are the tenants in which something may wait. All of them
//! are looked at once when the host starts, which finds what the last one left and what another embedder
//! has to make anew; after that the store says which. Each tenant gets one bounded batch a round, so that
//! the largest delays nobody by more than that.
//!
//! Invariant: a text is given up only if the embedder refuses it alone. While the embedder fails, one
//! request at a time is tried, after a wait that grows to [`WAIT_LONGEST`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::error::{Error, Result};
use crate::id::TenantId;
use crate::identity::{AdminStore, TenantScope};
use crate::memory::EmbeddingStore;
use crate::memory::embed::{Embedded, Embedder, EmbeddingState, Progress, Unembedded};

/// Most bytes of text in one batch, past which no further text is added.
const BATCH_BYTES_MAX: usize = 256 * 1024;
/// The wait after the first failure; it doubles.
const WAIT_FIRST: Duration = Duration::from_secs(1);
/// The longest wait: how much later than the embedder the work is back.
const WAIT_LONGEST: Duration = Duration::from_mins(1);
/// The least time between two lines of the log that say how far the work is.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// What the work is done with.
pub struct Work {
    /// All tenants.
    pub admin: Arc<dyn AdminStore>,
    /// Their entries.
    pub store: Arc<dyn EmbeddingStore>,
    /// The host's embedder.
    pub embedder: Arc<dyn Embedder>,
    /// Where it is told how far the work is.
    pub progress: Arc<Progress>,
}

/// The work, going on.
pub struct Worker {
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// What became of texts, by their hashes.
type Made = Vec<([u8; 32], Embedded)>;

/// What a batch left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Nothing,
    More,
}

impl Worker {
    /// Begin.
    pub fn start(work: Work) -> Self {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let run = work.run(stop.clone());
        tasks.spawn(run);
        tasks.close();
        Self { stop, tasks }
    }

    /// End after the request that is under way, whose vectors are kept if they come. Nothing is lost: what
    /// was not made waits in the rows.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

impl Work {
    async fn run(self, stop: CancellationToken) {
        let mut pace = Pace::default();
        let mut tenants = BTreeSet::new();
        while let Some(all) = stop.run_until_cancelled(self.all_tenants()).await {
            match all {
                Ok(all) => {
                    tenants = all;
                    break;
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot list tenants to embed what waits");
                    pace.wait_after_failure(&stop).await;
                }
            }
        }
        while !stop.is_cancelled() {
            tenants.extend(self.store.deferred_tenants());
            if tenants.is_empty() {
                pace.tell_end(&self.progress);
                stop.run_until_cancelled(self.store.deferred()).await;
                continue;
            }
            // A round: the tenants that there are now, one batch each.
            for tenant in tenants.clone() {
                if stop.is_cancelled() {
                    return;
                }
                match self.batch(tenant, &stop).await {
                    Ok(Left::More) => pace.went_well(&self.progress),
                    Ok(Left::Nothing) => {
                        pace.went_well(&self.progress);
                        tenants.remove(&tenant);
                    }
                    Err(Error::NotFound { .. }) => {
                        tenants.remove(&tenant);
                        self.progress.set_left(tenant, EmbeddingState::default());
                    }
                    Err(error) => {
                        tracing::debug!(tenant.id = %tenant, %error, "embedding failed");
                        pace.wait_after_failure(&stop).await;
                    }
                }
            }
        }
    }

    async fn all_tenants(&self) -> Result<BTreeSet<TenantId>> {
        let all = self.admin.all_tenants().await?;
        Ok(all.into_iter().map(|tenant| tenant.id).collect())
    }

    /// Embed the next texts of a tenant.
    async fn batch(&self, tenant: TenantId, stop: &CancellationToken) -> Result<Left> {
        let scope = TenantScope::for_dispatch(tenant);
        let limit = self.embedder.batch_max();
        let texts = self
            .store
            .unembedded(&scope, limit, BATCH_BYTES_MAX)
            .await?;
        if texts.is_empty() {
            let state = self.store.embedding_state(&scope).await?;
            self.progress.set_left(tenant, state);
            return Ok(Left::Nothing);
        }
        let (made, ended) = self.embed(texts, stop).await?;
        let state = self.store.keep_embedded(&scope, made).await?;
        self.progress.set_left(tenant, state);
        ended?;
        Ok(if state.waiting > 0 {
            Left::More
        } else {
            Left::Nothing
        })
    }

    /// What becomes of these texts, off the async threads, and why not of all.
    async fn embed(
        &self,
        texts: Vec<Unembedded>,
        stop: &CancellationToken,
    ) -> Result<(Made, Result<()>)> {
        let (embedder, stop) = (Arc::clone(&self.embedder), stop.clone());
        tokio::task::spawn_blocking(move || {
            let mut made = Vec::with_capacity(texts.len());
            let ended = embed_or_halve(&*embedder, &texts, &stop, &mut made);
            (made, ended)
        })
        .await
        .map_err(|e| Error::internal("embedding entries", e))
    }
}

/// Embed texts; of a batch that is refused, each half, until the text is found that is at fault. So a
/// batch costs at most twice as many requests as it has texts.
fn embed_or_halve(
    embedder: &dyn Embedder,
    texts: &[Unembedded],
    stop: &CancellationToken,
    made: &mut Made,
) -> Result<()> {
    let contents: Vec<&str> = texts.iter().map(|text| &*text.content).collect();
    match (embedder.embed(&contents), texts) {
        (Ok(vectors), _) => {
            let of = |(text, vector): (&Unembedded, _)| (text.text_hash, Embedded::Vector(vector));
            made.extend(texts.iter().zip(vectors).map(of));
            Ok(())
        }
        (Err(Error::Invalid { reason, .. }), [text]) => {
            tracing::warn!(
                reason,
                "the embedder refuses a text; it is found by words alone"
            );
            made.push((text.text_hash, Embedded::Refused(reason)));
            Ok(())
        }
        // What was made of the first half is kept by the caller, the rest waits.
        (Err(Error::Invalid { .. }), _) if !stop.is_cancelled() => {
            let (left, right) = texts.split_at(texts.len() / 2);
            embed_or_halve(embedder, left, stop, made)?;
            embed_or_halve(embedder, right, stop, made)
        }
        (Err(Error::Invalid { .. }), _) => Ok(()),
        (Err(error), _) => Err(error),
    }
}

/// How fast the work goes on, and when it tells of itself.
#[derive(Default)]
struct Pace {
    failures: u32,
    told: Option<Instant>,
    worked: bool,
}

impl Pace {
    fn went_well(&mut self, progress: &Progress) {
        self.failures = 0;
        let figures = progress.figures();
        if figures.waiting == 0 {
            return;
        }
        self.worked = true;
        if self.told.is_none_or(|told| told.elapsed() >= TOLD_EVERY) {
            self.told = Some(Instant::now());
            tracing::info!(
                waiting = figures.waiting,
                embedded = figures.embedded,
                embedder = &*figures.embedder,
                "embedding knowledge"
            );
        }
    }

    fn tell_end(&mut self, progress: &Progress) {
        if std::mem::take(&mut self.worked) {
            let figures = progress.figures();
            tracing::info!(
                embedded = figures.embedded,
                refused = figures.refused,
                embedder = &*figures.embedder,
                "knowledge is embedded"
            );
        }
    }

    async fn wait_after_failure(&mut self, stop: &CancellationToken) {
        let wait = back_off(self.failures, fastrand::f64());
        self.failures = self.failures.saturating_add(1);
        stop.run_until_cancelled(tokio::time::sleep(wait)).await;
    }
}

/// Twice as long each time, between half and all of it by `chance`, which is 0 to 1.
fn back_off(failures: u32, chance: f64) -> Duration {
    let doublings = failures.min(16);
    let whole = WAIT_FIRST.saturating_mul(1 << doublings).min(WAIT_LONGEST);
    whole.mul_f64(0.5 + chance / 2.0)
}

#[cfg(test)]
mod tests;
