//! The host's side of a compile child: start it, bound it, read its answer, name how it ended.
//!
//! Invariant: no path leaves a child behind, and the bytes that come back are no more than allowed.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use crate::clock::millis;
use crate::error::{Error, Result};

use super::gate::Gate;
use super::wait::wait;
use super::{Confinement, EXIT_BROKEN, EXIT_NO_MEMORY, EXIT_REFUSED, Order, Step};

/// How much of a child's words is kept.
const WORDS_BYTES_MAX: u64 = 4 << 10;
/// How Rust's standard library begins when memory is refused, before it aborts.
const OUT_OF_MEMORY: &str = "memory allocation of";

/// What a compile child may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChildLimits {
    /// CPU time in seconds. Room for the largest honest components, which are interpreters compiled to Wasm: 18 MiB of
    /// Python take 10 s of two slow cores, and 24 s where the compiler itself was built without optimisation.
    pub cpu_seconds: u64,
    /// Address space in bytes.
    pub memory_bytes: u64,
    /// Wall clock. Much more than the CPU time, as turns go first: on a saturated machine a child was
    /// measured to get 3 % of a core. Passing it is the host's fault, not the component's.
    #[serde(rename = "wall_ms", with = "millis")]
    pub wall: Duration,
    /// Largest answer in bytes, whatever the input.
    pub output_bytes_max: u64,
    /// Largest answer as a multiple of the input. Machine code is a few times the size of what it is made
    /// from, and one that is much larger was made to be.
    pub output_factor: u64,
    /// Bytes of an answer that are always allowed: an artifact has a fixed part, aligned to pages.
    pub output_bytes_base: u64,
    /// Children at once. One of two cores is left to turns.
    pub running_max: usize,
    /// Uploads that wait for a child. Each holds its bytes.
    pub waiting_max: usize,
}

impl Default for ChildLimits {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            cpu_seconds: 60,
            memory_bytes: 1 << 30,
            wall: Duration::from_mins(6),
            output_bytes_max: 128 << 20,
            output_factor: 8,
            output_bytes_base: 1 << 20,
            running_max: (cores / 2).max(1),
            waiting_max: 32,
        }
    }
}

/// What the compiler made.
#[derive(Debug)]
pub(in super::super) struct Compiled {
    /// Machine code.
    pub(in super::super) artifact: Vec<u8>,
    /// How long the child took.
    pub(in super::super) took: Duration,
}

/// Starts compile children.
#[derive(Debug)]
pub(in super::super) struct Compiler {
    program: PathBuf,
    limits: ChildLimits,
    gate: Gate,
}

impl Compiler {
    /// Children are made of `program`, which must be this binary.
    pub(in super::super) fn new(program: PathBuf, limits: ChildLimits) -> Self {
        Self {
            gate: Gate::new(limits.running_max, limits.waiting_max),
            program,
            limits,
        }
    }

    /// Make a component of a core module. Blocks.
    ///
    /// # Errors
    /// `Invalid` that says what is wrong with it or which limit it passed; `Exhausted` if too many wait.
    pub(in super::super) fn componentise(&self, module: &[u8]) -> Result<Vec<u8>> {
        Ok(self.run(Step::Componentise, module)?.0)
    }

    /// Make machine code of a component. Blocks.
    ///
    /// # Errors
    /// As [`Compiler::componentise`].
    pub(in super::super) fn compile(&self, component: &[u8]) -> Result<Compiled> {
        let (artifact, took) = self.run(Step::Compile, component)?;
        Ok(Compiled { artifact, took })
    }

    /// What a child is refused on this machine. Blocks.
    ///
    /// # Errors
    /// `Internal` if no child can be started at all.
    pub(in super::super) fn probe(&self) -> Result<Confinement> {
        let (answer, _) = self.run(Step::Probe, &[])?;
        let line = String::from_utf8_lossy(&answer);
        Confinement::from_line(&line)
            .ok_or_else(|| Error::internal("reading a compile child's answer", line.into_owned()))
    }

