//! The usual way: rustup downloads the standard library of the targets.
//!
//! Invariant: bounded in time, so that a machine without a toolchain server goes on to the next way.

use std::env;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use super::TARGETS;
use crate::{paths, shell};

/// Two archives of 20 MB on a slow line; a server that cannot be reached fails sooner by itself.
const TARGET_ADD_MAX: Duration = Duration::from_mins(3);

/// Runs `rustup target add` for both targets.
pub(super) fn add_targets() -> Result<()> {
    if env::var_os("RUSTUP_AUTO_INSTALL").is_some_and(|value| value == "0") {
        bail!("RUSTUP_AUTO_INSTALL=0 forbids downloads");
    }
    if paths::on_path("rustup").is_none() {
        bail!("not installed");
    }
    let log = paths::cache()?.join("rustup.log");
    std::fs::create_dir_all(paths::cache()?)?;
    shell::quiet(
        "rustup target add: the standard library for guests, 2 x 20 MB",
        Command::new("rustup")
            .args(["target", "add"])
            .args(TARGETS)
            .env("RUSTUP_MAX_RETRIES", "0")
            .env("RUST_BACKTRACE", "0"),
        TARGET_ADD_MAX,
        &log,
    )
}
