//! Guests that mean harm: what they spend, what they leave behind, what they hand over. Each is followed by an honest
//! one in the same sandbox.

use wit_component::StringEncoding;

use super::*;

const LOG: &str =
    r#"(import "warren:agent/log@0.1.0" "log" (func $log (param i32 i32 i32 i32 i32)))"#;

/// Run it and then an honest guest.
async fn attack(name: &str, guest: Guest, ends: impl Fn(&TurnEnd) -> bool) -> SandboxRun {
    let bench = Bench::new(guest);
    let run = bench.run().await;
    assert!(ends(&run.end), "{name}: {:?}", run.end);
    let honest = bench.artifacts.add(&Guest::default().component());
    let after = bench
        .sandbox
        .run(honest, bench.turn(), CancellationToken::new())
        .await;
    assert_eq!(after.end, TurnEnd::Done, "after {name}");
    run
}

fn is_trap(end: &TurnEnd) -> bool {
    matches!(end, TurnEnd::Trapped(_))
}

fn is_refused(end: &TurnEnd) -> bool {
    matches!(end, TurnEnd::Trapped(_) | TurnEnd::LimitReached(_))
}

#[tokio::test]
async fn bulk_instructions_without_end() {
    let grow = "(drop (memory.grow (i32.const 1020)))";
    let fill = "(memory.fill (i32.const 0) (i32.const 0) (i32.const 67108864))";
    let copy = "(memory.copy (i32.const 33554432) (i32.const 0) (i32.const 33554432))";
    for (name, instruction) in [("fills", fill), ("copies", copy)] {
        let handle = format!("{grow} (loop $again {instruction} (br $again)) (i32.const 16)");
        let guest = Guest::handling(handle.leak());
        attack(name, guest, |end| *end == TurnEnd::CpuExhausted).await;
    }
}

#[tokio::test]
async fn tables_that_grow_without_end() {
    let guest = Guest {
        fields: "(table $t 1 funcref)",
        ..Guest::handling(
            "(loop $more (br_if $more (i32.ne (i32.const -1)
                (table.grow $t (ref.null func) (i32.const 100)))))
             (if (i32.gt_u (table.size $t) (i32.const 20000)) (then unreachable))
             (if (i32.lt_u (table.size $t) (i32.const 19000)) (then unreachable))
             (i32.const 16)",
        )
    };
    attack("grows", guest, |end| *end == TurnEnd::Done).await;
    let guest = Guest {
        fields: "(table $t 1 funcref)",
        ..Guest::handling(
            "(loop $more (drop (table.grow $t (ref.null func) (i32.const 1))) (br $more))
             (i32.const 16)",
        )
    };
    attack("grows for ever", guest, |end| *end == TurnEnd::CpuExhausted).await;
}

/// What the standard leaves to the machine is decided here, so that every machine computes the same.
#[tokio::test]
async fn arithmetic_is_the_same_everywhere() {
    let is = |value: &str, expect: &str| {
        format!("(if (i64.ne {value} (i64.const {expect})) (then unreachable))")
    };
    let lane = |vector: &str| format!("(i64x2.extract_lane 0 {vector})");
    let nan = "(f64.reinterpret_i64 (i64.const 0x7ff8000000000123))";
    let handle = [
        is(
            &format!("(i64.reinterpret_f64 (f64.add {nan} (f64.const 1)))"),
            "0x7ff8000000000000",
        ),
        is(
            "(i64.reinterpret_f64 (f64.div (f64.const 0) (f64.const 0)))",
            "0x7ff8000000000000",
        ),
        is(
            "(i64.reinterpret_f64 (f64.sqrt (f64.const -1)))",
            "0x7ff8000000000000",
        ),
        is(
            "(i64.extend_i32_u (i32.reinterpret_f32 (f32.sub (f32.const inf) (f32.const inf))))",
            "0x7fc00000",
        ),
        // An index past the end picks nothing, on every machine.
        is(
            &lane(
                "(i8x16.relaxed_swizzle (v128.const i8x16 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9)
                (v128.const i8x16 0 16 17 127 -128 -1 0 0 0 0 0 0 0 0 0 0))",
            ),
            "0x0909000000000009",
        ),
        is(
            &lane("(i32x4.relaxed_trunc_f32x4_s (v128.const f32x4 nan 4e9 0 0))"),
            "0x7fffffff00000000",
        ),
    ]
    .concat();
    let guest = Guest::handling(format!("{handle} (i32.const 16)").leak());
    attack("computes", guest, |end| *end == TurnEnd::Done).await;
}

