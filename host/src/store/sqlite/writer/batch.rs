//! One tenant's jobs in one transaction.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rusqlite::Connection;

use super::{Job, Worker, health};
use crate::bus::Announcement;
use crate::crash::{self, Point};
use crate::error::{Error, Result};
use crate::registry::Directory;
use crate::store::sqlite::rows::{self, Trouble};
use crate::store::sqlite::tenant::{Tenant, WriteSide};
use crate::store::sqlite::usage;
use crate::store::sqlite::working;
use crate::usage::Figures;

/// Numbers that every append needs, kept beside the database so that no query has to find them.
/// A job that is rolled back puts them back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::store::sqlite) struct Counters {
    /// The last position given out.
    pub(in crate::store::sqlite) head: i64,
    /// Events that wait for their time.
    pub(in crate::store::sqlite) scheduled: u64,
}

/// What a job works in.
pub(in crate::store::sqlite) struct WriteTx<'a> {
    conn: &'a Connection,
    directory: Arc<Directory>,
    announcements: Vec<Announcement>,
    working: Vec<working::Change>,
    /// See [`Counters`].
    pub(in crate::store::sqlite) counters: Counters,
    /// What the jobs have used so far.
    pub(in crate::store::sqlite) used: Figures,
}

impl<'a> WriteTx<'a> {
    /// The connection, inside its transaction.
    pub(in crate::store::sqlite) fn conn(&self) -> &'a Connection {
        self.conn
    }

    /// The tenant's agents as of this very point in the order of commits.
    pub(in crate::store::sqlite) fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// Replace the directory, with the commit of this job.
    pub(in crate::store::sqlite) fn set_directory(&mut self, directory: Arc<Directory>) {
        self.directory = directory;
    }

    /// Tell readers of working memory after the commit.
    pub(in crate::store::sqlite) fn change_working(&mut self, change: working::Change) {
        self.working.push(change);
    }

    /// Tell the bus after the commit.
    pub(in crate::store::sqlite) fn announce(&mut self, announcement: Announcement) {
        self.announcements.push(announcement);
    }
}

/// A job that ran, or that will not run any more, its answer not given yet.
pub(super) struct Ran {
    /// Whether it ended well, so that what it wrote is kept.
    pub(super) kept: bool,
    /// Set if its error is one that no other job of the transaction can survive.
    pub(super) ruin: Option<Fate>,
    /// Answers the caller.
    pub(super) reply: Box<dyn FnOnce(&Fate) + Send>,
}

/// What became of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is durable.
    Committed,
    /// The disk is full; nothing of it was kept.
    Full,
    /// The disk failed; what was kept is found out at the next start.
    Broken(String),
    /// SQLite would not begin or commit it; nothing of it was kept.
    Refused(String),
    /// The tenant was deleted before.
    Gone(String),
}

impl Fate {
    /// What every caller of the transaction is told instead of its result.
    pub(super) fn error(&self) -> Option<Error> {
        match self {
            Self::Committed => None,
            Self::Full => Some(rows::full()),
            Self::Broken(_) => Some(health::broken()),
            Self::Refused(reason) => Some(Error::Unavailable {
                what: rows::STORAGE,
                reason: reason.clone(),
            }),
            Self::Gone(tenant) => Some(Error::not_found("tenant", tenant.as_str())),
        }
    }

    /// What a job's error means for the transaction it ran in, if it means anything.
    pub(super) fn ruin(error: &Error) -> Option<Self> {
        match Trouble::of_host(error) {
            Trouble::Full => Some(Self::Full),
            Trouble::Io => Some(Self::Broken(health::chain(error))),
            Trouble::Busy | Trouble::Other => None,
        }
    }

    /// What a failed statement of the transaction itself means.
    fn of(error: &rusqlite::Error) -> Self {
        match Trouble::of(error) {
            Trouble::Full => Self::Full,
            Trouble::Io => Self::Broken(error.to_string()),
            Trouble::Busy | Trouble::Other => Self::Refused(error.to_string()),
        }
    }
}

impl Worker {
    /// Run a tenant's jobs in one transaction, then announce and answer.
    pub(super) fn commit(&self, tenant: &Arc<Tenant>, jobs: Vec<Job>) {
        let mut side = tenant.write_side();
        let mut ran = Vec::with_capacity(jobs.len());
        let refused = if self.health.check().is_err() {
            Err(Fate::Broken("the disk failed before".into()))
        } else if tenant.is_gone() {
            Err(Fate::Gone(tenant.id().to_string()))
        } else {
            Ok(())
        };
        let fate = match transact(&mut side, refused, jobs, &mut ran) {
            Ok((announcements, working)) => {
                tenant.publish_directory(&side.directory);
                tenant.working().committed(working);
                for announcement in merged(announcements) {
                    self.bus.announce(tenant.id(), announcement);
                }
                Fate::Committed
            }
            Err(fate) => {
                if let Fate::Broken(reason) = &fate {
                    self.health.fail(reason);
                }
                fate
            }
        };
        tenant.vectors().settle();
        for ran in ran {
            (ran.reply)(&fate);
        }
        if fate == Fate::Committed {
            self.checkpointer.after_commit(tenant, &mut side);
        }
    }
}

