//! Many services from one file: CSV for people with spreadsheets, JSON for everybody else.
//!
//! Invariant: a file is read to its end whatever is wrong with it, so that all its faults are told at
//! once, each with its row; whoever imports takes all of it or nothing. Knows nothing of HTTP or files.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::error::{Error, Result};

use super::{SERVICES_PER_TENANT_MAX, ServiceDocument};

mod table;

/// Most rows of a file: as many services as a tenant may have.
pub const BOOTSTRAP_ROWS_MAX: usize = SERVICES_PER_TENANT_MAX;
/// Most faults that are told of one file: whoever has more has one fault, many times.
pub const BOOTSTRAP_FAULTS_MAX: usize = 100;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BootstrapFormat {
    /// Comma-separated values under a header line.
    Csv,
    /// A list of documents, or an object with one under `services`.
    Json,
}

/// Something that is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RowFault {
    /// Which row: 1 is the first service of the file.
    pub row: u64,
    /// The line of the file on which it begins, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The service's name, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The member or column to blame.
    pub field: String,
    /// What is wrong there.
    pub reason: String,
}

impl RowFault {
    /// Of what an error says about a row.
    pub fn of(place: &Place, name: Option<&str>, error: &Error) -> Self {
        let (field, reason) = match error {
            Error::Invalid { field, reason } => (field.to_string(), reason.clone()),
            Error::Conflict { what, reason } => ((*what).to_owned(), reason.clone()),
            other => ("service".to_owned(), other.to_string()),
        };
        Self {
            row: place.row,
            line: place.line,
            name: name.map(str::to_owned),
            field,
            reason,
        }
    }
}

/// Where a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// 1 is the first service of the file.
    pub row: u64,
    /// The line on which it begins, where that is known.
    pub line: Option<u64>,
}

/// A file that was read.
#[derive(Debug, Default)]
pub struct Bootstrap {
    /// The rows that are services.
    pub services: Vec<(Place, ServiceDocument)>,
    /// What is wrong with the others.
    pub faults: Vec<RowFault>,
    /// How many rows there are.
    pub rows: usize,
}

impl Bootstrap {
    /// Read a file.
    ///
    /// # Errors
    /// `Invalid` if it cannot be read as rows at all; `TooLarge` for too many of them. What is wrong with
    /// single rows is in [`Bootstrap::faults`].
    pub fn read(format: BootstrapFormat, text: &[u8]) -> Result<Self> {
        let rows = match format {
            BootstrapFormat::Csv => table::rows(text)?,
            BootstrapFormat::Json => documents(text)?,
        };
        if rows.len() > BOOTSTRAP_ROWS_MAX {
            return Err(Error::TooLarge {
                limit: "bootstrap_rows_max",
                unit: "rows",
                max: BOOTSTRAP_ROWS_MAX as u64,
                got: rows.len() as u64,
            });
        }
        let mut read = Self {
            rows: rows.len(),
            ..Self::default()
        };
        let mut names = BTreeSet::new();
        for Row { place, name, value } in rows {
            let document = value.and_then(ServiceDocument::read).and_then(|document| {
                let name = document.definition.name.clone();
                if names.insert(name.clone()) {
                    return Ok(document);
                }
                Err(Error::invalid("name", format!("`{name}` is there twice")))
            });
            match document {
                Ok(document) => read.services.push((place, document)),
                Err(error) => read.fault(RowFault::of(&place, name.as_deref(), &error)),
            }
        }
        Ok(read)
    }

    /// Note what is wrong with a row.
    pub fn fault(&mut self, fault: RowFault) {
        if self.faults.len() < BOOTSTRAP_FAULTS_MAX {
            self.faults.push(fault);
        }
    }
}

/// A row before it is known to be a service.
struct Row {
    place: Place,
    name: Option<String>,
    value: Result<Value>,
}

fn documents(text: &[u8]) -> Result<Vec<Row>> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Listed {
        services: Vec<Value>,
    }
    let unreadable = |e: serde_json::Error| Error::invalid("file", format!("not JSON: {e}"));
    let value: Value = serde_json::from_slice(text).map_err(unreadable)?;
    let values = match value {
        Value::Array(values) => values,
        listed => {
            serde_json::from_value::<Listed>(listed)
                .map_err(|e| {
                    let reason = format!("neither a list nor `{{\"services\": [...]}}`: {e}");
                    Error::invalid("file", reason)
                })?
                .services
        }
    };
    let row = |(value, row): (Value, u64)| Row {
        place: Place { row, line: None },
        name: value.get("name").and_then(Value::as_str).map(str::to_owned),
        value: Ok(value),
    };
    Ok(values.into_iter().zip(1..).map(row).collect())
}

#[cfg(test)]
mod tests;
