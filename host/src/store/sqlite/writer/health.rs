//! Whether the store may still be relied on.
//!
//! Invariant: after an I/O error nothing is promised any more. A failed flush may have dropped pages that
//! SQLite believes written, so to go on would be to build on sand; the process ends, and the next start
//! recovers what was committed from the log.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};
use crate::store::sqlite::rows::{self, Trouble};

/// Called once, after the first I/O error, with what happened. It should not return.
pub type FatalHook = Arc<dyn Fn(&str) + Send + Sync>;

/// The exit code for "an error occurred while doing I/O on some file", as `sysexits.h` has it.
const EXIT_IO_ERROR: i32 = 74;

/// Whether the store may still be relied on.
pub(in crate::store::sqlite) struct Health {
    failed: AtomicBool,
    fatal: FatalHook,
}

impl Health {
    /// All is well. `fatal` is called once when it no longer is.
    pub(in crate::store::sqlite) fn new(fatal: FatalHook) -> Arc<Self> {
        Arc::new(Self {
            failed: AtomicBool::new(false),
            fatal,
        })
    }

    /// Log and end the process: the one place that does.
    pub(in crate::store::sqlite) fn exit_hook() -> FatalHook {
        Arc::new(|reason| {
            tracing::error!(reason, "the disk failed: stopping before anything is lost");
            std::process::exit(EXIT_IO_ERROR);
        })
    }

    /// `Unavailable` after an I/O error.
    pub(in crate::store::sqlite) fn check(&self) -> Result<()> {
        if self.failed.load(Ordering::Acquire) {
            return Err(broken());
        }
        Ok(())
    }

    /// Look at an error that somebody met: if it says that the disk failed, it is the end.
    pub(in crate::store::sqlite) fn notice(&self, error: &Error) {
        if Trouble::of_host(error) == Trouble::Io {
            self.fail(&chain(error));
        }
    }

    /// Say that the disk failed.
    pub(in crate::store::sqlite) fn fail(&self, error: &dyn fmt::Display) {
        if !self.failed.swap(true, Ordering::AcqRel) {
            (self.fatal)(&error.to_string());
        }
    }
}

/// An error and its cause in words, for the log.
pub(super) fn chain(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// What is answered after an I/O error.
pub(super) fn broken() -> Error {
    Error::Unavailable {
        what: rows::STORAGE,
        reason: "the disk failed; the host must be restarted".into(),
    }
}
