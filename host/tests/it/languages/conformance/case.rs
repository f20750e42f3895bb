//! A case of the suite: an event, and what must come of it.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::{Map, Value};
use warren::turn::TurnRecord;

/// An event, and what must come of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub(super) name: String,
    #[serde(rename = "type", default = "run")]
    pub(super) event_type: String,
    #[serde(default = "action_requests")]
    pub(super) topic: String,
    /// The payload; `steps` are short for a payload with these.
    pub(super) data: Option<Value>,
    pub(super) steps: Option<Value>,
    #[serde(default)]
    pub(super) event: About,
    /// Grants that are withheld.
    #[serde(default)]
    pub(super) without: Vec<String>,
    pub(super) results: Option<Value>,
    /// How the turn ends; `committed` if nothing is said.
    #[serde(default = "committed")]
    pub(super) outcome: Vec<String>,
    /// Words of the reason.
    pub(super) reason: Option<String>,
    /// The attempt that ends it.
    pub(super) attempt: Option<u32>,
    #[serde(default)]
    pub(super) published: Vec<Value>,
    #[serde(default)]
    pub(super) logs: Vec<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct About {
    pub(super) subject: Option<String>,
    pub(super) session: Option<String>,
    pub(super) plan: Option<String>,
    pub(super) user: Option<String>,
    pub(super) customer: Option<String>,
    pub(super) extensions: Map<String, Value>,
}

fn run() -> String {
    "conformance.run".into()
}

pub(super) fn action_requests() -> String {
    "action-requests".into()
}

fn committed() -> Vec<String> {
    vec!["committed".into()]
}

impl Case {
    /// All of them.
    pub(super) fn all() -> Vec<Self> {
        let text = std::fs::read_to_string(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../examples/07-languages/conformance/cases.json"
        ));
        serde_json::from_str(&text.unwrap()).unwrap()
    }

    /// Whether a turn ended as it must.
    pub(super) fn check_end(&self, record: &TurnRecord) -> Result<(), String> {
        let outcome = record.outcome.as_str();
        let reason = record.reason.as_deref().unwrap_or_default();
        if !self.outcome.iter().any(|expect| expect == outcome) {
            return Err(format!(
                "it {outcome}, expected {:?}: {reason}",
                self.outcome
            ));
        }
        if let Some(words) = self
            .reason
            .as_deref()
            .filter(|words| !reason.contains(words))
        {
            return Err(format!("its reason is `{reason}`, without `{words}`"));
        }
        match self.attempt {
            Some(attempt) if attempt != record.attempt => {
                Err(format!("it ended at attempt {}", record.attempt))
            }
            _ => Ok(()),
        }
    }
}

/// Whether a value is what is expected: `"*"` is anything, and objects may have more members.
pub(super) fn fits(got: &Value, expect: &Value, at: &str) -> Result<(), String> {
    let unlike = || {
        Err(format!(
            "{at}: got {}, expected {}",
            shown(got),
            shown(expect)
        ))
    };
    match (got, expect) {
        (_, Value::String(any)) if any == "*" => Ok(()),
        (Value::Object(got), Value::Object(expect)) => {
            expect.iter().try_for_each(|(name, expect)| {
                let at = format!("{at}/{name}");
                fits(got.get(name).unwrap_or(&Value::Null), expect, &at)
            })
        }
        (Value::Array(got), Value::Array(expect)) if got.len() == expect.len() => {
            let mut pairs = got.iter().zip(expect).enumerate();
            pairs.try_for_each(|(i, (got, expect))| fits(got, expect, &format!("{at}/{i}")))
        }
        // `1` and `1.0` are one number in JSON.
        (Value::Number(left), Value::Number(right)) if left.as_f64() == right.as_f64() => Ok(()),
        (got, expect) if got == expect => Ok(()),
        _ => unlike(),
    }
}

/// Short enough to read.
fn shown(value: &Value) -> String {
    let mut text = String::new();
    write!(text, "{value}").unwrap();
    text.chars().take(400).collect()
}

/// Put texts in place of `{"$fill": n}`.
pub(super) fn fill(value: &mut Value) {
    match value {
        Value::Object(members) if members.contains_key("$fill") => {
            let bytes = members["$fill"].as_u64().unwrap();
            *value = "y".repeat(usize::try_from(bytes).unwrap()).into();
        }
        Value::Object(members) => members.values_mut().for_each(fill),
        Value::Array(elements) => elements.iter_mut().for_each(fill),
        _ => {}
    }
}
