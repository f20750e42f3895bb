//! Wakes open streams when something they were opened with may no longer be good.

use tokio::sync::watch;

/// Counts what was revoked on this host since its start.
pub(crate) struct Revocations(watch::Sender<u64>);

impl Default for Revocations {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Revocations {
    /// Something was revoked.
    pub(crate) fn tell(&self) {
        self.0.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Sees every change from now on; those that come close together as one.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}
