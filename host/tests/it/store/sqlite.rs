//! What only the embedded store has: a directory, a lock, files, a disk that fills.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::join_all;
use tempfile::TempDir;
use warren::clock::{Clock, SimClock};
use warren::error::Error;
use warren::events::{EventStore, Json, NewEvent};
use warren::id::{EventId, Position, TenantName};
use warren::identity::{AdminStore, TenantScope};
use warren::store::sqlite::{SqliteSettings, SqliteStore};

use super::{Fixture, RecordingBus, create_tenant, event, open_sqlite, sqlite_settings};

/// A data directory and what it takes to open it again and again.
struct Place {
    dir: TempDir,
    clock: SimClock,
    bus: Arc<RecordingBus>,
}

impl Place {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            clock: SimClock::default(),
            bus: Arc::default(),
        }
    }

    fn open_with(&self, settings: SqliteSettings) -> warren::error::Result<Arc<SqliteStore>> {
        open_sqlite(self.dir.path(), &self.clock, &self.bus, settings)
    }

    fn open(&self) -> Arc<SqliteStore> {
        self.open_with(sqlite_settings()).unwrap()
    }

    fn fixture(&self, store: &Arc<SqliteStore>, scope: &TenantScope) -> Fixture {
        Fixture::of_sqlite(
            store,
            self.clock.clone(),
            Arc::clone(&self.bus),
            scope.clone(),
            None,
        )
    }

    fn database(&self, scope: &TenantScope) -> PathBuf {
        self.dir
            .path()
            .join("tenants")
            .join(scope.tenant().to_string())
            .join("state.db")
    }
}

/// An event of about this many bytes.
fn large(id: &str, bytes: usize) -> NewEvent {
    NewEvent {
        data: Json::from_value("data", &"x".repeat(bytes)).unwrap(),
        ..event(id, "t")
    }
}

