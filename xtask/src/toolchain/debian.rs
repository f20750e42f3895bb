//! A guest compiler out of Debian's packages, for machines that reach no toolchain server.
//!
//! Debian ships the compiler and the source of its standard library, but no WebAssembly build of it that fits;
//! so the packages are unpacked into a directory of ours and the library is compiled once. The system stays as it is.
//!
//! Invariant: an installation is complete or absent; it is built aside and renamed, under a lock.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::rustup_home;
use crate::{paths, shell};

mod packages;
mod std_build;

/// Raised when the recipe changes, so that older installations are made anew.
const RECIPE: &str = "1";
/// Names the version in use; the file next to it is the lock.
const CURRENT: &str = "current";
/// Inside an installation: written last.
const READY: &str = "warren-ready";

/// A complete installation.
pub(crate) struct Installed {
    version: String,
    /// The toolchain's root: holds `bin` and `lib`.
    dir: PathBuf,
    built: String,
}

impl Installed {
    pub(super) fn rustc(&self) -> PathBuf {
        self.dir.join("bin/rustc")
    }

    pub(super) fn fingerprint(&self) -> String {
        format!("{} {}", self.version, self.built)
    }

    pub(super) fn describe(&self) -> String {
        format!("`cargo +{}` in {}", self.link_name(), self.dir.display())
    }

    fn link_name(&self) -> String {
        format!("warren-guest-{}", self.version)
    }
}

/// The installation this user already has.
pub(super) fn find() -> Result<Option<Installed>> {
    let base = base()?;
    let Ok(version) = fs::read_to_string(base.join(CURRENT)) else {
        return Ok(None);
    };
    let Some(installed) = load(&base, version.trim()) else {
        return Ok(None);
    };
    link(&installed);
    Ok(Some(installed))
}

/// Makes an installation; `sysroot` is the host compiler's and lends its WebAssembly linker.
pub(super) fn install(sysroot: &Path) -> Result<Installed> {
    let base = base()?;
    fs::create_dir_all(&base).with_context(|| format!("cannot create {}", base.display()))?;
    let lock = File::create(base.join("lock"))?;
    if lock.try_lock().is_err() {
        eprintln!("  wait  another setup is installing the guest toolchain");
        lock.lock()?;
    }
    if let Some(installed) = find()? {
        return Ok(installed);
    }
    eprintln!(
        "Installing a guest compiler from Debian's packages into {}:",
        base.display()
    );
    eprintln!(
        "  140 MB to download, 1-4 minutes on two cores, once per user; the system is left alone."
    );
    let work = base.join("partial");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    let usr = packages::unpack(&work)?;
    let version = std_build::build(&usr, sysroot, &work)?;
    let done = base.join(&version);
    if done.exists() {
        fs::remove_dir_all(&done)?;
    }
    fs::rename(&usr, &done)?;
    fs::remove_dir_all(&work)?;
    fs::write(done.join(READY), RECIPE)?;
    fs::write(base.join(CURRENT), &version)?;
    let installed =
        load(&base, &version).context("the installation does not load; please report this")?;
    link(&installed);
    Ok(installed)
}

fn base() -> Result<PathBuf> {
    Ok(paths::cache()?.join("guest-toolchain"))
}

fn load(base: &Path, version: &str) -> Option<Installed> {
    let dir = base.join(version);
    let ready = dir.join(READY);
    let recipe = fs::read_to_string(&ready).ok()?;
    // The linker is borrowed from the host's toolchain, which may have been removed since.
    let linker = std_build::linker_dir(&dir).join("rust-lld");
    if recipe.trim() != RECIPE || !linker.exists() {
        return None;
    }
    let built = ready.metadata().and_then(|meta| meta.modified()).ok()?;
    Some(Installed {
        version: version.to_owned(),
        dir,
        built: format!("{built:?}"),
    })
}

/// Lets people and `warren build` say `cargo +warren-guest-<version>`; our own builds do not depend on it.
fn link(installed: &Installed) {
    let name = installed.link_name();
    let Some(home) = rustup_home().filter(|_| paths::on_path("rustup").is_some()) else {
        return;
    };
    if home.join("toolchains").join(&name).join(READY).exists() {
        return;
    }
    let linked = shell::output(
        Command::new("rustup")
            .args(["toolchain", "link", &name])
            .arg(&installed.dir),
    );
    if let Err(error) = linked {
        eprintln!("  note  `cargo +{name}` will not work: {error:#}");
    }
}
