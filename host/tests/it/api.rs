//! The HTTP side over the embedded store, the local bus and the real dispatcher. Only the compiler and
//! the guests are scripted: an upload is a manifest, and its description says how the agent behaves.

mod agents;
mod audit;
mod calls;
mod catalog;
mod discovery;
mod events;
mod foreign;
mod front;
mod graph;
mod harness;
mod hostile;
mod http2;
mod isolation;
mod jwt;
mod keys;
mod listening;
mod memory;
mod odd;
mod openapi;
mod problems;
mod quotas;
mod secrets;
mod services;
mod services_feed;
mod services_import;
mod stream;
mod switches;
mod tenants;
mod tokens;
mod turns;
