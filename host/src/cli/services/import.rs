//! `warren services import`: many services from one file.

use std::io::Read as _;
use std::path::Path;

use crate::api::types::ServicesImportView;
use crate::cli::Context;
use crate::cli::client::Request;
use crate::cli::console::Tint;
use crate::cli::failure::{Failure, Result};

/// Longest file that is sent, in bytes: far more than a host takes, which then says its own limit.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

pub(super) fn run(file: &Path, dry_run: bool, context: &Context) -> Result<()> {
    let extension = file.extension().and_then(|extension| extension.to_str());
    let media = match extension.map(str::to_ascii_lowercase).as_deref() {
        Some("csv") => "text/csv",
        Some("json") => "application/json",
        _ => {
            let message = format!("{} is neither .csv nor .json", file.display());
            return Err(Failure::usage(message)
                .hint("the end of the name says how the file is written: rename it"));
        }
    };
    let request = Request::post(&["services", "import"])
        .query("dry_run", dry_run.then_some(true))
        .bytes(media, read(file)?);
    let progress = context
        .console
        .progress(format!("importing {}", file.display()));
    let answer = context.client()?.send(request);
    drop(progress);
    let answer = answer?;
    if context.console.is_json() {
        return context.console.json(&answer.raw()?);
    }
    let done: ServicesImportView = answer.read()?;
    let word = if done.dry_run { "would do:" } else { "done:" };
    let talk = format!(
        "{} rows: {} new, {} changed, {} as they were",
        done.rows, done.created, done.changed, done.unchanged
    );
    context.console.say(Tint::Good, word, talk);
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let unreadable = |error| Failure::file("read", path, &error);
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(bytes)
}
