//! `cargo xtask demo`: from a bare machine to two tenants at work, with what happened on the screen.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{guests, paths, shell};

/// Builds host and agents, then becomes `warren demo`; `args` go to it.
pub(crate) fn run(args: &[String]) -> Result<()> {
    guests::run(&[])?;
    eprintln!("  ....  the host (some minutes the first time)");
    shell::loud(&mut shell::cargo(&["build", "--package", "warren"]))?;
    let program = paths::target().join("debug/warren");
    // In place of this process, so that Ctrl-C reaches the host alone and its exit code is ours.
    let error = Command::new(&program)
        .args(["demo", "--guests"])
        .arg(paths::target().join("guests"))
        .args(args)
        .exec();
    Err(error).with_context(|| format!("cannot start {}", program.display()))
}
