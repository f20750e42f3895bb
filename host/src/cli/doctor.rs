//! `warren doctor`: checks this machine, the settings and the connection.
//!
//! Invariant: a line says what was really tried. What cannot be tried from here is left out.

use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::api::types::{EmbedderView, HealthView, WhoamiView};
use crate::config::{Config, Loaded, Sources};
use crate::error::Error;
use crate::store::sqlite::DataDir;

use super::Context;
use super::client::Request;
use super::console::Tint;
use super::failure::{Exit, Failure, Result};

mod machine;

/// `warren doctor`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Settings file of the host
    #[arg(long, env = "WARREN_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data directory of the host, if not the one of the settings
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Good,
    /// It works, but not as well as it could.
    Odd,
    Bad,
}

#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    verdict: Verdict,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Check {
    fn good(name: &'static str, found: impl Into<String>) -> Self {
        Self {
            name,
            verdict: Verdict::Good,
            found: found.into(),
            hint: None,
        }
    }

    fn of(verdict: Verdict, name: &'static str, found: impl Into<String>, hint: &str) -> Self {
        Self {
            name,
            verdict,
            found: found.into(),
            hint: Some(hint.to_owned()),
        }
    }
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<()> {
    let mut checks = Vec::new();
    let config = settings(args, &mut checks);
    checks.push(data_dir(&config.data_dir));
    checks.extend(machine::checks(&config));
    checks.push(port(&config));
    let connected = connection(context);
    // Only of a host that answered.
    let embedder = (connected.verdict == Verdict::Good).then(|| embedder(context));
    checks.push(connected);
    checks.extend(embedder.flatten());
    report(&checks, context)?;
    match checks
        .iter()
        .filter(|check| check.verdict == Verdict::Bad)
        .count()
    {
        0 => Ok(()),
        count => Err(
            Failure::new(format!("{count} of {} checks failed", checks.len()))
                .hint("the lines above say what to do about each"),
        ),
    }
}

fn report(checks: &[Check], context: &Context) -> Result<()> {
    if context.console.is_json() {
        return context.console.json(&checks);
    }
    for check in checks {
        let (tint, word) = match check.verdict {
            Verdict::Good => (Tint::Good, "good"),
            Verdict::Odd => (Tint::Odd, "odd "),
            Verdict::Bad => (Tint::Bad, "bad "),
        };
        let word = context.console.data_tint(tint, word);
        context
            .console
            .line(format_args!("{word}  {:<12}{}", check.name, check.found))?;
        if let Some(hint) = &check.hint {
            context.console.line(format_args!("      hint: {hint}"))?;
        }
    }
    Ok(())
}

fn flags(args: &Args) -> toml::Table {
    let dir = args.data_dir.as_ref();
    dir.map(|dir| ("data_dir".to_owned(), dir.display().to_string().into()))
        .into_iter()
        .collect()
}

fn settings(args: &Args, checks: &mut Vec<Check>) -> Config {
    let sources = Sources {
        file: args.config.clone(),
        flags: flags(args),
        ..Sources::from_environment()
    };
    match Config::load(&Config::default(), &sources) {
        Ok(Loaded { config, notes }) => {
            checks.push(match notes.as_slice() {
                [] => Check::good("settings", "understood"),
                notes => Check::of(
                    Verdict::Odd,
                    "settings",
                    notes.join("; "),
                    "correct or unset it",
                ),
            });
            config
        }
        Err(error) => {
            let hint = "a host would not start with these; the checks below use the defaults";
            checks.push(Check::of(Verdict::Bad, "settings", error.to_string(), hint));
            let default = Config::default();
            Config {
                data_dir: args.data_dir.clone().unwrap_or(default.data_dir),
                ..default
            }
        }
    }
}

/// Whether a host could write here. The nearest directory that exists is tried, so that nothing is made.
fn data_dir(dir: &Path) -> Check {
    let absolute = std::path::absolute(dir).unwrap_or_else(|_| dir.to_path_buf());
    let Some(existing) = absolute.ancestors().find(|dir| dir.exists()) else {
        let found = format!("{} has no parent that exists", absolute.display());
        return Check::of(Verdict::Bad, "data_dir", found, "choose another data_dir");
    };
    if let Err(error) = DataDir::check(&absolute) {
        return taken(&error);
    }
    let state = if existing == absolute {
        ""
    } else {
        " (will be made)"
    };
    match tempfile::tempfile_in(existing) {
        Ok(_) => Check::good(
            "data_dir",
            format!("{} is writable{state}", absolute.display()),
        ),
        Err(error) => {
            let found = format!("{} cannot be written: {error}", existing.display());
            Check::of(
                Verdict::Bad,
                "data_dir",
                found,
                "choose another data_dir, or let this user write there",
            )
        }
    }
}

