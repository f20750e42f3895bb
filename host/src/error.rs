//! The one error that crosses module boundaries, with a variant for each thing a caller can do about it.
//!
//! Invariant: what a caller decides on is the variant and its names and numbers. `reason` and `context` are words
//! for people; nothing matches on them. The mapping to HTTP lives in `api::error`, the one to guests in `sandbox::boundary`.
//! This module knows neither.

use std::borrow::Cow;
use std::error::Error as StdError;

/// Most bytes of what an error says of its input. It may repeat what came in, which may be as long as a body,
/// and goes into answers, logs and the records of turns. A list of dozens of faults with their paths fits.
pub const REASON_BYTES_MAX: usize = 4 << 10;

/// `Result` with the host's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something was not done. Nothing was changed when one is returned.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input breaks a rule. Sending the same again cannot work.
    #[error("{field}: {reason}")]
    Invalid {
        /// Which field, as the caller named it.
        field: Cow<'static, str>,
        /// The value and the rule, in words.
        reason: String,
    },
    /// The caller is known and may not do this.
    #[error("denied: {what} needs the grant `{grant}`")]
    Denied {
        /// What was asked for.
        what: Cow<'static, str>,
        /// The grant it takes.
        grant: Cow<'static, str>,
    },
    /// There is no such thing, or it is not the caller's to see: the two are not told apart.
    #[error("no {what} named `{name}`")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// The name that was asked for.
        name: String,
    },
    /// It contradicts what is there.
    #[error("{what}: {reason}")]
    Conflict {
        /// What kind of thing.
        what: &'static str,
        /// What contradicts what.
        reason: String,
    },
    /// The input itself is over a size limit.
    #[error("{limit} is {max} {unit}, got {got}")]
    TooLarge {
        /// The limit's name.
        limit: &'static str,
        /// Its unit.
        unit: &'static str,
        /// Its value.
        max: u64,
        /// What was asked.
        got: u64,
    },
    /// A quota or capacity is used up; later it may not be.
    #[error("{limit} is {max} {unit}, all used")]
    Exhausted {
        /// The limit's name.
        limit: &'static str,
        /// Its unit.
        unit: &'static str,
        /// Its value.
        max: u64,
    },
    /// A tenant's quota is used up for the moment.
    #[error(
        "{quota} is {max} {unit}, all used: try again in {retry_after_s} s, or ask the operator for more"
    )]
    OverQuota {
        /// The quota's word.
        quota: &'static str,
        /// Its unit.
        unit: &'static str,
        /// Its value.
        max: u64,
        /// In how many seconds the same may succeed.
        retry_after_s: u32,
    },
    /// The operator has suspended it: nothing of it runs, and nothing new is taken, until that is lifted.
    #[error("the {what} is suspended: {reason}")]
    Suspended {
        /// `tenant` or `component`.
        what: &'static str,
        /// Why, in the operator's words.
        reason: String,
    },
    /// There is no room for it. What is there can be read.
    #[error("no room in {what}: the disk is full, or tenant_bytes_max is reached; free some space")]
    StorageFull {
        /// What could not grow.
        what: String,
    },
    /// It cannot be done right now.
    #[error("{what} is not available: {reason}")]
    Unavailable {
        /// What cannot be reached or used.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// A defect or a broken machine. Clients see only an id of it.
    #[error("internal error: {context}")]
    Internal {
        /// What was being done.
        context: &'static str,
        /// What went wrong.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl Error {
    /// An [`Error::Invalid`].
    pub fn invalid(field: impl Into<Cow<'static, str>>, reason: impl Into<String>) -> Self {
        Self::Invalid {
            field: field.into(),
            reason: bounded(reason.into()),
        }
    }

    /// An [`Error::NotFound`].
    pub fn not_found(what: &'static str, name: impl Into<String>) -> Self {
        Self::NotFound {
            what,
            name: bounded(name.into()),
        }
    }

    /// An [`Error::Conflict`].
    pub fn conflict(what: &'static str, reason: impl Into<String>) -> Self {
        Self::Conflict {
            what,
            reason: bounded(reason.into()),
        }
    }

    /// An [`Error::Internal`].
    pub fn internal(
        context: &'static str,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self::Internal {
            context,
            source: source.into(),
        }
    }
}

/// `text`, cut at [`REASON_BYTES_MAX`] and then told how long it was.
pub(crate) fn bounded(mut text: String) -> String {
    let got = text.len();
    if got > REASON_BYTES_MAX {
        text.truncate(text.floor_char_boundary(REASON_BYTES_MAX));
        text.push_str("… (");
        text.push_str(&got.to_string());
        text.push_str(" bytes)");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_repeated_is_whole_at_the_limit_and_cut_past_it() {
        let at = "a".repeat(REASON_BYTES_MAX);
        for error in [
            Error::invalid("field", at.clone()),
            Error::not_found("thing", at.clone()),
            Error::conflict("thing", at.clone()),
        ] {
            assert!(error.to_string().contains(&at), "{error}");
        }
        let past = format!("{at}a");
        for error in [
            Error::invalid("field", past.clone()),
            Error::not_found("thing", past.clone()),
            Error::conflict("thing", past.clone()),
        ] {
            let text = error.to_string();
            assert!(text.contains("a… (4097 bytes)"), "{text}");
            assert!(!text.contains(&past), "{text}");
        }
        // Not within a character.
        let text = bounded(format!("a{}", "é".repeat(REASON_BYTES_MAX)));
        assert!(text.ends_with("é… (8193 bytes)"), "{text}");
    }
}
