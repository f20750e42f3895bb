//! Names to addresses, once a request.
//!
//! Invariant: bounded in addresses, and in lookups at once: one that hangs holds a thread of the machine's resolver
//! until it gives up, whether or not anybody still waits for it. So long it counts as a connection of its tenant, which
//! cannot take all lookups by asking and turning away.

use std::any::Any;
use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use crate::registry::HostName;

/// Most addresses of a name that are looked at. Public names have some eight at most.
pub(super) const ADDRESSES_MAX: usize = 16;
/// Most lookups at once, of all tenants: twice what one may have open by default.
const LOOKUPS_MAX: usize = 64;

/// What a lookup keeps until it ends.
pub type Held = Arc<dyn Any + Send + Sync>;

/// Finds the addresses of a name.
#[async_trait]
pub trait Resolve: Send + Sync {
    /// Its addresses, none if there is no such name. As long as the lookup goes on, whether or not somebody still waits
    /// for it, it keeps `held`, which is a place among the tenant's connections.
    ///
    /// # Errors
    /// When nobody could be asked.
    async fn resolve(&self, host: &HostName, held: Held) -> io::Result<Vec<IpAddr>>;
}

/// The machine's resolver.
pub struct SystemResolver(Arc<Semaphore>);

impl Default for SystemResolver {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LOOKUPS_MAX)))
    }
}

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &HostName, held: Held) -> io::Result<Vec<IpAddr>> {
        let permit = Arc::clone(&self.0).acquire_owned();
        let permit = permit.await.map_err(io::Error::other)?;
        let host = host.clone();
        let lookup = move || {
            let found = (host.as_str(), 0).to_socket_addrs();
            let found = found.map(|all| all.map(|one| one.ip()).take(ADDRESSES_MAX).collect());
            // Held by the thread, not by whoever waits for it.
            drop((permit, held));
            found
        };
        tokio::task::spawn_blocking(lookup)
            .await
            .map_err(io::Error::other)?
    }
}
