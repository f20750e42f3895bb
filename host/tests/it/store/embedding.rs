//! Embedding in the background: entries kept while the embedder is away, and a change of embedder.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tempfile::TempDir;
use warren::clock::{Clock, SimClock, Timestamp};
use warren::embedders::{Work, Worker};
use warren::error::{Error, Result};
use warren::memory::embed::{
    Embedder, Embedding, EmbeddingState, Progress, Timing, Watched, unavailable,
};
use warren::memory::{EmbeddingStore, Found, SearchMode, Shortfall, Visibility};
use warren::store::sqlite::{SqliteSettings, SqliteStore};

use super::memory::{ask, entry, put};
use super::{Fixture, RecordingBus, create_tenant, open_sqlite, sqlite_settings};

/// Longest wait for work in the background. Never reached but by a fault.
const PATIENCE: Duration = Duration::from_mins(1);

/// A remote embedder as a script: one dimension a letter, so that texts of the same letters are alike.
struct Remote {
    name: Arc<str>,
    away: Mutex<bool>,
    texts: Mutex<Vec<String>>,
}

impl Remote {
    fn named(name: &str) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            away: Mutex::new(false),
            texts: Mutex::default(),
        })
    }

    fn texts(&self) -> Vec<String> {
        let mut texts = self.texts.lock().clone();
        texts.sort();
        texts
    }

    fn vector(&self, text: &str) -> Result<Embedding> {
        if *self.away.lock() {
            return Err(unavailable("away"));
        }
        let mut letters = vec![0.0; 26];
        for byte in text.bytes().filter(u8::is_ascii_lowercase) {
            letters[usize::from(byte - b'a')] += 1.0;
        }
        Ok(Embedding::new(letters).unwrap())
    }
}

impl Embedder for Remote {
    fn name(&self) -> &Arc<str> {
        &self.name
    }
    fn dims(&self) -> usize {
        26
    }
    fn timing(&self) -> Timing {
        Timing::Deferred
    }
    fn batch_max(&self) -> usize {
        3
    }
    fn embed(&self, texts: &[&str]) -> Result<Vec<Embedding>> {
        let made: Result<Vec<Embedding>> = texts.iter().map(|text| self.vector(text)).collect();
        let told = texts.iter().map(|text| (*text).to_owned());
        self.texts.lock().extend(told.filter(|_| made.is_ok()));
        made
    }
    fn embed_question(&self, text: &str) -> Result<Embedding> {
        self.vector(text)
    }
}

/// A store with this embedder in a directory that may have been another's.
struct Site {
    fixture: Fixture,
    store: Arc<SqliteStore>,
    progress: Arc<Progress>,
    embedder: Arc<dyn Embedder>,
}

impl Site {
    async fn open(dir: &TempDir, embedder: Arc<dyn Embedder>) -> Self {
        let bus = Arc::new(RecordingBus::default());
        let clock = SimClock::at(Timestamp(1_700_000_000_000));
        let progress = Progress::new(&*embedder);
        let embedder = Watched::new(embedder, Arc::clone(&progress));
        let settings = SqliteSettings {
            embedder: Arc::<Watched>::clone(&embedder),
            ..sqlite_settings()
        };
        let store = open_sqlite(dir.path(), &clock, &bus, settings).unwrap();
        let admin: Arc<dyn warren::identity::AdminStore> = Arc::<SqliteStore>::clone(&store);
        let scope = match admin.all_tenants().await.unwrap().first() {
            Some(tenant) => warren::identity::TenantScope::for_dispatch(tenant.id),
            None => create_tenant(&*store, "acme", &clock).await,
        };
        let fixture = Fixture::of_sqlite(&store, clock, bus, scope, None);
        Self {
            fixture,
            store,
            progress,
            embedder,
        }
    }

    fn work(&self) -> Worker {
        Worker::start(Work {
            admin: Arc::<SqliteStore>::clone(&self.store),
            store: Arc::<SqliteStore>::clone(&self.store),
            embedder: Arc::clone(&self.embedder),
            progress: Arc::clone(&self.progress),
        })
    }

    async fn remember(&self, who: &str, text: &str) {
        let write = entry(&self.fixture, who, Visibility::Tenant, text);
        let scope = self.fixture.person(who);
        self.fixture.apply(&scope, vec![put(write)]).await;
    }

    async fn search(&self, text: &str, mode: SearchMode) -> Result<Found> {
        let (scope, now) = (self.fixture.person("/"), self.fixture.clock.now());
        self.fixture
            .knowledge
            .search(&scope, &ask(text, mode), now)
            .await
    }

