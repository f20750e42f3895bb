//! The compile child: this same binary, started anew for one upload, with little it may use and nothing
//! it may touch.
//!
//! Invariant: it holds no secret, sees no environment, opens no file and no socket; it reads one upload,
//! writes one answer and ends. Whatever an upload does to the compiler, only this process pays.

use std::ffi::OsString;
use std::io::{ErrorKind, Read as _, Write as _};
use std::process::ExitCode;

use crate::sandbox::engine;

use super::componentise::componentise;

mod confine;
mod gate;
mod run;
mod wait;

pub use confine::Confinement;
pub use run::ChildLimits;
pub(super) use run::Compiler;

/// The hidden subcommand that makes a process a compile child.
const SUBCOMMAND: &str = "__compile";

/// The upload was refused; standard error says why. `EX_DATAERR` of `sysexits.h`.
const EXIT_REFUSED: u8 = 65;
/// The child could not begin. `EX_SOFTWARE`.
const EXIT_BROKEN: u8 = 70;
/// The upload alone takes more memory than there is. `EX_OSERR`.
const EXIT_NO_MEMORY: u8 = 71;

/// What a child is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Core module in, component out.
    Componentise,
    /// Component in, machine code out.
    Compile,
    /// Nothing in, what it was refused out.
    Probe,
}

/// What a child is to do and may use: its command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Order {
    step: Step,
    cpu_seconds: u64,
    memory_bytes: u64,
    output_bytes: u64,
}

impl Order {
    fn to_args(self) -> [String; 5] {
        let step = match self.step {
            Step::Componentise => "componentise",
            Step::Compile => "compile",
            Step::Probe => "probe",
        };
        [
            SUBCOMMAND.into(),
            step.into(),
            self.cpu_seconds.to_string(),
            self.memory_bytes.to_string(),
            self.output_bytes.to_string(),
        ]
    }

    /// From what follows the subcommand.
    fn from_args(mut args: impl Iterator<Item = OsString>) -> Option<Self> {
        let mut next = || args.next()?.into_string().ok();
        let step = match next()?.as_str() {
            "componentise" => Step::Componentise,
            "compile" => Step::Compile,
            "probe" => Step::Probe,
            _ => return None,
        };
        Some(Self {
            step,
            cpu_seconds: next()?.parse().ok()?,
            memory_bytes: next()?.parse().ok()?,
            output_bytes: next()?.parse().ok()?,
        })
    }
}

/// Whether a process with these arguments is a compile child. `main` asks before it does anything else.
pub fn is_child(args: impl IntoIterator<Item = OsString>) -> bool {
    args.into_iter().nth(1).is_some_and(|arg| arg == SUBCOMMAND)
}

/// All that a compile child does.
pub fn child_main() -> ExitCode {
    let (code, words) = match work() {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Refused(words)) => (EXIT_REFUSED, words),
        Err(Failure::Broken(words)) => (EXIT_BROKEN, words),
        Err(Failure::NoMemory) => (EXIT_NO_MEMORY, String::new()),
    };
    // Nobody is left to tell if this fails; the code says enough.
    let _ = std::io::stderr().write_all(words.as_bytes());
    ExitCode::from(code)
}

enum Failure {
    Refused(String),
    Broken(String),
    NoMemory,
}

fn work() -> Result<(), Failure> {
    let broken = |e: &dyn std::fmt::Display| Failure::Broken(e.to_string());
    let order = Order::from_args(std::env::args_os().skip(2)).ok_or_else(|| {
        Failure::Broken(format!(
            "`{SUBCOMMAND}` is the host's own: run `warren --help`"
        ))
    })?;
    confine::limit(&order).map_err(|e| broken(&e))?;
    let mut upload = Vec::new();
    std::io::stdin()
        .read_to_end(&mut upload)
        .map_err(|e| match e.kind() {
            ErrorKind::OutOfMemory => Failure::NoMemory,
            _ => broken(&e),
        })?;
    // Made first: it asks the machine what processor this is.
    let compiler = match order.step {
        Step::Compile => Some(engine::compile_engine().map_err(|e| broken(&e))?),
        Step::Componentise | Step::Probe => None,
    };
    // A kernel that cannot seal is told by `probe`, once, when the host starts.
    let sealed = confine::seal();
    let answer = match (order.step, compiler) {
        (Step::Compile, Some(compiler)) => compiler
            .precompile_component(&upload)
            .map_err(|e| Failure::Refused(format!("it does not compile: {e:#}")))?,
        (Step::Probe, _) => confine::probe(sealed),
        _ => componentise(&upload).map_err(Failure::Refused)?,
    };
    let mut out = std::io::stdout();
    out.write_all(&answer)
        .and_then(|()| out.flush())
        .map_err(|e| broken(&e))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn knows_its_subcommand() {
        assert!(is_child(args(&["warren", "__compile", "compile"])));
        assert!(!is_child(args(&["warren", "serve", "__compile"])));
        assert!(!is_child(args(&["__compile"])));
        assert!(!is_child(args(&[])));
    }

    #[test]
    fn reads_the_orders_that_it_is_given() {
        for step in [Step::Componentise, Step::Compile, Step::Probe] {
            let order = Order {
                step,
                cpu_seconds: 20,
                memory_bytes: 1 << 30,
                output_bytes: 7,
            };
            let args = order.to_args().into_iter().skip(1).map(OsString::from);
            assert_eq!(Order::from_args(args), Some(order));
        }
        let check_refused =
            |words: &[&str]| assert_eq!(Order::from_args(args(words).into_iter()), None);
        check_refused(&[]);
        check_refused(&["hang", "1", "1", "1"]);
        check_refused(&["compile", "1", "1"]);
        check_refused(&["compile", "1", "-1", "1"]);
    }
}
