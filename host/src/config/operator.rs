//! The operator's key: given in the environment, or made once and kept as a hash in the data directory.
//!
//! Invariant: a key that was made is printed before it is needed and cannot be read back; one that is
//! given is never written anywhere.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::app::AdminKey;
use crate::error::{Error, Result};
use crate::identity::ApiKeySecret;

use super::OPERATOR_KEY_VARIABLE;

/// Holds the hash, in the data directory.
const FILE: &str = "operator-key";
/// Only its owner may read it, although a hash of 256 random bits opens nothing.
const FILE_MODE: u32 = 0o600;

/// An operator's key in the clear. Its `Debug` never shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct OperatorSecret(String);

impl OperatorSecret {
    /// Check and take a key.
    ///
    /// # Errors
    /// `Invalid` if it is none that [`AdminKey`] takes.
    pub fn given(key: &str) -> Result<Self> {
        AdminKey::new(key).map_err(|error| match error {
            Error::Invalid { reason, .. } => Error::invalid(
                OPERATOR_KEY_VARIABLE,
                format!("{reason}; `openssl rand -hex 32` makes a good one"),
            ),
            other => other,
        })?;
        Ok(Self(key.to_owned()))
    }

    /// The key.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for OperatorSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OperatorSecret(..)")
    }
}

/// The operator's key of a host that is about to start.
#[derive(Debug)]
pub struct OperatorKey {
    hash: AdminKey,
    fresh: Option<OperatorSecret>,
}

impl OperatorKey {
    /// The given one, else the one whose hash is kept in `data_dir`, else a new one. Writes nothing: the
    /// directory may be another host's.
    ///
    /// # Errors
    /// `Invalid` if the file is damaged, `Unavailable` if it cannot be read.
    pub fn resolve(data_dir: &Path, given: Option<&OperatorSecret>) -> Result<Self> {
        if let Some(given) = given {
            return Ok(Self {
                hash: AdminKey::new(given.reveal())?,
                fresh: None,
            });
        }
        if let Some(hash) = stored(&data_dir.join(FILE))? {
            return Ok(Self { hash, fresh: None });
        }
        let fresh = OperatorSecret(ApiKeySecret::generate()?.reveal());
        Ok(Self {
            hash: AdminKey::new(fresh.reveal())?,
            fresh: Some(fresh),
        })
    }

    /// What the host compares with.
    pub fn hash(&self) -> AdminKey {
        self.hash.clone()
    }

    /// Keep a new one for the next start. Called once the directory is ours.
    ///
    /// # Errors
    /// `Unavailable` if it cannot be written.
    pub fn keep(&self, data_dir: &Path) -> Result<()> {
        if self.fresh.is_none() {
            return Ok(());
        }
        let path = data_dir.join(FILE);
        let aside = data_dir.join(format!("{FILE}.new"));
        let write = || {
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(FILE_MODE)
                .open(&aside)?;
            writeln!(file, "{}", self.hash.to_hex())?;
            file.sync_all()?;
            fs::rename(&aside, &path)?;
            fs::File::open(data_dir)?.sync_all()
        };
        write().map_err(|error| unavailable(&path, &error))
    }

    /// The key itself if it was made just now: to be shown once.
    pub fn into_fresh(self) -> Option<OperatorSecret> {
        self.fresh
    }
}

fn stored(path: &Path) -> Result<Option<AdminKey>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unavailable(path, &error)),
    };
    AdminKey::from_hex(text.trim()).map(Some).ok_or_else(|| {
        let reason = format!(
            "{} is damaged: give a key in {OPERATOR_KEY_VARIABLE}, or remove the file and a new one is made",
            path.display()
        );
        Error::invalid("operator's key", reason)
    })
}

fn unavailable(path: &Path, error: &io::Error) -> Error {
    Error::Unavailable {
        what: "the operator's key",
        reason: format!("{}: {error}", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_known_at_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        let first = OperatorKey::resolve(dir.path(), None).unwrap();
        assert!(
            fs::read_dir(dir.path()).unwrap().next().is_none(),
            "resolving writes nothing"
        );
        first.keep(dir.path()).unwrap();
        let second = OperatorKey::resolve(dir.path(), None).unwrap();
        let key = first.into_fresh().unwrap();
        assert!(second.hash().is(key.reveal()));
        assert_eq!(second.into_fresh(), None);
        let kept = fs::read_to_string(dir.path().join(FILE)).unwrap();
        assert!(!kept.contains(key.reveal()), "only the hash is kept");
        assert!(!format!("{key:?}").contains(key.reveal()));
    }

    #[test]
    fn a_given_key_wins_and_is_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        OperatorKey::resolve(dir.path(), None)
            .unwrap()
            .keep(dir.path())
            .unwrap();
        let kept = fs::read(dir.path().join(FILE)).unwrap();
        let given = OperatorSecret::given(&"k".repeat(64)).unwrap();
        let key = OperatorKey::resolve(dir.path(), Some(&given)).unwrap();
        key.keep(dir.path()).unwrap();
        assert!(key.hash().is(given.reveal()));
        assert_eq!(fs::read(dir.path().join(FILE)).unwrap(), kept);
    }

    #[test]
    fn a_damaged_file_stops_the_start_instead_of_making_another_key() {
        let dir = tempfile::tempdir().unwrap();
        for bad in ["", "zz", &"0".repeat(63), &"g".repeat(64)] {
            fs::write(dir.path().join(FILE), bad).unwrap();
            let error = OperatorKey::resolve(dir.path(), None)
                .unwrap_err()
                .to_string();
            assert!(error.contains(OPERATOR_KEY_VARIABLE), "{error}");
        }
    }

    #[test]
    fn short_keys_and_such_that_no_header_holds_are_refused() {
        for bad in ["", "short", &"k k".repeat(20), &"k\n".repeat(20)] {
            let error = OperatorSecret::given(bad).unwrap_err().to_string();
            assert!(error.contains(OPERATOR_KEY_VARIABLE), "{error}");
        }
    }
}
