//! Where words go: data to stdout, talk to stderr, progress to a terminal only.
//!
//! Invariant: with `--json` nothing but JSON reaches stdout, one document or one a line; colour says
//! nothing that the words do not.

use std::env;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::json;

use super::failure::{Exit, Failure, Result};
use super::table::Table;
use super::text;

/// Between two pictures of the spinner: quick enough to look alive, slow enough to cost nothing.
const SPINNER_TICK: Duration = Duration::from_millis(120);

/// How loudly a word is shown on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tint {
    /// Bold red.
    Bad,
    /// Green.
    Good,
    /// Yellow.
    Odd,
    /// Cyan.
    Hint,
    /// Faint.
    Faint,
}

impl Tint {
    const fn code(self) -> &'static str {
        match self {
            Self::Bad => "1;31",
            Self::Good => "32",
            Self::Odd => "33",
            Self::Hint => "36",
            Self::Faint => "2",
        }
    }
}

/// One of the two streams that words go to.
#[derive(Debug)]
struct Stream<W> {
    to: W,
    is_terminal: bool,
    colour: bool,
}

impl<W: IsTerminal> Stream<W> {
    fn new(to: W) -> Self {
        let plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || env::var_os("TERM").is_some_and(|term| term == "dumb");
        let is_terminal = to.is_terminal();
        Self {
            to,
            is_terminal,
            colour: is_terminal && !plain,
        }
    }
}

/// The terminal, or what stands in for it.
#[derive(Debug)]
pub(crate) struct Console {
    json: bool,
    data: Stream<io::Stdout>,
    talk: Stream<io::Stderr>,
}

impl Console {
    /// For this process; `json` is the flag of that name.
    pub(crate) fn new(json: bool) -> Self {
        Self {
            json,
            data: Stream::new(io::stdout()),
            talk: Stream::new(io::stderr()),
        }
    }

    /// Whether data is wanted as JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// A line of data.
    pub(crate) fn line(&self, line: impl Display) -> Result<()> {
        written(writeln!(self.data.to.lock(), "{line}"))
    }

    /// One JSON document, indented when somebody looks at it and on one line when a program reads.
    pub(crate) fn json(&self, value: &(impl Serialize + ?Sized)) -> Result<()> {
        let text = if self.data.is_terminal {
            // By way of a tree: JSON that was kept as the host wrote it would not be indented.
            serde_json::to_string_pretty(&serde_json::to_value(value)?)?
        } else {
            one_line(value)?
        };
        self.line(text)
    }

    /// One JSON document on one line of a stream of them.
    pub(crate) fn json_line(&self, value: &(impl Serialize + ?Sized)) -> Result<()> {
        self.line(one_line(value)?)
    }

    /// A table, or `nothing` in its place on stderr when it has no rows.
    pub(crate) fn table(&self, table: &Table, nothing: &str) -> Result<()> {
        if table.is_empty() {
            self.note(nothing);
            return Ok(());
        }
        let mut out = io::BufWriter::new(self.data.to.lock());
        for (i, line) in table.lines().enumerate() {
            let line = if i == 0 {
                self.data_tint(Tint::Faint, &line)
            } else {
                line
            };
            written(writeln!(out, "{line}"))?;
        }
        written(out.flush())
    }

    /// A word of data with its decoration.
    pub(crate) fn data_tint(&self, tint: Tint, word: &str) -> String {
        tinted(self.data.colour, tint, word)
    }

    /// A line of talk. That nobody may be listening is no failure.
    pub(crate) fn note(&self, line: impl Display) {
        let _ = writeln!(self.talk.to.lock(), "{line}");
    }

    /// Like [`Self::note`], behind a word with its decoration.
    pub(crate) fn say(&self, tint: Tint, word: &str, line: impl Display) {
        self.note(format_args!(
            "{} {line}",
            tinted(self.talk.colour, tint, word)
        ));
    }

