//! Tools called inside a turn.

use super::*;

/// Calls the tool `tool.asked` with `{}` and the time-out at the end, and says in `$i` what came: 0 for
/// an answer, else 1 and the number of the error.
const CALL: &str = r#"
    (import "warren:agent/events@0.1.0" "call" (func $call (param i32 i32 i32 i32 i32 i32)))
    (import "warren:agent/events@0.1.0" "respond" (func $respond (param i32 i32 i32)))
    (import "warren:agent/working@0.1.0" "put" (func $put (param i32 i32 i32 i32 i32 i32 i32)))
    (import "warren:agent/working@0.1.0" "get" (func $get (param i32 i32 i32)))
    (func $ask (param $timeout i32) (result i32)
        (call $call (i32.const 4096) (i32.const 10) (i32.const 4106) (i32.const 2)
                    (local.get $timeout) (i32.const 3072))
        (if (result i32) (i32.load8_u (i32.const 3072))
            (then (i32.add (i32.const 1) (i32.load8_u (i32.const 3076))))
            (else (i32.const 0))))
    (func $expect (param $wanted i32) (param $got i32)
        (if (i32.ne (local.get $wanted) (local.get $got)) (then unreachable)))
    (func $keep
        (call $put (i32.const 4096) (i32.const 4) (i32.const 4106) (i32.const 2)
                   (i32.const 0) (i32.const 0) (i32.const 3072)))"#;
const DATA: &str = "tool.asked{}wait";

fn guest(handle: &'static str) -> Guest {
    Guest {
        fields: CALL,
        data: DATA,
        ..Guest::handling(handle)
    }
}

/// A tool that answers and keeps something.
const ANSWERS: &str = "(call $keep)
    (call $respond (i32.const 4106) (i32.const 2) (i32.const 3072)) (i32.const 16)";
/// What the caller sees of `unavailable` and `exhausted`.
const UNAVAILABLE: &str =
    "(call $expect (i32.const 6) (call $ask (i32.const 60000))) (i32.const 16)";

async fn call(caller: &'static str, tool: &'static str, limits: SandboxLimits) -> SandboxRun {
    let bench = Bench::with(guest(caller), &[("tool", guest(tool))], limits);
    let run = bench.run().await;
    assert_eq!(run.turn.depth(), 0);
    let free = bench.sandbox.shared.nested.available_permits();
    assert_eq!(free, bench.sandbox.shared.limits.nested_max as usize);
    run
}

#[tokio::test]
async fn what_a_tool_keeps_joins_the_turn_when_it_answers() {
    let caller = "(call $expect (i32.const 0) (call $ask (i32.const 60000)))
        (call $respond (i32.load (i32.const 3076)) (i32.load (i32.const 3080)) (i32.const 3072))
        (i32.const 16)";
    let run = call(caller, ANSWERS, small()).await;
    assert_eq!(run.end, TurnEnd::Done);
    let output = run.turn.finish();
    assert_eq!((output.effects.len(), output.events.len()), (1, 1));
    assert_eq!(output.events[0].data.as_str(), "{}");
    assert_eq!(output.calls[0].error, None);
}

#[tokio::test]
async fn of_a_tool_that_fails_nothing_is_left() {
    for (tool, reason) in [
        (
            "(call $keep) unreachable",
            "unreachable: wasm trap: wasm `unreachable` instruction executed",
        ),
        ("(call $keep) (i32.const 16)", "ended without responding"),
        (
            "(call $keep) (i32.store8 (i32.const 16) (i32.const 1)) (i32.const 16)",
            "failed",
        ),
    ] {
        let run = call(UNAVAILABLE, tool, small()).await;
        assert_eq!(run.end, TurnEnd::Done, "{tool}");
        let output = run.turn.finish();
        assert!(output.effects.is_empty(), "{tool}");
        assert_eq!(output.calls[0].error.as_deref(), Some(reason), "{tool}");
    }
}

#[tokio::test]
async fn a_call_without_a_free_sandbox_is_refused() {
    let none = SandboxLimits {
        nested_max: 0,
        ..small()
    };
    let exhausted = "(call $expect (i32.const 5) (call $ask (i32.const 60000))) (i32.const 16)";
    assert_eq!(call(exhausted, ANSWERS, none).await.end, TurnEnd::Done);
}

#[tokio::test]
async fn calls_nest_four_deep() {
    // The tool calls itself; whoever is refused answers all the same.
    let calls_itself = "(drop (call $ask (i32.const 60000)))
        (call $respond (i32.const 4106) (i32.const 2) (i32.const 3072)) (i32.const 16)";
    let limits = SandboxLimits {
        nested_max: 8,
        ..small()
    };
    let run = call(calls_itself, calls_itself, limits).await;
    assert_eq!(run.end, TurnEnd::Done);
    assert_eq!(run.turn.finish().calls.len(), 4);
}

#[tokio::test]
async fn a_tool_that_waits_is_cut_off_by_the_time_out_of_the_call() {
    let waits = "(call $get (i32.const 4108) (i32.const 4) (i32.const 3072)) (i32.const 16)";
    let caller = "(call $expect (i32.const 6) (call $ask (i32.const 30))) (i32.const 16)";
    let run = call(caller, waits, small()).await;
    assert_eq!(run.end, TurnEnd::Done);
    assert_eq!(
        run.turn.finish().calls[0].error.as_deref(),
        Some("timed-out")
    );
}

#[tokio::test]
async fn the_turn_comes_home_when_the_deadline_drops_caller_and_tool() {
    let waits = "(call $get (i32.const 4108) (i32.const 4) (i32.const 3072)) (i32.const 16)";
    // A tool's time-out is never later than its caller's, so two levels end in the same instant.
    let asks = "(drop (call $ask (i32.const 60000))) (loop $again (br $again)) (i32.const 16)";
    let mut bench = Bench::with(guest(asks), &[("tool", guest(waits))], small());
    bench.deadline_ms = 50;
    let run = bench.run().await;
    assert!(
        matches!(run.end, TurnEnd::TimedOut | TurnEnd::CpuExhausted),
        "{:?}",
        run.end
    );
    assert_eq!(run.turn.depth(), 0);
    assert_eq!(run.turn.finish().calls.len(), 1);
}

#[tokio::test]
async fn a_dropped_loan_comes_home() {
    let bench = Bench::new(Guest::default());
    let mut desk = crate::sandbox::state::Desk::of(bench.turn());
    let lent = desk.lend();
    drop(lent);
    assert!(desk.clear().is_some());
}

#[tokio::test]
async fn the_cpu_of_a_tool_is_its_callers() {
    let spins = "(loop $again (br $again)) (i32.const 16)";
    let caller = "(drop (call $ask (i32.const 60000))) (loop $again (br $again)) (i32.const 16)";
    let run = call(caller, spins, small()).await;
    assert_eq!(run.end, TurnEnd::CpuExhausted);
    assert!(run.cpu.as_millis() >= 100);
    assert_eq!(
        run.turn.finish().calls[0].error.as_deref(),
        Some("cpu-exhausted")
    );
}
