//! Runs that somebody or something ends from outside: the clock, a defect, a neighbour's patience.

use futures_util::future::join;

use super::*;

const GET: &str = r#"(import "warren:agent/working@0.1.0" "get" (func $get (param i32 i32 i32)))"#;

/// A guest that logs a line and then asks working memory for a key.
fn asking(key: &'static str) -> Guest {
    Guest {
        fields: r#"(import "warren:agent/working@0.1.0" "get" (func $get (param i32 i32 i32)))
            (import "warren:agent/log@0.1.0" "log" (func $log (param i32 i32 i32 i32 i32)))"#,
        data: key,
        ..Guest::handling(
            "(call $log (i32.const 2) (i32.const 4096) (i32.const 4) (i32.const 0) (i32.const 0))
             (call $get (i32.const 4096) (i32.const 4) (i32.const 3072)) (i32.const 16)",
        )
    }
}

#[tokio::test]
async fn the_deadline_ends_a_wait_and_the_log_is_kept() {
    let mut bench = Bench::new(asking("wait"));
    bench.deadline_ms = 50;
    let run = bench.run().await;
    assert_eq!(run.end, TurnEnd::TimedOut);
    let output = run.turn.finish();
    assert_eq!(output.host_calls, 2);
    assert_eq!(output.logs[0].message, "wait");
}

#[tokio::test]
async fn a_panic_of_the_host_ends_one_run() {
    // The key is five letters; the guest asks for its first four, so the module asks for all of it.
    let guest = Guest {
        fields: GET,
        data: "panic",
        ..Guest::handling(
            "(call $get (i32.const 4096) (i32.const 5) (i32.const 3072)) (i32.const 16)",
        )
    };
    let bench = Bench::new(guest);
    for _ in 0..3 {
        let run = bench.run().await;
        let end = TurnEnd::HostError("the host failed at a host function".into());
        assert_eq!(run.end, end);
        assert_eq!(run.turn.finish().host_calls, 1);
    }
    assert_eq!(
        bench
            .sandbox
            .describe(bench.probe.digest)
            .await
            .expect("alive")
            .manifest,
        "{}"
    );
}

#[tokio::test]
async fn a_broken_store_ends_the_run_without_telling_its_paths() {
    let guest = Guest {
        fields: GET,
        data: "broken",
        ..Guest::handling(
            "(call $get (i32.const 4096) (i32.const 6) (i32.const 3072)) (i32.const 16)",
        )
    };
    let run = Bench::new(guest).run().await;
    let end = TurnEnd::HostError("the host failed at reading working memory".into());
    assert_eq!(run.end, end);
}

#[tokio::test]
async fn a_missing_component_is_an_end_like_others() {
    let bench = Bench::new(Guest::default());
    let token = CancellationToken::new();
    let run = bench
        .sandbox
        .run(Digest::of(b"none"), bench.turn(), token)
        .await;
    assert!(matches!(run.end, TurnEnd::HostError(why) if why.contains("not loaded")));
}

/// One thread, one guest that loops until its budget is gone: others run in between.
#[tokio::test]
async fn a_loop_lets_others_run() {
    let spinning = Bench::new(Guest::handling("(loop $again (br $again)) (i32.const 16)"));
    let quick = Bench::new(Guest::default());
    let order = parking_lot::Mutex::new(Vec::new());
    join(
        async {
            let run = spinning.run().await;
            order.lock().push(run.end);
        },
        async {
            let run = quick.run().await;
            order.lock().push(run.end);
        },
    )
    .await;
    assert_eq!(order.into_inner(), [TurnEnd::Done, TurnEnd::CpuExhausted]);
}

#[tokio::test]
async fn a_guest_learns_that_it_should_end() {
    let guest = Guest {
        fields: r#"(import "warren:agent/context@0.1.0" "cancelled" (func $cancelled (result i32)))"#,
        ..Guest::handling("(if (i32.eqz (call $cancelled)) (then unreachable)) (i32.const 16)")
    };
    let bench = Bench::new(guest);
    let token = CancellationToken::new();
    token.cancel();
    let run = bench
        .sandbox
        .run(bench.probe.digest, bench.turn(), token)
        .await;
    assert_eq!(run.end, TurnEnd::Done);
    assert!(matches!(bench.run().await.end, TurnEnd::Trapped(_)));
}
