//! One agent's deliveries in memory, and the lanes that keep those with an order key in order.
//!
//! Invariant: of the deliveries of one order key at most one is ready or running, and it is the first
//! that is not yet done. What does not fit in memory stays in the store behind `cursor`. No I/O here.

use std::collections::{HashMap, VecDeque};

use crate::id::{Digest, Label, Position};
use crate::turn::{Delivery, Parked};

use super::DispatchLimits;
use super::queue::Breaker;

/// Where a lane stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Head {
    /// Its head is ready or running.
    Busy,
    /// Its head waits for a retry in the store.
    Parked,
    /// Its next deliveries are being read from the store, from after this position.
    Reading(Position),
}

/// Deliveries of one order key.
#[derive(Debug)]
struct Lane {
    head: Head,
    waiting: VecDeque<Delivery>,
    /// The store has deliveries of this lane that are not in `waiting`, from here on.
    more_from: Option<Position>,
}

impl Lane {
    /// Whether all of its deliveries are in memory.
    fn is_whole(&self) -> bool {
        self.more_from.is_none() && !matches!(self.head, Head::Reading(_))
    }

    /// Leave a delivery in the store, to be read when its turn comes.
    fn leave(&mut self, position: Position) {
        self.more_from = Some(self.more_from.map_or(position, |from| from.min(position)));
    }
}

/// One agent's deliveries in memory.
#[derive(Debug, Default)]
pub(super) struct AgentQueue {
    ready: VecDeque<Delivery>,
    lanes: HashMap<Label, Lane>,
    /// Everything up to here is in memory, running, parked in its lane, or done.
    pub(super) cursor: Position,
    /// There may be more in the store after `cursor`.
    pub(super) spilled: bool,
    /// Something was announced and not taken since the last read began.
    pub(super) missed: bool,
    /// Deliveries in memory that do not run.
    pub(super) waiting: usize,
    /// Bytes of payload of those.
    pub(super) bytes: usize,
    pub(super) running: usize,
    /// Whether it stands in its tenant's line of agents.
    pub(super) in_line: bool,
    /// Whether it gets turns.
    pub(super) active: bool,
    /// Whether it gets none although it is active: its component must not run.
    pub(super) still: bool,
    /// Which component its turns run.
    pub(super) digest: Option<Digest>,
    /// Whether it has failed so often that it waits.
    pub(super) breaker: Breaker,
    /// Most turns at once.
    pub(super) concurrency: usize,
    /// What a turn of it costs, in microseconds: a moving average.
    pub(super) cost_us: u64,
}

/// What a delivery that ended leaves to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AfterLane {
    /// Nothing.
    Nothing,
    /// Read the lane of this key from this position on.
    Read(Label, Position),
}

impl AgentQueue {
    /// A queue that has not read the store yet.
    pub(super) fn new() -> Self {
        Self {
            spilled: true,
            cost_us: 50,
            concurrency: 1,
            ..Self::default()
        }
    }

    /// Order keys of which something is in memory or known to wait.
    pub(super) fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// Whether a delivery could be taken now.
    pub(super) fn runnable(&self) -> bool {
        self.active
            && !self.still
            && self.breaker.lets(self.running)
            && self.running < self.concurrency
            && !self.ready.is_empty()
    }

    /// Whether another delivery of it may be in memory, where its tenant has so many bytes already. One
    /// always may: what others of its tenant hold, perhaps while they are paused, must not stop it.
    pub(super) fn has_room(
        &self,
        tenant_bytes: usize,
        delivery: &Delivery,
        limits: &DispatchLimits,
    ) -> bool {
        self.waiting == 0
            || self.waiting < limits.agent_window_events
                && tenant_bytes + weight(delivery) <= limits.tenant_window_bytes
    }

