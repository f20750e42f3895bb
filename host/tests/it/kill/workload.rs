//! What is asked of the host, and the check that all of it happened once.
//!
//! Each event tells the probe to append the event's id to its session's list, to bump a counter, to
//! publish a child, to remember two entries of knowledge (one anew, one in the place of the last) and to
//! add an episode. Every other session works on a plan, whose working memory its list and counter are in.
//! Some fail at their first attempt, some are to be published later. Ids are the
//! client's: after a death it sends what was not acknowledged again, under the same id, as a client does.
//! What was checked is forgotten, so that neither the client nor a list grows with the number of deaths.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::host::{ADMIN_KEY, HostProcess};
use crate::guests;

mod remembered;

/// Sessions: each has its order.
const SESSIONS: u64 = 4;
/// The longest that a host may take to finish everything: it only ends a test that hangs.
const PATIENCE: Duration = Duration::from_mins(5);

/// A client and what it knows.
#[derive(Debug, Clone)]
pub(super) struct Workload {
    random: fastrand::Rng,
    tenant: String,
    key: Option<String>,
    pushed: bool,
    next: u64,
    /// How many times what there was has been checked and forgotten: lists and types are named after it.
    round: u64,
    /// Events of this round that were sent, by number, with their bodies.
    sent: BTreeMap<u64, Value>,
    /// Those of them that were not acknowledged.
    unacknowledged: BTreeSet<u64>,
    /// Those of them that were acknowledged and not seen done.
    undone: BTreeSet<u64>,
    /// Whether the host was seen to have done everything since the last one was sent.
    done: bool,
}

/// An answer: the status and the body.
pub(super) type Answer = (u16, Value);

impl Workload {
    pub(super) fn new(seed: u64) -> Self {
        Self::of("acme", seed)
    }

    /// A client of a tenant of this name.
    pub(super) fn of(tenant: &str, seed: u64) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            tenant: tenant.to_owned(),
            key: None,
            pushed: false,
            next: 0,
            round: 0,
            sent: BTreeMap::new(),
            unacknowledged: BTreeSet::new(),
            undone: BTreeSet::new(),
            done: true,
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

    /// Go on sending until the host takes no more, calling `sent` after each event that it took.
    pub(super) fn drive_until_refused(&mut self, host: &HostProcess, sent: impl Fn()) {
        while let Some((status, said)) = self.offer(host) {
            assert_eq!(status, 200, "{said}");
            sent();
        }
    }

