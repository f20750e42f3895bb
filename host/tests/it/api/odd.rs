//! Every operation of the OpenAPI document, with every parameter and every member of every body as no honest client
//! would have it: it is served or refused in words, and no word of them is of the host's inside.
//!
//! Invariant: nothing here lists operations. One that is added to the document is tried from then on.

use serde_json::{Value, json};
use warren::error::REASON_BYTES_MAX;

use super::harness::{Answer, Client, Host, encoded};

/// Deepest that a sample of a schema goes: schemas may refer to themselves.
const DEPTH_MAX: u32 = 6;

/// Texts that have misled programs.
const TEXTS: [&str; 16] = [
    "",
    " ",
    "\0",
    "\r\n\r\n",
    "../../etc/passwd",
    "'; DROP TABLE events; --",
    "%' ESCAPE '",
    "NEAR(a b) AND {c}: *",
    "\"",
    "*",
    "\u{202e}\u{feff}\u{ffff}",
    "9999-12-31T23:59:60Z",
    "-9223372036854775808",
    "18446744073709551616",
    "1e400",
    "NaN",
];

/// Longest refusal, whatever was sent: a reason, each of whose bytes JSON may write as six, and what is around it.
const REFUSAL_BYTES_MAX: usize = 6 * REASON_BYTES_MAX + 1_024;

/// Words of what the host is made of.
const INSIDE: [&str; 7] = [
    "sqlite", "fts5", "SELECT ", "INSERT ", "no such ", ".rs:", "panicked",
];

fn values() -> Vec<Value> {
    let deep = (0..100).fold(json!(1), |value, _| json!([value]));
    let mut all = vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(0),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(1e308),
        json!(0.5),
        json!([]),
        json!({}),
        json!({ "a": { "b": [null] } }),
        json!([[], {}, null, "", 0]),
        json!("a".repeat(100_000)),
        json!(vec!["a"; 10_000]),
        deep,
    ];
    all.extend(TEXTS.map(|text| json!(text)));
    all
}

/// A value that fits a schema, with everything that may be left out.
fn sample(document: &Value, schema: &Value, depth: u32) -> Value {
    if let Some(name) = schema["$ref"].as_str() {
        let schema = document.pointer(name.trim_start_matches('#'));
        return sample(document, schema.unwrap(), depth);
    }
    if depth > DEPTH_MAX {
        return Value::Null;
    }
    for word in ["example", "default", "const"] {
        if schema.get(word).is_some_and(|value| !value.is_null()) {
            return schema[word].clone();
        }
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    for word in ["oneOf", "anyOf", "allOf"] {
        let some = schema[word].as_array().into_iter().flatten();
        let mut some = some.filter(|schema| schema["type"] != "null");
        if let Some(schema) = some.next() {
            return sample(document, schema, depth);
        }
    }
    let types = &schema["type"];
    let kind = types.as_str().or_else(|| {
        let all = types.as_array()?.iter().filter_map(Value::as_str);
        all.into_iter().find(|kind| *kind != "null")
    });
    match kind {
        Some("string") if schema["format"] == "date-time" => json!("2026-01-01T00:00:00Z"),
        Some("string") => json!("odd"),
        Some("integer" | "number") => json!(1),
        Some("boolean") => json!(false),
        Some("array") => json!([sample(document, &schema["items"], depth + 1)]),
        _ => {
            let members = schema["properties"].as_object().into_iter().flatten();
            members
                .map(|(name, schema)| (name.clone(), sample(document, schema, depth + 1)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        }
    }
}

/// Where the values of a document are, the whole of it first.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    let escape = |name: &str| name.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                pointers(value, &format!("{at}/{}", escape(name)), found);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                pointers(value, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// An operation that tenants may call and that comes to an end.
struct Operation<'a> {
    method: String,
    path: String,
    parameters: Vec<(&'a str, &'a str)>,
    body: Option<Value>,
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let mine = operation["security"][0].get("key").is_some();
            let answers = operation["responses"].to_string();
            if !mine || answers.contains("text/event-stream") || path.ends_with("/ws") {
                continue;
            }
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let parameters = parameters
                .map(|one| (one["in"].as_str().unwrap(), one["name"].as_str().unwrap()))
                .collect();
            let schema = operation["requestBody"]["content"]["application/json"].get("schema");
            all.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                parameters,
                body: schema.map(|schema| sample(document, schema, 0)),
            });
        }
    }
    all
}

