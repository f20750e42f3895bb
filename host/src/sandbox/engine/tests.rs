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

fn engine_settings(engine: &Engine) -> String {
    let mut text = String::new();
    let features: Vec<&str> = engine
        .get_wasm_features()
        .iter_names()
        .map(|(name, _)| name)
        .collect();
    let rows: &[(&str, String)] = &[
        ("features", features.join(" ")),
        ("strategy", format!("{:?}", engine.get_strategy())),
        (
            "opt_level",
            format!("{:?}", engine.get_cranelift_opt_level()),
        ),
        (
            "nan_canonicalization",
            format!("{:?}", engine.get_cranelift_nan_canonicalization()),
        ),
        (
            "native_unwind_info",
            format!("{:?}", engine.get_native_unwind_info()),
        ),
        ("inlining", format!("{:?}", engine.get_compiler_inlining())),
        (
            "parallel_compilation",
            engine.get_parallel_compilation().to_string(),
        ),
        (
            "epoch_interruption",
            engine.get_epoch_interruption().to_string(),
        ),
        ("consume_fuel", engine.get_consume_fuel().to_string()),
        (
            "concurrency_support",
            engine.get_concurrency_support().to_string(),
        ),
        (
            "relaxed_simd_deterministic",
            engine.get_relaxed_simd_deterministic().to_string(),
        ),
        ("shared_memory", engine.get_shared_memory().to_string()),
        (
            "signals_based_traps",
            engine.get_signals_based_traps().to_string(),
        ),
        (
            "memory_reservation",
            engine.get_memory_reservation().to_string(),
        ),
        (
            "memory_guard_size",
            engine.get_memory_guard_size().to_string(),
        ),
        (
            "guard_before_linear_memory",
            engine.get_guard_before_linear_memory().to_string(),
        ),
        ("memory_init_cow", engine.get_memory_init_cow().to_string()),
        ("table_lazy_init", engine.get_table_lazy_init().to_string()),
        ("max_wasm_stack", engine.get_max_wasm_stack().to_string()),
        (
            "async_stack_size",
            engine.get_async_stack_size().to_string(),
        ),
        (
            "async_stack_zeroing",
            engine.get_async_stack_zeroing().to_string(),
        ),
        (
            "backtrace_frames",
            engine.get_wasm_backtrace_max_frames().to_string(),
        ),
        ("debug_info", engine.get_debug_info().to_string()),
        ("debug_symbols", engine.get_debug_symbols().to_string()),
        ("guest_debug", engine.get_guest_debug().to_string()),
        (
            "generate_address_map",
            engine.get_generate_address_map().to_string(),
        ),
    ];
    for (name, value) in rows {
        writeln!(text, "  {name}: {value}").expect("writing to a string");
    }
    text
}

fn pool_settings(engine: &Engine) -> String {
    let pool = engine.get_pooling_config().expect("the run engine pools");
    let mut text = String::new();
    let rows: &[(&str, String)] = &[
        (
            "total_component_instances",
            pool.get_total_component_instances().to_string(),
        ),
        (
            "total_core_instances",
            pool.get_total_core_instances().to_string(),
        ),
        ("total_memories", pool.get_total_memories().to_string()),
        ("total_tables", pool.get_total_tables().to_string()),
        ("total_stacks", pool.get_total_stacks().to_string()),
        (
            "max_core_instances_per_component",
            pool.get_max_core_instances_per_component().to_string(),
        ),
        (
            "max_memories_per_component",
            pool.get_max_memories_per_component().to_string(),
        ),
        (
            "max_tables_per_component",
            pool.get_max_tables_per_component().to_string(),
        ),
        (
            "max_tables_per_module",
            pool.get_max_tables_per_module().to_string(),
        ),
        (
            "max_memories_per_module",
            pool.get_max_memories_per_module().to_string(),
        ),
        (
            "max_component_instance_size",
            pool.get_max_component_instance_size().to_string(),
        ),
        (
            "max_core_instance_size",
            pool.get_max_core_instance_size().to_string(),
        ),
        ("max_memory_size", pool.get_max_memory_size().to_string()),
        ("table_elements", pool.get_table_elements().to_string()),
        (
            "linear_memory_keep_resident",
            pool.get_memory_keep_resident().to_string(),
        ),
        (
            "table_keep_resident",
            pool.get_table_keep_resident().to_string(),
        ),
        (
            "async_stack_keep_resident",
            pool.get_async_stack_keep_resident().to_string(),
        ),
        (
            "max_unused_warm_slots",
            pool.get_max_unused_warm_slots().to_string(),
        ),
        (
            "decommit_batch_size",
            pool.get_decommit_batch_size().to_string(),
        ),
        (
            "memory_protection_keys",
            format!("{:?}", pool.get_memory_protection_keys()),
        ),
        ("pagemap_scan", format!("{:?}", pool.get_pagemap_scan())),
    ];
    for (name, value) in rows {
        writeln!(text, "  {name}: {value}").expect("writing to a string");
    }
    text
}

#[test]
fn what_the_compiler_makes_the_run_engine_takes() {
    let artifact = compile_engine()
        .and_then(|compiler| {
            let wasm = wat::parse_str(ANSWER).expect("text");
            Ok(compiler.precompile_component(&wasm).expect("compiles"))
        })
        .expect("compiler");
    let engine = run_engine(&few_sandboxes()).expect("engine");
    let component = map_artifact(&engine, &artifact).expect("loads");
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
        .err()
        .expect("refused")
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
        ("two memories", r"(module (memory 1) (memory 1))"),
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
fn a_ticker_moves_the_epoch_and_stops_when_dropped() {
    let engine = compile_engine().expect("compiler");
    let ticker = Ticker::start(&engine).expect("thread");
    assert!(ticker.thread.is_some());
    drop(ticker);
}
