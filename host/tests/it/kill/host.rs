//! The real binary as a child process.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

/// The operator's key of all hosts of these tests.
pub(super) const ADMIN_KEY: &str = "operator-operator-operator-operator";

/// How a host ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// With success.
    Well,
    /// By a signal.
    Killed,
    /// With an exit code.
    Failed(Option<i32>),
}

/// A host that listens.
#[derive(Debug)]
pub(super) struct HostProcess {
    child: Child,
    /// Where.
    pub(super) url: String,
    agent: ureq::Agent,
}

impl HostProcess {
    /// Start a host on a free port and wait until it says that it is ready, or give what it said.
    pub(super) fn start(data_dir: &Path, environment: &[(&str, &str)]) -> Result<Self, String> {
        Self::start_with(
            Command::new(env!("CARGO_BIN_EXE_warren")),
            data_dir,
            environment,
        )
    }

    /// The same under another program, such as a tracer: `command` ends with the binary.
    pub(super) fn start_with(
        mut command: Command,
        data_dir: &Path,
        environment: &[(&str, &str)],
    ) -> Result<Self, String> {
        let mut child = command
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--json",
                "--log",
                "warn",
                "--data-dir",
            ])
            .arg(data_dir)
            .current_dir(data_dir)
            .env("WARREN_ADMIN_KEY", ADMIN_KEY)
            // Small, so that a few turns reach every step of a checkpoint.
            .env("WARREN_STORE_WAL_PAGES", "8")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let Ok(ready) = serde_json::from_str::<Value>(&line) else {
            let mut said = String::new();
            child
                .stderr
                .take()
                .unwrap()
                .read_to_string(&mut said)
                .unwrap();
            let _ = child.wait();
            return Err(format!("{line}{said}"));
        };
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_mins(5)))
            .build();
        // Its log is small at `warn`; a thread reads it so that the pipe never fills.
        let mut log = child.stderr.take().unwrap();
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        let url = ready["url"].as_str().unwrap().to_owned();
        Ok(Self {
            child,
            url,
            agent: config.into(),
        })
    }

    /// A request with a key; the status and the body, or nothing if the host died meanwhile.
    pub(super) fn request(
        &self,
        method: &str,
        path: &str,
        key: &str,
        body: &[u8],
    ) -> Option<(u16, Value)> {
        let kind = if body.starts_with(b"\0asm") {
            "application/wasm"
        } else {
            "application/json"
        };
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", kind)
            .body(body.to_vec())
            .unwrap();
        let mut response = self.agent.run(request).ok()?;
        let status = response.status().as_u16();
        let text = response.body_mut().read_to_string().ok()?;
        Some((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
    }

    /// Whether it has ended by itself.
    pub(super) fn has_died(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Ask it to stop.
    pub(super) fn terminate(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }

    /// Ask the children of a tracer to stop: the tracer ends with them.
    pub(super) fn terminate_traced(&mut self) {
        let tracer = self.child.id();
        let path = format!("/proc/{tracer}/task/{tracer}/children");
        for child in std::fs::read_to_string(path)
            .unwrap_or_default()
            .split_whitespace()
        {
            let pid = rustix::process::Pid::from_raw(child.parse().unwrap()).unwrap();
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
    }

    /// Kill it without a word.
    pub(super) fn kill(&mut self) {
        let _ = self.child.kill();
    }

    /// How it ended.
    pub(super) fn wait(mut self) -> Ended {
        let status = self.child.wait().unwrap();
        match (status.success(), status.signal()) {
            (true, _) => Ended::Well,
            (_, Some(_)) => Ended::Killed,
            (_, None) => Ended::Failed(status.code()),
        }
    }
}

impl Drop for HostProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
