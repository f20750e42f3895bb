//! `warren new`: a project that builds, with a test that passes.
//!
//! Invariant: nothing that exists is overwritten, and what is printed at the end works as printed.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::id::AgentName;

use super::Context;
use super::console::Tint;
use super::failure::{Failure, Result};

/// The SDK of the checkout that this program was built from.
const SDK_OF_CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../guest-sdk/rust");
/// The SDK's name on the package site and in `Cargo.toml`.
const SDK_PACKAGE: &str = "warren-agent";

/// The files of a Rust project: where, and what is in them before `{{name}}` and `{{sdk}}` are filled in.
const RUST: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("new/rust/Cargo.toml.in")),
    ("src/lib.rs", include_str!("new/rust/lib.rs.in")),
    ("README.md", include_str!("new/rust/README.md.in")),
    (".gitignore", include_str!("new/rust/gitignore.in")),
];

/// `warren new`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The agent's name: a letter, then a-z, 0-9 and -
    name: AgentName,
    /// The language it is written in
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    lang: Language,
    /// Where the project goes; a directory of the agent's name unless given
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
    /// Directory of the SDK, if not the one this program was built with
    #[arg(long, value_name = "DIR")]
    sdk: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Language {
    Rust,
}

#[derive(Debug, Serialize)]
struct Made {
    name: AgentName,
    path: PathBuf,
    files: Vec<&'static str>,
    sdk: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<()> {
    let Language::Rust = args.lang;
    let dir = args
        .path
        .clone()
        .unwrap_or_else(|| PathBuf::from(args.name.as_str()));
    check_free(&dir)?;
    let sdk = sdk(args.sdk.as_deref(), Path::new(SDK_OF_CHECKOUT))?;
    for (file, text) in RUST {
        write(&dir.join(file), &filled(text, &args.name, sdk.as_deref()))?;
    }
    let made = Made {
        name: args.name.clone(),
        path: dir,
        files: RUST.iter().map(|(file, _)| *file).collect(),
        sdk,
    };
    report(&made, context)
}

fn report(made: &Made, context: &Context) -> Result<()> {
    let console = &context.console;
    let path = made.path.display();
    if made.sdk.is_none() {
        console.say(
            Tint::Odd,
            "note:",
            format_args!(
                "{path}/Cargo.toml asks the package site for {SDK_PACKAGE} {}, which is there once that \
                 version is published; until then give --sdk CHECKOUT/guest-sdk/rust",
                env!("CARGO_PKG_VERSION")
            ),
        );
    }
    if console.is_json() {
        return console.json(made);
    }
    console.say(
        Tint::Good,
        "made",
        format_args!("agent {} in {path}", made.name),
    );
    for file in &made.files {
        console.line(made.path.join(file).display())?;
    }
    let name = &made.name;
    console.say(
        Tint::Hint,
        "next:",
        format_args!("cargo test --manifest-path {path}/Cargo.toml"),
    );
    console.note(format_args!("      warren push {path}"));
    console.note(format_args!(
        "      warren publish {name}.requested '{{\"name\": \"Ada\"}}' --wait"
    ));
    Ok(())
}

/// A project may only go where nothing is.
fn check_free(dir: &Path) -> Result<()> {
    let occupied = match dir.read_dir() {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => dir.exists(),
    };
    if !occupied {
        return Ok(());
    }
    Err(
        Failure::usage(format!("{} is there already", dir.display()))
            .hint("choose another name, or another place with --path; nothing was written"),
    )
}

/// The SDK's directory: the one that was named, else that of the checkout if it is still there.
fn sdk(named: Option<&Path>, of_checkout: &Path) -> Result<Option<PathBuf>> {
    let dir = named.unwrap_or(of_checkout);
    if dir.join("Cargo.toml").is_file() {
        let found = dir.canonicalize();
        return found
            .map(Some)
            .map_err(|error| Failure::file("find", dir, &error));
    }
    if named.is_some() {
        return Err(Failure::usage(format!(
            "{} holds no SDK: it has no Cargo.toml",
            dir.display()
        ))
        .hint("name guest-sdk/rust of a checkout of Warren"));
    }
    Ok(None)
}

fn filled(text: &str, name: &AgentName, sdk: Option<&Path>) -> String {
    let dependency = match sdk {
        // A TOML string takes the escapes of a JSON one.
        Some(dir) => format!("{{ path = {:?} }}", dir.display().to_string()),
        None => format!("{:?}", env!("CARGO_PKG_VERSION")),
    };
    text.replace("{{name}}", name.as_str())
        .replace("{{sdk}}", &dependency)
}

fn write(path: &Path, text: &str) -> Result<()> {
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    made.and_then(|()| std::fs::write(path, text))
        .map_err(|error| Failure::file("write", path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::failure::Exit;

    #[test]
    fn a_project_is_filled_in_and_its_manifest_is_toml() {
        let name = AgentName::new("greeter").unwrap();
        for sdk in [None, Some(Path::new("/a dir/with \"quotes\""))] {
            for (file, text) in RUST {
                let text = filled(text, &name, sdk);
                assert!(!text.contains("{{"), "{file}: {text}");
            }
            let manifest: toml::Table = filled(RUST[0].1, &name, sdk).parse().unwrap();
            assert_eq!(manifest["package"]["name"].as_str(), Some("greeter"));
            let dependency = &manifest["dependencies"][SDK_PACKAGE];
            let path = dependency.get("path").and_then(toml::Value::as_str);
            assert_eq!(path, sdk.and_then(Path::to_str));
        }
    }

    #[test]
    fn nothing_that_exists_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        check_free(dir.path()).expect("an empty directory is free");
        check_free(&dir.path().join("absent")).expect("so is none");
        let file = dir.path().join("file");
        std::fs::write(&file, "mine").unwrap();
        for taken in [dir.path(), &file] {
            assert_eq!(check_free(taken).unwrap_err().exit, Exit::Usage);
        }
    }

    #[test]
    fn the_sdk_is_the_named_one_or_the_checkouts_or_a_version() {
        let dir = tempfile::tempdir().unwrap();
        let checkout = dir.path().join("checkout");
        assert_eq!(sdk(None, &checkout).unwrap(), None);
        assert_eq!(
            sdk(Some(dir.path()), &checkout).unwrap_err().exit,
            Exit::Usage
        );
        std::fs::create_dir(&checkout).unwrap();
        std::fs::write(checkout.join("Cargo.toml"), "").unwrap();
        let found = checkout.canonicalize().unwrap();
        assert_eq!(sdk(None, &checkout).unwrap(), Some(found.clone()));
        assert_eq!(sdk(Some(&checkout), dir.path()).unwrap(), Some(found));
    }
}
