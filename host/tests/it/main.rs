//! All integration tests, in one binary: the host and its WebAssembly engine are linked once, not once a file.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, and so do the functions that tests share"
)]

mod api;
mod guests;
mod harness;
mod intake;
mod kill;
mod store;
mod tidy;
mod turns;
