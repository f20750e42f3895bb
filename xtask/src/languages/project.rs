//! A copy of an agent's project below `target/languages`, so that toolchains are installed there.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::EXAMPLE;
use crate::paths;

/// What a build or an editor leaves in a project.
const PASSED_OVER: [&str; 4] = ["node_modules", "dist", "__pycache__", ".venv"];
/// How projects name an SDK from their own place; the longer first.
const SDKS: [&str; 2] = ["../../../../guest-sdk/", "../../../guest-sdk/"];

/// Where an agent's sources are in a language.
pub(super) fn source(agent: &str, language: &str) -> PathBuf {
    let example = paths::root().join(EXAMPLE);
    match agent {
        "hello" => example.join(language),
        other => example.join(other).join(language),
    }
}

/// Copy what changed. Where a project names an SDK by a path from its own place, the copy names it by a whole one.
pub(super) fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        let (name, path) = (entry.file_name(), entry.path());
        if PASSED_OVER.iter().any(|passed| name == *passed) {
            continue;
        }
        let target = to.join(&name);
        let kind = entry.file_type()?;
        if kind.is_symlink() {
            link(&path, &target)?;
        } else if kind.is_dir() {
            copy(&path, &target)?;
        } else {
            let whole = format!("{}/guest-sdk/", paths::root().display());
            let text = fs::read_to_string(&path)?;
            let text = SDKS
                .iter()
                .fold(text, |text, sdk| text.replace(sdk, &whole));
            write(&target, &text)?;
        }
    }
    Ok(())
}

/// Write a file unless it says so already: toolchains look at times.
pub(super) fn write(file: &Path, text: &str) -> Result<()> {
    if fs::read_to_string(file).is_ok_and(|old| old == text) {
        return Ok(());
    }
    fs::write(file, text).with_context(|| format!("writing {}", file.display()))
}

/// A link to something, or to what another link leads to.
pub(super) fn link(from: &Path, to: &Path) -> Result<()> {
    let leads = from
        .canonicalize()
        .with_context(|| format!("looking for {}", from.display()))?;
    if fs::read_link(to).is_ok_and(|old| old == leads) {
        return Ok(());
    }
    if to.is_symlink() {
        fs::remove_file(to)?;
    }
    std::os::unix::fs::symlink(leads, to).with_context(|| format!("linking {}", to.display()))
}
