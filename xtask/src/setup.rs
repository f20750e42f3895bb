//! `cargo xtask setup`: everything a fresh machine lacks, installed once, below the per-user cache.
//!
//! Invariant: does nothing, and asks no network, when all is in place.

use anyhow::Result;

use crate::toolchain::{self, Toolchain};

/// Prepares the machine and says with which compiler guests are built.
pub(crate) fn run() -> Result<Toolchain> {
    let toolchain = toolchain::ensure()?;
    eprintln!("  ok    guest toolchain: {}", toolchain.describe());
    Ok(toolchain)
}
