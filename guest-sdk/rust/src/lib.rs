//! Write Warren agents in Rust.
//!
//! An agent handles one event at a time. What it writes and publishes while it does takes effect when it
//! returns `Ok`, all together, or not at all.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use warren_agent::{Agent, Context, Event, Failure, payload};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Greet { name: String }
//! payload!(Greet: ActionRequests, "greet.requested");
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! struct Greeting { text: String }
//! payload!(Greeting: ActionResults, "greeting.ready");
//!
//! fn greet(ctx: &Context, request: Event<Greet>) -> Result<Greeting, Failure> {
//!     ctx.log().info("greeting somebody");
//!     Ok(Greeting { text: format!("Hello, {}!", request.data.name) })
//! }
//!
//! fn agent() -> Agent {
//!     Agent::tool("greeter").describe("Greets people.").answers(greet)
//! }
//! warren_agent::export!(agent);
//!
//! # fn main() {
//! // In a unit test, without WebAssembly and without a host:
//! use warren_agent::{Topic, testing::TestHost};
//!
//! let request = Event::new(Greet { name: "Ada".into() })
//!     .with_reply_to(Topic::ActionResults, "greeting.ready");
//! let turn = TestHost::new().handle(&agent(), request);
//! assert_eq!(turn.response::<Greeting>().unwrap().text, "Hello, Ada!");
//! # }
//! ```
//!
//! Compile it with `warren build`, or with plain cargo for `wasm32-unknown-unknown`, and push what comes out.
//!
//! Invariant: this crate knows the contract in `wit/` and nothing of the host's own types.

mod agent;
mod context;
mod error;
mod event;
mod export;
mod grant;
#[doc(hidden)]
pub mod host;
mod instant;
mod json;
mod payload;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
mod topic;
#[doc(hidden)]
pub mod wasm;

pub use agent::{Agent, Capability, Kind};
pub use context::{
    AgentInfo, AgentQuery, Budget, CatalogEntry, CatalogQuery, Context, Draft, Entry, EntryFilter,
    EntryPage, Episode, EpisodeFilter, Episodes, EventInfo, EventQuery, Identity, Item, Knowledge,
    Level, Log, NewProcedure, Part, Procedure, ProcedureKind, Procedures, Registry, Role, Schema,
    Search, SearchMode, Violation, Visibility, Working,
};
pub use error::{Error, Failure, Result};
pub use event::{Event, ReplyTo};
pub use grant::Grant;
pub use instant::Instant;
pub use json::Json;
pub use payload::Payload;
pub use topic::Topic;

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
