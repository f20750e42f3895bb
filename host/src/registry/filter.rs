//! A filter over the catalogue in words of its own: an expression of CEL, the Common Expression Language, that is
//! true of what is wanted. `type == 'tool' && 'web' in tags && !metadata.beta`.
//!
//! Invariant: what an expression costs is known before it runs. It is short and flat, every name in it is there,
//! what walks a list walks one of the entry and nothing within it, one side of a comparison is written out, and
//! nothing makes longer texts or lists of shorter ones. So its steps can be counted from the lengths of an
//! entry's lists, and a question ends after [`FILTER_STEPS_MAX`] of them. No regular expressions.
//!
//! An entry of which an expression cannot be told is none of which it is true: what somebody else put into his
//! metadata must not break my question. Only if that is so of all entries, the first reason is told.
//!
//! The library's own parser is made by ANTLR: it takes hundreds of kilobytes of stack for a level of nesting.
//! It has another one beside it, written by hand and bounded in depth, which is used here.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, LazyLock};

use cel::common::ast::IdedExpr;
use cel::parser::{ParseErrors, PrattParser};
use cel::{Context, Env, ExecutionError, Value};

use crate::error::{Error, Result};

use super::discovery::Found;
use check::{Checked, Fault, Loop};
use entry::Part;

mod check;
mod entry;
#[cfg(test)]
mod tests;

/// Longest filter in bytes: some lines that somebody typed.
pub const FILTER_BYTES_MAX: usize = 1_024;
/// Most parts of a filter: names, values, operators, and what `all`, `exists` and `exists_one` stand for. A
/// screenful of conditions has about a hundred.
pub const FILTER_NODES_MAX: u64 = 256;
/// How deep parts stand in one another. Chains of `&&` and `||` are not deep.
pub const FILTER_DEPTH_MAX: u16 = 24;
/// Most steps of a question over all entries. One is a part that is evaluated, a value that is made ready, or
/// some bytes of a text that are looked at, and takes about a tenth of a microsecond: a tenth of a second of a core.
pub const FILTER_STEPS_MAX: u64 = 1_000_000;
/// The field that errors name.
const FIELD: &str = "filter";

/// The functions of the language. Which of them a filter may use is said by `check`.
static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// A filter that was checked.
pub(super) struct Filter {
    expression: IdedExpr,
    /// Parts of an entry that it speaks of.
    parts: BTreeSet<Part>,
    /// Steps outside loops.
    steps: u64,
    loops: Vec<Loop>,
}

/// Why an expression is not told of an entry.
#[derive(Debug)]
pub(super) enum Untold {
    /// A member is not there.
    Absent,
    /// A value is of another sort than it takes.
    Unfit(String),
}

impl Filter {
    /// Read and check an expression.
    ///
    /// # Errors
    /// `Invalid` with the place, and what cannot stand there or which limit it is past.
    pub(super) fn compile(source: &str) -> Result<Self> {
        if source.len() > FILTER_BYTES_MAX {
            let got = source.len();
            let reason =
                format!("{got} bytes, filter_bytes_max is {FILTER_BYTES_MAX}: say less at once");
            return Err(Error::invalid(FIELD, reason));
        }
        let expression = parse(source).map_err(|errors| not_read(&errors))?;
        let checked = check::check(&expression).map_err(|fault| refused(source, &fault))?;
        let Checked {
            parts,
            steps,
            loops,
        } = checked;
        Ok(Self {
            expression,
            parts,
            steps,
            loops,
        })
    }

    /// How many steps it takes at most to tell it of an entry.
    pub(super) fn steps(&self, found: &Found) -> u64 {
        let ready: u64 = self.parts.iter().map(|part| part.steps(found)).sum();
        let walked = |walk: &Loop| walk.over.most_items(found).saturating_mul(walk.steps);
        let walks = self.loops.iter().map(walked);
        walks.fold(self.steps + ready, u64::saturating_add)
    }

    /// Whether it is true of an entry.
    pub(super) fn is_true_of(&self, found: &Found) -> Result<bool, Untold> {
        let mut context = Context::with_env(Arc::clone(&ENV));
        for part in &self.parts {
            context.add_variable_as_val(part.as_str(), part.value(found));
        }
        match Value::resolve(&self.expression, &context) {
            Ok(Value::Bool(is_true)) => Ok(is_true),
            Ok(other) => Err(Untold::Unfit(format!(
                "it says {}, not true or false",
                other.type_of()
            ))),
            Err(ExecutionError::NoSuchKey(_) | ExecutionError::IndexOutOfBounds(_)) => {
                Err(Untold::Absent)
            }
            Err(error) => Err(Untold::Unfit(error.to_string())),
        }
    }

    /// Nothing could be told of any entry.
    pub(super) fn untold(name: &str, reason: &str) -> Error {
        let reason = format!(
            "it can be told of no entry; of `{name}`: {reason}. Ask `has(metadata.x)` before `metadata.x`"
        );
        Error::invalid(FIELD, reason)
    }

    /// There are too many entries to rank what is left of them.
    pub(super) fn too_dear() -> Error {
        let reason = format!(
            "it takes more than filter_steps_max, {FILTER_STEPS_MAX} steps, over the whole catalogue, and what is \
             ranked by `about` is looked at whole: leave more out by `type`, `tags` or `state`"
        );
        Error::invalid(FIELD, reason)
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filter")
            .field("parts", &self.parts)
            .field("steps", &self.steps)
            .field("loops", &self.loops)
            .finish_non_exhaustive()
    }
}

fn parse(source: &str) -> Result<IdedExpr, ParseErrors> {
    PrattParser::new()
        .max_recursion_depth(FILTER_DEPTH_MAX)
        .error_recovery_limit(0)
        .parse(source)
}

fn not_read(errors: &ParseErrors) -> Error {
    // Later ones often follow from the first.
    let placed = errors.errors.iter().find(|error| error.pos.0 > 0);
    let reason = match (placed, errors.errors.first()) {
        (Some(error), _) => {
            let (line, column) = error.pos;
            format!("line {line}, column {column}: {}", error.msg)
        }
        (None, Some(error)) => {
            format!("{}; filter_depth_max is {FILTER_DEPTH_MAX}", error.msg)
        }
        (None, None) => "it is no expression".to_owned(),
    };
    Error::invalid(FIELD, reason)
}

fn refused(source: &str, fault: &Fault) -> Error {
    let place = fault.node.and_then(|node| place(source, node));
    let place = place.map_or_else(String::new, |(line, column)| {
        format!("line {line}, column {column}: ")
    });
    Error::invalid(FIELD, format!("{place}{}", fault.reason))
}

/// Where a part of an expression stands. The parser tells places with its errors alone, so it is given one at the
/// end: what comes before gets the same numbers as without.
fn place(source: &str, node: u64) -> Option<(usize, usize)> {
    let errors = parse(&format!("{source}\n)")).err()?;
    let mut known = errors.errors.iter();
    let info = known.find_map(|error| error.source_info.as_ref())?;
    let (start, _) = info.offset_for(node)?;
    let before = source.get(..start as usize)?;
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    Some((line, column))
}
