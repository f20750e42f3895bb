//! The host is killed and started again: whatever it had accepted is done, once, in order.
//!
//! The real binary runs as a child on a port of its own. A workload of turns that append to a list, bump
//! a counter and publish a child runs against it; it dies where a test says; a new one takes over; and
//! the checker compares what the client was told with what is there (`kill/workload.rs`).
//!
//! `WARREN_KILLS=1000` makes the random kills as many; the default fits into a test run.

use std::time::Duration;

use warren::crash::Point;

use workload::Workload;

mod host;
mod syscalls;
mod workload;

use host::{Ended, HostProcess};

/// Random kills of an ordinary test run.
const KILLS: u32 = 12;

/// Points that a run passes once.
const ONCE_A_RUN: [Point; 3] = [Point::ComponentKept, Point::Deployed, Point::ShutdownBegun];

/// What each point is reached by, if the workload alone does not: points of a shutdown, of timers, of
/// failures and of deployment are all in the workload, so that each of them is reached at least twice.
#[test]
fn killed_at_each_named_point() {
    for point in Point::ALL {
        let times = if ONCE_A_RUN.contains(&point) { 1 } else { 2 };
        for nth in 1..=times {
            killed_at(point, nth);
        }
    }
}

fn killed_at(point: Point, nth: u32) {
    let dir = tempfile::tempdir().unwrap();
    let armed = format!("{point:?}:{nth}");
    let mut workload = Workload::new(u64::from(nth));
    let host = HostProcess::start(dir.path(), &[("WARREN_CRASH_AT", &armed)]);
    let died = match host {
        Err(_) => true,
        Ok(mut host) => {
            workload.drive(&host, 20);
            if !host.has_died() {
                host.terminate();
            }
            host.wait() == Ended::Killed
        }
    };
    let mut host = HostProcess::start(dir.path(), &[]).unwrap();
    workload.drive(&host, 0);
    workload.check(&host, &armed);
    host.terminate();
    assert_eq!(host.wait(), Ended::Well, "{armed}");
    assert!(
        died,
        "{armed} was never reached: the workload does not cover it"
    );
}

#[test]
fn killed_at_random_under_load() {
    let kills = std::env::var("WARREN_KILLS").map_or(KILLS, |n| n.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let seed = std::env::var("WARREN_SEED").map_or(7, |n| n.parse().unwrap());
    let mut random = fastrand::Rng::with_seed(seed);
    let mut workload = Workload::new(seed);
    for kill in 0..kills {
        let host = HostProcess::start(dir.path(), &[]).unwrap();
        let after = Duration::from_micros(random.u64(0..60_000));
        let host = workload.drive_until_killed(host, after);
        assert_eq!(host.wait(), Ended::Killed, "kill {kill}, seed {seed}");
    }
    let mut host = HostProcess::start(dir.path(), &[]).unwrap();
    workload.drive(&host, 0);
    workload.check(&host, &format!("{kills} kills, seed {seed}"));
    host.terminate();
    assert_eq!(host.wait(), Ended::Well);
}

/// Two hosts must not write one data directory, and a newer host's data must not be touched.
#[test]
fn a_data_directory_has_one_host_and_one_format() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = HostProcess::start(dir.path(), &[]).unwrap();
    let refused = HostProcess::start(dir.path(), &[]).unwrap_err();
    assert!(
        refused.contains("in use") || refused.contains("another host"),
        "{refused}"
    );
    first.terminate();
    assert_eq!(first.wait(), Ended::Well);

    let format = dir.path().join("FORMAT");
    let ours = std::fs::read_to_string(&format).unwrap();
    std::fs::write(&format, "999\n").unwrap();
    let refused = HostProcess::start(dir.path(), &[]).unwrap_err();
    assert!(
        refused.contains("999") && refused.contains("newer"),
        "{refused}"
    );
    std::fs::write(&format, ours).unwrap();
    let mut again = HostProcess::start(dir.path(), &[]).unwrap();
    again.terminate();
    assert_eq!(again.wait(), Ended::Well);
}

/// A stop under load finishes what runs and loses nothing.
#[test]
fn a_stop_under_load_drains() {
    let dir = tempfile::tempdir().unwrap();
    let mut workload = Workload::new(3);
    let mut host = HostProcess::start(dir.path(), &[]).unwrap();
    workload.drive(&host, 30);
    host.terminate();
    assert_eq!(host.wait(), Ended::Well);
    let mut host = HostProcess::start(dir.path(), &[]).unwrap();
    workload.drive(&host, 0);
    workload.check(&host, "a stop under load");
    host.terminate();
    assert_eq!(host.wait(), Ended::Well);
}
