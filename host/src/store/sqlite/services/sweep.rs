//! What time does to services.

use super::super::writer::WriteTx;
use super::{FeedBatch, put_in_place, remove, rows};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::registry::{Change, SWEPT_SERVICES_MAX, Service, SweptServices};

/// Tell the feed of states that time has changed, and remove what has been offline for too long.
pub(super) fn sweep(
    tx: &mut WriteTx<'_>,
    now: Timestamp,
    retention_ms: u64,
) -> Result<SweptServices> {
    let services = tx.directory().services().clone();
    let mut overdue = services.overdue(now, retention_ms);
    let mut feed = FeedBatch::new(now);
    let (mut swept, mut changed) = (SweptServices::default(), Vec::new());
    for service in overdue.by_ref().take(SWEPT_SERVICES_MAX) {
        if service.is_forgotten(now, retention_ms) {
            remove(tx, &mut feed, service, Change::Expired)?;
            swept.removed += 1;
            continue;
        }
        let service = feed.settle(tx, Service::clone(service))?;
        rows::update(tx.conn(), &service)?;
        changed.push(service);
        swept.changed += 1;
    }
    swept.more = overdue.next().is_some();
    put_in_place(tx, changed);
    feed.announce(tx);
    Ok(swept)
}
