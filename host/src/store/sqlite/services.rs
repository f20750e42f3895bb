//! Services in a tenant's database, in the directory, and in the log.
//!
//! Invariant: a change of a service, the directory that shows it and the event that tells of it are one
//! job. The directory is never behind a commit that somebody knows of, and the feed never tells of what
//! was rolled back.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use super::SqliteStore;
use super::append::{Batch, Draft};
use super::tenants::Peeked;
use super::writer::WriteTx;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::{AgentName, KeyName};
use crate::identity::{Principal, TenantScope};
use crate::registry::{
    Change, Health, NewService, RegisteredService, Service, ServiceState, ServiceStore, Services,
    SigningKey, SweptServices, Viewer, change_event,
};

mod keys;
mod rows;
mod sweep;

pub(super) use rows::load;

#[async_trait]
impl ServiceStore for SqliteStore {
    async fn register(
        &self,
        scope: &TenantScope,
        services: Vec<NewService>,
    ) -> Result<Vec<RegisteredService>> {
        let key = acting(scope)?;
        let tenant = self.tenant(scope).await?;
        tenant.write(move |tx| register(tx, &key, services)).await
    }

    async fn beat(
        &self,
        scope: &TenantScope,
        name: &AgentName,
        health: Option<Health>,
        now: Timestamp,
    ) -> Result<Arc<Service>> {
        let change = move |service: &mut Service| {
            service.seen = now;
            let told = health.is_some();
            if told {
                service.health = health;
            }
            // What it tells now takes the place of what its owner said before, but for a pause.
            if service.asked == ServiceState::Offline
                || (told && service.asked != ServiceState::Paused)
            {
                service.asked = ServiceState::Active;
            }
            Ok(())
        };
        self.change_service(scope, name, now, change).await
    }

    async fn set_state(
        &self,
        scope: &TenantScope,
        name: &AgentName,
        state: ServiceState,
        now: Timestamp,
    ) -> Result<Arc<Service>> {
        let change = move |service: &mut Service| {
            service.state_at(now).check_change(state)?;
            if state == ServiceState::Active {
                // Its owner says that it is well: what it told before no longer counts.
                service.health = None;
            }
            service.asked = state;
            if state != ServiceState::Offline {
                service.seen = now;
            }
            Ok(())
        };
        self.change_service(scope, name, now, change).await
    }

    async fn deregister(
        &self,
        scope: &TenantScope,
        name: &AgentName,
        now: Timestamp,
    ) -> Result<()> {
        let key = acting(scope)?;
        let tenant = self.tenant(scope).await?;
        let name = name.clone();
        let deregister = move |tx: &mut WriteTx<'_>| {
            let service = mine(tx, &key, &name)?;
            let mut feed = FeedBatch::new(now);
            remove(tx, &mut feed, &service, Change::Deregistered)?;
            feed.announce(tx);
            Ok(())
        };
        tenant.write(deregister).await
    }

    async fn sweep_services(
        &self,
        scope: &TenantScope,
        now: Timestamp,
        retention_ms: u64,
    ) -> Result<SweptServices> {
        let tenant = match self.tenants.peek(scope.tenant()) {
            Peeked::Open(tenant) => tenant,
            Peeked::Closed { services: false } => return Ok(SweptServices::default()),
            Peeked::Closed { services: true } => self.tenant(scope).await?,
        };
        // Most sweeps find nothing, and then nothing is written.
        let directory = tenant.directory();
        let mut overdue = directory.services().overdue(now, retention_ms);
        if overdue.next().is_none() {
            return Ok(SweptServices::default());
        }
        tenant
            .write(move |tx| sweep::sweep(tx, now, retention_ms))
            .await
    }

    async fn put_signing_key(&self, scope: &TenantScope, key: SigningKey) -> Result<()> {
        let tenant = self.tenant(scope).await?;
        tenant.write(move |tx| keys::put(tx.conn(), &key)).await
    }

    async fn signing_keys(&self, scope: &TenantScope) -> Result<Vec<SigningKey>> {
        let tenant = self.tenant(scope).await?;
        tenant.read(keys::all).await
    }

    async fn delete_signing_key(
        &self,
        scope: &TenantScope,
        id: &KeyName,
        now: Timestamp,
    ) -> Result<()> {
        let owner = acting(scope)?;
        let tenant = self.tenant(scope).await?;
        let id = id.clone();
        let delete = move |tx: &mut WriteTx<'_>| {
            keys::delete(tx.conn(), &id, &owner)?;
            forget_key(tx, &id, now)
        };
        tenant.write(delete).await
    }
}