impl Operation<'_> {
    /// The path with its places filled, one of them otherwise.
    fn path(&self, odd: Option<(&str, &str)>) -> String {
        let places = self.parameters.iter().filter(|(place, _)| *place == "path");
        places.fold(self.path.clone(), |path, (_, name)| {
            let value = match odd {
                Some((odd, value)) if odd == *name => encoded(value),
                _ if *name == "space" => "agent:odd".to_owned(),
                _ => "odd".to_owned(),
            };
            path.replace(&format!("{{{name}}}"), &value)
        })
    }

    async fn send(&self, client: &Client, path: &str, body: String) -> Answer {
        let json = [("content-type", "application/json")];
        client.send(&self.method, path, &json, body).await
    }
}

/// What is wrong with an answer, if anything is.
fn fault(answer: &Answer) -> Option<String> {
    let text = answer.text();
    // A repeated name of a header or a parameter is the client's own word.
    let inside = INSIDE.iter().find(|word| text.contains(**word));
    // Nothing that works can be found: that is an answer too.
    let none = answer.status == 503 && answer.json()["code"] == "unavailable";
    if answer.status >= 400 && text.len() > REFUSAL_BYTES_MAX {
        let head: String = text.chars().take(200).collect();
        return Some(format!(
            "{} answers {} bytes: {head}",
            answer.what,
            text.len()
        ));
    }
    if (answer.status >= 500 && !none) || answer.status == 408 {
        return Some(format!("{} {}: {text}", answer.what, answer.status));
    }
    inside.map(|word| format!("{} tells of `{word}`: {text}", answer.what))
}

#[tokio::test]
async fn whatever_a_client_sends_to_any_operation_is_refused_or_served() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let document = host.nobody().get("/v1/openapi.json").await.ok();
    let (values, mut faults, mut sent) = (values(), Vec::new(), 0_u32);
    let operations = operations(&document);
    assert!(operations.len() > 50, "{}", operations.len());
    for operation in &operations {
        let whole = operation
            .body
            .as_ref()
            .map(Value::to_string)
            .unwrap_or_default();
        let mut tries: Vec<(String, String)> = Vec::new();
        for (place, name) in &operation.parameters {
            for text in TEXTS {
                match *place {
                    // An empty place is another route.
                    "path" if !text.is_empty() => {
                        tries.push((operation.path(Some((*name, text))), whole.clone()));
                    }
                    "query" => {
                        let query = format!("{}?{name}={}", operation.path(None), encoded(text));
                        tries.push((query.clone(), whole.clone()));
                        tries.push((format!("{query}&{name}=x&{name}"), whole.clone()));
                    }
                    _ => {}
                }
            }
        }
        if let Some(body) = &operation.body {
            let mut places = Vec::new();
            pointers(body, "", &mut places);
            for place in &places {
                for value in &values {
                    let mut odd = body.clone();
                    *odd.pointer_mut(place).unwrap() = value.clone();
                    tries.push((operation.path(None), odd.to_string()));
                }
            }
            for cut in [0, 1, whole.len() / 2, whole.len().saturating_sub(1)] {
                tries.push((operation.path(None), whole[..cut].to_owned()));
            }
        }
        for (path, body) in tries {
            sent += 1;
            faults.extend(fault(&operation.send(&acme, &path, body).await));
        }
    }
    assert!(sent > 5_000, "{sent}");
    let told: Vec<String> = faults
        .iter()
        .map(|f| f.chars().take(400).collect())
        .collect();
    assert!(
        told.is_empty(),
        "{} of {sent}:\n{}",
        told.len(),
        told.join("\n")
    );
    acme.get("/v1/whoami").await.ok();
}
