//! What a store holds besides the guest.
//!
//! Invariant: the fields are private and reached through one view an interface, each of which borrows
//! only what that interface needs. The turn is in one place at a time: here, or lent to the run of a
//! tool that this guest calls, from where it comes home even when that run is cut off.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::error::Error;
use crate::turn::{LimitPassed, Turn, TurnEnd};

use super::boundary::{ContextView, EventsView, Fault, RandomView, Stop, TurnView};
use super::fences::Fences;
use super::run::Runner;
use super::wasi::{Stdio, Wasi};

/// Where a lent turn comes home to.
type Home = Arc<Mutex<Option<Box<Turn>>>>;

/// The turn on the desk of the guest that works on it, or an empty desk while an agent describes itself.
pub(super) struct Desk {
    turn: Option<Box<Turn>>,
    /// How deep the guest of this desk is nested: frames above it belong to tools it called.
    depth: u32,
    /// Where the turn goes when this desk is cleared: the desk of the guest that called this one.
    home: Option<Home>,
    /// Where the turn comes back to when a tool that was called is cut off.
    lent: Option<Home>,
    stdio: Option<Stdio>,
}

impl Desk {
    /// For a turn of its own.
    pub(super) fn of(turn: Box<Turn>) -> Self {
        Self {
            depth: turn.depth(),
            turn: Some(turn),
            home: None,
            lent: None,
            stdio: None,
        }
    }

    /// For an agent that describes itself: it has no turn, no grants and no effects.
    pub(super) fn empty() -> Self {
        Self {
            turn: None,
            depth: 0,
            home: None,
            lent: None,
            stdio: None,
        }
    }

    /// The turn of a desk that has one, uncounted: for the host's own use.
    pub(super) fn turn(&self) -> &Turn {
        self.turn
            .as_deref()
            .expect("the desk of a turn has its turn")
    }

    /// Count a host call that passes `bytes_in` and give the turn.
    ///
    /// # Errors
    /// A stop when a limit of the turn is passed; `Denied` outside a turn.
    pub(super) fn enter(&mut self, bytes_in: usize) -> Result<&mut Turn, Fault> {
        self.enter_or_none(bytes_in)?.ok_or_else(|| {
            Fault::from(Error::Denied {
                what: "an agent that describes itself".into(),
                grant: "none".into(),
            })
        })
    }

    /// As [`Desk::enter`], for functions that have an answer outside a turn.
    ///
    /// # Errors
    /// A stop when a limit of the turn is passed.
    pub(super) fn enter_or_none(&mut self, bytes_in: usize) -> Result<Option<&mut Turn>, Stop> {
        let Some(turn) = self.turn.as_deref_mut() else {
            return Ok(None);
        };
        turn.count_host_call(bytes_in)?;
        if let Some(stdio) = &self.stdio {
            stdio.drain_into(turn);
        }
        Ok(Some(turn))
    }

    /// Lend the turn to a tool: the desk that it works on. Give back what comes of it with
    /// [`Desk::take_back`]; if it is cut off first, [`Desk::clear`] finds the turn at home.
    pub(super) fn lend(&mut self) -> Self {
        let home = Home::default();
        self.lent = Some(Arc::clone(&home));
        let turn = self.turn.take();
        Self {
            depth: turn.as_ref().map_or(0, |turn| turn.depth()),
            turn,
            home: Some(home),
            lent: None,
            stdio: None,
        }
    }

    /// The turn comes back from a tool that ran to its end.
    pub(super) fn take_back(&mut self, turn: Box<Turn>) -> &mut Turn {
        self.lent = None;
        self.turn.insert(turn)
    }

    /// Take the turn off the desk, with the log complete and the frames of cut-off tools removed.
    /// None for an empty desk.
    pub(super) fn clear(mut self) -> Option<Box<Turn>> {
        let lent = self.lent.take();
        let mut turn = self
            .turn
            .take()
            .or_else(|| lent.and_then(|home| home.lock().take()))?;
        while turn.depth() > self.depth {
            // Its caller is gone too: nobody is left to hear the reason.
            let _ = turn.end_call(TurnEnd::TimedOut);
        }
        if let Some(stdio) = &self.stdio {
            stdio.finish_into(&mut turn);
        }
        Some(turn)
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if let (Some(turn), Some(home)) = (self.turn.take(), self.home.take()) {
            *home.lock() = Some(turn);
        }
    }
}

/// What the store of one run holds.
pub(super) struct GuestState {
    desk: Desk,
    runner: Runner,
    fences: Fences,
    /// Made when the guest first calls something of WASI: most agents never do.
    wasi: Option<Box<Wasi>>,
    /// The limit of the turn that a call of WASI passed.
    passed: Option<LimitPassed>,
}

impl GuestState {
    pub(super) fn new(desk: Desk, runner: Runner, fences: Fences) -> Self {
        Self {
            desk,
            runner,
            fences,
            wasi: None,
            passed: None,
        }
    }

    pub(super) fn fences(&mut self) -> &mut Fences {
        &mut self.fences
    }

    pub(super) fn turn(&mut self) -> TurnView<'_> {
        TurnView {
            desk: &mut self.desk,
        }
    }

    pub(super) fn events(&mut self) -> EventsView<'_> {
        EventsView {
            desk: &mut self.desk,
            runner: &self.runner,
        }
    }

    pub(super) fn context(&mut self) -> ContextView<'_> {
        ContextView {
            desk: &mut self.desk,
            runner: &self.runner,
        }
    }

    pub(super) fn random(&mut self) -> RandomView<'_> {
        RandomView {
            desk: &mut self.desk,
            bytes_max: self.runner.limits().random_bytes_max,
        }
    }

    /// WASI's side, for one call of it: each call counts against the turn's limit. The library offers no
    /// place where the call itself could fail, so one too many is remembered. [`Self::check`] ends the
    /// run at the next tick, and a guest that returns before it is not believed.
    pub(super) fn wasi(&mut self) -> &mut Wasi {
        if let Some(turn) = self.desk.turn.as_deref_mut()
            && let Err(limit) = turn.count_host_call(0)
        {
            self.passed = Some(limit);
        }
        self.wasi.get_or_insert_with(|| {
            let stdio = Stdio::default();
            self.desk.stdio = Some(stdio.clone());
            let clock = self.desk.turn.as_ref().map(|turn| turn.clock());
            let outgoing = self.runner.outgoing(self.desk.turn.as_deref());
            Box::new(Wasi::new(clock, &stdio, outgoing, self.runner.limits()))
        })
    }

    /// Whether the guest may go on.
    ///
    /// # Errors
    /// The limit that a call of WASI passed.
    pub(super) fn check(&self) -> Result<(), Stop> {
        match &self.passed {
            Some(limit) => Err(Stop::Limit(limit.clone())),
            None => Ok(()),
        }
    }

    /// What is left after the run.
    pub(super) fn into_parts(self) -> (Desk, Fences) {
        (self.desk, self.fences)
    }
}
