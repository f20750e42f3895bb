//! `cargo xtask languages`: agents in every language, each built with its own toolchain and held to what is the same
//! for all; prints the table that is kept in `examples/07-languages/TABLE.md`.
//!
//! A language is a row of [`LANGUAGES`]. For each: its toolchain, the tests of its SDK and of its example, then its agents
//! (`hello`, and `conformance` where the SDK is one of its own), built by `warren build` as people build theirs, to
//! `target/languages/<language>/<agent>.wasm`. What they must do is in the tests of the host.
//!
//! Invariant: toolchains are installed nowhere but below the target directory, and none twice; what they themselves need
//! of the system comes from Debian's packages. A language whose toolchain cannot be had is named, never passed over.

use std::ffi::{OsStr, OsString};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use anyhow::{Context, Result, bail};

use crate::{guests, paths, shell};

mod figures;
mod install;
mod project;
mod rows;

use rows::{LANGUAGES, Language};

/// Python takes twenty seconds alone, and much longer beside other work.
const BUILD_LIMIT: Duration = Duration::from_mins(10);
/// A few dozen tests, without WebAssembly; a compiler may have to compile its library first.
const TEST_LIMIT: Duration = Duration::from_mins(5);
/// Languages that are built at once: half of what they do is waiting, or on one core.
const WORKERS: usize = 2;
/// The agents and what says what they do.
const EXAMPLE: &str = "examples/07-languages";
/// The tests of the host that all languages must pass, and what tells these which there are.
const TESTS: &str = "languages::";
const VARIABLE: &str = "WARREN_LANGUAGES";

/// What came of the languages.
#[derive(Default)]
struct Outcome {
    built: Vec<Built>,
    /// Those that cannot be had on this machine.
    left_out: Vec<&'static str>,
}

/// A language whose agents are built.
struct Built {
    name: &'static str,
    /// Whether it went through the suite.
    conforms: bool,
    /// What compiled them, with its version.
    compiler: String,
    /// How long `hello` took.
    took: Duration,
}

/// All of it for the languages that `--lang` names, or for all; `args` are those of the command.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let languages = chosen(args)?;
    guests::run(&[])?;
    let Outcome { built, left_out } = build(&languages, !args.is_empty())?;
    hold(&names(&built))?;
    let table = figures::table(&built)?;
    println!("{table}");
    if args.is_empty() && left_out.is_empty() {
        let kept = paths::root().join(EXAMPLE).join("TABLE.md");
        fs::write(&kept, table).with_context(|| kept.display().to_string())?;
        eprintln!("  new   {}", kept.display());
    }
    Ok(())
}

/// Prepares, tests and builds every language; the variable that the host's tests read, and its value.
pub(crate) fn ready() -> Result<(&'static str, String)> {
    let all: Vec<&Language> = LANGUAGES.iter().collect();
    Ok((VARIABLE, names(&build(&all, false)?.built)))
}

fn chosen(args: &[String]) -> Result<Vec<&'static Language>> {
    let names: Vec<&str> = match args {
        [] => return Ok(LANGUAGES.iter().collect()),
        [flag, names] if flag == "--lang" => names.split(',').collect(),
        _ => bail!("usage: cargo xtask languages [--lang NAME,NAME]"),
    };
    names
        .into_iter()
        .map(|name| {
            let known = LANGUAGES.map(|language| language.name).join(", ");
            let found = LANGUAGES.iter().find(|language| language.name == name);
            found.with_context(|| format!("no language `{name}`; there are: {known}"))
        })
        .collect()
}

fn names(built: &[Built]) -> String {
    let names: Vec<&str> = built.iter().map(|language| language.name).collect();
    names.join(",")
}

/// Builds the agents of languages, several at once; `all` of them must be had, else only those that always are.
fn build(languages: &[&Language], all: bool) -> Result<Outcome> {
    shell::loud(&mut shell::cargo(&[
        "build",
        "--workspace",
        "--bins",
        "--quiet",
    ]))?;
    let waiting = Mutex::new(languages.iter());
    let next = || waiting.lock().ok().and_then(|mut waiting| waiting.next());
    let work = || {
        let mut outcome = Outcome::default();
        while let Some(language) = next() {
            let made = Made::new(language).build(all || language.always);
            match made.with_context(|| format!("in {}", language.name))? {
                Some(built) => outcome.built.push(built),
                None => outcome.left_out.push(language.name),
            }
        }
        Ok(outcome)
    };
    let done: Vec<Result<Outcome>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        let joined = workers.into_iter().map(thread::ScopedJoinHandle::join);
        joined
            .map(|done| done.unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    });
    let mut outcome = Outcome::default();
    for some in done {
        let some = some?;
        outcome.built.extend(some.built);
        outcome.left_out.extend(some.left_out);
    }
    outcome.built.sort_by_key(|language| language.name);
    Ok(outcome)
}

