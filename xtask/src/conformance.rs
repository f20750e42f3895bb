//! `cargo xtask conformance [LANGUAGE...]`: the conformance agent of each language, built with its own toolchain and run
//! through the suite on a real host; prints the table, which is kept in `examples/07-languages/conformance/TABLE.md`.
//!
//! A language is a directory in `examples/07-languages/conformance/` with a row here that prepares its toolchain. What
//! builds it is `warren build`, as for everybody.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::toolchain::pypi;
use crate::{guests, paths, shell};

/// A language besides Rust.
struct Language {
    name: &'static str,
    /// Makes the toolchain ready, given the agent's directory; what to put on the PATH.
    prepare: fn(&Path) -> Result<Option<PathBuf>>,
    /// What tells the compiler's version.
    version: &'static [&'static str],
    /// Tests without WebAssembly: where, and what to run. `{out}` is a file that a test may write.
    tests: &'static [(&'static str, &'static [&'static str])],
}

const LANGUAGES: [Language; 2] = [
    Language {
        name: "c",
        prepare: |_| pypi::ZIG.ensure().map(Some),
        version: &["zig", "version"],
        tests: &[
            (
                "guest-sdk/c",
                &[
                    "sh",
                    "-c",
                    "cc -std=c11 -g -fsanitize=address,undefined -o {out} test/sdk_test.c warren.c warren_test.c -lm && {out}",
                ],
            ),
            ("examples/07-languages/c", &["make", "--silent", "test"]),
        ],
    },
    Language {
        name: "go",
        prepare: |_| pypi::GO.ensure().map(Some),
        version: &["go", "version"],
        tests: &[
            ("guest-sdk/go", &["go", "test", ".", "./warrentest"]),
            ("examples/07-languages/go", &["go", "test", "."]),
        ],
    },
];

const DIR: &str = "examples/07-languages/conformance";
/// Where components and figures go; the host's test knows it too.
const OUTPUT: &str = "languages";

/// Builds and checks these languages, or all.
pub(crate) fn run(names: &[String]) -> Result<()> {
    let chosen = choose(names)?;
    guests::run(&[])?;
    shell::loud(&mut cargo(&["build", "--workspace", "--bins", "--quiet"]))?;
    let mut versions =
        BTreeMap::from([("rust".to_owned(), version(&["rustc", "--version"], None)?)]);
    for language in &chosen {
        let dir = paths::root().join(DIR).join(language.name);
        let tools =
            (language.prepare)(&dir).with_context(|| format!("preparing {}", language.name))?;
        test(language, tools.as_deref())?;
        build(language, &dir, tools.as_deref())?;
        versions.insert(
            language.name.to_owned(),
            version(language.version, tools.as_deref())?,
        );
    }
    let words: Vec<&str> = chosen.iter().map(|language| language.name).collect();
    let tests = [
        "nextest",
        "run",
        "--workspace",
        "-E",
        "test(/conformance::/)",
    ];
    shell::loud(cargo(&tests).env("WARREN_LANGUAGES", words.join(" ")))?;
    let table = table(&versions)?;
    println!("{table}");
    let kept = paths::root().join(DIR).join("TABLE.md");
    if names.is_empty() {
        fs::write(&kept, table).with_context(|| kept.display().to_string())?;
        eprintln!("  new   {}", kept.display());
    }
    Ok(())
}

fn choose(names: &[String]) -> Result<Vec<&'static Language>> {
    if let Some(unknown) = names
        .iter()
        .find(|name| LANGUAGES.iter().all(|known| known.name != **name))
    {
        let known: Vec<&str> = LANGUAGES.iter().map(|known| known.name).collect();
        bail!(
            "no language `{unknown}`; there are: {} (and rust, always)",
            known.join(", ")
        );
    }
    let wanted =
        |known: &&Language| names.is_empty() || names.iter().any(|name| name == known.name);
    Ok(LANGUAGES.iter().filter(wanted).collect())
}

