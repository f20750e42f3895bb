//! Agents in every language, held to what is the same for all of them: `examples/07-languages`.
//!
//! `cargo xtask languages` builds the agents, names the languages in `WARREN_LANGUAGES` and reads what these tests leave
//! beside each component: a file of figures. So does `cargo xtask test`. Without that variable it is Rust alone, whose
//! agents are among the guests, as the other toolchains are no part of a plain build.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use warren::clock::SystemClock;
use warren::host::HostSettings;

use crate::guests;
use crate::harness::TestHost;

mod conformance;
mod hello;
mod mistakes;

/// A comma between each.
const LANGUAGES: &str = "WARREN_LANGUAGES";
/// Less than the time after which the test runner stops these tests.
const COMPILE_MAX: Duration = Duration::from_mins(20);
const RUST: &str = "rust";
/// Has the SDK of JavaScript and no conformance agent of its own.
const TYPESCRIPT: &str = "typescript";

#[tokio::test(flavor = "multi_thread")]
async fn each_says_hello() {
    for language in asked() {
        hello::hold(&language).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_does_what_every_language_must() {
    for language in asked().iter().filter(|language| *language != TYPESCRIPT) {
        conformance::hold(language).await;
    }
}

#[test]
fn each_tells_what_is_wrong_with_sources() {
    for language in asked() {
        mistakes::hold(&language);
    }
}

fn asked() -> Vec<String> {
    let asked = std::env::var(LANGUAGES).unwrap_or_else(|_| RUST.to_owned());
    asked.split(',').map(ToOwned::to_owned).collect()
}

/// A host that gives compilers time. They wait for turns and for all else that the machine does: beside other builds, the
/// half minute of CPU that 18 MiB of Python take was seen to need more than the six minutes of the default.
async fn host() -> TestHost {
    let patient = |settings: &mut HostSettings| settings.intake.child.wall = COMPILE_MAX;
    TestHost::with(Arc::new(SystemClock), patient).await
}

/// An agent in a language, as its compiler left it.
fn component(agent: &str, language: &str) -> Vec<u8> {
    if language == RUST {
        return guests::bytes(&format!("{agent}-{language}"));
    }
    let file = file(language, &format!("{agent}.wasm"));
    std::fs::read(&file)
        .unwrap_or_else(|e| panic!("{}: {e}; `cargo xtask languages` builds it", file.display()))
}

/// The PATH with the compiler of a language, if that is not on the machine's.
fn tools(language: &str) -> Option<String> {
    std::fs::read_to_string(file(language, "path")).ok()
}

/// Leave figures for the table.
fn note(agent: &str, language: &str, figures: &[(String, u128)]) {
    let mut text = String::new();
    for (name, figure) in figures {
        writeln!(text, "{name} {figure}").unwrap();
    }
    let file = file(language, &format!("{agent}.figures"));
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
}

fn file(language: &str, name: &str) -> PathBuf {
    let languages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/languages");
    languages.join(language).join(name)
}
