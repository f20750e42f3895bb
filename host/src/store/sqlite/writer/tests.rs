//! One transaction of many jobs: what one job's end does to the others.

use std::pin::Pin;
use std::sync::Mutex;

use futures_util::FutureExt;
use futures_util::future::join_all;
use rusqlite::ffi;
use tempfile::TempDir;
use tokio::task::coop::{Unconstrained, unconstrained};

use super::*;
use crate::bus::Announcement;
use crate::clock::SystemClock;
use crate::id::TenantId;
use crate::store::sqlite::datadir::DataDir;
use crate::store::sqlite::rows::Sql;
use crate::store::sqlite::tenant::OpenSettings;
use crate::store::sqlite::tenants::Tenants;
use crate::store::sqlite::vector_index::{Keeper, VECTOR_BYTES_MAX};

struct NoBus;

impl Bus for NoBus {
    fn announce(&self, _: TenantId, _: Announcement) {}
}

/// One writer thread and one tenant.
struct Bench {
    tenant: Arc<Tenant>,
    writers: Arc<Writers>,
    checkpointer: Checkpointer,
    deaths: Arc<Mutex<Vec<String>>>,
    _dir: TempDir,
}

impl Bench {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = Arc::new(DataDir::open(dir.path()).unwrap());
        let deaths: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&deaths);
        let health = Health::new(Arc::new(move |reason| {
            seen.lock().unwrap().push(reason.to_owned());
        }));
        let wal = WalSettings {
            pages: 1_000,
            alarm_pages: 10_000,
        };
        let (checkpointer, _) = Checkpointer::start(wal, &health).unwrap();
        let bus: Arc<dyn Bus> = Arc::new(NoBus);
        let writers = Arc::new(Writers::start(1, &health, &bus, &checkpointer).unwrap());
        let settings = OpenSettings {
            allowances: Arc::default(),
            clock: Arc::new(SystemClock),
            check: false,
            embedder: "none".into(),
        };
        let (keeper, _) = Keeper::start(VECTOR_BYTES_MAX).unwrap();
        let tenants = Tenants::new(data, (Arc::clone(&writers), keeper), health, settings, 1);
        let id = TenantId::generate();
        tenants.create(id).unwrap();
        Self {
            tenant: tenants.get(id).await.unwrap(),
            writers,
            checkpointer,
            deaths,
            _dir: dir,
        }
    }

    /// A job that the thread has taken and waits with, as long as somebody has the write side.
    fn taken(&self) -> impl Future<Output = Result<()>> {
        let tenant = Arc::clone(&self.tenant);
        let job = begun(async move { tenant.write(|_| Ok(())).await });
        while self.tenant.room().available_permits() < TENANT_JOBS_MAX {
            std::thread::yield_now();
        }
        job
    }

    /// Run jobs that each write their number and then end like this, in one transaction: they are queued
    /// while the thread waits with another.
    async fn run(&self, ends: Vec<fn() -> Result<()>>) -> Vec<Result<()>> {
        let side = self.tenant.write_side();
        let first = self.taken();
        let jobs = ends.into_iter().enumerate().map(|(number, end)| {
            self.tenant.write(move |tx| {
                tx.conn()
                    .execute(
                        "INSERT INTO roots (root, descendants) VALUES (?1, 0)",
                        [number as i64],
                    )
                    .during("writing")?;
                end()
            })
        });
        let all = begun(join_all(jobs));
        drop(side);
        first.await.unwrap();
        all.await
    }

    async fn kept(&self) -> Vec<i64> {
        self.tenant
            .read(|conn| {
                conn.prepare_cached("SELECT root FROM roots ORDER BY root")
                    .and_then(|mut s| s.query_map([], |row| row.get(0))?.collect())
                    .during("reading")
            })
            .await
            .unwrap()
    }

    fn deaths(&self) -> usize {
        self.deaths.lock().unwrap().len()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.writers.stop();
        self.checkpointer.stop();
    }
}

/// Polled once: what it queues is queued. Without the runtime's budget, which would stop it half way.
fn begun<F: Future>(future: F) -> Pin<Box<Unconstrained<F>>> {
    let mut future = Box::pin(unconstrained(future));
    assert!(future.as_mut().now_or_never().is_none());
    future
}