    fn run(&self, step: Step, input: &[u8]) -> Result<(Vec<u8>, Duration)> {
        let _pass = self.gate.enter()?;
        let began = Instant::now();
        let order = self.order(step, input.len() as u64);
        let broken = |e| Error::internal("running a compile child", e);
        let mut files = Files::new(input).map_err(broken)?;
        let mut child = self
            .command(&order, &files)
            .and_then(|mut c| c.spawn())
            .map_err(broken)?;
        let ended = wait(&mut child, self.limits.wall).map_err(broken)?;
        match ended {
            Some(status) if status.success() => files
                .answer(order.output_bytes)
                .map(|answer| (answer, began.elapsed()))
                .map_err(broken),
            Some(status) => Err(self.failed(&order, status, &files.words())),
            // It never waits for anything: it was not given the processor.
            None => Err(Error::Unavailable {
                what: "the compiler",
                reason: format!(
                    "the host is too busy: intake.child.wall_ms, {} ms, passed before the component was compiled",
                    self.limits.wall.as_millis()
                ),
            }),
        }
    }

    fn order(&self, step: Step, input_bytes: u64) -> Order {
        let allowed = input_bytes
            .saturating_mul(self.limits.output_factor)
            .saturating_add(self.limits.output_bytes_base);
        Order {
            step,
            cpu_seconds: self.limits.cpu_seconds,
            memory_bytes: self.limits.memory_bytes,
            output_bytes: allowed.min(self.limits.output_bytes_max),
        }
    }

    fn command(&self, order: &Order, files: &Files) -> io::Result<Command> {
        let mut command = Command::new(&self.program);
        command
            .args(order.to_args())
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(files.input.try_clone()?))
            .stdout(Stdio::from(files.output.try_clone()?))
            .stderr(Stdio::from(files.words.try_clone()?));
        Ok(command)
    }

    fn failed(&self, order: &Order, status: ExitStatus, words: &str) -> Error {
        let signal = status.signal();
        let is = |s: Signal| signal == Some(s.as_raw());
        if status.code() == Some(i32::from(EXIT_REFUSED)) {
            return Error::invalid("component", words);
        }
        if status.code() == Some(i32::from(EXIT_BROKEN)) {
            return Error::internal("running a compile child", words.to_owned());
        }
        // The kernel sends the second when both limits on CPU time are the same.
        if is(Signal::XCPU) || is(Signal::KILL) {
            return passed(
                "intake.child.cpu_seconds",
                &format!("{} s", self.limits.cpu_seconds),
            );
        }
        if is(Signal::XFSZ) {
            return passed(
                "intake.child.output_bytes_max",
                &format!("{} bytes for an upload of this size", order.output_bytes),
            );
        }
        let out_of_memory = is(Signal::ABORT) && words.starts_with(OUT_OF_MEMORY);
        if out_of_memory || status.code() == Some(i32::from(EXIT_NO_MEMORY)) {
            return passed(
                "intake.child.memory_bytes",
                &format!("{} bytes", self.limits.memory_bytes),
            );
        }
        // Its words may name paths of this machine: they are for the log.
        tracing::warn!(%status, words, "a compile child crashed");
        Error::invalid(
            "component",
            "the compiler crashed on it, which is a defect of the compiler",
        )
    }
}

fn passed(limit: &str, max: &str) -> Error {
    Error::invalid(
        "component",
        format!("compiling it takes more than the limit `{limit}`, {max}"),
    )
}

/// What a child reads and writes: files without a name, so that nothing is left of them. A pipe would
/// have to be fed and drained while waiting, and the system could not bound what goes through it.
struct Files {
    input: File,
    output: File,
    words: File,
}

impl Files {
    fn new(input: &[u8]) -> io::Result<Self> {
        let mut file = tempfile::tempfile()?;
        file.write_all(input)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Self {
            input: file,
            output: tempfile::tempfile()?,
            words: tempfile::tempfile()?,
        })
    }

    /// The answer, which the system kept the child from writing longer than `max`.
    fn answer(&mut self, max: u64) -> io::Result<Vec<u8>> {
        self.output.seek(SeekFrom::Start(0))?;
        let mut answer = Vec::new();
        (&self.output).take(max).read_to_end(&mut answer)?;
        Ok(answer)
    }

    /// What it said: one line of printable text.
    fn words(&mut self) -> String {
        let mut words = Vec::new();
        let read = self
            .words
            .seek(SeekFrom::Start(0))
            .and_then(|_| (&self.words).take(WORDS_BYTES_MAX).read_to_end(&mut words));
        if let Err(e) = read {
            return format!("(its words cannot be read: {e})");
        }
        String::from_utf8_lossy(&words)
            .trim()
            .replace(|c: char| c.is_control(), " ")
    }
}