    /// How many of these deliveries of one lane may be in memory: the first always may, as its lane's
    /// head it takes the place of the one before.
    pub(super) fn fitting(
        &self,
        tenant_bytes: usize,
        rows: &[Delivery],
        limits: &DispatchLimits,
    ) -> usize {
        let places = limits.agent_window_events.saturating_sub(self.waiting);
        let mut bytes = tenant_bytes;
        let fitting = rows.iter().take(places).take_while(|row| {
            bytes += weight(row);
            bytes <= limits.tenant_window_bytes
        });
        fitting.count().max(1).min(rows.len())
    }

    /// Whether it should read now; `room` if its tenant has room for a whole read.
    pub(super) fn should_read(&self, room: bool, limits: &DispatchLimits) -> bool {
        (room || self.waiting == 0) && self.is_low(limits)
    }

    /// Whether it should read more of its deliveries from the store.
    pub(super) fn is_low(&self, limits: &DispatchLimits) -> bool {
        self.spilled
            && self.active
            && self.waiting <= limits.agent_window_events / 2
            && self.may_open_lane(limits)
    }

    /// Whether something new may come in, which may be of an order key that nothing waits of yet.
    pub(super) fn may_open_lane(&self, limits: &DispatchLimits) -> bool {
        self.lanes.len() < limits.agent_lanes_max
    }

    /// Take in a delivery that lies after `cursor`, in order.
    pub(super) fn offer(&mut self, delivery: Delivery) {
        self.cursor = self.cursor.max(delivery.event.position);
        self.admit(delivery);
    }

    /// Take in a delivery whose time has come, or that was read for its lane.
    pub(super) fn admit(&mut self, delivery: Delivery) {
        let Some(key) = delivery.order_key().cloned() else {
            self.push_ready(delivery);
            return;
        };
        let Some(lane) = self.lanes.get_mut(&key) else {
            let lane = Lane {
                head: Head::Busy,
                waiting: VecDeque::new(),
                more_from: None,
            };
            self.lanes.insert(key, lane);
            self.push_ready(delivery);
            return;
        };
        let is_retry = delivery.due.is_some();
        match lane.head {
            Head::Parked if is_retry => {
                lane.head = Head::Busy;
                self.push_ready(delivery);
            }
            // A replayed dead letter has lost its place: it goes last of those in memory.
            Head::Busy | Head::Reading(_) if is_retry || lane.is_whole() => {
                self.waiting += 1;
                self.bytes += weight(&delivery);
                lane.waiting.push_back(delivery);
            }
            Head::Busy | Head::Parked | Head::Reading(_) => lane.leave(delivery.event.position),
        }
    }

    /// A lane whose head waits for a retry in the store, as found at start.
    pub(super) fn park(&mut self, retry: &Parked) {
        let next = Position(retry.position.0 + 1);
        let lane = Lane {
            head: Head::Parked,
            waiting: VecDeque::new(),
            more_from: Some(next),
        };
        let lanes = self.lanes.entry(retry.key.clone());
        lanes.and_modify(|lane| lane.leave(next)).or_insert(lane);
    }

    /// The next delivery to run.
    pub(super) fn take(&mut self) -> Option<Delivery> {
        if !self.runnable() {
            return None;
        }
        let delivery = self.ready.pop_front()?;
        self.waiting -= 1;
        self.bytes -= weight(&delivery);
        self.running += 1;
        Some(delivery)
    }

    /// A delivery that ran could not be decided (the store was not to be had): it is next again.
    pub(super) fn put_back(&mut self, delivery: Delivery) {
        self.running -= 1;
        self.waiting += 1;
        self.bytes += weight(&delivery);
        self.ready.push_front(delivery);
    }

    /// A delivery that ran is out of the queue: committed, or a dead letter.
    pub(super) fn finish(&mut self, delivery: &Delivery) -> AfterLane {
        self.running -= 1;
        match delivery.order_key() {
            Some(key) => self.next_of(key),
            None => AfterLane::Nothing,
        }
    }

