//! The real binary as a child process.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

/// The operator's key of all hosts of these tests.
pub(super) const ADMIN_KEY: &str = "operator-operator-operator-operator";

/// Bytes of a host's log that are kept for the test to look at: at `warn` it is a few lines.
const LOG_BYTES_MAX: u64 = 1 << 20;

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
    /// How long it took from the start of the process until it was ready.
    pub(super) ready_after: Duration,
    agent: ureq::Agent,
    log: Option<JoinHandle<String>>,
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
        let begun = Instant::now();
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
            assert!(!child.wait().unwrap().success(), "{line}{said}");
            return Err(format!("{line}{said}"));
        };
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_mins(5)))
            .build();
        let ready_after = begun.elapsed();
        // A thread reads the log, all of it, so that the pipe never fills.
        let log = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || keep(log));
        let url = ready["url"].as_str().unwrap().to_owned();
        Ok(Self {
            child,
            url,
            ready_after,
            agent: config.into(),
            log: Some(log),
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
        let request = http::Request::builder()
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
    pub(super) fn terminate(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }

    /// A path as the host sees it, if it runs in a name space of its own.
    pub(super) fn its_path(&self, path: &Path) -> PathBuf {
        let root = format!("/proc/{}/root", self.child.id());
        Path::new(&root).join(path.strip_prefix("/").unwrap())
    }

    /// The process of the host, if another program runs it.
    fn traced(&self) -> Vec<i32> {
        let tracer = self.child.id();
        let path = format!("/proc/{tracer}/task/{tracer}/children");
        std::fs::read_to_string(path)
            .unwrap_or_default()
            .split_whitespace()
            .map(|child| child.parse().unwrap())
            .collect()
    }

    /// Ask the children of a tracer to stop: the tracer ends with them.
    pub(super) fn terminate_traced(&self) {
        for child in self.traced() {
            let pid = rustix::process::Pid::from_raw(child).unwrap();
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
    }

    /// Kill it without a word.
    pub(super) fn kill(&mut self) {
        let _ = self.child.kill();
    }

    /// How it ended.
    pub(super) fn wait(self) -> Ended {
        self.wait_and_read().0
    }

    /// How it ended, and what it logged.
    pub(super) fn wait_and_read(mut self) -> (Ended, String) {
        let status = self.child.wait().unwrap();
        let ended = match (status.success(), status.signal()) {
            (true, _) => Ended::Well,
            (_, Some(_)) => Ended::Killed,
            (_, None) => Ended::Failed(status.code()),
        };
        (ended, self.log.take().unwrap().join().unwrap())
    }
}

/// The first [`LOG_BYTES_MAX`] of what a host says, which is read to its end.
fn keep(mut log: impl Read) -> String {
    let mut kept = Vec::new();
    let _ = log.by_ref().take(LOG_BYTES_MAX).read_to_end(&mut kept);
    let _ = std::io::copy(&mut log, &mut std::io::sink());
    String::from_utf8_lossy(&kept).into_owned()
}

impl Drop for HostProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
