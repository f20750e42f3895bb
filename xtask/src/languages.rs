//! `cargo xtask languages`: the agent of `examples/07-languages` in every language that is not Rust: toolchains, unit
//! tests, components, and one specification that all are held to on a host.
//!
//! A language is a row of `LANGUAGES`: how its toolchain gets into a copy of its project, and which tests it has. The
//! component is built by `warren build`, as people build theirs, and goes to `target/languages/<language>/hello.wasm`.
//!
//! Invariant: nothing is installed outside of `target/languages`, and nothing twice.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{guests, paths, shell};

mod javascript;
mod project;
mod python;

/// A toolchain may have to download itself.
const INSTALL_LIMIT: Duration = Duration::from_mins(10);
/// Python takes twenty seconds alone, and much longer beside other work.
const BUILD_LIMIT: Duration = Duration::from_mins(10);
/// A few dozen tests, without WebAssembly.
const TEST_LIMIT: Duration = Duration::from_mins(5);
/// The test of the host that all languages must pass.
const CONFORMANCE: &str = "test(/^languages::/)";
/// Tells that test which languages there are.
const VARIABLE: &str = "WARREN_HELLO";

/// A language.
struct Language {
    /// Its directory in `examples/07-languages`, and its name on the command line.
    name: &'static str,
    /// Put the toolchain into a project, unless it is there.
    prepare: fn(&Path) -> Result<()>,
    /// Tests of the SDK and of the project.
    tests: fn(&Path) -> Vec<Tests>,
    /// What to say about the versions in use.
    version: fn(&Path) -> String,
}

/// Tests without WebAssembly.
struct Tests {
    title: String,
    /// Where they run.
    dir: PathBuf,
    command: Command,
}

const LANGUAGES: [Language; 3] = [
    Language {
        name: "javascript",
        prepare: javascript::prepare,
        tests: javascript::tests,
        version: javascript::version,
    },
    Language {
        name: "typescript",
        prepare: javascript::prepare,
        tests: javascript::tests_of_typescript,
        version: javascript::version,
    },
    Language {
        name: "python",
        prepare: python::prepare,
        tests: python::tests,
        version: python::version,
    },
];

/// All of it for the languages that `--lang` names, or for all; `args` are those of the command.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let languages = chosen(args)?;
    guests::run(&["probe".to_owned()])?;
    let names = build(&languages)?;
    hold(&names)
}

/// Prepares, tests and builds every language; the value of the variable that the host's tests read.
pub(crate) fn ready() -> Result<(&'static str, String)> {
    let all: Vec<&Language> = LANGUAGES.iter().collect();
    Ok((VARIABLE, build(&all)?))
}

fn chosen(args: &[String]) -> Result<Vec<&'static Language>> {
    let names: Vec<&str> = match args {
        [] => return Ok(LANGUAGES.iter().collect()),
        [flag, names] if flag == "--lang" => names.split(',').collect(),
        _ => bail!("usage: cargo xtask languages [--lang NAME,NAME]"),
    };
    names
        .into_iter()
        .map(|name| {
            let known = LANGUAGES.map(|language| language.name).join(", ");
            let found = LANGUAGES.iter().find(|language| language.name == name);
            found.with_context(|| format!("no language `{name}`; there are: {known}"))
        })
        .collect()
}

fn build(languages: &[&Language]) -> Result<String> {
    shell::loud(
        Command::new("cargo")
            .args(["build", "--workspace", "--bins", "--quiet"])
            .current_dir(paths::root()),
    )?;
    for language in languages {
        one(language).with_context(|| format!("in {}", language.name))?;
    }
    let names: Vec<&str> = languages.iter().map(|language| language.name).collect();
    Ok(names.join(","))
}

fn one(language: &Language) -> Result<()> {
    let dir = paths::target().join("languages").join(language.name);
    let source = paths::root()
        .join("examples/07-languages")
        .join(language.name);
    project::copy(&source, &dir)?;
    let log = |what: &str| dir.join(format!("{what}.log"));
    (language.prepare)(&dir)?;
    eprintln!(
        "  ok    {} with {}",
        language.name,
        (language.version)(&dir)
    );
    for (at, mut tests) in (language.tests)(&dir).into_iter().enumerate() {
        let log = log(&format!("test-{at}"));
        let command = tests.command.current_dir(tests.dir);
        shell::quiet(&tests.title, command, TEST_LIMIT, &log)?;
    }
    let warren = paths::target().join("debug/warren");
    let log = log("build");
    let title = format!("warren build, {}", language.name);
    shell::quiet(
        &title,
        Command::new(warren).arg("build").arg(&dir),
        BUILD_LIMIT,
        &log,
    )?;
    let said = fs::read_to_string(&log)?;
    let mut lines = said.lines().map(Path::new);
    let made = lines.find(|line| line.extension().is_some_and(|end| end == "wasm"));
    let made =
        made.with_context(|| format!("`warren build` named no file in {}", log.display()))?;
    fs::copy(made, dir.join("hello.wasm"))
        .with_context(|| format!("copying {}", made.display()))?;
    Ok(())
}

fn hold(names: &str) -> Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(paths::root()).env(VARIABLE, names);
    if paths::on_path("cargo-nextest").is_some() {
        cargo.args([
            "nextest",
            "run",
            "--workspace",
            "--no-capture",
            "-E",
            CONFORMANCE,
        ]);
    } else {
        cargo.args([
            "test",
            "--workspace",
            "--test",
            "it",
            "--",
            "--nocapture",
            "languages::",
        ]);
    }
    shell::loud(&mut cargo)
}
