//! Compiles the standard library for the guest targets out of the compiler package's own source.
//!
//! Invariant: library and compiler are of one version, as the two do not mix otherwise.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::shell;
use crate::toolchain::TARGETS;

/// 80 s on two idle cores; a busy machine gets ten times that.
const BUILD_MAX: Duration = Duration::from_mins(15);
const HOST: &str = "x86_64-unknown-linux-gnu";
/// Starts the compiler with its own libraries first, whoever calls it.
const WRAPPER: &str = "#!/bin/sh
here=$(dirname \"$(readlink -f \"$0\")\")
LD_LIBRARY_PATH=\"$here/../lib/x86_64-linux-gnu\" exec \"$here/rustc.bin\" \"$@\"
";

/// Turns the unpacked `usr` into a toolchain and answers its version, such as `1.96.0`.
pub(super) fn build(usr: &Path, sysroot: &Path, work: &Path) -> Result<String> {
    wrap_compiler(usr)?;
    borrow_linker(usr, sysroot)?;
    let version = shell::output(Command::new(usr.join("bin/rustc")).arg("-V"))?;
    let version = version
        .split(' ')
        .nth(1)
        .with_context(|| format!("rustc -V said {version:?}"))?
        .to_owned();
    let seed = write_seed(work)?;
    let mut cargo = Command::new("cargo");
    cargo.args([
        "build",
        "--release",
        "-Zbuild-std=std,panic_abort,panic_unwind",
        "--target-dir",
        "out",
    ]);
    for target in TARGETS {
        cargo.args(["--target", target]);
    }
    // The bootstrap switch allows -Z on a stable compiler; without bitcode, guests with link-time optimisation fail.
    cargo
        .current_dir(&seed)
        .env("RUSTC", usr.join("bin/rustc"))
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Cembed-bitcode=yes")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_TARGET_DIR");
    let title = format!("compile the standard library of Rust {version} for guests (1-3 minutes)");
    shell::quiet(&title, &mut cargo, BUILD_MAX, &work.join("std.log"))?;
    for target in TARGETS {
        install_library(
            usr,
            target,
            &seed.join("out").join(target).join("release/deps"),
        )?;
    }
    add_wasi_libc(usr)?;
    // Only the library's build needs its source.
    fs::remove_dir_all(usr.join("src"))?;
    Ok(version)
}

/// Where a toolchain at `usr` has the linkers of its host.
pub(super) fn linker_dir(usr: &Path) -> PathBuf {
    usr.join("lib/rustlib").join(HOST).join("bin")
}

fn wrap_compiler(usr: &Path) -> Result<()> {
    let rustc = usr.join("bin/rustc");
    fs::rename(&rustc, usr.join("bin/rustc.bin")).context("the package holds no usr/bin/rustc")?;
    fs::write(&rustc, WRAPPER)?;
    fs::set_permissions(&rustc, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// rustup's toolchain has `rust-lld` and `wasm-component-ld`, which find their own libraries through the link.
fn borrow_linker(usr: &Path, sysroot: &Path) -> Result<()> {
    let theirs = linker_dir(sysroot);
    let ours = linker_dir(usr);
    fs::create_dir_all(&ours)?;
    for (link, program) in [
        ("rust-lld", "rust-lld"),
        ("wasm-component-ld", "wasm-component-ld"),
        ("wasm-ld", "rust-lld"),
    ] {
        let program = theirs.join(program);
        if !program.exists() {
            bail!(
                "{} is missing; a toolchain from rustup has it",
                program.display()
            );
        }
        symlink(&program, ours.join(link))?;
    }
    Ok(())
}

/// An empty crate, because `-Zbuild-std` builds the library for something.
fn write_seed(work: &Path) -> Result<PathBuf> {
    let seed = work.join("seed");
    fs::create_dir_all(seed.join("src"))?;
    fs::write(
        seed.join("Cargo.toml"),
        "[package]\nname = \"std-seed\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[workspace]\n",
    )?;
    fs::write(seed.join("src/lib.rs"), "#![no_std]\n")?;
    Ok(seed)
}

fn install_library(usr: &Path, target: &str, built: &Path) -> Result<()> {
    let lib = usr.join("lib/rustlib").join(target).join("lib");
    fs::create_dir_all(&lib)?;
    for entry in
        fs::read_dir(built).with_context(|| format!("no library in {}", built.display()))?
    {
        let file = entry?.path();
        let name = file
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let library = file
            .extension()
            .is_some_and(|extension| extension == "rlib");
        if library && !name.starts_with("libstd_seed") {
            fs::copy(&file, lib.join(name))?;
        }
    }
    Ok(())
}

fn add_wasi_libc(usr: &Path) -> Result<()> {
    let from = usr.join("lib/wasm32-wasip2");
    let to = usr.join("lib/rustlib/wasm32-wasip2/lib/self-contained");
    fs::create_dir_all(&to)?;
    for file in ["crt1-command.o", "crt1-reactor.o", "libc.a"] {
        fs::copy(from.join(file), to.join(file))
            .with_context(|| format!("wasi-libc holds no {file}"))?;
    }
    Ok(())
}
