//! `warren new`: a project that builds, with a test that passes.
//!
//! Invariant: nothing that exists is overwritten, and what is printed at the end works as printed.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::id::AgentName;

use super::Context;
use super::console::Tint;
use super::failure::{Failure, Result};
use super::language::{Dependency, Language, filled};

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
    /// Directory of the SDK, if not the one this program was built with; only where a project names it
    #[arg(long, value_name = "DIR")]
    sdk: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Made {
    name: AgentName,
    language: String,
    path: PathBuf,
    files: Vec<&'static str>,
    sdk: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<()> {
    let spec = args.lang.spec();
    let dir = args
        .path
        .clone()
        .unwrap_or_else(|| PathBuf::from(args.name.as_str()));
    check_free(&dir)?;
    let dependency = dependency(args)?;
    for (file, text) in spec.project {
        let text = filled(text, &args.name, &dependency.text);
        write(&dir.join(file), &text)?;
    }
    for (file, text) in spec.sdk {
        write(&dir.join(file), text)?;
    }
    if let Some(note) = &dependency.note {
        context.console.say(Tint::Odd, "note:", note);
    }
    let made = Made {
        name: args.name.clone(),
        language: args.lang.name(),
        path: dir,
        files: spec.project.iter().map(|(file, _)| *file).collect(),
        sdk: dependency.dir,
    };
    report(&made, spec.first_steps, context)
}

/// What the project says about the SDK, if it names it.
fn dependency(args: &Args) -> Result<Dependency> {
    match (args.lang.spec().dependency, &args.sdk) {
        (Some(named), sdk) => named(sdk.as_deref()),
        (None, None) => Ok(Dependency {
            text: String::new(),
            dir: None,
            note: None,
        }),
        (None, Some(_)) => Err(Failure::usage(format!(
            "--sdk does not go with {}: the SDK's files are written into the project",
            args.lang.name()
        ))
        .hint("leave --sdk out; nothing was written")),
    }
}

fn report(made: &Made, first_steps: &[&str], context: &Context) -> Result<()> {
    let console = &context.console;
    let path = made.path.display();
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
    console.say(Tint::Hint, "next:", format_args!("cd {path}"));
    for step in first_steps {
        console.note(format_args!("      {step}"));
    }
    console.note("      warren push");
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
    fn an_sdk_is_named_only_where_a_project_names_one() {
        let check = |lang: Language| {
            let args = Args {
                name: AgentName::new("greeter").unwrap(),
                lang,
                path: None,
                sdk: Some(PathBuf::from("/nowhere")),
            };
            dependency(&args).err().map(|failure| failure.exit)
        };
        assert_eq!(check(Language::Rust), Some(Exit::Usage));
        assert_eq!(check(Language::JavaScript), Some(Exit::Usage));
    }
}