#[test]
fn a_second_host_is_refused_and_told_who_is_there() {
    let place = Place::new();
    let first = place.open();
    let refused = place.open_with(sqlite_settings()).err().unwrap();
    let pid = format!("pid {}", std::process::id());
    assert!(
        matches!(&refused, Error::Conflict { what: "data directory", reason } if reason.contains(&pid))
    );
    drop(first);
    drop(place.open());
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let place = Place::new();
    drop(place.open());
    for (format, words) in [
        ("2\n", "format 2, newer than 1"),
        ("x", "does not hold a format"),
    ] {
        let file = place.dir.path().join("FORMAT");
        fs::write(&file, format).unwrap();
        let refused = place.open_with(sqlite_settings()).err().unwrap();
        assert!(refused.to_string().contains(words), "{refused}");
        assert_eq!(fs::read_to_string(&file).unwrap(), format);
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let place = Place::new();
    let store = place.open();
    let scope = create_tenant(&*store, "acme", &place.clock).await;
    drop(store);
    let bump = |path: &Path| {
        let conn = rusqlite::Connection::open(path).unwrap();
        conn.pragma_update(None, "user_version", 9_999).unwrap();
    };
    bump(&place.database(&scope));
    let store = place.open();
    let refused = store.head(&scope).await.unwrap_err();
    assert!(
        matches!(&refused, Error::Conflict { what: "tenant database", reason } if reason.contains("9999"))
    );
    drop(store);
    bump(&place.dir.path().join("host.db"));
    let refused = place.open_with(sqlite_settings()).err().unwrap();
    assert!(matches!(
        refused,
        Error::Conflict {
            what: "host database",
            ..
        }
    ));
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let place = Place::new();
    let store = place.open();
    let scope = create_tenant(&*store, "acme", &place.clock).await;
    let f = place.fixture(&store, &scope);
    let agent = f.deploy("worker", &["t"]).await;
    f.publish((1..=3).map(|n| event(&format!("e{n}"), "t")).collect())
        .await;
    let pending = f.pending(&agent).await;
    let done = f.commit_of(&agent, &pending[0]);
    let turn = done.turn.clone();
    f.turns.commit(&scope, done).await.unwrap();
    let dead = f.failure_of(&agent, &pending[1], None);
    f.turns.fail(&scope, dead).await.unwrap();
    f.events
        .schedule(&scope, event("later", "t"), place.clock.now().plus_ms(9))
        .await
        .unwrap();
    let depth = f.deliveries.depth(&scope).await.unwrap();
    let keys = (
        store.mac_key(),
        format!("{:?}", f.ids.turn(scope.tenant(), Position(1), agent.id)),
    );
    drop(f);
    drop(store);

    let store = place.open();
    let f = place.fixture(&store, &scope);
    assert_eq!(f.deliveries.depth(&scope).await.unwrap(), depth);
    assert_eq!(f.pending(&agent).await.len(), 1);
    assert_eq!(f.turns.get(&scope, &turn).await.unwrap().len(), 1);
    assert!(f.publish(vec![event("e1", "t")]).await[0].duplicate);
    let early = f.events.append(&scope, vec![event("later", "t")]).await;
    assert!(early.is_err(), "a scheduled id is still taken");
    assert_eq!(
        f.publish(vec![event("e4", "t")]).await[0].position,
        Position(4)
    );
    assert_eq!(f.pending(&agent).await.len(), 2, "its subscription lives");
    let again = (
        store.mac_key(),
        format!("{:?}", f.ids.turn(scope.tenant(), Position(1), agent.id)),
    );
    assert_eq!(again, keys);
}

#[test]
fn only_the_hosts_user_reads_its_files() {
    let place = Place::new();
    let root = place.dir.path().join("data");
    let store = open_sqlite(&root, &place.clock, &place.bus, sqlite_settings()).unwrap();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(root.clone()), 0o700);
    for file in ["host.db", "host.db-wal", "LOCK", "FORMAT"] {
        assert_eq!(mode(root.join(file)), 0o600, "{file}");
    }
    drop(store);
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_nothing_else() {
    let place = Place::new();
    let settings = SqliteSettings {
        tenant_bytes_max: 1024 * 1024,
        ..sqlite_settings()
    };
    let store = place.open_with(settings).unwrap();
    let scope = create_tenant(&*store, "acme", &place.clock).await;
    let f = place.fixture(&store, &scope);
    let mut kept = 0;
    let refused = loop {
        match f
            .events
            .append(&scope, vec![large(&format!("e{kept}"), 10_000)])
            .await
        {
            Ok(_) => kept += 1,
            Err(e) => break e,
        }
        assert!(kept < 1_000, "a mebibyte holds no thousand of these");
    };
    assert!(matches!(&refused, Error::StorageFull { .. }), "{refused}");
    let log = f.events.after(&scope, Position(0), 1_000).await.unwrap();
    // Among them it was told that its quota is nearly used.
    let head = log.len() as i64;
    let told = log.iter().filter(|event| &*event.body.source == "host");
    assert_eq!(head - told.count() as i64, kept);
    assert_eq!(f.events.head(&scope).await.unwrap(), Position(head));
    assert!(
        f.events
            .get(&scope, &EventId::new("e0").unwrap())
            .await
            .is_ok()
    );
    let other = create_tenant(&*store, "other", &place.clock).await;
    assert!(
        f.events.append(&other, vec![event("a", "t")]).await.is_ok(),
        "its own quota"
    );
    place.clock.advance_ms(i64::MAX as u64 / 2);
    store
        .sweep(&scope, place.clock.now(), Position(0), 20)
        .await
        .unwrap();
    let next = f.publish(vec![large("next", 10_000)]).await;
    assert_eq!(next[0].position, Position(head + 1), "there is room again");
}

#[tokio::test]
async fn more_tenants_than_may_be_open_take_turns() {
    let place = Place::new();
    let settings = SqliteSettings {
        tenants_open_max: 2,
        ..sqlite_settings()
    };
    let store = place.open_with(settings).unwrap();
    let mut scopes = Vec::new();
    for n in 0..5 {
        scopes.push(create_tenant(&*store, &format!("t{n}"), &place.clock).await);
    }
    for round in 0..3 {
        for scope in &scopes {
            let appended = store
                .append(scope, vec![event(&format!("e{round}"), "t")])
                .await;
            assert_eq!(appended.unwrap()[0].position, Position(round + 1));
        }
    }
}

#[tokio::test]
async fn a_deleted_tenant_leaves_nothing() {
    let place = Place::new();
    let store = place.open();
    let scope = create_tenant(&*store, "acme", &place.clock).await;
    store.append(&scope, vec![event("a", "t")]).await.unwrap();
    store
        .delete_tenant(&TenantName::new("acme").unwrap())
        .await
        .unwrap();
    let gone = store.append(&scope, vec![event("b", "t")]).await;
    assert!(matches!(gone, Err(Error::NotFound { what: "tenant", .. })));
    assert_eq!(
        fs::read_dir(place.dir.path().join("tenants"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn a_damaged_database_is_found_after_an_unclean_shutdown() {
    let place = Place::new();
    let store = place.open();
    let scope = create_tenant(&*store, "acme", &place.clock).await;
    let events = (0..100).map(|n| large(&format!("e{n}"), 1_000)).collect();
    store.append(&scope, events).await.unwrap();
    drop(store);
    let path = place.database(&scope);
    let mut bytes = fs::read(&path).unwrap();
    let half = bytes.len() / 2;
    bytes[half..].fill(0x5a);
    fs::write(&path, bytes).unwrap();
    fs::write(place.dir.path().join("RUNNING"), "").unwrap();
    let store = place.open();
    let found = store.head(&scope).await;
    assert!(matches!(found, Err(Error::Internal { .. })), "{found:?}");
    let other = create_tenant(&*store, "other", &place.clock).await;
    assert!(
        store.head(&other).await.is_ok(),
        "it is that tenant's trouble alone"
    );
}

#[tokio::test]
async fn the_log_stays_short_under_load() {
    let place = Place::new();
    let (wal_pages, wal_alarm_pages) = (64, 512);
    let settings = SqliteSettings {
        wal_pages,
        wal_alarm_pages,
        ..sqlite_settings()
    };
    let store = place.open_with(settings).unwrap();
    let scope = create_tenant(&*store, "acme", &place.clock).await;
    let wal = place.database(&scope).with_extension("db-wal");
    let mut longest = 0;
    for round in 0..100 {
        let ids = (0..20).map(|n| format!("e{round}-{n}"));
        let appends = ids.map(|id| store.append(&scope, vec![large(&id, 4_000)]));
        for appended in join_all(appends).await {
            appended.unwrap();
        }
        longest = longest.max(fs::metadata(&wal).unwrap().len());
    }
    // One batch past the alarm, as it is looked at after the commit.
    let batch_pages = 20 * 8;
    let most = u64::from(wal_alarm_pages + batch_pages) * 4_200;
    assert!(longest <= most, "{longest} bytes, {most} expected at most");
}
