//! The tables of the languages, from what the host's tests left of each: lines of a name and a number, one file an agent.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result};

use super::Built;
use crate::paths;

const HEAD: &str = "\
| language | compiler | cases | `hello`: component | built in | checked and compiled in | first turn | turn in the guest |
|---|---|---:|---:|---:|---:|---:|---:|
";

const FOOT: &str = "
`cargo xtask languages` makes this table. Times are those of the host's test build beside other tests; `cargo xtask bench
languages` measures. The first turn loads the component; that of the guest is CPU time, the median of many, with four
calls of the host. TypeScript has the SDK of JavaScript, and shares its cases.
";

/// How the figure of a case begins, in the order of the suite.
const CASE: &str = "case: ";

/// A line for each language that was built, then one for each case of the suite.
pub(super) fn table(built: &[Built]) -> Result<String> {
    let mut text = String::from(HEAD);
    let mut conforming = Vec::new();
    for language in built {
        let hello = Figures::read(language.name, "hello")?;
        let mut cases = String::new();
        if language.conforms {
            let found = Figures::read(language.name, "conformance")?;
            cases = format!("{} of {}", found.of("passed")?, found.of("cases")?);
            conforming.push((language.name, found));
        }
        writeln!(
            text,
            "| {} | {} | {cases} | {} KiB | {:.1} s | {:.1} s | {} ms | {:.2} ms |",
            language.name,
            language.compiler,
            hello.of("bytes")?.div_ceil(1024),
            language.took.as_secs_f64(),
            hello.of("push_ms")? as f64 / 1e3,
            hello.of("first_turn_ms")?,
            hello.of("cpu_us")? as f64 / 1e3,
        )?;
    }
    text.push_str(FOOT);
    matrix(&mut text, &conforming)?;
    Ok(text)
}

/// Which language does what.
fn matrix(text: &mut String, languages: &[(&str, Figures)]) -> Result<()> {
    let Some((_, first)) = languages.first() else {
        return Ok(());
    };
    let names: Vec<&str> = languages.iter().map(|(name, _)| *name).collect();
    let rules = "---|".repeat(names.len());
    writeln!(text, "\n| case | {} |\n|---|{rules}", names.join(" | "))?;
    for case in first.cases() {
        let mut marks = Vec::new();
        for (_, figures) in languages {
            let passed = figures.of(&format!("{CASE}{case}"))? == 1;
            marks.push(if passed { "yes" } else { "no" });
        }
        writeln!(text, "| {case} | {} |", marks.join(" | "))?;
    }
    Ok(())
}

struct Figures(String);

impl Figures {
    fn read(language: &str, agent: &str) -> Result<Self> {
        let file = paths::target().join(format!("languages/{language}/{agent}.figures"));
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        Ok(Self(text))
    }

    fn of(&self, name: &str) -> Result<u64> {
        let mut lines = self.0.lines();
        lines
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
            .with_context(|| format!("no figure is named {name}"))
    }

    /// The names of the cases.
    fn cases(&self) -> impl Iterator<Item = &str> {
        let lines = self.0.lines();
        lines.filter_map(|line| Some(line.strip_prefix(CASE)?.rsplit_once(' ')?.0))
    }
}
