//! Good components that were damaged on the way, through every check that meets them in this process.

use std::panic::catch_unwind;

use super::*;
use crate::sandbox::tests::guest::Guest;

/// Damaged uploads of one run. Each costs some hundred microseconds.
const CASES: u64 = 5_000;
/// Longest part that is moved at once.
const PART_BYTES_MAX: usize = 64;

/// The checks of an upload up to the compiler.
fn take(contract: &Contract, upload: &[u8], limits: &IntakeLimits) -> Result<()> {
    format::recognise(upload, limits)?;
    let checked = precheck::check(upload, limits)?;
    contract.check(&checked).map(|_| ())
}

/// Damage an upload once.
fn mutate(upload: &mut Vec<u8>, random: &mut fastrand::Rng) {
    let part = |random: &mut fastrand::Rng, len: usize| {
        let from = random.usize(..len);
        from..(from + random.usize(1..=PART_BYTES_MAX)).min(len)
    };
    let len = upload.len();
    match random.u8(..8) {
        0 => upload[random.usize(..len)] ^= 1 << random.u8(..8),
        1 => upload[random.usize(..len)] = random.u8(..),
        // Numbers end where the highest bit is not set: lengths and counts get huge.
        2 => upload[random.usize(..len)] |= 0x80,
        3 => upload.truncate(random.usize(1..=len)),
        4 => drop(upload.drain(part(random, len))),
        5 => {
            let copy = upload[part(random, len)].to_vec();
            let at = random.usize(..len);
            upload.splice(at..at, copy);
        }
        6 => {
            let copy = upload[part(random, len)].to_vec();
            let at = random.usize(..=len - copy.len());
            upload[at..at + copy.len()].copy_from_slice(&copy);
        }
        _ => {
            let part = part(random, len);
            upload[part].fill(random.choice([0, 0x7f, 0xff]).expect("one of three"));
        }
    }
}

#[test]
fn what_was_mutated_is_refused_in_words_or_fits() {
    let guest = Guest {
        fields: r#"(import "warren:agent/knowledge@0.1.0" "search" (func $search (param i32 i32)))
            (import "warren:agent/log@0.1.0" "log" (func $log (param i32 i32 i32 i32 i32)))
            (import "wasi:cli/environment@0.2.6" "get-environment" (func $env (param i32)))
            (table 4 funcref) (elem (i32.const 0) $log $env)"#,
        ..Guest::default()
    };
    let whole = guest.component();
    let limits = IntakeLimits::default();
    let contract = Contract::load().expect("the embedded WIT");
    take(&contract, &whole, &limits).expect("it is good before it is damaged");
    let (mut fits, mut reasons) = (0, HashSet::new());
    for seed in 0..CASES {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut upload = whole.clone();
        for _ in 0..random.usize(1..4) {
            mutate(&mut upload, &mut random);
        }
        let taken = catch_unwind(|| take(&contract, &upload, &limits));
        match taken.unwrap_or_else(|_| panic!("seed {seed} panics")) {
            Ok(()) => fits += 1,
            Err(Error::Internal { context, source }) => {
                panic!("seed {seed}: {context}: {source}")
            }
            Err(refused) => {
                let words = refused.to_string();
                assert!(words.len() < 4_096, "seed {seed}: {words}");
                reasons.insert(words);
            }
        }
    }
    // Some damage is in names that nobody reads; most is seen, in many ways.
    assert!(fits > 0 && fits < CASES / 2, "{fits} fit");
    assert!(reasons.len() > 100, "{} reasons", reasons.len());
}