fn taken(error: &Error) -> Check {
    // A host that runs here is no fault of the machine.
    let in_use = matches!(error, Error::Conflict { .. });
    let verdict = if in_use { Verdict::Odd } else { Verdict::Bad };
    Check::of(
        verdict,
        "data_dir",
        error.to_string(),
        "or choose another data_dir",
    )
}

fn port(config: &Config) -> Check {
    let listen = config.listen;
    match TcpListener::bind(listen) {
        Ok(_) => Check::good("listen", format!("{listen} is free")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Check::of(
            Verdict::Odd,
            "listen",
            format!("{listen} is in use"),
            "by a host that runs already, or choose another with --listen",
        ),
        Err(error) => {
            let found = format!("{listen} cannot be listened on: {error}");
            Check::of(
                Verdict::Bad,
                "listen",
                found,
                "choose another with --listen",
            )
        }
    }
}

fn connection(context: &Context) -> Check {
    let asked = context.client().and_then(|client| {
        let who: WhoamiView = client.send(Request::get(&["whoami"]))?.read()?;
        Ok(format!(
            "{} (from {}) knows the key of tenant {}",
            client.connection().url,
            client.connection().from,
            who.tenant
        ))
    });
    match asked {
        Ok(found) => Check::good("connection", found),
        Err(failure) => {
            // A machine without a running host is in good order.
            let absent = matches!(failure.exit, Exit::Unreachable | Exit::Busy);
            let verdict = if absent { Verdict::Odd } else { Verdict::Bad };
            let hint = failure.next_step().unwrap_or("look at the host's log");
            Check::of(verdict, "connection", failure.to_string(), hint)
        }
    }
}

/// How the embedder of the connected host does; none if the host does not say.
fn embedder(context: &Context) -> Option<Check> {
    let client = context.client().ok()?;
    let health: HealthView = client.send(Request::health()).ok()?.read().ok()?;
    Some(embedder_check(&health.embedder))
}

fn embedder_check(embedder: &EmbedderView) -> Check {
    let found = format!(
        "{} is {}: {} entries wait for their vectors, {} are refused",
        embedder.name, embedder.state, embedder.waiting, embedder.refused
    );
    match embedder.state.as_str() {
        "down" => Check::of(
            Verdict::Bad,
            "embedder",
            found,
            "searches go by words until it answers; the host's log says why it does not",
        ),
        "behind" => Check::of(
            Verdict::Odd,
            "embedder",
            found,
            "wait: entries without a vector are found by words meanwhile",
        ),
        _ => Check::good("embedder", found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_embedder_that_is_down_is_bad_and_one_that_is_behind_is_odd() {
        let check = |state: &str, expect: Verdict| {
            let view = EmbedderView {
                name: "openai/m/8".to_owned(),
                state: state.to_owned(),
                waiting: 7,
                refused: 0,
            };
            let check = embedder_check(&view);
            assert_eq!(check.verdict, expect);
            assert!(check.found.contains("openai/m/8") && check.found.contains('7'));
        };
        check("ready", Verdict::Good);
        check("behind", Verdict::Odd);
        check("down", Verdict::Bad);
    }

    #[test]
    fn a_directory_that_is_not_there_yet_is_fine_and_stays_away() {
        let dir = tempfile::tempdir().unwrap();
        let below = dir.path().join("a/b");
        let check = data_dir(&below);
        assert_eq!(check.verdict, Verdict::Good, "{check:?}");
        assert!(!below.exists());
    }

    #[test]
    fn a_file_in_place_of_the_directory_is_not_fine() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(data_dir(file.path()).verdict, Verdict::Bad);
    }

    #[test]
    fn a_port_in_use_is_told() {
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let config = Config {
            listen: holder.local_addr().unwrap(),
            ..Config::default()
        };
        assert_eq!(port(&config).verdict, Verdict::Odd);
        drop(holder);
    }
}
