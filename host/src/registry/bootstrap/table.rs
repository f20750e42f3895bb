//! Rows of a CSV file as the documents that they stand for.
//!
//! An empty cell is left out. Lists are separated by `;`; what a cell cannot say, it says as JSON.

use csv::{Position, ReaderBuilder, StringRecord, Trim};
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};

use super::{BOOTSTRAP_ROWS_MAX, Place, Row};

/// The columns there are. Only `name` and `type` must be.
const COLUMNS: [&str; 19] = [
    "name",
    "version",
    "type",
    "description",
    "category",
    "tags",
    "url",
    "protocol",
    "auth",
    "endpoints",
    "capabilities",
    "subscriptions",
    "consumes",
    "produces",
    "metadata",
    "visibility",
    "readers",
    "ttl_s",
    "signature",
];
/// Those of them that must be.
const NEEDED: [&str; 2] = ["name", "type"];

/// The rows of a file.
///
/// # Errors
/// `Invalid` for a header that cannot be used.
pub(super) fn rows(text: &[u8]) -> Result<Vec<Row>> {
    // What spreadsheets write first.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut reader = ReaderBuilder::new()
        .trim(Trim::All)
        .flexible(true)
        .from_reader(text);
    let header = reader
        .headers()
        .map_err(|e| Error::invalid("header", e.to_string()))?
        .clone();
    check_header(&header)?;
    let name_column = header.iter().position(|column| column == "name");
    let mut rows = Vec::new();
    // One more than there may be, so that the caller sees that there are too many.
    for (record, row) in reader.records().zip(1..).take(BOOTSTRAP_ROWS_MAX + 1) {
        let (position, name, value) = match record {
            Ok(record) => (
                record.position().cloned(),
                name_column.and_then(|column| record.get(column).map(str::to_owned)),
                document(&header, &record),
            ),
            Err(e) => (
                e.position().cloned(),
                None,
                Err(Error::invalid("row", e.to_string())),
            ),
        };
        let line = position.map(|position| line_of(text, &position));
        rows.push(Row {
            place: Place { row, line },
            name,
            value,
        });
    }
    Ok(rows)
}

/// The line on which a record begins. The reader's position is before the empty lines that it passes over.
fn line_of(text: &[u8], position: &Position) -> u64 {
    let from = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let rest = text.get(from..).unwrap_or_default();
    let empty = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + empty.filter(|byte| **byte == b'\n').count() as u64
}

fn check_header(header: &StringRecord) -> Result<()> {
    for (index, column) in header.iter().enumerate() {
        let known = COLUMNS.contains(&column);
        if !known || header.iter().take(index).any(|before| before == column) {
            let what = if known {
                "is there twice"
            } else {
                "is no column"
            };
            let shown: String = column
                .chars()
                .take(40)
                .flat_map(char::escape_default)
                .collect();
            let columns = COLUMNS.join(", ");
            let reason = format!("`{shown}` {what}; the columns are {columns}");
            return Err(Error::invalid("header", reason));
        }
    }
    match NEEDED
        .iter()
        .find(|needed| !header.iter().any(|column| column == **needed))
    {
        None => Ok(()),
        Some(missing) => Err(Error::invalid(
            "header",
            format!("there is no column `{missing}`: the first line names the columns"),
        )),
    }
}

fn document(header: &StringRecord, record: &StringRecord) -> Result<Value> {
    if record.len() != header.len() {
        let reason = format!("{} cells under {} columns", record.len(), header.len());
        return Err(Error::invalid("row", reason));
    }
    let mut members = Map::new();
    for (column, cell) in header
        .iter()
        .zip(record.iter())
        .filter(|(_, cell)| !cell.is_empty())
    {
        let column = COLUMNS
            .into_iter()
            .find(|known| *known == column)
            .unwrap_or("row");
        members.insert(column.to_owned(), value(column, cell)?);
    }
    Ok(Value::Object(members))
}

fn value(column: &'static str, cell: &str) -> Result<Value> {
    let json =
        || serde_json::from_str(cell).map_err(|e| Error::invalid(column, format!("not JSON: {e}")));
    let is_json = cell.starts_with(['[', '{']);
    match column {
        "auth" if !is_json => Ok(json!({ "type": cell })),
        "ttl_s" => cell
            .parse::<u32>()
            .map(Value::from)
            .map_err(|e| Error::invalid(column, format!("`{}`: {e}", cell.escape_default()))),
        "tags" | "readers" if !is_json => Ok(list(cell, |word| Ok(json!(word)))?),
        "capabilities" if !is_json => Ok(list(cell, |word| Ok(json!({ "name": word })))?),
        "endpoints" if !is_json => Ok(list(cell, |word| Ok(endpoint(word)))?),
        "subscriptions" | "consumes" | "produces" if !is_json => list(cell, |word| {
            let (topic, event_type) = word.split_once('/').ok_or_else(|| {
                let shown = word.escape_default();
                Error::invalid(column, format!("`{shown}` is not `topic/type`"))
            })?;
            Ok(json!({ "topic": topic, "type": event_type }))
        }),
        "metadata" | "auth" | "tags" | "readers" | "capabilities" | "endpoints"
        | "subscriptions" | "consumes" | "produces" => json(),
        _ => Ok(json!(cell)),
    }
}

fn list(cell: &str, item: impl Fn(&str) -> Result<Value>) -> Result<Value> {
    cell.split(';')
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .map(item)
        .collect::<Result<Vec<_>>>()
        .map(Value::Array)
}

/// `POST /chat`, or `/chat` alone.
fn endpoint(word: &str) -> Value {
    match word.split_once(' ') {
        Some((method, path)) => json!({ "method": method, "path": path.trim() }),
        None => json!({ "path": word }),
    }
}
