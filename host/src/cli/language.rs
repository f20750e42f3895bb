//! The languages that agents are written in: a row each, which `new`, `build`, `push` and `dev` go by.
//!
//! To add one: a variant of [`Language`], a file below `language/` with its [`Spec`], and a line in
//! [`Language::spec`]. A toolchain that a script of the SDK drives needs no more than the row: see
//! [`driver`].
//!
//! Invariant: what these commands know about a language stands in its row; they match on no variant.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::id::AgentName;

use super::Context;
use super::failure::{Failure, Result};

mod c;
mod contract;
mod driver;
mod go;
mod javascript;
mod python;
mod rust;
mod typescript;

/// A language, by the word that `--lang` takes. Its variants have no documentation: `--help` would print it, a page long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    Rust,
    #[value(name = "javascript", alias = "js")]
    JavaScript,
    #[value(name = "typescript", alias = "ts")]
    TypeScript,
    #[value(alias = "py")]
    Python,
    Go,
    C,
}

/// A file of a new project: where, and what is in it before placeholders are filled in.
pub(crate) type File = (&'static str, &'static str);

/// Finds the SDK that a project names, given the directory of `--sdk`.
pub(crate) type Depend = fn(Option<&Path>) -> Result<Dependency>;

/// What there is to know about a language.
pub(crate) struct Spec {
    /// The file by which a project of this language is known.
    pub(crate) marker: &'static str,
    /// Files of a new project, `{{name}}` and `{{sdk}}` to be filled in.
    pub(crate) project: &'static [File],
    /// Files of the SDK, written into a new project as they are. None if projects name it as a package.
    pub(crate) sdk: &'static [File],
    /// What `{{sdk}}` stands for; `None` where the SDK is written into the project.
    pub(crate) dependency: Option<Depend>,
    /// What to run in a new project before anything else, and to run its tests.
    pub(crate) first_steps: &'static [&'static str],
    /// Build the project in a directory.
    pub(crate) build: fn(&Path, &BuildOptions<'_>) -> Result<Product>,
}

/// What a project says about the SDK that it uses.
pub(crate) struct Dependency {
    /// In place of `{{sdk}}`.
    pub(crate) text: String,
    /// The SDK's directory, if it is one.
    pub(crate) dir: Option<PathBuf>,
    /// What the user should know about it.
    pub(crate) note: Option<String>,
}

/// How to build.
pub(crate) struct BuildOptions<'a> {
    /// Cargo's profile, for Rust.
    pub(crate) profile: &'a str,
    /// Where to talk to the user.
    pub(crate) context: &'a Context,
}

/// What a toolchain made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Product {
    /// The project's name.
    pub(crate) name: String,
    /// The WebAssembly file.
    pub(crate) file: PathBuf,
}

impl Language {
    /// Its row.
    pub(crate) fn spec(self) -> &'static Spec {
        match self {
            Self::Rust => &rust::SPEC,
            Self::JavaScript => &javascript::SPEC,
            Self::TypeScript => &typescript::SPEC,
            Self::Python => &python::SPEC,
            Self::Go => &go::SPEC,
            Self::C => &c::SPEC,
        }
    }

    /// Its word.
    pub(crate) fn name(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// The language of the project in a directory, by the file that its projects have.
    ///
    /// # Errors
    /// `Usage` if it is no project of any.
    pub(crate) fn of_project(dir: &Path) -> Result<Self> {
        let is_there = |language: &&Self| dir.join(language.spec().marker).is_file();
        if let Some(language) = Self::value_variants().iter().find(is_there) {
            return Ok(*language);
        }
        let mut markers: Vec<&str> = Self::value_variants()
            .iter()
            .map(|language| language.spec().marker)
            .collect();
        markers.dedup();
        Err(Failure::usage(format!(
            "{} is no project of an agent: it has none of {}",
            dir.display(),
            markers.join(", ")
        ))
        .hint("make one with `warren new NAME`, or name the directory of one"))
    }
}

/// A text of a project with its placeholders filled in.
pub(crate) fn filled(text: &str, name: &AgentName, dependency: &str) -> String {
    text.replace("{{name}}", name.as_str())
        .replace("{{sdk}}", dependency)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_makes_a_project_that_is_known_again() {
        for language in Language::value_variants() {
            let (dir, spec) = (tempfile::tempdir().unwrap(), language.spec());
            assert!(Language::of_project(dir.path()).is_err());
            std::fs::write(dir.path().join(spec.marker), "").unwrap();
            let known = Language::of_project(dir.path()).unwrap();
            assert_eq!(known.spec().marker, spec.marker);
            assert!(spec.project.iter().any(|(file, _)| *file == spec.marker));
            assert!(
                spec.dependency.is_some() == spec.sdk.is_empty(),
                "{language:?} says once where the SDK is"
            );
        }
    }

    #[test]
    fn no_placeholder_is_left_and_no_file_written_twice() {
        let name = AgentName::new("greeter").unwrap();
        for language in Language::value_variants() {
            let spec = language.spec();
            let mut paths: Vec<&str> = Vec::new();
            for (path, text) in spec.project {
                let text = filled(text, &name, "\"1\"");
                assert!(!text.contains("{{"), "{language:?} {path}: {text}");
                paths.push(path);
            }
            paths.extend(spec.sdk.iter().map(|(path, _)| *path));
            let files = paths.len();
            paths.sort_unstable();
            paths.dedup();
            assert_eq!(paths.len(), files, "{language:?}");
        }
    }
}
