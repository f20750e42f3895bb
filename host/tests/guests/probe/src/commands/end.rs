//! Ways to end a turn badly, and to use up what it has.

use std::hint::black_box;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use warren_agent::{Context, Failure};

use super::{Answer, left, read};
use crate::{Run, Stop};

/// Rounds of the loop between two looks at the clock: some tens of microseconds, so that a spin is neither
/// all host calls nor much too long.
const ROUNDS_BETWEEN_LOOKS: u32 = 20_000;

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Fail {
    Retry(Option<u64>),
    Other(String),
}

#[expect(clippy::panic, reason = "to panic is what the script asked for")]
pub(super) fn run(run: &mut Run<'_>, name: &str, argument: &Value) -> Answer {
    match name {
        "trap" => trap(),
        "panic" => panic!("{}", read::<String>(argument)?),
        "fail" => Err(Stop::Ends(match read(argument)? {
            Fail::Retry(Some(ms)) => Failure::retry_after(Duration::from_millis(ms), "as told"),
            Fail::Retry(None) => Failure::retry("as told"),
            Fail::Other(reason) => Failure::other(reason),
        })),
        "reject" => Err(Stop::Ends(Failure::reject(read::<String>(argument)?))),
        "spin" => loop {
            spin();
        },
        "spin_ms" => {
            spin_until(run.ctx, Duration::from_millis(read(argument)?));
            left(Value::Null)
        }
        // Pages of 64 KiB; leaves how many there were before.
        "grow" => left(grow(read(argument)?)?),
        "recurse" => left(recurse(0)),
        _ => Ok(None),
    }
}

#[cfg(target_family = "wasm")]
fn trap() -> ! {
    core::arch::wasm32::unreachable()
}

#[cfg(not(target_family = "wasm"))]
fn trap() -> ! {
    unreachable!("a trap, as told")
}

fn spin() {
    for round in 0..ROUNDS_BETWEEN_LOOKS {
        black_box(round);
    }
}

fn spin_until(ctx: &Context, elapsed: Duration) {
    let end = ctx.elapsed() + elapsed;
    while ctx.elapsed() < end {
        spin();
    }
}

#[cfg(target_family = "wasm")]
fn grow(pages: usize) -> Result<usize, Stop> {
    match core::arch::wasm32::memory_grow::<0>(pages) {
        usize::MAX => Err(Stop::Ends(Failure::other(format!(
            "the memory did not grow by {pages} pages"
        )))),
        before => Ok(before),
    }
}

#[cfg(not(target_family = "wasm"))]
fn grow(_: usize) -> Result<usize, Stop> {
    Err(Stop::Ends(Failure::other(
        "only a component grows its memory",
    )))
}

#[expect(
    unconditional_recursion,
    reason = "to use up the stack is what the script asked for"
)]
fn recurse(depth: u64) -> u64 {
    black_box(recurse(black_box(depth) + 1)) + 1
}
