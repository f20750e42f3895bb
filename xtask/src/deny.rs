//! `cargo xtask deny`: the supply-chain check, with `cargo-deny` installed where it is missing.
//!
//! Invariant: bans, licences and sources are always checked. Advisories need a database from a source-hosting site;
//! where it cannot be had, that is said and does not fail the rest.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::{paths, shell};

/// Measured: 4 minutes on two idle cores without optimisation.
const INSTALL_MAX: Duration = Duration::from_mins(20);
/// The database is a few megabytes; an unreachable site may hang instead of refusing.
const ADVISORIES_MAX: Duration = Duration::from_secs(90);

/// Runs all checks.
pub(crate) fn run() -> Result<()> {
    let deny = ensure()?;
    let check = |what: &[&str]| {
        let mut command = Command::new(&deny);
        command
            .args(["--workspace", "check"])
            .args(what)
            .current_dir(paths::root());
        command
    };
    shell::loud(&mut check(&["bans", "licenses", "sources"]))?;
    let log = paths::target().join("advisories.log");
    let tried = shell::quiet(
        "cargo deny check advisories",
        &mut check(&["advisories"]),
        ADVISORIES_MAX,
        &log,
    );
    let Err(error) = tried else { return Ok(()) };
    // With the database on disk, a failure is a finding; without, there is nothing to judge by.
    let said = fs::read_to_string(&log).unwrap_or_default();
    if said.contains("advisories FAILED") {
        return Err(error).context("a dependency has an advisory");
    }
    eprintln!(
        "  skip  advisories: the RustSec database cannot be had here (log: {})",
        log.display()
    );
    Ok(())
}

fn ensure() -> Result<PathBuf> {
    if let Some(found) = paths::on_path("cargo-deny") {
        return Ok(found);
    }
    let tools = paths::cache()?.join("tools");
    let program = tools.join("bin/cargo-deny");
    if program.is_file() {
        return Ok(program);
    }
    fs::create_dir_all(&tools)?;
    let mut install = Command::new("cargo");
    install
        .args(["install", "--locked", "cargo-deny", "--root"])
        .arg(&tools);
    // It runs for seconds and builds for minutes: leave the optimiser out.
    install
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
        .env("CARGO_PROFILE_RELEASE_LTO", "off");
    install
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .current_dir(&tools);
    let title = format!(
        "install cargo-deny into {} (some minutes, once)",
        tools.display()
    );
    shell::quiet(
        &title,
        &mut install,
        INSTALL_MAX,
        &tools.join("cargo-deny.log"),
    )?;
    Ok(program)
}
