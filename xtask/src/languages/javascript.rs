//! JavaScript and TypeScript: Node.js with npm, and what `package.json` asks the registry for.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use super::{INSTALL_LIMIT, Tests, project};
use crate::{paths, shell};

/// What was installed, to know when it must be again.
const STAMP: &str = "node_modules/warren-installed";

pub(super) fn prepare(dir: &Path) -> Result<()> {
    for tool in ["node", "npm"] {
        if paths::on_path(tool).is_none() {
            bail!(
                "`{tool}` is missing; install Node.js 20 or newer, on Debian by `apt-get install nodejs npm`"
            );
        }
    }
    let wanted = fs::read_to_string(dir.join("package.json"))?;
    let stamp = dir.join(STAMP);
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let title = format!("npm install, {}", shown(dir));
    let mut npm = Command::new("npm");
    npm.current_dir(dir)
        .args(["install", "--no-audit", "--no-fund"]);
    shell::quiet(&title, &mut npm, INSTALL_LIMIT, &dir.join("install.log"))?;
    project::write(&stamp, &wanted)
}

pub(super) fn tests(dir: &Path) -> Vec<Tests> {
    let mut node = Command::new("node");
    node.arg("--test");
    let sdk = Tests {
        title: "tests of the SDK, javascript".to_owned(),
        dir: paths::root().join("guest-sdk/javascript"),
        command: node,
    };
    vec![sdk, script(dir, "test")]
}

pub(super) fn tests_of_typescript(dir: &Path) -> Vec<Tests> {
    vec![script(dir, "check"), script(dir, "test")]
}

fn script(dir: &Path, name: &str) -> Tests {
    let mut npm = Command::new("npm");
    npm.args(["run", name]);
    Tests {
        title: format!("npm run {name}, {}", shown(dir)),
        dir: dir.to_owned(),
        command: npm,
    }
}

pub(super) fn version(_dir: &Path) -> String {
    let node = shell::output(Command::new("node").arg("--version"));
    format!("Node.js {}", node.unwrap_or_default())
}

fn shown(dir: &Path) -> String {
    let name = dir.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
