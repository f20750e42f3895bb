//! `cargo xtask bench`: the benchmark program, with its guests built first.

use std::process::Command;

use anyhow::Result;

use crate::{guests, paths, shell};

/// Builds in release and runs with `args`.
pub(crate) fn run(args: &[String]) -> Result<()> {
    guests::run(&[])?;
    shell::loud(
        Command::new("cargo")
            .args(["run", "--release", "--package", "warren-bench", "--"])
            .args(args)
            .current_dir(paths::root()),
    )
}
