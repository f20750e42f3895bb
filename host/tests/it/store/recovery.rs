//! What a start makes of tenants that a crash left half removed, and of directories that no row names.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use warren::clock::{SimClock, Timestamp};
use warren::error::Error;
use warren::id::{KeyName, TenantName};
use warren::identity::{AdminStore, ApiKey, ApiKeySecret};
use warren::store::sqlite::SqliteStore;

use super::{RecordingBus, create_tenant, open_sqlite, sqlite_settings};

fn open(dir: &Path) -> Arc<SqliteStore> {
    let clock = SimClock::at(Timestamp(1_700_000_000_000));
    let bus = Arc::new(RecordingBus::default());
    open_sqlite(dir, &clock, &bus, sqlite_settings()).unwrap()
}

async fn create(store: &SqliteStore, name: &str) -> warren::id::TenantId {
    let clock = SimClock::at(Timestamp(1_700_000_000_000));
    create_tenant(store, name, &clock).await.tenant()
}

fn entries(dir: &Path) -> Vec<String> {
    let tenants = fs::read_dir(dir.join("tenants")).unwrap();
    tenants
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[tokio::test]
async fn a_removal_that_began_is_ended() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (acme, bolt) = (create(&store, "acme").await, create(&store, "bolt").await);
    let secret = ApiKeySecret::generate().unwrap();
    let named = (bolt, KeyName::new("ci").unwrap());
    let key = ApiKey::new(&secret, &store.key_hasher(), named, Timestamp(1));
    store.create_key(key).await.unwrap();
    store.close();
    drop(store);

    // As after a crash between the rename and the deletion of the rows.
    let tenants = dir.path().join("tenants");
    fs::rename(
        tenants.join(bolt.to_string()),
        tenants.join(format!(".gone-{bolt}")),
    )
    .unwrap();
    fs::create_dir(tenants.join(".new-ten_half")).unwrap();

    let store = open(dir.path());
    let name = TenantName::new("bolt").unwrap();
    let gone = store.get_tenant(&name).await;
    assert!(matches!(gone, Err(Error::NotFound { .. })));
    assert!(store.find_key(secret.id()).await.unwrap().is_none());
    assert_eq!(entries(dir.path()), [acme.to_string()]);
    create(&store, "bolt").await;
}

#[tokio::test]
async fn an_old_host_db_costs_no_tenant_made_since() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    create(&store, "acme").await;
    store.close();
    drop(store);
    let (host_db, backup) = (dir.path().join("host.db"), dir.path().join("backup"));
    fs::copy(&host_db, &backup).unwrap();
    let store = open(dir.path());
    let bolt = create(&store, "bolt").await;
    store.close();
    drop(store);

    fs::copy(&backup, &host_db).unwrap();
    let store = open(dir.path());
    assert_eq!(store.all_tenants().await.unwrap().len(), 1);
    assert!(entries(dir.path()).contains(&bolt.to_string()));
}
