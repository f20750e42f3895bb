//! `cargo xtask test`: from a bare machine to all tests run.
//!
//! Invariant: the last lines are the test runner's own summary, which is what CI and people read.

use std::process::Command;

use anyhow::{Result, bail};

use crate::{apt, guests, languages, paths, shell};

/// Builds what the tests need and runs them; `args` go to the runner.
pub(crate) fn run(args: &[String]) -> Result<()> {
    guests::run(&[])?;
    strace()?;
    let mut runner = runner();
    // Documentation and languages first, so that the long run's summary stays at the end. Filters mean the long run alone.
    let docs = if args.is_empty() {
        let (variable, languages) = languages::ready()?;
        runner.env(variable, languages);
        shell::loud(&mut shell::cargo(&[
            "test",
            "--workspace",
            "--doc",
            "--quiet",
        ]))
    } else {
        Ok(())
    };
    let tests = shell::loud(runner.args(args));
    match (docs, tests) {
        (Ok(()), Ok(())) => Ok(()),
        (Err(docs), Ok(())) => {
            bail!("the tests passed, the documentation tests above did not: {docs:#}")
        }
        (_, Err(tests)) => Err(tests),
    }
}

/// The tests that kill the host at exact system calls need `strace`.
pub(crate) fn strace() -> Result<()> {
    apt::program("strace", &["strace"], "killing the host at a system call")
}

fn runner() -> Command {
    if paths::on_path("cargo-nextest").is_none() {
        eprintln!(
            "cargo-nextest is not installed, `cargo test` does it too (slower; `cargo install --locked cargo-nextest`)."
        );
        return shell::cargo(&["test", "--workspace", "--all-targets", "--no-fail-fast"]);
    }
    let profile = if std::env::var_os("WARREN_LONG").is_some() {
        "long"
    } else if std::env::var_os("CI").is_some() {
        "ci"
    } else {
        "default"
    };
    shell::cargo(&[
        "nextest",
        "run",
        "--workspace",
        "--all-targets",
        "--profile",
        profile,
    ])
}
