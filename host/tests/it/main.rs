//! All integration tests, in one binary: the host and its WebAssembly engine are linked once, not once a file.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "a test fails by panicking and reads as data, and so do the functions that tests share"
)]

mod api;
mod backlog;
mod cli;
mod contract;
mod contracts;
mod demo;
mod egress;
mod examples;
mod guests;
mod harness;
mod hostile;
mod intake;
mod kill;
mod languages;
mod long;
mod remembering;
mod retention;
mod store;
mod tidy;
mod turns;