    async fn first(&self, text: &str, mode: SearchMode) -> (Option<String>, Option<Shortfall>) {
        let found = self.search(text, mode).await.unwrap();
        let first = found.hits.first();
        (
            first.map(|hit| hit.item.content.to_string()),
            found.shortfall,
        )
    }

    /// Wait until nothing waits.
    async fn settle(&self) {
        let settled = async {
            while self.state().await.waiting > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, settled).await.unwrap();
    }

    async fn state(&self) -> EmbeddingState {
        let scope = &self.fixture.scope;
        self.store.embedding_state(scope).await.unwrap()
    }
}

#[tokio::test]
async fn what_is_remembered_while_the_embedder_is_away_is_embedded_later() {
    let dir = tempfile::tempdir().unwrap();
    let remote = Remote::named("remote/26");
    let site = Site::open(&dir, Arc::<Remote>::clone(&remote)).await;
    *remote.away.lock() = true;
    for (who, text) in [
        ("acme/ann", "the lamp"),
        ("acme/bob", "the lamp"),
        ("/", "a cup"),
    ] {
        site.remember(who, text).await;
    }
    let lamp = Some("the lamp".to_owned());
    let (first, shortfall) = site.first("lamp", SearchMode::Hybrid).await;
    assert_eq!(first, lamp, "found by words");
    assert!(shortfall.unwrap().to_string().contains("away"));
    let refused = site.search("lamp", SearchMode::Vector).await.unwrap_err();
    assert!(matches!(refused, Error::Unavailable { .. }), "{refused}");
    let (first, shortfall) = site.first("lamp", SearchMode::Keyword).await;
    assert_eq!((first, shortfall), (lamp.clone(), None));
    assert_eq!(site.progress.figures().down.as_deref(), Some("away"));

    *remote.away.lock() = false;
    let worker = site.work();
    site.settle().await;
    assert_eq!(remote.texts(), ["a cup", "the lamp"], "equal text once");
    assert_eq!(site.first("palm", SearchMode::Vector).await, (lamp, None));
    site.remember("/", "while it works").await;
    site.settle().await;
    assert_eq!(remote.texts().len(), 3);
    worker.stop().await;
    assert_eq!(site.progress.figures().waiting, 0);
}

#[tokio::test]
async fn another_embedder_makes_all_anew_and_search_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let texts: Vec<String> = (0..10).map(|i| format!("lamp number {i}")).collect();
    {
        let offline = Arc::new(warren::memory::embed::Offline::default());
        let site = Site::open(&dir, offline).await;
        for text in &texts {
            site.remember("/", text).await;
        }
        assert_eq!(site.first("lamp", SearchMode::Vector).await.1, None);
        site.store.close();
    }
    let remote = Remote::named("remote/26");
    {
        let site = Site::open(&dir, Arc::<Remote>::clone(&remote)).await;
        assert_eq!(site.state().await.waiting, 10);
        let (first, shortfall) = site.first("number 7", SearchMode::Hybrid).await;
        assert_eq!(first.as_deref(), Some("lamp number 7"));
        assert_eq!(shortfall, Some(Shortfall::NotAllEmbedded));
        let found = site.search("lamp", SearchMode::Vector).await.unwrap();
        assert_eq!(
            found.hits,
            [],
            "another embedder's vectors are not compared"
        );
        site.store.close();
    }
    let site = Site::open(&dir, Arc::<Remote>::clone(&remote)).await;
    let worker = site.work();
    site.settle().await;
    worker.stop().await;
    assert_eq!(remote.texts(), texts);
    let found = site.search("lamp", SearchMode::Vector).await.unwrap();
    assert_eq!((found.hits.len(), found.shortfall), (10, None));
}

#[tokio::test]
async fn tenants_take_turns_and_one_that_is_gone_holds_nobody_up() {
    let dir = tempfile::tempdir().unwrap();
    let remote = Remote::named("remote/26");
    let site = Site::open(&dir, Arc::<Remote>::clone(&remote)).await;
    for i in 0..9 {
        site.remember("/", &format!("big {i}")).await;
    }
    let small = site.fixture.neighbour("small").await;
    let write = entry(&small, "/", Visibility::Tenant, "small one");
    small.apply(&small.person("/"), vec![put(write)]).await;
    let worker = site.work();
    site.settle().await;
    let settled = async {
        while remote.texts.lock().len() < 10 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, settled).await.unwrap();
    worker.stop().await;
    let place = remote
        .texts
        .lock()
        .iter()
        .position(|text| text == "small one");
    assert!(
        place.unwrap() <= 3,
        "after one batch of the big one at most"
    );
}
