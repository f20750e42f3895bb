//! How much work it is to check a value against a schema, counted before it is done.
//!
//! A schema of a kilobyte can name itself twice at each of twenty levels, and the library then looks at the
//! value a million times. Nothing interrupts it, so what would take too long is not begun.
//!
//! Invariant: what is counted is never less than what is done: every branch counts, also those that an
//! evaluation would not take. The count is made in time of the pairs of a schema's and a value's nodes,
//! because each pair is counted once.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::pointer_step;

/// Most steps of one check: looks of a part of the schema at a part of the value. The largest payload has
/// about 130,000 parts, and a step takes about a tenth of a microsecond.
pub(super) const CHECK_STEPS_MAX: u64 = 500_000;
/// How deep parts of a schema may stand in one another while a value is checked, references included: both
/// the count and the library go down by calls.
pub(super) const CHECK_DEPTH_MAX: usize = 256;
/// Bytes of a text that one pattern looks at in one step.
const PATTERN_BYTES: u64 = 256;

/// Keywords whose value is a schema for the same part of the value.
const HERE: [&str; 4] = ["not", "if", "then", "else"];
/// Keywords whose value is a list of such.
const HERE_EACH: [&str; 3] = ["allOf", "anyOf", "oneOf"];
/// Keywords whose value is a schema for every member.
const MEMBERS: [&str; 2] = ["additionalProperties", "unevaluatedProperties"];
/// Keywords whose value is a schema for every item.
const ITEMS: [&str; 3] = ["items", "contains", "unevaluatedItems"];
/// Keywords that refer to a part of the schema.
const REFERENCES: [&str; 2] = ["$ref", "$dynamicRef"];
/// Keywords whose value is data and no schema.
const DATA: [&str; 4] = ["const", "enum", "default", "examples"];

/// The names that parts of a schema have, besides their paths.
pub(super) type Anchors = HashMap<String, String>;

/// Why a check is not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TooMuch {
    Steps,
    Depth,
}

/// The anchors of a schema, as pointers; or the pointer of an `$id` inside it, of which references would
/// depend.
pub(super) fn anchors(schema: &Value) -> Result<Anchors, String> {
    let mut anchors = Anchors::new();
    let mut waiting = vec![(schema, String::new())];
    while let Some((node, pointer)) = waiting.pop() {
        match node {
            Value::Object(members) => {
                if !pointer.is_empty() && members.get("$id").is_some_and(Value::is_string) {
                    return Err(pointer);
                }
                for name in ["$anchor", "$dynamicAnchor"] {
                    if let Some(name) = members.get(name).and_then(Value::as_str) {
                        anchors.insert(name.to_owned(), pointer.clone());
                    }
                }
                let below = members
                    .iter()
                    .filter(|(name, _)| !DATA.contains(&name.as_str()));
                waiting.extend(
                    below.map(|(name, below)| (below, format!("{pointer}/{}", pointer_step(name)))),
                );
            }
            Value::Array(items) => waiting.extend(
                items
                    .iter()
                    .enumerate()
                    .map(|(n, below)| (below, format!("{pointer}/{n}"))),
            ),
            _ => {}
        }
    }
    Ok(anchors)
}

/// Require that checking `value` against `schema` takes no more than [`CHECK_STEPS_MAX`].
pub(super) fn bounded(schema: &Value, anchors: &Anchors, value: &Value) -> Result<(), TooMuch> {
    let mut count = Count {
        schema,
        anchors,
        pairs: HashMap::new(),
    };
    count.steps(schema, value, 0).map(|_| ())
}

struct Count<'a> {
    schema: &'a Value,
    anchors: &'a Anchors,
    /// Steps of a part of the schema at a part of the value, both by their addresses; 0 while they are
    /// counted, which is what a reference to itself takes.
    pairs: HashMap<(usize, usize), u64>,
}

