//! Durable turns: publish acknowledged after a flush, a turn in a fresh sandbox, commit after a flush.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::host::{BenchHost, event, runtime, scratch};
use crate::sample::{Sample, percentile};
use crate::table::{Better, Row};
use crate::{disk, prototype};

/// Publishers that wait for each answer before they send the next.
const PUBLISHERS: u64 = 64;
/// Events that may wait for their turn: enough to keep all workers busy, few enough to stay in memory.
const BACKLOG_MAX: u64 = 512;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);
/// Turns a second of such a prototype on the machine that the figures to reach were written for: the least of 38,000
/// to 65,000.
const PROTOTYPE_THEN: f64 = 38_000.0;
const PROTOTYPE: &str =
    "prototype: a row flushed, the guest on the bare library, three rows flushed";

/// Throughput rows.
pub(crate) fn rows() -> Result<Vec<Row>> {
    runtime()?.block_on(async {
        let one = throughput(1).await?;
        let hundred = throughput(100).await?;
        Ok(vec![
            Row {
                name: "durable turns, one tenant, 64 publishers".into(),
                unit: "turns/s",
                floor: Some(one.0),
                floor_is: PROTOTYPE,
                floor_then: Some(PROTOTYPE_THEN),
                ours: one.1,
                must: Some(15_000.0),
                better: Better::Higher,
            },
            Row {
                name: "durable turns, 100 tenants, 64 publishers".into(),
                unit: "turns/s",
                floor: Some(hundred.0),
                floor_is: PROTOTYPE,
                // Of many databases only commits were measured then, not turns.
                floor_then: None,
                ours: hundred.1,
                must: Some(8_000.0),
                better: Better::Higher,
            },
        ])
    })
}

async fn throughput(tenants: usize) -> Result<(Sample, Sample)> {
    let bench = Arc::new(BenchHost::start(tenants).await?);
    let stop = Arc::new(AtomicBool::new(false));
    let published = Arc::new(AtomicU64::new(0));
    let tasks = tokio_util::task::TaskTracker::new();
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|index| {
            let (bench, stop) = (Arc::clone(&bench), Arc::clone(&stop));
            let published = Arc::clone(&published);
            tasks.spawn(publish_all(bench, stop, published, index))
        })
        .collect();
    let mut ours = Vec::new();
    tokio::time::sleep(ROUND / 2).await;
    for _ in 0..ROUNDS {
        let (begun, before) = (Instant::now(), bench.committed());
        tokio::time::sleep(ROUND).await;
        ours.push((bench.committed() - before) as f64 / begun.elapsed().as_secs_f64());
    }
    stop.store(true, Ordering::Relaxed);
    for publisher in publishers {
        publisher.await.context("a publisher panicked")??;
    }
    bench.host.dispatcher.settle().await;
    if let Some(bench) = Arc::into_inner(bench) {
        bench.stop().await;
    }
    let dir = tempfile::tempdir_in(scratch())?;
    let floor = prototype::turns_per_s(dir.path(), tenants, PUBLISHERS).await?;
    Ok((floor, Sample::of(ours)))
}

async fn publish_all(
    bench: Arc<BenchHost>,
    stop: Arc<AtomicBool>,
    published: Arc<AtomicU64>,
    index: u64,
) -> Result<()> {
    let mut n = index;
    while !stop.load(Ordering::Relaxed) {
        if published
            .load(Ordering::Relaxed)
            .saturating_sub(bench.committed())
            > BACKLOG_MAX
        {
            tokio::time::sleep(Duration::from_micros(500)).await;
            continue;
        }
        let tenant = n as usize % bench.tenants.len();
        let scope = bench.tenants.get(tenant).context("no such tenant")?;
        let event = event(scope, &*bench.host.app.clock, n)?;
        bench.host.app.events.append(scope, vec![event]).await?;
        published.fetch_add(1, Ordering::Relaxed);
        n += PUBLISHERS + 1;
    }
    Ok(())
}

/// Latency rows.
pub(crate) fn latency_rows() -> Result<Vec<Row>> {
    runtime()?.block_on(async {
        let bench = BenchHost::start(1).await?;
        let scope = bench.tenants.first().context("no tenant")?.clone();
        let mut live = bench.host.app.feed.subscribe(scope.tenant());
        let dir = tempfile::tempdir_in(scratch())?;
        let (mut floors, mut ours) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS as u64 {
            floors.push(2.0 * percentile(disk::flushes_us(dir.path(), 300)?, 0.5));
            let mut times = Vec::new();
            for index in 0..300 {
                tokio::time::sleep(Duration::from_millis(1)).await;
                let event = event(&scope, &*bench.host.app.clock, round * 1_000 + index)?;
                let begun = Instant::now();
                bench.host.app.events.append(&scope, vec![event]).await?;
                while live.recv().await?.body.event_type.as_str() != "bench.done" {}
                times.push(begun.elapsed().as_secs_f64() * 1e6);
            }
            ours.push(percentile(times, 0.5));
        }
        bench.stop().await;
        let floor = Sample::of(floors);
        Ok(vec![Row {
            name: "publish → turn committed, idle, p50".into(),
            unit: "µs",
            must: Some(floor.median + 600.0),
            floor: Some(floor),
            floor_is: "two flushes of 4 KiB; must: that + 600 µs",
            floor_then: None,
            ours: Sample::of(ours),
            better: Better::Lower,
        }])
    })
}
