//! Every command against a host that the binary itself runs.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{NOBODY, Place, stderr, stdout};
use crate::guests;

/// A host in a process of its own, killed when a test fails.
pub(super) struct Host {
    child: Child,
    out: Lines<BufReader<ChildStdout>>,
    err: Lines<BufReader<ChildStderr>>,
}

impl Host {
    pub(super) fn start(place: &Place, arguments: &[&str]) -> Self {
        Self::spawn(place.command().args(arguments))
    }

    pub(super) fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .args(["--json", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            out: BufReader::new(child.stdout.take().unwrap()).lines(),
            err: BufReader::new(child.stderr.take().unwrap()).lines(),
            child,
        }
    }

    pub(super) fn json_line(&mut self) -> Value {
        let Some(line) = self.out.next() else {
            let said: Vec<String> = self.err.by_ref().map_while(Result::ok).collect();
            panic!("the host ended: {}", said.join("\n"));
        };
        serde_json::from_str(&line.unwrap()).unwrap()
    }

    /// Read what it says until a line holds `words`.
    fn until_it_says(&mut self, words: &str) {
        let mut said = Vec::new();
        while let Some(Ok(line)) = self.err.next() {
            if line.contains(words) {
                return;
            }
            said.push(line);
        }
        panic!("it never said {words}: {}", said.join("\n"));
    }