    /// Make the tenant, its key and its agent, if they are not there.
    pub(super) fn set_up(&mut self, host: &HostProcess) -> Option<()> {
        if self.key.is_none() {
            let tenant = json!({ "name": self.tenant }).to_string();
            let (status, said) =
                host.request("POST", "/v1/tenants", ADMIN_KEY, tenant.as_bytes())?;
            if status == 503 {
                return None;
            }
            assert!(status == 201 || status == 409, "{status}: {said}");
            let name = format!(r#"{{"name":"key-{}"}}"#, self.random.u32(..));
            let path = format!("/v1/tenants/{}/keys", self.tenant);
            let (status, made) = host.request("POST", &path, ADMIN_KEY, name.as_bytes())?;
            if status == 503 {
                return None;
            }
            assert_eq!(status, 201, "{made}");
            self.key = Some(made["key"].as_str().unwrap().to_owned());
        }
        if !self.pushed {
            let (status, said) = self.push(host, "probe", &guests::probe())?;
            assert!(status == 200 || status == 201, "{said}");
            self.pushed = true;
        }
        Some(())
    }

    /// Upload a component.
    pub(super) fn push(&self, host: &HostProcess, name: &str, component: &[u8]) -> Option<Answer> {
        self.ask(host, "PUT", &format!("/v1/agents/{name}"), component)
    }

    /// Ask for a new key with the next event.
    pub(super) fn renew_key(&mut self) {
        self.key = None;
    }

    /// Whether the host left something unanswered or undone, or told that it will.
    pub(super) fn has_open_questions(&self) -> bool {
        self.key.is_none() || !self.pushed || !self.unacknowledged.is_empty() || !self.done
    }

    /// A request with the tenant's key. A host that says 503 is about to end, as one that says nothing.
    pub(super) fn ask(
        &self,
        host: &HostProcess,
        method: &str,
        path: &str,
        body: &[u8],
    ) -> Option<Answer> {
        let answer = host.request(method, path, self.key(), body)?;
        (answer.0 != 503).then_some(answer)
    }

    fn publish(&mut self, host: &HostProcess, more: u64) -> Option<()> {
        for _ in 0..self.unacknowledged.len() as u64 + more {
            let (status, said) = self.offer(host)?;
            assert_eq!(status, 200, "{said}");
        }
        Some(())
    }

    /// Send the first event that was not acknowledged, so that sessions keep their order, or else a new
    /// one. The answer is given whatever it is; nothing if the host died meanwhile.
    pub(super) fn offer(&mut self, host: &HostProcess) -> Option<Answer> {
        let n = match self.unacknowledged.first() {
            Some(n) => *n,
            None => self.invent(),
        };
        let body = self.sent[&n].to_string();
        let answer = self.ask(host, "POST", "/v1/events", body.as_bytes())?;
        if answer.0 == 200 {
            self.unacknowledged.remove(&n);
            self.undone.insert(n);
            self.done = false;
        }
        Some(answer)
    }

    /// A new event, not sent yet.
    fn invent(&mut self) -> u64 {
        let n = self.next;
        self.next += 1;
        let event = self.event(n);
        self.sent.insert(n, event);
        self.unacknowledged.insert(n);
        n
    }

    fn event(&mut self, n: u64) -> Value {
        let session = n % SESSIONS;
        let mut script = vec![];
        if self.random.u32(..5) == 0 {
            let [kept, said] = self.remembering_in_vain(n);
            script.push(json!({ "first_attempts": { "times": 1, "do": [
                { "put": { "key": "phantom", "value": n } },
                kept, said,
                { "publish": { "type": self.name("phantom"), "data": n } },
                { "fail": { "retry": 1 } }
            ] } }));
        }
        let (list, count) = (self.list(session), self.count(session));
        script.push(json!({ "append_event_id": list }));
        script.push(json!({ "increment": { "key": count, "by": 1 } }));
        script.extend(self.remembering(session, n));
        script.push(json!({ "publish": { "type": self.name("child"), "data": n } }));
        if comes_later(n) {
            let later = json!({ "type": self.name("later"), "data": n, "delay_ms": 5 });
            script.push(json!({ "publish": later }));
        }
        json!({
            "id": format!("kill-{n}"),
            "topic": "business-facts",
            "type": "probe.run",
            "session": self.session(session),
            "plan": plan(session),
            "data": script,
        })
    }

    fn session(&self, session: u64) -> String {
        format!("s{}-{session}", self.round)
    }

    /// The type of this round's events, or the source of its knowledge, of a sort.
    fn name(&self, sort: &str) -> String {
        format!("kill.round-{}.{sort}", self.round)
    }

    fn list(&self, session: u64) -> String {
        format!("list-{}-{session}", self.round)
    }

    fn count(&self, session: u64) -> String {
        format!("count-{}-{session}", self.round)
    }

    fn key(&self) -> &str {
        self.key.as_deref().unwrap()
    }

    /// Wait until everything acknowledged is done, or the host is dead.
    fn await_done(&mut self, host: &HostProcess) {
        let begun = Instant::now();
        while let Some(done) = self.is_done(host) {
            if done {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "not done after {PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether everything acknowledged is done; nothing if the host is dead. What was seen done once is
    /// not asked for again: the check looks at its effects.
    fn is_done(&mut self, host: &HostProcess) -> Option<bool> {
        while let Some(n) = self.undone.first().copied() {
            if !self.event_is_done(host, n)? {
                return Some(false);
            }
            self.undone.remove(&n);
        }
        let later = self.sent.keys().filter(|n| comes_later(**n));
        let later = later.filter(|n| !self.unacknowledged.contains(n)).count();
        self.done = self.events_of(host, &self.name("later"))?.len() >= later;
        Some(self.done)
    }

    fn event_is_done(&self, host: &HostProcess, n: u64) -> Option<bool> {
        let path = format!("/v1/events/kill-{n}");
        let (status, event) = self.ask(host, "GET", &path, b"")?;
        assert_eq!(
            status, 200,
            "event kill-{n} was acknowledged and is lost: {event}"
        );
        let deliveries = event["deliveries"].as_array().unwrap();
        Some(
            deliveries
                .iter()
                .all(|delivery| delivery["state"] == "done"),
        )
    }

    /// Whether an event that was acknowledged can be read, with its status.
    pub(super) fn read_one(&self, host: &HostProcess) -> Option<Answer> {
        let acknowledged = self.sent.keys().find(|n| !self.unacknowledged.contains(n));
        let n = acknowledged.expect("something was acknowledged");
        self.ask(host, "GET", &format!("/v1/events/kill-{n}"), b"")
    }

    /// Payload numbers of all events of a type.
    fn events_of(&self, host: &HostProcess, event_type: &str) -> Option<Vec<u64>> {
        let mut numbers = Vec::new();
        let mut before = String::new();
        loop {
            let path = format!("/v1/events?type={event_type}&limit=100{before}");
            let (status, page) = self.ask(host, "GET", &path, b"")?;
            assert_eq!(status, 200, "{page}");
            let items = page["items"].as_array().unwrap();
            numbers.extend(items.iter().map(|event| event["data"].as_u64().unwrap()));
            match page["next"].as_str() {
                Some(next) => before = format!("&before={next}"),
                None => return Some(numbers),
            }
        }
    }

    /// Nothing lost, nothing twice, no phantom, order kept. Then all of it is forgotten.
    pub(super) fn check(&mut self, host: &HostProcess, what: &str) {
        assert!(self.unacknowledged.is_empty(), "{what}: all was sent again");
        for (event_type, wanted) in [
            (
                self.name("child"),
                self.sent.keys().copied().collect::<Vec<_>>(),
            ),
            (
                self.name("later"),
                self.sent
                    .keys()
                    .copied()
                    .filter(|n| comes_later(*n))
                    .collect(),
            ),
            (self.name("phantom"), Vec::new()),
        ] {
            let mut found = self.events_of(host, &event_type).unwrap();
            found.sort_unstable();
            assert_eq!(found, wanted, "{what}: {event_type}");
        }
        for session in 0..SESSIONS {
            let mine = self.sent.keys().filter(|n| *n % SESSIONS == session);
            let wanted: Vec<String> = mine.map(|n| format!("kill-{n}")).collect();
            if wanted.is_empty() {
                continue;
            }
            let list = self.working(host, session, &self.list(session));
            assert_eq!(
                list,
                json!(wanted),
                "{what}: session {session}, once each and in order"
            );
            let count = self.working(host, session, &self.count(session));
            assert_eq!(count, json!(wanted.len()), "{what}: counter {session}");
            let phantom = self.working(host, session, "phantom");
            assert_eq!(phantom, Value::Null, "{what}: session {session}");
            self.check_remembered(host, session, &wanted, what);
        }
        let (_, usage) = self.ask(host, "GET", "/v1/usage", b"").unwrap();
        let days = usage["items"].as_array().unwrap();
        let turns: u64 = days.iter().map(|day| day["turns"].as_u64().unwrap()).sum();
        assert_eq!(turns, self.next, "{what}: each turn is counted once");
        self.check_kept(host, what);
        self.sent.clear();
        self.round += 1;
    }

    /// Events sent so far.
    pub(super) fn events(&self) -> u64 {
        self.next
    }

    /// A member of each item of a list, over all its pages.
    fn listed(&self, host: &HostProcess, path: &str, member: &str) -> Vec<String> {
        let mut all = Vec::new();
        let mut from = String::new();
        loop {
            let page = format!("{path}&limit=100{from}");
            let (status, page) = self.ask(host, "GET", &page, b"").unwrap();
            assert_eq!(status, 200, "{page}");
            let items = page["items"].as_array().unwrap();
            all.extend(
                items
                    .iter()
                    .map(|item| item[member].as_str().unwrap().to_owned()),
            );
            match page["next"].as_str() {
                Some(next) => from = format!("&before={next}"),
                None => return all,
            }
        }
    }

    /// A value of the working memory that a session has.
    fn working(&self, host: &HostProcess, session: u64, key: &str) -> Value {
        let space = plan(session).map_or("agent:probe".to_owned(), |plan| format!("plan:{plan}"));
        let path = format!("/v1/memory/working/{space}/{key}");
        let (_, found) = self.ask(host, "GET", &path, b"").unwrap();
        found["value"].clone()
    }
}

/// The plan that a session works on: every other one has none.
fn plan(session: u64) -> Option<String> {
    (session % 2 == 1).then(|| format!("plan-{session}"))
}

/// Whether an event publishes one that comes later.
fn comes_later(n: u64) -> bool {
    n.is_multiple_of(7)
}
