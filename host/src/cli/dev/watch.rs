//! Sees that a project or a file changed, and deploys it again.
//!
//! Polls modification times: a developer's project is a few dozen files, which costs less than a
//! dependency that differs on every system. A change is taken up once two looks in a row saw the same, so
//! that an editor in the middle of saving is not built.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::cli::client::Client;
use crate::cli::failure::Result;
use crate::cli::{Context, push};

/// Most files looked at in one project: beyond it changes go unseen rather than the disk unread.
const FILES_MAX: usize = 10_000;
/// Deepest directories looked into.
const DEPTH_MAX: usize = 16;
/// What a build writes, or nobody writes an agent in.
const PASSED_OVER: [&str; 6] = [
    "target",
    "dist",
    "node_modules",
    "__pycache__",
    "Cargo.lock",
    "package-lock.json",
];

/// Something to deploy whenever it changes.
#[derive(Debug)]
pub(super) struct Watched {
    path: PathBuf,
    seen: Option<u64>,
    deployed: Option<u64>,
}

impl Watched {
    /// Nothing of it is deployed yet.
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            seen: None,
            deployed: None,
        }
    }

    /// Deploy it if it changed. A failure is told and waits for the next change.
    pub(super) fn look(&mut self, client: &Client, context: &Context) {
        let now = fingerprint(&self.path);
        if !self.is_due(now) {
            return;
        }
        if let Err(failure) = deploy(&self.path, client, context) {
            context.console.failure(&failure);
        }
    }

    /// Whether this state of the files is new and has settled.
    fn is_due(&mut self, now: u64) -> bool {
        let settled = self.seen == Some(now);
        self.seen = Some(now);
        if !settled || self.deployed == Some(now) {
            return false;
        }
        self.deployed = Some(now);
        true
    }
}

fn deploy(path: &Path, client: &Client, context: &Context) -> Result<()> {
    let (name, file) = push::source(path, None, context)?;
    let bytes = push::read(&file)?;
    let pushed = push::push(client, push::Upload::new(name, bytes))?;
    push::report(&pushed, context);
    Ok(())
}

/// Changes when a file below `path` is written, made, renamed or removed.
fn fingerprint(path: &Path) -> u64 {
    let mut files = Vec::new();
    collect(path, DEPTH_MAX, &mut files);
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        if let Ok(found) = file.metadata() {
            found.modified().ok().hash(&mut hasher);
            found.len().hash(&mut hasher);
        }
        file.hash(&mut hasher);
    }
    hasher.finish()
}

fn collect(path: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let Ok(entries) = path.read_dir() else {
        files.push(path.to_path_buf());
        return;
    };
    if depth == 0 {
        return;
    }
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if files.len() < FILES_MAX && !name.starts_with('.') && !PASSED_OVER.contains(&&*name) {
            collect(&entry.path(), depth - 1, files);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_change_is_due_once_after_it_has_settled() {
        let mut watched = Watched::new(PathBuf::new());
        let looks = [
            (1, false),
            (1, true),
            (1, false),
            (2, false),
            (3, false),
            (3, true),
            (3, false),
        ];
        for (at, (fingerprint, due)) in looks.into_iter().enumerate() {
            assert_eq!(watched.is_due(fingerprint), due, "look {at}");
        }
    }

    #[test]
    fn sources_count_and_what_builds_write_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("src/lib.rs", "1");
        let mut before = fingerprint(dir.path());
        let mut check = |changed: bool, what: &str| {
            let now = fingerprint(dir.path());
            assert_eq!(now != before, changed, "{what}");
            before = now;
        };
        write("target/x", "1");
        write("Cargo.lock", "1");
        write(".git/x", "1");
        check(false, "build output");
        write("src/lib.rs", "12");
        check(true, "a longer file");
        write("src/new.rs", "");
        check(true, "a new file");
        fs::remove_file(dir.path().join("src/new.rs")).unwrap();
        check(true, "a removed file");
    }

    #[test]
    fn one_file_is_watched_too() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let before = fingerprint(file.path());
        fs::write(file.path(), "more").unwrap();
        assert_ne!(before, fingerprint(file.path()));
    }
}