impl SqliteStore {
    /// Change what is alive about a service, tell of the state that follows, and return it.
    async fn change_service(
        &self,
        scope: &TenantScope,
        name: &AgentName,
        now: Timestamp,
        change: impl FnOnce(&mut Service) -> Result<()> + Send + 'static,
    ) -> Result<Arc<Service>> {
        let key = acting(scope)?;
        let tenant = self.tenant(scope).await?;
        let name = name.clone();
        let job = move |tx: &mut WriteTx<'_>| {
            let mut service = Service::clone(&*mine(tx, &key, &name)?);
            change(&mut service)?;
            let mut feed = FeedBatch::new(now);
            let service = feed.settle(tx, service)?;
            rows::update(tx.conn(), &service)?;
            put_in_place(tx, [Arc::clone(&service)]);
            feed.announce(tx);
            Ok(service)
        };
        tenant.write(job).await
    }
}

/// The key that acts. Agents and the host itself own no services.
fn acting(scope: &TenantScope) -> Result<KeyName> {
    match scope.principal() {
        Principal::Client(key) => Ok(key.clone()),
        Principal::Agent(_) | Principal::Host => Err(Error::Denied {
            what: "changing a service".into(),
            grant: "key".into(),
        }),
    }
}

/// The service of this name, if the key that acts may change it.
fn mine(tx: &WriteTx<'_>, key: &KeyName, name: &AgentName) -> Result<Arc<Service>> {
    if tx.directory().get(name).is_ok() {
        let reason = format!(
            "`{name}` is an agent of this host, which tells its state: pause, resume or delete it at \
             /v1/agents/{name}"
        );
        return Err(Error::conflict("service", reason));
    }
    let services = tx.directory().services();
    let service = services.seen_by(Viewer::Key(key), name)?;
    if service.owner != *key {
        return Err(Error::Denied {
            what: format!("changing the service `{name}`").into(),
            grant: format!("key:{}", service.owner).into(),
        });
    }
    Ok(Arc::clone(service))
}

fn register(
    tx: &mut WriteTx<'_>,
    key: &KeyName,
    services: Vec<NewService>,
) -> Result<Vec<RegisteredService>> {
    let mut seen = BTreeSet::new();
    let mut done = Vec::with_capacity(services.len());
    let mut created = 0;
    for new in services {
        let name = new.definition.name.clone();
        if !seen.insert(name.clone()) {
            return Err(Error::conflict(
                "service",
                format!("`{name}` is there twice"),
            ));
        }
        let before = tx
            .directory()
            .admits(key, &new.definition, new.signature.is_some(), created + 1)?
            .cloned();
        created += usize::from(before.is_none());
        if let Some(signature) = &new.signature {
            keys::require(tx.conn(), &signature.key, key)?;
        }
        done.push(register_one(tx, key, new, before)?);
    }
    put_in_place(tx, done.iter().map(|done| Arc::clone(&done.service)));
    Ok(done)
}