    /// How a command ended, if not well: as talk too where data is JSON, so that what reads the data never
    /// finds anything else in it, but then on one line for a program.
    pub(crate) fn failure(&self, failure: &Failure) {
        if failure.exit == Exit::Done {
            return;
        }
        if self.json {
            self.note(json!({
                "error": failure.to_string(),
                "hint": failure.next_step(),
                "exit": failure.exit as u8,
            }));
            return;
        }
        self.say(Tint::Bad, "error:", text::safe_lines(&failure.to_string()));
        if let Some(hint) = failure.next_step() {
            self.say(Tint::Hint, "hint:", text::safe_lines(hint));
        }
    }

    /// Ask somebody at a terminal; whoever is not there has not agreed.
    pub(crate) fn agrees(&self, question: &str) -> Result<bool> {
        if self.json || !self.talk.is_terminal || !io::stdin().is_terminal() {
            return Ok(false);
        }
        let _ = write!(self.talk.to.lock(), "{question} [y/N] ");
        let mut answer = String::new();
        let read = io::stdin().read_line(&mut answer);
        read.map_err(|error| Failure::new(format!("cannot read the answer: {error}")))?;
        Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
    }

    /// Show that something is being done until the returned value is dropped.
    pub(crate) fn progress(&self, what: impl Into<String>) -> Progress {
        let what = what.into();
        if !self.talk.is_terminal {
            self.note(format_args!("{what} …"));
            return Progress(None);
        }
        let style = ProgressStyle::with_template("{spinner} {msg} {elapsed:.dim}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = ProgressBar::new_spinner()
            .with_style(style)
            .with_message(what);
        bar.enable_steady_tick(SPINNER_TICK);
        Progress(Some(bar))
    }
}

/// A spinner that goes away by itself.
#[derive(Debug)]
pub(crate) struct Progress(Option<ProgressBar>);

impl Progress {
    /// Change what it says.
    pub(crate) fn now(&self, what: impl Into<String>) {
        if let Some(bar) = &self.0 {
            bar.set_message(what.into());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// JSON without line breaks. What was kept as its publisher wrote it may have some, but only between its
/// parts: inside of a string they are escaped.
fn one_line(value: &(impl Serialize + ?Sized)) -> Result<String> {
    let text = serde_json::to_string(value)?;
    Ok(text.replace(['\n', '\r'], " "))
}

fn tinted(colour: bool, tint: Tint, word: &str) -> String {
    if colour {
        format!("\u{1b}[{}m{word}\u{1b}[0m", tint.code())
    } else {
        word.to_owned()
    }
}

/// `warren events | head` closes our stdout: that is its right, not a failure.
fn written(result: io::Result<()>) -> Result<()> {
    result.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::of(Exit::Done, "nobody reads the output"),
        _ => Failure::new(format!("cannot write to stdout: {error}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_decoration_only() {
        assert_eq!(tinted(false, Tint::Bad, "error:"), "error:");
        assert_eq!(
            tinted(true, Tint::Bad, "error:"),
            "\u{1b}[1;31merror:\u{1b}[0m"
        );
    }

    #[test]
    fn json_takes_one_line_however_it_was_written() {
        let text = "{\"a\":\r\n [1,\n2],\"b\":\"x\\ny\"}";
        let raw: &serde_json::value::RawValue = serde_json::from_str(text).unwrap();
        let line = one_line(raw).unwrap();
        assert!(!line.contains(['\n', '\r']), "{line:?}");
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&line), value(text));
    }

    #[test]
    fn a_closed_pipe_is_no_failure_and_a_full_disk_is() {
        let code = |kind: io::ErrorKind| written(Err(kind.into())).unwrap_err().exit;
        assert_eq!(code(io::ErrorKind::BrokenPipe), Exit::Done);
        assert_eq!(code(io::ErrorKind::StorageFull), Exit::Failed);
    }
}