fn build(language: &Language, dir: &Path, tools: Option<&Path>) -> Result<()> {
    let warren = paths::target().join("debug/warren");
    let mut command = Command::new(warren);
    command.arg("build").arg(dir).env("PATH", path_with(tools)?);
    // What it says goes to the terminal; the file's name is its only line of output.
    let built = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start the host's program")?;
    if !built.status.success() {
        bail!("`warren build {}` failed ({})", dir.display(), built.status);
    }
    let file = String::from_utf8_lossy(&built.stdout);
    let to = paths::target().join(OUTPUT);
    fs::create_dir_all(&to)?;
    let to = to.join(format!("conformance-{}.wasm", language.name));
    fs::copy(file.trim(), &to)
        .with_context(|| format!("copying {} to {}", file.trim(), to.display()))?;
    Ok(())
}

/// The SDK's own tests, and those of the language's example.
fn test(language: &Language, tools: Option<&Path>) -> Result<()> {
    let output = paths::target().join(OUTPUT);
    fs::create_dir_all(&output)?;
    let out = output.join(format!("test-{}", language.name));
    for (dir, words) in language.tests {
        let words = words
            .iter()
            .map(|word| word.replace("{out}", &out.display().to_string()));
        let words: Vec<String> = words.collect();
        let (program, args) = words.split_first().context("a test is a command")?;
        let program = tools
            .map(|dir| dir.join(program))
            .filter(|path| path.is_file())
            .unwrap_or_else(|| PathBuf::from(program));
        let mut command = Command::new(program);
        // The SDKs have no dependencies: nothing may be asked of a module proxy.
        command
            .args(args)
            .current_dir(paths::root().join(dir))
            .env("PATH", path_with(tools)?)
            .env("GOPROXY", "off");
        shell::loud(&mut command).with_context(|| format!("in {dir}"))?;
    }
    Ok(())
}

/// The PATH with these tools first.
fn path_with(tools: Option<&Path>) -> Result<OsString> {
    let old = env::var_os("PATH").unwrap_or_default();
    let dirs = tools
        .map(Path::to_path_buf)
        .into_iter()
        .chain(env::split_paths(&old));
    Ok(env::join_paths(dirs)?)
}

fn version(words: &[&str], tools: Option<&Path>) -> Result<String> {
    let (program, args) = words.split_first().context("a language has a compiler")?;
    let program = tools.map_or_else(|| PathBuf::from(program), |dir| dir.join(program));
    let text = shell::output(Command::new(&program).args(args))?;
    let first = text.lines().next().unwrap_or_default();
    // `go version go1.27.3 linux/amd64`, `rustc 1.95.0 (…)`, `0.17.0`: the word with the number.
    let number = first
        .split_whitespace()
        .find(|word| word.contains('.') && word.contains(|c: char| c.is_ascii_digit()));
    let name = program
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Ok(format!(
        "{name} {}",
        number.unwrap_or(first).trim_start_matches("go")
    ))
}

fn table(versions: &BTreeMap<String, String>) -> Result<String> {
    let mut text = String::from(
        "| language | compiler | cases | size | checked and compiled | CPU of a turn with four host calls |\n\
         |---|---|---|---|---|---|\n",
    );
    for (language, version) in versions {
        let file = paths::target()
            .join(OUTPUT)
            .join(format!("{language}.figures"));
        let figures = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let figure = |name: &str| {
            figures
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
                .with_context(|| format!("{} says no {name}", file.display()))
        };
        let (bytes, ms, us): (u64, f64, f64) = (
            figure("bytes")?.parse()?,
            figure("deployed_ms")?.parse()?,
            figure("cpu_us")?.parse()?,
        );
        writeln!(
            text,
            "| {language} | {version} | {} of {} | {} KiB | {:.1} s | {:.2} ms |",
            figure("passed")?,
            figure("cases")?,
            bytes.div_ceil(1024),
            ms / 1e3,
            us / 1e3
        )?;
    }
    text.push_str("\nCompile and CPU times are those of the host's test build on a busy machine; `bench/` measures.\n");
    Ok(text)
}

fn cargo(args: &[&str]) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.args(args).current_dir(paths::root());
    cargo
}
