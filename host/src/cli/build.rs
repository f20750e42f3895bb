//! `warren build`: compiles a project to the file that `warren push` takes.
//!
//! Invariant: what is reported is what the toolchain said it wrote, never a guess at its directories.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Context;
use super::console::Tint;
use super::failure::{Failure, Result};
use super::language::{BuildOptions, Language};
use super::text;

mod inspect;

use inspect::Contents;
pub(crate) use inspect::contents;

/// What cargo is asked for: small and quick code, as the host compiles every byte at each push.
pub(crate) const PROFILE: &str = "release";

/// `warren build`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The project's directory
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Cargo's profile, for Rust
    #[arg(long, default_value = PROFILE)]
    profile: String,
}

/// A finished file.
#[derive(Debug, Serialize)]
pub(crate) struct Built {
    /// The package's name.
    pub(crate) name: String,
    /// The file.
    pub(crate) file: PathBuf,
    /// Its size in bytes.
    pub(crate) bytes: u64,
    /// What is in it.
    #[serde(flatten)]
    contents: Contents,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<()> {
    let built = build(&args.path, &args.profile, context)?;
    if context.console.is_json() {
        return context.console.json(&built);
    }
    let summary = format!(
        "{} ({}, a {})",
        built.name,
        text::bytes(built.bytes),
        built.contents.kind
    );
    context.console.say(Tint::Good, "built", summary);
    for import in &built.contents.imports {
        context
            .console
            .note(format_args!("  imports {}", text::safe(import)));
    }
    context.console.line(built.file.display())?;
    context.console.say(
        Tint::Hint,
        "next:",
        format_args!("warren push {}", args.path.display()),
    );
    Ok(())
}

/// Build the project at `path`.
///
/// # Errors
/// `Usage` if it is no project of an agent, `Failed` if the compiler is missing or says no.
pub(crate) fn build(path: &Path, profile: &str, context: &Context) -> Result<Built> {
    let language = Language::of_project(path)?;
    let options = BuildOptions { profile, context };
    let product = (language.spec().build)(path, &options)?;
    let file = product.file;
    let bytes = std::fs::read(&file).map_err(|error| Failure::file("read", &file, &error))?;
    Ok(Built {
        name: product.name,
        bytes: bytes.len() as u64,
        contents: contents(&bytes)?,
        file,
    })
}
