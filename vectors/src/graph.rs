//! The graph: each slot is linked to slots near it, a few of them in sparser layers above the base, so
//! that a search steps from far to near in long strides and then looks around.
//!
//! Adding a slot is a [`Plan`], made by reading, and its application, which takes microseconds: searches
//! go on while a plan is made. Levels come from the slot's number, so the same vectors in the same order
//! make the same graph.

use std::collections::{BinaryHeap, HashMap};

use crate::kernel::{dot, widen};
use crate::rows::Rows;
use crate::top::{Scored, Top};

/// Links that a new slot gets in each layer. The usual 16; 32 would gain recall that none is short of.
const LINKS: usize = 16;
/// Most links of a slot in the base layer.
const BASE_LINKS_MAX: usize = 2 * LINKS;
/// Most links of a slot in a layer above.
const UPPER_LINKS_MAX: usize = LINKS;
/// A list that is full is cut to this share, in eighths, so that not every new link is a cut.
const CUT_EIGHTHS: usize = 7;
/// How many near slots are looked at to choose the links of a new one.
const BUILD_WIDTH: usize = 96;
/// Highest layer: 16 to this power is more slots than there can be.
const LEVEL_MAX: usize = 8;

/// Links between slots `0..len`.
#[derive(Debug, Clone)]
pub(crate) struct Graph {
    /// The base layer: how many, then the links.
    base: Rows<u32>,
    /// Links of the few slots that reach above the base, by layer from 1.
    upper: HashMap<u32, Vec<Vec<u32>>>,
    /// The slot that reaches highest.
    entry: Option<u32>,
}

/// How one more slot is to be linked.
#[derive(Debug)]
pub struct Plan {
    slot: u32,
    /// Layer, slot, all its links.
    lists: Vec<(usize, u32, Vec<u32>)>,
}

/// What a search in the graph is about.
pub(crate) struct Ask<'a> {
    pub(crate) vectors: &'a Rows<u16>,
    pub(crate) query: &'a [f32],
    /// Look at no more slots than this.
    pub(crate) visits_max: usize,
}

impl Ask<'_> {
    fn score(&self, slot: u32) -> Scored {
        Scored {
            slot,
            similarity: dot(self.query, self.vectors.get(slot as usize)),
        }
    }
}

impl Graph {
    pub(crate) fn new() -> Self {
        Self {
            base: Rows::new(1 + BASE_LINKS_MAX),
            upper: HashMap::new(),
            entry: None,
        }
    }

    /// Slots that are linked.
    pub(crate) fn len(&self) -> usize {
        self.base.len()
    }

    /// Bytes that are taken, the upper layers estimated.
    pub(crate) fn bytes(&self) -> usize {
        self.base.bytes() + self.upper.len() * (UPPER_LINKS_MAX * size_of::<u32>() + 96)
    }

    /// The nearest `width` slots that are allowed; none if too many were looked at in vain.
    pub(crate) fn search(
        &self,
        ask: &Ask<'_>,
        width: usize,
        allowed: impl Fn(u32) -> bool,
    ) -> Option<Vec<Scored>> {
        let Some(entry) = self.entry else {
            return Some(Vec::new());
        };
        let near = self.descend(ask, entry, 0);
        let mut top = Top::new(width, f32::NEG_INFINITY);
        self.explore(ask, 0, &[near], &mut top, allowed)
            .then(|| top.into_sorted())
    }

    /// How to link the next slot.
    pub(crate) fn plan(&self, vectors: &Rows<u16>) -> Plan {
        let slot = self.len() as u32;
        let mut plan = Plan {
            slot,
            lists: Vec::new(),
        };
        let Some(entry) = self.entry else {
            return plan;
        };
        let query: Vec<f32> = vectors
            .get(slot as usize)
            .iter()
            .map(|x| widen(*x))
            .collect();
        let ask = Ask {
            vectors,
            query: &query,
            visits_max: usize::MAX,
        };
        let level = level(slot).min(level(entry));
        let mut near = vec![self.descend(&ask, entry, level)];
        for layer in (0..=level).rev() {
            let mut top = Top::new(BUILD_WIDTH, f32::NEG_INFINITY);
            self.explore(&ask, layer, &near, &mut top, |_| true);
            near = top.into_sorted();
            let links = choose(vectors, &near, LINKS);
            for link in &links {
                plan.lists
                    .push((layer, *link, self.with(vectors, layer, *link, slot)));
            }
            plan.lists.push((layer, slot, links));
        }
        plan
    }

    /// Link the next slot.
    pub(crate) fn apply(&mut self, plan: Plan) {
        let Plan { slot, lists } = plan;
        if slot as usize != self.len() {
            return;
        }
        self.base.push([0; 1 + BASE_LINKS_MAX]);
        let reach = level(slot);
        if reach > 0 {
            self.upper.insert(slot, vec![Vec::new(); reach]);
        }
        for (layer, slot, links) in lists {
            self.set_links(layer, slot, &links);
        }
        if self.entry.is_none_or(|entry| level(entry) < reach) {
            self.entry = Some(slot);
        }
    }

    fn links(&self, layer: usize, slot: u32) -> &[u32] {
        if layer == 0 {
            return match self.base.get(slot as usize) {
                [count, links @ ..] => links.get(..*count as usize).unwrap_or_default(),
                [] => &[],
            };
        }
        self.upper
            .get(&slot)
            .and_then(|layers| layers.get(layer - 1))
            .map_or(&[], Vec::as_slice)
    }

