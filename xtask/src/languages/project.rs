//! A copy of an example's project below `target/languages`, so that toolchains are installed there.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::paths;

/// What a build or an editor leaves in a project.
const PASSED_OVER: [&str; 4] = ["node_modules", "dist", "__pycache__", ".venv"];

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
            let text = fs::read_to_string(&path)?.replace(
                "../../../guest-sdk/",
                &format!("{}/guest-sdk/", paths::root().display()),
            );
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

/// A link to what another link leads to.
fn link(from: &Path, to: &Path) -> Result<()> {
    let leads = from.canonicalize()?;
    if fs::read_link(to).is_ok_and(|old| old == leads) {
        return Ok(());
    }
    if to.is_symlink() {
        fs::remove_file(to)?;
    }
    std::os::unix::fs::symlink(leads, to).with_context(|| format!("linking {}", to.display()))
}
