//! Floors of the disk: one flush, and SQLite with a flush a commit.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;

/// Microseconds of a 4 KiB overwrite and its flush, each of `count`.
pub(crate) fn flushes_us(dir: &Path, count: usize) -> Result<Vec<f64>> {
    let file = File::create(dir.join("flush"))?;
    file.set_len(1 << 20)?;
    file.sync_all()?;
    let page = [7_u8; 4096];
    let mut times = Vec::with_capacity(count);
    for index in 0..count {
        let begun = Instant::now();
        file.write_all_at(&page, (index % 256 * 4096) as u64)?;
        file.sync_data()?;
        times.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    Ok(times)
}

/// Rows a second into one SQLite table with WAL and FULL, in batches, for about `seconds`.
pub(crate) fn sqlite_rows_per_s(dir: &Path, batch: usize, seconds: f64) -> Result<f64> {
    let conn = rusqlite::Connection::open(dir.join("floor.db"))?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.execute_batch(
        "CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, name TEXT UNIQUE, body TEXT)",
    )?;
    let body = "x".repeat(256);
    let begun = Instant::now();
    let mut rows = 0_usize;
    while begun.elapsed().as_secs_f64() < seconds {
        conn.execute_batch("BEGIN IMMEDIATE")?;
        let mut insert = conn.prepare_cached("INSERT INTO t(name, body) VALUES (?1, ?2)")?;
        for _ in 0..batch {
            rows += 1;
            insert.execute((
                format!(
                    "{:p}-{rows}-{}",
                    &raw const conn,
                    begun.elapsed().as_nanos()
                ),
                &body,
            ))?;
        }
        drop(insert);
        conn.execute_batch("COMMIT")?;
    }
    Ok(rows as f64 / begun.elapsed().as_secs_f64())
}
