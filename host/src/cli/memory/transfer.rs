//! `warren memory export` and `import`: JSON Lines, a page at a time.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::value::RawValue;

use crate::api::types::{ImportRequest, ImportView, Listing};
use crate::memory::{IMPORT_RECORDS_MAX, Imported, KnowledgeRecord};

use super::super::Context;
use super::super::client::Request;
use super::super::failure::{Failure, Result};
use super::Whom;

/// Records of a page of an export.
const PAGE: u32 = 100;
/// Bytes of the records of one request: well within what the host takes as a body.
const REQUEST_BYTES: usize = 512 * 1024;

#[derive(Debug, clap::Args)]
pub(super) struct Export {
    /// Write to this file instead of stdout
    file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Import {
    /// The file
    file: PathBuf,
}

pub(super) fn export(args: &Export, whom: &Whom, context: &Context) -> Result<()> {
    let client = context.client()?;
    let mut file = match &args.file {
        None => None,
        Some(path) => {
            let made = File::create(path).map_err(|error| Failure::file("write", path, &error))?;
            Some((path, BufWriter::new(made)))
        }
    };
    let progress = context.console.progress("exporting");
    let (mut count, mut after) = (0_usize, None::<String>);
    loop {
        let request = Request::get(&["memory", "export"])
            .query("after", after)
            .query("limit", Some(PAGE));
        let page: Listing<Box<RawValue>> = client.send(whom.ask(request))?.read()?;
        for record in &page.items {
            match &mut file {
                None => context.console.json_line(record)?,
                Some((path, file)) => writeln!(file, "{record}")
                    .map_err(|error| Failure::file("write", path, &error))?,
            }
        }
        count += page.items.len();
        progress.now(format!("exporting: {count} entries"));
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    if let Some((path, file)) = &mut file {
        file.flush()
            .map_err(|error| Failure::file("write", path, &error))?;
    }
    drop(progress);
    context
        .console
        .note(format_args!("{count} entries exported"));
    Ok(())
}

/// What became of the lines so far.
#[derive(Default)]
struct Tally {
    created: usize,
    replaced: usize,
    refused: usize,
}

pub(super) fn import(args: &Import, whom: &Whom, context: &Context) -> Result<()> {
    let failed = |error: std::io::Error| Failure::file("read", &args.file, &error);
    let lines = BufReader::new(File::open(&args.file).map_err(failed)?).lines();
    let progress = context.console.progress("importing");
    let mut tally = Tally::default();
    let (mut waiting, mut bytes) = (Vec::new(), 0);
    for (number, line) in (1..).zip(lines) {
        let line = line.map_err(failed)?;
        if line.trim().is_empty() {
            continue;
        }
        let record = read(&args.file, number, &line)?;
        if waiting.len() == IMPORT_RECORDS_MAX
            || (!waiting.is_empty() && bytes + line.len() > REQUEST_BYTES)
        {
            send(&mut waiting, &mut tally, whom, context)?;
            bytes = 0;
            let done = tally.created + tally.replaced + tally.refused;
            progress.now(format!("importing: {done} entries"));
        }
        bytes += line.len();
        waiting.push((number, record));
    }
    send(&mut waiting, &mut tally, whom, context)?;
    drop(progress);
    let Tally {
        created,
        replaced,
        refused,
    } = tally;
    context.console.note(format_args!(
        "{created} entries are new, {replaced} were replaced, {refused} refused"
    ));
    Ok(())
}

fn read(file: &Path, number: usize, line: &str) -> Result<KnowledgeRecord> {
    serde_json::from_str(line).map_err(|error| {
        Failure::usage(format!("{}:{number}: {error}", file.display()))
            .hint("each line is one entry as `warren memory export` writes it; at least {\"content\": \"…\"}")
    })
}

/// Send what waits, and tell of each line that was refused.
fn send(
    waiting: &mut Vec<(usize, KnowledgeRecord)>,
    tally: &mut Tally,
    whom: &Whom,
    context: &Context,
) -> Result<()> {
    if waiting.is_empty() {
        return Ok(());
    }
    let (numbers, records): (Vec<usize>, Vec<KnowledgeRecord>) = waiting.drain(..).unzip();
    let request = Request::post(&["memory", "import"]).json(&ImportRequest { records })?;
    let view: ImportView = context.client()?.send(whom.ask(request))?.read()?;
    for (number, outcome) in numbers.into_iter().zip(view.outcomes) {
        match outcome {
            Imported::Created { .. } => tally.created += 1,
            Imported::Replaced { .. } => tally.replaced += 1,
            Imported::Refused { reason } => {
                tally.refused += 1;
                context
                    .console
                    .note(format_args!("line {number}: {reason}"));
            }
        }
    }
    Ok(())
}
