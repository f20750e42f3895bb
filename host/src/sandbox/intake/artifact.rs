//! Components and their machine code on disk, a directory each, named by the digest of the upload.
//!
//! ```text
//! components/<digest>/component.wasm   as uploaded: the digest is its proof
//!                     artifact.cwasm   machine code
//!                     artifact.mac     the proof that this host's compile child made it
//! ```
//!
//! Invariant: machine code leaves this module only after its MAC was checked over the very bytes that
//! are given away. What is missing, stale or damaged is made again from the upload. Paths are built from
//! digests and nothing else.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use tempfile::NamedTempFile;

use crate::clock::Timestamp;
use crate::crash::{self, Point};
use crate::error::{Error, Result};
use crate::id::Digest;
use crate::sandbox::{ArtifactSource, engine};

use super::IntakeSettings;
use super::child::{Compiler, Confinement};
use super::format::{self, Kind};

const COMPONENTS: &str = "components";
const UPLOAD: &str = "component.wasm";
const ARTIFACT: &str = "artifact.cwasm";
const MAC: &str = "artifact.mac";
/// Files that are being written. Emptied when the host starts.
const UNFINISHED: &str = ".unfinished";
/// Says what a MAC is of, so that no other use of the key can make one.
const MAC_DOMAIN: &[u8; 32] = b"warren component artifact, v1\0\0\0";

/// Keeps components and gives out their machine code.
#[derive(Debug)]
pub struct Artifacts {
    root: PathBuf,
    mac_key: [u8; 32],
    /// What an artifact must have been made for.
    engine_key: [u8; 32],
    settings: IntakeSettings,
    compiler: Compiler,
}

