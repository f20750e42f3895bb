//! Toolchains that a script of their SDK drives, so that a project builds the same with and without
//! `warren build`.
//!
//! The script prints the path of the WebAssembly file as the last line of stdout, which is named after the project, and
//! what there is to say to stderr. It ends with 1 if the sources are wrong, 2 if the project is, 3 if a
//! tool is missing.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Instant;

use crate::cli::console::Tint;
use crate::cli::failure::{Failure, Result};
use crate::cli::{Context, text};

use super::Product;

/// What to say about a driver.
pub(super) struct Words<'a> {
    /// What compiles, for people.
    pub(super) compiler: &'a str,
    /// What to do when the program itself cannot be started.
    pub(super) no_program: &'a str,
    /// The one command that installs what the script misses.
    pub(super) install: &'a str,
}

/// Run a script for the project in `dir`.
///
/// # Errors
/// As the script ends, with what to do next.
pub(super) fn run(
    script: &mut Command,
    dir: &Path,
    words: &Words<'_>,
    context: &Context,
) -> Result<Product> {
    let said = compile(script, dir, words, context)?;
    product(&said, dir)
}

/// Run a script or a compiler for the project in `dir`; what it wrote to stdout.
///
/// # Errors
/// As it ends, with what to do next.
pub(super) fn compile(
    compiler: &mut Command,
    dir: &Path,
    words: &Words<'_>,
    context: &Context,
) -> Result<Vec<u8>> {
    let shown = dir.display();
    let progress = context
        .console
        .progress(format!("Building {shown} with {}", words.compiler));
    let started = Instant::now();
    let output = compiler.output().map_err(|error| {
        let program = compiler.get_program().to_string_lossy();
        Failure::new(format!("cannot run `{program}`: {error}")).hint(words.no_program)
    })?;
    drop(progress);
    // What a compiler prints is the user's own program: escape sequences of it stay out of the terminal.
    let said = String::from_utf8_lossy(&output.stderr);
    for line in said.trim_end().lines() {
        context.console.note(text::safe(line));
    }
    if !output.status.success() {
        return Err(refused(output.status, &shown.to_string(), words));
    }
    let took = started.elapsed().as_secs_f64();
    context.console.say(
        Tint::Faint,
        "compiled",
        format_args!("with {} in {took:.1} s", words.compiler),
    );
    Ok(output.stdout)
}

/// The first of these ways to call a compiler that works, tried with an argument that has it say its version.
pub(super) fn first_that_runs<'a>(ways: &[&'a [&'a str]], version: &str) -> Option<&'a [&'a str]> {
    let runs = |way: &&&[&str]| {
        let mut command = command(way);
        command
            .arg(version)
            .stdin(Stdio::null())
            .output()
            .is_ok_and(|said| said.status.success())
    };
    ways.iter().find(runs).copied()
}

/// A program with its first arguments.
pub(super) fn command(way: &[&str]) -> Command {
    let (program, args) = way.split_first().unwrap_or((&"", &[]));
    let mut command = Command::new(program);
    command.args(args);
    command
}

/// Why there is no product, by how the script ended.
fn refused(status: ExitStatus, project: &str, words: &Words<'_>) -> Failure {
    match status.code() {
        Some(1) => {
            Failure::new(format!("{project} did not build")).hint("put right what is said above")
        }
        Some(2) => Failure::usage(format!("{project} is no project that builds"))
            .hint("put right what is said above; `warren new` makes one that builds"),
        Some(3) => Failure::new(format!("a tool to build {project} is missing"))
            .hint(format!("run `{}`", words.install)),
        _ => Failure::new(format!(
            "{} ended with {status} while building {project}",
            words.compiler
        ))
        .hint("what it said is above"),
    }
}

fn product(stdout: &[u8], dir: &Path) -> Result<Product> {
    let last = String::from_utf8_lossy(stdout);
    let last = last.lines().map(str::trim).rfind(|line| !line.is_empty());
    let file = last
        .map(|line| dir.join(line))
        .filter(|file| file.is_file());
    let named = file.as_deref().and_then(Path::file_stem);
    match (named, &file) {
        (Some(name), Some(file)) => Ok(Product {
            name: name.to_string_lossy().into_owned(),
            file: file.clone(),
        }),
        _ => Err(Failure::new(format!(
            "the build of {} named no WebAssembly file",
            dir.display()
        ))
        .hint("is the SDK in the project the one that `warren new` writes?")),
    }
}

/// The directory of a project, whole: scripts are run in it.
pub(super) fn whole(dir: &Path) -> Result<PathBuf> {
    dir.canonicalize()
        .map_err(|error| Failure::file("find", dir, &error))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::cli::connection::ConnectionArgs;
    use crate::cli::console::Console;
    use crate::cli::failure::Exit;
    use crate::cli::language::File;

    const WORDS: Words<'_> = Words {
        compiler: "a shell",
        no_program: "install a shell",
        install: "install things",
    };

    fn check(program: &str, script: &str) -> std::result::Result<String, (Exit, String)> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("greeter.wasm"), "").unwrap();
        let context = Context {
            console: Console::new(true),
            connection: ConnectionArgs::default(),
        };
        let mut command = Command::new(program);
        command.arg("-c").arg(script);
        run(&mut command, dir.path(), &WORDS, &context)
            .map(|product| product.name)
            .map_err(|failure| (failure.exit, failure.next_step().unwrap_or("").to_owned()))
    }

    #[test]
    fn how_a_script_ends_says_what_to_do_next() {
        assert_eq!(
            check("sh", "echo talk; echo greeter.wasm"),
            Ok("greeter".into())
        );
        let refused = |script: &str| check("sh", script).unwrap_err();
        assert_eq!(refused("exit 1").0, Exit::Failed);
        assert_eq!(refused("exit 2").0, Exit::Usage);
        assert_eq!(refused("exit 3").1, "run `install things`");
        assert!(refused("exit 9").1.contains("above"));
        assert!(refused("echo nothing.wasm").1.contains("warren new"));
        assert_eq!(
            check("no-such-program", "").unwrap_err().1,
            "install a shell"
        );
    }

    /// Every file of an SDK is written into projects, but for its own tests.
    pub(crate) fn check_sdk(dir: &str, sdk: &[File]) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(dir);
        let mut left = vec![root.clone()];
        while let Some(next) = left.pop() {
            for entry in next.read_dir().unwrap() {
                let path = entry.unwrap().path();
                let file = path
                    .strip_prefix(&root)
                    .unwrap()
                    .to_string_lossy()
                    .into_owned();
                if path.is_dir() {
                    left.push(path);
                } else if !file.starts_with("test/") && !file.ends_with("_test.go") {
                    let there = sdk.iter().any(|(to, _)| to.ends_with(&format!("/{file}")));
                    assert!(there, "{file} is missing in `SDK`");
                }
            }
        }
    }

    #[test]
    fn the_first_compiler_that_works_is_taken() {
        let check =
            |ways: &[&'static [&'static str]]| first_that_runs(ways, "x").map(<[&str]>::len);
        assert_eq!(
            check(&[&["no-such-program"], &["false"], &["true", "a"], &["true"]]),
            Some(2)
        );
        assert_eq!(check(&[&["no-such-program"]]), None);
    }
}
