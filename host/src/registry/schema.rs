//! Checking values against JSON schemas, with a bounded cache of compiled ones.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use jsonschema::{PatternOptions, Validator};
use parking_lot::Mutex;

use crate::error::{Error, Result};
use crate::events::Json;

use super::Schema;

mod steps;

use steps::{Anchors, CHECK_DEPTH_MAX, CHECK_STEPS_MAX, TooMuch};

/// Most compiled schemas kept. One is some tens of kilobytes; when full the cache starts anew, which
/// costs a recompilation of about 50 µs each.
const COMPILED_MAX: usize = 1_024;
/// Most violations that are reported of one value.
pub const VIOLATIONS_MAX: usize = 32;

/// Most bytes of one pattern's automaton.
const PATTERN_BYTES_MAX: usize = 1024 * 1024;

/// A schema that can be checked against.
struct Compiled {
    validator: Validator,
    schema: serde_json::Value,
    anchors: Anchors,
}

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
pub struct SchemaCache(Mutex<HashMap<Json, Arc<Compiled>>>);

impl SchemaCache {
    /// What is wrong with `value`; empty when it fits.
    pub fn violations(&self, schema: &Schema, value: &Json) -> Result<Vec<Violation>> {
        let compiled = self.compiled(&schema.name, &schema.body)?;
        violations(&compiled, value)
    }

    /// Require that `value` fits.
    ///
    /// # Errors
    /// `Invalid` with the JSON pointer of the first offending value.
    pub fn require(&self, schema: &Schema, value: &Json) -> Result<()> {
        let compiled = self.compiled(&schema.name, &schema.body)?;
        let whose = format_args!("schema `{}` version {}", schema.name, schema.version);
        required(&compiled, value, whose)
    }

    /// The same with a schema that is registered under no name; `whose` tells people which.
    ///
    /// # Errors
    /// As [`SchemaCache::require`].
    pub fn require_body(&self, body: &Json, whose: &str, value: &Json) -> Result<()> {
        let compiled = self.compiled(whose, body)?;
        required(&compiled, value, format_args!("schema {whose}"))
    }

    fn compiled(&self, name: &str, body: &Json) -> Result<Arc<Compiled>> {
        if let Some(found) = self.0.lock().get(body) {
            return Ok(Arc::clone(found));
        }
        let compiled = compiled(body)
            .map(Arc::new)
            .map_err(|reason| Error::invalid("schema", format!("`{name}`: {reason}")))?;
        let mut cache = self.0.lock();
        if cache.len() >= COMPILED_MAX {
            cache.clear();
        }
        cache.insert(body.clone(), Arc::clone(&compiled));
        Ok(compiled)
    }
}

fn violations(compiled: &Compiled, value: &Json) -> Result<Vec<Violation>> {
    let value: serde_json::Value = value.read("value")?;
    steps::bounded(&compiled.schema, &compiled.anchors, &value).map_err(|too_much| {
        let reason = match too_much {
            TooMuch::Steps => format!(
                "checking it takes more than {CHECK_STEPS_MAX} steps: the schema branches too often for this value"
            ),
            TooMuch::Depth => format!(
                "checking it goes more than {CHECK_DEPTH_MAX} levels deep into the schema"
            ),
        };
        Error::invalid("data", reason)
    })?;
    Ok(compiled
        .validator
        .iter_errors(&value)
        .take(VIOLATIONS_MAX)
        .map(|e| Violation {
            pointer: e.instance_path().to_string(),
            message: e.to_string(),
        })
        .collect())
}

fn required(compiled: &Compiled, value: &Json, whose: fmt::Arguments<'_>) -> Result<()> {
    match violations(compiled, value)?.first() {
        None => Ok(()),
        Some(Violation { pointer, message }) => Err(Error::invalid(
            format!("data{pointer}"),
            format!("{message} ({whose})"),
        )),
    }
}

/// Require that `schema` is one, or say why it is not. References to other documents are refused: a schema
/// must not make the host fetch anything. So is an `$id` inside it, by which references could mean another
/// place than their text says. Patterns are such as can be matched in time of the text.
pub fn compile(schema: &Json) -> std::result::Result<(), String> {
    compiled(schema).map(|_| ())
}

fn compiled(schema: &Json) -> std::result::Result<Compiled, String> {
    let schema: serde_json::Value =
        serde_json::from_str(schema.as_str()).map_err(|e| e.to_string())?;
    let anchors = steps::anchors(&schema)
        .map_err(|pointer| format!("`{pointer}` has an `$id`: a schema is one document"))?;
    let validator = jsonschema::draft202012::options()
        .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES_MAX))
        .build(&schema)
        .map_err(|e| e.to_string())?;
    Ok(Compiled {
        validator,
        schema,
        anchors,
    })
}

/// The name of a member as a step of a JSON pointer (RFC 6901).
pub(super) fn pointer_step(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