/// BEGIN, every job in its savepoint, COMMIT. An error means that nothing was kept.
fn transact(
    side: &mut WriteSide,
    refused: Result<(), Fate>,
    jobs: Vec<Job>,
    ran: &mut Vec<Ran>,
) -> Result<(Vec<Announcement>, Vec<working::Change>), Fate> {
    let conn = &side.conn;
    let mut tx = WriteTx {
        conn,
        directory: Arc::clone(&side.directory),
        announcements: Vec::new(),
        working: Vec::new(),
        counters: side.counters,
        used: Figures::default(),
    };
    let mut book = side.book;
    // Alone, a job needs no savepoint: the transaction is its own.
    let alone = jobs.len() == 1;
    let mut state = refused.and_then(|()| run_sql(conn, "BEGIN IMMEDIATE"));
    crash::point(Point::CommitBegun);
    for job in jobs {
        if state.is_ok() {
            state = run_job(&mut tx, job, alone, ran);
        } else {
            // Not run any more, but answered with the others.
            ran.push((job.run)(None));
        }
    }
    // A job that was alone and failed has rolled the transaction back.
    if state.is_ok() && !conn.is_autocommit() {
        state = usage::settle(&mut tx, &side.meter, book)
            .map(|settled| book = settled)
            .map_err(|error| Fate::ruin(&error).unwrap_or(Fate::Refused(error.to_string())));
    }
    if state.is_ok() && !conn.is_autocommit() {
        crash::point(Point::BeforeCommit);
        state = run_sql(conn, "COMMIT");
        crash::point(Point::Committed);
    }
    let (directory, counters) = (tx.directory, tx.counters);
    let told = (tx.announcements, tx.working);
    if let Err(fate) = state {
        if !conn.is_autocommit() {
            // SQLite has often rolled back by itself; if this fails, the next BEGIN says so.
            let _ = run_sql(conn, "ROLLBACK");
        }
        return Err(fate);
    }
    side.directory = directory;
    side.counters = counters;
    side.book = book;
    Ok(told)
}

/// Run one job; what it wrote is taken back unless it ended well. An error is the whole transaction's.
fn run_job(tx: &mut WriteTx<'_>, job: Job, alone: bool, ran: &mut Vec<Ran>) -> Result<(), Fate> {
    if !alone {
        run_sql(tx.conn, "SAVEPOINT job")?;
    }
    let before = (
        Arc::clone(&tx.directory),
        tx.counters,
        tx.announcements.len(),
        tx.working.len(),
        tx.used,
    );
    // A panic drops the caller's address, which tells the caller.
    let done = catch_unwind(AssertUnwindSafe(|| (job.run)(Some(&mut *tx)))).ok();
    let kept = done.as_ref().is_some_and(|done| done.kept);
    let ruin = done.as_ref().and_then(|done| done.ruin.clone());
    ran.extend(done);
    if let Some(fate) = ruin {
        return Err(fate);
    }
    if tx.conn.is_autocommit() {
        return Err(Fate::Refused("SQLite took the transaction back".into()));
    }
    if kept {
        return if alone {
            Ok(())
        } else {
            run_sql(tx.conn, "RELEASE job")
        };
    }
    (tx.directory, tx.counters) = (before.0, before.1);
    tx.announcements.truncate(before.2);
    tx.working.truncate(before.3);
    tx.used = before.4;
    if alone {
        return run_sql(tx.conn, "ROLLBACK");
    }
    run_sql(tx.conn, "ROLLBACK TO job")?;
    run_sql(tx.conn, "RELEASE job")
}

fn run_sql(conn: &Connection, sql: &'static str) -> Result<(), Fate> {
    conn.prepare_cached(sql)
        .and_then(|mut statement| statement.execute([]))
        .map(|_| ())
        .map_err(|e| Fate::of(&e))
}

/// Appends of one transaction are one announcement: those who wait wake once. The order stays.
fn merged(announcements: Vec<Announcement>) -> Vec<Announcement> {
    let mut out: Vec<Announcement> = Vec::new();
    for next in announcements {
        match (out.last_mut(), next) {
            (
                Some(Announcement::Appended { events, deliveries }),
                Announcement::Appended {
                    events: more_events,
                    deliveries: more_deliveries,
                },
            ) => {
                events.extend(more_events);
                deliveries.extend(more_deliveries);
            }
            (Some(Announcement::DueChanged), Announcement::DueChanged) => {}
            (_, next) => out.push(next),
        }
    }
    out
}
