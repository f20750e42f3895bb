//! The bus of a single host: a call in the same process.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tokio::sync::broadcast;

use crate::events::Event;
use crate::id::TenantId;

use super::{Announcement, Bus, Feed};

/// Events that a slow stream may fall behind before it has to read the log instead.
const FEED_EVENTS_MAX: usize = 1_024;

/// Carries announcements to the dispatcher and to open streams of the same process.
#[derive(Default)]
pub struct LocalBus {
    dispatcher: OnceLock<Arc<dyn Bus>>,
    feeds: Mutex<HashMap<TenantId, broadcast::Sender<Arc<Event>>>>,
}

impl LocalBus {
    /// A bus that nobody listens to yet.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// From now on the dispatcher hears of every commit.
    pub fn connect(&self, dispatcher: Arc<dyn Bus>) {
        // A second dispatcher in one process would be a defect of the assembly; the first one stays.
        let _ = self.dispatcher.set(dispatcher);
    }
}

impl Bus for LocalBus {
    fn announce(&self, tenant: TenantId, announcement: Announcement) {
        if let Announcement::Appended { events, .. } = &announcement {
            let mut feeds = self.feeds.lock();
            if let Some(feed) = feeds.get(&tenant) {
                if feed.receiver_count() == 0 {
                    feeds.remove(&tenant);
                } else {
                    for event in events {
                        // It fails only when the last stream has just gone.
                        let _ = feed.send(Arc::clone(event));
                    }
                }
            }
        }
        if let Announcement::TenantDeleted = announcement {
            self.feeds.lock().remove(&tenant);
        }
        if let Some(dispatcher) = self.dispatcher.get() {
            dispatcher.announce(tenant, announcement);
        }
    }
}

impl Feed for LocalBus {
    fn subscribe(&self, tenant: TenantId) -> broadcast::Receiver<Arc<Event>> {
        let mut feeds = self.feeds.lock();
        feeds
            .entry(tenant)
            .or_insert_with(|| broadcast::channel(FEED_EVENTS_MAX).0)
            .subscribe()
    }
}
