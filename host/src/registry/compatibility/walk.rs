//! Walks two schemas at once and collects where one refuses what the other takes.

use std::collections::HashSet;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::{BREAKING_MAX, Breaking, Direction, STEPS_MAX, bounds, shape, types};

/// References followed in a row before they count as a circle.
const REFS_MAX: u32 = 32;
/// Keywords that say nothing about which values fit.
const ANNOTATIONS: &[&str] = &[
    "$schema",
    "$id",
    "$anchor",
    "$comment",
    "$defs",
    "definitions",
    "$vocabulary",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "format",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
];

/// Finds what `to` refuses of what `from` takes.
pub(super) struct Walk<'a> {
    direction: Direction,
    from_root: &'a Value,
    to_root: &'a Value,
    found: Vec<Breaking>,
    steps: u32,
    /// Pairs that are being compared or were: what refers to itself is compared once.
    seen: HashSet<(usize, usize)>,
}

/// A pair of schemas and where they stand.
#[derive(Clone)]
pub(super) struct Pair<'a> {
    pub(super) from: &'a Value,
    pub(super) to: &'a Value,
    /// JSON pointer.
    pub(super) path: String,
}

impl<'a> Pair<'a> {
    /// The pair below a place.
    pub(super) fn at(&self, step: &str, from: &'a Value, to: &'a Value) -> Self {
        Self {
            from,
            to,
            path: format!("{}/{step}", self.path),
        }
    }
}

/// What a keyword that is left out stands for.
pub(super) static ANYTHING: Value = Value::Bool(true);
/// `true` as an object.
static NO_MEMBERS: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

impl<'a> Walk<'a> {
    /// What breaks when the versions are read in this direction.
    pub(super) fn run(direction: Direction, old: &'a Value, new: &'a Value) -> Vec<Breaking> {
        let (from, to) = match direction {
            Direction::Backward => (old, new),
            Direction::Forward => (new, old),
        };
        let mut walk = Self {
            direction,
            from_root: from,
            to_root: to,
            found: Vec::new(),
            steps: STEPS_MAX,
            seen: HashSet::new(),
        };
        let path = String::new();
        walk.compare(Pair { from, to, path });
        walk.found
    }

    /// Compare a pair and all below it.
    pub(super) fn compare(&mut self, mut pair: Pair<'a>) {
        if self.is_over(&pair.path) {
            return;
        }
        let (from, from_path) = resolved(self.from_root, pair.from);
        let (to, to_path) = resolved(self.to_root, pair.to);
        (pair.from, pair.to) = (from, to);
        let new_path = match self.direction {
            Direction::Backward => to_path.or(from_path),
            Direction::Forward => from_path.or(to_path),
        };
        if let Some(path) = new_path {
            pair.path = path;
        }
        let key = (
            std::ptr::from_ref(from).addr(),
            std::ptr::from_ref(to).addr(),
        );
        // `true` stands in for many places; only places in the documents can refer to themselves.
        if from.is_object() && to.is_object() && !self.seen.insert(key) {
            return;
        }
        self.compare_resolved(&pair);
    }

    fn compare_resolved(&mut self, pair: &Pair<'a>) {
        let (from, to) = match (pair.from, pair.to) {
            (Value::Bool(false), _) | (_, Value::Bool(true)) => return,
            (_, Value::Bool(false)) => {
                return self.breaks(pair, "", "takes nothing any more", "took nothing before");
            }
            (Value::Object(from), Value::Object(to)) => (from, to),
            (_, Value::Object(to)) => (&*NO_MEMBERS, to),
            // Not schemas; they were refused when they were registered.
            _ => return,
        };
        if let Some(Value::Array(branches)) = from.get("anyOf")
            && branches.iter().all(|branch| self.fits(branch, pair.to))
        {
            return;
        }
        // Where a value cannot even have the type, nothing else about it matters.
        if types::compare(self, pair, from, to) {
            bounds::compare(self, pair, from, to);
            shape::compare(self, pair, from, to);
        }
    }

    /// Whether `to` takes all that `from` takes, without a word about it.
    pub(super) fn fits(&mut self, from: &'a Value, to: &'a Value) -> bool {
        let seen = self.seen.clone();
        let found = std::mem::take(&mut self.found);
        let path = String::new();
        self.compare(Pair { from, to, path });
        let fits = std::mem::replace(&mut self.found, found).is_empty();
        if !fits {
            // What was taken for granted on the way was not so.
            self.seen = seen;
        }
        fits
    }

    /// Report a place, in the words for either direction.
    pub(super) fn breaks(
        &mut self,
        pair: &Pair<'_>,
        step: &str,
        backward: impl Into<String>,
        forward: impl Into<String>,
    ) {
        if self.found.len() < BREAKING_MAX {
            let slash = if step.is_empty() { "" } else { "/" };
            self.found.push(Breaking {
                path: format!("{}{slash}{step}", pair.path),
                what: match self.direction {
                    Direction::Backward => backward.into(),
                    Direction::Forward => forward.into(),
                },
            });
        }
    }

    /// Report that something became something else, the old first.
    pub(super) fn became(&mut self, pair: &Pair<'_>, step: &str, from: &str, to: &str) {
        let (old_new, new_old) = (format!("{from} became {to}"), format!("{to} became {from}"));
        self.breaks(pair, step, old_new, new_old);
    }

    /// Whether a part is the same in both documents, whatever it refers to included.
    pub(super) fn same(&self, from: &Value, to: &Value) -> bool {
        let defs = |root: &'a Value| (root.get("$defs"), root.get("definitions"));
        from == to && (!refers(from) || defs(self.from_root) == defs(self.to_root))
    }

    fn is_over(&mut self, path: &str) -> bool {
        if self.steps > 0 {
            self.steps -= 1;
            return false;
        }
        let what = format!("the schemas take more than {STEPS_MAX} steps to compare");
        let told = Breaking {
            path: path.to_owned(),
            what,
        };
        if self.found.iter().all(|found| found.what != told.what) {
            self.found.truncate(BREAKING_MAX - 1);
            self.found.push(told);
        }
        true
    }
}

/// The schema that a bare reference stands for, and where it is.
fn resolved<'a>(root: &'a Value, mut schema: &'a Value) -> (&'a Value, Option<String>) {
    let mut path = None;
    for _ in 0..REFS_MAX {
        let Some(pointer) = bare_reference(schema) else {
            break;
        };
        let Some(target) = root.pointer(pointer) else {
            break;
        };
        (schema, path) = (target, Some(pointer.to_owned()));
    }
    (schema, path)
}

/// The pointer of a schema that says nothing but where it stands.
fn bare_reference(schema: &Value) -> Option<&str> {
    let schema = schema.as_object()?;
    let reference = schema.get("$ref")?.as_str()?.strip_prefix('#')?;
    let bare = schema
        .keys()
        .all(|key| key == "$ref" || ANNOTATIONS.contains(&key.as_str()));
    bare.then_some(reference)
}

fn refers(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            members.contains_key("$ref")
                || members.contains_key("$dynamicRef")
                || members.values().any(refers)
        }
        Value::Array(items) => items.iter().any(refers),
        _ => false,
    }
}
