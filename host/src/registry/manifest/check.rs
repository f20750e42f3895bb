//! What agents and services may say of themselves: words, and the contracts of what they can do.
//!
//! Invariant: manifests and services go through here alike, so that a promise means the same of both. A
//! capability names no event that nobody can read about.

use std::collections::BTreeSet;

use crate::error::{Error, Result};
use crate::registry::schema;

use super::{Capability, EventContract, EventRef, MANIFEST_LIST_MAX, PayloadSchema};

/// Longest version, category, owner, tag, protocol or method, or name of a capability, task or schema, in
/// bytes: it is matched whole and shown in a row.
pub const WORD_BYTES_MAX: usize = 128;
/// Most tags, or tasks of a capability: more would not tell anybody more.
pub const TAGS_MAX: usize = 32;

/// Somebody's capabilities beside the events that they handle and publish.
pub(in crate::registry) struct Promises<'a> {
    /// What the names of members begin with in errors.
    pub(in crate::registry) prefix: &'static str,
    /// What they can do.
    pub(in crate::registry) capabilities: &'a [Capability],
    /// What they handle.
    pub(in crate::registry) handled: &'a [EventContract],
    /// What they publish.
    pub(in crate::registry) published: &'a [EventContract],
}

impl Promises<'_> {
    /// Check all of it.
    ///
    /// # Errors
    /// `Invalid` that names the member, its value and the rule.
    pub(in crate::registry) fn check(&self) -> Result<()> {
        let lists = [
            ("subscriptions", self.handled.len()),
            ("produces", self.published.len()),
            ("capabilities", self.capabilities.len()),
        ];
        for (member, got) in lists {
            check_count(&self.named(member), got, MANIFEST_LIST_MAX)?;
        }
        let mut seen = BTreeSet::new();
        for wanted in self.handled {
            if !seen.insert((wanted.topic, &wanted.event_type)) {
                let reason = format!("{} {} is there twice", wanted.topic, wanted.event_type);
                return Err(Error::invalid(self.named("subscriptions"), reason));
            }
        }
        self.check_schemas("subscriptions.schema", self.handled)?;
        self.check_schemas("produces.schema", self.published)?;
        self.capabilities
            .iter()
            .try_for_each(|capability| self.check_capability(capability))
    }

    fn check_capability(&self, capability: &Capability) -> Result<()> {
        check_word(&self.named("capabilities.name"), &capability.name)?;
        let tasks = self.named("capabilities.tasks");
        check_count(&tasks, capability.tasks.len(), TAGS_MAX)?;
        for task in &capability.tasks {
            check_word(&tasks, task)?;
        }
        let sides = [
            ("consumes", &capability.consumes, self.handled),
            ("produces", &capability.produces, self.published),
        ];
        for (side, references, known) in sides {
            let field = self.named(&format!("capabilities.{side}"));
            check_count(&field, references.len(), MANIFEST_LIST_MAX)?;
            for reference in references {
                match reference {
                    EventRef::Contract(contract) => {
                        let written_out = std::slice::from_ref(contract);
                        self.check_schemas("capabilities.schema", written_out)?;
                    }
                    EventRef::Type(name) if known.iter().any(|k| k.event_type == *name) => {}
                    EventRef::Type(name) => return Err(unknown(field, capability, name)),
                }
            }
        }
        Ok(())
    }

    fn check_schemas(&self, member: &str, contracts: &[EventContract]) -> Result<()> {
        for contract in contracts {
            match &contract.schema {
                None => {}
                Some(PayloadSchema::Named(name)) => check_word(&self.named(member), name)?,
                Some(PayloadSchema::Inline(body)) => {
                    schema::compile(body).map_err(|reason| {
                        let of = &contract.event_type;
                        Error::invalid(self.named(member), format!("of `{of}`: {reason}"))
                    })?;
                }
            }
        }
        Ok(())
    }

    fn named(&self, member: &str) -> String {
        format!("{}{member}", self.prefix)
    }
}

/// A type that nothing else tells of would promise a contract that nobody can read.
fn unknown(field: String, capability: &Capability, name: &crate::id::EventType) -> Error {
    let list = if field.ends_with("consumes") {
        "subscriptions"
    } else {
        "produces"
    };
    let reason = format!(
        "`{}` names `{name}`, which is not among the {list}: add it there, or write out its topic and type",
        capability.name
    );
    Error::invalid(field, reason)
}

/// Check a word.
///
/// # Errors
/// `Invalid` if it is empty, too long, or holds a control character.
pub(in crate::registry) fn check_word(field: &str, word: &str) -> Result<()> {
    let fits = (1..=WORD_BYTES_MAX).contains(&word.len()) && !word.chars().any(char::is_control);
    if fits {
        return Ok(());
    }
    let shown: String = word
        .chars()
        .take(80)
        .flat_map(char::escape_default)
        .collect();
    let reason = format!("`{shown}` is not 1 to {WORD_BYTES_MAX} bytes without control characters");
    Err(Error::invalid(field.to_owned(), reason))
}

/// Check how many there are.
///
/// # Errors
/// `Invalid` with the limit.
pub(in crate::registry) fn check_count(field: &str, got: usize, max: usize) -> Result<()> {
    if got <= max {
        return Ok(());
    }
    let reason = format!("{got} entries, the limit is {max}");
    Err(Error::invalid(field.to_owned(), reason))
}
