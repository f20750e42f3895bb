//! What a tenant used: implements [`UsageStore`], and counts in the writer's transactions.
//!
//! Invariant: jobs add to [`WriteTx::used`] and the transaction that keeps them writes the sum, one row for
//! all of them, before its COMMIT: the figures and what they count are durable together. A job that is
//! rolled back takes its figures with it. The day's CPU is kept beside the database, so that nothing has
//! to be read to see that a quota is reached.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::SqliteStore;
use super::append::{Batch, Draft};
use super::rows::{Sql, from_u64, to_u64};
use super::writer::WriteTx;
use crate::clock::{Clock, Timestamp};
use crate::error::Result;
use crate::events::NewEvent;
use crate::id::TenantId;
use crate::identity::TenantScope;
use crate::quota::{Allowances, Quota, Quotas};
use crate::usage::{
    DAYS_TOLD_MAX, Figures, Held, Period, Span, USAGE_HOURS_KEPT, UsageStore, day_begins,
    day_ended, day_of, first_hour, hour_begins, hour_of, quota_reached, reached,
};

/// Transactions of a tenant from one look at the size of its database to the next: 64 commits of the largest
/// batch of turns write less than a thousandth of the default quota.
const SIZE_LOOK: u32 = 64;
/// What the table of what was told says of the figures of a day.
const DAY: &str = "day";
const US_PER_S: u64 = 1_000_000;

/// Whose use is counted, by which clock, and how much there may be.
#[derive(Debug, Clone)]
pub(super) struct Meter {
    pub(super) tenant: TenantId,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) allowances: Arc<Allowances>,
}

/// What is known of the day that is under way as of the last commit.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Book {
    hour: i64,
    day: i64,
    cpu_us: u64,
    /// Highest share that the tenant was told of today, in percent.
    told_cpu: u8,
    told_bytes: u8,
    /// Transactions since the last look at the size.
    unlooked: u32,
}

impl Book {
    /// Read what the database says of today.
    pub(super) fn open(conn: &Connection, now: Timestamp) -> Result<Self> {
        let day = day_of(now);
        let cpu_us: i64 = conn
            .query_row(
                "SELECT coalesce(sum(cpu_us), 0) FROM usage WHERE hour >= ?1",
                [first_hour(day)],
                |row| row.get(0),
            )
            .during("reading today's usage")?;
        let mut book = Self {
            day,
            cpu_us: to_u64(cpu_us),
            ..Self::default()
        };
        for percent in crate::usage::TOLD_PERCENT {
            if is_told(conn, day, &word(Quota::CpuSecondsPerDay, percent))? {
                book.told_cpu = percent;
            }
            if is_told(conn, day, &word(Quota::TenantBytesMax, percent))? {
                book.told_bytes = percent;
            }
        }
        Ok(book)
    }

    /// The same on this day, which may be another.
    fn on(self, day: i64) -> Self {
        if day == self.day {
            return self;
        }
        Self {
            day,
            hour: self.hour,
            ..Self::default()
        }
    }
}

/// Write what the jobs of this transaction used, and tell the tenant what it has reached. Called once,
/// after the last job.
pub(super) fn settle(tx: &mut WriteTx<'_>, meter: &Meter, book: Book) -> Result<Book> {
    if tx.used.is_empty() {
        return Ok(book);
    }
    let now = meter.clock.now();
    let hour = hour_of(now);
    let mut book = book.on(day_of(now));
    if hour != book.hour {
        forget_old(tx.conn(), hour)?;
        (book.hour, book.unlooked) = (hour, 0);
    }
    add(tx.conn(), hour, &tx.used)?;
    book.cpu_us = book.cpu_us.saturating_add(tx.used.cpu_us);

    let quotas = meter.allowances.standing(meter.tenant).quotas;
    let max = quotas.get(Quota::CpuSecondsPerDay);
    let percent = reached(book.cpu_us, max.saturating_mul(US_PER_S));
    if percent > book.told_cpu {
        let used = book.cpu_us / US_PER_S;
        tell(tx, Quota::CpuSecondsPerDay, (percent, used, max), now)?;
        book.told_cpu = percent;
    }
    if book.unlooked == 0 {
        let (used, max) = (size(tx.conn())?, quotas.get(Quota::TenantBytesMax));
        let percent = reached(used, max);
        if percent > book.told_bytes {
            tell(tx, Quota::TenantBytesMax, (percent, used, max), now)?;
            book.told_bytes = percent;
        }
    }
    book.unlooked = (book.unlooked + 1) % SIZE_LOOK;
    Ok(book)
}

