//! Python: an environment of its own in the project, with the compiler that `pyproject.toml` names.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{INSTALL_LIMIT, Tests, project};
use crate::{paths, shell};

/// What was installed, to know when it must be again.
const STAMP: &str = ".venv/warren-installed";

pub(super) fn prepare(dir: &Path) -> Result<()> {
    if paths::on_path("python3").is_none() {
        bail!(
            "`python3` is missing; install Python 3.10 or newer, on Debian by `apt-get install python3-venv`"
        );
    }
    let wanted = compiler(dir)?;
    let stamp = dir.join(STAMP);
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let mut venv = Command::new("python3");
    venv.current_dir(dir).args(["-m", "venv", ".venv"]);
    let log = dir.join("install.log");
    shell::quiet("python3 -m venv", &mut venv, INSTALL_LIMIT, &log)?;
    let mut pip = Command::new(dir.join(".venv/bin/pip"));
    pip.current_dir(dir).args(["install", &wanted]);
    shell::quiet(
        &format!("pip install {wanted}"),
        &mut pip,
        INSTALL_LIMIT,
        &log,
    )?;
    project::write(&stamp, &wanted)
}

pub(super) fn tests(dir: &Path) -> Vec<Tests> {
    let unittest = |title: &str, dir: PathBuf| {
        let mut python = Command::new("python3");
        // Nothing is left in the sources.
        python.args(["-B", "-m", "unittest"]);
        Tests {
            title: title.to_owned(),
            dir,
            command: python,
        }
    };
    vec![
        unittest(
            "tests of the SDK, python",
            paths::root().join("guest-sdk/python"),
        ),
        unittest("unittest, python", dir.to_owned()),
    ]
}

pub(super) fn version(dir: &Path) -> String {
    let python = shell::output(Command::new("python3").arg("--version"));
    let compiler = compiler(dir).unwrap_or_default();
    format!("{}, {compiler}", python.unwrap_or_default())
}

/// The requirement of the compiler in `pyproject.toml`.
fn compiler(dir: &Path) -> Result<String> {
    let file = dir.join("pyproject.toml");
    let text = fs::read_to_string(&file)?;
    let mut quoted = text.split('"');
    let found = quoted.find(|word| word.starts_with("componentize-py"));
    let found = found.with_context(|| format!("{} names no componentize-py", file.display()))?;
    Ok(found.to_owned())
}
