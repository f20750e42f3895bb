//! The `warren` binary: everything is in the library.

use std::process::ExitCode;

use tikv_jemallocator::Jemalloc;
use warren::sandbox::intake::child;

/// Allocates for Rust and for SQLite, whose `malloc` it takes over. A turn allocates some hundred times, on one thread, and frees on
/// another: with the system's allocator a turn in a fresh sandbox takes a tenth more, a host call a seventh.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    // First of all: a process that compiles what a stranger uploaded must not touch anything else.
    if child::is_child(std::env::args_os()) {
        return child::child_main();
    }
    warren::cli::run(std::env::args_os())
}
