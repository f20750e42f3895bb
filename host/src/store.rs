//! Storage: the adapters that implement the domain's storage traits, one module a database.
//!
//! Invariant: nothing outside `store` names a database, and the domain knows only its traits.

pub mod sqlite;
