//! The data directory: its layout, its lock, its format.
//!
//! Invariant: at most one host works on a data directory, held by an exclusive lock on `LOCK` that dies
//! with the process; and a created or renamed entry is durable before anything relies on it.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::id::{Digest, TenantId};

use super::rows::is_disk_failure;

/// The layout that this host reads and writes.
pub(super) const FORMAT: u32 = 1;

/// Entries of `tenants/` that are being made begin with this; no tenant's name does.
const UNFINISHED: &str = ".new-";
/// Entries of `tenants/` that are being removed begin with this.
const TOMBSTONE: &str = ".gone-";

/// A locked data directory.
#[derive(Debug)]
pub struct DataDir {
    root: PathBuf,
    clean: bool,
    // Held for its lock.
    _lock: File,
}

impl DataDir {
    /// Make or open a data directory and lock it.
    ///
    /// # Errors
    /// `Conflict` if another host has it or a newer host wrote it; `Unavailable` if it cannot be used.
    pub fn open(root: &Path) -> Result<Self> {
        make_dir(root)?;
        let lock = lock(root)?;
        check_format(root)?;
        make_dir(&root.join("tenants"))?;
        make_dir(&root.join("components"))?;
        let marker = root.join("RUNNING");
        let clean = !marker.exists();
        create_file(&marker)?;
        sync_dir(root)?;
        let dir = Self {
            root: root.to_owned(),
            clean,
            _lock: lock,
        };
        dir.remove_unfinished()?;
        Ok(dir)
    }

    /// Whether [`Self::open`] would have it: free, and of a format this host knows. Makes nothing.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn check(root: &Path) -> Result<()> {
        if !root.join("LOCK").exists() {
            return Ok(());
        }
        let _lock = lock(root)?;
        if root.join("FORMAT").exists() {
            check_format(root)?;
        }
        Ok(())
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether the last host that used it shut down in order.
    pub fn was_clean(&self) -> bool {
        self.clean
    }

    /// Say that everything is closed in order.
    pub(super) fn mark_clean(&self) -> Result<()> {
        let marker = self.root.join("RUNNING");
        match fs::remove_file(&marker) {
            Ok(()) => sync_dir(&self.root),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
            Err(e) => Err(unusable(&marker, e)),
        }
    }

    /// The database of tenants, keys and secrets.
    pub(super) fn host_db(&self) -> PathBuf {
        self.root.join("host.db")
    }

    /// A component's directory: bytes and artifacts.
    pub fn component(&self, digest: Digest) -> PathBuf {
        self.root.join("components").join(digest.hex())
    }

    /// A tenant's directory.
    pub(super) fn tenant(&self, id: TenantId) -> PathBuf {
        self.tenants().join(id.to_string())
    }

