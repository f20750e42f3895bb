//! The real binary: what it says of itself, how it fails, and the whole tour over a host of its own.

use std::process::{Command, Output};

use tempfile::TempDir;

mod identity;
mod mistakes;
mod services;
mod tour;
mod usage;

/// Nothing listens on the port that stands for "none".
const NOBODY: &str = "http://127.0.0.1:9";

/// A directory and a home of its own, so that nothing of the machine's user is seen.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_warren"));
        command.current_dir(self.0.path());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("WARREN_") {
                command.env_remove(name);
            }
        }
        command
            .env("HOME", self.0.path())
            .env("XDG_CONFIG_HOME", self.0.path().join("config"))
            .env("NO_COLOR", "1")
            .env("COLUMNS", "100");
        command
    }
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

#[test]
fn cli_help_is_as_it_was() {
    let place = Place::new();
    let commands = [
        "",
        "serve",
        "dev",
        "agents",
        "build",
        "call",
        "components",
        "dead-letters",
        "doctor",
        "events",
        "keys",
        "memory",
        "new",
        "publish",
        "push",
        "schemas",
        "secrets",
        "services",
        "services list",
        "tail",
        "tenants",
        "turns",
        "usage",
        "version",
    ];
    for command in commands {
        let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let output = place.run(&arguments);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let name = match command {
            "" => "warren".to_owned(),
            command => command.replace(' ', "-"),
        };
        insta::with_settings!({ snapshot_path => "cli/help", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, stdout(&output));
        });
    }
}

/// A command ends with this code, says these words on stderr and nothing on stdout.
fn fails(place: &Place, arguments: &[&str], code: i32, words: &[&str]) {
    let output = place.run(arguments);
    let (out, err) = (stdout(&output), stderr(&output));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {err}");
    assert_eq!(out, "", "{arguments:?}");
    for word in words {
        assert!(err.contains(word), "{arguments:?} should say {word}: {err}");
    }
}

#[test]
fn cli_failures_are_json_when_it_is_asked_for() {
    let place = Place::new();
    let unanswered = [
        r#"{"error":"no host answers at"#,
        r#""exit":3"#,
        r#""hint":"#,
    ];
    let agents = ["agents", "--url", NOBODY, "--json"];
    fails(&place, &agents, 3, &unanswered);
    let misspelt = [
        r#"{"error":"unrecognized subcommand"#,
        r#""exit":2"#,
        "'agents'",
    ];
    fails(&place, &["agnets", "--json"], 2, &misspelt);
}

#[test]
fn cli_failures_have_a_code_and_a_hint_and_leave_stdout_empty() {
    let place = Place::new();
    std::fs::write(place.0.path().join("not.wasm"), "not wasm").unwrap();
    std::fs::create_dir(place.0.path().join("taken")).unwrap();
    std::fs::write(place.0.path().join("taken/file"), "").unwrap();
    let check = |arguments: &[&str], code, words: &[&str]| fails(&place, arguments, code, words);
    check(
        &["agents", "--url", NOBODY],
        3,
        &["error: no host answers at", NOBODY, "hint:", "warren dev"],
    );
    check(&["push", "not.wasm", "--url", NOBODY], 3, &["hint:"]);
    check(&["tail", "--url", NOBODY], 3, &["hint:"]);
    check(&["publish", "a.b", "{}", "--url", NOBODY], 3, &["hint:"]);
    check(
        &["agents", "--url", "nonsense"],
        2,
        &["`nonsense`", "hint:"],
    );
    check(
        &["call", "a", "{bad", "--url", NOBODY],
        2,
        &["data", "not JSON", "hint:"],
    );
    check(&["publish", "a b"], 2, &["`a b`"]);
    check(
        &["publish", "a.b", "--topic", "facts"],
        2,
        &["business-facts"],
    );
    check(
        &["tenants", "--url", NOBODY],
        4,
        &["operator's key", "hint:", "--admin-key"],
    );
    check(
        &["agents", "delete", "a"],
        2,
        &["nothing was deleted", "hint:"],
    );
    check(&["agents", "pause", "a", "--to", "3"], 2, &["'--to'"]);
    check(&["agents", "--graph", "pause", "a"], 2, &["hint:"]);
    check(&["build"], 2, &["Cargo.toml", "hint:", "warren new"]);
    check(&["new", "Greeter"], 2, &["Greeter", "[a-z]"]);
    check(&["new", "taken"], 2, &["there already", "hint:"]);
    check(&["new", "x", "--sdk", "taken"], 2, &["no SDK", "hint:"]);
    check(&["agnets"], 2, &["agnets", "'agents'"]);
    check(
        &["push", "--grant", "everything"],
        2,
        &["`everything`", "events:publish"],
    );
    check(&["turns", "--outcome", "fine"], 2, &["committed, failed"]);
}

#[test]
fn cli_the_credentials_of_a_dev_host_are_found_from_below() {
    let place = Place::new();
    let below = place.0.path().join("a/b");
    std::fs::create_dir_all(&below).unwrap();
    std::fs::create_dir(place.0.path().join(".warren")).unwrap();
    let file = place.0.path().join(".warren/dev.toml");
    std::fs::write(&file, format!("url = \"{NOBODY}\"\nkey = \"k\"\n")).unwrap();
    let output = place.command().current_dir(below).arg("agents").output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(3));
    let expect = format!("no host answers at {NOBODY} (from ");
    assert!(stderr(&output).contains(&expect), "{}", stderr(&output));
    assert!(stderr(&output).contains("dev.toml"), "{}", stderr(&output));
}

#[test]
fn cli_a_new_project_is_complete() {
    let place = Place::new();
    let output = place.run(&["new", "greeter"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let files: Vec<&str> = stdout(&output).lines().collect();
    let expect = ["Cargo.toml", "src/lib.rs", "README.md", ".gitignore"];
    assert_eq!(files, expect.map(|file| format!("greeter/{file}")));
    for file in files {
        let text = std::fs::read_to_string(place.0.path().join(file)).unwrap();
        assert!(!text.contains("{{"), "{file}");
    }
    let again = place.run(&["new", "greeter"]);
    assert_eq!(again.status.code(), Some(2), "{}", stderr(&again));
}

#[test]
fn cli_json_is_one_document_on_stdout() {
    let place = Place::new();
    let check = |arguments: &[&str], code: i32, pointer: &str, expect: &str| {
        let output = place.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let got = value.pointer(pointer).and_then(serde_json::Value::as_str);
        assert_eq!(got, Some(expect), "{value}");
    };
    check(
        &["version", "--json", "--url", NOBODY],
        0,
        "/command",
        env!("CARGO_PKG_VERSION"),
    );
    check(&["new", "greeter", "--json"], 0, "/name", "greeter");
    check(
        &["doctor", "--json", "--url", NOBODY],
        0,
        "/0/name",
        "settings",
    );
}

#[test]
fn cli_doctor_refuses_settings_that_no_host_would_take() {
    let place = Place::new();
    std::fs::write(place.0.path().join("warren.toml"), "lisen = \"x\"").unwrap();
    let output = place.run(&["doctor", "--url", NOBODY]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let out = stdout(&output);
    assert!(
        out.contains("bad   settings") && out.contains("`listen`"),
        "{out}"
    );
}