#[expect(clippy::unnecessary_wraps, reason = "every job answers with a result")]
fn well() -> Result<()> {
    Ok(())
}

fn sqlite_error(code: i32) -> Result<()> {
    Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)).during("doing what fails")
}

/// Which of them ended well.
fn ended_well(results: &[Result<()>]) -> Vec<bool> {
    results.iter().map(Result::is_ok).collect()
}

#[tokio::test]
async fn an_error_takes_back_its_own_job() {
    let bench = Bench::new().await;
    let wrong = || Err(Error::conflict("test", "wrong"));
    let results = bench.run(vec![wrong, well, wrong, well]).await;
    assert_eq!(ended_well(&results), [false, true, false, true]);
    assert!(matches!(results[2], Err(Error::Conflict { .. })));
    assert_eq!(bench.kept().await, [1, 3]);
}

#[tokio::test]
async fn a_panic_takes_back_its_own_job() {
    let bench = Bench::new().await;
    let results = bench
        .run(vec![well, well, || panic!("a defect"), well])
        .await;
    assert_eq!(ended_well(&results), [true, true, false, true]);
    assert!(matches!(results[2], Err(Error::Internal { .. })));
    assert_eq!(bench.kept().await, [0, 1, 3]);
    assert_eq!(bench.deaths(), 0);
}

#[tokio::test]
async fn a_full_disk_takes_back_the_transaction_and_passes() {
    let bench = Bench::new().await;
    let results = bench
        .run(vec![well, || sqlite_error(ffi::SQLITE_FULL), well])
        .await;
    for result in &results {
        assert!(matches!(result, Err(Error::StorageFull { .. })));
    }
    assert!(bench.kept().await.is_empty());
    bench.tenant.write(|_| Ok(())).await.unwrap();
    assert_eq!(bench.deaths(), 0);
}

#[tokio::test]
async fn a_failed_disk_is_the_end() {
    let bench = Bench::new().await;
    let results = bench
        .run(vec![well, || sqlite_error(ffi::SQLITE_IOERR_FSYNC), well])
        .await;
    assert_eq!(ended_well(&results), [false, false, false]);
    assert_eq!(bench.deaths(), 1, "the process is told to end");
    let later = bench.tenant.write(|_| Ok(())).await;
    assert!(
        matches!(&later, Err(Error::Unavailable { reason, .. }) if reason.contains("restart")),
        "if it does not, nothing more is written: {later:?}"
    );
    assert_eq!(bench.deaths(), 1, "it is told once");
}

#[tokio::test]
async fn no_room_for_the_shared_index_is_a_full_disk() {
    let bench = Bench::new().await;
    let results = bench
        .run(vec![well, || sqlite_error(ffi::SQLITE_IOERR_SHMSIZE)])
        .await;
    assert_eq!(ended_well(&results), [false, false]);
    assert_eq!(bench.deaths(), 0);
}

#[tokio::test]
async fn a_tenant_may_have_its_bound_of_jobs_waiting_and_no_more() {
    let bench = Bench::new().await;
    let side = bench.tenant.write_side();
    let first = bench.taken();
    let full = begun(join_all(
        (0..TENANT_JOBS_MAX).map(|_| bench.tenant.write(|_| Ok(()))),
    ));
    assert_eq!(bench.tenant.room().available_permits(), 0);
    drop(begun(bench.tenant.write(|_| Ok(()))));
    drop(side);
    first.await.unwrap();
    assert!(full.await.iter().all(Result::is_ok));
    assert_eq!(
        bench.tenant.room().available_permits(),
        TENANT_JOBS_MAX,
        "one that gave up waiting took no room with it"
    );
}

#[tokio::test]
async fn what_was_queued_before_the_end_is_done() {
    let bench = Bench::new().await;
    let side = bench.tenant.write_side();
    let jobs = begun(join_all((0..10).map(|_| bench.tenant.write(|_| Ok(())))));
    let writers = Arc::clone(&bench.writers);
    let stopping = tokio::task::spawn_blocking(move || writers.stop());
    drop(side);
    assert!(jobs.await.iter().all(Result::is_ok));
    stopping.await.unwrap();
    let late = bench.tenant.write(|_| Ok(())).await;
    assert!(matches!(late, Err(Error::Unavailable { .. })));
}
