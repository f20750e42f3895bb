//! `warren push`: deploys an agent from a project or from a WebAssembly file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::api::types::PushView;
use crate::id::AgentName;
use crate::registry::AnyGrant;

use super::client::{Answer, Client, Request};
use super::console::Tint;
use super::failure::{Failure, Result};
use super::{Context, build, text};

/// How long the host may take to check and compile: its own limits end before.
const WAIT: Duration = Duration::from_mins(7);

/// The word that grants nothing.
const NO_GRANTS: &str = "none";
/// The word that grants all that the agent asks for.
const ASKED: &str = "asked";

/// `warren push`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A project's directory, which is built first, or a .wasm file
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Deploy under this name; the project's or the file's unless given
    #[arg(long)]
    name: Option<AgentName>,
    /// Grant only this of what the agent asks for, may be repeated; `none` grants nothing, `asked` all of it.
    /// Unless given all capabilities, and hosts (`http:HOST`) after a question
    #[arg(long = "grant", value_name = "GRANT", value_parser = grant)]
    grants: Vec<String>,
    /// Have the host check it without deploying it
    #[arg(long)]
    dry_run: bool,
}

/// A file to deploy.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    /// Under which name.
    pub(crate) name: AgentName,
    /// The component or module.
    pub(crate) bytes: Vec<u8>,
    /// What is granted; empty means what the agent asks for.
    pub(crate) grants: Vec<String>,
    /// Whether it is only checked.
    pub(crate) dry_run: bool,
}

impl Upload {
    /// With all grants that it asks for, hosts included: for whoever runs the host for himself.
    pub(crate) fn new(name: AgentName, bytes: Vec<u8>) -> Self {
        Self {
            name,
            bytes,
            grants: vec![ASKED.to_owned()],
            dry_run: false,
        }
    }

    /// The request that deploys it.
    fn request(self) -> Request {
        let request = Request::put(&["agents", self.name.as_str()]);
        self.grants
            .iter()
            .fold(request, |request, grant| {
                request.query("grant", Some(grant))
            })
            .query("dry_run", self.dry_run.then_some(true))
            .bytes("application/wasm", self.bytes)
            .wait(WAIT)
    }
}

