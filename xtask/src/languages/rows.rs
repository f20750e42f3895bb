//! The languages: how each gets its toolchain, and what tests it has.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::install;
use crate::{setup, shell};

/// A language.
pub(super) struct Language {
    /// Its directory in `examples/07-languages`, and its name on the command line.
    pub(super) name: &'static str,
    /// Can be had wherever this project is worked on; another is left out on a machine that cannot have it.
    pub(super) always: bool,
    /// Makes the toolchain ready, given the copy of the example; what to put on the PATH.
    pub(super) prepare: fn(&Path) -> Result<Option<PathBuf>>,
    pub(super) compiler: Compiler,
    /// Where `prepare` installs packages in a project, so that others take them from there.
    pub(super) packages: Option<&'static str>,
    /// Built by `cargo xtask guests`, with the other crates of this workspace.
    pub(super) is_guest: bool,
    /// Has an agent for the conformance suite.
    pub(super) conforms: bool,
    /// Tests without WebAssembly.
    pub(super) tests: &'static [Tests],
}

/// Tests of an SDK or of the example.
pub(super) struct Tests {
    /// The SDK's directory; the example's if there is none.
    pub(super) dir: Option<&'static str>,
    /// What to run. `{out}` is a file that it may write.
    pub(super) words: &'static [&'static str],
}

/// What tells the compiler's version.
pub(super) enum Compiler {
    /// A command.
    Says(&'static [&'static str]),
    /// A package that a file of the project names with its version.
    Package(&'static str, &'static str),
}

const SDK_IN_C: &str = "cc -std=c11 -g -fsanitize=address,undefined -o {out} test/sdk_test.c warren.c warren_test.c -lm && {out}";

/// Those that take longest first.
pub(super) const LANGUAGES: [Language; 6] = [
    Language {
        name: "python",
        always: true,
        prepare: install::venv,
        compiler: Compiler::Package("componentize-py", "pyproject.toml"),
        packages: Some(".venv"),
        is_guest: false,
        conforms: true,
        // `-B`: nothing is left in the sources.
        tests: &[
            sdk("guest-sdk/python", &["python3", "-B", "-m", "unittest"]),
            example(&["python3", "-B", "-m", "unittest"]),
        ],
    },
    Language {
        name: "go",
        always: false,
        prepare: |_| install::go(),
        compiler: Compiler::Says(&["go", "version"]),
        packages: None,
        is_guest: false,
        conforms: true,
        tests: &[
            sdk("guest-sdk/go", &["go", "test", ".", "./warrentest"]),
            example(&["go", "test", "."]),
        ],
    },
    Language {
        name: "javascript",
        always: true,
        prepare: install::npm,
        compiler: Compiler::Package("componentize-qjs", "package.json"),
        packages: Some("node_modules"),
        is_guest: false,
        conforms: true,
        tests: &[
            sdk("guest-sdk/javascript", &["node", "--test"]),
            example(&["npm", "run", "test"]),
        ],
    },
    // Its SDK is that of JavaScript, which has the conformance agent.
    Language {
        name: "typescript",
        always: true,
        prepare: install::npm,
        compiler: Compiler::Package("componentize-qjs", "package.json"),
        packages: Some("node_modules"),
        is_guest: false,
        conforms: false,
        tests: &[
            example(&["npm", "run", "check"]),
            example(&["npm", "run", "test"]),
        ],
    },
    Language {
        name: "c",
        always: false,
        prepare: |_| install::zig(),
        compiler: Compiler::Says(&["zig", "version"]),
        packages: None,
        is_guest: false,
        conforms: true,
        tests: &[
            sdk("guest-sdk/c", &["sh", "-c", SDK_IN_C]),
            example(&["make", "--silent", "test"]),
        ],
    },
    // Its tests are among those of the workspace.
    Language {
        name: "rust",
        always: true,
        prepare: |_| Ok(setup::run()?.dir()),
        compiler: Compiler::Says(&["rustc", "--version"]),
        packages: None,
        is_guest: true,
        conforms: true,
        tests: &[],
    },
];

const fn sdk(dir: &'static str, words: &'static [&'static str]) -> Tests {
    Tests {
        dir: Some(dir),
        words,
    }
}

const fn example(words: &'static [&'static str]) -> Tests {
    Tests { dir: None, words }
}

impl Compiler {
    /// Its name and version.
    pub(super) fn version(&self, project: &Path, path: &OsStr) -> Result<String> {
        let (name, text) = match self {
            Self::Says(words) => {
                let (program, args) = words.split_first().context("a compiler has a name")?;
                let mut command = Command::new(program);
                (
                    program,
                    shell::output(command.args(args).env("PATH", path))?,
                )
            }
            Self::Package(name, file) => {
                let text = fs::read_to_string(project.join(file))?;
                let (_, after) = text
                    .split_once(name)
                    .with_context(|| format!("{file} names no {name}"))?;
                (name, after.to_owned())
            }
        };
        // `go version go1.27.3 linux/amd64`, `rustc 1.95.0 (…)`, `0.17.0`, `": "0.4.5",`: the first with two points.
        let mut numbers = text.split(|c: char| !c.is_ascii_digit() && c != '.');
        let number = numbers.find(|word| word.matches('.').count() == 2);
        let number = number.with_context(|| format!("no version of {name} in `{text}`"))?;
        Ok(format!("{name} {number}"))
    }
}