    fn set_links(&mut self, layer: usize, slot: u32, links: &[u32]) {
        if layer > 0 {
            if let Some(list) = self
                .upper
                .get_mut(&slot)
                .and_then(|layers| layers.get_mut(layer - 1))
            {
                *list = links.to_vec();
            }
        } else if let [count, list @ ..] = self.base.get_mut(slot as usize) {
            *count = links.len().min(list.len()) as u32;
            for (place, link) in list.iter_mut().zip(links) {
                *place = *link;
            }
        }
    }

    /// The links of `slot` with one more, cut if they are too many.
    fn with(&self, vectors: &Rows<u16>, layer: usize, slot: u32, more: u32) -> Vec<u32> {
        let max = if layer == 0 {
            BASE_LINKS_MAX
        } else {
            UPPER_LINKS_MAX
        };
        let mut links = self.links(layer, slot).to_vec();
        links.push(more);
        if links.len() <= max {
            return links;
        }
        let query: Vec<f32> = vectors
            .get(slot as usize)
            .iter()
            .map(|x| widen(*x))
            .collect();
        let mut near: Vec<Scored> = links
            .into_iter()
            .map(|slot| Scored {
                slot,
                similarity: dot(&query, vectors.get(slot as usize)),
            })
            .collect();
        near.sort_unstable_by(|a, b| b.cmp(a));
        choose(vectors, &near, max * CUT_EIGHTHS / 8)
    }

    /// From the top to above `layer`, always to the nearest.
    fn descend(&self, ask: &Ask<'_>, entry: u32, layer: usize) -> Scored {
        let mut best = ask.score(entry);
        for layer in (layer + 1..=level(entry)).rev() {
            loop {
                let next = self
                    .links(layer, best.slot)
                    .iter()
                    .map(|slot| ask.score(*slot))
                    .max();
                match next {
                    Some(next) if next > best => best = next,
                    _ => break,
                }
            }
        }
        best
    }

    /// Look around from `from`; says whether it came to an end before too many were looked at.
    fn explore(
        &self,
        ask: &Ask<'_>,
        layer: usize,
        from: &[Scored],
        top: &mut Top,
        allowed: impl Fn(u32) -> bool,
    ) -> bool {
        let mut seen = Seen::of(self.len());
        let mut visits = 0;
        let mut frontier = BinaryHeap::new();
        for scored in from {
            seen.is_new(scored.slot);
            frontier.push(*scored);
            if allowed(scored.slot) {
                top.offer(*scored);
            }
        }
        while let Some(next) = frontier.pop() {
            if top.is_full() && next.similarity < top.bar() {
                break;
            }
            for slot in self.links(layer, next.slot) {
                if !seen.is_new(*slot) {
                    continue;
                }
                visits += 1;
                let scored = ask.score(*slot);
                if !top.is_full() || scored.similarity > top.bar() {
                    frontier.push(scored);
                    if allowed(*slot) {
                        top.offer(scored);
                    }
                }
            }
            if visits > ask.visits_max {
                return false;
            }
        }
        true
    }
}

/// Up to `most` of `near`, which is sorted: first those that are nearer to the centre than to any chosen
/// before, so that links lead in all directions, then the nearest of the rest.
fn choose(vectors: &Rows<u16>, near: &[Scored], most: usize) -> Vec<u32> {
    let mut chosen: Vec<u32> = Vec::with_capacity(most);
    let mut rest = Vec::new();
    let mut wide = Vec::new();
    for candidate in near {
        if chosen.len() >= most {
            break;
        }
        wide.clear();
        wide.extend(
            vectors
                .get(candidate.slot as usize)
                .iter()
                .map(|x| widen(*x)),
        );
        let covered = chosen
            .iter()
            .any(|slot| dot(&wide, vectors.get(*slot as usize)) >= candidate.similarity);
        if covered {
            rest.push(candidate.slot);
        } else {
            chosen.push(candidate.slot);
        }
    }
    let room = most - chosen.len();
    chosen.extend(rest.into_iter().take(room));
    chosen
}

/// The layer that a slot reaches: each holds a sixteenth of the one below.
fn level(slot: u32) -> usize {
    // The finaliser of SplitMix64: its leading bits are as good as random.
    let mut x = u64::from(slot).wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let bits = LINKS.trailing_zeros();
    (((x ^ (x >> 31)).leading_zeros() / bits) as usize).min(LEVEL_MAX)
}

/// Slots that were looked at.
struct Seen(Vec<u64>);

impl Seen {
    fn of(slots: usize) -> Self {
        Self(vec![0; slots.div_ceil(64)])
    }

    /// Whether it was not there before. A slot that cannot be is never new.
    fn is_new(&mut self, slot: u32) -> bool {
        let Some(word) = self.0.get_mut(slot as usize / 64) else {
            return false;
        };
        let bit = 1_u64 << (slot % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_holds_about_a_sixteenth_of_the_one_below() {
        let mut counts = [0_u32; LEVEL_MAX + 1];
        for slot in 0..65_536 {
            counts[level(slot)] += 1;
        }
        assert!((60_000..63_000).contains(&counts[0]), "{counts:?}");
        assert!((3_500..4_200).contains(&counts[1]), "{counts:?}");
    }
}
