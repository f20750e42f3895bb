//! The command line: one file a command below `cli/`, this one says which there are.
//!
//! Invariant: data goes to stdout and talk to stderr, `--json` turns data into JSON, every error ends
//! with what to do next, and exit codes mean what `warren --help` says. Commands reach a host over HTTP
//! alone, as any other client; only `serve`, `dev` and `demo` hold one.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

mod agents;
mod audit;
mod build;
mod call;
mod client;
mod components;
mod connection;
mod console;
mod dead_letters;
mod demo;
mod dev;
mod doctor;
mod events;
mod failure;
mod input;
mod keys;
mod language;
mod memory;
mod new;
mod publish;
mod push;
mod running;
mod schemas;
mod secrets;
mod serve;
mod services;
mod span;
mod sse;
mod table;
mod tail;
mod tenants;
mod text;
mod turns;
mod usage;
mod version;

use client::Client;
use connection::{Connection, ConnectionArgs};
use console::Console;
use failure::{Exit, Failure, Result};

/// What `--help` ends with.
const AFTER_HELP: &str = "\
Exit codes:
  0  done
  1  it was tried and did not work
  2  the command line, a setting or the input is wrong
  3  no host answers
  4  the host does not know the key, or the key may not do this
  5  the host has no such thing
  6  not now: a limit is used up or a wait ran out

A first tour: `warren dev` in one terminal; `warren new greeter`, `warren push greeter` and
`warren publish greeter.requested '{\"name\": \"Ada\"}' --wait` in another.";

/// A host for AI agents: push a WebAssembly component, publish an event, and see one durable turn happen.
#[derive(Debug, Parser)]
#[command(name = "warren", version, after_help = AFTER_HELP, max_term_width = 100)]
struct Args {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Print data as JSON: one document, or one a line where they come one by one
    #[arg(long, global = true, help_heading = "Output")]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a host
    Serve(serve::Args),
    /// Run a host for yourself that redeploys what you change
    Dev(dev::Args),
    /// Show two tenants at work on a host of its own, and what came of it
    Demo(demo::Args),
    /// Make a project for a new agent
    New(new::Args),
    /// Build an agent to a WebAssembly file
    Build(build::Args),
    /// Deploy an agent from a project or a WebAssembly file
    Push(push::Args),
    /// Publish an event
    Publish(publish::Args),
    /// Call a tool agent and print its answer
    Call(call::Args),
    /// Print events as they are published
    Tail(tail::Args),
    /// List agents, or show, pause, roll back and delete one
    Agents(agents::Args),
    /// List what lives elsewhere and stands in the catalogue, register it, tell that it lives
    Services(services::Args),
    /// List what payloads must look like, register versions of it
    Schemas(schemas::Args),
    /// List secrets that agents send and never see, set and delete them
    Secrets(secrets::Args),
    /// List events, or show one with what became of it
    Events(events::Args),
    /// List turns, or show one with its log
    Turns(turns::Args),
    /// List events that an agent could not handle, replay or discard them
    DeadLetters(dead_letters::Args),
    /// Look into the memory of agents and plans
    Memory(memory::Args),
    /// Show what was used, and what may be
    Usage(usage::Args),
    /// List, make, change, suspend and remove tenants (operator)
    Tenants(tenants::Args),
    /// List components that must not run, suspend and resume them (operator)
    Components(components::Args),
    /// List, make, rotate and revoke the API keys of a tenant (operator), or hand a weaker token on
    Keys(keys::Args),
    /// List who did or was refused what, or check that nobody was at that list
    Audit(audit::Args),
    /// Check this machine, the settings and the connection
    Doctor(doctor::Args),
    /// Print the version of this program and of the host
    Version(version::Args),
}

/// What every command is given.
struct Context {
    console: Console,
    connection: ConnectionArgs,
}

impl Context {
    /// A client of the host that this command talks to.
    fn client(&self) -> Result<Client> {
        Ok(Client::new(Connection::resolve(&self.connection)?))
    }
}

/// Run the command that `arguments` ask for, the program's name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let args = match Args::try_parse_from(&arguments) {
        Ok(args) => args,
        Err(error) => return misunderstood(&error, asks_for_json(&arguments)),
    };
    let context = Context {
        console: Console::new(args.json),
        connection: args.connection,
    };
    let exit = match dispatch(args.command, &context) {
        Ok(()) => Exit::Done,
        Err(failure) => {
            context.console.failure(&failure);
            failure.exit
        }
    };
    ExitCode::from(exit as u8)
}