    /// Ends it in good order; what it said since it was last listened to.
    pub(super) fn stop(mut self, signal: Signal) -> Vec<String> {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        let status = self.child.wait().unwrap();
        let said: Vec<String> = self.err.by_ref().map_while(Result::ok).collect();
        assert_eq!(status.code(), Some(0), "{}", said.join("\n"));
        said
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Commands of one tenant or of the operator.
pub(super) struct Client<'a> {
    pub(super) place: &'a Place,
    pub(super) variables: Vec<(&'static str, String)>,
}

impl Client<'_> {
    #[track_caller]
    pub(super) fn run(&self, code: i32, arguments: &[&str]) -> (String, String) {
        let mut command = self.place.command();
        for (name, value) in &self.variables {
            command.env(name, value);
        }
        let output = command.args(arguments).output().unwrap();
        let words = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {words}");
        (stdout(&output).to_owned(), words.to_owned())
    }

    #[track_caller]
    pub(super) fn says(&self, arguments: &[&str], words: &[&str]) -> String {
        let (out, err) = self.run(0, arguments);
        for word in words {
            let said = out.contains(word) || err.contains(word);
            assert!(said, "{arguments:?} should say {word}: {out}{err}");
        }
        out
    }

    #[track_caller]
    pub(super) fn json(&self, arguments: &[&str], pointer: &str, expect: &str) -> Value {
        let (out, _) = self.run(0, &[arguments, &["--json"]].concat());
        let value: Value = serde_json::from_str(&out).unwrap();
        let got = value.pointer(pointer).map(|found| match found {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        assert_eq!(got.as_deref(), Some(expect), "{arguments:?}: {value}");
        value
    }
}

fn with_guest() -> Place {
    let place = Place::new();
    std::fs::write(place.0.path().join("probe.wasm"), guests::probe()).unwrap();
    place
}

fn text(value: &Value, pointer: &str) -> String {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap()
        .to_owned()
}

#[test]
fn cli_the_whole_tour_works_over_a_served_host() {
    let place = with_guest();
    let mut host = Host::start(&place, &["serve", "--data-dir", "data"]);
    let ready = host.json_line();
    let (url, admin_key) = (text(&ready, "/url"), text(&ready, "/admin_key"));
    let operator = Client {
        place: &place,
        variables: vec![("WARREN_URL", url.clone()), ("WARREN_ADMIN_KEY", admin_key)],
    };
    operator.says(
        &["tenants", "create", "acme", "--weight", "3"],
        &["acme", "next:"],
    );
    operator.json(&["tenants"], "/items/0/weight", "3");
    let key = operator.says(&["keys", "create", "acme", "shop"], &["wrn_", "this once"]);
    operator.says(&["keys", "list", "acme"], &["shop"]);
    let tenant = Client {
        place: &place,
        variables: vec![("WARREN_URL", url), ("WARREN_KEY", key.trim().to_owned())],
    };
    tenant.says(&["agents"], &["no agents"]);
    push_and_run(&tenant);
    look_back(&tenant);
    recall(&tenant);
    change(&tenant);
    operator.says(&["keys", "revoke", "acme", "shop"], &["revoked"]);
    operator.run(2, &["tenants", "delete", "acme"]);
    operator.says(&["tenants", "delete", "acme", "--yes"], &["deleted"]);
    let (_, refused) = tenant.run(4, &["agents"]);
    assert!(refused.contains("hint:"), "{refused}");
    operator.says(&["tenants"], &["no tenants"]);
    host.stop(Signal::TERM);
}

#[test]
fn cli_commands_reach_a_host_over_tls_that_they_are_told_to_trust() {
    let place = Place::new();
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let file = |name: &str, text: String| {
        std::fs::write(place.0.path().join(name), text).unwrap();
        name.to_owned()
    };
    let mut command = place.command();
    command
        .args(["serve", "--data-dir", "data"])
        .env("WARREN_HTTP_TLS_CERTIFICATE", file("chain.pem", cert.pem()))
        .env(
            "WARREN_HTTP_TLS_KEY",
            file("key.pem", signing_key.serialize_pem()),
        );
    let mut host = Host::spawn(&mut command);
    let ready = host.json_line();
    let url = text(&ready, "/url");
    assert!(url.starts_with("https://"), "{url}");
    let variables = vec![
        ("WARREN_URL", url),
        ("WARREN_ADMIN_KEY", text(&ready, "/admin_key")),
    ];
    let stranger = Client {
        place: &place,
        variables: variables.clone(),
    };
    let (_, refused) = stranger.run(3, &["tenants"]);
    assert!(refused.contains("hint:"), "{refused}");
    let trusting = Client {
        variables: [variables, vec![("WARREN_CA", "chain.pem".to_owned())]].concat(),
        ..stranger
    };
    trusting.says(&["tenants", "create", "acme"], &["acme"]);
    let (_, none) = trusting.run(2, &["tenants", "--ca", "key.pem"]);
    assert!(none.contains("holds no certificate"), "{none}");
    host.stop(Signal::TERM);
}

#[test]
fn cli_the_log_is_json_when_it_is_asked_for() {
    let place = Place::new();
    let mut command = place.command();
    command
        .args(["serve", "--data-dir", "data"])
        .env("WARREN_LOG_FORMAT", "json")
        .env("WARREN_LOG_FILTER", "warren=debug");
    let mut host = Host::spawn(&mut command);
    host.json_line();
    let said = host.stop(Signal::TERM);
    assert!(!said.is_empty());
    for line in said {
        let Ok(Value::Object(line)) = serde_json::from_str(&line) else {
            panic!("no JSON object: {line}");
        };
        for member in ["timestamp", "level", "target", "message"] {
            assert!(line[member].is_string(), "{member}: {line:?}");
        }
    }
}

fn push_and_run(tenant: &Client<'_>) {
    tenant.json(&["push", "probe.wasm", "--dry-run"], "/dry_run", "true");
    tenant.says(&["agents"], &["no agents"]);
    tenant.says(
        &["push", "probe.wasm"],
        &["pushed probe version 1", "starts in", "probe.run", "next:"],
    );
    tenant.says(&["push", "probe.wasm"], &["current already"]);
    tenant.says(&["agents"], &["NAME", "probe", "active"]);
    tenant.json(&["agents", "show", "probe"], "/kind", "tool");
    tenant.says(&["agents", "--graph"], &["probe.chain", "probe"]);
    let drawn = ["agents", "--graph", "--dot"];
    tenant.says(&drawn, &["digraph warren {", "node:probe"]);
    tenant.json(&["agents", "--graph"], "/nodes/0/name", "probe");
    tenant.json(&["agents", "versions", "probe"], "/items/0/current", "true");

    let script = r#"[{"put": {"key": "k", "value": 7}}, {"log": "hello there"}, {"chain": 1}]"#;
    let words = [
        "probe.run",
        "committed",
        "hello there",
        "probe.chain",
        "client/shop",
    ];
    tenant.says(
        &["publish", "probe.run", script, "--id", "e-1", "--wait"],
        &words,
    );
    tenant.says(
        &["publish", "probe.run", script, "--id", "e-1"],
        &["already there", "e-1"],
    );
    let (_, conflict) = tenant.run(1, &["publish", "probe.run", "[]", "--id", "e-1"]);
    assert!(conflict.contains("hint:"), "{conflict}");
    let (out, _) = tenant.run(0, &["call", "probe", r#"[{"respond": {"n": 1}}]"#]);
    assert_eq!(out.trim(), r#"{"n":1}"#);
    let (_, near) = tenant.run(2, &["publish", "probe.rum", "[]"]);
    assert!(near.contains("did you mean `probe.run`"), "{near}");
}

fn look_back(tenant: &Client<'_>) {
    tenant.says(&["events", "e-1"], &["probe.run", "probe", "done"]);
    tenant.json(
        &["events", "--type", "probe.chain"],
        "/items/0/source",
        "agent/probe",
    );
    let turns = tenant.json(
        &["turns", "--event", "e-1"],
        "/items/0/outcome",
        "committed",
    );
    let turn = text(&turns, "/items/0/turn");
    tenant.says(
        &["turns", &turn],
        &["committed", "hello there", "wrote 1", "published"],
    );
    tenant.says(&["memory", "working", "agent:probe"], &["k"]);
    tenant.json(&["memory", "working", "agent:probe", "k"], "/value", "7");
    let trace = tenant.says(
        &["tail", "--since", "0", "--count", "2", "--trace", "e-1"],
        &[],
    );
    let types: Vec<&str> = trace
        .lines()
        .filter_map(|line| line.split("  ").nth(2))
        .collect();
    assert_eq!(types, ["probe.run", "probe.chain"], "{trace}");
    tenant.json(&["version"], "/host/api", "v1");
    let (_, absent) = tenant.run(5, &["turns", "trn_none"]);
    assert!(absent.contains("hint:"), "{absent}");
}

fn recall(tenant: &Client<'_>) {
    let ann = ["--user", "ann"];
    let own = |arguments: &[&'static str]| [&["memory"][..], arguments, &ann[..]].concat();
    let lamp = own(&["remember", "The lamp is in the cellar.", "--tag", "house"]);
    let id = tenant.says(&lamp, &["kno_"]).trim().to_owned();
    tenant.says(&own(&["search", "where is the lamp?"]), &["cellar", &id]);
    let explained = own(&["search", "where is the lamp?", "--explain"]);
    tenant.says(&explained, &["WORDS", "VECTOR", "#1 ", &id]);
    tenant.says(
        &own(&["search", "lamp", "--offset", "1"]),
        &["nothing fits"],
    );
    tenant.json(&own(&["list", "--tag", "house"]), "/items/0/id", &id);
    tenant.says(&["memory", "list"], &["nothing is known"]);
    tenant.says(
        &["memory", "get", &id, "--user", "ann"],
        &["The lamp", "client/"],
    );
    tenant.run(5, &["memory", "get", &id, "--user", "bob"]);
    let file = tenant.place.0.path().join("known.jsonl");
    let file = file.to_str().unwrap();
    tenant.says(&["memory", "export", file], &["1 entries exported"]);
    tenant.says(&["memory", "forget", &id, "--user", "ann"], &["forgotten"]);
    tenant.says(&["memory", "import", file], &["1 entries are new"]);
    tenant.says(&["memory", "import", file], &["1 were replaced"]);
    tenant.says(&own(&["search", "lamp"]), &["cellar"]);
    let episode = own(&["add", "probe", "user", "good day", "--session", "s"]);
    tenant.says(&episode, &["epi_"]);
    tenant.says(&own(&["recent", "probe"]), &["user", "good day"]);
    tenant.says(&own(&["sessions"]), &["s"]);
    let rule = [
        "put",
        "greet",
        "rule",
        "Be kind.",
        "--trigger",
        "a greeting",
    ];
    let put = [&["memory", "procedures"][..], &rule].concat();
    tenant.says(&put, &["version 1"]);
    tenant.says(&put, &["version 2"]);
    tenant.says(
        &["memory", "procedures", "rollback", "greet"],
        &["version 1"],
    );
    tenant.says(&["memory", "procedures", "activate", "greet", "2"], &["2"]);
    tenant.says(&["memory", "procedures", "match", "greeting"], &["greet"]);
    tenant.says(&["memory", "procedures"], &["greet", "rule", "Be kind."]);
    tenant.run(2, &own(&["erase"]));
    tenant.says(
        &own(&["erase", "--yes"]),
        &["1 entries of knowledge", "1 episodes"],
    );
    tenant.says(&own(&["list"]), &["nothing is known"]);
    let space = ["memory", "working", "agent:probe"];
    tenant.says(&[&space[..], &["k", "--delete"]].concat(), &["gone"]);
    tenant.says(&[&space[..], &["--clear"]].concat(), &["are gone"]);
}

fn change(tenant: &Client<'_>) {
    let reject = [
        "publish",
        "probe.run",
        r#"[{"reject": "no good"}]"#,
        "--wait",
    ];
    let (_, dead) = tenant.run(1, &reject);
    assert!(dead.contains("warren dead-letters"), "{dead}");
    let letters = tenant.json(&["dead-letters"], "/items/0/last_attempt/reason", "no good");
    let turn = text(&letters, "/items/0/turn");
    tenant.says(&["dead-letters", "replay", &turn], &["replayed 1"]);
    tenant.says(&["agents", "pause", "probe"], &["paused"]);
    // Nothing becomes of it until somebody resumes the agent: it is not waited for.
    let (_, vain) = tenant.run(6, &["publish", "probe.run", "[]", "--wait"]);
    assert!(
        vain.contains("probe is paused") && vain.contains("warren agents resume probe"),
        "{vain}"
    );
    tenant.says(&["agents", "resume", "probe"], &["active"]);
    tenant.says(&["agents", "restart", "probe"], &["active"]);
    tenant.run(2, &["agents", "delete", "probe"]);
    tenant.says(&["agents", "delete", "probe", "--yes"], &["deleted"]);
    tenant.says(&["agents"], &["no agents"]);
}

#[test]
fn cli_commands_need_no_flags_beside_a_dev_host() {
    let place = with_guest();
    let below = place.0.path().join("a/b");
    std::fs::create_dir_all(&below).unwrap();
    let mut host = Host::start(&place, &["dev", "probe.wasm"]);
    let ready = host.json_line();
    host.until_it_says("pushed probe version 1");
    let script = r#"[{"log": "seen by dev"}]"#;
    let published = place
        .command()
        .current_dir(below)
        .args(["publish", "probe.run", script, "--wait"])
        .output()
        .unwrap();
    assert_eq!(published.status.code(), Some(0), "{}", stderr(&published));
    let turn = host.json_line();
    assert_eq!(text(&turn, "/outcome"), "committed");
    assert_eq!(text(&turn, "/logs/0/message"), "seen by dev");
    host.stop(Signal::INT);

    let mut again = Host::start(&place, &["dev"]);
    let ready_again = again.json_line();
    assert_eq!(
        text(&ready_again, "/key"),
        text(&ready, "/key"),
        "the key of the last start is kept"
    );
    again.stop(Signal::TERM);
}

#[test]
fn cli_a_start_by_mistake_changes_nothing_and_says_why() {
    let place = Place::new();
    let mut host = Host::start(&place, &["serve", "--data-dir", "data"]);
    let url = text(&host.json_line(), "/url");
    let address = url.strip_prefix("http://").unwrap();
    let check = |arguments: &[&str], words: &[&str]| {
        let output = place.run(&[&["serve"], arguments].concat());
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        for word in words {
            assert!(stderr(&output).contains(word), "{}", stderr(&output));
        }
    };
    let pid = host.child.id().to_string();
    check(
        &["--data-dir", "other", "--listen", address],
        &[address, "hint:", "--listen"],
    );
    assert!(!place.0.path().join("other").exists());
    let taken = ["--data-dir", "data", "--listen", "127.0.0.1:0"];
    check(&taken, &["in use", &pid, "warren doctor --data-dir data"]);
    let looked = place.run(&["doctor", "--data-dir", "data", "--url", NOBODY]);
    let found = stdout(&looked);
    assert!(
        found.contains("odd   data_dir") && found.contains(&pid),
        "{found}"
    );
    host.stop(Signal::TERM);

    std::fs::write(place.0.path().join("data/FORMAT"), "999\n").unwrap();
    check(&taken, &["999", "newer", "hint:"]);
}
