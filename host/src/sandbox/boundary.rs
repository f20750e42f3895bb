//! The host functions: one file an interface, each function thin: count, convert, ask the turn, lower.
//!
//! Invariant: every function of the contract begins with [`Desk::enter`], which counts the call and its
//! bytes against the turn's limits. A denial is an error that the guest may handle; only a broken rule
//! or a broken host ends the turn. Nothing here decides: what is allowed and what is kept is `turn`'s.

use wasmtime::component::HasData;

use crate::error::Error;
use crate::turn::LimitPassed;

use super::bindings::warren::agent::types;
use super::state::Desk;

mod clock;
mod context;
mod episodes;
mod events;
mod knowledge;
mod log;
mod procedures;
mod random;
mod registry;
mod types_of_event;
mod working;

pub(super) use context::ContextView;
pub(super) use events::EventsView;
pub(super) use random::RandomView;
pub(super) use types_of_event::event;

/// Why a host function did not do what was asked.
#[derive(Debug)]
pub(crate) enum Fault {
    /// An error that the guest may handle.
    Guest(types::Error),
    /// The turn ends here.
    Stop(Stop),
}

/// Why the host ended a guest's run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    /// The CPU budget is used up.
    #[error("the CPU budget of {ms} ms is used up")]
    Cpu {
        /// The budget.
        ms: u64,
    },
    /// Another limit was passed.
    #[error(transparent)]
    Limit(#[from] LimitPassed),
    /// A function was called that has no meaning outside a turn.
    #[error("`{0}` has no answer while an agent describes itself")]
    NoTurn(&'static str),
    /// The host broke.
    #[error("{context}")]
    Host {
        /// What was being done.
        context: &'static str,
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl From<Error> for Fault {
    /// The one mapping from the host's errors to the guest's. The texts name fields, values and limits,
    /// never a path, a statement or another tenant.
    fn from(error: Error) -> Self {
        let text = error.to_string();
        Self::Guest(match error {
            // The case says `denied` already.
            Error::Denied { what, grant } => types::Error::Denied(format!(
                "{what} needs the grant `{grant}`: it must ask for that and be pushed with it"
            )),
            Error::Suspended { .. } => types::Error::Denied(text),
            Error::NotFound { .. } => types::Error::NotFound,
            Error::Invalid { .. } => types::Error::Invalid(text),
            Error::Conflict { .. } => types::Error::Conflict(text),
            Error::TooLarge { .. } | Error::Exhausted { .. } | Error::OverQuota { .. } => {
                types::Error::Exhausted(text)
            }
            Error::StorageFull { .. } => {
                types::Error::Unavailable("no room to store it".to_owned())
            }
            // A tool's reason is a guest's; others may name files and addresses of the host.
            Error::Unavailable { what: "tool", .. } => types::Error::Unavailable(text),
            Error::Unavailable { what, .. } => {
                types::Error::Unavailable(format!("{what} is not available"))
            }
            // No guest can do anything about a broken host, and the turn must not go on as if nothing
            // had happened: it ends and is tried again.
            Error::Internal { context, source } => {
                return Self::Stop(Stop::Host { context, source });
            }
        })
    }
}

impl From<LimitPassed> for Fault {
    fn from(limit: LimitPassed) -> Self {
        Self::Stop(Stop::Limit(limit))
    }
}

impl From<Stop> for Fault {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl Fault {
    /// What the guest gets, or the error that ends its run.
    fn lower(self) -> wasmtime::Result<types::Error> {
        match self {
            Self::Guest(error) => Ok(error),
            Self::Stop(stop) => Err(wasmtime::Error::new(stop)),
        }
    }
}

/// What the functions of most interfaces touch: the turn, and nothing else.
pub(super) struct TurnView<'a> {
    pub(super) desk: &'a mut Desk,
}

/// Names [`TurnView`] to the linker.
pub(super) struct OfTurn;

impl HasData for OfTurn {
    type Data<'a> = TurnView<'a>;
}

impl types::Host for TurnView<'_> {
    fn convert_error(&mut self, fault: Fault) -> wasmtime::Result<types::Error> {
        fault.lower()
    }
}

/// Bytes of texts that may be absent.
fn optional(texts: &[&Option<String>]) -> usize {
    texts
        .iter()
        .map(|text| text.as_ref().map_or(0, String::len))
        .sum()
}

/// Bytes of a list of texts. Each entry costs its place too, or a million empty ones would be free.
fn listed(texts: &[String]) -> usize {
    texts
        .iter()
        .map(|text| text.len() + size_of::<String>())
        .sum()
}

/// Bytes of a list of pairs, counted as [`listed`] does.
fn paired(texts: &[(String, String)]) -> usize {
    let pair = size_of::<(String, String)>();
    texts
        .iter()
        .map(|(name, value)| name.len() + value.len() + pair)
        .sum()
}

#[cfg(test)]
mod tests;
