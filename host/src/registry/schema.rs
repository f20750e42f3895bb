//! Checking values against JSON schemas, with a bounded cache of compiled ones.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use jsonschema::Validator;
use parking_lot::Mutex;

use crate::error::{Error, Result};
use crate::events::Json;

use super::Schema;

/// Most compiled schemas kept. One is some tens of kilobytes; when full the cache starts anew, which
/// costs a recompilation of about 50 µs each.
const COMPILED_MAX: usize = 1_024;
/// Most violations that are reported of one value.
pub const VIOLATIONS_MAX: usize = 32;

/// Where and why a value breaks a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// JSON pointer into the value.
    pub pointer: String,
    /// What is wrong there.
    pub message: String,
}

/// Compiled schemas by their text, shared by all tenants: a schema's text is its identity.
#[derive(Default)]
pub struct SchemaCache(Mutex<HashMap<Json, Arc<Validator>>>);

impl SchemaCache {
    /// What is wrong with `value`; empty when it fits.
    pub fn violations(&self, schema: &Schema, value: &Json) -> Result<Vec<Violation>> {
        let validator = self.compiled(&schema.name, &schema.body)?;
        violations(&validator, value)
    }

    /// Require that `value` fits.
    ///
    /// # Errors
    /// `Invalid` with the JSON pointer of the first offending value.
    pub fn require(&self, schema: &Schema, value: &Json) -> Result<()> {
        let validator = self.compiled(&schema.name, &schema.body)?;
        let whose = format_args!("schema `{}` version {}", schema.name, schema.version);
        required(&validator, value, whose)
    }

    /// The same with a schema that is registered under no name; `whose` tells people which.
    ///
    /// # Errors
    /// As [`SchemaCache::require`].
    pub fn require_body(&self, body: &Json, whose: &str, value: &Json) -> Result<()> {
        let validator = self.compiled(whose, body)?;
        required(&validator, value, format_args!("schema {whose}"))
    }

    fn compiled(&self, name: &str, body: &Json) -> Result<Arc<Validator>> {
        if let Some(found) = self.0.lock().get(body) {
            return Ok(Arc::clone(found));
        }
        let validator = compile(body)
            .map(Arc::new)
            .map_err(|reason| Error::invalid("schema", format!("`{name}`: {reason}")))?;
        let mut cache = self.0.lock();
        if cache.len() >= COMPILED_MAX {
            cache.clear();
        }
        cache.insert(body.clone(), Arc::clone(&validator));
        Ok(validator)
    }
}

fn violations(validator: &Validator, value: &Json) -> Result<Vec<Violation>> {
    let value: serde_json::Value = value.read("value")?;
    Ok(validator
        .iter_errors(&value)
        .take(VIOLATIONS_MAX)
        .map(|e| Violation {
            pointer: e.instance_path().to_string(),
            message: e.to_string(),
        })
        .collect())
}

fn required(validator: &Validator, value: &Json, whose: fmt::Arguments<'_>) -> Result<()> {
    match violations(validator, value)?.first() {
        None => Ok(()),
        Some(Violation { pointer, message }) => Err(Error::invalid(
            format!("data{pointer}"),
            format!("{message} ({whose})"),
        )),
    }
}

/// Compile a schema, or say why it is not one. References to other documents are refused: a schema must
/// not make the host fetch anything.
pub fn compile(schema: &Json) -> std::result::Result<Validator, String> {
    let value: serde_json::Value =
        serde_json::from_str(schema.as_str()).map_err(|e| e.to_string())?;
    jsonschema::draft202012::new(&value).map_err(|e| e.to_string())
}
