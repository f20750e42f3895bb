//! An entry of the catalogue in a few lines, made for language models: what it can do, what to send, what
//! comes back.
//!
//! Invariant: a brief is at most [`BRIEF_BYTES_MAX`] long, and what a schema says that does not fit into it
//! is left out, never told wrong.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::discovery::Found;
use super::{EventContract, PayloadSchema};

/// Longest brief in bytes: about a thousand tokens.
pub const BRIEF_BYTES_MAX: usize = 4 * 1024;
/// Longest shape of a payload in bytes; a longer one is cut short.
const SHAPE_BYTES_MAX: usize = 512;
/// How deep a shape goes.
const SHAPE_DEPTH_MAX: usize = 3;
/// Most values of an enumeration that are told.
const ENUM_TOLD_MAX: usize = 8;
/// What stands where something was left out.
const CUT: &str = "…";

impl Found {
    /// It in a few lines, for example:
    ///
    /// ```text
    /// reader (tool, active): Reads web pages.
    ///   summarise-page: Says in short what is on a page.
    ///     ask: action-requests page.read {url: string}
    ///     get: action-results page.text
    /// ```
    pub fn brief(&self) -> String {
        let said = &*self.definition;
        let (name, kind, state) = (&said.name, said.kind, self.state);
        let mut text = format!(
            "{name} ({kind}, {state}): {}\n",
            one_line(&said.description)
        );
        if let Some(url) = &said.url {
            let protocol = said.protocol.as_deref().unwrap_or_default();
            line(&mut text, format_args!("  at: {url} {protocol}"));
        }
        for endpoint in &said.endpoints {
            let method = endpoint.method.as_deref().unwrap_or_default();
            let (path, what) = (&endpoint.path, one_line(&endpoint.description));
            line(&mut text, format_args!("  path: {method} {path} {what}"));
        }
        let capabilities = said.capability_contracts();
        for capability in &capabilities {
            let what = one_line(&capability.description);
            line(&mut text, format_args!("  {}: {what}", capability.name));
            events(&mut text, "    ask", &capability.consumes);
            events(&mut text, "    get", &capability.produces);
        }
        if capabilities.is_empty() {
            events(&mut text, "  ask", &said.subscriptions);
            events(&mut text, "  get", &said.produces);
        }
        cut(&mut text, BRIEF_BYTES_MAX);
        text
    }
}

fn events(text: &mut String, label: &str, events: &[EventContract]) {
    for event in events {
        let shape = match &event.schema {
            None => String::new(),
            Some(PayloadSchema::Named(name)) => format!("schema {name}"),
            Some(PayloadSchema::Inline(body)) => body
                .read("schema")
                .map_or_else(|_| String::new(), |schema| shape(&schema)),
        };
        let (topic, name) = (event.topic, &event.event_type);
        line(text, format_args!("{label}: {topic} {name} {shape}"));
    }
}

fn line(text: &mut String, args: std::fmt::Arguments<'_>) {
    writeln!(text, "{args}").expect("a string takes any text");
    let end = text.trim_end().len();
    text.truncate(end);
    text.push('\n');
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn cut(text: &mut String, bytes_max: usize) {
    if text.len() > bytes_max {
        text.truncate(text.floor_char_boundary(bytes_max - CUT.len()));
        text.push_str(CUT);
    }
}

/// What a payload looks like: `{url: string, words?: integer}`. A `?` marks what may be left out.
fn shape(schema: &Value) -> String {
    let mut text = String::new();
    write_shape(&mut text, schema, 0);
    cut(&mut text, SHAPE_BYTES_MAX);
    text
}

fn write_shape(text: &mut String, schema: &Value, depth: usize) {
    let Some(schema) = schema.as_object() else {
        text.push_str("any");
        return;
    };
    // What is longer is cut anyway.
    if text.len() > SHAPE_BYTES_MAX {
        return;
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let told = values.iter().take(ENUM_TOLD_MAX).map(Value::to_string);
        text.push_str(&told.collect::<Vec<_>>().join("|"));
        if values.len() > ENUM_TOLD_MAX {
            text.push_str(CUT);
        }
        return;
    }
    if let Some(value) = schema.get("const") {
        text.push_str(&value.to_string());
        return;
    }
    let members = schema.get("properties").and_then(Value::as_object);
    match (members, schema.get("items")) {
        (Some(members), _) if depth < SHAPE_DEPTH_MAX => {
            write_members(text, schema, members, depth);
        }
        (None, Some(items)) if depth < SHAPE_DEPTH_MAX => {
            text.push('[');
            write_shape(text, items, depth + 1);
            text.push(']');
        }
        _ => write_type(text, schema),
    }
}

fn write_members(
    text: &mut String,
    schema: &Map<String, Value>,
    members: &Map<String, Value>,
    depth: usize,
) {
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &str| required.is_some_and(|all| all.iter().any(|n| n == name));
    text.push('{');
    for (i, (name, member)) in members.iter().enumerate() {
        if i > 0 {
            text.push_str(", ");
        }
        text.push_str(name);
        text.push_str(if is_required(name) { ": " } else { "?: " });
        write_shape(text, member, depth + 1);
    }
    // A name that must be there, of which nothing more is said.
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        if !members.contains_key(name) {
            text.push_str(if text.ends_with('{') { "" } else { ", " });
            text.push_str(name);
            text.push_str(": any");
        }
    }
    text.push('}');
}

fn write_type(text: &mut String, schema: &Map<String, Value>) {
    match schema.get("type") {
        Some(Value::String(name)) => text.push_str(name),
        Some(Value::Array(names)) => {
            let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
            text.push_str(&names.join("|"));
        }
        _ => text.push_str("any"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_shape_tells_names_types_and_what_may_be_left_out() {
        let nested = json!({ "type": "array", "items": { "type": "object", "properties": {
            "sku": { "type": "string" }, "n": { "type": ["integer", "null"] },
        }, "required": ["sku"] } });
        for (schema, expect) in [
            (json!(true), "any"),
            (json!({}), "any"),
            (json!({ "type": "string" }), "string"),
            (json!({ "enum": ["a", 1] }), "\"a\"|1"),
            (json!({ "const": "x" }), "\"x\""),
            (
                json!({ "properties": { "url": { "type": "string" } }, "required": ["url", "id"] }),
                "{url: string, id: any}",
            ),
            (
                json!({ "properties": { "items": nested } }),
                "{items?: [{sku: string, n?: integer|null}]}",
            ),
            (json!({ "required": ["a"], "type": "object" }), "object"),
        ] {
            assert_eq!(shape(&schema), expect, "{schema}");
        }
        let many: Map<String, Value> = (0..200).map(|i| (format!("m{i}"), json!({}))).collect();
        let long = shape(&json!({ "properties": many }));
        assert!(
            long.len() <= SHAPE_BYTES_MAX && long.ends_with(CUT),
            "{}",
            long.len()
        );
        let mut deep = json!({ "type": "string" });
        for _ in 0..100 {
            deep = json!({ "items": deep, "type": "array" });
        }
        assert_eq!(shape(&deep), "[[[array]]]");
    }
}
