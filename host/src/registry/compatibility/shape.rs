//! Members, items, combinations, and what is not judged.

use serde_json::{Map, Value};

use super::super::schema::pointer_step;
use super::types::Types;
use super::walk::{ANYTHING, Pair, Walk};

/// Keywords that are not judged, and whether dropping one can only widen what fits.
const UNJUDGED: &[(&str, bool)] = &[
    ("$ref", true),
    ("$dynamicRef", true),
    ("pattern", true),
    ("oneOf", true),
    ("not", true),
    ("if", true),
    ("then", true),
    ("else", true),
    ("propertyNames", true),
    ("patternProperties", false),
    ("dependentRequired", true),
    ("dependentSchemas", true),
    ("contains", true),
    ("minContains", false),
    ("maxContains", true),
    ("unevaluatedProperties", true),
    ("unevaluatedItems", true),
];

/// Compare everything that has parts.
pub(super) fn compare<'a>(
    walk: &mut Walk<'a>,
    pair: &Pair<'a>,
    from: &'a Map<String, Value>,
    to: &'a Map<String, Value>,
) {
    let types = Types::of(from);
    if types.meets(Types::OBJECT) {
        compare_required(walk, pair, from, to);
        compare_members(walk, pair, from, to);
    }
    if types.meets(Types::ARRAY) {
        compare_items(walk, pair, from, to);
    }
    compare_any_of(walk, pair, from, to);
    compare_all_of(walk, pair, from, to);
    for (keyword, widens) in UNJUDGED {
        let (was, is) = (from.get(*keyword), to.get(*keyword));
        let fine = match (was, is) {
            (None, None) => true,
            (Some(_), None) => *widens,
            (None, Some(_)) => false,
            (Some(was), Some(is)) => walk.same(was, is),
        };
        if !fine {
            let what = format!("it changed, and what a change of `{keyword}` means is not judged");
            walk.breaks(pair, keyword, what.clone(), what);
        }
    }
}

fn compare_required(
    walk: &mut Walk<'_>,
    pair: &Pair<'_>,
    from: &Map<String, Value>,
    to: &Map<String, Value>,
) {
    let names = |schema: &Map<String, Value>| -> Vec<String> {
        let list = schema.get("required").and_then(Value::as_array);
        let names = list.into_iter().flatten().filter_map(Value::as_str);
        names.map(str::to_owned).collect()
    };
    let had = names(from);
    for name in names(to).iter().filter(|name| !had.contains(name)) {
        let backward = format!("\"{name}\" became required");
        let forward = format!("\"{name}\" is no longer required");
        walk.breaks(pair, "required", backward, forward);
    }
}

fn compare_members<'a>(
    walk: &mut Walk<'a>,
    pair: &Pair<'a>,
    from: &'a Map<String, Value>,
    to: &'a Map<String, Value>,
) {
    let (from_others, to_others) = (others(from), others(to));
    for (name, was) in members(from) {
        let step = format!("properties/{}", pointer_step(name));
        match member(to, name) {
            Some(is) => walk.compare(pair.at(&step, was, is)),
            None if *to_others == Value::Bool(false) => {
                let backward = format!("\"{name}\" is gone and no others are allowed");
                let forward = format!("\"{name}\" is new and no others were allowed");
                walk.breaks(pair, &step, backward, forward);
            }
            None => walk.compare(pair.at("additionalProperties", was, to_others)),
        }
    }
    for (name, is) in members(to) {
        // Where others were not described, what is new counts as not sent before.
        if member(from, name).is_none() && from_others.is_object() {
            let step = format!("properties/{}", pointer_step(name));
            walk.compare(pair.at(&step, from_others, is));
        }
    }
    match (from_others, to_others) {
        (Value::Bool(false), _) => {}
        (_, Value::Bool(false)) => {
            walk.became(pair, "additionalProperties", "allowed", "forbidden");
        }
        (was, is) => walk.compare(pair.at("additionalProperties", was, is)),
    }
}

fn members(schema: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten()
}

fn member<'a>(schema: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    schema.get("properties")?.get(name)
}

fn others(schema: &Map<String, Value>) -> &Value {
    schema.get("additionalProperties").unwrap_or(&ANYTHING)
}

fn compare_items<'a>(
    walk: &mut Walk<'a>,
    pair: &Pair<'a>,
    from: &'a Map<String, Value>,
    to: &'a Map<String, Value>,
) {
    let first = |schema: &'a Map<String, Value>| -> &'a [Value] {
        let list = schema.get("prefixItems").and_then(Value::as_array);
        list.map_or(&[], Vec::as_slice)
    };
    let rest = |schema: &'a Map<String, Value>| schema.get("items").unwrap_or(&ANYTHING);
    let (was, is) = (first(from), first(to));
    for index in 0..was.len().max(is.len()) {
        let (was, is) = (
            was.get(index).unwrap_or_else(|| rest(from)),
            is.get(index).unwrap_or_else(|| rest(to)),
        );
        walk.compare(pair.at(&format!("prefixItems/{index}"), was, is));
    }
    walk.compare(pair.at("items", rest(from), rest(to)));
    let unique =
        |schema: &Map<String, Value>| schema.get("uniqueItems") == Some(&Value::Bool(true));
    if unique(to) && !unique(from) {
        walk.became(pair, "uniqueItems", "false", "true");
    }
}

fn compare_any_of<'a>(
    walk: &mut Walk<'a>,
    pair: &Pair<'a>,
    from: &'a Map<String, Value>,
    to: &'a Map<String, Value>,
) {
    let Some(Value::Array(branches)) = to.get("anyOf") else {
        return;
    };
    if let Some(was) = from.get("anyOf") {
        let each = was.as_array().into_iter().flatten();
        let mut each = each.map(|was| branches.iter().any(|is| walk.fits(was, is)));
        if each.all(|fits| fits) {
            return;
        }
    }
    if !branches.iter().any(|is| walk.fits(pair.from, is)) {
        let backward = "not all that fitted before fits one of these";
        let forward = "not all that fits now fitted one of these before";
        walk.breaks(pair, "anyOf", backward, forward);
    }
}

fn compare_all_of<'a>(
    walk: &mut Walk<'a>,
    pair: &Pair<'a>,
    from: &'a Map<String, Value>,
    to: &'a Map<String, Value>,
) {
    let Some(Value::Array(parts)) = to.get("allOf") else {
        return;
    };
    let was: &[Value] = match from.get("allOf") {
        Some(Value::Array(was)) => was,
        _ => &[],
    };
    for (index, is) in parts.iter().enumerate() {
        let fits = was.iter().any(|was| walk.fits(was, is)) || walk.fits(pair.from, is);
        if !fits {
            // Once more, for the words.
            let counterpart = was.get(index).unwrap_or(pair.from);
            walk.compare(pair.at(&format!("allOf/{index}"), counterpart, is));
        }
    }
}