/// A component chooses how its texts are encoded, and the host reads them so.
#[tokio::test]
async fn texts_in_other_encodings_are_checked() {
    let says = |encoding, data: &'static str, at: u32, len: u32| {
        let handle = format!(
            "(call $log (i32.const 2) (i32.const {at}) (i32.const {len}) (i32.const 0) (i32.const 0))
             (i32.const 16)"
        );
        Guest {
            fields: LOG,
            data,
            encoding,
            ..Guest::handling(handle.leak())
        }
    };
    let (wide, mixed) = (StringEncoding::UTF16, StringEncoding::CompactUTF16);
    // The highest bit of a length says that the text is UTF-16.
    let tagged = 0x8000_0000;
    for (encoding, data, at, len) in [
        (wide, "", 4097, 1),
        (wide, r"\00\d8", 4096, 1),
        (wide, r"\00\dc\00\d8", 4096, 2),
        (wide, "", 262_142, 2),
        (wide, "", 4096, 0x7fff_ffff),
        (wide, "", 4096, 0x8000_0000),
        (wide, "", 4096, 0xffff_ffff),
        (wide, "", 0xffff_fff0, 16),
        (mixed, "", 4097, tagged | 1),
        (mixed, r"\00\d8", 4096, tagged | 1),
        (mixed, "", 4096, 0x7fff_ffff),
        (mixed, "", 4096, 0xffff_ffff),
        (mixed, "", 262_142, 3),
        (mixed, "", 262_142, tagged | 2),
    ] {
        let name = format!("{encoding:?} {data} {at} {len:#x}");
        let run = attack(&name, says(encoding, data, at, len), is_refused).await;
        assert_eq!(run.turn.finish().host_calls, 0, "{name}");
    }
    for (encoding, data, len, expect) in [
        (wide, r"h\00\ac\20\3d\d8\00\de", 4, "h€😀"),
        (mixed, r"\e9a", 2, "éa"),
        (mixed, r"\ac\20", tagged | 1, "€"),
    ] {
        let run = attack(expect, says(encoding, data, 4096, len), |end| {
            *end == TurnEnd::Done
        })
        .await;
        assert_eq!(run.turn.finish().logs[0].message, expect);
    }
}

#[tokio::test]
async fn handles_that_are_none() {
    let uses = |handle| Guest {
        fields: r#"
            (import "wasi:clocks/monotonic-clock@0.2.6" "subscribe-duration"
                (func $after (param i64) (result i32)))
            (import "wasi:io/poll@0.2.6" "[method]pollable.block" (func $block (param i32)))
            (import "wasi:io/poll@0.2.6" "[resource-drop]pollable" (func $drop (param i32)))
            (import "wasi:cli/stdout@0.2.6" "get-stdout" (func $stdout (result i32)))"#,
        ..Guest::handling(handle)
    };
    for (name, handle) in [
        ("zero", "(call $block (i32.const 0)) (i32.const 16)"),
        ("made up", "(call $block (i32.const 7)) (i32.const 16)"),
        ("far out", "(call $block (i32.const -1)) (i32.const 16)"),
        (
            "dropped, made up",
            "(call $drop (i32.const 7)) (i32.const 16)",
        ),
        (
            "after it was dropped",
            "(local.set $i (call $after (i64.const 1))) (call $drop (local.get $i))
             (call $block (local.get $i)) (i32.const 16)",
        ),
        (
            "dropped twice",
            "(local.set $i (call $after (i64.const 1))) (call $drop (local.get $i))
             (call $drop (local.get $i)) (i32.const 16)",
        ),
        (
            "of another type",
            "(call $block (call $stdout)) (i32.const 16)",
        ),
        (
            "of another type, dropped",
            "(call $drop (call $stdout)) (i32.const 16)",
        ),
    ] {
        attack(name, uses(handle), is_trap).await;
    }
    let fine = "(local.set $i (call $after (i64.const 1))) (call $block (local.get $i))
        (call $drop (local.get $i)) (i32.const 16)";
    attack("one of its own", uses(fine), |end| *end == TurnEnd::Done).await;
}
