//! Each limit of a sandbox: a guest at it, and one that goes one past it.

use tokio::time::Instant;
use wasmtime::component::Linker;

use super::*;
use crate::sandbox::cache::map_artifact;
use crate::sandbox::run::Runner;
use crate::sandbox::state::Desk;
use crate::sandbox::{end, engine};

const GET: &str = r#"(import "warren:agent/working@0.1.0" "get" (func $get (param i32 i32 i32)))"#;
const LOG: &str =
    r#"(import "warren:agent/log@0.1.0" "log" (func $log (param i32 i32 i32 i32 i32)))"#;
const TICK: &str = r#"(import "warren:agent/clock@0.1.0" "elapsed-ms" (func $tick (result i32)))"#;
const RANDOM: &str =
    r#"(import "warren:agent/random@0.1.0" "bytes" (func $random (param i32 i32)))"#;

fn with(fields: &'static str, handle: &'static str) -> Guest {
    Guest {
        fields,
        ..Guest::handling(handle)
    }
}

#[tokio::test]
async fn memory() {
    let limit = limit("sandbox.memory_bytes_max is 67108864 bytes");
    check(&[
        (
            "1,024 pages",
            Guest::handling(
                "(if (i32.eq (memory.grow (i32.const 1020)) (i32.const -1)) (then unreachable))
                 (i32.const 16)",
            ),
            TurnEnd::Done,
        ),
        (
            "1,025 pages",
            Guest::handling(
                "(if (i32.eq (memory.grow (i32.const 1021)) (i32.const -1)) (then unreachable))
                 (i32.const 16)",
            ),
            limit,
        ),
        (
            "1,025 pages, and the refusal is handled",
            Guest::handling("(drop (memory.grow (i32.const 1021))) (i32.const 16)"),
            TurnEnd::Done,
        ),
    ])
    .await;
}

/// A host function that is called with next to nothing left of the guest's stack has its own.
#[tokio::test]
async fn stack() {
    let deeper = r#"(import "warren:agent/clock@0.1.0" "elapsed-ms" (func $tick (result i32)))
        (func $deeper (param i64 i64 i64 i64 i64 i64 i64 i64) (result i64)
            (drop (call $tick))
            (i64.add (i64.add (local.get 0) (local.get 1)) (i64.add (i64.add
                (call $deeper (local.get 1) (local.get 2) (local.get 3) (local.get 4)
                              (local.get 5) (local.get 6) (local.get 7) (local.get 0))
                (i64.add (local.get 2) (local.get 3))) (i64.add
                    (i64.add (local.get 4) (local.get 5))
                    (i64.add (local.get 6) (local.get 7))))))"#;
    let handle = "(drop (call $deeper (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4)
        (i64.const 5) (i64.const 6) (i64.const 7) (i64.const 8))) (i32.const 16)";
    let run = Bench::new(with(deeper, handle)).run().await;
    assert_eq!(
        run.end,
        trapped("stack-overflow: wasm trap: call stack exhausted")
    );
    assert!(run.turn.finish().host_calls > 1_000);
}

#[tokio::test]
async fn bytes_of_one_host_call() {
    let limit = limit("sandbox.hostcall_bytes_max is 2097152 bytes a call");
    check(&[
        (
            "a key of 2 MiB, refused as a key",
            with(
                GET,
                "(drop (memory.grow (i32.const 64)))
                 (call $get (i32.const 262144) (i32.const 2097152) (i32.const 3072)) (i32.const 16)",
            ),
            TurnEnd::Done,
        ),
        (
            "a key of 2 MiB and a byte",
            with(
                GET,
                "(drop (memory.grow (i32.const 64)))
                 (call $get (i32.const 262144) (i32.const 2097153) (i32.const 3072)) (i32.const 16)",
            ),
            limit.clone(),
        ),
        (
            "half a million empty fields of a log line",
            with(
                LOG,
                "(drop (memory.grow (i32.const 512)))
                 (call $log (i32.const 0) (i32.const 0) (i32.const 0)
                            (i32.const 262144) (i32.const 500000)) (i32.const 16)",
            ),
            limit,
        ),
    ])
    .await;
}

