//! The floor of a durable turn: a flush for the event, the guest in a fresh sandbox, a flush for what it did.
//!
//! Invariant: everything that costs time on every machine is here and nothing else is: the same guest on the bare
//! library, SQLite with one flush a commit, as many writer threads as the host has, as many publishers as ours. What
//! is left out is what Warren is for: tenants, grants, limits, schemas, order, retries, records.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use rusqlite::Connection;
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;
use warren::store::sqlite::SqliteSettings;

use crate::floor::Bare;
use crate::guests;
use crate::sample::Sample;

/// Most jobs of one transaction, as many as the host's writers take.
const BATCH_JOBS_MAX: usize = 512;
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(1);

/// What one transaction is asked for.
enum Job {
    /// Keep an event.
    Publish(u64),
    /// Keep what its turn did: a value, an event that follows, and that the first one is done.
    Commit(u64),
}

type Asked = (usize, Job, oneshot::Sender<()>);

/// Durable turns a second of `publishers` that each publish, run the turn and commit it, over `databases` files.
pub(crate) async fn turns_per_s(dir: &Path, databases: usize, publishers: u64) -> Result<Sample> {
    let threads = SqliteSettings::default().writer_threads.min(databases);
    let mut queues = Vec::new();
    let mut writers: Vec<JoinHandle<Result<()>>> = Vec::new();
    for thread in 0..threads {
        let mut files = Vec::new();
        for database in (thread..databases).step_by(threads) {
            files.push(open(&dir.join(format!("prototype-{database}.db")))?);
        }
        // Each publisher waits for its answer before it asks again, so that it never waits for room.
        let (queue, asked) = mpsc::sync_channel::<Asked>(publishers as usize);
        queues.push(queue);
        writers.push(std::thread::spawn(move || write(&files, &asked)));
    }
    let bare = Arc::new(Bare::new(&guests::bytes("bench-turn")?)?);
    let (stop, turns) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let tracker = TaskTracker::new();
    let tasks: Vec<_> = (0..publishers)
        .map(|publisher| {
            let (bare, queues) = (Arc::clone(&bare), queues.clone());
            let (stop, turns) = (Arc::clone(&stop), Arc::clone(&turns));
            tracker.spawn(async move {
                let mut n = publisher;
                while !stop.load(Ordering::Relaxed) {
                    let database = n as usize % databases;
                    let queue = queues.get(database % threads).context("no such writer")?;
                    ask(queue, database / threads, Job::Publish(n)).await?;
                    bare.turn(n).await?;
                    ask(queue, database / threads, Job::Commit(n)).await?;
                    turns.fetch_add(1, Ordering::Relaxed);
                    n += publishers + 1;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    let mut rounds = Vec::new();
    tokio::time::sleep(ROUND / 2).await;
    for _ in 0..ROUNDS {
        let (begun, before) = (Instant::now(), turns.load(Ordering::Relaxed));
        tokio::time::sleep(ROUND).await;
        let done = turns.load(Ordering::Relaxed) - before;
        rounds.push(done as f64 / begun.elapsed().as_secs_f64());
    }
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.context("a publisher panicked")??;
    }
    drop(queues);
    for writer in writers {
        writer.join().map_err(|_| anyhow!("a writer panicked"))??;
    }
    Ok(Sample::of(rounds))
}

async fn ask(queue: &mpsc::SyncSender<Asked>, database: usize, job: Job) -> Result<()> {
    let (done, answered) = oneshot::channel();
    queue
        .send((database, job, done))
        .map_err(|_| anyhow!("the writer is gone"))?;
    answered.await.context("the writer failed")
}

fn open(path: &Path) -> Result<Connection> {
    let conn = Connection::open(path)?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.execute_batch(
        "CREATE TABLE events(n INTEGER PRIMARY KEY, kind INTEGER, body TEXT);
         CREATE TABLE state(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID",
    )?;
    Ok(conn)
}

/// Take what waits, one transaction a database, and answer after its flush.
fn write(files: &[Connection], asked: &mpsc::Receiver<Asked>) -> Result<()> {
    while let Ok(first) = asked.recv() {
        let mut batch = vec![first];
        batch.extend(asked.try_iter().take(BATCH_JOBS_MAX - 1));
        batch.sort_by_key(|(database, _, _)| *database);
        for jobs in batch.chunk_by_mut(|a, b| a.0 == b.0) {
            let database = jobs.first().map_or(0, |(database, _, _)| *database);
            let conn = files.get(database).context("no such database")?;
            conn.execute_batch("BEGIN IMMEDIATE")?;
            for (_, job, _) in jobs.iter() {
                run(conn, job)?;
            }
            conn.execute_batch("COMMIT")?;
        }
        for (_, _, done) in batch {
            // A publisher that went away needs no answer.
            let _ = done.send(());
        }
    }
    Ok(())
}

fn run(conn: &Connection, job: &Job) -> Result<()> {
    const BODY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\
         0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\
         0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let mut insert =
        conn.prepare_cached("INSERT INTO events(n, kind, body) VALUES (?1, ?2, ?3)")?;
    match *job {
        Job::Publish(n) => {
            insert.execute((2 * n as i64, 0, BODY))?;
        }
        Job::Commit(n) => {
            conn.prepare_cached(
                "INSERT INTO state(key, value) VALUES (?1, ?2)
                 ON CONFLICT(key) DO UPDATE SET value = excluded.value",
            )?
            .execute((format!("key-{}", n % 1_000), "1"))?;
            insert.execute((2 * n as i64 + 1, 1, BODY))?;
            conn.prepare_cached("DELETE FROM events WHERE n = ?1")?
                .execute([2 * n as i64])?;
        }
    }
    Ok(())
}
