//! The `warren` binary: everything is in the library.

use std::process::ExitCode;

use warren::sandbox::intake::child;

fn main() -> ExitCode {
    // First of all: a process that compiles what a stranger uploaded must not touch anything else.
    if child::is_child(std::env::args_os()) {
        return child::child_main();
    }
    warren::cli::run(std::env::args_os())
}
