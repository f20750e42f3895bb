//! Programs from Debian's packages, installed into the system: only what cannot live below the target directory.
//!
//! Invariant: does nothing and asks no network when the program is there, and says what it installs and for what.

use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};

use crate::{paths, shell};

/// The package manager locks its database, and languages are made ready side by side.
static ALONE: Mutex<()> = Mutex::new(());

/// Have a program on the PATH, of these packages where it is missing.
pub(crate) fn program(name: &str, packages: &[&str], what_for: &str) -> Result<()> {
    have(name, packages, what_for, || paths::on_path(name).is_some())
}

/// Have something, of these packages unless it is there.
pub(crate) fn have(
    name: &str,
    packages: &[&str],
    what_for: &str,
    is_there: impl Fn() -> bool,
) -> Result<()> {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    if is_there() {
        return Ok(());
    }
    let packages_named = packages.join(" ");
    let by_hand =
        || format!("{what_for} needs {name}, which is missing: install {packages_named} by hand");
    if paths::on_path("apt-get").is_none() {
        bail!(by_hand());
    }
    eprintln!("  ....  {what_for} needs {name}: apt-get install {packages_named}");
    install(packages).with_context(by_hand)?;
    if is_there() {
        return Ok(());
    }
    bail!("{}; Debian's packages have none that does", by_hand())
}

fn install(packages: &[&str]) -> Result<()> {
    let install = || apt(&[&["install", "--yes", "--quiet"], packages].concat());
    // A fresh machine may have no list of packages yet, or an old one.
    install().or_else(|_| {
        apt(&["update", "--quiet"])?;
        install()
    })
}

fn apt(args: &[&str]) -> Result<()> {
    let mut apt = Command::new("apt-get");
    shell::loud(apt.args(args).env("DEBIAN_FRONTEND", "noninteractive"))
}
