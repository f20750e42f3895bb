//! How many compile children there are at once, and how many uploads wait for one.
//!
//! Invariant: both are bounded; who waits is served in turn. It blocks a thread that may block, so that
//! an upload whose client has gone still ends in order.

use parking_lot::{Condvar, Mutex};

use crate::error::{Error, Result};

/// A door for `running_max` at once.
#[derive(Debug)]
pub(super) struct Gate {
    running_max: usize,
    waiting_max: usize,
    crowd: Mutex<Crowd>,
    left: Condvar,
}

#[derive(Debug, Default)]
struct Crowd {
    running: usize,
    waiting: usize,
}

/// One that was let in.
#[derive(Debug)]
pub(super) struct Pass<'a>(&'a Gate);

impl Gate {
    pub(super) fn new(running_max: usize, waiting_max: usize) -> Self {
        Self {
            running_max: running_max.max(1),
            waiting_max,
            crowd: Mutex::default(),
            left: Condvar::new(),
        }
    }

    /// Wait for a place.
    ///
    /// # Errors
    /// `Exhausted` if as many wait already as may.
    pub(super) fn enter(&self) -> Result<Pass<'_>> {
        let mut crowd = self.crowd.lock();
        if crowd.running >= self.running_max || crowd.waiting > 0 {
            if crowd.waiting >= self.waiting_max {
                return Err(Error::Exhausted {
                    limit: "intake.child.waiting_max",
                    unit: "uploads",
                    max: self.waiting_max as u64,
                });
            }
            crowd.waiting += 1;
            self.left
                .wait_while(&mut crowd, |crowd| crowd.running >= self.running_max);
            crowd.waiting -= 1;
        }
        crowd.running += 1;
        Ok(Pass(self))
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.0.crowd.lock().running -= 1;
        self.0.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn lets_in_as_many_as_may_and_queues_as_many_as_may() {
        let gate = Gate::new(1, 1);
        let first = gate.enter().expect("nobody is there");
        std::thread::scope(|scope| {
            let second = scope.spawn(|| gate.enter().map(drop));
            while gate.crowd.lock().waiting == 0 {
                std::thread::yield_now();
            }
            let third = gate.enter().unwrap_err();
            assert_eq!(
                third.to_string(),
                "intake.child.waiting_max is 1 uploads, all used"
            );
            drop(first);
            second.join().expect("no panic").expect("a place got free");
        });
        drop(gate.enter().expect("all have left"));
    }

    #[test]
    fn never_lets_in_more() {
        let gate = Gate::new(2, 64);
        let (inside, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let _pass = gate.enter().expect("the queue is long enough");
                        let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
                        most.fetch_max(now, Ordering::SeqCst);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(most.into_inner() <= 2);
        assert_eq!(gate.crowd.lock().running, 0);
    }
}
