//! Merges one layer of settings over another.
//!
//! Invariant: the lowest layer holds every setting there is, so that a key or a type that is not in it is
//! a mistake. Knows no setting by name.

use toml::{Table, Value};

use crate::error::{Error, Result};

use super::{EMBEDDER_KEY_VARIABLE, OPERATOR_KEY_VARIABLE, nearest};

/// What all variables begin with.
const PREFIX: &str = "WARREN_";
/// Variables that commands read, and secrets: what is no setting of a file.
const COMMAND_VARIABLES: [&str; 6] = [
    "WARREN_CA",
    "WARREN_URL",
    "WARREN_KEY",
    OPERATOR_KEY_VARIABLE,
    EMBEDDER_KEY_VARIABLE,
    "WARREN_CONFIG",
];

/// What would be secrets if they were settings, and the variables that hold them.
const SECRETS: [(&str, &str); 2] = [
    ("admin_key", OPERATOR_KEY_VARIABLE),
    ("memory.embedder.key", EMBEDDER_KEY_VARIABLE),
];

/// Put `layer`, which comes from `origin`, over `table`.
pub(super) fn merge(table: &mut Table, layer: Table, origin: &str) -> Result<()> {
    merge_at(table, layer, "", origin)
}

fn merge_at(table: &mut Table, layer: Table, path: &str, origin: &str) -> Result<()> {
    for (key, value) in layer {
        let name = format!("{path}{key}");
        let Some(below) = table.get_mut(&key) else {
            return Err(unknown(table, path, &key, origin));
        };
        match (below, value) {
            (Value::Table(below), Value::Table(value)) => {
                merge_at(below, value, &format!("{name}."), origin)?;
            }
            (below, value) if below.same_type(&value) => *below = value,
            (below, value) => {
                let reason = format!(
                    "`{value}` from {origin} is {}, not {}",
                    article(&value),
                    article(below)
                );
                return Err(Error::invalid(name, reason));
            }
        }
    }
    Ok(())
}

/// Refuse numbers under 1, but for those that may be 0.
pub(super) fn require_positive(table: &Table, may_be_zero: &[&str]) -> Result<()> {
    require_positive_at(table, "", may_be_zero)
}

fn require_positive_at(table: &Table, path: &str, may_be_zero: &[&str]) -> Result<()> {
    for (key, value) in table {
        let name = format!("{path}{key}");
        match value {
            Value::Table(inner) => require_positive_at(inner, &format!("{name}."), may_be_zero)?,
            Value::Integer(number) => {
                let least = i64::from(!may_be_zero.contains(&name.as_str()));
                if *number < least {
                    return Err(Error::invalid(
                        name,
                        format!("is {number}, must be at least {least}"),
                    ));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn unknown(table: &Table, path: &str, key: &str, origin: &str) -> Error {
    let secret = SECRETS
        .iter()
        .find(|(name, _)| name.strip_prefix(path) == Some(key));
    if let Some((name, variable)) = secret {
        let reason = format!("from {origin}: a secret does not belong in a file, set {variable}");
        return Error::invalid(*name, reason);
    }
    let known = || table.keys().map(String::as_str);
    let reason = nearest(key, known()).map_or_else(
        || format!("there are {}", known().collect::<Vec<_>>().join(", ")),
        |near| format!("did you mean `{path}{near}`?"),
    );
    Error::invalid(
        format!("`{path}{key}` from {origin}"),
        format!("no such setting; {reason}"),
    )
}

fn article(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a string",
        Value::Integer(_) => "an integer",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

/// Put variables over `table`: `WARREN_LOG_FILTER` is `log.filter`. Returns what looks misspelt.
pub(super) fn merge_environment(
    table: &mut Table,
    environment: &[(String, String)],
) -> Result<Vec<String>> {
    let mut known: Vec<String> = COMMAND_VARIABLES.map(str::to_owned).to_vec();
    merge_variables(table, PREFIX, environment, &mut known)?;
    let notes = environment
        .iter()
        .filter(|(name, _)| name.starts_with(PREFIX) && !known.contains(name))
        .filter_map(|(name, _)| {
            let near = nearest(name, known.iter().map(String::as_str))?;
            Some(format!("{name} is no setting; did you mean {near}?"))
        });
    Ok(notes.collect())
}

fn merge_variables(
    table: &mut Table,
    prefix: &str,
    environment: &[(String, String)],
    known: &mut Vec<String>,
) -> Result<()> {
    for (key, below) in table.iter_mut() {
        let name = format!("{prefix}{}", key.to_ascii_uppercase());
        if let Value::Table(below) = below {
            merge_variables(below, &format!("{name}_"), environment, known)?;
            continue;
        }
        let given = environment.iter().find(|(variable, _)| *variable == name);
        if let Some((_, text)) = given {
            *below = parse(below, text).ok_or_else(|| {
                let reason = format!("`{text}` is not {}", article(below));
                Error::invalid(name.clone(), reason)
            })?;
        }
        known.push(name);
    }
    Ok(())
}

/// Read `text` as what `below` is.
fn parse(below: &Value, text: &str) -> Option<Value> {
    match below {
        Value::String(_) => Some(Value::String(text.to_owned())),
        Value::Integer(_) => text.parse().ok().map(Value::Integer),
        Value::Float(_) => text.parse().ok().map(Value::Float),
        Value::Boolean(_) => text.parse().ok().map(Value::Boolean),
        Value::Array(_) => {
            let items = text.split(',').map(str::trim);
            let items = items.filter(|item| !item.is_empty());
            Some(items.map(Value::from).collect::<Vec<_>>().into())
        }
        Value::Datetime(_) | Value::Table(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_at_least_one() {
        let check = |text: &str, expect: Option<&str>| {
            let table: Table = text.parse().unwrap();
            let got = require_positive(&table, &["a.off"]);
            assert_eq!(
                got.err().map(|e| e.to_string()).as_deref(),
                expect,
                "{text}"
            );
        };
        check("[a]\nb = 1\noff = 0\nc = \"\"\nd = 0.0", None);
        check("[a]\nb = 0", Some("a.b: is 0, must be at least 1"));
        check("[a]\noff = -1", Some("a.off: is -1, must be at least 0"));
        check("z = 0", Some("z: is 0, must be at least 1"));
    }

    #[test]
    fn variables_are_read_as_what_they_set() {
        let check = |below: &str, text: &str, expect: Option<&str>| {
            let mut table: Table = format!("[a]\nb_c = {below}").parse().unwrap();
            let environment = [("WARREN_A_B_C".to_owned(), text.to_owned())];
            let merged = merge_environment(&mut table, &environment);
            let got = merged.ok().map(|_| table["a"]["b_c"].to_string());
            assert_eq!(got.as_deref(), expect, "{below} {text}");
        };
        check("1", "7", Some("7"));
        check("1", "-7", Some("-7"));
        check("1", "many", None);
        check("1", "", None);
        check("true", "false", Some("false"));
        check("true", "no", None);
        check("1.5", "2", Some("2.0"));
        check("\"x\"", "7", Some("\"7\""));
    }
}
