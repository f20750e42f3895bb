//! Configuration values that a tenant sets for an agent.

use std::collections::BTreeMap;

use crate::error::{Error, Result};

/// Most values of one agent.
pub const CONFIG_VALUES_MAX: usize = 128;
/// Longest name of a value in bytes.
pub const CONFIG_NAME_BYTES_MAX: usize = 128;
/// Longest value in bytes. All of them are in memory with the agent: 1 MiB at most.
pub const CONFIG_VALUE_BYTES_MAX: usize = 8 * 1024;

/// Check configuration values before they are kept.
///
/// # Errors
/// `Invalid` that names the value and the limit.
pub fn check_config(values: &BTreeMap<String, String>) -> Result<()> {
    if values.len() > CONFIG_VALUES_MAX {
        let got = values.len();
        return Err(Error::invalid(
            "config",
            format!("{got} values, the limit is {CONFIG_VALUES_MAX}"),
        ));
    }
    for (name, value) in values {
        let named = (1..=CONFIG_NAME_BYTES_MAX).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_graphic());
        if !named {
            let shown: String = name
                .chars()
                .take(40)
                .flat_map(char::escape_default)
                .collect();
            return Err(Error::invalid(
                "config",
                format!(
                    "`{shown}` is not a name of 1 to {CONFIG_NAME_BYTES_MAX} visible ASCII characters"
                ),
            ));
        }
        if value.len() > CONFIG_VALUE_BYTES_MAX {
            let got = value.len();
            return Err(Error::invalid(
                "config",
                format!("`{name}` has {got} bytes, the limit is {CONFIG_VALUE_BYTES_MAX}"),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_at_and_one_past() {
        let many = |n: usize| (0..n).map(|i| (format!("k{i}"), String::new())).collect();
        let one =
            |name: usize, value: usize| BTreeMap::from([("n".repeat(name), "v".repeat(value))]);
        let table = [
            (many(CONFIG_VALUES_MAX), true),
            (many(CONFIG_VALUES_MAX + 1), false),
            (one(CONFIG_NAME_BYTES_MAX, CONFIG_VALUE_BYTES_MAX), true),
            (one(CONFIG_NAME_BYTES_MAX + 1, 0), false),
            (one(0, 0), false),
            (one(1, CONFIG_VALUE_BYTES_MAX + 1), false),
            (BTreeMap::from([("a b".into(), String::new())]), false),
        ];
        for (values, fits) in table {
            assert_eq!(check_config(&values).is_ok(), fits, "{}", values.len());
        }
    }
}