fn register_one(
    tx: &mut WriteTx<'_>,
    key: &KeyName,
    new: NewService,
    before: Option<Arc<Service>>,
) -> Result<RegisteredService> {
    let now = new.now;
    let mut service = Service {
        definition: Arc::new(new.definition),
        owner: key.clone(),
        signature: new.signature.map(Arc::new),
        ttl_ms: new.ttl_ms,
        asked: ServiceState::Active,
        health: None,
        announced: ServiceState::Active,
        seen: now,
        offline_since: None,
        registered: now,
        updated: now,
    };
    let mut feed = FeedBatch::new(now);
    let Some(before) = before else {
        rows::insert(tx.conn(), &service)?;
        feed.tell(tx, &service, ServiceState::Active, Change::Registered)?;
        feed.announce(tx);
        return Ok(RegisteredService {
            service: Arc::new(service),
            created: true,
            unchanged: false,
        });
    };
    let unchanged = before.definition == service.definition
        && before.signature == service.signature
        && before.ttl_ms == service.ttl_ms;
    service.registered = before.registered;
    service.announced = before.announced;
    if unchanged {
        service.updated = before.updated;
    } else {
        feed.tell(tx, &service, before.announced, Change::Changed)?;
    }
    let service = feed.settle(tx, service)?;
    rows::insert(tx.conn(), &service)?;
    feed.announce(tx);
    Ok(RegisteredService {
        service,
        created: false,
        unchanged,
    })
}

/// What a key has signed is no longer taken for verified.
fn forget_key(tx: &mut WriteTx<'_>, id: &KeyName, now: Timestamp) -> Result<()> {
    let signed = |service: &&Arc<Service>| {
        let signature = service.signature.as_deref();
        signature.is_some_and(|signature| signature.key == *id && signature.verified)
    };
    let services = tx.directory().services().clone();
    let mut feed = FeedBatch::new(now);
    let mut changed = Vec::new();
    for service in services.iter().filter(signed) {
        let mut service = Service::clone(service);
        if let Some(signature) = &mut service.signature {
            Arc::make_mut(signature).verified = false;
        }
        rows::insert(tx.conn(), &service)?;
        feed.tell(tx, &service, service.announced, Change::Changed)?;
        changed.push(Arc::new(service));
    }
    put_in_place(tx, changed);
    feed.announce(tx);
    Ok(())
}

fn remove(
    tx: &mut WriteTx<'_>,
    feed: &mut FeedBatch,
    service: &Service,
    change: Change,
) -> Result<()> {
    rows::delete(tx.conn(), service.name())?;
    feed.tell(tx, service, service.announced, change)?;
    let left = tx.directory().services().without(service.name());
    set_services(tx, left);
    Ok(())
}

/// Show these services in the directory, with the commit of the job.
fn put_in_place(tx: &mut WriteTx<'_>, services: impl IntoIterator<Item = Arc<Service>>) {
    let services = tx.directory().services().with(services);
    set_services(tx, services);
}

fn set_services(tx: &mut WriteTx<'_>, services: Services) {
    let directory = tx.directory().with_services(services);
    tx.set_directory(Arc::new(directory));
}

/// Events of the feed that one job appends.
struct FeedBatch {
    now: Timestamp,
    batch: Batch,
}

impl FeedBatch {
    fn new(now: Timestamp) -> Self {
        Self {
            now,
            batch: Batch::default(),
        }
    }

    /// Append the event that tells of a change.
    fn tell(
        &mut self,
        tx: &mut WriteTx<'_>,
        service: &Service,
        previous: ServiceState,
        change: Change,
    ) -> Result<()> {
        if let Some(event) = change_event(service, previous, change, self.now)? {
            self.batch.append(tx, Draft::new(event)?)?;
        }
        Ok(())
    }

    /// Tell of the state that a service is in, if that is another than was told before, and note it.
    fn settle(&mut self, tx: &mut WriteTx<'_>, mut service: Service) -> Result<Arc<Service>> {
        let (before, state) = (service.announced, service.state_at(self.now));
        service.announced = state;
        service.offline_since = match state {
            ServiceState::Offline => service.offline_since.or(Some(self.now)),
            _ => None,
        };
        if let Some(change) = Change::between(before, state) {
            self.tell(tx, &service, before, change)?;
        }
        Ok(Arc::new(service))
    }

    fn announce(self, tx: &mut WriteTx<'_>) {
        self.batch.announce(tx);
    }
}
