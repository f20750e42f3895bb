//! `describe`, and the loading of components.

use std::sync::atomic::Ordering;

use futures_util::future::join_all;

use super::*;
use crate::error::Error;

/// A guest that runs these instructions before it describes itself.
fn before(fields: &'static str, describe: &'static str) -> Guest {
    Guest {
        fields,
        describe,
        ..Guest::default()
    }
}

#[tokio::test]
async fn an_agent_describes_itself() {
    let bench = Bench::new(Guest::default());
    assert_eq!(
        bench
            .sandbox
            .describe(bench.probe.digest)
            .await
            .expect("manifest")
            .manifest,
        "{}"
    );
}

/// Nothing is granted: 0 is `denied`.
#[tokio::test]
async fn what_reads_or_writes_is_denied_meanwhile() {
    let asks = before(
        r#"(import "warren:agent/working@0.1.0" "get" (func $get (param i32 i32 i32)))
           (import "warren:agent/events@0.1.0" "respond" (func $respond (param i32 i32 i32)))
           (import "warren:agent/log@0.1.0" "log" (func $log (param i32 i32 i32 i32 i32)))
           (import "warren:agent/clock@0.1.0" "now" (func $now (param i32)))
           (func $denied (if (i32.ne (i32.load8_u (i32.const 3072)) (i32.const 1)) (then unreachable))
                         (if (i32.load8_u (i32.const 3076)) (then unreachable)))"#,
        "(call $get (i32.const 2048) (i32.const 2) (i32.const 3072)) (call $denied)
         (call $respond (i32.const 2048) (i32.const 2) (i32.const 3072)) (call $denied)
         (call $log (i32.const 2) (i32.const 2048) (i32.const 2) (i32.const 0) (i32.const 0))
         (call $now (i32.const 3072))
         (i32.const 2056)",
    );
    let bench = Bench::new(asks);
    assert_eq!(
        bench
            .sandbox
            .describe(bench.probe.digest)
            .await
            .expect("manifest")
            .manifest,
        "{}"
    );
}

#[tokio::test]
async fn an_agent_that_cannot_describe_itself() {
    let who = r#"(import "warren:agent/context@0.1.0" "who" (func $who (param i32)))"#;
    for (guest, text) in [
        (
            before("", "unreachable"),
            "describe: trapped: unreachable: wasm trap: wasm `unreachable` instruction executed",
        ),
        (
            before("", "(loop $again (br $again)) (i32.const 2056)"),
            "describe: took longer than sandbox.describe_cpu_ms_max, 100 milliseconds",
        ),
        (
            before(who, "(call $who (i32.const 3072)) (i32.const 2056)"),
            "describe: trapped: `context.who` has no answer while an agent describes itself",
        ),
    ] {
        let bench = Bench::new(guest);
        let error = bench
            .sandbox
            .describe(bench.probe.digest)
            .await
            .expect_err(text);
        assert_eq!(error.to_string(), text);
    }
}

#[tokio::test]
async fn a_component_that_nobody_pushed() {
    let bench = Bench::new(Guest::default());
    let error = bench
        .sandbox
        .describe(Digest::of(b"none"))
        .await
        .expect_err("none");
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
}

#[tokio::test]
async fn a_component_that_many_ask_for_is_loaded_once() {
    let bench = Bench::new(Guest::default());
    let all = join_all((0..8).map(|_| bench.sandbox.describe(bench.probe.digest))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(bench.artifacts.loads.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_least_recently_used_component_makes_room() {
    let limits = SandboxLimits {
        loaded_max: 2,
        ..small()
    };
    let bench = Bench::with(Guest::default(), &[], limits);
    let other = |data| {
        bench.artifacts.add(
            &Guest {
                data,
                ..Guest::default()
            }
            .component(),
        )
    };
    let (a, b, c) = (bench.probe.digest, other("b"), other("c"));
    // Each with the loads there were after it: `b` has to go for `c`, `a` was used since.
    for (digest, loads) in [(a, 1), (b, 2), (a, 2), (c, 3), (a, 3), (b, 4)] {
        bench.sandbox.describe(digest).await.expect("manifest");
        assert_eq!(bench.artifacts.loads.load(Ordering::SeqCst), loads);
    }
}

#[tokio::test]
async fn an_agent_that_sleeps_instead_of_describing_itself() {
    let sleeps = |duration: &'static str| {
        before(
            r#"(import "wasi:clocks/monotonic-clock@0.2.6" "subscribe-duration"
                   (func $after (param i64) (result i32)))
               (import "wasi:io/poll@0.2.6" "[method]pollable.block" (func $block (param i32)))"#,
            duration,
        )
    };
    let limits = SandboxLimits {
        describe_ms_max: 20,
        ..small()
    };
    let long = "(call $block (call $after (i64.const -1))) (i32.const 2056)";
    let bench = Bench::with(sleeps(long), &[], limits);
    let error = bench.sandbox.describe(bench.probe.digest).await;
    assert_eq!(
        error.expect_err("asleep").to_string(),
        "describe: took longer than sandbox.describe_ms_max, 20 milliseconds"
    );
    let short = "(call $block (call $after (i64.const 0))) (i32.const 2056)";
    let bench = Bench::new(sleeps(short));
    let described = bench.sandbox.describe(bench.probe.digest).await;
    assert_eq!(described.expect("awake").manifest, "{}");
}