fn dispatch(command: Command, context: &Context) -> Result<()> {
    match command {
        Command::Serve(args) => serve::run(&args, context),
        Command::Dev(args) => dev::run(&args, context),
        Command::Demo(args) => demo::run(&args, context),
        Command::New(args) => new::run(&args, context),
        Command::Build(args) => build::run(&args, context),
        Command::Push(args) => push::run(&args, context),
        Command::Publish(args) => publish::run(&args, context),
        Command::Call(args) => call::run(&args, context),
        Command::Tail(args) => tail::run(&args, context),
        Command::Agents(args) => agents::run(args, context),
        Command::Services(args) => services::run(args, context),
        Command::Schemas(args) => schemas::run(args, context),
        Command::Secrets(args) => secrets::run(args, context),
        Command::Events(args) => events::run(&args, context),
        Command::Turns(args) => turns::run(&args, context),
        Command::DeadLetters(args) => dead_letters::run(args, context),
        Command::Memory(args) => memory::run(args, context),
        Command::Usage(args) => usage::run(&args, context),
        Command::Tenants(args) => tenants::run(args, context),
        Command::Components(args) => components::run(args, context),
        Command::Keys(args) => keys::run(args, context),
        Command::Audit(args) => audit::run(&args, context),
        Command::Doctor(args) => doctor::run(&args, context),
        Command::Version(args) => version::run(&args, context),
    }
}

/// Whether the flag is there, in a command line that could not be understood.
fn asks_for_json(arguments: &[OsString]) -> bool {
    let mut flags = arguments.iter().take_while(|argument| *argument != "--");
    flags.any(|argument| argument == "--json")
}

/// Print help, the version, or what is wrong with the command line. clap ends each with what to do.
fn misunderstood(error: &clap::Error, json: bool) -> ExitCode {
    let exit = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Done,
        _ => Exit::Usage,
    };
    if json && exit == Exit::Usage {
        Console::new(json).failure(&wrong(&error.to_string()));
    } else {
        // That nobody may be reading is no reason to fail differently.
        let _ = error.print();
    }
    ExitCode::from(exit as u8)
}

/// What clap says of a command line, in the two parts of our own failures.
fn wrong(said: &str) -> Failure {
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    // Without the word in front it is the help of a command that needs another one below it.
    let Some(said) = said.strip_prefix("error: ") else {
        return Failure::usage("the command line ends where a command is wanted")
            .hint("the same with --help lists the commands");
    };
    let (what, next) = said.split_once("\n\n").unwrap_or((said, ""));
    match one_line(next) {
        next if next.is_empty() => Failure::usage(one_line(what)),
        next => Failure::usage(one_line(what)).hint(next),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn what_clap_says_is_told_in_two_parts() {
        let check = |arguments: &[&str], message: &str, hint: &str| {
            let arguments = ["warren"].iter().chain(arguments);
            let error = Args::try_parse_from(arguments).unwrap_err();
            let failure = wrong(&error.to_string());
            assert_eq!(failure.exit, Exit::Usage);
            assert!(failure.to_string().contains(message), "{failure}");
            let next = failure.next_step().unwrap_or_default();
            assert!(next.contains(hint) && !next.contains('\n'), "{next}");
        };
        check(&["agnets"], "'agnets'", "'agents'");
        check(&["agents", "--fnd", "x"], "'--fnd'", "--find");
        check(&["agents", "pause"], "<NAME>", "Usage: warren agents pause");
        check(&["keys"], "where a command is wanted", "--help");
        let given = |text: &str| -> Vec<OsString> { text.split(' ').map(Into::into).collect() };
        assert!(asks_for_json(&given("warren --json agnets")));
        assert!(!asks_for_json(&given("warren publish a -- --json")));
    }

    /// clap takes two arguments of one id for one: a key from the environment would end up in a path.
    #[test]
    fn no_argument_has_the_id_of_a_global_one() {
        fn check(command: &clap::Command, global: &[String]) {
            for argument in command.get_arguments() {
                let id = argument.get_id().to_string();
                assert!(!global.contains(&id), "{} {id}", command.get_name());
            }
            for below in command.get_subcommands() {
                check(below, global);
            }
        }
        let root = Args::command();
        let global = root
            .get_arguments()
            .filter(|argument| argument.is_global_set());
        let global: Vec<String> = global
            .map(|argument| argument.get_id().to_string())
            .collect();
        assert_eq!(global, ["url", "key", "admin_key", "ca", "json"]);
        for command in root.get_subcommands() {
            check(command, &global);
        }
    }
}
