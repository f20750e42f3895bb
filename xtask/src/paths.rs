//! Where things are: the workspace, its build output, and the per-user cache.
//!
//! Invariant: whatever is installed lands below `cache()`, never in system directories.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The workspace's root directory.
pub(crate) fn root() -> PathBuf {
    // Cargo sets the variable for what it runs; a copied target directory keeps a stale built-in one.
    let own = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    own.parent().map_or_else(|| own.clone(), Path::to_path_buf)
}

/// Cargo's target directory of the host build.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// The per-user cache that all checkouts share: `$XDG_CACHE_HOME/warren` or `~/.cache/warren`.
pub(crate) fn cache() -> Result<PathBuf> {
    if let Some(dir) = env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()) {
        return Ok(PathBuf::from(dir).join("warren"));
    }
    let home = env::home_dir().context("no home directory; set XDG_CACHE_HOME to a directory")?;
    Ok(home.join(".cache/warren"))
}

/// The program `name` on the PATH.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}