/// A language and where its things go.
struct Made<'a> {
    language: &'a Language,
    /// `target/languages/<language>`.
    dir: PathBuf,
}

impl<'a> Made<'a> {
    fn new(language: &'a Language) -> Self {
        let dir = paths::target().join("languages").join(language.name);
        Self { language, dir }
    }

    /// Nothing where its toolchain cannot be had, unless it `must` be.
    fn build(&self, must: bool) -> Result<Option<Built>> {
        let language = self.language;
        let hello = self.dir.join("hello");
        project::copy(&project::source("hello", language.name), &hello)?;
        let (path, compiler) = match self.toolchain(&hello) {
            Err(why) if !must => {
                eprintln!("  skip  {}: {}", language.name, shell::gist(&why));
                return Ok(None);
            }
            found => found?,
        };
        eprintln!("  ok    {} with {compiler}", language.name);
        // For the host's tests, which build agents that are wrong.
        project::write(&self.dir.join("path"), &path.to_string_lossy())?;
        self.test(&path)?;
        let took = self.agent("hello", &path)?;
        if language.conforms {
            let conformance = self.dir.join("conformance");
            project::copy(&project::source("conformance", language.name), &conformance)?;
            if let Some(packages) = language.packages {
                project::link(&hello.join(packages), &conformance.join(packages))?;
            }
            self.agent("conformance", &path)?;
        }
        Ok(Some(Built {
            name: language.name,
            conforms: language.conforms,
            compiler,
            took,
        }))
    }

    /// The PATH with its tools, and what compiles.
    fn toolchain(&self, project: &Path) -> Result<(OsString, String)> {
        let tools = (self.language.prepare)(project)?;
        let path = path_with(tools.as_deref())?;
        let compiler = self.language.compiler.version(project, &path)?;
        Ok((path, compiler))
    }

    /// The SDK's own tests, and those of the example.
    fn test(&self, path: &OsStr) -> Result<()> {
        for (number, tests) in self.language.tests.iter().enumerate() {
            let dir = tests
                .dir
                .map_or_else(|| self.dir.join("hello"), |sdk| paths::root().join(sdk));
            let words = tests.words.iter();
            let out = self.dir.join("test").display().to_string();
            let mut words = words.map(|word| word.replace("{out}", &out));
            let mut command = Command::new(words.next().context("tests are a command")?);
            // The SDKs have no dependencies: nothing may be asked of a module proxy.
            command
                .args(words)
                .current_dir(dir)
                .env("PATH", path)
                .env("GOPROXY", "off");
            let of = tests.dir.unwrap_or("the example");
            let title = format!("tests of {of}, {}", self.language.name);
            let log = self.dir.join(format!("test-{number}.log"));
            shell::quiet(&title, &mut command, TEST_LIMIT, &log)?;
        }
        Ok(())
    }

    /// Build an agent to `<agent>.wasm`; how long that took.
    fn agent(&self, agent: &str, path: &OsStr) -> Result<Duration> {
        let log = self.dir.join(format!("{agent}.log"));
        let project = self.dir.join(agent);
        let started = Instant::now();
        let made = if self.language.is_guest {
            let package = format!("{agent}-{}", self.language.name);
            guests::again(&package)?;
            paths::target().join(format!("guests/{package}.wasm"))
        } else {
            let title = format!("warren build, {agent} in {}", self.language.name);
            let mut warren = Command::new(paths::target().join("debug/warren"));
            warren.arg("build").arg(&project).env("PATH", path);
            shell::quiet(&title, &mut warren, BUILD_LIMIT, &log)?;
            product(&log)?
        };
        let took = started.elapsed();
        let to = self.dir.join(format!("{agent}.wasm"));
        fs::copy(&made, &to).with_context(|| format!("copying {}", made.display()))?;
        Ok(took)
    }
}

/// The file that `warren build` named.
fn product(log: &Path) -> Result<PathBuf> {
    let said = fs::read_to_string(log)?;
    let mut lines = said.lines().map(Path::new);
    let made = lines.find(|line| line.extension().is_some_and(|end| end == "wasm"));
    let made =
        made.with_context(|| format!("`warren build` named no file in {}", log.display()))?;
    Ok(made.to_owned())
}

/// The PATH with these tools first.
fn path_with(tools: Option<&Path>) -> Result<OsString> {
    let old = env::var_os("PATH").unwrap_or_default();
    let tools = tools.map(Path::to_path_buf);
    Ok(env::join_paths(
        tools.into_iter().chain(env::split_paths(&old)),
    )?)
}

fn hold(names: &str) -> Result<()> {
    let filter = format!("test(/^{TESTS}/)");
    let mut tests = if paths::on_path("cargo-nextest").is_some() {
        shell::cargo(&["nextest", "run", "--workspace", "-E", &filter])
    } else {
        shell::cargo(&["test", "--workspace", "--test", "it", "--", TESTS])
    };
    shell::loud(tests.env(VARIABLE, names))
}
