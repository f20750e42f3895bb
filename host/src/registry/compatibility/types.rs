//! Types and enumerated values.

use serde_json::{Map, Value};

use super::walk::{Pair, Walk};

/// A set of JSON types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Types(u8);

const INTEGER: u8 = 1;
/// Numbers that are no integers.
const FRACTION: u8 = 1 << 1;
const STRING: u8 = 1 << 2;
const BOOLEAN: u8 = 1 << 3;
const NULL: u8 = 1 << 4;
const OBJECT: u8 = 1 << 5;
const ARRAY: u8 = 1 << 6;
const ALL: u8 = (1 << 7) - 1;

/// `number` before `integer`, so that it is named where it is meant.
const NAMES: [(&str, u8); 7] = [
    ("number", INTEGER | FRACTION),
    ("integer", INTEGER),
    ("string", STRING),
    ("boolean", BOOLEAN),
    ("null", NULL),
    ("object", OBJECT),
    ("array", ARRAY),
];

impl Types {
    pub(super) const NUMBER: Self = Self(INTEGER | FRACTION);
    pub(super) const STRING: Self = Self(STRING);
    pub(super) const OBJECT: Self = Self(OBJECT);
    pub(super) const ARRAY: Self = Self(ARRAY);

    /// What a schema's own keywords leave open.
    pub(super) fn of(schema: &Map<String, Value>) -> Self {
        let mut types = match schema.get("type") {
            Some(Value::String(name)) => Self::named(name),
            Some(Value::Array(names)) => {
                let names = names.iter().filter_map(Value::as_str);
                Self(names.fold(0, |all, name| all | Self::named(name).0))
            }
            _ => Self(ALL),
        };
        if let Some(values) = enumerated(schema) {
            types.0 &= values
                .iter()
                .fold(0, |all, value| all | Self::of_value(value).0);
        }
        if let Some(Value::Array(branches)) = schema.get("anyOf") {
            types.0 &= branches.iter().fold(0, |all, branch| {
                // A branch that is a reference or a boolean may be anything.
                let own = branch
                    .as_object()
                    .filter(|branch| !branch.contains_key("$ref"));
                all | own.map_or(ALL, |branch| Self::of(branch).0)
            });
        }
        types
    }

    pub(super) fn of_value(value: &Value) -> Self {
        Self(match value {
            Value::Null => NULL,
            Value::Bool(_) => BOOLEAN,
            Value::Number(n) if n.as_f64().is_some_and(|n| n.fract() == 0.0) => INTEGER,
            Value::Number(_) => FRACTION,
            Value::String(_) => STRING,
            Value::Array(_) => ARRAY,
            Value::Object(_) => OBJECT,
        })
    }

    /// Whether the two have a type in common.
    pub(super) fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    fn named(name: &str) -> Self {
        let known = NAMES.iter().find(|(known, _)| *known == name);
        Self(known.map_or(0, |(_, bits)| *bits))
    }

    fn covers(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    fn words(self) -> String {
        if self.0 == ALL {
            return "any type".to_owned();
        }
        let mut left = self.0;
        let mut words = Vec::new();
        for (name, bits) in NAMES {
            if left & bits == bits {
                left &= !bits;
                words.push(format!("\"{name}\""));
            }
        }
        if words.is_empty() {
            "nothing".to_owned()
        } else {
            words.join(" or ")
        }
    }
}

/// The values of `enum` or `const`.
pub(super) fn enumerated(schema: &Map<String, Value>) -> Option<&[Value]> {
    match (schema.get("const"), schema.get("enum")) {
        (Some(one), _) => Some(std::slice::from_ref(one)),
        (None, Some(Value::Array(values))) => Some(values),
        _ => None,
    }
}

/// Compare types and enumerated values; says whether the rest is worth comparing.
pub(super) fn compare(
    walk: &mut Walk<'_>,
    pair: &Pair<'_>,
    from: &Map<String, Value>,
    to: &Map<String, Value>,
) -> bool {
    let (from_types, to_types) = (Types::of(from), types_of_type(to));
    if !to_types.covers(from_types) {
        let (was, is) = (from_types.words(), to_types.words());
        walk.became(pair, "type", &was, &is);
        return false;
    }
    let Some(allowed) = enumerated(to) else {
        return true;
    };
    let step = if to.contains_key("const") {
        "const"
    } else {
        "enum"
    };
    let Some(values) = enumerated(from) else {
        // A boolean without an enumeration has two values all the same.
        let few = [Value::Bool(true), Value::Bool(false), Value::Null];
        let mut left = few
            .iter()
            .filter(|value| from_types.meets(Types::of_value(value)));
        if Types(BOOLEAN | NULL).covers(from_types) && left.all(|value| allowed.contains(value)) {
            return true;
        }
        let one_of = format!("one of {}", allowed.len());
        walk.became(pair, step, "any value", &one_of);
        return false;
    };
    for gone in values.iter().filter(|value| !allowed.contains(value)) {
        let (backward, forward) = (format!("{gone} is gone"), format!("{gone} is new"));
        walk.breaks(pair, step, backward, forward);
    }
    false
}

/// What `type` alone says: the reader's enumeration is compared value by value.
fn types_of_type(schema: &Map<String, Value>) -> Types {
    let only_type = schema.get("type").map(|types| {
        let mut only = Map::new();
        only.insert("type".to_owned(), types.clone());
        only
    });
    only_type.map_or(Types(ALL), |only| Types::of(&only))
}
