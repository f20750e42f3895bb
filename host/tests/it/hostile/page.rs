//! The page that people read is what the tables say, and what `SECURITY.md` promises has tests.
//!
//! Invariant: of the page only the last column, how long a row took, is not from the tables: `cargo xtask attacks` fills it.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use super::attacks::{self, Outcome};
use super::shown::{Row, rows, tests};
use crate::tidy::repository;

/// How long each row took, as the page has it: by its number.
type Times = HashMap<String, String>;

fn page(times: &Times) -> String {
    let mut page = String::from(concat!(
        "# Attacks, faults and rules, and the tests that show them\n\n",
        "Made from `attacks.rs` and `promises.rs` by the test `hostile::page`; do not edit it. Each test is named as the\n",
        "test runner names it: `cargo xtask test -E 'test(=NAME)'` runs one. What is open is not shown by any test yet.\n",
        "How long a row took is the time of its tests, one after the other, when `cargo xtask attacks` was last run: a debug\n",
        "build on a machine of two processors.\n\n",
    ));
    for (_, word, meaning) in Outcome::ALL {
        let _ = writeln!(page, "- **{word}**: {meaning}");
    }
    for (group, attacks) in attacks::ALL {
        let _ = writeln!(page, "\n## Attacks: {group}\n");
        page.push_str("| | What a tenant may try: it | Outcome | Shown by | Open | Took |\n");
        page.push_str("| --- | --- | --- | --- | --- | --- |\n");
        let numbers: HashSet<&str> = attacks.iter().map(|attack| attack.number).collect();
        for row in rows().iter().filter(|row| numbers.contains(row.number)) {
            write_row(&mut page, row, times);
        }
    }
    for (title, letter) in [("Faults", 'F'), ("Rules", 'R')] {
        let _ = writeln!(page, "\n## {title}\n");
        page.push_str("| | What | Shown by | Open | Took |\n| --- | --- | --- | --- | --- |\n");
        for row in rows().iter().filter(|row| row.number.starts_with(letter)) {
            write_row(&mut page, row, times);
        }
    }
    page
}

fn write_row(page: &mut String, row: &Row, times: &Times) {
    let tests: Vec<String> = row.shown.iter().map(|test| format!("`{test}`")).collect();
    let _ = write!(page, "| {} | {} |", row.number, row.what);
    if let Some(outcome) = row.outcome {
        let word = Outcome::ALL.iter().find(|(one, ..)| *one == outcome);
        let _ = write!(page, " {} |", word.unwrap().1);
    }
    let took = times.get(row.number).map_or("", String::as_str);
    let _ = writeln!(page, " {} | {} | {took} |", tests.join("<br>"), row.open);
}

fn times(page: &str) -> Times {
    let rows = page.lines().filter_map(|line| {
        let (number, rest) = line.strip_prefix("| ")?.split_once(' ')?;
        let (_, took) = rest.strip_suffix(" |")?.rsplit_once(" | ")?;
        Some((number.to_owned(), took.to_owned()))
    });
    rows.filter(|(_, took)| took.ends_with(" s")).collect()
}

#[test]
fn the_page_is_made_from_the_tables() {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests/it/hostile/README.md"]
        .iter()
        .collect();
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    let page = page(&times(&there));
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(&path, &page).unwrap();
        return;
    }
    assert!(
        there == page,
        "{} is not what the tables say: run this test with INSTA_UPDATE=always",
        path.display()
    );
}

/// The rows of `SECURITY.md` that promise something, and the words in backticks that each ends with.
fn promised(text: &str) -> Vec<(&str, Vec<&str>)> {
    let (_, section) = text.split_once("\n## Promises\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| "));
    let row = |line| -> (&str, Vec<&str>) {
        let columns: Vec<&str> = str::split(line, " | ").collect();
        let tests = columns.last().unwrap().split('`').skip(1).step_by(2);
        (columns[0], tests.collect())
    };
    rows.skip(1).map(row).collect()
}

#[test]
fn every_promise_has_a_test() {
    let files = repository(&["md"]);
    let security = files.iter().find(|file| file.path == "SECURITY.md");
    let tests = tests();
    let promised = promised(&security.unwrap().text);
    assert!(promised.len() > 10, "{}", promised.len());
    for (promise, names) in promised {
        assert!(!names.is_empty(), "{promise}: names no test");
        for name in names {
            let found = tests.iter().any(|test| test.contains(name));
            assert!(found, "{promise}: no test has `{name}` in its name");
        }
    }
}