#[tokio::test]
async fn calls_and_bytes_of_all_host_calls() {
    check(&[
        (
            "10,000 calls",
            with(
                TICK,
                "(loop $more (drop (call $tick))
                    (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))
                                           (i32.const 10000)))) (i32.const 16)",
            ),
            TurnEnd::Done,
        ),
        (
            "10,001 calls",
            with(
                TICK,
                "(loop $more (drop (call $tick))
                    (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))
                                           (i32.const 10001)))) (i32.const 16)",
            ),
            limit("turn_host_calls_max is 10000 calls"),
        ),
        (
            "8 calls of 2 MiB",
            with(
                GET,
                "(drop (memory.grow (i32.const 64)))
                 (loop $more (call $get (i32.const 262144) (i32.const 2097152) (i32.const 3072))
                    (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))
                                           (i32.const 8)))) (i32.const 16)",
            ),
            TurnEnd::Done,
        ),
        (
            "9 calls of 2 MiB",
            with(
                GET,
                "(drop (memory.grow (i32.const 64)))
                 (loop $more (call $get (i32.const 262144) (i32.const 2097152) (i32.const 3072))
                    (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))
                                           (i32.const 9)))) (i32.const 16)",
            ),
            limit("turn_host_bytes_max is 16777216 bytes"),
        ),
    ])
    .await;
}

#[tokio::test]
async fn random_bytes() {
    // The result's first byte says whether it is an error, the fifth which: 4 is `exhausted`.
    check(&[
        (
            "65,536 bytes",
            with(
                RANDOM,
                "(call $random (i32.const 65536) (i32.const 3072))
                 (if (i32.load8_u (i32.const 3072)) (then unreachable)) (i32.const 16)",
            ),
            TurnEnd::Done,
        ),
        (
            "65,537 bytes",
            with(
                RANDOM,
                "(call $random (i32.const 65537) (i32.const 3072))
                 (if (i32.ne (i32.load8_u (i32.const 3076)) (i32.const 4)) (then unreachable))
                 (i32.const 16)",
            ),
            TurnEnd::Done,
        ),
    ])
    .await;
}

/// What a component that is no agent comes to in a sandbox's store: `grow` is called with each of
/// `arguments` in turn.
async fn bare(component: &str, arguments: &[(&str, u32)]) -> Result<Vec<u32>, TurnEnd> {
    bare_within(small(), component, arguments).await
}

async fn bare_within(
    limits: SandboxLimits,
    component: &str,
    arguments: &[(&str, u32)],
) -> Result<Vec<u32>, TurnEnd> {
    let bench = Bench::with(Guest::default(), &[], limits);
    let compiler = engine::compile_engine().expect("compiler");
    let wasm = wat::parse_str(component).unwrap_or_else(|e| panic!("{e}"));
    let artifact = compiler.precompile_component(&wasm).expect("compiles");
    let shared = Arc::clone(&bench.sandbox.shared);
    #[expect(unsafe_code, reason = "see `map_artifact`")]
    // SAFETY: compiled a few lines above and never out of this process's memory.
    let mapped = unsafe { map_artifact(&shared.engine, &artifact) };
    let component = mapped.map_err(|e| end::not_loaded(&e))?;
    let budget = std::time::Duration::from_secs(1);
    let token = CancellationToken::new();
    let runner = Runner::new(Arc::clone(&shared), budget, Instant::now() + budget, token);
    let mut store = runner.store(Desk::empty());
    let mut answers = Vec::new();
    let ran: wasmtime::Result<()> = async {
        let linker = Linker::new(&shared.engine);
        let instance = linker.instantiate_async(&mut store, &component).await?;
        for (name, argument) in arguments {
            let grow = instance.get_typed_func::<(u32,), (u32,)>(&mut store, name)?;
            answers.push(grow.call_async(&mut store, (*argument,)).await?.0);
        }
        Ok(())
    }
    .await;
    let (_, fences) = store.into_data().into_parts();
    match ran {
        Ok(()) => Ok(answers),
        Err(error) => Err(end::of_error(&error, &fences, &shared.limits)),
    }
}

const NO: u32 = u32::MAX;

#[tokio::test]
async fn memories_are_summed() {
    let two = r#"(component
        (core module $m (memory 1)
            (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))
        (core instance $a (instantiate $m)) (core instance $b (instantiate $m))
        (func (export "a") (param "by" u32) (result u32) (canon lift (core func $a "grow")))
        (func (export "b") (param "by" u32) (result u32) (canon lift (core func $b "grow"))))"#;
    let grown = bare(two, &[("a", 511), ("b", 512), ("b", 511), ("a", 1)]).await;
    assert_eq!(grown, Ok(vec![1, NO, 1, NO]));
}

