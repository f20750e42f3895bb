//! How a run ended, in the words of the turn.
//!
//! Invariant: every text of a guest or about its code is escaped and bounded before it leaves; texts of
//! a broken host go to the host's log, and tenants see only what was being done.

use wasmtime::component::ResourceTableError;
use wasmtime::{PoolConcurrencyLimitError, Trap};
use wasmtime_wasi::I32Exit;

use crate::error::Error;
use crate::turn::{LimitPassed, TurnEnd, guest_text};

use super::SandboxLimits;
use super::bindings::Failure;
use super::boundary::Stop;
use super::fences::Fences;

/// Bytes of a reason that are kept.
const REASON_BYTES_MAX: usize = 1 << 10;
/// What the library says when a host call lifts too much: it has no type of its own for it.
const HOSTCALL_FUEL: &str = "fuel allocated for hostcalls has been exhausted";
/// What it says when a store holds too many handles.
const HANDLES: &str = "store handle limit exceeded";

/// The guest returned.
pub(super) fn of_result(result: Result<(), Failure>) -> TurnEnd {
    match result {
        Ok(()) => TurnEnd::Done,
        Err(Failure::Retry(retry_ms)) => TurnEnd::Failed {
            retry_ms,
            reason: None,
        },
        Err(Failure::Reject(why)) => TurnEnd::Rejected(guest_text(&why, REASON_BYTES_MAX)),
        Err(Failure::Other(why)) => TurnEnd::Failed {
            retry_ms: None,
            reason: Some(guest_text(&why, REASON_BYTES_MAX)),
        },
    }
}

/// The guest was ended.
pub(super) fn of_error(
    error: &wasmtime::Error,
    fences: &Fences,
    limits: &SandboxLimits,
) -> TurnEnd {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return of_stop(stop);
    }
    if let Some(I32Exit(code)) = error.downcast_ref() {
        return TurnEnd::Trapped(format!("exit: the agent called exit with status {code}"));
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return host_error("finding a free slot", error);
    }
    if let Some(limit) = passed(error, limits) {
        return TurnEnd::LimitReached(limit.to_string());
    }
    let trap = error.downcast_ref::<Trap>();
    match (fences.refused(), trap) {
        // An allocator that gets no memory gives up by `unreachable`; without memory to begin with
        // there is no trap at all.
        (Some(limit), None | Some(Trap::UnreachableCodeReached)) => {
            TurnEnd::LimitReached(limit.to_string())
        }
        (_, Some(trap)) => TurnEnd::Trapped(format!("{}: {trap}", code(*trap))),
        (None, None) => TurnEnd::Trapped(guest_text(&format!("{error:#}"), REASON_BYTES_MAX)),
    }
}

/// There is no component to run. Its author can act on what is wrong with it, not on what is wrong here.
pub(super) fn not_loaded(error: &Error) -> TurnEnd {
    match error {
        Error::Internal { .. } => host_error("loading the component", error),
        other => TurnEnd::HostError(format!("the component was not loaded: {other}")),
    }
}

/// The host could not run it. The chain is logged here, and only here.
pub(super) fn host_error(context: &'static str, error: &dyn std::fmt::Display) -> TurnEnd {
    tracing::error!(error = format!("{error:#}"), "sandbox failed: {context}");
    TurnEnd::HostError(format!("the host failed at {context}"))
}

/// The host ended its run.
pub(super) fn of_stop(stop: &Stop) -> TurnEnd {
    match stop {
        Stop::Cpu { .. } => TurnEnd::CpuExhausted,
        Stop::Limit(limit) => TurnEnd::LimitReached(limit.to_string()),
        Stop::NoTurn(_) => TurnEnd::Trapped(stop.to_string()),
        Stop::Host { context, source } => host_error(context, source),
    }
}

/// The limit that the library enforced for us, if it was one.
fn passed(error: &wasmtime::Error, limits: &SandboxLimits) -> Option<LimitPassed> {
    let full = matches!(error.downcast_ref(), Some(ResourceTableError::Full));
    let text = error.root_cause().to_string();
    let (limit, unit, max) = if full {
        ("sandbox.resources_max", "resources", limits.resources_max)
    } else if text.contains(HOSTCALL_FUEL) {
        (
            "sandbox.hostcall_bytes_max",
            "bytes a call",
            limits.hostcall_bytes_max,
        )
    } else if text.contains(HANDLES) {
        ("sandbox.handles_max", "handles", limits.handles_max)
    } else {
        return None;
    };
    Some(LimitPassed {
        limit,
        unit,
        max: max as u64,
    })
}

/// A trap's stable name: for machines, before the words for people.
fn code(trap: Trap) -> &'static str {
    match trap {
        Trap::StackOverflow => "stack-overflow",
        Trap::MemoryOutOfBounds => "memory-out-of-bounds",
        Trap::TableOutOfBounds => "table-out-of-bounds",
        Trap::IndirectCallToNull | Trap::BadSignature => "bad-indirect-call",
        Trap::IntegerOverflow | Trap::IntegerDivisionByZero | Trap::BadConversionToInteger => {
            "bad-arithmetic"
        }
        Trap::UnreachableCodeReached => "unreachable",
        Trap::CannotEnterComponent | Trap::CannotLeaveComponent => "re-entered",
        Trap::InvalidChar
        | Trap::StringOutOfBounds
        | Trap::ListOutOfBounds
        | Trap::InvalidDiscriminant
        | Trap::UnalignedPointer => "bad-value",
        _ => "trap",
    }
}