fn add(conn: &Connection, hour: i64, used: &Figures) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO usage (hour, turns, turns_failed, cpu_us, events, payload_bytes, writes)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (hour) DO UPDATE SET
             turns = turns + excluded.turns, turns_failed = turns_failed + excluded.turns_failed,
             cpu_us = cpu_us + excluded.cpu_us, events = events + excluded.events,
             payload_bytes = payload_bytes + excluded.payload_bytes, writes = writes + excluded.writes",
    )
    .and_then(|mut statement| {
        statement.execute(params![
            hour,
            from_u64(used.turns),
            from_u64(used.turns_failed),
            from_u64(used.cpu_us),
            from_u64(used.events),
            from_u64(used.payload_bytes),
            from_u64(used.writes),
        ])
    })
    .during("counting usage")?;
    Ok(())
}

/// Once an hour, so that what is kept is bounded without anybody's sweep.
fn forget_old(conn: &Connection, hour: i64) -> Result<()> {
    let first = hour.saturating_sub(USAGE_HOURS_KEPT);
    conn.execute("DELETE FROM usage WHERE hour < ?1", [first])
        .and_then(|_| {
            let day = day_of(hour_begins(first));
            conn.execute("DELETE FROM usage_told WHERE day < ?1", [day])
        })
        .during("forgetting old usage")?;
    Ok(())
}

/// Bytes of the database that are in use: pages that were freed are used again before it grows.
fn size(conn: &Connection) -> Result<u64> {
    let read = |sql: &str| -> rusqlite::Result<i64> {
        conn.prepare_cached(sql)?.query_row([], |row| row.get(0))
    };
    let size = || -> rusqlite::Result<i64> {
        let pages = read("PRAGMA page_count")? - read("PRAGMA freelist_count")?;
        Ok(pages.saturating_mul(read("PRAGMA page_size")?))
    };
    size().map(to_u64).during("measuring the database")
}

/// Publish that a share of a quota is used, unless it was published today.
fn tell(tx: &mut WriteTx<'_>, quota: Quota, told: (u8, u64, u64), now: Timestamp) -> Result<()> {
    if note_told(tx.conn(), day_of(now), &word(quota, told.0))? {
        publish(tx, quota_reached(quota, told, now)?)?;
    }
    Ok(())
}

fn publish(tx: &mut WriteTx<'_>, event: NewEvent) -> Result<()> {
    let mut batch = Batch::default();
    batch.append(tx, Draft::new(event)?)?;
    batch.announce(tx);
    Ok(())
}

fn word(quota: Quota, percent: u8) -> String {
    format!("{quota} {percent}")
}

fn is_told(conn: &Connection, day: i64, what: &str) -> Result<bool> {
    conn.prepare_cached("SELECT 1 FROM usage_told WHERE day = ?1 AND what = ?2")
        .and_then(|mut statement| {
            statement
                .query_row(params![day, what], |_| Ok(()))
                .optional()
        })
        .map(|found| found.is_some())
        .during("reading what was told")
}

/// Says whether it is new.
fn note_told(conn: &Connection, day: i64, what: &str) -> Result<bool> {
    conn.prepare_cached("INSERT OR IGNORE INTO usage_told (day, what) VALUES (?1, ?2)")
        .and_then(|mut statement| statement.execute(params![day, what]))
        .map(|rows| rows == 1)
        .during("noting what is told")
}

/// Have SQLite, and the counters that no statement knows a quota for, keep a tenant's quotas.
pub(super) fn apply_quotas(conn: &Connection, quotas: &Quotas) -> Result<()> {
    /// Most pages that SQLite can count.
    const PAGES_MAX: i64 = 0xffff_fffe;
    let page_bytes: i64 = conn
        .query_row("PRAGMA page_size", [], |row| row.get(0))
        .during("reading the page size")?;
    let pages = from_u64(quotas.get(Quota::TenantBytesMax)) / page_bytes.max(1);
    conn.pragma_update(None, "max_page_count", pages.clamp(1, PAGES_MAX))
        .during("setting the quota")?;
    let entries = from_u64(quotas.get(Quota::KnowledgeEntriesMax));
    conn.execute(
        "INSERT INTO memory_counters (name, value) VALUES ('knowledge_entries_max', ?1)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE value <> excluded.value",
        [entries],
    )
    .during("setting the quota of knowledge")?;
    Ok(())
}