impl Artifacts {
    /// Open the components of a data directory. `mac_key` is a secret of this data directory.
    ///
    /// # Errors
    /// `Unavailable` if the directory cannot be used; `Internal` if no code can be made for this machine.
    pub fn open(data_dir: &Path, mac_key: [u8; 32], settings: IntakeSettings) -> Result<Arc<Self>> {
        let root = data_dir.join(COMPONENTS);
        let unfinished = root.join(UNFINISHED);
        fs::create_dir_all(&root).map_err(unusable)?;
        match fs::remove_dir_all(&unfinished) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(unusable(e)),
            _ => {}
        }
        fs::create_dir(&unfinished)
            .and_then(|()| sync_dir(&root))
            .and_then(|()| sync_dir(data_dir))
            .map_err(unusable)?;
        Ok(Arc::new(Self {
            root,
            mac_key,
            engine_key: engine::artifact_key()?,
            compiler: Compiler::new(settings.compiler.clone(), settings.child.clone()),
            settings,
        }))
    }

    /// What a compile child is refused on this machine. Blocks.
    ///
    /// # Errors
    /// `Internal` if no child can be started.
    pub fn confinement(&self) -> Result<Confinement> {
        self.compiler.probe()
    }

    /// The bytes as they were uploaded. Blocks.
    ///
    /// # Errors
    /// `NotFound` if there is no such component; `Internal` if what is there is not what was uploaded.
    pub fn upload(&self, digest: Digest) -> Result<Vec<u8>> {
        let max = self.settings.limits.upload_bytes_max;
        let bytes = match read_at_most(&self.path(digest).join(UPLOAD), max) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == ErrorKind::NotFound => {
                return Err(Error::not_found("component", digest.to_string()));
            }
            Err(e) => return Err(Error::internal("reading a component", e)),
        };
        if Digest::of(&bytes) != digest {
            return Err(Error::internal(
                "reading a component",
                format!("the bytes kept for {digest} are not those that were uploaded"),
            ));
        }
        Ok(bytes)
    }

    /// Forget a component that nothing refers to any more. Blocks. Once more does nothing.
    ///
    /// # Errors
    /// `Unavailable` if the directory cannot be changed.
    pub fn remove(&self, digest: Digest) -> Result<()> {
        match fs::remove_dir_all(self.path(digest)) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(unusable(e)),
            _ => sync_dir(&self.root).map_err(unusable),
        }
    }

    /// Components that were kept last before `before`. Blocks.
    ///
    /// # Errors
    /// `Unavailable` if the directory cannot be read.
    pub(super) fn kept_before(&self, before: Timestamp) -> Result<HashSet<Digest>> {
        let mut found = HashSet::new();
        for entry in fs::read_dir(&self.root).map_err(unusable)? {
            let name = entry.map_err(unusable)?.file_name();
            // What has another name is not ours to forget.
            let digest = name
                .to_str()
                .and_then(|hex| format!("sha256:{hex}").parse().ok());
            if let Some(digest) = digest
                && self.was_kept_before(digest, before)
            {
                found.insert(digest);
            }
        }
        Ok(found)
    }

    /// Whether a component is there and was kept last before `before`. Keeping it renames files into its
    /// directory, which dates the directory.
    pub(super) fn was_kept_before(&self, digest: Digest, before: Timestamp) -> bool {
        let dated = fs::metadata(self.path(digest)).and_then(|data| data.modified());
        dated.is_ok_and(|at| {
            let age = at.duration_since(UNIX_EPOCH).unwrap_or_default();
            i64::try_from(age.as_millis()).is_ok_and(|ms| ms < before.0)
        })
    }

    pub(super) fn settings(&self) -> &IntakeSettings {
        &self.settings
    }

    pub(super) fn compiler(&self) -> &Compiler {
        &self.compiler
    }

    /// Whether there is a component of this digest.
    pub(super) fn has(&self, digest: Digest) -> bool {
        self.path(digest).join(UPLOAD).exists()
    }

    /// Keep an upload with its machine code. Whether it was there before makes no difference, in time
    /// neither: everything is written again.
    pub(super) fn keep(&self, digest: Digest, upload: &[u8], artifact: &[u8]) -> Result<()> {
        let dir = self.path(digest);
        match fs::create_dir(&dir) {
            Err(e) if e.kind() != ErrorKind::AlreadyExists => return Err(unusable(e)),
            _ => {}
        }
        self.write(&dir.join(UPLOAD), upload)
            .and_then(|()| self.write_artifact(digest, artifact))
            .and_then(|()| sync_dir(&dir))
            .and_then(|()| sync_dir(&self.root))
            .map_err(unusable)
    }

    fn write_artifact(&self, digest: Digest, artifact: &[u8]) -> io::Result<()> {
        let dir = self.path(digest);
        // Between the two renames the MAC is of other bytes: then both are made again.
        self.write(&dir.join(ARTIFACT), artifact)?;
        self.write(&dir.join(MAC), self.mac(digest, artifact).as_bytes())?;
        sync_dir(&dir)
    }

    /// Write a file in one step: after a crash it is the old one or the new one.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = NamedTempFile::new_in(self.root.join(UNFINISHED))?;
        // Past the wrapper, whose errors no longer say which one of the system's they were.
        file.as_file_mut().write_all(bytes)?;
        file.as_file().sync_all()?;
        crash::point(Point::ArtifactWritten);
        file.persist(path)?;
        Ok(())
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.root.join(digest.hex())
    }

    fn mac(&self, digest: Digest, artifact: &[u8]) -> blake3::Hash {
        // Three parts of fixed length and then the artifact: nothing can move from one into another.
        blake3::Hasher::new_keyed(&self.mac_key)
            .update(MAC_DOMAIN)
            .update(digest.as_bytes())
            .update(&self.engine_key)
            .update(artifact)
            .finalize()
    }

    /// The machine code on disk, if it is what this host made for this engine.
    fn verified(&self, digest: Digest) -> Result<Vec<u8>, String> {
        let dir = self.path(digest);
        let max = self.settings.child.output_bytes_max;
        let read = |name: &str, max| {
            read_at_most(&dir.join(name), max).map_err(|e| format!("{name}: {e}"))
        };
        let mac: [u8; blake3::OUT_LEN] = read(MAC, blake3::OUT_LEN as u64)?
            .try_into()
            .map_err(|_| format!("{MAC} is cut"))?;
        let artifact = read(ARTIFACT, max)?;
        // `Hash` compares in constant time.
        if self.mac(digest, &artifact) == blake3::Hash::from_bytes(mac) {
            return Ok(artifact);
        }
        Err("its MAC does not fit: made for another version or settings, or damaged".into())
    }

    fn rebuild(&self, digest: Digest, why: &str) -> Result<Vec<u8>> {
        let upload = self.upload(digest)?;
        tracing::warn!(
            component.digest = %digest,
            reason = why,
            "a compiled component cannot be used and is compiled again"
        );
        let component = match format::recognise(&upload, &self.settings.limits)? {
            Kind::Component => upload,
            Kind::Module => self.compiler.componentise(&upload)?,
        };
        let artifact = self.compiler.compile(&component)?.artifact;
        if let Err(e) = self.write_artifact(digest, &artifact) {
            tracing::warn!(
                component.digest = %digest,
                error = %e,
                "a compiled component cannot be kept: it will be compiled again at the next start"
            );
        }
        Ok(artifact)
    }
}

impl ArtifactSource for Artifacts {
    fn load(&self, digest: Digest) -> Result<Vec<u8>> {
        match self.verified(digest) {
            Ok(artifact) => Ok(artifact),
            Err(why) => self.rebuild(digest, &why),
        }
    }
}

/// Read a file that may not be longer than `max`.
fn read_at_most(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let len = file.metadata()?.len();
    if len > max {
        return Err(io::Error::new(
            ErrorKind::FileTooLarge,
            format!("{len} bytes where at most {max} were written"),
        ));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or_default());
    file.take(max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// The disk, in words for whoever runs the host. The path is left out: clients read this too. A disk that
/// failed is told as what it is, because whoever put the host together must end it.
fn unusable(error: io::Error) -> Error {
    if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) {
        return Error::internal("keeping a component", error);
    }
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Error::StorageFull {
            what: "the store of components".to_owned(),
        },
        kind => Error::Unavailable {
            what: "the store of components",
            reason: kind.to_string(),
        },
    }
}