    /// A delivery that ran waits for its retry in the store. Its lane waits with it, out of memory.
    pub(super) fn finish_parked(&mut self, delivery: &Delivery) {
        self.running -= 1;
        let Some(lane) = delivery.order_key().and_then(|key| self.lanes.get_mut(key)) else {
            return;
        };
        lane.head = Head::Parked;
        lane.more_from = Some(after(delivery));
        for dropped in lane.waiting.drain(..) {
            self.waiting -= 1;
            self.bytes -= weight(&dropped);
        }
    }

    /// What was read for a lane; `last` if the store had no more of it.
    pub(super) fn lane_read(&mut self, key: &Label, rows: Vec<Delivery>, last: bool) -> AfterLane {
        let cursor = self.cursor;
        let Some(lane) = self.lanes.get_mut(key) else {
            return AfterLane::Nothing;
        };
        let Head::Reading(from) = lane.head else {
            return AfterLane::Nothing;
        };
        let mut reached = from;
        let mut whole = last;
        // What lies after the cursor comes by itself, with the agent's other deliveries.
        for row in rows.into_iter().filter(|row| row.event.position <= cursor) {
            if row.due.is_some() {
                // Its retry is at the head of what is left: it comes as due.
                if lane.waiting.is_empty() {
                    lane.head = Head::Parked;
                    lane.more_from = Some(after(&row));
                    return AfterLane::Nothing;
                }
                whole = false;
                break;
            }
            reached = after(&row);
            self.waiting += 1;
            self.bytes += weight(&row);
            lane.waiting.push_back(row);
        }
        lane.more_from = if whole {
            lane.more_from.filter(|missed| *missed >= reached)
        } else {
            Some(reached)
        };
        self.next_of(key)
    }

    /// A delivery of a lane was removed from the store. If the lane waits for a retry that may have been it,
    /// so all of the lane is read again; if not, the retry is found and waited for.
    pub(super) fn look_again(&mut self, key: &Label) -> AfterLane {
        match self.lanes.get_mut(key) {
            Some(lane) if lane.head == Head::Parked => {
                lane.head = Head::Reading(Position(0));
                lane.more_from = None;
                AfterLane::Read(key.clone(), Position(0))
            }
            _ => AfterLane::Nothing,
        }
    }

    /// Forget everything in memory and read the store anew.
    pub(super) fn reset(&mut self) {
        let running = self.running;
        let Self {
            active,
            still,
            concurrency,
            cost_us,
            in_line,
            ..
        } = *self;
        *self = Self {
            running,
            in_line,
            active,
            still,
            concurrency,
            cost_us,
            ..Self::new()
        };
    }

    /// The head of a lane is gone: its next delivery is ready, or is to be read.
    fn next_of(&mut self, key: &Label) -> AfterLane {
        let Some(lane) = self.lanes.get_mut(key) else {
            return AfterLane::Nothing;
        };
        if let Some(next) = lane.waiting.pop_front() {
            // It only moves from the lane to the ready ones, so it is counted already.
            lane.head = Head::Busy;
            self.ready.push_back(next);
            return AfterLane::Nothing;
        }
        match lane.more_from.take() {
            Some(from) => {
                lane.head = Head::Reading(from);
                AfterLane::Read(key.clone(), from)
            }
            None => {
                self.lanes.remove(key);
                AfterLane::Nothing
            }
        }
    }

    fn push_ready(&mut self, delivery: Delivery) {
        self.waiting += 1;
        self.bytes += weight(&delivery);
        self.ready.push_back(delivery);
    }
}

/// What a delivery takes in memory: its payload, and about a kilobyte for the rest.
pub(super) fn weight(delivery: &Delivery) -> usize {
    const ENVELOPE_BYTES: usize = 1024;
    ENVELOPE_BYTES + delivery.event.body.data.as_str().len()
}

fn after(delivery: &Delivery) -> Position {
    Position(delivery.event.position.0 + 1)
}
