//! Reads the few keys of a `Cargo.toml` that make a crate a guest.
//!
//! Invariant: understands the plain `key = "value"` form that this workspace writes, and says so when a guest uses another;
//! a TOML library would double what has to compile before the first line of progress.

use anyhow::{Context, Result, bail};

use crate::toolchain::TARGETS;

/// A crate that compiles to WebAssembly.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Guest {
    /// The package, and the output file.
    pub(super) name: String,
    /// The library as cargo names its file.
    pub(super) lib: String,
    /// `[package.metadata.warren] target`, else the first of `TARGETS`.
    pub(super) target: String,
}

impl Guest {
    /// The guest that a manifest describes, if it describes one.
    pub(super) fn parse(text: &str) -> Result<Option<Self>> {
        if !value(text, "lib", "crate-type").is_some_and(|kinds| kinds.contains("cdylib")) {
            return Ok(None);
        }
        let name =
            string(text, "package", "name").context("the package has no plain `name = \"…\"`")?;
        let lib = string(text, "lib", "name").unwrap_or_else(|| name.replace('-', "_"));
        let target = string(text, "package.metadata.warren", "target").unwrap_or_else(|| {
            TARGETS
                .map(str::to_owned)
                .into_iter()
                .next()
                .unwrap_or_default()
        });
        if !TARGETS.contains(&target.as_str()) {
            bail!(
                "`{name}` wants target `{target}`; there are {}",
                TARGETS.join(" and ")
            );
        }
        Ok(Some(Self { name, lib, target }))
    }
}

fn string(text: &str, table: &str, key: &str) -> Option<String> {
    Some(value(text, table, key)?.trim_matches('"').to_owned())
}

/// The raw value of `key` in `[table]`; arrays may take several lines.
fn value(text: &str, table: &str, key: &str) -> Option<String> {
    let mut lines = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .skip_while(|line| {
            line.strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'))
                != Some(table)
        })
        .skip(1);
    while let Some(line) = lines.next().filter(|line| !line.starts_with('[')) {
        let Some((found, value)) = line.split_once('=') else {
            continue;
        };
        if found.trim() != key {
            continue;
        }
        let mut value = value.trim().to_owned();
        while value.starts_with('[') && !value.contains(']') {
            value.push_str(lines.next()?);
        }
        return Some(value);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::Guest;

    fn guest(name: &str, lib: &str, target: &str) -> Guest {
        Guest {
            name: name.into(),
            lib: lib.into(),
            target: target.into(),
        }
    }

    #[test]
    fn a_cdylib_is_a_guest_and_nothing_else_is() {
        let check = |manifest: &str, expect: Option<Guest>| {
            assert_eq!(
                Guest::parse(manifest).expect(manifest),
                expect,
                "{manifest}"
            );
        };
        check(
            "[package]\nname = \"a-b\"\n[lib]\ncrate-type = [\"cdylib\"]\n",
            Some(guest("a-b", "a_b", "wasm32-unknown-unknown")),
        );
        check(
            "[package]\nname = \"a\" # it\n\n[lib]\nname = \"z\"\ncrate-type = [\n  \"rlib\",\n  \"cdylib\",\n]\n",
            Some(guest("a", "z", "wasm32-unknown-unknown")),
        );
        check(
            "[package]\nname = \"a\"\n[package.metadata.warren]\ntarget = \"wasm32-wasip2\"\n[lib]\ncrate-type = [\"cdylib\"]",
            Some(guest("a", "a", "wasm32-wasip2")),
        );
        check("[package]\nname = \"a\"\n", None);
        check(
            "[package]\nname = \"a\"\n[lib]\ncrate-type = [\"rlib\"]\n",
            None,
        );
        check("[workspace]\n", None);
    }

    #[test]
    fn an_unknown_target_is_refused_by_name() {
        let manifest = "[package]\nname = \"a\"\n[package.metadata.warren]\ntarget = \"wasm64\"\n[lib]\ncrate-type = [\"cdylib\"]";
        let error = Guest::parse(manifest).expect_err("refused").to_string();
        assert!(
            error.contains("`wasm64`") && error.contains("wasm32-wasip2"),
            "{error}"
        );
    }
}
