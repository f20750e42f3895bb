//! `cargo xtask guests`: builds every guest crate to `target/guests/<name>.wasm`.
//!
//! A guest is a crate below one of `ROOTS` whose library is a `cdylib`; nothing lists them. The output for
//! `wasm32-unknown-unknown` is a core module that carries component metadata: what a compiler gives, and what people push.
//!
//! Invariant: guests are built apart from the host (own target directory), so that neither makes the other build anew.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::toolchain::{TARGETS, Toolchain};
use crate::{paths, setup, shell};

mod manifest;

use manifest::Guest;

/// Where guests live, with the depth below at which their `Cargo.toml` may be.
const ROOTS: [&str; 4] = ["examples", "host/tests/guests", "plugins", "bench"];
/// `examples/<lesson>/<agent>/Cargo.toml` is the deepest.
const DEPTH_MAX: usize = 3;
/// Notes which compiler filled the build directory.
const STAMP: &str = "warren-toolchain";

/// Builds the guests `names`, or all.
pub(crate) fn run(names: &[String]) -> Result<()> {
    let guests = choose(find(&paths::root())?, names)?;
    if guests.is_empty() {
        eprintln!(
            "No guests: no crate with `crate-type = [\"cdylib\"]` below {}.",
            ROOTS.join(", ")
        );
        return Ok(());
    }
    let toolchain = setup::run()?;
    let build_dir = paths::target().join("guest-build");
    prepare(&build_dir, &toolchain)?;
    let mut targets: Vec<&str> = guests.iter().map(|guest| guest.target.as_str()).collect();
    targets.sort_unstable();
    targets.dedup();
    for target in targets {
        let of_target: Vec<&Guest> = guests
            .iter()
            .filter(|guest| guest.target == target)
            .collect();
        build(&toolchain, target, &of_target, &build_dir)?;
    }
    let out = paths::target().join("guests");
    fs::create_dir_all(&out)?;
    if names.is_empty() {
        remove_strangers(&out, &guests)?;
    }
    guests
        .iter()
        .try_for_each(|guest| collect(guest, &build_dir, &out))
}

/// Builds a guest anew and what else is not up to date; its dependencies stay as they are.
pub(crate) fn again(name: &str) -> Result<()> {
    let toolchain = setup::run()?;
    for target in TARGETS {
        let mut cargo = toolchain.cargo();
        cargo
            .current_dir(paths::root())
            .args(["clean", "--quiet", "--profile", "guest"])
            .args(["--target", target, "--package", name, "--target-dir"])
            .arg(paths::target().join("guest-build"));
        shell::loud(&mut cargo)?;
    }
    run(&[])
}

fn find(root: &Path) -> Result<Vec<Guest>> {
    let mut guests = Vec::new();
    for dir in ROOTS {
        walk(&root.join(dir), DEPTH_MAX, &mut guests)?;
    }
    guests.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(guests)
}

fn walk(dir: &Path, depth: usize, guests: &mut Vec<Guest>) -> Result<()> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Ok(());
    };
    let manifest = dir.join("Cargo.toml");
    if let Ok(text) = fs::read_to_string(&manifest) {
        let guest = Guest::parse(&text).with_context(|| format!("in {}", manifest.display()))?;
        guests.extend(guest);
    }
    if depth == 0 {
        return Ok(());
    }
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if entry.file_type()?.is_dir()
            && !name.starts_with('.')
            && name != "target"
            && name != "node_modules"
        {
            walk(&entry.path(), depth - 1, guests)?;
        }
    }
    Ok(())
}

fn choose(all: Vec<Guest>, names: &[String]) -> Result<Vec<Guest>> {
    if let Some(unknown) = names
        .iter()
        .find(|name| all.iter().all(|guest| guest.name != **name))
    {
        let known: Vec<&str> = all.iter().map(|guest| guest.name.as_str()).collect();
        bail!("no guest `{unknown}`; there are: {}", known.join(", "));
    }
    Ok(all
        .into_iter()
        .filter(|guest| names.is_empty() || names.contains(&guest.name))
        .collect())
}

/// Empties the build directory when another compiler filled it: cargo does not see a standard library made anew.
fn prepare(build_dir: &Path, toolchain: &Toolchain) -> Result<()> {
    let stamp = build_dir.join(STAMP);
    let fingerprint = toolchain.fingerprint();
    if fs::read_to_string(&stamp).is_ok_and(|text| text == fingerprint) {
        return Ok(());
    }
    if build_dir.exists() {
        fs::remove_dir_all(build_dir)?;
    }
    fs::create_dir_all(build_dir)?;
    fs::write(&stamp, fingerprint)?;
    Ok(())
}

fn build(toolchain: &Toolchain, target: &str, guests: &[&Guest], build_dir: &Path) -> Result<()> {
    let mut cargo = toolchain.cargo();
    cargo.current_dir(paths::root()).args([
        "build",
        "--quiet",
        "--lib",
        "--profile",
        "guest",
        "--target",
        target,
    ]);
    cargo.arg("--target-dir").arg(build_dir);
    for guest in guests {
        cargo.args(["--package", &guest.name]);
    }
    eprintln!("  ....  {} guests for {target}", guests.len());
    shell::loud(&mut cargo)
        .context("if cargo knows no such package: is it under `members` in the root Cargo.toml?")
}

/// Copies what changed, so that whoever watches the outputs sees only real changes.
fn collect(guest: &Guest, build_dir: &Path, out: &Path) -> Result<()> {
    let built = build_dir
        .join(&guest.target)
        .join("guest")
        .join(format!("{}.wasm", guest.lib));
    let bytes = fs::read(&built).with_context(|| format!("cargo left no {}", built.display()))?;
    let to = out.join(format!("{}.wasm", guest.name));
    let same = fs::read(&to).is_ok_and(|old| old == bytes);
    if !same {
        fs::write(&to, &bytes)?;
    }
    let state = if same { "same" } else { "new" };
    eprintln!(
        "  {state:<4}  {:>6} KiB  {}",
        bytes.len().div_ceil(1024),
        shown(&to).display()
    );
    Ok(())
}

/// Guests that are no more must not keep a test alive.
fn remove_strangers(out: &Path, guests: &[Guest]) -> Result<()> {
    for entry in fs::read_dir(out)? {
        let file = entry?.path();
        let known = guests
            .iter()
            .any(|guest| file.ends_with(format!("{}.wasm", guest.name)));
        if !known
            && file
                .extension()
                .is_some_and(|extension| extension == "wasm")
        {
            eprintln!("  gone  {}", shown(&file).display());
            fs::remove_file(&file)?;
        }
    }
    Ok(())
}

fn shown(path: &Path) -> PathBuf {
    path.strip_prefix(paths::root())
        .map_or_else(|_| path.to_path_buf(), Path::to_path_buf)
}
