//! Storage: the adapters that implement the domain's storage traits, one module a database.
//!
//! Invariant: the domain knows only its traits. `host` puts an adapter in, `config` has its settings, and `cli doctor`
//! asks it about a directory and a library; nothing else outside `store` names a database.

pub mod sqlite;
