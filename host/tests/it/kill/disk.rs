//! The disk fails, is full, is slow: nothing is acknowledged that is not durable, and nothing is lost.
//!
//! `strace` answers in the disk's place. A flush that fails is the end of the process, because what the
//! system has thrown away cannot be known; a full disk is not: reading goes on, and writing when there is
//! room again.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use super::host::{ADMIN_KEY, Ended, HostProcess};
use super::prepared::{Case, Prepared, Written};
use super::workload::{Answer, Workload};
use crate::{guests, long};

/// Events of a script: several in one batch, a retry and a timer.
const EVENTS: u64 = 8;
/// Most tries until a disk that is full, or has room again, shows.
const TRIES_MAX: u32 = 2_000;
/// Bytes of the small disk: a data directory, an agent and some thousand events.
const SMALL_DISK: &str = "size=24m";

#[test]
fn a_failed_flush_ends_the_host_before_it_answers() {
    let prepared = Prepared::new();
    let table = [
        ("fsync", None, 19),
        ("fsync", Some(Written::Log), 11),
        ("fsync", Some(Written::Database), 5),
        ("fsync", Some(Written::HostLog), 1),
        ("pwrite64", Some(Written::Log), 59),
    ];
    for (call, file, stride) in table {
        let stride = long::pick(stride, 1);
        let mut nth = 1;
        while fails_at(&prepared, call, file, nth) {
            nth += stride;
        }
        assert!(nth > 1, "the script never calls {call} of {file:?}");
        println!("{call} of {file:?}: the last was before number {nth}");
    }
}

/// The n-th call fails, as on a disk that is worn out. Says whether the host met it while it served.
fn fails_at(prepared: &Prepared, call: &str, file: Option<Written>, nth: u32) -> bool {
    let what = format!("EIO at {call} number {nth} of {file:?}");
    let mut case = match file {
        Some(_) => prepared.copy(),
        None => Case::empty(u64::from(nth)),
    };
    let fault = format!("error=EIO:when={nth}");
    let met = match case.start_tampered(call, &fault, file) {
        Err(said) => {
            assert!(said.contains("rror"), "{what}: {said}");
            true
        }
        Ok(host) => {
            case.client.renew_key();
            case.client.drive(&host, EVENTS);
            let ended_itself = case.client.has_open_questions();
            if !ended_itself {
                host.terminate_traced();
            }
            let (ended, said) = host.wait_and_read();
            if ended_itself {
                assert!(matches!(ended, Ended::Failed(Some(_))), "{what}: {ended:?}");
                assert!(said.contains("the disk failed"), "{what}: {said}");
            }
            ended != Ended::Well
        }
    };
    case.recovers(&what);
    met
}

#[test]
fn a_full_disk_refuses_writes_until_there_is_room() {
    let prepared = Prepared::new();
    for (file, calls, answers) in [
        (Written::Log, "3..22", true),
        // Checkpoints are put off, turns wait: nobody is told.
        (Written::Database, "3..22", false),
        (Written::Running, "3..6", false),
    ] {
        let what = format!("no room in {file:?}");
        let mut case = prepared.copy();
        let full = format!("error=ENOSPC:when={calls}");
        let host = case.start_tampered("pwrite64", &full, Some(file)).unwrap();
        let mut refused = 0;
        for _ in 0..long::pick(200, 2_000) {
            let (status, said) = case.client.offer(&host).unwrap();
            if status != 200 {
                is_full(&(status, said));
                assert_eq!(case.client.read_one(&host).unwrap().0, 200, "{what}");
                refused += 1;
            }
        }
        assert_eq!(refused > 0, answers, "{what}: {refused} refused");
        // There is room again, without a restart.
        case.client.drive(&host, EVENTS);
        case.client.check(&host, &what);
        host.terminate_traced();
        assert_eq!(host.wait(), Ended::Well, "{what}");
        case.recovers(&what);
    }
}

