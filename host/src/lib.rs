//! Warren: a multi-tenant WebAssembly host for AI agents.
//!
//! Data flows one way: `api` → `dispatch` → `sandbox` → `turn` → the domain (`registry`, `events`,
//! `memory`) → `store`. `ARCHITECTURE.md` draws the house; each module's first lines say what it must
//! not know.

pub mod api;
pub mod app;
pub mod bus;
pub mod cli;
pub mod clock;
pub mod config;
pub mod crash;
pub mod dispatch;
pub mod egress;
pub mod embedders;
pub mod error;
pub mod events;
pub mod host;
pub mod id;
pub mod identity;
pub mod memory;
pub mod quota;
pub mod registry;
pub mod sandbox;
pub mod secrets;
pub mod store;
pub mod telemetry;
pub mod turn;
pub mod usage;
