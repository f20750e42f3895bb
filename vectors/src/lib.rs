//! Vectors in memory and the nearest of them: an exact scan, and a navigable small-world graph (HNSW,
//! Malkov and Yashunin 2016) that answers from a few thousand of a million.
//!
//! A vector has a *slot*, its number in the order of arrival. Slots are never reused or changed: who
//! replaces a vector adds a new one and stops allowing the old one. A slot is found from the moment it is
//! added: those that the graph does not hold yet are scanned. So the graph may be built at leisure, and a
//! graph that is lost costs time and no answer.
//!
//! Invariant: what a search returns passed the caller's `allowed`, and nothing that `allowed` refuses
//! takes a place of what it lets through. This crate knows nothing of tenants, rows or files.
//!
//! It is a crate of its own for one reason: without optimisation it is some fifty times slower, and the
//! development profile optimises packages.

mod graph;
mod index;
mod kernel;
mod rows;
mod top;

pub use graph::Plan;
pub use index::{Index, Query};
pub use top::Scored;
