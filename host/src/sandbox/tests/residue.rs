//! Two tenants take turns in the same sandboxes: one leaves marks wherever a guest can write, the other looks for them
//! wherever a guest can read. Nothing is there, and the host is left as it was.
//!
//! Invariant: what the process holds is counted, so the test has the process for itself, as the test runner gives it.

use std::fs;

use super::*;

/// Turns of each run; `WARREN_RESIDUE_TURNS` says another number, and a million is the long form.
const TURNS: u32 = 1_000;
/// Turns after which the host has all that it keeps: every guest has run, its slots, its allocator's arenas.
const WARM: u32 = 160;
/// One turn in so many of the writer's touches more memory than a slot keeps for the next one.
const LARGE_EVERY: u32 = 16;
/// One turn in so many of the writer's loops until it is ended, which takes all of its time.
const LOOP_EVERY: u32 = 128;
/// How much more than before the process may have in memory: a twentieth, and what its allocator may hold back.
const SLACK_BYTES: u64 = 2 << 20;

/// Ends of the writer's turns.
const ENDS: [&str; 4] = [
    "(i32.const 16)",
    "unreachable",
    "(call $deep (i64.const -1) (i32.const 1000000)) (i32.const 16)",
    "(loop $on (br $on)) unreachable",
];

/// What both have: a table that may grow, a global, and a function that fills the stack or looks what is there.
const FIELDS: &str = r"
    (table $t 10 1000 funcref)
    (elem declare func $f) (func $f)
    (global $g (mut i64) (i64.const 0))
    (global $v (mut v128) (v128.const i64x2 0 0))
    (func $deep (param $mark i64) (param $left i32)
        (local $a i64) (local $b i64) (local $c v128)
        (if (i64.ne (i64.or (local.get $a) (local.get $b)) (i64.const 0)) (then unreachable))
        (if (v128.any_true (local.get $c)) (then unreachable))
        (local.set $a (local.get $mark))
        (local.set $c (i64x2.splat (local.get $mark)))
        (local.set $b (i64.add (local.get $a) (i64x2.extract_lane 1 (local.get $c))))
        (if (local.get $left)
            (then (call $deep (local.get $mark) (i32.sub (local.get $left) (i32.const 1)))))
        (if (i64.ne (local.get $b) (i64.add (local.get $mark) (local.get $mark)))
            (then unreachable)))";

/// Writes marks up to so many pages of memory, and ends.
fn writer(pages: u32, end: &str) -> Guest {
    let handle = format!(
        "(drop (memory.grow (i32.const {})))
         (memory.fill (i32.const 65536) (i32.const 170) (i32.const {}))
         (global.set $g (i64.const -1))
         (global.set $v (i64x2.splat (i64.const -1)))
         (drop (table.grow $t (ref.func $f) (i32.const 500)))
         (table.fill $t (i32.const 0) (ref.func $f) (i32.const 510))
         (call $deep (i64.const 0x5555555555555555) (i32.const 1000))
         {end}",
        pages - 4,
        (pages - 1) << 16,
    );
    Guest {
        fields: FIELDS,
        ..Guest::handling(handle.leak())
    }
}

/// Looks at all that it has, and traps if anything is there that it did not put there.
fn looker(pages: u32) -> Guest {
    let handle = format!(
        "(local.set $i (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
         (drop (memory.grow (i32.const {})))
         (if (i64.ne (global.get $g) (i64.const 0)) (then unreachable))
         (if (v128.any_true (global.get $v)) (then unreachable))
         (if (i32.eqz (ref.is_null (table.get $t (i32.const 9)))) (then unreachable))
         (drop (table.grow $t (ref.null func) (i32.const 500)))
         (if (i32.eqz (ref.is_null (table.get $t (i32.const 10)))) (then unreachable))
         (if (i32.eqz (ref.is_null (table.get $t (i32.const 509)))) (then unreachable))
         (call $deep (i64.const 0) (i32.const 1000))
         (loop $more
            (if (i64.ne (i64.load (local.get $i)) (i64.const 0)) (then unreachable))
            (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 8)))
                                   (i32.const {}))))
         (i32.const 16)",
        pages - 4,
        pages << 16,
    );
    Guest {
        fields: FIELDS,
        ..Guest::handling(handle.leak())
    }
}

/// What the process holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Held {
    rss_bytes: u64,
    descriptors: usize,
    threads: usize,
    tasks: usize,
}

impl Held {
    fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").expect("status");
        let rss = status.lines().find_map(|line| {
            let kib = line.strip_prefix("VmRSS:")?.split_whitespace().next()?;
            kib.parse::<u64>().ok()
        });
        let entries = |dir| fs::read_dir(dir).expect("proc").count();
        Self {
            rss_bytes: rss.expect("VmRSS") << 10,
            descriptors: entries("/proc/self/fd"),
            threads: entries("/proc/self/task"),
            tasks: tokio::runtime::Handle::current()
                .metrics()
                .num_alive_tasks(),
        }
    }

    fn is_no_more_than(&self, before: &Self) -> bool {
        self.rss_bytes <= before.rss_bytes + before.rss_bytes / 20 + SLACK_BYTES
            && self.descriptors <= before.descriptors
            && self.threads <= before.threads
            && self.tasks <= before.tasks
    }
}

#[tokio::test]
async fn turns_of_two_tenants_leave_one_another_nothing() {
    let turns = std::env::var("WARREN_RESIDUE_TURNS");
    let turns = turns.map_or(TURNS, |turns| turns.parse().expect("a number of turns"));
    let limits = SandboxLimits {
        // One turn after the other is in the same slot.
        turns_max: 1,
        nested_max: 1,
        describe_max: 1,
        ..small()
    };
    let bench = Bench::with(looker(32), &[], limits);
    let add = |guest: Guest| bench.artifacts.add(&guest.component());
    let small = ENDS.map(|end| add(writer(32, end)));
    let large = add(writer(128, ENDS[0]));
    let looks_large = add(looker(128));
    let run = async |digest| {
        let token = CancellationToken::new();
        bench.sandbox.run(digest, bench.turn(), token).await.end
    };
    let mut before = None;
    for turn in 0..WARM + turns / 2 {
        let is_large = turn % LARGE_EVERY == 1;
        let end = match turn {
            turn if turn % LOOP_EVERY == LOOP_EVERY - 1 => 3,
            turn => turn as usize % 3,
        };
        let wrote = run(if is_large { large } else { small[end] }).await;
        let is_done = is_large || end == 0;
        assert_eq!(wrote == TurnEnd::Done, is_done, "turn {turn}: {wrote:?}");
        let looks = if is_large {
            looks_large
        } else {
            bench.probe.digest
        };
        assert_eq!(run(looks).await, TurnEnd::Done, "after turn {turn}");
        if turn == WARM {
            before = Some(Held::now());
        }
    }
    let (before, after) = (before.expect("it was warm"), Held::now());
    println!("{turns} turns; before {before:?}, after {after:?}");
    assert!(after.is_no_more_than(&before), "{before:?}, then {after:?}");
}
