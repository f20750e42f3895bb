//! Searching semantic memory at 1,000, 10,000 and 100,000 entries: how long it takes, how much of what an
//! exact scan finds is found, and how fast entries are remembered.
//!
//! Invariant: what is timed is a search of the store as an agent makes it, from the question's text to the
//! entries of ten hits, the question's vector included. Recall is measured against cosines computed here, in
//! full precision, of what was remembered.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinSet;
use warren::bus::local::LocalBus;
use warren::clock::{Clock, SystemClock};
use warren::id::{KeyName, TenantName};
use warren::identity::{AdminStore, Tenant, TenantScope};
use warren::memory::embed::{Embedder, Offline};
use warren::memory::{
    KnowledgeKeeper, KnowledgeQuery, KnowledgeRecord, KnowledgeStore, NOISE_COSINE, NewEntry,
    SearchMode, Stamp, Visibility, fresh_id,
};
use warren::store::sqlite::{SqliteSettings, SqliteStore};
use warren_vectors::{Index, Query};

use crate::host::{runtime, scratch};
use crate::sample::{Sample, percentile};
use crate::table::{Better, Row};

mod corpus;

/// Entries of a tenant, what the nearest ten must take at most, and a scan on the machine that this was written
/// for, in microseconds.
const SIZES: [(usize, Option<f64>, f64); 3] = [
    (1_000, Some(100.0), 20.0),
    (10_000, None, 200.0),
    (100_000, Some(600.0), 4_000.0),
];
/// What a hybrid search must take at most at the largest size, in microseconds.
const HYBRID_MUST: f64 = 3_000.0;
/// Searches of a round.
const SEARCHES: usize = 200;
/// Rounds of searches.
const ROUNDS: usize = 5;
/// Questions of which recall is the mean.
const QUESTIONS: usize = 100;
/// Hits of a search.
const HITS: usize = 10;
/// Writers that remember at once.
const WRITERS: usize = 64;
/// How long they do, a round.
const REMEMBERING: Duration = Duration::from_secs(4);
/// Looks at a thread without work, half a second apart, after which it has none: on a busy machine it may wait
/// for the processor.
const QUIET: u32 = 4;
/// Longest wait for the links of a hundred thousand vectors.
const LINKING_MAX: Duration = Duration::from_mins(10);

/// All rows.
pub(crate) fn rows() -> Result<Vec<Row>> {
    let runtime = runtime()?;
    let mut rows = Vec::new();
    for (entries, must, scan_then) in SIZES {
        rows.extend(runtime.block_on(of_size(entries, must, scan_then))?);
    }
    Ok(rows)
}

/// Rows of remembering.
pub(crate) fn remember_rows() -> Result<Vec<Row>> {
    Ok(vec![runtime()?.block_on(remembering())?])
}

/// A store with one tenant.
struct Bench {
    store: Arc<SqliteStore>,
    scope: TenantScope,
    /// Removed when dropped.
    _dir: TempDir,
}

