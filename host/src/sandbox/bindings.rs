//! The contract in `wit/` as Rust: the one place where it is read.
//!
//! Invariant: every import is `async` (the guest blocks, the host awaits) and may trap. Calls are not
//! traced: payloads must not reach the host's logs, and the turn's record says what was called.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::pedantic,
    reason = "generated from the WIT, which documents every item"
)]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "agent",
    imports: { default: async | trappable },
    exports: { default: async },
    trappable_error_type: { "warren:agent/types.error" => crate::sandbox::boundary::Fault },
});
