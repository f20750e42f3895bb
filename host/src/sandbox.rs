//! Sandboxes: where guests run.
//!
//! Invariant: one turn, one store, dropped after it whatever came of it; every limit is armed before the
//! guest's first instruction; the guest's tenant is fixed by the `Turn` that it is given and cannot be
//! named by it. This module is the only one that names wasmtime. It stages nothing itself and knows
//! nothing of SQL, HTTP or deliveries.

mod cache;
pub mod engine;
pub mod limits;

pub use limits::SandboxLimits;
