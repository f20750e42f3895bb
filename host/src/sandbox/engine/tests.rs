//! What the engines are, as the library reports it after the fact.

use std::fmt::Write as _;

use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store, WasmFeatures};

use super::{Ticker, artifact_key, compile_engine, run_engine};
use crate::sandbox::cache::map_artifact;
use crate::sandbox::limits::SandboxLimits;

/// A component that exports one function, `answer`, which returns 42.
const ANSWER: &str = r#"(component
    (core module $m (func (export "answer") (result i32) i32.const 42))
    (core instance $i (instantiate $m))
    (func (export "answer") (result u32) (canon lift (core func $i "answer"))))"#;

fn few_sandboxes() -> SandboxLimits {
    SandboxLimits {
        turns_max: 2,
        nested_max: 1,
        describe_max: 1,
        ..SandboxLimits::default()
    }
}

#[test]
fn effective_settings_are_the_golden_ones() {
    let limits = SandboxLimits::default();
    let run = run_engine(&limits).expect("engine");
    let compile = compile_engine().expect("compiler");
    let text = format!(
        "{limits:#?}\n\nrun engine\n{}\n{}\ncompile engine\n{}",
        engine_settings(&run),
        pool_settings(&run),
        engine_settings(&compile)
    );
    insta::assert_snapshot!("settings", text);
}

/// One line a setting, by what the library calls its getter.
macro_rules! settings {
    ($of:expr, $($getter:ident)*) => {{
        let mut text = String::new();
        $(writeln!(text, "  {}: {:?}", stringify!($getter), $of.$getter()).expect("a string");)*
        text
    }};
}

fn engine_settings(engine: &Engine) -> String {
    let features = engine.get_wasm_features();
    let names: Vec<&str> = features.iter_names().map(|(name, _)| name).collect();
    let others = settings!(engine,
        get_strategy get_cranelift_opt_level get_cranelift_nan_canonicalization
        get_native_unwind_info get_compiler_inlining get_epoch_interruption get_consume_fuel
        get_concurrency_support get_relaxed_simd_deterministic get_shared_memory
        get_signals_based_traps get_memory_reservation get_memory_guard_size
        get_guard_before_linear_memory get_memory_init_cow get_table_lazy_init
        get_max_wasm_stack get_async_stack_size get_async_stack_zeroing
        get_wasm_backtrace_max_frames get_debug_info get_debug_symbols get_guest_debug
        get_generate_address_map
    );
    format!("  features: {}\n{others}", names.join(" "))
}

fn pool_settings(engine: &Engine) -> String {
    let pool = engine.get_pooling_config().expect("the run engine pools");
    settings!(pool,
        get_total_component_instances get_total_core_instances get_total_memories
        get_total_tables get_total_stacks get_max_core_instances_per_component
        get_max_memories_per_component get_max_tables_per_component get_max_tables_per_module
        get_max_memories_per_module get_max_component_instance_size get_max_core_instance_size
        get_max_memory_size get_table_elements get_memory_keep_resident get_table_keep_resident
        get_async_stack_keep_resident get_max_unused_warm_slots get_decommit_batch_size
        get_memory_protection_keys get_pagemap_scan
    )
}

#[test]
fn what_the_compiler_makes_the_run_engine_takes() {
    let compiler = compile_engine().expect("compiler");
    let wasm = wat::parse_str(ANSWER).expect("text");
    let artifact = compiler.precompile_component(&wasm).expect("compiles");
    let engine = run_engine(&few_sandboxes()).expect("engine");
    #[expect(unsafe_code, reason = "see `map_artifact`")]
    // SAFETY: compiled a few lines above and never out of this process's memory.
    let component = unsafe { map_artifact(&engine, &artifact) }.expect("loads");
    let mut store = Store::new(&engine, ());
    store.set_epoch_deadline(1_000);
    let linker = Linker::new(&engine);
    let instance = linker
        .instantiate(&mut store, &component)
        .expect("instantiates");
    let answer = instance
        .get_typed_func::<(), (u32,)>(&mut store, "answer")
        .expect("exported");
    assert_eq!(answer.call(&mut store, ()).expect("runs"), (42,));
}

#[test]
fn the_run_engine_cannot_compile() {
    let engine = run_engine(&few_sandboxes()).expect("engine");
    let wasm = wat::parse_str(ANSWER).expect("text");
    let error = Component::new(&engine, &wasm)
        .expect_err("refused")
        .to_string();
    assert!(error.contains("compil"), "{error}");
}

#[test]
fn the_artifact_key_is_the_same_every_time() {
    assert_eq!(artifact_key().expect("key"), artifact_key().expect("key"));
}

/// Each proposal that is off, by a module that needs it.
#[test]
fn proposals_that_are_off_are_refused() {
    let compiler = compile_engine().expect("compiler");
    let cases = [
        ("shared memory", r"(module (memory 1 1 shared))"),
        ("memory64", r"(module (memory i64 1))"),
        ("tail call", r"(module (func $f return_call $f))"),
        ("exceptions", r"(module (tag))"),
        ("gc", r"(module (type (struct)))"),
        ("page size", r"(module (memory 1 (pagesize 1)))"),
        (
            "wide arithmetic",
            r"(module (func (param i64 i64 i64 i64) (result i64 i64)
            (i64.add128 (local.get 0) (local.get 1) (local.get 2) (local.get 3))))",
        ),
    ];
    for (name, module) in cases {
        let component = format!("(component (core {})", &module[1..]);
        let wasm = wat::parse_str(&component).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(
            compiler.precompile_component(&wasm).is_err(),
            "{name} compiled"
        );
    }
    assert!(
        !compiler
            .get_wasm_features()
            .contains(WasmFeatures::CM_ASYNC)
    );
}

#[test]
fn inner_components_with_a_memory_each_compile() {
    // What QuickJS components are made of: text goes from one memory into another.
    let text = r#"(component
        (component $a
            (core module $m (memory (export "m") 1)
                (func (export "say") (param i32 i32))
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 64))
            (core instance $i (instantiate $m))
            (func (export "say") (param "text" string)
                (canon lift (core func $i "say") (memory $i "m") (realloc (func $i "realloc")))))
        (instance $a (instantiate $a))
        (component $b
            (import "say" (func $say (param "text" string)))
            (core module $memory (memory (export "m") 1))
            (core instance $memory (instantiate $memory))
            (core func $say (canon lower (func $say) (memory $memory "m")))
            (core module $m (import "" "say" (func $say (param i32 i32)))
                (func (export "run") (call $say (i32.const 0) (i32.const 1))))
            (core instance $i (instantiate $m (with "" (instance (export "say" (func $say))))))
            (func (export "run") (canon lift (core func $i "run"))))
        (instance $b (instantiate $b (with "say" (func $a "say"))))
        (export "run" (func $b "run")))"#;
    let wasm = wat::parse_str(text).expect("text");
    let compiler = compile_engine().expect("compiler");
    compiler.precompile_component(&wasm).expect("compiles");
}

#[test]
fn a_ticker_moves_the_epoch_and_stops_when_dropped() {
    let engine = compile_engine().expect("compiler");
    let ticker = Ticker::start(&engine).expect("thread");
    assert!(ticker.thread.is_some());
    drop(ticker);
}