fn grant(word: &str) -> std::result::Result<String, crate::error::Error> {
    if word != NO_GRANTS && word != ASKED {
        word.parse::<AnyGrant>()?;
    }
    Ok(word.to_owned())
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<()> {
    // Before the build: without a host to push to it is not worth the wait.
    let client = context.client()?;
    client.send(Request::get(&["whoami"]))?;
    let (name, file) = source(&args.path, args.name.as_ref(), context)?;
    let bytes = read(&file)?;
    let upload = Upload {
        name,
        bytes,
        grants: args.grants.clone(),
        dry_run: args.dry_run,
    };
    let answer = send(&client, upload.clone(), context)?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let pushed: PushView = answer.read()?;
    report(&pushed, context);
    let hosts = withheld(&pushed);
    let ask = args.grants.is_empty() && !args.dry_run && hosts.contains("http:");
    if ask && context.console.agrees(&format!("Let it ask {hosts}?"))? {
        let grants = vec![ASKED.to_owned()];
        let answer = send(&client, Upload { grants, ..upload }, context)?;
        report(&answer.read()?, context);
    } else if ask {
        let hint = "it may not ask these hosts: `--grant asked` grants all that it asks for";
        context.console.say(Tint::Hint, "hint:", hint);
    }
    Ok(())
}

fn send(client: &Client, upload: Upload, context: &Context) -> Result<Answer> {
    let size = text::bytes(upload.bytes.len() as u64);
    let pushing = format!("Pushing {} ({size})", upload.name);
    let _progress = context.console.progress(pushing);
    client.send(upload.request())
}

/// What it asks for and did not get.
fn withheld(pushed: &PushView) -> String {
    let asked = pushed.manifest.grants.all_of_it();
    let missing = asked.filter(|grant| !pushed.grants.covers(grant));
    let words: Vec<String> = missing.map(|grant| grant.to_string()).collect();
    words.join(" ")
}

/// Deploy without a word.
pub(crate) fn push(client: &Client, upload: Upload) -> Result<PushView> {
    client.send(upload.request())?.read()
}

/// What to deploy under which name; builds it if it is a project.
pub(crate) fn source(
    path: &Path,
    name: Option<&AgentName>,
    context: &Context,
) -> Result<(AgentName, PathBuf)> {
    if path.is_dir() {
        let built = build::build(path, build::PROFILE, context)?;
        let name = match name {
            Some(name) => name.clone(),
            None => agent_name(&built.name)?,
        };
        return Ok((name, built.file));
    }
    if !path.exists() {
        return Err(Failure::usage(format!("there is no {}", path.display()))
            .hint("give a project's directory or a .wasm file"));
    }
    let name = match name {
        Some(name) => name.clone(),
        None => agent_name(&path.file_stem().unwrap_or_default().to_string_lossy())?,
    };
    Ok((name, path.to_path_buf()))
}

/// The name of an agent that a package or file of this name makes.
fn agent_name(text: &str) -> Result<AgentName> {
    let name = text.to_ascii_lowercase().replace('_', "-");
    AgentName::new(&name).map_err(|error| Failure::from(error).hint("give one with --name"))
}

/// Read a file and be sure that it is WebAssembly: an upload of anything else is only refused later.
pub(crate) fn read(file: &Path) -> Result<Vec<u8>> {
    let bytes = std::fs::read(file).map_err(|error| Failure::file("read", file, &error))?;
    build::contents(&bytes)?;
    Ok(bytes)
}

/// Say what a push did.
pub(crate) fn report(pushed: &PushView, context: &Context) {
    let console = &context.console;
    let name = &pushed.name;
    let size = text::bytes(pushed.component_bytes);
    let compiled = match pushed.compile_ms {
        0 => "compiled before".to_owned(),
        ms => format!("compiled in {ms} ms"),
    };
    let start = format!("starts in {}", text::micros(pushed.start_us));
    let what = match pushed.version {
        None => format!("{name} would be accepted ({size}, {compiled}, {start})"),
        Some(version) if pushed.unchanged => format!("{name} version {version} is current already"),
        Some(version) => format!("{name} version {version} ({size}, {compiled}, {start})"),
    };
    let word = if pushed.dry_run { "checked" } else { "pushed" };
    console.say(Tint::Good, word, what);
    let grants = pushed.grants.all_of_it();
    let grants: Vec<String> = grants.map(|grant| grant.to_string()).collect();
    if !grants.is_empty() {
        console.note(format_args!("  granted  {}", grants.join(" ")));
    }
    let refused = withheld(pushed);
    if !refused.is_empty() {
        console.note(format_args!("  withheld {refused}"));
    }
    for subscription in &pushed.manifest.subscriptions {
        console.note(format_args!(
            "  consumes {} on {}",
            subscription.event_type, subscription.topic
        ));
    }
    if let Some(first) = pushed
        .manifest
        .subscriptions
        .first()
        .filter(|_| !pushed.dry_run)
    {
        let next = format_args!("warren publish {} DATA --wait", first.event_type);
        console.say(Tint::Hint, "next:", next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::failure::Exit;

    #[test]
    fn names_of_packages_and_files_become_names_of_agents() {
        let check = |text: &str, expect: Option<&str>| {
            let name = agent_name(text).ok();
            assert_eq!(name.as_ref().map(AgentName::as_str), expect, "{text}");
        };
        check("greeter", Some("greeter"));
        check("my_Agent", Some("my-agent"));
        check("1st", None);
        check("", None);
    }

    #[test]
    fn what_is_not_webassembly_is_refused_before_it_is_sent() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "not wasm").unwrap();
        assert_eq!(read(file.path()).unwrap_err().exit, Exit::Usage);
    }
}
