//! The CPU time that a guest has used, host functions and nested calls included.
//!
//! Invariant: measured on the thread that polls, so time in which the guest waits costs nothing and
//! what a neighbour uses meanwhile is not counted. Ticks are not counted at all: they only ask.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::boundary::Stop;

/// Used and allowed CPU time of one run.
#[derive(Debug)]
pub(super) struct Meter {
    max_ns: u64,
    used_ns: AtomicU64,
    /// The thread's clock when the poll that is under way began.
    poll_began: AtomicU64,
}

/// A panic of the host, carried out of the poll that it happened in.
#[derive(Debug)]
pub(super) struct Panicked(pub(super) String);

impl Meter {
    pub(super) fn new(max: Duration) -> Self {
        Self {
            max_ns: u64::try_from(max.as_nanos()).unwrap_or(u64::MAX),
            used_ns: AtomicU64::new(0),
            poll_began: AtomicU64::new(0),
        }
    }

    /// Poll `work` to its end, counting the time and containing panics. What panicked is not polled
    /// again.
    pub(super) async fn run<T>(&self, work: impl Future<Output = T>) -> Result<T, Panicked> {
        let mut work = pin!(work);
        poll_fn(|cx| {
            let began = thread_cpu_ns();
            self.poll_began.store(began, Ordering::Relaxed);
            let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx)));
            let took = thread_cpu_ns().saturating_sub(began);
            self.used_ns.fetch_add(took, Ordering::Relaxed);
            match polled {
                Ok(polled) => polled.map(Ok),
                Err(payload) => Poll::Ready(Err(Panicked(message(&*payload)))),
            }
        })
        .await
    }

    /// Whether the guest that runs right now, on this thread, may go on.
    pub(super) fn check(&self) -> Result<(), Stop> {
        let now = thread_cpu_ns().saturating_sub(self.poll_began.load(Ordering::Relaxed));
        if self.used_ns.load(Ordering::Relaxed).saturating_add(now) < self.max_ns {
            return Ok(());
        }
        Err(Stop::Cpu {
            ms: self.max_ns / 1_000_000,
        })
    }

    /// Used in all finished polls.
    pub(super) fn used(&self) -> Duration {
        Duration::from_nanos(self.used_ns.load(Ordering::Relaxed))
    }

    /// Left, as seen from a host function: from inside a poll, on its thread.
    pub(super) fn left(&self) -> Duration {
        let now = thread_cpu_ns().saturating_sub(self.poll_began.load(Ordering::Relaxed));
        let used = self.used_ns.load(Ordering::Relaxed).saturating_add(now);
        Duration::from_nanos(self.max_ns.saturating_sub(used))
    }
}

fn thread_cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    // A thread's CPU clock starts at zero, so neither part is negative.
    (time.tv_sec as u64) * 1_000_000_000 + time.tv_nsec as u64
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a text").to_owned()
}
