//! The style rules that the compiler and clippy cannot see, as tests over the source tree.
//!
//! Invariant: a failure names file and line and says what to do. Rules are data at the top of this file and in `layers`;
//! each has a test that proves it fires. Knows nothing of the host's types: it reads text.

use std::fmt::Write as _;

mod layers;
mod source;
mod uses;

pub(crate) use source::{SourceFile, repository};

/// Lines of a file without its tests. Above it a file holds two things; split it.
const FILE_LINES_MAX: usize = 500;

/// Words that must not be in any file, and what to do instead.
const BANNED: &[(&str, &str)] = &[
    (
        concat!("TO", "DO"),
        "do it now, or leave it out and say so in the commit",
    ),
    (
        concat!("FIX", "ME"),
        "fix it now; a known fault starts with a test that shows it",
    ),
    (
        concat!("unimpl", "emented!"),
        "leave the item out until it works",
    ),
    (concat!("to", "do!("), "leave the item out until it works"),
    (
        concat!("#[ig", "nore"),
        "make the test run everywhere; a test that does not run proves nothing",
    ),
    (
        concat!("/wo", "rk/"),
        "name no directory of one machine; derive it or make it temporary",
    ),
];

/// What `BANNED` and the opening rule look at.
const TEXT_ENDINGS: &[&str] = &[
    "rs", "toml", "md", "wit", "sql", "yaml", "yml", "json", "sh", "js", "ts", "py", "go", "c",
];

#[test]
fn files_are_short() {
    report(&of_rust(short));
}

#[test]
fn files_open_with_what_they_are() {
    report(&of_rust(opening));
}

#[test]
fn modules_are_named_by_their_file() {
    report(&of_rust(named_by_file));
}

#[test]
fn modules_use_only_what_stands_below_them() {
    report(&of_rust(layers::check));
}

#[test]
fn every_module_of_the_host_has_a_layer() {
    report(&of_rust(layers::check_listed));
}

#[test]
fn banned_words_are_absent() {
    let faults: Vec<String> = repository(TEXT_ENDINGS).iter().flat_map(banned).collect();
    report(&faults);
}

#[test]
fn migrations_come_in_pairs() {
    let files = repository(&["sql"]);
    let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    report(&unpaired(&paths));
}

#[test]
fn every_test_guest_has_a_test() {
    let rust = repository(&["rs"]);
    let tests: Vec<&SourceFile> = rust.iter().filter(|file| is_test_of_host(file)).collect();
    let manifests = repository(&["toml"]);
    let guests = manifests
        .iter()
        .filter(|file| file.path.starts_with("host/tests/guests/"));
    let faults: Vec<String> = guests.filter_map(|guest| untested(guest, &tests)).collect();
    report(&faults);
}

fn of_rust<Faults: IntoIterator<Item = String>>(
    rule: impl Fn(&SourceFile) -> Faults,
) -> Vec<String> {
    repository(&["rs"]).iter().flat_map(rule).collect()
}

#[track_caller]
fn report(faults: &[String]) {
    let list = faults.iter().fold(String::new(), |mut list, fault| {
        writeln!(list, "  {fault}").expect("a string takes any text");
        list
    });
    assert!(faults.is_empty(), "{} to put right:\n{list}", faults.len());
}

fn short(file: &SourceFile) -> Option<String> {
    let lines = file.lines_without_tests();
    (lines > FILE_LINES_MAX && !file.is_test()).then(|| {
        format!(
            "{}: {lines} lines without tests, at most {FILE_LINES_MAX}: split it by what it knows",
            file.path
        )
    })
}

fn opening(file: &SourceFile) -> Option<String> {
    (!file.text.starts_with("//!")).then(|| {
        format!(
            "{}:1: open with `//!`: what it is, its invariant, what it must not know",
            file.path
        )
    })
}

fn named_by_file(file: &SourceFile) -> Option<String> {
    let directory = file.path.strip_suffix("/mod.rs")?;
    Some(format!("{}: move it to {directory}.rs", file.path))
}

fn banned(file: &SourceFile) -> Vec<String> {
    let lines = file.text.lines().zip(1..);
    lines
        .flat_map(|(line, number)| {
            BANNED
                .iter()
                .map(move |(word, instead)| (line, number, word, instead))
        })
        .filter(|(line, _, word, _)| line.contains(*word))
        .map(|(_, number, word, instead)| format!("{}:{number}: `{word}`: {instead}", file.path))
        .collect()
}

/// A change of the schema exists for both databases, once there are two.
fn unpaired(paths: &[&str]) -> Vec<String> {
    const DATABASES: [&str; 2] = ["migrations/sqlite/", "migrations/postgres/"];
    let of = |database: &str| -> Vec<String> {
        paths
            .iter()
            .filter_map(|path| path.strip_prefix(database))
            .map(str::to_owned)
            .collect()
    };
    let sets = DATABASES.map(of);
    if sets.iter().any(Vec::is_empty) {
        return Vec::new();
    }
    let missing = |from: usize, to: usize| {
        let (from, other) = (sets[from].clone(), sets[to].clone());
        let database = DATABASES[to];
        from.into_iter()
            .filter(move |name| !other.contains(name))
            .map(move |name| {
                format!("{database}{name} is missing: migrations come in pairs of one name")
            })
    };
    missing(0, 1).chain(missing(1, 0)).collect()
}

fn is_test_of_host(file: &SourceFile) -> bool {
    let path = file.path.as_str();
    path.starts_with("host/") && !path.starts_with("host/tests/guests/") && file.is_test()
}

fn untested(manifest: &SourceFile, tests: &[&SourceFile]) -> Option<String> {
    let name = manifest
        .text
        .lines()
        .find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))?;
    let quoted = format!("\"{name}\"");
    let named = tests.iter().any(|test| test.text.contains(&quoted));
    (!named).then(|| {
        format!(
            "{}: no test says {quoted}: write one below host or remove the guest",
            manifest.path
        )
    })
}

#[test]
fn the_rules_fire() {
    let file = |path: &str, text: &str| SourceFile {
        path: path.into(),
        text: text.into(),
    };
    let long = |lines: usize| file("host/src/a.rs", &"//! A.\n".repeat(lines));
    assert_eq!(short(&long(FILE_LINES_MAX)), None);
    assert!(short(&long(FILE_LINES_MAX + 1)).is_some());
    assert!(opening(&file("a.rs", "use std::fs;\n")).is_some());
    assert!(
        named_by_file(&file("host/src/a/mod.rs", ""))
            .is_some_and(|fault| fault.contains("host/src/a.rs"))
    );
    for (word, _) in BANNED {
        assert_eq!(
            banned(&file("a.md", &format!("fine\nnot {word} fine\n"))).len(),
            1,
            "{word}"
        );
    }

    let pairs =
        |paths: &[&str], expect: usize| assert_eq!(unpaired(paths).len(), expect, "{paths:?}");
    pairs(&["migrations/sqlite/1.sql"], 0);
    pairs(&["migrations/sqlite/1.sql", "migrations/postgres/1.sql"], 0);
    pairs(
        &[
            "migrations/sqlite/1.sql",
            "migrations/sqlite/2.sql",
            "migrations/postgres/1.sql",
        ],
        1,
    );
    pairs(&["migrations/sqlite/1.sql", "migrations/postgres/2.sql"], 2);

    let guest = file(
        "host/tests/guests/spin/Cargo.toml",
        "[package]\nname = \"spin\"\n",
    );
    let test = file("host/tests/it/limits.rs", "run(\"spin\")");
    assert_eq!(untested(&guest, &[&test]), None);
    assert!(untested(&guest, &[]).is_some());
}
