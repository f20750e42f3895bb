//! Why a command did not do what it was asked, and what to do next.
//!
//! Invariant: every failure that a person can act on carries a hint, and its exit code depends on its
//! kind alone, so that scripts never have to read the words.

use std::fmt;
use std::io;
use std::path::Path;

/// `Result` of a command.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// The exit codes. They are part of the contract with scripts: see `warren --help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; also when whoever read our output has gone.
    Done = 0,
    /// It was tried and did not work.
    Failed = 1,
    /// The command line, a setting or the input is wrong; nothing was tried.
    Usage = 2,
    /// No host answered.
    Unreachable = 3,
    /// The host does not know the key, or the key may not do this.
    Denied = 4,
    /// The host has no such thing.
    NotFound = 5,
    /// Not now: a limit is used up or a wait ran out. The same again may work later.
    Busy = 6,
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What the process ends with.
    pub(crate) exit: Exit,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// It was tried and did not work.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self::of(Exit::Failed, message)
    }

    /// The caller must change what was given.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::of(Exit::Usage, message)
    }

    /// With an exit code of its own.
    pub(crate) fn of(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            hint: None,
        }
    }

    /// A file that could not be read or written.
    pub(crate) fn file(verb: &str, path: &Path, error: &io::Error) -> Self {
        Self::new(format!("cannot {verb} {}: {error}", path.display()))
    }

    /// The same with what to do next.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What to do next.
    pub(crate) fn next_step(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<crate::error::Error> for Failure {
    fn from(error: crate::error::Error) -> Self {
        use crate::error::Error;
        let exit = match &error {
            Error::Invalid { .. } | Error::TooLarge { .. } => Exit::Usage,
            Error::Denied { .. } | Error::Suspended { .. } => Exit::Denied,
            Error::NotFound { .. } => Exit::NotFound,
            Error::Exhausted { .. } | Error::OverQuota { .. } | Error::StorageFull { .. } => {
                Exit::Busy
            }
            Error::Conflict { .. } | Error::Unavailable { .. } | Error::Internal { .. } => {
                Exit::Failed
            }
        };
        // The chain is told here because this is where it ends: the person at the terminal.
        let mut message = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        Self::of(exit, message)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::new(format!(
            "the host answered with JSON this version does not understand: {error}"
        ))
        .hint("`warren version` shows whether host and command are of the same version")
    }
}