#[tokio::test]
async fn tables_are_summed() {
    let two = r#"(component
        (core module $m (table 1 funcref)
            (func (export "grow") (param i32) (result i32)
                (table.grow (ref.null func) (local.get 0))))
        (core instance $a (instantiate $m)) (core instance $b (instantiate $m))
        (func (export "a") (param "by" u32) (result u32) (canon lift (core func $a "grow")))
        (func (export "b") (param "by" u32) (result u32) (canon lift (core func $b "grow"))))"#;
    let grown = bare(two, &[("a", 9_999), ("b", 10_000), ("b", 9_999), ("a", 1)]).await;
    assert_eq!(grown, Ok(vec![1, NO, 1, NO]));
}

#[tokio::test]
async fn a_minimum_beyond_the_limit() {
    let memory = |pages: u32| {
        format!("(component (core module $m (memory {pages})) (core instance (instantiate $m)))")
    };
    assert_eq!(bare(&memory(1_024), &[]).await, Ok(vec![]));
    let end = bare(&memory(1_025), &[]).await.expect_err("too large");
    assert!(
        matches!(&end, TurnEnd::HostError(why) if why.contains("memory")),
        "{end:?}"
    );

    let tables = |elements: u32| {
        format!(
            "(component (core module $m (table {elements} funcref)) (core instance (instantiate $m)))"
        )
    };
    assert_eq!(bare(&tables(20_000), &[]).await, Ok(vec![]));
    let end = bare(&tables(20_001), &[]).await.expect_err("too large");
    assert!(
        matches!(&end, TurnEnd::HostError(why) if why.contains("table")),
        "{end:?}"
    );
    let two = "(component (core module $m (table 10001 funcref))
        (core instance (instantiate $m)) (core instance (instantiate $m)))";
    let end = bare(two, &[]).await.expect_err("too large together");
    assert_eq!(end, limit("sandbox.table_elements_max is 20000 elements"));
}

#[tokio::test]
async fn counts_of_instances_memories_and_tables() {
    let many = |field: &str, count: usize| {
        let instances = "(core instance (instantiate $m))".repeat(count);
        format!("(component (core module $m {field}) {instances})")
    };
    let limits = small();
    for (what, field, max) in [
        ("instances", "", limits.instances_max),
        ("memories", "(memory 1)", limits.memories_max),
        ("tables", "(table 1 funcref)", limits.tables_max),
    ] {
        let max = max as usize;
        assert_eq!(
            bare(&many(field, max), &[]).await,
            Ok(vec![]),
            "{max} {what}"
        );
        let end = bare(&many(field, max + 1), &[]).await;
        assert!(
            matches!(end, Err(TurnEnd::HostError(_))),
            "{max} and one more {what}: {end:?}"
        );
    }
}

#[tokio::test]
async fn handles() {
    let hoard = r#"(component
        (type $r (resource (rep i32)))
        (core func $new (canon resource.new $r))
        (core module $m (import "" "new" (func $new (param i32) (result i32)))
            (func (export "hoard") (param $n i32) (result i32)
                (loop $more
                    (drop (call $new (i32.const 1)))
                    (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
                (i32.const 0)))
        (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
        (func (export "hoard") (param "n" u32) (result u32) (canon lift (core func $i "hoard"))))"#;
    assert_eq!(bare(hoard, &[("hoard", 1_024)]).await, Ok(vec![0]));
    let end = bare(hoard, &[("hoard", 1_025)]).await;
    assert_eq!(end, Err(limit("sandbox.handles_max is 1024 handles")));
}

/// What the library keeps for an instance grows with what the instance is made of.
#[tokio::test]
async fn bytes_of_an_instance() {
    let globals = |count: usize| {
        let globals = "(global (mut v128) (v128.const i64x2 0 0))".repeat(count);
        format!("(component (core module $m {globals}) (core instance (instantiate $m)))")
    };
    let limits = SandboxLimits {
        instance_bytes_max: 8 << 10,
        ..small()
    };
    let fits = bare_within(limits.clone(), &globals(100), &[]).await;
    assert_eq!(fits, Ok(vec![]));
    let end = bare_within(limits, &globals(600), &[]).await;
    assert!(matches!(end, Err(TurnEnd::HostError(_))), "{end:?}");
    assert_eq!(bare(&globals(600), &[]).await, Ok(vec![]));
}
