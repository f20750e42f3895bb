//! What a deep queue costs: memory that does not grow with it, and neighbours that do not wait behind it.
//!
//! Three rows of one host. First it publishes and handles as many events as a while allows: what stays
//! resident afterwards must not grow with their number. Then a tenant whose agent is paused gets a
//! million events: they wait in the store, and another tenant's event is handled as if they were not there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use warren::events::NewEvent;
use warren::id::AgentName;
use warren::identity::TenantScope;
use warren::registry::AgentStatus;

use crate::host::{BenchHost, event, runtime};
use crate::machine::anonymous_kib;
use crate::sample::{Sample, percentile};
use crate::table::{Better, Row};

/// Tasks that publish, each a batch at a time.
const PUBLISHERS: u64 = 8;
/// Events in a batch.
const BATCH: u64 = 250;
/// Events that may wait while memory is watched: enough to keep all workers busy.
const WAITING_MAX: u64 = 4_000;
/// Time in which caches, pools and logs reach their sizes, not counted.
const WARM_UP: Duration = Duration::from_secs(10);
/// Time of a round in which events are published and handled.
const ROUND: Duration = Duration::from_secs(20);
const ROUNDS: usize = 3;
/// Events that wait.
const BACKLOG: u64 = 1_000_000;
/// Events of the neighbour that are timed a round.
const TIMED: u64 = 300;
/// Between two of them, so that each meets an idle host.
const PAUSE: Duration = Duration::from_millis(2);

/// All rows.
pub(crate) fn rows() -> Result<Vec<Row>> {
    runtime()?.block_on(async {
        let bench = Arc::new(BenchHost::start(2).await?);
        let growth = growth(&bench).await?;
        let [busy, neighbour] = bench.tenants.as_slice() else {
            anyhow::bail!("two tenants were asked for");
        };
        let before = anonymous_mib()?;
        pause(&bench, busy).await?;
        fill(&bench, busy).await?;
        let waiting = anonymous_mib()? - before;
        let meanwhile = latencies(&bench, neighbour).await?;
        let depth = bench.host.app.deliveries.depth(busy).await?.pending;
        ensure!(depth == BACKLOG, "{depth} events wait");
        let bench = Arc::into_inner(bench).context("somebody still has the host")?;
        bench.stop().await;
        Ok(vec![
            Row {
                name: "resident growth per million published and handled events".into(),
                unit: "MiB anonymous",
                floor: None,
                floor_is: "nothing: what is handled is not in memory",
                floor_then: None,
                ours: growth,
                must: None,
                better: Better::Lower,
            },
            Row {
                name: "resident growth by 1 M waiting events".into(),
                unit: "MiB anonymous",
                floor: None,
                floor_is: "nothing: what waits is not in memory",
                floor_then: None,
                ours: Sample::of(vec![waiting]),
                must: None,
                better: Better::Lower,
            },
            Row {
                name: "neighbour's event published → committed while 1 M events wait, p99".into(),
                unit: "ms",
                floor: None,
                floor_is: "see `publish → turn committed`",
                floor_then: None,
                ours: meanwhile,
                must: Some(50.0),
                better: Better::Lower,
            },
        ])
    })
}

/// Publish and handle for some rounds; resident memory after each, as growth per million events.
async fn growth(bench: &Arc<BenchHost>) -> Result<Sample> {
    let mut rounds = Vec::new();
    publish_for(bench, WARM_UP).await?;
    for _ in 0..ROUNDS {
        let before = anonymous_mib()?;
        let published = publish_for(bench, ROUND).await?;
        rounds.push((anonymous_mib()? - before) / (published as f64 / 1e6));
    }
    Ok(Sample::of(rounds))
}

/// Publish for a while, wait until all is handled, and say how many events there were.
async fn publish_for(bench: &Arc<BenchHost>, time: Duration) -> Result<u64> {
    let stop = Arc::new(AtomicBool::new(false));
    let published = Arc::new(AtomicU64::new(0));
    let handled_before = bench.committed();
    let tasks = tokio_util::task::TaskTracker::new();
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|index| {
            let (bench, stop) = (Arc::clone(bench), Arc::clone(&stop));
            let published = Arc::clone(&published);
            tasks.spawn(async move {
                let scope = bench.tenants.get(index as usize % bench.tenants.len());
                let scope = scope.context("no such tenant")?;
                while !stop.load(Ordering::Relaxed) {
                    let handled = bench.committed() - handled_before;
                    if published.load(Ordering::Relaxed).saturating_sub(handled) > WAITING_MAX {
                        tokio::time::sleep(Duration::from_micros(500)).await;
                        continue;
                    }
                    append(&bench, scope, BATCH).await?;
                    published.fetch_add(BATCH, Ordering::Relaxed);
                }
                anyhow::Ok(())
            })
        })
        .collect();
    tokio::time::sleep(time).await;
    stop.store(true, Ordering::Relaxed);
    for publisher in publishers {
        publisher.await.context("a publisher panicked")??;
    }
    bench.host.dispatcher.settle().await;
    Ok(published.load(Ordering::Relaxed))
}

async fn pause(bench: &BenchHost, scope: &TenantScope) -> Result<()> {
    let name = AgentName::new("bench-turn")?;
    let now = bench.host.app.clock.now();
    let agents = &bench.host.app.agents;
    agents
        .set_status(scope, &name, AgentStatus::Paused, now)
        .await?;
    bench.host.dispatcher.settle().await;
    Ok(())
}

async fn fill(bench: &BenchHost, scope: &TenantScope) -> Result<()> {
    for _ in 0..BACKLOG / BATCH {
        append(bench, scope, BATCH).await?;
    }
    Ok(())
}

async fn append(bench: &BenchHost, scope: &TenantScope, count: u64) -> Result<()> {
    let clock = &*bench.host.app.clock;
    let events = (0..count)
        .map(|n| event(scope, clock, n))
        .collect::<Result<Vec<NewEvent>>>()?;
    bench.host.app.events.append(scope, events).await?;
    Ok(())
}

/// The neighbour's events, one after the other: from the call that publishes to the event that the turn
/// published, which is told after its commit.
async fn latencies(bench: &BenchHost, scope: &TenantScope) -> Result<Sample> {
    let mut live = bench.host.app.feed.subscribe(scope.tenant());
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let mut times = Vec::new();
        for n in 0..TIMED {
            tokio::time::sleep(PAUSE).await;
            let event = event(scope, &*bench.host.app.clock, n)?;
            let begun = Instant::now();
            bench.host.app.events.append(scope, vec![event]).await?;
            while live.recv().await?.body.event_type.as_str() != "bench.done" {}
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        rounds.push(percentile(times, 0.99));
    }
    Ok(Sample::of(rounds))
}

fn anonymous_mib() -> Result<f64> {
    Ok(anonymous_kib()? / 1024.0)
}
