//! `cargo xtask bench`: the benchmark program, with its guests built first.

use anyhow::Result;

use crate::{guests, shell};

/// Builds in release and runs with `args`.
pub(crate) fn run(args: &[String]) -> Result<()> {
    guests::run(&[])?;
    let mut bench = shell::cargo(&["run", "--release", "--package", "warren-bench", "--"]);
    shell::loud(bench.args(args))
}
