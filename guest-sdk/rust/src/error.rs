//! What a host function answers when it does not do what was asked, and how a turn ends badly.
//!
//! Invariant: `Error` has every case of the contract's `error`, so an agent can decide on it by `match`;
//! `?` turns it into the `Failure` that is right in most agents.

use std::fmt;
use std::time::Duration;

/// `Result` with the SDK's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a host function did not do what was asked. Nothing was done then, and the turn may go on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The agent was not granted this. The text names the grant it would take.
    Denied(String),
    /// There is nothing of that name.
    NotFound,
    /// The input cannot be used. The text names the field, the value and the rule.
    Invalid(String),
    /// It contradicts what is there. The text says how.
    Conflict(String),
    /// A limit would be passed. The text names the limit, its value and what was asked.
    Exhausted(String),
    /// It cannot be done right now; the same call may work later.
    Unavailable(String),
    /// Anything else that the host has to say.
    Other(String),
    /// A value is not JSON of the type that the code expects; made by the SDK, not by the host.
    Json(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, text) = match self {
            Self::NotFound => return f.write_str("not found"),
            Self::Denied(text) => ("denied", text),
            Self::Invalid(text) => ("invalid", text),
            Self::Conflict(text) => ("conflict", text),
            Self::Exhausted(text) => ("exhausted", text),
            Self::Unavailable(text) => ("unavailable", text),
            Self::Json(text) => ("json", text),
            Self::Other(text) => return f.write_str(text),
        };
        f.write_str(kind)?;
        f.write_str(": ")?;
        f.write_str(text)
    }
}

impl std::error::Error for Error {}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error.to_string())
    }
}

/// How a turn ends when it does not end well. Nothing that it wrote or published is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Try this event again.
    Retry {
        /// After this long; when the host's back-off says so if there is none.
        after: Option<Duration>,
        /// Why; goes to the agent's log.
        reason: Option<String>,
    },
    /// Never try this event again: it goes to the dead letters with this reason.
    Reject(String),
    /// Something went wrong: try again with back-off, then to the dead letters.
    Other(String),
}

impl Failure {
    /// Try again when the host's back-off says so.
    pub fn retry(reason: impl Into<String>) -> Self {
        Self::Retry {
            after: None,
            reason: Some(reason.into()),
        }
    }

    /// Try again after this long.
    pub fn retry_after(after: Duration, reason: impl Into<String>) -> Self {
        Self::Retry {
            after: Some(after),
            reason: Some(reason.into()),
        }
    }

    /// Never try this event again.
    pub fn reject(reason: impl Into<String>) -> Self {
        Self::Reject(reason.into())
    }

    /// Something went wrong.
    pub fn other(reason: impl Into<String>) -> Self {
        Self::Other(reason.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retry { reason, .. } => {
                f.write_str("retry: ")?;
                f.write_str(reason.as_deref().unwrap_or("no reason given"))
            }
            Self::Reject(reason) => {
                f.write_str("rejected: ")?;
                f.write_str(reason)
            }
            Self::Other(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for Failure {}

impl From<Error> for Failure {
    /// What may pass by itself is retried; the rest is for people to look at.
    fn from(error: Error) -> Self {
        match error {
            Error::Exhausted(_) | Error::Unavailable(_) => Self::retry(error.to_string()),
            _ => Self::Other(error.to_string()),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Error::from(error).into()
    }
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Self::Other(reason)
    }
}

impl From<&str> for Failure {
    fn from(reason: &str) -> Self {
        Self::Other(reason.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_by_itself_is_retried() {
        for passing in [
            Error::Exhausted("events_max is 64".into()),
            Error::Unavailable("store".into()),
        ] {
            let reason = Some(passing.to_string());
            assert_eq!(
                Failure::from(passing),
                Failure::Retry {
                    after: None,
                    reason
                }
            );
        }
        for lasting in [
            Error::NotFound,
            Error::Denied("x".into()),
            Error::Invalid("x".into()),
            Error::Conflict("x".into()),
            Error::Other("x".into()),
            Error::Json("x".into()),
        ] {
            let text = lasting.to_string();
            assert_eq!(Failure::from(lasting), Failure::Other(text));
        }
    }
}
