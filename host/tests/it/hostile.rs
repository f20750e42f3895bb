//! The hostile suite: what tenants may try that do not mean well, and what must come of it.
//!
//! Invariant: [`attacks`] and [`promises`] say which test shows what; a row whose test is gone fails here. The
//! attacks themselves lie beside what they attack, except for those that are generated from the contract.

mod attacks;
mod canary;
mod forge;
mod forged;
mod page;
mod parsers;
mod promises;
mod shown;
