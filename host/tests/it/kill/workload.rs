//! What is asked of the host, and the check that all of it happened once.
//!
//! Each event tells the probe to append the event's id to its session's list, to bump a counter and to
//! publish a child. Some fail at their first attempt, some are to be published later. Ids are the
//! client's: after a death it sends what was not acknowledged again, under the same id, as a client does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::host::{ADMIN_KEY, HostProcess};
use crate::guests;

/// Sessions: each has its order.
const SESSIONS: u64 = 4;
/// The longest that a host may take to finish everything: it only ends a test that hangs.
const PATIENCE: Duration = Duration::from_mins(5);

/// A client and what it knows.
pub(super) struct Workload {
    random: fastrand::Rng,
    key: Option<String>,
    pushed: bool,
    next: u64,
    /// Events that were sent, by id, with their bodies, in the order in which they were first sent.
    sent: BTreeMap<u64, Value>,
    acknowledged: BTreeSet<u64>,
}

impl Workload {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            key: None,
            pushed: false,
            next: 0,
            sent: BTreeMap::new(),
            acknowledged: BTreeSet::new(),
        }
    }

    /// Send what was not acknowledged and `more` new events, then wait until all is done or the host
    /// is dead.
    pub(super) fn drive(&mut self, host: &HostProcess, more: u64) {
        if self.set_up(host).is_some() && self.publish(host, more).is_some() {
            self.await_done(host);
        }
    }

    /// Go on sending until the host is killed.
    pub(super) fn drive_until_killed(&mut self, host: HostProcess, after: Duration) -> HostProcess {
        let mut host = host;
        if self.set_up(&host).is_some() {
            let begun = Instant::now();
            while begun.elapsed() < after && self.publish(&host, 4).is_some() {}
        }
        host.kill();
        host
    }

    fn set_up(&mut self, host: &HostProcess) -> Option<()> {
        if self.key.is_none() {
            let (status, _) =
                host.request("POST", "/v1/tenants", ADMIN_KEY, br#"{"name":"acme"}"#)?;
            assert!(status == 201 || status == 409, "{status}");
            let name = format!(r#"{{"name":"key-{}"}}"#, self.random.u32(..));
            let path = "/v1/tenants/acme/keys";
            let (status, made) = host.request("POST", path, ADMIN_KEY, name.as_bytes())?;
            assert_eq!(status, 201, "{made}");
            self.key = Some(made["key"].as_str().unwrap().to_owned());
        }
        if !self.pushed {
            let probe = guests::probe();
            let (status, said) = host.request("PUT", "/v1/agents/probe", self.key(), &probe)?;
            assert!(status == 200 || status == 201, "{said}");
            self.pushed = true;
        }
        Some(())
    }

    fn publish(&mut self, host: &HostProcess, more: u64) -> Option<()> {
        let unacknowledged: Vec<u64> = self
            .sent
            .keys()
            .filter(|n| !self.acknowledged.contains(n))
            .copied()
            .collect();
        for n in unacknowledged {
            self.send(host, n)?;
        }
        for _ in 0..more {
            let n = self.next;
            self.next += 1;
            let event = self.event(n);
            self.sent.insert(n, event);
            self.send(host, n)?;
        }
        Some(())
    }

    fn send(&mut self, host: &HostProcess, n: u64) -> Option<()> {
        let body = self.sent[&n].to_string();
        let (status, said) = host.request("POST", "/v1/events", self.key(), body.as_bytes())?;
        assert_eq!(status, 200, "{said}");
        self.acknowledged.insert(n);
        Some(())
    }

    fn event(&mut self, n: u64) -> Value {
        let session = n % SESSIONS;
        let mut script = vec![];
        if self.random.u32(..5) == 0 {
            script.push(json!({ "first_attempts": { "times": 1, "do": [
                { "put": { "key": "phantom", "value": n } },
                { "publish": { "type": "kill.phantom", "data": n } },
                { "fail": { "retry": 1 } }
            ] } }));
        }
        script.push(json!({ "append_event_id": format!("list-{session}") }));
        script.push(json!({ "increment": { "key": format!("count-{session}"), "by": 1 } }));
        script.push(json!({ "publish": { "type": "kill.child", "data": n } }));
        if n.is_multiple_of(7) {
            let later = json!({ "type": "kill.later", "data": n, "delay_ms": 5 });
            script.push(json!({ "publish": later }));
        }
        json!({
            "id": format!("kill-{n}"),
            "topic": "business-facts",
            "type": "probe.run",
            "session": format!("s{session}"),
            "data": script,
        })
    }

    fn key(&self) -> &str {
        self.key.as_deref().unwrap()
    }

    fn await_done(&self, host: &HostProcess) {
        let begun = Instant::now();
        while let Some(done) = self.is_done(host) {
            if done {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "not done after {PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether everything acknowledged is done; nothing if the host is dead.
    fn is_done(&self, host: &HostProcess) -> Option<bool> {
        for n in &self.acknowledged {
            let (status, event) =
                host.request("GET", &format!("/v1/events/kill-{n}"), self.key(), b"")?;
            assert_eq!(
                status, 200,
                "event kill-{n} was acknowledged and is lost: {event}"
            );
            let deliveries = event["deliveries"].as_array().unwrap();
            if deliveries
                .iter()
                .any(|delivery| delivery["state"] != "done")
            {
                return Some(false);
            }
        }
        let later = self.acknowledged.iter().filter(|n| *n % 7 == 0).count();
        Some(self.events_of(host, "kill.later")?.len() >= later)
    }

    /// Payload numbers of all events of a type.
    fn events_of(&self, host: &HostProcess, event_type: &str) -> Option<Vec<u64>> {
        let mut numbers = Vec::new();
        let mut before = String::new();
        loop {
            let path = format!("/v1/events?type={event_type}&limit=100{before}");
            let (status, page) = host.request("GET", &path, self.key(), b"")?;
            assert_eq!(status, 200, "{page}");
            let items = page["items"].as_array().unwrap();
            numbers.extend(items.iter().map(|event| event["data"].as_u64().unwrap()));
            match page["next"].as_str() {
                Some(next) => before = format!("&before={next}"),
                None => return Some(numbers),
            }
        }
    }

    /// Nothing lost, nothing twice, no phantom, order kept.
    pub(super) fn check(&self, host: &HostProcess, what: &str) {
        assert_eq!(
            self.acknowledged.len(),
            self.sent.len(),
            "{what}: all was sent again"
        );
        for (event_type, wanted) in [
            ("kill.child", self.sent.keys().copied().collect::<Vec<_>>()),
            (
                "kill.later",
                self.sent.keys().copied().filter(|n| n % 7 == 0).collect(),
            ),
            ("kill.phantom", Vec::new()),
        ] {
            let mut found = self.events_of(host, event_type).unwrap();
            found.sort_unstable();
            assert_eq!(found, wanted, "{what}: {event_type}");
        }
        for session in 0..SESSIONS {
            let mine = self.sent.keys().filter(|n| *n % SESSIONS == session);
            let wanted: Vec<String> = mine.map(|n| format!("kill-{n}")).collect();
            if wanted.is_empty() {
                continue;
            }
            let list = self.working(host, &format!("list-{session}"));
            assert_eq!(
                list,
                json!(wanted),
                "{what}: session {session}, once each and in order"
            );
            let count = self.working(host, &format!("count-{session}"));
            assert_eq!(count, json!(wanted.len()), "{what}: counter {session}");
        }
        assert_eq!(self.working(host, "phantom"), Value::Null, "{what}");
    }

    fn working(&self, host: &HostProcess, key: &str) -> Value {
        let path = format!("/v1/memory/working/agent:probe/{key}");
        let (_, found) = host.request("GET", &path, self.key(), b"").unwrap();
        found["value"].clone()
    }
}
