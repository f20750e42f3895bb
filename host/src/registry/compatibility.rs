//! Whether a new version of a schema goes together with the one before it.
//!
//! *Backward*: all that the old version takes, the new one takes, so whoever reads by the new one can read
//! what was written by the old. *Forward*: the other way round, so whoever still reads by the old one can
//! read what is written by the new. *Full*: both.
//!
//! Judged is the part of JSON Schema 2020-12 that payloads are written in: `type`, `enum`, `const`, `required`,
//! `properties`, `additionalProperties`, `items`, `prefixItems`, bounds of numbers, lengths, items and
//! properties, `multipleOf`, `uniqueItems`, `anyOf`, `allOf`, and references inside the document. Two things
//! to know:
//!
//! - What a schema does not mention counts as not sent. A new optional property is compatible, although
//!   an old writer might have sent something else under its name; without that, nothing could ever be added.
//! - `pattern`, `oneOf`, `not`, `if`, `patternProperties`, `propertyNames`, `dependent…`, `contains` and
//!   `unevaluated…` are not judged: unchanged they are compatible, dropped they widen where dropping can only
//!   widen, and any other change is reported as breaking, with words that say so. A pair of schemas that
//!   takes more than [`STEPS_MAX`] steps is reported the same way. `format` asserts nothing, as everywhere in
//!   2020-12.
//!
//! Invariant: what is called compatible is (but for the first point); what is called breaking names the
//! place as a JSON pointer into the schema and what happened there.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::events::Json;

mod bounds;
mod shape;
mod types;
mod walk;

#[cfg(test)]
mod tests;

use walk::Walk;

/// Most nodes of two schemas that are compared: a schema is at most 256 KiB, but `anyOf` multiplies. This
/// many take some ten milliseconds.
pub const STEPS_MAX: u32 = 50_000;
/// Most breaking places that are reported.
pub const BREAKING_MAX: usize = 8;

/// What a new version of a schema must be to the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compatibility {
    /// Anything.
    None,
    /// It takes all that the one before took.
    #[default]
    Backward,
    /// The one before takes all that it takes.
    Forward,
    /// Both take the same.
    Full,
}

impl Compatibility {
    /// `none`, `backward`, `forward` or `full`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Backward => "backward",
            Self::Forward => "forward",
            Self::Full => "full",
        }
    }
}

impl std::str::FromStr for Compatibility {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        [Self::None, Self::Backward, Self::Forward, Self::Full]
            .into_iter()
            .find(|mode| mode.as_str() == text)
            .ok_or_else(|| {
                let shown: String = text
                    .chars()
                    .take(40)
                    .flat_map(char::escape_default)
                    .collect();
                Error::invalid(
                    "compatibility",
                    format!("`{shown}` is none of none, backward, forward and full"),
                )
            })
    }
}

/// A place where two versions do not go together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaking {
    /// JSON pointer into the schema.
    pub path: String,
    /// What happened there.
    pub what: String,
}

/// Which of two versions reads what the other wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    /// The new one reads the old one's.
    Backward,
    /// The old one reads the new one's.
    Forward,
}

/// What breaks `mode` between two versions; empty when nothing does. At most [`BREAKING_MAX`].
///
/// # Errors
/// `Invalid` if one of them is not JSON.
pub fn breaking(mode: Compatibility, old: &Json, new: &Json) -> Result<Vec<Breaking>> {
    let directions: &[Direction] = match mode {
        Compatibility::None => &[],
        Compatibility::Backward => &[Direction::Backward],
        Compatibility::Forward => &[Direction::Forward],
        Compatibility::Full => &[Direction::Backward, Direction::Forward],
    };
    if directions.is_empty() {
        return Ok(Vec::new());
    }
    let (old, new): (Value, Value) = (old.read("schema")?, new.read("schema")?);
    let mut found = Vec::new();
    for direction in directions {
        for breaking in Walk::run(*direction, &old, &new) {
            if found.len() < BREAKING_MAX && !found.contains(&breaking) {
                found.push(breaking);
            }
        }
    }
    Ok(found)
}

/// Require that a new version goes with the one before it.
///
/// # Errors
/// `Conflict` with the first breaking places.
pub fn require_compatible(
    mode: Compatibility,
    name: &str,
    version: u32,
    old: &Json,
    new: &Json,
) -> Result<()> {
    let found = breaking(mode, old, new)?;
    if found.is_empty() {
        return Ok(());
    }
    let told: Vec<String> = found
        .iter()
        .map(|breaking| format!("{}: {}", breaking.path, breaking.what))
        .collect();
    Err(Error::conflict(
        "schema",
        format!(
            "version {version} of `{name}` is not {} compatible with the one before it: {}; \
             change it, or register it with compatibility `none`",
            mode.as_str(),
            told.join("; ")
        ),
    ))
}
