//! The project's own chores: `cargo xtask <command>` prepares a machine and runs what people and CI run.
//!
//! Invariant: this crate is compiled first on a fresh machine, so it depends on `anyhow` alone.
//! It must not know the host's types; it starts programs and reads files.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program talks to its terminal"
)]

use std::process::ExitCode;

use anyhow::{Result, bail};

mod apt;
mod attacks;
mod bench;
mod bindings;
mod demo;
mod deny;
mod guests;
mod languages;
mod paths;
mod setup;
mod shell;
mod test;
mod toolchain;

const HELP: &str = "\
cargo xtask <command>

  demo [ARGS...]      setup, guests, the host, then two tenants at work; --keep leaves the host running
  setup               install what guests need (the WebAssembly targets of Rust); does nothing when all is there
  guests [NAME...]    build the guest components to target/guests/<name>.wasm
  languages           for each language: toolchain, tests of its SDK, its agents held to what is the same for all,
                      the table; --lang NAME,NAME takes some of them. C and Go are left out where they cannot be had
  test [ARGS...]      setup, guests, languages, documentation tests, then every test; ARGS go to the test runner,
                      and leave out languages and documentation
  bench [ARGS...]     setup, guests, then the benchmark program in release; ARGS go to it
  bindings [--check]  make the bindings that are kept with the SDKs for C and Go anew from wit/
  attacks             setup, guests, then every test that an attack, a fault or a rule names: what came of each, and how
                      long it took; the times are kept in host/tests/it/hostile/README.md
  deny                check bans, licences and sources of all dependencies, and advisories where reachable
  help                this text
";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_else(|| "help".to_owned());
    let rest: Vec<String> = args.collect();
    match run(&command, &rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &str, rest: &[String]) -> Result<()> {
    match command {
        "demo" => demo::run(rest),
        "setup" => setup::run().map(drop),
        "guests" => guests::run(rest),
        "languages" => languages::run(rest),
        "test" => test::run(rest),
        "bench" => bench::run(rest),
        "bindings" => bindings::run(rest),
        "attacks" => attacks::run(rest),
        "deny" => deny::run(),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => bail!("no command `{other}`; `cargo xtask help` lists them"),
    }
}
