//! Guests that break the rules of the boundary: their runs end, and nothing else notices.

use super::*;

const LOG: &str = r#"(import "warren:agent/log@0.1.0" "log" (func $log (param i32 i32 i32 i32 i32)))
    (import "warren:agent/random@0.1.0" "bytes" (func $random (param i32 i32)))"#;

fn logging(handle: &'static str) -> Guest {
    Guest {
        fields: LOG,
        data: r"\ff\fe",
        ..Guest::handling(handle)
    }
}

/// A guest that asks for eight bytes, which the host puts where `realloc` says.
fn placing(realloc: &'static str) -> Guest {
    Guest {
        fields: LOG,
        realloc,
        ..Guest::handling("(call $random (i32.const 8) (i32.const 3072)) (i32.const 16)")
    }
}

#[tokio::test]
async fn what_a_guest_passes_is_checked() {
    check(&[
        (
            "a text that is none",
            logging(
                "(call $log (i32.const 2) (i32.const 4096) (i32.const 2) (i32.const 0) (i32.const 0))
                 (i32.const 16)",
            ),
            trapped("invalid utf-8 sequence of 1 bytes from index 0"),
        ),
        (
            "a text beyond the memory",
            logging(
                "(call $log (i32.const 2) (i32.const -16) (i32.const 32) (i32.const 0) (i32.const 0))
                 (i32.const 16)",
            ),
            trapped("string pointer/length out of bounds of memory"),
        ),
        (
            "a list at an odd place",
            logging(
                "(call $log (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 4097) (i32.const 1))
                 (i32.const 16)",
            ),
            trapped("list pointer is not aligned"),
        ),
        (
            "a level that does not exist",
            logging(
                "(call $log (i32.const 9) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
                 (i32.const 16)",
            ),
            trapped("unexpected discriminant: 9"),
        ),
        (
            "a result beyond the memory",
            Guest::handling("(i32.const -16)"),
            trapped("pointer out of bounds of memory"),
        ),
    ])
    .await;
}

/// The event is placed first, so a lie about every allocation ends the run before `handle` begins.
#[tokio::test]
async fn where_a_guest_wants_things_is_checked() {
    check(&[
        (
            "beyond the memory",
            placing("(return (i32.const -16))"),
            trapped("realloc return: beyond end of memory"),
        ),
        (
            "at an odd place",
            placing("(return (i32.const 4097))"),
            trapped("realloc return: result not aligned"),
        ),
        (
            "through the host",
            placing(
                "(call $log (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))",
            ),
            trapped("re-entered: wasm trap: cannot leave component instance"),
        ),
        (
            "always at the same place, over its own data",
            placing("(return (i32.const 8192))"),
            TurnEnd::Done,
        ),
    ])
    .await;
}

/// One store a run: what one leaves in its memory the next does not find.
#[tokio::test]
async fn every_run_begins_with_fresh_memory() {
    let bench = Bench::new(Guest::handling(
        "(if (i32.load (i32.const 131072)) (then unreachable))
         (i32.store (i32.const 131072) (i32.const 1)) (i32.const 16)",
    ));
    for _ in 0..3 {
        assert_eq!(bench.run().await.end, TurnEnd::Done);
    }
}
