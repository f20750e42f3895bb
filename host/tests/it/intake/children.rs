//! Compile children: what they may not do, what ends them, how many there are.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use warren::error::Error;
use warren::sandbox::intake::{ChildLimits, IntakeSettings};

use super::{Desk, guest, settings};

/// A component that takes a second or more of a compiler: loops over live locals, within every limit.
fn slow() -> Vec<u8> {
    let locals = 400;
    let mut body = String::new();
    for i in 0..200 {
        let (a, b) = (i + 100, i + 200);
        let _ = write!(
            body,
            "loop (local.set {i} (i64.add (local.get {a}) (local.get {b})))"
        );
    }
    for i in 0..200 {
        let _ = write!(body, "(br_if 0 (i64.eqz (local.get {i}))) end ");
    }
    let function = format!("(func (local {}) {body})", "i64 ".repeat(locals));
    let module = wat::parse_str(guest::text(guest::MANIFEST, "").replacen(
        "(memory (export",
        &format!("{} (memory (export", function.repeat(40)),
        1,
    ));
    let mut module = module.unwrap();
    let (resolve, world) = guest::world_with(&[]);
    wit_component::embed_component_metadata(
        &mut module,
        &resolve,
        world,
        wit_component::StringEncoding::UTF8,
    )
    .unwrap();
    guest::component(&module)
}

fn with(child: ChildLimits) -> IntakeSettings {
    IntakeSettings {
        child,
        ..settings()
    }
}

#[tokio::test]
async fn reaches_no_network_no_file_and_no_program() {
    let confinement = Desk::new().artifacts.confinement().unwrap();
    if cfg!(target_os = "linux") {
        assert!(confinement.complete(), "{confinement:?}");
        assert_eq!(confinement.refused, None);
    } else {
        assert!(confinement.refused.is_some());
    }
}

#[tokio::test]
async fn is_killed_at_its_cpu_time() {
    let desk = Desk::with(with(ChildLimits {
        cpu_seconds: 1,
        // However little of the processor it gets, the other limit comes first.
        wall: Duration::from_mins(15),
        ..ChildLimits::default()
    }));
    desk.refuse(
        &slow(),
        "compiling it takes more than the limit `intake.child.cpu_seconds`, 1 s",
    )
    .await;
    // The next one is served as if nothing had happened.
    desk.accept(&guest::module(guest::MANIFEST, ""))
        .await
        .unwrap();
}

#[tokio::test]
async fn is_killed_at_its_wall_clock() {
    let desk = Desk::with(with(ChildLimits {
        wall: Duration::from_millis(20),
        ..ChildLimits::default()
    }));
    let error = desk.accept(&slow()).await.unwrap_err();
    assert!(
        matches!(error, Error::Unavailable { .. }),
        "the host was too slow, not the component"
    );
    assert!(
        error.to_string().contains("intake.child.wall_ms, 20 ms"),
        "{error}"
    );
    assert_eq!(desk.kept(), 0);
}

#[tokio::test]
async fn ends_at_its_memory() {
    let desk = Desk::with(with(ChildLimits {
        memory_bytes: 1 << 20,
        ..ChildLimits::default()
    }));
    desk.refuse(
        &slow(),
        "compiling it takes more than the limit `intake.child.memory_bytes`, 1048576 bytes",
    )
    .await;
}

#[tokio::test]
async fn ends_at_its_output() {
    let desk = Desk::with(with(ChildLimits {
        output_bytes_max: 4096,
        ..ChildLimits::default()
    }));
    let component = guest::component(&guest::module(guest::MANIFEST, ""));
    desk.refuse(
        &component,
        "compiling it takes more than the limit `intake.child.output_bytes_max`, 4096 bytes",
    )
    .await;
}

#[tokio::test]
async fn that_cannot_be_started_is_an_internal_error() {
    let desk = Desk::with(IntakeSettings {
        compiler: "/nonexistent/warren".into(),
        ..IntakeSettings::default()
    });
    let error = desk
        .accept(&guest::module(guest::MANIFEST, ""))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Internal { .. }), "{error}");
    // A program that is not this one answers nothing that could be taken for machine code.
    let desk = Desk::with(IntakeSettings {
        compiler: "/bin/cat".into(),
        ..IntakeSettings::default()
    });
    assert!(
        desk.accept(&guest::module(guest::MANIFEST, ""))
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wait_in_a_queue_that_ends() {
    let desk = Arc::new(Desk::with(with(ChildLimits {
        running_max: 1,
        waiting_max: 2,
        ..ChildLimits::default()
    })));
    // Twelve different uploads at once: one runs, two wait, and what finds the queue full is told so.
    let uploads = (0..12).map(|i| {
        let desk = Arc::clone(&desk);
        async move {
            let manifest = guest::MANIFEST.replace("tiny", &format!("tiny-{i}"));
            desk.accept(&guest::component(&guest::module(&manifest, "")))
                .await
        }
    });
    let results = join_all(uploads).await;
    let (taken, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert!(taken.len() >= 3, "{}", taken.len());
    for error in refused.into_iter().filter_map(Result::err) {
        assert!(matches!(error, Error::Exhausted { .. }), "{error:?}");
        assert_eq!(
            error.to_string(),
            "intake.child.waiting_max is 2 uploads, all used"
        );
    }
    assert_eq!(desk.kept(), taken.len());
}
