//! What somebody new does wrong in the sources of an agent, and what `warren build` tells him:
//! `examples/07-languages/mistakes.json`.
//!
//! Each mistake is made in a copy of `hello` with the packages that `cargo xtask languages` installed. What is told once there
//! is a component is the same for all languages, and in `cli::mistakes`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use serde::Deserialize;

use super::{file, tools};

/// What an SDK or a toolchain installs: linked, not copied.
const INSTALLED: [&str; 3] = ["node_modules", ".venv", "warren_agent"];
/// Not of the sources.
const PASSED_OVER: [&str; 2] = ["dist", "__pycache__"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mistake {
    name: String,
    /// The file that is written anew, and with what.
    file: String,
    text: String,
    code: i32,
    says: Vec<String>,
}

/// Make every mistake of a language.
pub(super) fn hold(language: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/07-languages/mistakes.json");
    let text = std::fs::read_to_string(path).unwrap();
    let all: BTreeMap<String, Vec<Mistake>> = serde_json::from_str(&text).unwrap();
    let mut wrong = Vec::new();
    for mistake in all.get(language).into_iter().flatten() {
        let dir = tempfile::tempdir().unwrap();
        copy(&file(language, "hello"), dir.path());
        std::fs::write(dir.path().join(&mistake.file), &mistake.text).unwrap();
        let output = build(language, dir.path());
        let said = String::from_utf8_lossy(&output.stderr);
        let is_told = mistake.says.iter().all(|words| said.contains(words));
        if output.status.code() != Some(mistake.code) || !is_told {
            wrong.push(format!("{}: {}\n{said}", mistake.name, output.status));
        }
    }
    assert!(wrong.is_empty(), "{language}:\n{}", wrong.join("\n"));
}

fn build(language: &str, dir: &Path) -> Output {
    let mut warren = Command::new(env!("CARGO_BIN_EXE_warren"));
    warren.arg("build").arg(dir).env("NO_COLOR", "1");
    if let Some(path) = tools(language) {
        warren.env("PATH", path);
    }
    warren.output().unwrap()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in from.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let target = to.join(&name);
        if PASSED_OVER.contains(&&*name) {
            continue;
        }
        if INSTALLED.contains(&&*name) {
            std::os::unix::fs::symlink(path.canonicalize().unwrap(), target).unwrap();
        } else if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, target).unwrap();
        }
    }
}
