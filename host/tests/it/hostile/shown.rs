//! Whether the tables tell the truth: the tests exist, and no row is missing.

use std::collections::HashSet;

use super::attacks::{self, Outcome};
use super::promises::{FAULTS, RULES};
use crate::tidy::{SourceFile, repository};

/// A row of any table.
pub(super) struct Row {
    pub(super) number: &'static str,
    pub(super) what: &'static str,
    pub(super) outcome: Option<Outcome>,
    pub(super) shown: &'static [&'static str],
    pub(super) open: &'static str,
}

pub(super) fn rows() -> Vec<Row> {
    let attacks = attacks::ALL.iter().flat_map(|(_, group)| group.iter());
    let attacks = attacks.map(|attack| Row {
        number: attack.number,
        what: attack.what,
        outcome: Some(attack.outcome),
        shown: attack.shown,
        open: attack.open,
    });
    let promises = FAULTS.iter().chain(RULES).map(|promise| Row {
        number: promise.number,
        what: promise.what,
        outcome: None,
        shown: promise.shown,
        open: promise.open,
    });
    attacks.chain(promises).collect()
}

/// Every test of the host, as the test runner names it.
pub(super) fn tests() -> HashSet<String> {
    let files = repository(&["rs"]);
    files.iter().flat_map(tests_of).collect()
}

fn tests_of(file: &SourceFile) -> Vec<String> {
    let path = file.path.as_str();
    let under = path
        .strip_prefix("host/src/")
        .or_else(|| path.strip_prefix("host/tests/it/"));
    let Some(module) = under.and_then(|path| path.strip_suffix(".rs")) else {
        return Vec::new();
    };
    let module = module.replace('/', "::");
    let mut inline = "";
    let mut is_test = false;
    let mut behaviours = false;
    let mut found = Vec::new();
    for line in file.text.lines() {
        let line = line.trim();
        if line == "mod tests {" {
            inline = "::tests";
        }
        if line.starts_with("on_every_store!") {
            behaviours = true;
        } else if ["];", "}"].contains(&line) {
            behaviours = false;
        } else if behaviours && let Some(name) = line.strip_suffix(',') {
            found.push(format!("{module}::every_store::{name}"));
        }
        if line == "#[test]" || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some(name) = function(line).filter(|_| is_test) {
            found.push(format!("{module}{inline}::{name}"));
            is_test = false;
        }
    }
    found
}

/// The name of the function that begins on this line.
fn function(line: &str) -> Option<&str> {
    let line = line.strip_prefix("pub(super) ").unwrap_or(line);
    let line = line.strip_prefix("async ").unwrap_or(line);
    line.strip_prefix("fn ")?.split(['(', '<']).next()
}

/// What is wrong with a row.
fn fault(row: &Row, tests: &HashSet<String>) -> Option<String> {
    if row.shown.is_empty() && row.open.is_empty() {
        let number = row.number;
        return Some(format!("{number}: no test and no word why there is none"));
    }
    let gone = row.shown.iter().find(|test| !tests.contains(**test))?;
    Some(format!("{}: there is no test `{gone}`", row.number))
}

#[test]
fn every_row_names_tests_that_exist() {
    let tests = tests();
    assert!(tests.len() > 500, "{}", tests.len());
    let faults: Vec<String> = rows().iter().filter_map(|row| fault(row, &tests)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn no_row_is_missing() {
    let numbers = |letter: char| -> Vec<u32> {
        let rows = rows().into_iter();
        rows.filter_map(|row| row.number.strip_prefix(letter)?.parse().ok())
            .collect()
    };
    assert_eq!(numbers('A'), attacks::NUMBERS);
    assert_eq!(numbers('F'), (1..=40).collect::<Vec<_>>());
    let rules: Vec<u32> = (1..=17).chain(30..=34).chain(50..=66).collect();
    assert_eq!(numbers('R'), rules);
}

#[test]
fn what_is_missing_is_found() {
    let row = |shown, open| Row {
        number: "A0",
        what: "",
        outcome: None,
        shown,
        open,
    };
    let known: HashSet<String> = ["a::b".to_owned()].into();
    for (shown, open, expect) in [
        (&["a::b"][..], "", None),
        (&[], "it is not built", None),
        (&[], "", Some("A0: no test and no word why there is none")),
        (&["a::b", "a::c"], "", Some("A0: there is no test `a::c`")),
    ] {
        assert_eq!(fault(&row(shown, open), &known).as_deref(), expect);
    }
    let file = |path: &str, text: &str| SourceFile {
        path: path.into(),
        text: text.into(),
    };
    let source =
        "#[test]\nfn one() {}\nfn no() {}\nmod tests {\n #[tokio::test(x)]\n async fn two() {}";
    let found = tests_of(&file("host/src/a/b.rs", source));
    assert_eq!(found, ["a::b::one", "a::b::tests::two"]);
    let list = "on_every_store![\n    three,\n];";
    let found = tests_of(&file("host/tests/it/c.rs", list));
    assert_eq!(found, ["c::every_store::three"]);
}

#[test]
fn the_engine_is_pinned_to_a_release_with_its_fixes() {
    let manifests = repository(&["toml"]);
    let root = manifests.iter().find(|file| file.path == "Cargo.toml");
    let text = &root.unwrap().text;
    let line = |name: &str| {
        let start = format!("{name} = {{ ");
        text.lines().find(|line| line.starts_with(&start)).unwrap()
    };
    for (name, features) in [
        (
            "wasmtime",
            r#"["async", "component-model", "cranelift", "pooling-allocator", "runtime", "std"]"#,
        ),
        ("wasmtime-wasi", r#"["p2"]"#),
    ] {
        let line = line(name);
        let patch = line.split("\"=48.0.").nth(1).and_then(|rest| {
            let digits = rest.split('"').next()?;
            digits.parse::<u32>().ok()
        });
        assert!(patch.is_some_and(|patch| patch >= 8), "{line}");
        assert!(line.contains("default-features = false"), "{line}");
        assert!(line.contains(features), "{line}");
    }
}

#[test]
fn unsafe_code_is_in_one_place() {
    let mut places = Vec::new();
    for file in repository(&["rs"]) {
        let ours = file.path.starts_with("host/src/") && !file.is_test();
        if ours && file.code().any(|(_, line)| has_unsafe(line)) {
            places.push(file.path);
        }
    }
    assert_eq!(places, ["host/src/sandbox/cache.rs"]);
}

fn has_unsafe(line: &str) -> bool {
    let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.any(|word| word == "unsafe")
}
