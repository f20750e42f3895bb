//! WASI as guests see it.

use super::*;
use crate::turn::LogLevel;

const FIELDS: &str = r#"
    (import "wasi:clocks/monotonic-clock@0.2.6" "now" (func $now (result i64)))
    (import "wasi:clocks/monotonic-clock@0.2.6" "subscribe-duration"
        (func $after (param i64) (result i32)))
    (import "wasi:io/poll@0.2.6" "[method]pollable.block" (func $block (param i32)))
    (import "wasi:cli/exit@0.2.6" "exit" (func $exit (param i32)))
    (import "wasi:cli/environment@0.2.6" "get-arguments" (func $arguments (param i32)))
    (import "wasi:cli/environment@0.2.6" "get-environment" (func $environment (param i32)))
    (import "wasi:filesystem/preopens@0.2.6" "get-directories" (func $directories (param i32)))
    (import "wasi:cli/stdout@0.2.6" "get-stdout" (func $stdout (result i32)))
    (import "wasi:io/streams@0.2.6" "[method]output-stream.blocking-write-and-flush"
        (func $write (param i32 i32 i32 i32)))
    (import "wasi:random/random@0.2.6" "get-random-bytes" (func $random (param i64 i32)))"#;

fn guest(handle: &'static str, data: &'static str) -> Guest {
    Guest {
        fields: FIELDS,
        data,
        ..Guest::handling(handle)
    }
}

#[tokio::test]
async fn a_sleep_of_centuries_ends_at_the_deadline() {
    let sleeps = "(call $block (call $after (i64.const -1))) (i32.const 16)";
    let mut bench = Bench::new(guest(sleeps, ""));
    bench.deadline_ms = 50;
    assert_eq!(bench.run().await.end, TurnEnd::TimedOut);
}

#[tokio::test]
async fn what_wasi_answers() {
    check(&[
        (
            "no time passes for a sleep of nothing",
            guest("(call $block (call $after (i64.const 0))) (i32.const 16)", ""),
            TurnEnd::Done,
        ),
        (
            "the clock counts whole milliseconds",
            guest(
                "(block $odd
                    (loop $more
                        (br_if $odd (i64.ne (i64.rem_u (call $now) (i64.const 1000000)) (i64.const 0)))
                        (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))
                                               (i32.const 1000))))
                    (return (i32.const 16)))
                 unreachable",
                "",
            ),
            TurnEnd::Done,
        ),
        (
            "there are no arguments, no environment and no directories",
            guest(
                "(call $arguments (i32.const 3072))
                 (if (i32.load (i32.const 3076)) (then unreachable))
                 (call $environment (i32.const 3072))
                 (if (i32.load (i32.const 3076)) (then unreachable))
                 (call $directories (i32.const 3072))
                 (if (i32.load (i32.const 3076)) (then unreachable))
                 (i32.const 16)",
                "",
            ),
            TurnEnd::Done,
        ),
        (
            "65,536 random bytes",
            guest("(call $random (i64.const 65536) (i32.const 3072)) (i32.const 16)", ""),
            TurnEnd::Done,
        ),
        (
            "65,537 random bytes",
            guest("(call $random (i64.const 65537) (i32.const 3072)) (i32.const 16)", ""),
            trapped("requested len 65537 exceeds limit 65536"),
        ),
        (
            "exit",
            guest("(call $exit (i32.const 0)) (i32.const 16)", ""),
            trapped("exit: the agent called exit with status 0"),
        ),
    ])
    .await;
}

/// A pollable is two objects of the host: itself and what it waits for.
#[tokio::test]
async fn host_objects() {
    check(&[
        (
            "512 pollables",
            guest(
                "(loop $more (drop (call $after (i64.const 1)))
                    (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))
                                           (i32.const 512)))) (i32.const 16)",
                "",
            ),
            TurnEnd::Done,
        ),
        (
            "513 pollables",
            guest(
                "(loop $more (drop (call $after (i64.const 1)))
                    (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))
                                           (i32.const 513)))) (i32.const 16)",
                "",
            ),
            limit("sandbox.resources_max is 1024 resources"),
        ),
    ])
    .await;
}

/// They count like those of the contract, and with them.
#[tokio::test]
async fn calls_of_wasi() {
    let many = "(loop $more (drop (call $now))
        (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))
                               (i32.const 10000)))) ";
    let then = |more: &str| -> &'static str { format!("{many}{more}(i32.const 16)").leak() };
    let limit = limit("turn_host_calls_max is 10000 calls");
    check(&[
        ("10,000 calls", guest(then(""), ""), TurnEnd::Done),
        (
            "10,001 calls, the last of another interface",
            guest(then("(call $environment (i32.const 3072))"), ""),
            limit.clone(),
        ),
        (
            "calls without end",
            guest("(loop $more (drop (call $now)) (br $more)) unreachable", ""),
            limit,
        ),
    ])
    .await;
    let run = Bench::new(guest(then(""), "")).run().await;
    assert_eq!(run.turn.finish().host_calls, 10_000);
}

#[tokio::test]
async fn output_is_the_agents_log() {
    let bench = Bench::new(guest(
        "(call $write (call $stdout) (i32.const 4096) (i32.const 14) (i32.const 3072)) (i32.const 16)",
        r"one\0atwo\1b\0athree",
    ));
    let run = bench.run().await;
    assert_eq!(run.end, TurnEnd::Done);
    let logs = run.turn.finish().logs;
    let lines: Vec<(LogLevel, &str)> = logs
        .iter()
        .map(|line| (line.level, line.message.as_str()))
        .collect();
    let expected = ["one", "two\\u{1b}", "three"].map(|text| (LogLevel::Info, text));
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn sockets_do_not_link() {
    let bench = Bench::new(Guest {
        fields: r#"(import "wasi:sockets/instance-network@0.2.6" "instance-network"
            (func $network (result i32)))"#,
        ..Guest::handling("(drop (call $network)) (i32.const 16)")
    });
    let error = bench
        .sandbox
        .describe(bench.probe.digest)
        .await
        .expect_err("not linked");
    let text = error.to_string();
    assert!(
        text.contains("wasi:sockets/instance-network@0.2.6"),
        "{text}"
    );
    assert!(
        matches!(error, crate::error::Error::Invalid { .. }),
        "{error:?}"
    );
}
