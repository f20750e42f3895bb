//! The host is killed and started again: whatever it had accepted is done, once, in order.
//!
//! The real binary runs as a child on a port of its own. A workload of turns that append to a list, bump
//! a counter and publish a child runs against it; it dies where a test says; a new one takes over; and
//! the checker compares what the client was told with what is there (`kill/workload.rs`).

use std::sync::mpsc::sync_channel;
use std::time::Duration;

use warren::crash::Point;

use workload::Workload;

use crate::long;

mod disk;
mod host;
mod prepared;
mod syscalls;
mod workload;

use host::{Ended, HostProcess};

/// Random kills: of an ordinary test run, and of the long form.
const KILLS: (u32, u32) = (12, 1_000);
/// Kills between two checks. What was checked is forgotten, so that a kill costs the same from the first
/// to the last.
const KILLS_A_CHECK: u32 = 20;
/// Events that are taken before the stop is asked for: some turns of each tenant are running by then.
const STOP_AFTER: usize = 150;

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
    let host = HostProcess::start(dir.path(), &[]).unwrap();
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
    let kills = long::pick(KILLS.0, KILLS.1);
    let dir = tempfile::tempdir().unwrap();
    let seed = std::env::var("WARREN_SEED").map_or(7, |n| n.parse().unwrap());
    let mut random = fastrand::Rng::with_seed(seed);
    let mut workload = Workload::new(seed);
    let mut slowest = Duration::ZERO;
    for kill in 0..kills {
        let host = HostProcess::start(dir.path(), &[]).unwrap();
        if kill > 0 {
            slowest = slowest.max(host.ready_after);
        }
        if kill % KILLS_A_CHECK == 0 {
            workload.drive(&host, 0);
            workload.check(&host, &format!("{kill} kills, seed {seed}"));
        }
        let after = Duration::from_micros(random.u64(0..60_000));
        let host = workload.drive_until_killed(host, after);
        assert_eq!(host.wait(), Ended::Killed, "kill {kill}, seed {seed}");
    }
    let host = HostProcess::start(dir.path(), &[]).unwrap();
    workload.drive(&host, 0);
    workload.check(&host, &format!("{kills} kills, seed {seed}"));
    host.terminate();
    assert_eq!(host.wait(), Ended::Well);
    println!(
        "{kills} kills, {} events, slowest restart {slowest:?} (unoptimised)",
        workload.events()
    );
}

/// A component that takes the host down costs two deaths: one that makes it a suspect, one alone that
/// proves it. Then its agent gets no turns, its event is a dead letter, and everybody else is served.
#[test]
fn what_takes_the_host_down_is_quarantined_until_somebody_releases_it() {
    let dir = tempfile::tempdir().unwrap();
    let (mut culprit, mut other) = (Workload::of("acme", 17), Workload::of("globex", 19));
    let host = HostProcess::start(dir.path(), &[]).unwrap();
    culprit.drive(&host, 2);
    other.drive(&host, 2);
    host.terminate();
    assert_eq!(host.wait(), Ended::Well);

    // Dies as soon as a guest is about to run, whatever guest it is.
    let deadly = [("WARREN_CRASH_AT", "Claimed:1")];
    let host = HostProcess::start(dir.path(), &deadly).unwrap();
    // It may die before it answers; what it took is on record all the same.
    let _ = culprit.offer(&host);
    assert_eq!(host.wait(), Ended::Killed);
    HostProcess::start(dir.path(), &deadly).unwrap_err();

    let host = HostProcess::start(dir.path(), &[]).unwrap();
    let (_, agent) = culprit.ask(&host, "GET", "/v1/agents/probe", b"").unwrap();
    assert_eq!(agent["status"], "quarantined", "{agent}");
    let reason = agent["status_reason"].as_str().unwrap();
    assert!(reason.contains("2 times on event kill-2"), "{reason}");
    let (_, dead) = culprit.ask(&host, "GET", "/v1/dead-letters", b"").unwrap();
    let turn = dead["items"][0]["turn"].as_str().unwrap();
    other.drive(&host, 5);
    other.check(&host, "another tenant");

    let release = "/v1/agents/probe/release";
    assert_eq!(culprit.ask(&host, "POST", release, b"").unwrap().0, 200);
    let replay = format!("/v1/dead-letters/{turn}/replay");
    let (status, said) = culprit.ask(&host, "POST", &replay, b"").unwrap();
    assert!((200..300).contains(&status), "{status}: {said}");
    culprit.drive(&host, 3);
    culprit.check(&host, "released");
    host.terminate();
    assert_eq!(host.wait(), Ended::Well);
}

/// Two hosts must not write one data directory, and a newer host's data must not be touched.
#[test]
fn a_data_directory_has_one_host_and_one_format() {
    let dir = tempfile::tempdir().unwrap();
    let first = HostProcess::start(dir.path(), &[]).unwrap();
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
    let again = HostProcess::start(dir.path(), &[]).unwrap();
    again.terminate();
    assert_eq!(again.wait(), Ended::Well);
}

/// A stop under load answers what was asked, finishes what runs and loses nothing, while clients go on
/// sending until they are refused.
#[test]
fn a_stop_under_load_drains() {
    let dir = tempfile::tempdir().unwrap();
    let mut clients: Vec<Workload> = ["acme", "globex", "initech"]
        .iter()
        .zip(3..)
        .map(|(tenant, seed)| Workload::of(tenant, seed))
        .collect();
    let host = HostProcess::start(dir.path(), &[]).unwrap();
    for client in &mut clients {
        client.set_up(&host).unwrap();
    }
    let (taken, waits) = sync_channel(STOP_AFTER);
    std::thread::scope(|scope| {
        for client in &mut clients {
            let (host, taken) = (&host, taken.clone());
            scope.spawn(move || {
                client.drive_until_refused(host, || {
                    // Full: the stop has been asked for.
                    let _ = taken.try_send(());
                });
            });
        }
        drop(taken);
        waits.iter().take(STOP_AFTER).for_each(drop);
        host.terminate();
    });
    let (ended, said) = host.wait_and_read();
    assert_eq!(ended, Ended::Well, "{said}");
    assert!(
        !said.contains("cut short") && !said.contains("did not finish in time"),
        "all that ran was finished within the grace: {said}"
    );
    let host = HostProcess::start(dir.path(), &[]).unwrap();
    for client in &mut clients {
        client.drive(&host, 0);
        client.check(&host, "a stop under load");
    }
    host.terminate();
    assert_eq!(host.wait(), Ended::Well);
}