#[test]
fn a_full_disk_refuses_keys_until_there_is_room() {
    let mut case = Prepared::new().copy();
    let full = "error=ENOSPC:when=1..2";
    let file = Some(Written::HostLog);
    let host = case.start_tampered("pwrite64", full, file).unwrap();
    let mut answers = Vec::new();
    while answers.len() < 20 && answers.last() != Some(&201) {
        let name = format!(r#"{{"name":"again-{}"}}"#, answers.len());
        let path = "/v1/tenants/acme/keys";
        let answer = host
            .request("POST", path, ADMIN_KEY, name.as_bytes())
            .unwrap();
        if answer.0 != 201 {
            is_full(&answer);
        }
        answers.push(answer.0);
    }
    assert!(
        answers.len() > 1 && answers.ends_with(&[201]),
        "{answers:?}"
    );
    case.client.drive(&host, EVENTS);
    case.client.check(&host, "no room for keys");
    host.terminate_traced();
    assert_eq!(host.wait(), Ended::Well);
}

#[test]
fn a_slow_or_interrupted_disk_changes_nothing() {
    let prepared = Prepared::new();
    for (call, how, file) in [
        ("fsync", "delay_exit=500000:when=2+6", Some(Written::Log)),
        (
            "fsync",
            "delay_exit=500000:when=1+2",
            Some(Written::Database),
        ),
        ("pwrite64", "error=EINTR:when=2+3", Some(Written::Log)),
        ("pwrite64", "error=EINTR:when=2+3", Some(Written::Running)),
    ] {
        let what = format!("{call}: {how}");
        let mut case = prepared.copy();
        let host = case.start_tampered(call, how, file).unwrap();
        case.client.drive(&host, EVENTS);
        case.client.check(&host, &what);
        host.terminate_traced();
        assert_eq!(host.wait(), Ended::Well, "{what}");
        case.recovers(&what);
    }
}

/// A disk of a few megabytes, in a name space of the host's own. Where the system lets nobody make one, the
/// injected errors above are all there is.
#[test]
fn a_small_disk_fills_up_and_is_freed() {
    if !small_disks_can_be_made() {
        println!("no small disk can be made here: `unshare -rm mount -t tmpfs` is refused");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut client = Workload::new(5);
    let host = HostProcess::start_with(on_small_disk(dir.path()), dir.path(), &[]).unwrap();
    client.drive(&host, EVENTS);
    let ballast = host.its_path(dir.path()).join("ballast");
    fill(&ballast);
    let refused = (0..TRIES_MAX).find_map(|_| {
        let answer = client.offer(&host).unwrap();
        (answer.0 != 200).then_some(answer)
    });
    is_full(&refused.expect("the disk is full"));
    assert_eq!(client.read_one(&host).unwrap().0, 200);
    let upload = guests::probe();
    is_full(&client.push(&host, "another", &upload).unwrap());
    let tenant = br#"{"name":"late"}"#;
    is_full(
        &host
            .request("POST", "/v1/tenants", ADMIN_KEY, tenant)
            .unwrap(),
    );
    std::fs::remove_file(&ballast).unwrap();
    client.drive(&host, EVENTS);
    client.check(&host, "a small disk");
    assert_eq!(client.push(&host, "another", &upload).unwrap().0, 201);
    let made = host
        .request("POST", "/v1/tenants", ADMIN_KEY, tenant)
        .unwrap();
    assert_eq!(made.0, 201, "{}", made.1);
    host.terminate();
    assert_eq!(host.wait(), Ended::Well);
}

fn small_disks_can_be_made() -> bool {
    let dir = tempfile::tempdir().unwrap();
    on_small_disk(dir.path())
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success())
}

/// The host with a small disk in the place of `dir`, which goes when the host does.
fn on_small_disk(dir: &Path) -> Command {
    let mut command = Command::new("unshare");
    let script = format!(r#"mount -t tmpfs -o {SMALL_DISK} none "$1" && shift && exec "$@""#);
    command
        .args(["-rm", "sh", "-c", &script, "sh"])
        .arg(dir)
        .arg(env!("CARGO_BIN_EXE_warren"));
    command
}

/// Write until there is no room, to the last byte.
fn fill(path: &Path) {
    let mut file = std::fs::File::create(path).unwrap();
    for bytes in [1 << 20, 4 << 10, 1] {
        while file.write_all(&vec![0; bytes]).is_ok() {}
    }
}

fn is_full((status, problem): &Answer) {
    assert_eq!(*status, 507, "{problem}");
    assert_eq!(problem["code"], "storage_full");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("disk is full"), "{detail}");
}
