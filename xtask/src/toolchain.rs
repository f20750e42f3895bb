//! The compiler for Rust guests: one with the standard library of both WebAssembly targets.
//!
//! Tried in this order: the targets are there → `rustup target add` → Debian's packages of the compiler with a
//! standard library built from their source. The first needs nothing, the second a toolchain server, the third
//! only a Debian mirror and crates.io.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell;

mod debian;
pub(crate) mod pypi;
mod rustup;

/// What guests are compiled for: bare modules by default, components with WASI where a guest asks for them.
pub(crate) const TARGETS: [&str; 2] = ["wasm32-unknown-unknown", "wasm32-wasip2"];

/// A compiler that can build guests.
pub(crate) enum Toolchain {
    /// The one that builds the host.
    Host {
        /// Its sysroot, which tells it apart from another.
        sysroot: PathBuf,
    },
    /// One of ours, in the per-user cache.
    Ours(debian::Installed),
}

impl Toolchain {
    /// A `cargo` that uses this compiler.
    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = Command::new("cargo");
        if let Self::Ours(installed) = self {
            cargo.env("RUSTC", installed.rustc());
        }
        cargo
    }

    /// Where its programs are, if not on the PATH.
    pub(crate) fn dir(&self) -> Option<PathBuf> {
        match self {
            Self::Host { .. } => None,
            Self::Ours(installed) => installed.rustc().parent().map(Path::to_path_buf),
        }
    }

    /// Changes whenever everything built by it must be built anew.
    pub(crate) fn fingerprint(&self) -> String {
        match self {
            Self::Host { sysroot } => sysroot.display().to_string(),
            Self::Ours(installed) => installed.fingerprint(),
        }
    }

    /// For people.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Host { sysroot } => {
                format!("{} has {}", sysroot.display(), TARGETS.join(" and "))
            }
            Self::Ours(installed) => installed.describe(),
        }
    }
}

/// Finds the guest compiler or installs it.
pub(crate) fn ensure() -> Result<Toolchain> {
    let sysroot = PathBuf::from(shell::output(
        Command::new("rustc").args(["--print", "sysroot"]),
    )?);
    if has_targets(&sysroot) {
        return Ok(Toolchain::Host { sysroot });
    }
    if let Some(installed) = debian::find()? {
        return Ok(Toolchain::Ours(installed));
    }
    eprintln!(
        "Guests need Rust's targets {}; this machine lacks them.",
        TARGETS.join(" and ")
    );
    match rustup::add_targets() {
        Ok(()) if has_targets(&sysroot) => return Ok(Toolchain::Host { sysroot }),
        Ok(()) => eprintln!(
            "  note  rustup added the targets to another toolchain than {}",
            sysroot.display()
        ),
        Err(reason) => eprintln!("  skip  rustup: {reason:#}"),
    }
    let installed = debian::install(&sysroot).with_context(|| {
        format!(
            "cannot get a guest toolchain; by hand: rustup target add {}",
            TARGETS.join(" ")
        )
    })?;
    Ok(Toolchain::Ours(installed))
}

fn has_targets(sysroot: &Path) -> bool {
    TARGETS.iter().all(|target| {
        let dir = sysroot.join("lib/rustlib").join(target).join("lib");
        dir.read_dir()
            .is_ok_and(|mut entries| entries.next().is_some())
    })
}

/// Where rustup keeps toolchains.
fn rustup_home() -> Option<PathBuf> {
    env::var_os("RUSTUP_HOME")
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".rustup")))
}