impl Bench {
    async fn open(embedder: Arc<dyn Embedder>) -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("warren-search")
            .tempdir_in(scratch())?;
        let settings = SqliteSettings {
            embedder,
            ..SqliteSettings::default()
        };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store = SqliteStore::open(&dir.path().join("data"), settings, clock, LocalBus::new())?;
        let tenant = Tenant::new(TenantName::new("search")?, SystemClock.now(), 1);
        let scope = TenantScope::for_request(tenant.id, KeyName::new("bench")?, None, None);
        store.create_tenant(tenant).await?;
        Ok(Self {
            store,
            scope,
            _dir: dir,
        })
    }

    async fn fill(&self, entries: usize) -> Result<()> {
        let numbers: Vec<usize> = (0..entries).collect();
        for batch in numbers.chunks(256) {
            let records = batch.iter().map(|number| record(*number, entries));
            let records = records.collect::<Result<Vec<KnowledgeRecord>>>()?;
            self.store
                .import(&self.scope, records, SystemClock.now())
                .await?;
        }
        Ok(())
    }

    /// The numbers of the hits.
    async fn search(&self, query: &KnowledgeQuery) -> Result<Vec<usize>> {
        let now = SystemClock.now();
        let found = self.store.search(&self.scope, query, now).await?;
        let ids = found.hits.iter().map(|hit| {
            let id = hit.item.external_id.as_deref();
            id.and_then(|id| id.parse().ok()).context("a hit's number")
        });
        ids.collect()
    }

    /// Search until the thread that links vectors has nothing to do.
    async fn settle(&self, entries: usize) -> Result<()> {
        let start = Instant::now();
        let (mut before, mut quiet) = (0, 0);
        loop {
            self.search(&query(SearchMode::Vector, corpus::question(0, entries)))
                .await?;
            tokio::time::sleep(Duration::from_millis(500)).await;
            let now = keeper_ticks()?;
            quiet = if now == before { quiet + 1 } else { 0 };
            before = now;
            if quiet == QUIET {
                return Ok(());
            }
            ensure!(start.elapsed() < LINKING_MAX, "vectors are still linked");
        }
    }

    /// The median of a search in microseconds, of several rounds.
    async fn time(&self, mode: SearchMode, question: impl Fn(usize) -> String) -> Result<Sample> {
        let mut rounds = Vec::new();
        for round in 0..ROUNDS {
            let mut micros = Vec::new();
            for number in 0..SEARCHES {
                let query = query(mode, question(round * SEARCHES + number));
                let start = Instant::now();
                let found = self.search(&query).await?;
                micros.push(start.elapsed().as_secs_f64() * 1e6);
                ensure!(found.len() == HITS, "{} hits", found.len());
            }
            rounds.push(percentile(micros, 0.5));
        }
        Ok(Sample::of(rounds))
    }

    /// How much is found of the nearest ten that are near at all, a mean over the questions that have such.
    async fn recall(&self, entries: usize, every: usize, tag: Option<&str>) -> Result<Sample> {
        let vectors: Vec<_> = (0..entries)
            .step_by(every)
            .map(|number| (number, corpus::vector(&corpus::entry(number, entries))))
            .collect();
        let mut shares = Vec::new();
        for number in 0..QUESTIONS {
            let text = corpus::question(number, entries);
            let wanted = corpus::vector(&text);
            let mut exact: Vec<(f32, usize)> = vectors
                .iter()
                .map(|(number, vector)| (wanted.cosine(vector), *number))
                .collect();
            exact.retain(|(cosine, _)| *cosine > NOISE_COSINE);
            exact.sort_by(|a, b| b.0.total_cmp(&a.0));
            exact.truncate(HITS);
            if exact.is_empty() {
                continue;
            }
            let query = KnowledgeQuery {
                tags: tag.map(str::to_owned).into_iter().collect(),
                ..query(SearchMode::Vector, text)
            };
            let found = self.search(&query).await?;
            let both = exact.iter().filter(|(_, number)| found.contains(number));
            shares.push(both.count() as f64 / exact.len() as f64);
        }
        ensure!(!shares.is_empty(), "no question has an entry near it");
        let mean = shares.iter().sum::<f64>() / shares.len() as f64;
        Ok(Sample {
            median: mean,
            ..Sample::of(shares)
        })
    }
}

fn record(number: usize, entries: usize) -> Result<KnowledgeRecord> {
    let mut tags = Vec::new();
    for every in [2, 10, 100] {
        if number.is_multiple_of(every) {
            tags.push(format!("every-{every}"));
        }
    }
    let record = json!({
        "external_id": number.to_string(),
        "content": corpus::entry(number, entries),
        "tags": tags,
        "visibility": "tenant",
    });
    Ok(serde_json::from_value(record)?)
}

fn query(mode: SearchMode, text: String) -> KnowledgeQuery {
    KnowledgeQuery::new(text, mode, HITS as u32)
}

/// Clock ticks of CPU that the thread which links vectors has used; the sum, if there are several.
fn keeper_ticks() -> Result<u64> {
    let mut ticks = 0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        let read = |name: &str| std::fs::read_to_string(Path::join(&task, name));
        // A thread may have ended meanwhile.
        let (Ok(name), Ok(stat)) = (read("comm"), read("stat")) else {
            continue;
        };
        if name.trim() == "vector-keeper" {
            let user = stat
                .rsplit(')')
                .next()
                .and_then(|rest| rest.split(' ').nth(12));
            ticks += user
                .and_then(|ticks| ticks.parse::<u64>().ok())
                .unwrap_or(0);
        }
    }
    Ok(ticks)
}