impl<'a> Count<'a> {
    fn steps(&mut self, schema: &Value, value: &Value, depth: usize) -> Result<u64, TooMuch> {
        let Value::Object(keywords) = schema else {
            return Ok(1);
        };
        if depth > CHECK_DEPTH_MAX {
            return Err(TooMuch::Depth);
        }
        let pair = (
            std::ptr::from_ref(schema).addr(),
            std::ptr::from_ref(value).addr(),
        );
        if let Some(known) = self.pairs.get(&pair) {
            return Ok(*known);
        }
        self.pairs.insert(pair, 0);
        let mut sum = Sum(1);
        sum.add(keywords.len() as u64)?;
        self.here(keywords, value, depth, &mut sum)?;
        match value {
            Value::Object(members) => self.members(keywords, members, depth, &mut sum)?,
            Value::Array(items) => self.items(keywords, items, depth, &mut sum)?,
            Value::String(text) if keywords.contains_key("pattern") => {
                sum.add(text.len() as u64 / PATTERN_BYTES)?;
            }
            _ => {}
        }
        self.pairs.insert(pair, sum.0);
        Ok(sum.0)
    }

    /// Parts that look at the same part of the value.
    fn here(
        &mut self,
        keywords: &Map<String, Value>,
        value: &Value,
        depth: usize,
        sum: &mut Sum,
    ) -> Result<(), TooMuch> {
        for below in HERE.iter().filter_map(|name| keywords.get(*name)) {
            sum.add(self.steps(below, value, depth + 1)?)?;
        }
        let lists = HERE_EACH.iter().filter_map(|name| keywords.get(*name));
        let each = lists.filter_map(Value::as_array).flatten();
        let dependent = keywords.get("dependentSchemas").and_then(Value::as_object);
        for below in each.chain(dependent.into_iter().flat_map(Map::values)) {
            sum.add(self.steps(below, value, depth + 1)?)?;
        }
        if let Some(choices) = keywords.get("enum").and_then(Value::as_array) {
            sum.add(choices.len() as u64)?;
        }
        let names = REFERENCES.iter().filter_map(|name| keywords.get(*name));
        for name in names.filter_map(Value::as_str) {
            if let Some(target) = self.target(name) {
                sum.add(self.steps(target, value, depth + 1)?)?;
            }
        }
        Ok(())
    }

    fn members(
        &mut self,
        keywords: &Map<String, Value>,
        members: &Map<String, Value>,
        depth: usize,
        sum: &mut Sum,
    ) -> Result<(), TooMuch> {
        if let Some(Value::Object(named)) = keywords.get("properties") {
            for (name, below) in named {
                if let Some(member) = members.get(name) {
                    sum.add(self.steps(below, member, depth + 1)?)?;
                }
            }
        }
        let patterns = keywords.get("patternProperties").and_then(Value::as_object);
        let patterns = patterns.into_iter().flat_map(Map::values);
        let all = MEMBERS.iter().filter_map(|name| keywords.get(*name));
        for below in patterns.chain(all) {
            for member in members.values() {
                sum.add(self.steps(below, member, depth + 1)?)?;
            }
        }
        if let Some(below) = keywords.get("propertyNames") {
            for name in members.keys() {
                sum.add(1 + name.len() as u64 / PATTERN_BYTES)?;
                sum.add(self.steps(below, &Value::Null, depth + 1)?)?;
            }
        }
        Ok(())
    }

    fn items(
        &mut self,
        keywords: &Map<String, Value>,
        items: &[Value],
        depth: usize,
        sum: &mut Sum,
    ) -> Result<(), TooMuch> {
        if let Some(Value::Array(first)) = keywords.get("prefixItems") {
            for (below, item) in first.iter().zip(items) {
                sum.add(self.steps(below, item, depth + 1)?)?;
            }
        }
        for below in ITEMS.iter().filter_map(|name| keywords.get(*name)) {
            for item in items {
                sum.add(self.steps(below, item, depth + 1)?)?;
            }
        }
        Ok(())
    }

    /// What a reference names. One to another document does not compile, so that it is never counted.
    fn target(&self, name: &str) -> Option<&'a Value> {
        let (_, fragment) = name.split_once('#')?;
        let fragment = decoded(fragment);
        if fragment.is_empty() || fragment.starts_with('/') {
            return self.schema.pointer(&fragment);
        }
        self.schema.pointer(self.anchors.get(&fragment)?)
    }
}