    /// Make a tenant's directory: `fill` works in one that a crash leaves no trace of.
    pub(super) fn create_tenant(
        &self,
        id: TenantId,
        fill: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<()> {
        let unfinished = self.tenants().join(format!("{UNFINISHED}{id}"));
        let path = self.tenant(id);
        make_dir(&unfinished)?;
        fill(&unfinished)?;
        sync_dir(&unfinished)?;
        fs::rename(&unfinished, &path).map_err(|e| unusable(&path, e))?;
        sync_dir(&self.tenants())
    }

    /// Take a tenant's directory away in one step and leave a tombstone that lasts until
    /// [`Self::remove_tenant`]. Once more does nothing.
    pub(super) fn detach_tenant(&self, id: TenantId) -> Result<()> {
        let path = self.tenant(id);
        let gone = self.tombstone(id);
        match fs::rename(&path, &gone) {
            Ok(()) => sync_dir(&self.tenants()),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
            Err(e) => Err(unusable(&path, e)),
        }
    }

    /// Remove a tombstone and all that is in it.
    pub(super) fn remove_tenant(&self, id: TenantId) -> Result<()> {
        remove_dir(&self.tombstone(id))?;
        sync_dir(&self.tenants())
    }

    /// Tenants whose removal began and did not end.
    pub(super) fn tombstones(&self) -> Result<Vec<TenantId>> {
        self.tenants_named(TOMBSTONE)
    }

    /// Tenants that have a directory.
    pub(super) fn tenant_ids(&self) -> Result<Vec<TenantId>> {
        self.tenants_named("")
    }

    fn tenants_named(&self, prefix: &str) -> Result<Vec<TenantId>> {
        let names = self.tenant_entries()?;
        Ok(names
            .iter()
            .filter_map(|name| name.strip_prefix(prefix)?.parse().ok())
            .collect())
    }

    fn tenant_entries(&self) -> Result<Vec<String>> {
        let tenants = self.tenants();
        fs::read_dir(&tenants)
            .and_then(|entries| {
                entries
                    .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
                    .collect()
            })
            .map_err(|e| unusable(&tenants, e))
    }

    fn tombstone(&self, id: TenantId) -> PathBuf {
        self.tenants().join(format!("{TOMBSTONE}{id}"))
    }

    fn tenants(&self) -> PathBuf {
        self.root.join("tenants")
    }

    fn remove_unfinished(&self) -> Result<()> {
        let names = self.tenant_entries()?;
        for name in names.iter().filter(|name| name.starts_with(UNFINISHED)) {
            remove_dir(&self.tenants().join(name))?;
        }
        sync_dir(&self.tenants())
    }
}

fn lock(root: &Path) -> Result<File> {
    let path = root.join("LOCK");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|e| unusable(&path, e))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            // The lock decides; the text in it only helps to find its holder.
            let _ = file.read_to_string(&mut pid);
            return Err(Error::conflict(
                "data directory",
                format!(
                    "`{}` is in use by the host with pid {}: stop it, or choose another directory",
                    root.display(),
                    pid.trim()
                ),
            ));
        }
        Err(TryLockError::Error(e)) => return Err(unusable(&path, e)),
    }
    file.set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(|e| unusable(&path, e))?;
    Ok(file)
}

fn check_format(root: &Path) -> Result<()> {
    let path = root.join("FORMAT");
    match fs::read_to_string(&path) {
        Ok(text) => match text.trim().parse::<u32>() {
            Ok(found) if found <= FORMAT => Ok(()),
            Ok(found) => Err(Error::conflict(
                "data directory",
                format!(
                    "`{}` has format {found}, newer than {FORMAT}, the newest this host knows: run the newer host",
                    root.display()
                ),
            )),
            Err(_) => Err(Error::conflict(
                "data directory",
                format!("`{}` does not hold a format number", path.display()),
            )),
        },
        Err(e) if e.kind() == ErrorKind::NotFound => write_durably(&path, &format!("{FORMAT}\n")),
        Err(e) => Err(unusable(&path, e)),
    }
}

/// Write a file so that after a crash it is there whole or not at all.
fn write_durably(path: &Path, text: &str) -> Result<()> {
    let unfinished = path.with_extension("new");
    let mut file = create_file(&unfinished)?;
    file.set_len(0)
        .and_then(|()| file.write_all(text.as_bytes()))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&unfinished, path))
        .map_err(|e| unusable(path, e))?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// Make a file that only the host's user reads, or open the one that is there.
pub(super) fn create_file(path: &Path) -> Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|e| unusable(path, e))
}

/// Make a directory that only the host's user reads, durably, or leave the one that is there.
fn make_dir(path: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|e| unusable(path, e))?;
    match path.parent().filter(|p| !p.as_os_str().is_empty()) {
        Some(parent) => sync_dir(parent),
        None => Ok(()),
    }
}

fn remove_dir(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(e) => Err(unusable(path, e)),
    }
}

/// Make what was created, renamed or removed in a directory durable.
pub(super) fn sync_dir(path: &Path) -> Result<()> {
    File::open(path)
        .and_then(|dir| dir.sync_all())
        .map_err(|e| unusable(path, e))
}

fn unusable(path: &Path, error: std::io::Error) -> Error {
    if is_disk_failure(&error) {
        tracing::error!(path = %path.display(), %error, "the data directory cannot be written");
        return Error::internal("writing the data directory", error);
    }
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Error::StorageFull {
            what: format!("`{}`", path.display()),
        },
        _ => Error::Unavailable {
            what: "data directory",
            reason: format!("`{}`: {error}", path.display()),
        },
    }
}