#[async_trait]
impl UsageStore for SqliteStore {
    async fn usage(
        &self,
        scope: &TenantScope,
        span: Span,
        before: Option<Timestamp>,
        limit: u32,
    ) -> Result<Vec<Period>> {
        let before = before.unwrap_or(Timestamp(i64::MAX));
        let tenant = self.tenant(scope).await?;
        tenant
            .scan(move |conn| periods(conn, span, before, limit))
            .await
    }

    async fn held(&self, scope: &TenantScope) -> Result<Held> {
        let tenant = self.tenant(scope).await?;
        tenant
            .read(|conn| {
                let entries: i64 = conn
                    .prepare_cached(
                        "SELECT value FROM memory_counters WHERE name = 'knowledge_entries'",
                    )
                    .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
                    .during("counting knowledge")?;
                Ok(Held {
                    bytes: size(conn)?,
                    knowledge_entries: to_u64(entries),
                })
            })
            .await
    }

    async fn tell_days(&self, scope: &TenantScope, now: Timestamp) -> Result<u32> {
        let tenant = self.tenant(scope).await?;
        // Asked without the writer first: most days there is nothing to tell most tenants.
        if tenant.read(|conn| untold(conn, now)).await?.is_empty() {
            return Ok(0);
        }
        tenant.write(move |tx| tell_days(tx, now)).await
    }
}

/// Days that are over, that something was used on, and that nobody was told of.
fn untold(conn: &Connection, now: Timestamp) -> Result<Vec<i64>> {
    conn.prepare_cached(
        "SELECT DISTINCT hour / 24 AS day FROM usage
         WHERE hour < ?1 AND NOT EXISTS (
             SELECT 1 FROM usage_told t WHERE t.day = usage.hour / 24 AND t.what = ?2)
         ORDER BY day LIMIT ?3",
    )
    .and_then(|mut statement| {
        let params = params![first_hour(day_of(now)), DAY, DAYS_TOLD_MAX];
        statement.query_map(params, |row| row.get(0))?.collect()
    })
    .during("looking for days that are over")
}

fn tell_days(tx: &mut WriteTx<'_>, now: Timestamp) -> Result<u32> {
    let mut told = 0;
    for day in untold(tx.conn(), now)? {
        let after = day_begins(day + 1);
        let period = periods(tx.conn(), Span::Day, after, 1)?;
        let figures = period.first().map(|period| period.figures);
        if note_told(tx.conn(), day, DAY)? {
            publish(tx, day_ended(day, &figures.unwrap_or_default(), now)?)?;
            told += 1;
        }
    }
    Ok(told)
}

fn periods(conn: &Connection, span: Span, before: Timestamp, limit: u32) -> Result<Vec<Period>> {
    let (sql, before) = match span {
        Span::Hour => (
            "SELECT hour, turns, turns_failed, cpu_us, events, payload_bytes, writes FROM usage
             WHERE hour < ?1 ORDER BY hour DESC LIMIT ?2",
            ceil(before, hour_of, hour_begins),
        ),
        Span::Day => (
            "SELECT hour / 24 * 24, sum(turns), sum(turns_failed), sum(cpu_us), sum(events),
                    sum(payload_bytes), sum(writes)
             FROM usage WHERE hour < ?1 GROUP BY hour / 24 ORDER BY 1 DESC LIMIT ?2",
            first_hour(ceil(before, day_of, day_begins)),
        ),
    };
    conn.prepare_cached(sql)
        .and_then(|mut statement| {
            statement
                .query_map(params![before, limit], period)?
                .collect()
        })
        .during("reading usage")
}

/// The first period that does not begin before an instant.
fn ceil(time: Timestamp, of: fn(Timestamp) -> i64, begins: fn(i64) -> Timestamp) -> i64 {
    let number = of(time);
    number + i64::from(begins(number) < time)
}

fn period(row: &Row<'_>) -> rusqlite::Result<Period> {
    let figure = |column| row.get(column).map(to_u64);
    Ok(Period {
        start: hour_begins(row.get(0)?),
        figures: Figures {
            turns: figure(1)?,
            turns_failed: figure(2)?,
            cpu_us: figure(3)?,
            events: figure(4)?,
            payload_bytes: figure(5)?,
            writes: figure(6)?,
        },
    })
}
