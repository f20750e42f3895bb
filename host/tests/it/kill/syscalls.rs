//! The host is killed at its n-th write or flush, for every n of a scripted run.
//!
//! `strace` kills at the exact system call, before it is made. An ordinary run tries one call in so many;
//! the long form tries every one.

use super::host::Ended;
use super::prepared::{Case, Prepared, Written};
use crate::long;

/// Events of the script: the first of a kind, several in one batch, a retry and a timer.
const EVENTS: u64 = 8;

/// Calls that change what is on disk, the files of which they are counted, and every how many of them one
/// is tried in an ordinary run. Without a file: from the making of the data directory on.
const CALLS: [(&str, Option<Written>, u32); 7] = [
    ("fsync", None, 23),
    ("pwrite64", None, 53),
    ("fsync", Some(Written::Log), 13),
    ("pwrite64", Some(Written::Log), 61),
    ("fsync", Some(Written::Database), 5),
    ("pwrite64", Some(Written::Database), 31),
    ("pwrite64", Some(Written::Running), 17),
];

#[test]
fn killed_at_every_write_and_flush() {
    let prepared = Prepared::new();
    for (call, file, stride) in CALLS {
        let stride = long::pick(stride, 1);
        let mut nth = 1;
        while killed_at(&prepared, call, file, nth) {
            nth += stride;
        }
        assert!(nth > 1, "the script never calls {call} of {file:?}");
        println!("{call} of {file:?}: the last was before number {nth}");
    }
}

/// Says whether the call was reached.
fn killed_at(prepared: &Prepared, call: &str, file: Option<Written>, nth: u32) -> bool {
    let mut case = match file {
        Some(_) => prepared.copy(),
        None => Case::empty(u64::from(nth)),
    };
    let what = format!("{call} number {nth} of {file:?}");
    let kill = format!("signal=KILL:when={nth}");
    let reached = match case.start_tampered(call, &kill, file) {
        Err(_) => true,
        Ok(mut host) => {
            case.client.drive(&host, EVENTS);
            let died = host.has_died();
            if !died {
                host.terminate_traced();
            }
            host.wait() == Ended::Killed || died
        }
    };
    case.recovers(&what);
    reached
}
