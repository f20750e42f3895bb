//! What the events of the workload leave in semantic and episodic memory, and the check of it.

use serde_json::{Value, json};

use super::super::host::HostProcess;
use super::{SESSIONS, Workload};

impl Workload {
    /// Commands that remember an entry anew, one in the place of the session's last, and an episode.
    pub(super) fn remembering(&self, session: u64, n: u64) -> [Value; 3] {
        let each = self.entry("each", format!("kill-{n}"), format!("kept by event {n}"));
        let last = self.entry("last", self.last(session), last_of(session, n));
        let episode = json!({ "role": "user", "content": format!("kill-{n}") });
        [
            json!({ "remember": each }),
            json!({ "remember": last }),
            json!({ "add_episode": episode }),
        ]
    }

    /// Commands of an attempt that fails: nothing of them may be found.
    pub(super) fn remembering_in_vain(&self, n: u64) -> [Value; 2] {
        let phantom = self.entry("phantom", format!("phantom-{n}"), format!("phantom {n}"));
        [
            json!({ "remember": phantom }),
            json!({ "add_episode": { "role": "user", "content": "phantom" } }),
        ]
    }

    /// A session has an episode of each of its events, in order, and its entry is the last one's.
    pub(super) fn check_remembered(
        &self,
        host: &HostProcess,
        session: u64,
        wanted: &[String],
        what: &str,
    ) {
        let episodes = self.episodes(host, session);
        assert_eq!(episodes, wanted, "{what}: episodes of session {session}");
        self.check_last(host, session, what);
    }

    /// Each event left one entry, and no failed attempt any.
    pub(super) fn check_kept(&self, host: &HostProcess, what: &str) {
        let mut kept = self.knowledge(host, &self.name("each"));
        kept.sort_by_key(|id| id.trim_start_matches("kill-").parse::<u64>().unwrap());
        let wanted: Vec<String> = self.sent.keys().map(|n| format!("kill-{n}")).collect();
        assert_eq!(kept, wanted, "{what}: knowledge, once each");
        let phantoms = self.knowledge(host, &self.name("phantom"));
        assert_eq!(phantoms, [""; 0], "{what}: knowledge of failed attempts");
    }

    /// An entry of knowledge, from this round's source of a sort.
    fn entry(&self, sort: &str, external_id: String, content: String) -> Value {
        json!({
            "content": content,
            "external_id": external_id,
            "source": self.name(sort),
            "visibility": "tenant",
        })
    }

    /// The name of the entry that each event of a session overwrites.
    fn last(&self, session: u64) -> String {
        format!("last-{}-{session}", self.round)
    }

    /// The entry that every event of a session wrote holds what the last one said, and is found by it.
    fn check_last(&self, host: &HostProcess, session: u64, what: &str) {
        let last = self.sent.keys().rfind(|n| *n % SESSIONS == session);
        let said = last_of(session, *last.unwrap());
        for mode in ["keyword", "vector"] {
            let query =
                json!({ "text": said, "mode": mode, "source": self.name("last"), "limit": 1 });
            let path = "/v1/memory/knowledge/search";
            let (status, found) = self
                .ask(host, "POST", path, query.to_string().as_bytes())
                .unwrap();
            assert_eq!(status, 200, "{found}");
            let hit = &found["items"][0];
            let found = (hit["external_id"].as_str(), hit["content"].as_str());
            let wanted = (self.last(session), said.as_str());
            assert_eq!(
                found,
                (Some(wanted.0.as_str()), Some(wanted.1)),
                "{what}: by {mode}"
            );
        }
    }

    /// External ids of all entries from a source.
    fn knowledge(&self, host: &HostProcess, source: &str) -> Vec<String> {
        let path = format!("/v1/memory/knowledge?source={source}");
        self.listed(host, &path, "external_id")
    }

    /// What the episodes of a session say, the oldest first.
    fn episodes(&self, host: &HostProcess, session: u64) -> Vec<String> {
        let session = self.session(session);
        let path = format!("/v1/memory/episodes?agent=probe&session={session}");
        let mut said = self.listed(host, &path, "content");
        said.reverse();
        said
    }
}

/// What an event says as the last one of its session.
fn last_of(session: u64, n: u64) -> String {
    format!("session {session} ended with event {n}")
}