/// A fragment without its percent signs.
fn decoded(fragment: &str) -> String {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| *first == b'%');
        let code = code.and_then(|code| std::str::from_utf8(code).ok());
        let code = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = match code {
            Some(_) => after.get(2..).unwrap_or_default(),
            None => after,
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A sum that ends at the limit.
struct Sum(u64);

impl Sum {
    fn add(&mut self, steps: u64) -> Result<(), TooMuch> {
        self.0 = self.0.saturating_add(steps);
        if self.0 > CHECK_STEPS_MAX {
            return Err(TooMuch::Steps);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(schema: &Value, value: &Value) -> Result<(), TooMuch> {
        bounded(schema, &anchors(schema).unwrap(), value)
    }

    /// Definitions that each name the next one twice under `keyword`.
    fn doubling(keyword: &str, levels: u32) -> Value {
        let mut all: Map<String, Value> = (0..levels)
            .map(|n| {
                let next = json!({ "$ref": format!("#/$defs/d{}", n + 1) });
                (format!("d{n}"), json!({ keyword: [next, next] }))
            })
            .collect();
        all.insert(format!("d{levels}"), json!(false));
        json!({ "$defs": all, "$ref": "#/$defs/d0" })
    }

    #[test]
    fn what_doubles_at_each_level_is_not_begun() {
        for keyword in HERE_EACH {
            assert_eq!(check(&doubling(keyword, 8), &json!(1)), Ok(()));
            let many = check(&doubling(keyword, 22), &json!(1));
            assert_eq!(many, Err(TooMuch::Steps), "{keyword}");
        }
        // The same by way of the value's own levels.
        let twice = json!({ "anyOf": [
            { "properties": { "a": { "$ref": "#" } } }, { "items": { "$ref": "#" } },
            { "properties": { "a": { "$ref": "#" } } },
        ]});
        let nested = |levels| (0..levels).fold(json!(1), |below, _| json!({ "a": below }));
        assert_eq!(check(&twice, &nested(8)), Ok(()));
        assert_eq!(check(&twice, &nested(30)), Err(TooMuch::Steps));
    }

    #[test]
    fn honest_schemas_and_the_largest_values_are_checked() {
        let tree = json!({
            "type": "object",
            "properties": { "name": { "type": "string" }, "below": { "type": "array", "items": { "$ref": "#" } } },
            "required": ["name"],
        });
        let value = (0..20).fold(
            json!({ "name": "leaf" }),
            |below, _| json!({ "name": "n", "below": [below.clone(), { "name": "x" }] }),
        );
        assert_eq!(check(&tree, &value), Ok(()));
        let numbers = json!({ "type": "array", "items": { "type": "integer" } });
        let most = Value::from(vec![1; 130_000]);
        assert_eq!(check(&numbers, &most), Ok(()));
        let past = Value::from(vec![1; 260_000]);
        assert_eq!(
            check(&numbers, &past),
            Err(TooMuch::Steps),
            "past any payload"
        );
    }

    #[test]
    fn references_lead_where_they_say() {
        let named = |name: &str| {
            let mut schema = doubling("allOf", 22);
            schema["$defs"]["d0"]["$anchor"] = json!("start");
            schema["$ref"] = json!(name);
            check(&schema, &json!(1))
        };
        for name in ["#start", "#/$defs/d0", "#/%24defs/d0"] {
            assert_eq!(named(name), Err(TooMuch::Steps), "{name}");
        }
        assert_eq!(named("#/$defs/d20"), Ok(()));
        assert_eq!(check(&json!({ "$ref": "#" }), &json!(1)), Ok(()), "itself");
        let chain =
            |length: usize| (0..length).fold(json!(true), |below, _| json!({ "not": below }));
        assert_eq!(check(&chain(CHECK_DEPTH_MAX), &json!(1)), Ok(()));
        let past = check(&chain(CHECK_DEPTH_MAX + 2), &json!(1));
        assert_eq!(past, Err(TooMuch::Depth));
        let inner = json!({ "$defs": { "a": { "$id": "other" } }, "const": { "$id": "data" } });
        assert_eq!(anchors(&inner), Err("/$defs/a".to_owned()));
    }
}
