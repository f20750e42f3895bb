//! A data directory with a tenant, its agent and some history: made once, copied for each case, so that a
//! case costs a start and not a compilation, and `strace` can be told the files by their names.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::host::{Ended, HostProcess};
use super::workload::Workload;

/// Events in the history.
const HISTORY: u64 = 4;

/// What is copied.
pub(super) struct Prepared {
    dir: TempDir,
    client: Workload,
}

/// A copy, with a client that knows what is in it.
pub(super) struct Case {
    dir: TempDir,
    pub(super) client: Workload,
}

/// A file that the host writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// The tenant's write-ahead log: every event and turn.
    Log,
    /// The tenant's database: what a checkpoint copies.
    Database,
    /// The write-ahead log of tenants and keys.
    HostLog,
    /// Which turns run.
    Running,
}

impl Prepared {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut client = Workload::new(11);
        let host = HostProcess::start(dir.path(), &[]).unwrap();
        client.drive(&host, HISTORY);
        host.terminate();
        assert_eq!(host.wait(), Ended::Well);
        Self { dir, client }
    }

    pub(super) fn copy(&self) -> Case {
        let dir = tempfile::tempdir().unwrap();
        copy_all(self.dir.path(), dir.path());
        Case {
            dir,
            client: self.client.clone(),
        }
    }
}

impl Case {
    /// From nothing.
    pub(super) fn empty(seed: u64) -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            client: Workload::new(seed),
        }
    }

    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Start the host under `strace`, which does something to some of its calls: see `inject` there. It
    /// counts calls by thread; a file narrows them to those that one thread makes.
    pub(super) fn start_tampered(
        &self,
        call: &str,
        how: &str,
        file: Option<Written>,
    ) -> Result<HostProcess, String> {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o", "/dev/null"]);
        if let Some(file) = file {
            strace.arg("-P").arg(self.path(file));
        }
        strace
            .args(["-e", &format!("trace={call}")])
            .args(["-e", &format!("inject={call}:{how}")])
            .arg(env!("CARGO_BIN_EXE_warren"));
        HostProcess::start_with(strace, self.dir(), &[])
    }

    /// A new host finds nothing wrong, and does what is left.
    pub(super) fn recovers(mut self, what: &str) {
        let host = HostProcess::start(self.dir(), &[]).unwrap();
        self.client.drive(&host, 0);
        self.client.check(&host, what);
        host.terminate();
        assert_eq!(host.wait(), Ended::Well, "{what}");
    }

    fn path(&self, file: Written) -> PathBuf {
        // As the system names the files that are open.
        let root = self.dir.path().canonicalize().unwrap();
        let tenant = || {
            let mut tenants = std::fs::read_dir(root.join("tenants")).unwrap();
            tenants.next().unwrap().unwrap().path()
        };
        match file {
            Written::Log => tenant().join("state.db-wal"),
            Written::Database => tenant().join("state.db"),
            Written::HostLog => root.join("host.db-wal"),
            Written::Running => root.join("turns"),
        }
    }
}

fn copy_all(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&to).unwrap();
            copy_all(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}
