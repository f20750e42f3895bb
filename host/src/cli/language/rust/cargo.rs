//! Talks to cargo in its JSON: what a project is, and what a build wrote.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;
use serde_json::Value;

use crate::cli::failure::{Failure, Result};

use super::toolchain::Compiler;

/// What agents are compiled for unless their manifest says otherwise: no WASI, nothing to stub.
const DEFAULT_TARGET: &str = "wasm32-unknown-unknown";

/// A package that compiles to an agent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Project {
    /// The package.
    pub(super) name: String,
    /// Its directory.
    pub(super) dir: PathBuf,
    /// The compiler's target: `[package.metadata.warren] target`, else the default.
    pub(super) target: String,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
    #[serde(default)]
    metadata: Value,
}

#[derive(Deserialize)]
struct Target {
    crate_types: Vec<String>,
}

/// The project in this directory.
pub(super) fn project(dir: &Path) -> Result<Project> {
    let dir = dir
        .canonicalize()
        .map_err(|error| Failure::file("find", dir, &error))?;
    let manifest = dir.join("Cargo.toml");
    if !manifest.is_file() {
        let message = format!("{} is no Rust project: it has no Cargo.toml", dir.display());
        return Err(Failure::usage(message)
            .hint("make one with `warren new NAME`, or name the directory of one"));
    }
    let output = Command::new("cargo")
        .current_dir(&dir)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| no_cargo(&error))?;
    if !output.status.success() {
        return Err(
            Failure::new("cargo does not understand the project").hint(format!(
                "put right what it says about {}",
                manifest.display()
            )),
        );
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout)
        .map_err(|error| Failure::new(format!("cargo's answer was not understood: {error}")))?;
    choose(&metadata, &manifest)
}

fn choose(metadata: &Metadata, manifest: &Path) -> Result<Project> {
    let is_agent = |package: &Package| {
        let mut kinds = package
            .targets
            .iter()
            .flat_map(|target| &target.crate_types);
        kinds.any(|kind| kind == "cdylib")
    };
    let found = metadata
        .packages
        .iter()
        .find(|package| package.manifest_path == manifest);
    let Some(package) = found else {
        let agents: Vec<String> = metadata
            .packages
            .iter()
            .filter(|package| is_agent(package))
            .filter_map(|package| package.manifest_path.parent())
            .map(|dir| dir.display().to_string())
            .collect();
        let message = format!("{} is a workspace, not an agent", manifest.display());
        return Err(Failure::usage(message).hint(match agents.as_slice() {
            [] => "none of its packages has `crate-type = [\"cdylib\"]`".to_owned(),
            agents => format!("name one of: {}", agents.join(", ")),
        }));
    };
    if !is_agent(package) {
        let message = format!("{} builds no WebAssembly library", manifest.display());
        return Err(Failure::usage(message).hint("add `crate-type = [\"cdylib\"]` under `[lib]`"));
    }
    let target = package.metadata.pointer("/warren/target");
    Ok(Project {
        name: package.name.clone(),
        dir: manifest.parent().unwrap_or(Path::new(".")).to_path_buf(),
        target: target
            .and_then(Value::as_str)
            .unwrap_or(DEFAULT_TARGET)
            .to_owned(),
    })
}

/// Compile a project; the file that came out.
pub(super) fn compile(project: &Project, compiler: &Compiler, profile: &str) -> Result<PathBuf> {
    let mut cargo = compiler.cargo();
    cargo
        .current_dir(&project.dir)
        .args(["build", "--lib", "--target", &project.target])
        .args(["--profile", profile, "--package", &project.name])
        .arg("--message-format=json-render-diagnostics")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    let output = cargo.output().map_err(|error| no_cargo(&error))?;
    if !output.status.success() {
        return Err(Failure::new(format!("`{}` did not build", project.name))
            .hint("put right what the compiler says above"));
    }
    artifact(&output.stdout).ok_or_else(|| {
        Failure::new(format!(
            "cargo built `{}` and wrote no .wasm file",
            project.name
        ))
        .hint("is `crate-type = [\"cdylib\"]` under `[lib]` of the package itself?")
    })
}

/// The WebAssembly file that the last compiled package wrote: dependencies come before it.
fn artifact(messages: &[u8]) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Message {
        #[serde(default)]
        filenames: Vec<PathBuf>,
    }
    messages
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Message>(line).ok())
        .flat_map(|message| message.filenames)
        .rfind(|file| {
            file.extension()
                .is_some_and(|extension| extension == "wasm")
        })
}

fn no_cargo(error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot run cargo: {error}"))
        .hint("install Rust from https://rustup.rs, or push a .wasm file that you have")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(packages: &str) -> Metadata {
        serde_json::from_str(&format!("{{\"packages\":[{packages}]}}")).unwrap()
    }

    fn package(name: &str, kind: &str, metadata: &str) -> String {
        format!(
            r#"{{"name":"{name}","manifest_path":"/w/{name}/Cargo.toml","metadata":{metadata},"targets":[{{"crate_types":["{kind}"]}}]}}"#
        )
    }

    #[test]
    fn the_package_of_the_directory_is_chosen_and_its_target_read() {
        let check = |package: &str, target: &str| {
            let project = choose(&metadata(package), Path::new("/w/a/Cargo.toml")).unwrap();
            let expect = Project {
                name: "a".to_owned(),
                dir: "/w/a".into(),
                target: target.to_owned(),
            };
            assert_eq!(project, expect);
        };
        check(&package("a", "cdylib", "null"), DEFAULT_TARGET);
        check(
            &package("a", "cdylib", r#"{"warren":{"target":"wasm32-wasip2"}}"#),
            "wasm32-wasip2",
        );
        check(
            &[package("b", "lib", "null"), package("a", "cdylib", "null")].join(","),
            DEFAULT_TARGET,
        );
    }

    #[test]
    fn what_is_no_agent_is_refused_with_what_to_change() {
        let check = |packages: &str, words: &str| {
            let failure = choose(&metadata(packages), Path::new("/w/Cargo.toml")).unwrap_err();
            let hint = failure.next_step().unwrap_or_default();
            assert!(hint.contains(words), "{hint}");
        };
        check(&package("a", "cdylib", "null"), "/w/a");
        check(&package("a", "lib", "null"), "crate-type");
        let failure = choose(
            &metadata(&package("a", "lib", "null")),
            Path::new("/w/a/Cargo.toml"),
        );
        assert!(
            failure
                .unwrap_err()
                .next_step()
                .unwrap_or_default()
                .contains("cdylib")
        );
    }

    #[test]
    fn the_last_wasm_file_is_the_agents() {
        let messages = br#"{"reason":"compiler-artifact","filenames":["/t/libdep.rlib"]}
{"reason":"compiler-artifact","filenames":["/t/a.wasm"]}
not json
{"reason":"build-finished","success":true}
"#;
        assert_eq!(artifact(messages), Some(PathBuf::from("/t/a.wasm")));
        assert_eq!(artifact(b""), None);
    }
}
