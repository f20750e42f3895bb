//! The `warren` binary.

use std::process::ExitCode;

use warren::sandbox::intake::child;

fn main() -> ExitCode {
    if child::is_child(std::env::args_os()) {
        return child::child_main();
    }
    ExitCode::SUCCESS
}
