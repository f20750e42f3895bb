//! `cargo xtask bindings`: makes the generated bindings that are kept with the SDKs for C and Go anew from `wit/`, so that
//! whoever writes an agent needs the compiler alone. `--check` only says whether they are current.
//!
//! Invariant: what is kept is what the generator of the version named here writes, but for the changes that are listed
//! here. Rust's bindings are made by a macro at each build.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::toolchain::pypi;
use crate::{paths, shell};

/// The generator, a package of crates.io, and its version.
const GENERATOR: &str = "wit-bindgen-cli";
const VERSION: &str = "0.63.0";
/// Building it from its sources.
const BUILD_LIMIT: Duration = Duration::from_mins(20);

/// The package of the Go SDK that bindings go to.
const GO_PACKAGE: &str = "warren.example/warren/internal/bindings";
/// The generated Go names a module on a server; the SDK carries its own copy, so that no module proxy is needed.
const GO_RUNTIME: (&str, &str) = (
    "go.bytecodealliance.org/pkg/wit/",
    "warren.example/warren/internal/wit/",
);
/// A stub for the author to fill in, which the SDK has filled in.
const GO_OWN: &str = "exports/export_wit_world";

/// Makes the bindings, or checks them.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let check = match args {
        [] => false,
        [flag] if flag == "--check" => true,
        _ => bail!("`cargo xtask bindings` takes `--check` or nothing"),
    };
    let generator = generator()?;
    let made = paths::target().join("bindings");
    if made.exists() {
        fs::remove_dir_all(&made)?;
    }
    let sdks = paths::root().join("guest-sdk");
    c(&generator, &made.join("c"))?;
    go(&generator, &made.join("go"))?;
    let mut stale = Vec::new();
    for (made, kept) in [
        (made.join("c"), sdks.join("c/bindings")),
        (made.join("go"), sdks.join("go/internal/bindings")),
    ] {
        for file in files(&made)? {
            let (new, old) = (fs::read(made.join(&file))?, fs::read(kept.join(&file)).ok());
            if old.as_ref() == Some(&new) {
                continue;
            }
            stale.push(kept.join(&file));
            if !check {
                let to = kept.join(&file);
                fs::create_dir_all(to.parent().context("a file has a directory")?)?;
                fs::write(to, new)?;
            }
        }
    }
    for file in &stale {
        eprintln!("  new   {}", file.display());
    }
    match (check, stale.len()) {
        (true, 1..) => bail!(
            "{} generated files are not those of wit/; `cargo xtask bindings` makes them anew",
            stale.len()
        ),
        (_, changed) => {
            eprintln!("  ok    bindings by {GENERATOR} {VERSION}, {changed} files changed");
        }
    }
    Ok(())
}

/// The generator's program; built once.
fn generator() -> Result<PathBuf> {
    let root = paths::target()
        .join("toolchains")
        .join(format!("{GENERATOR}-{VERSION}"));
    let program = root.join("bin/wit-bindgen");
    if !program.is_file() {
        fs::create_dir_all(&root)?;
        let mut cargo = Command::new("cargo");
        // Debug: it runs for moments and optimises for minutes.
        cargo
            .args([
                "install",
                "--debug",
                "--locked",
                GENERATOR,
                "--version",
                VERSION,
            ])
            .args(["--no-default-features", "--features", "c,go", "--root"])
            .arg(&root);
        let log = root.join("install.log");
        shell::quiet(
            &format!("cargo install {GENERATOR} {VERSION}"),
            &mut cargo,
            BUILD_LIMIT,
            &log,
        )?;
    }
    Ok(program)
}

fn generate(generator: &Path, language: &str, to: &Path) -> Command {
    let mut command = Command::new(generator);
    command
        .arg(language)
        .arg(paths::root().join("wit"))
        .args(["--world", "agent", "--out-dir"])
        .arg(to);
    command
}

fn c(generator: &Path, to: &Path) -> Result<()> {
    // Which world it is, the host knows by the exports: nobody needs to link an object file that says so.
    shell::output(generate(generator, "c", to).arg("--no-object-file")).map(drop)
}

fn go(generator: &Path, to: &Path) -> Result<()> {
    let tools = pypi::GO.ensure()?;
    let options = [
        "--format=false",
        "--generate-stubs",
        "--pkg-name",
        GO_PACKAGE,
    ];
    shell::output(generate(generator, "go", to).args(options))?;
    fs::remove_dir_all(to.join(GO_OWN))?;
    for file in files(to)? {
        let path = to.join(file);
        let text = fs::read_to_string(&path)?;
        fs::write(&path, text.replace(GO_RUNTIME.0, GO_RUNTIME.1))?;
    }
    shell::output(Command::new(tools.join("gofmt")).arg("-w").arg(to)).map(drop)
}

/// All files below a directory, by their path in it.
fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut left = vec![dir.to_path_buf()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(&next)? {
            let path = entry?.path();
            if path.is_dir() {
                left.push(path);
            } else {
                files.push(path.strip_prefix(dir)?.to_path_buf());
            }
        }
    }
    files.sort();
    Ok(files)
}
