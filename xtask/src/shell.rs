//! Starting other programs: loudly (their output is the progress) or quietly (a line with the time, a log file).
//!
//! Invariant: a quiet command always has a time limit, and its failure shows the end of its log.

use std::fs::{self, File};
use std::io::{IsTerminal, Write, stderr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::paths;

/// How often a waiting terminal line is renewed; short enough to look alive.
const TICK: Duration = Duration::from_millis(100);
/// How often a log that is no terminal gets a sign of life; CI systems give up on silence after minutes.
const SIGN_OF_LIFE: Duration = Duration::from_secs(30);
/// How many lines of a failed command's log are shown.
const LOG_LINES_MAX: usize = 40;
/// How the line begins that says where a log is.
const WHOLE_LOG: &str = "(the whole log:";

/// Runs `command` with its output going straight to the terminal.
pub(crate) fn loud(command: &mut Command) -> Result<()> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot start {}", name(command)))?;
    if !status.success() {
        bail!("{} failed ({status})", line(command));
    }
    Ok(())
}

/// Runs `command` for at most `limit` with its output in the file `log`, showing `title` and the time meanwhile.
pub(crate) fn quiet(title: &str, command: &mut Command, limit: Duration, log: &Path) -> Result<()> {
    let out = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stderr(out.try_clone()?)
        .stdout(out)
        .spawn()
        .with_context(|| format!("cannot start {}", name(command)))?;
    let outcome = wait(title, &mut child, started, limit);
    finish_line();
    match outcome? {
        Some(true) => {
            eprintln!("  done  {title} ({:.1} s)", started.elapsed().as_secs_f64());
            Ok(())
        }
        Some(false) => bail!("{title} failed: {}\n{}", line(command), tail(log)),
        None => bail!(
            "{title} took longer than {} s and was stopped: {}",
            limit.as_secs(),
            line(command)
        ),
    }
}

/// Standard output of `command`, which must succeed and be quick.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let out = command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .with_context(|| format!("cannot start {}", name(command)))?;
    if !out.status.success() {
        bail!(
            "{} failed ({}): {}",
            line(command),
            out.status,
            String::from_utf8_lossy(&out.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

/// `cargo` with `args`, in this workspace.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.args(args).current_dir(paths::root());
    cargo
}

/// A failure on one line: what failed, and the last that its log says.
pub(crate) fn gist(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let last = lines.rfind(|line| !line.starts_with(WHOLE_LOG));
    match last {
        Some(last) => format!("{first}: {last}"),
        None => first.to_owned(),
    }
}

/// Whether the child succeeded, or `None` when it had to be stopped.
fn wait(title: &str, child: &mut Child, started: Instant, limit: Duration) -> Result<Option<bool>> {
    let terminal = stderr().is_terminal();
    let mut spoken = started;
    if !terminal {
        eprintln!("  ....  {title}");
    }
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status.success()));
        }
        if started.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        if terminal {
            eprint!("\r  ....  {title} ({} s)", started.elapsed().as_secs());
            stderr().flush()?;
        } else if spoken.elapsed() > SIGN_OF_LIFE {
            spoken = Instant::now();
            eprintln!("  ....  {title} ({} s)", started.elapsed().as_secs());
        }
        sleep(TICK);
    }
}

fn finish_line() {
    if stderr().is_terminal() {
        eprint!("\r\x1b[2K");
    }
}

fn tail(log: &Path) -> String {
    let text = fs::read(log)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(LOG_LINES_MAX);
    let end = lines.get(from..).unwrap_or_default().join("\n");
    format!("{end}\n{WHOLE_LOG} {})", log.display())
}

fn name(command: &Command) -> String {
    format!(
        "`{}`; is it installed and on the PATH?",
        command.get_program().to_string_lossy()
    )
}

fn line(command: &Command) -> String {
    let args = command.get_args().map(|arg| arg.to_string_lossy());
    let words: Vec<_> = std::iter::once(command.get_program().to_string_lossy())
        .chain(args)
        .collect();
    format!("`{}`", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gist_is_what_failed_and_the_last_of_its_log() {
        let check = |text: &'static str, expect: &str| {
            let error = anyhow::anyhow!(text).context("in go");
            assert_eq!(gist(&error), expect);
        };
        check("`cc` is missing", "in go: `cc` is missing");
        check(
            "pip failed: `pip install x`\nlooking\nERROR: none found\n\n(the whole log: x.log)",
            "in go: pip failed: `pip install x`: ERROR: none found",
        );
        check("empty\n\n(the whole log: x.log)", "in go: empty");
    }
}
