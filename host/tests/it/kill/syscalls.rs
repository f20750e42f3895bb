//! The host is killed at its n-th write or flush, for every n of a scripted run.
//!
//! `strace` kills at the exact system call, before it is made. Without `WARREN_KILLS` every eleventh is
//! tried, so that a test run stays short; with it, every one.

use std::process::Command;

use super::host::{Ended, HostProcess};
use super::workload::Workload;

/// Events of the script: the first of a kind, several in one batch, a retry and a timer.
const EVENTS: u64 = 8;
/// Calls that change what is on disk.
const CALLS: [&str; 2] = ["fsync", "pwrite64"];
/// Every how many calls one is tried in an ordinary test run.
const STRIDE: u32 = 23;

#[test]
fn killed_at_every_write_and_flush() {
    assert!(
        Command::new("strace").arg("-V").output().is_ok(),
        "strace is missing: `cargo xtask setup` installs it"
    );
    let stride = if std::env::var("WARREN_KILLS").is_ok() {
        1
    } else {
        STRIDE
    };
    for call in CALLS {
        let mut nth = 1;
        while killed_at(call, nth) {
            nth += stride;
        }
        assert!(nth > 1, "the script never calls {call}");
    }
}

/// Says whether the call was reached.
fn killed_at(call: &str, nth: u32) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let what = format!("{call} number {nth}");
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-qq", "-o", "/dev/null", "-e"])
        .arg(format!("trace={call}"))
        .arg("-e")
        .arg(format!("inject={call}:signal=KILL:when={nth}"))
        .arg(env!("CARGO_BIN_EXE_warren"));
    let mut workload = Workload::new(u64::from(nth));
    let reached = match HostProcess::start_with(strace, dir.path(), &[]) {
        Err(_) => true,
        Ok(mut host) => {
            workload.drive(&host, EVENTS);
            let died = host.has_died();
            if !died {
                host.terminate_traced();
            }
            host.wait() == Ended::Killed || died
        }
    };
    let mut host = HostProcess::start(dir.path(), &[]).unwrap();
    workload.drive(&host, 0);
    workload.check(&host, &what);
    host.terminate();
    assert_eq!(host.wait(), Ended::Well, "{what}");
    reached
}
