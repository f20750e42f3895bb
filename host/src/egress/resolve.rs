//! Names to addresses, once a request.
//!
//! Invariant: bounded in addresses, and in lookups at once: one that hangs holds a thread of the machine's resolver
//! until it gives up, whether or not anybody still waits for it.

use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use crate::registry::HostName;

/// Most addresses of a name that are looked at. Public names have some eight at most.
pub const ADDRESSES_MAX: usize = 16;
/// Most lookups at once, of all tenants: more than twice what one may have open by default.
const LOOKUPS_MAX: usize = 64;

/// Finds the addresses of a name.
#[async_trait]
pub trait Resolve: Send + Sync {
    /// Its addresses, none if there is no such name.
    ///
    /// # Errors
    /// When nobody could be asked.
    async fn resolve(&self, host: &HostName) -> io::Result<Vec<IpAddr>>;
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
    async fn resolve(&self, host: &HostName) -> io::Result<Vec<IpAddr>> {
        let permit = Arc::clone(&self.0).acquire_owned();
        let permit = permit.await.map_err(io::Error::other)?;
        let host = host.clone();
        let lookup = move || {
            let found = (host.as_str(), 0).to_socket_addrs();
            let found = found.map(|all| all.map(|one| one.ip()).take(ADDRESSES_MAX).collect());
            // Held by the thread, not by whoever waits for it.
            drop(permit);
            found
        };
        tokio::task::spawn_blocking(lookup)
            .await
            .map_err(io::Error::other)?
    }
}