async fn of_size(entries: usize, must: Option<f64>, scan_then: f64) -> Result<Vec<Row>> {
    let bench = Bench::open(Arc::new(corpus::Named::new())).await?;
    bench.fill(entries).await?;
    bench.settle(entries).await?;
    let (scan, graph) = in_memory(entries);
    let largest = SIZES.last().is_some_and(|(size, _, _)| *size == entries);
    let time = |what: &str, ours: Sample, must: Option<f64>| Row {
        name: format!("{what}, {entries} entries, p50"),
        unit: "us",
        floor: Some(scan.clone()),
        floor_is: "exact scan of the vectors in memory",
        floor_then: Some(scan_then),
        ours,
        must,
        better: Better::Lower,
    };
    let mut rows = vec![time("nearest ten in memory, graph if it pays", graph, must)];
    let question = |number| corpus::question(number, entries);
    let vector = bench.time(SearchMode::Vector, question).await?;
    rows.push(time("search by vectors", vector, None));
    let words = bench.time(SearchMode::Keyword, question).await?;
    rows.push(time("search by words", words, None));
    let hybrid = bench.time(SearchMode::Hybrid, question).await?;
    let must = largest.then_some(HYBRID_MUST);
    rows.push(time("hybrid search", hybrid, must));
    let common = bench.time(SearchMode::Hybrid, corpus::common).await?;
    rows.push(time("hybrid search, the commonest words", common, None));
    for every in [1, 2, 10, 100] {
        let tag = (every > 1).then(|| format!("every-{every}"));
        let recall = bench.recall(entries, every, tag.as_deref()).await?;
        rows.push(Row {
            name: format!("recall@10, one in {every} of {entries} entries by a tag"),
            unit: "mean",
            floor: None,
            floor_is: "–",
            floor_then: None,
            ours: recall,
            must: Some(0.95),
            better: Better::Higher,
        });
    }
    bench.store.close();
    Ok(rows)
}

/// The nearest ten in memory, by a scan and as a search of the host asks for them.
fn in_memory(entries: usize) -> (Sample, Sample) {
    let mut index = Index::new(corpus::DIMS);
    for number in 0..entries {
        index.push(corpus::vector(&corpus::entry(number, entries)).values());
    }
    // Where the host has no graph either.
    let is_scanned = entries <= 4 * 1024;
    while !is_scanned && let Some(plan) = index.plan() {
        index.apply(plan);
    }
    let queries: Vec<Query> = (0..SEARCHES)
        .map(|number| Query::new(corpus::vector(&corpus::question(number, entries)).values()))
        .collect();
    let time = |search: &dyn Fn(&Query)| {
        let rounds = (0..ROUNDS).map(|_| {
            let micros = queries.iter().map(|query| {
                let start = Instant::now();
                search(query);
                start.elapsed().as_secs_f64() * 1e6
            });
            percentile(micros.collect(), 0.5)
        });
        Sample::of(rounds.collect())
    };
    let scan = |query: &Query| {
        std::hint::black_box(index.scan(query, 0..index.len(), HITS, 0.0));
    };
    let graph = |query: &Query| {
        std::hint::black_box(index.search(query, HITS, 0.0, |_| true));
    };
    let scanned = time(&scan);
    let ours = if is_scanned {
        time(&scan)
    } else {
        time(&graph)
    };
    (scanned, ours)
}

/// Entries a second with the default embedder, each in a transaction of its own that others share.
async fn remembering() -> Result<Row> {
    let mut rounds = Vec::new();
    for _ in 0..3 {
        let bench = Arc::new(Bench::open(Arc::new(Offline::default())).await?);
        let next = Arc::new(AtomicUsize::new(0));
        let start = Instant::now();
        let mut writers = JoinSet::new();
        for _ in 0..WRITERS {
            writers.spawn(write_until(
                Arc::clone(&bench),
                Arc::clone(&next),
                start + REMEMBERING,
            ));
        }
        while let Some(written) = writers.join_next().await {
            written??;
        }
        rounds.push(next.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64());
        bench.store.close();
    }
    Ok(Row {
        name: format!("remember, {WRITERS} writers, default embedder"),
        unit: "entries/s",
        floor: None,
        floor_is: "–",
        floor_then: None,
        ours: Sample::of(rounds),
        must: Some(5_000.0),
        better: Better::Higher,
    })
}

async fn write_until(bench: Arc<Bench>, next: Arc<AtomicUsize>, end: Instant) -> Result<()> {
    while Instant::now() < end {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let entry = NewEntry {
            visibility: Visibility::Tenant,
            ..NewEntry::new(corpus::entry(number, 100_000))
        };
        let stamp = Stamp::of(&bench.scope, None, SystemClock.now());
        let write = entry.check(stamp, fresh_id("kno"))?;
        bench.store.remember(&bench.scope, write).await?;
    }
    Ok(())
}
