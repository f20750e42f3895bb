//! Finds a Rust compiler that has the standard library of a WebAssembly target.
//!
//! Tried in this order: the one that the project uses anyway, then the newest `warren-guest-…` toolchain
//! that `cargo xtask setup` links for machines that cannot download the target.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cli::failure::{Failure, Result};

use super::cargo::Project;

/// How the linked toolchains' names begin.
const LINKED: &str = "warren-guest-";

/// A compiler.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Compiler {
    /// The project's own.
    Own,
    /// A linked toolchain.
    Linked {
        /// Its name in rustup.
        name: String,
        /// Its `rustc`.
        rustc: PathBuf,
    },
}

impl Compiler {
    /// A cargo that uses it.
    pub(super) fn cargo(&self) -> Command {
        let mut cargo = Command::new("cargo");
        if let Self::Linked { rustc, .. } = self {
            // Not `cargo +name`: the cargo on the path need not be rustup's.
            cargo.env("RUSTC", rustc);
        }
        cargo
    }

    /// For people.
    pub(super) fn describe(&self) -> &str {
        match self {
            Self::Own => "the project's compiler",
            Self::Linked { name, .. } => name,
        }
    }
}

/// The compiler for this project's target.
///
/// # Errors
/// `Failed` with the command that installs the target.
pub(super) fn find(project: &Project) -> Result<Compiler> {
    let target = &project.target;
    let sysroot = output(
        Command::new("rustc")
            .current_dir(&project.dir)
            .args(["--print", "sysroot"]),
    );
    if sysroot.is_some_and(|sysroot| has_target(Path::new(&sysroot), target)) {
        return Ok(Compiler::Own);
    }
    let names = output(Command::new("rustup").args(["toolchain", "list"])).unwrap_or_default();
    for name in linked(&names) {
        let which = output(Command::new("rustup").args(["which", "--toolchain", &name, "rustc"]));
        let Some(rustc) = which.map(PathBuf::from) else {
            continue;
        };
        let sysroot = rustc.parent().and_then(Path::parent);
        if sysroot.is_some_and(|sysroot| has_target(sysroot, target)) {
            return Ok(Compiler::Linked { name, rustc });
        }
    }
    Err(Failure::new(format!(
        "the Rust compiler has no standard library for {target}"
    ))
    .hint(format!(
        "run `rustup target add {target}`; without a network to rustup's server, \
             run `cargo xtask setup` in a checkout of Warren"
    )))
}

fn has_target(sysroot: &Path, target: &str) -> bool {
    let dir = sysroot.join("lib/rustlib").join(target).join("lib");
    dir.read_dir()
        .is_ok_and(|mut entries| entries.next().is_some())
}

/// The linked toolchains in rustup's list, the newest first.
fn linked(list: &str) -> Vec<String> {
    let mut names: Vec<(Vec<u32>, String)> = list
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter_map(|name| {
            let version = name.strip_prefix(LINKED)?;
            let parts = version.split('.').map(|part| part.parse().unwrap_or(0));
            Some((parts.collect(), name.to_owned()))
        })
        .collect();
    names.sort();
    names.into_iter().rev().map(|(_, name)| name).collect()
}

fn output(command: &mut Command) -> Option<String> {
    let output = command
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linked_toolchains_are_taken_newest_first() {
        let list = "stable-x86_64-unknown-linux-gnu (active, default)\n\
                    warren-guest-1.9.0\nwarren-guest-1.96.1\nwarren-guest-1.96.0 (override)\n";
        assert_eq!(
            linked(list),
            [
                "warren-guest-1.96.1",
                "warren-guest-1.96.0",
                "warren-guest-1.9.0"
            ]
        );
        assert!(linked("").is_empty());
    }

    #[test]
    fn a_target_is_there_when_its_library_is() {
        let dir = tempfile::tempdir().unwrap();
        let lib = dir.path().join("lib/rustlib/wasm32-unknown-unknown/lib");
        assert!(!has_target(dir.path(), "wasm32-unknown-unknown"));
        std::fs::create_dir_all(&lib).unwrap();
        assert!(
            !has_target(dir.path(), "wasm32-unknown-unknown"),
            "an empty one is none"
        );
        std::fs::write(lib.join("libcore.rlib"), "").unwrap();
        assert!(has_target(dir.path(), "wasm32-unknown-unknown"));
    }
}
