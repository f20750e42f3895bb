//! `cargo xtask attacks`: every test that the page of the hostile suite names, what came of each row, and how long it took.
//!
//! Invariant: the page is made by the tests from their tables; this fills its last column and changes nothing else.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result, bail};

use crate::{guests, paths, shell, test};

/// The page, and the check that it says what the tables say.
const PAGE: &str = "host/tests/it/hostile/README.md";
/// The test runner's profile that writes a report, and where it lies in the target directory.
const PROFILE: &str = "attacks";
const REPORT: &str = "nextest/attacks/junit.xml";

/// Runs them, prints the rows, and keeps the times in the page.
pub(crate) fn run(args: &[String]) -> Result<()> {
    if let Some(arg) = args.first() {
        bail!("`attacks` takes no arguments, got `{arg}`");
    }
    if paths::on_path("cargo-nextest").is_none() {
        bail!(
            "`attacks` reads the report of cargo-nextest: `cargo install --locked cargo-nextest`"
        );
    }
    guests::run(&[])?;
    test::strace()?;
    let path = paths::root().join(PAGE);
    let page = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let tests: BTreeSet<&str> = page.lines().flat_map(tests_of).collect();
    let filter: Vec<String> = tests.iter().map(|name| format!("test(={name})")).collect();
    let mut runner = shell::cargo(&[
        "nextest",
        "run",
        "--workspace",
        "--all-targets",
        "--profile",
        PROFILE,
    ]);
    shell::loud(runner.args(["-E", &filter.join(" or ")]))
        .context("an attack came through, or the run did not end")?;

    let report = paths::target().join(REPORT);
    let report = fs::read_to_string(&report).with_context(|| report.display().to_string())?;
    let times = times_of(&report);
    if let Some(missing) = tests.iter().find(|test| !times.contains_key(**test)) {
        bail!(
            "the test `{missing}` did not run: is the page current? `cargo xtask test -E 'test(/hostile::/)'`"
        );
    }
    let filled = filled(&page, &times);
    for row in filled.lines().filter(|line| is_row(line)) {
        println!("{}", brief(row));
    }
    if filled != page {
        fs::write(&path, filled).with_context(|| path.display().to_string())?;
        eprintln!("  new   {}", path.display());
    }
    Ok(())
}

/// Whether a line is the row of an attack, a fault or a rule.
fn is_row(line: &str) -> bool {
    let number = line
        .strip_prefix("| ")
        .and_then(|rest| rest.split(' ').next());
    let number = number.and_then(|number| number.strip_prefix(['A', 'F', 'R']));
    number.is_some_and(|digits| digits.parse::<u32>().is_ok())
}

/// The tests that a line names: all that stands between backticks in the last column but two.
fn tests_of(line: &str) -> Vec<&str> {
    if !is_row(line) {
        return Vec::new();
    }
    let columns: Vec<&str> = line.split(" | ").collect();
    let shown = columns.len().checked_sub(3).and_then(|at| columns.get(at));
    let quoted = shown.map(|shown| shown.split('`').skip(1).step_by(2));
    quoted.into_iter().flatten().collect()
}

/// Seconds of each test in a report in `JUnit`'s form.
fn times_of(report: &str) -> HashMap<&str, f64> {
    let attribute = |tag: &'_ str, name: &str| -> Option<(usize, usize)> {
        let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
        let length = tag.get(start..)?.find('"')?;
        Some((start, start + length))
    };
    let mut times = HashMap::new();
    for case in report.split("<testcase").skip(1) {
        let tag = case.split('>').next().unwrap_or_default();
        let value = |name| attribute(tag, name).and_then(|(from, to)| tag.get(from..to));
        let seconds = value("time").and_then(|time| time.parse().ok());
        if let (Some(name), Some(seconds)) = (value("name"), seconds) {
            times.insert(name, seconds);
        }
    }
    times
}

/// The page with the time of each row's tests, one after the other, in its last column.
fn filled(page: &str, times: &HashMap<&str, f64>) -> String {
    let mut filled = String::with_capacity(page.len());
    for line in page.lines() {
        let tests = tests_of(line);
        let head = line
            .strip_suffix(" |")
            .and_then(|line| line.rsplit_once(" | "));
        match head {
            Some((head, _)) if !tests.is_empty() => {
                let seconds: f64 = tests.iter().filter_map(|test| times.get(test)).sum();
                let _ = write!(filled, "{head} | {seconds:.1} s |");
            }
            _ => filled.push_str(line),
        }
        filled.push('\n');
    }
    filled
}

/// A row for the terminal: its number, outcome, tests and time, and what it is.
fn brief(row: &str) -> String {
    let columns: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
    let column = |at: usize| columns.get(at).copied().unwrap_or_default();
    let outcome = if columns.len() == 6 { column(2) } else { "" };
    let tests = tests_of(row).len();
    let time = if tests == 0 {
        "open"
    } else {
        columns.last().copied().unwrap_or_default()
    };
    format!(
        "{:<5}{outcome:<9}{tests:>3} tests {time:>8}  {}",
        column(0),
        column(1)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# Title\n\n| | What | Outcome | Shown by | Open | Took |\n| --- | --- | --- | --- | --- | --- |\n\
        | A1 | loops | TRAP | `a::b`<br>`a::c` | a `word` | 9.0 s |\n\
        | A2 | hides | DENY |  | not built |  |\n\
        | R3 | keeps | `a::b` |  |  |\n";

    #[test]
    fn times_go_into_the_last_column() {
        let report = r#"<testsuites name="x"><testsuite name="w" time="7">
            <testcase name="a::b" classname="w" timestamp="t" time="0.250">
            </testcase><testcase name="a::c" classname="w" time="1.100"/></testsuite></testsuites>"#;
        let times = times_of(report);
        assert_eq!(times.len(), 2);
        let named: Vec<&str> = PAGE.lines().flat_map(tests_of).collect();
        assert_eq!(named, ["a::b", "a::c", "a::b"]);
        let page = filled(PAGE, &times);
        assert_eq!(
            page.replace("1.4 s", "9.0 s").replace(" 0.2 s ", "  "),
            PAGE
        );
        assert_eq!(filled(&page, &times), page);
        let rows: Vec<String> = page
            .lines()
            .filter(|line| is_row(line))
            .map(brief)
            .collect();
        assert_eq!(
            rows,
            [
                "A1   TRAP       2 tests    1.4 s  loops",
                "A2   DENY       0 tests     open  hides",
                "R3              1 tests    0.2 s  keeps",
            ]
        );
    }
}
