//! Checks of what the host needs of the machine, by doing it once in a directory that is thrown away.

use std::sync::Arc;

use crate::config::Config;
use crate::error::Result;
use crate::sandbox::engine::has_pagemap_scan;
use crate::sandbox::intake::{Artifacts, Confinement};
use crate::sandbox::{ArtifactSource, Sandbox};
use crate::store::sqlite::SqliteStore;

use super::{Check, Verdict};

/// Signs nothing that is kept.
const THROWAWAY_KEY: [u8; 32] = [0; 32];

/// All of them.
pub(super) fn checks(config: &Config) -> Vec<Check> {
    let mut checks = vec![sqlite(), pagemap()];
    match workshop(config) {
        Ok((artifacts, _dir)) => {
            checks.push(compiler(&artifacts));
            checks.push(sandbox(config, artifacts));
        }
        Err(error) => {
            let hint = "make the directory for temporary files writable (TMPDIR)";
            checks.push(Check::of(Verdict::Bad, "compiler", error.to_string(), hint));
        }
    }
    checks
}

fn sqlite() -> Check {
    match SqliteStore::library_version() {
        Ok(version) => Check::good("sqlite", version),
        Err(error) => Check::of(
            Verdict::Bad,
            "sqlite",
            error.to_string(),
            "build with the bundled one",
        ),
    }
}

fn pagemap() -> Check {
    if has_pagemap_scan() {
        return Check::good("kernel", "has PAGEMAP_SCAN: sandboxes are cleared quickly");
    }
    Check::of(
        Verdict::Odd,
        "kernel",
        "lacks PAGEMAP_SCAN: clearing a sandbox takes 1.7 times as long",
        "run Linux 6.7 or newer for more turns a second",
    )
}

/// What compiles, over a directory that lives as long as the second value.
fn workshop(config: &Config) -> Result<(Arc<Artifacts>, tempfile::TempDir)> {
    let dir = tempfile::tempdir()
        .map_err(|e| crate::error::Error::internal("making a temporary directory", e))?;
    let artifacts = Artifacts::open(dir.path(), THROWAWAY_KEY, config.intake.clone())?;
    Ok((artifacts, dir))
}

fn compiler(artifacts: &Artifacts) -> Check {
    match artifacts.confinement() {
        Ok(confinement) if confinement.complete() => Check::good(
            "compiler",
            "a compile child started and was refused network, files and programs",
        ),
        Ok(confinement) => Check::of(
            Verdict::Odd,
            "compiler",
            format!(
                "a compile child started and was not refused {}",
                left_open(&confinement)
            ),
            "let unprivileged processes use seccomp, or push only components you trust",
        ),
        Err(error) => Check::of(
            Verdict::Bad,
            "compiler",
            error.to_string(),
            "nothing can be pushed until a child process of this program can run",
        ),
    }
}

fn left_open(confinement: &Confinement) -> String {
    let refused = [
        ("network", confinement.network),
        ("files", confinement.files),
        ("programs", confinement.programs),
    ];
    let open: Vec<&str> = refused
        .iter()
        .filter(|(_, refused)| !refused)
        .map(|(what, _)| *what)
        .collect();
    open.join(", ")
}

fn sandbox(config: &Config, artifacts: Arc<Artifacts>) -> Check {
    let source: Arc<dyn ArtifactSource> = artifacts;
    match Sandbox::new(config.sandbox.clone(), source, None) {
        Ok(_) => Check::good(
            "sandbox",
            format!(
                "address space for {} was reserved",
                config.sandbox.sandboxes_max()
            ),
        ),
        Err(error) => Check::of(
            Verdict::Bad,
            "sandbox",
            error.to_string(),
            "raise the limit of virtual memory (ulimit -v), or lower dispatch.turns_running_max and sandbox.turns_max",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_child_was_not_refused_is_named() {
        let confinement = Confinement {
            network: true,
            files: false,
            programs: false,
            refused: None,
        };
        assert_eq!(left_open(&confinement), "files, programs");
    }
}
