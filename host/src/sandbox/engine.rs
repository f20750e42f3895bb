//! The one constructor of engines: for turns, for the compile child and for tests.
//!
//! Invariant: the engine that runs guests holds no compiler, so that no path of this process can compile
//! uploaded bytes; the engine that compiles differs from it in nothing that machine code depends on, so
//! that what one makes the other takes. A golden file records every effective setting.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
    Strategy, WasmBacktraceDetails, WasmFeatures,
};

use crate::error::{Error, Result};

use super::limits::SandboxLimits;

/// How often running guests are interrupted to see whether they may go on. A turn overruns its CPU
/// budget by at most this and one bulk instruction; twice as often measured no better latency.
pub const EPOCH_TICK: Duration = Duration::from_millis(5);

/// Stack of a guest in bytes: the library's default, enough for deep recursion in honest interpreters.
const WASM_STACK_BYTES: usize = 512 << 10;
/// Stack of a guest and of the host functions that it calls, so that those have 1.5 MiB. An overflow of
/// theirs would abort the process.
const ASYNC_STACK_BYTES: usize = 2 << 20;
/// Address space behind each memory: with less, every access needs an explicit check (measured: 24 %
/// slower). Only address space is reserved; `memory_bytes_max` bounds what can be used.
const MEMORY_RESERVATION_BYTES: u64 = 4 << 30;

/// Proposals that no guest toolchain we support needs. Most faults found in the library's recent
/// patches lie in these. Several memories in one module is not among them: the library's own adapters
/// between inner components copy from one memory to another. Intake refuses uploads that use it.
const FEATURES_OFF: &[WasmFeatures] = &[
    WasmFeatures::THREADS,
    WasmFeatures::SHARED_EVERYTHING_THREADS,
    WasmFeatures::GC,
    WasmFeatures::FUNCTION_REFERENCES,
    WasmFeatures::EXCEPTIONS,
    WasmFeatures::LEGACY_EXCEPTIONS,
    WasmFeatures::MEMORY64,
    WasmFeatures::TAIL_CALL,
    WasmFeatures::STACK_SWITCHING,
    WasmFeatures::CUSTOM_PAGE_SIZES,
    WasmFeatures::WIDE_ARITHMETIC,
    WasmFeatures::CM_ASYNC,
    WasmFeatures::CM_THREADING,
    WasmFeatures::CM_ERROR_CONTEXT,
    WasmFeatures::CM_GC,
];

/// An engine that runs compiled components under `limits` and cannot compile.
///
/// # Errors
/// `Internal` if the machine refuses the address space.
pub fn run_engine(limits: &SandboxLimits) -> Result<Engine> {
    let mut config = shared_config();
    config
        .enable_compiler(false)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(limits)));
    Engine::new(&config).map_err(|e| Error::internal("making the engine", e))
}

/// An engine that compiles components and has no slots to run any. Only the compile child makes one,
/// and tests.
///
/// # Errors
/// `Internal` if the machine is none that code can be made for.
pub fn compile_engine() -> Result<Engine> {
    let mut config = shared_config();
    config
        .strategy(Strategy::Cranelift)
        .cranelift_opt_level(OptLevel::Speed)
        // A replayed turn must see the same bits on every host. Costs a compare an operation on floats
        // and nothing elsewhere; turning it on later would make all artifacts stale.
        .cranelift_nan_canonicalization(true);
    Engine::new(&config).map_err(|e| Error::internal("making the compiler", e))
}

/// What an artifact depends on besides the component: version of the library, target, processor
/// features and every setting that shapes code. An artifact of another key must be compiled again.
///
/// # Errors
/// As [`compile_engine`], which it has to make: call it once.
pub fn artifact_key() -> Result<[u8; 32]> {
    let mut hasher = KeyHasher(blake3::Hasher::new());
    compile_engine()?
        .precompile_compatibility_hash()
        .hash(&mut hasher);
    Ok(*hasher.0.finalize().as_bytes())
}

/// All that machine code and its loading depend on.
fn shared_config() -> Config {
    let mut config = Config::new();
    config
        .concurrency_support(false)
        .epoch_interruption(true)
        .consume_fuel(false)
        .relaxed_simd_deterministic(true)
        .memory_reservation(MEMORY_RESERVATION_BYTES)
        .guard_before_linear_memory(true)
        .memory_init_cow(true)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(ASYNC_STACK_BYTES)
        // Stacks go from one tenant's guest to another's.
        .async_stack_zeroing(true)
        // Debug sections and the names of functions are attacker input: nothing reads them.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_backtrace_max_frames(None)
        .debug_info(false)
        .debug_symbols(false)
        .generate_address_map(false)
        // Nobody unwinds through a guest: host panics are carried around it.
        .native_unwind_info(false);
    for feature in FEATURES_OFF {
        config.wasm_features(*feature, false);
    }
    config
}

/// Slots for every sandbox that may exist at once, so that a permit is never worth less than a slot.
fn pool(limits: &SandboxLimits) -> PoolingAllocationConfig {
    let sandboxes = limits.sandboxes_max();
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(sandboxes)
        .total_core_instances(sandboxes.saturating_mul(limits.instances_max))
        .total_memories(sandboxes.saturating_mul(limits.memories_max))
        .total_tables(sandboxes.saturating_mul(limits.tables_max))
        .total_stacks(sandboxes)
        .max_core_instances_per_component(limits.instances_max)
        .max_memories_per_component(limits.memories_max)
        .max_tables_per_component(limits.tables_max)
        .max_tables_per_module(limits.tables_max)
        .max_memories_per_module(1)
        .max_component_instance_size(limits.instance_bytes_max)
        .max_core_instance_size(limits.instance_bytes_max)
        .max_memory_size(limits.memory_bytes_max)
        .table_elements(limits.table_elements_max)
        .linear_memory_keep_resident(limits.keep_resident_bytes)
        .table_keep_resident(limits.keep_resident_table_bytes)
        .async_stack_keep_resident(limits.keep_resident_stack_bytes)
        .max_unused_warm_slots(limits.warm_slots_max)
        // Kernels before 6.7 lack it: there the kept bytes are written over, 1.7 times the time.
        .pagemap_scan(Enabled::Auto);
    pool
}

/// Whether the kernel tells which pages a guest wrote, so that only those are cleared after a turn.
pub fn has_pagemap_scan() -> bool {
    PoolingAllocationConfig::is_pagemap_scan_available()
}

/// Feeds the library's hash of its settings to a hash that is stable and long.
struct KeyHasher(blake3::Hasher);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        // Asked for by the trait, used by nobody: the key is taken from the hasher itself.
        self.0.count()
    }
}

/// Moves an engine's epoch on, so that no guest runs for longer than [`EPOCH_TICK`] unasked.
///
/// It ticks while the engine lives, turns or none: two hundred wake-ups a second are 0.1 % of a core,
/// while waking it for each turn on an idle host would add a system call to the turn.
#[derive(Debug)]
pub(super) struct Ticker {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    /// Start ticking.
    ///
    /// # Errors
    /// `Internal` if the machine has no thread left.
    pub(super) fn start(engine: &Engine) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, engine) = (Arc::clone(&stop), engine.clone());
        let thread = std::thread::Builder::new()
            .name("epoch".into())
            .spawn(move || {
                while !stopped.load(Ordering::Acquire) {
                    std::thread::park_timeout(EPOCH_TICK);
                    engine.increment_epoch();
                }
            })
            .map_err(|e| Error::internal("starting the epoch thread", e))?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // The thread cannot panic: it waits and adds one.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
