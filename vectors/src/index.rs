//! Vectors with the graph over the older of them.

use crate::graph::{Ask, Graph, Plan};
use crate::kernel::{dot, narrow};
use crate::rows::Rows;
use crate::top::{Scored, Top};

/// How many near slots a search in the graph keeps in view, at the least. What it costs grows with it,
/// what it misses shrinks.
const SEARCH_WIDTH_MIN: usize = 64;
/// A search in the graph that looked at this many slots has not found its way: the allowed ones are too
/// few or lie behind a crowd of others. To look at one costs as much as to scan three.
const VISITS_MAX: usize = 16_384;

/// A vector to look for, of length one.
#[derive(Debug, Clone)]
pub struct Query(Vec<f32>);

impl Query {
    /// Of any length.
    pub fn new(vector: &[f32]) -> Self {
        Self(unit(vector).collect())
    }

    /// Its dimensions.
    pub fn dims(&self) -> usize {
        self.0.len()
    }

    /// The cosine to a vector that is in no index, as exact as one that is.
    pub fn similarity(&self, vector: &[f32]) -> f32 {
        let row: Vec<u16> = unit(vector).map(narrow).collect();
        dot(&self.0, &row)
    }
}

/// Vectors of one number of dimensions.
#[derive(Debug, Clone)]
pub struct Index {
    dims: usize,
    vectors: Rows<u16>,
    graph: Graph,
}

impl Index {
    /// Without vectors.
    pub fn new(dims: usize) -> Self {
        Self {
            dims,
            vectors: Rows::new(dims),
            graph: Graph::new(),
        }
    }

    /// Dimensions of every vector.
    pub fn dims(&self) -> usize {
        self.dims
    }

    /// Slots, all of `0..len`.
    pub fn len(&self) -> u32 {
        self.vectors.len() as u32
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Slots that the graph holds, all of `0..linked`.
    pub fn linked(&self) -> u32 {
        self.graph.len() as u32
    }

    /// Memory that is taken, in bytes.
    pub fn bytes(&self) -> usize {
        self.vectors.bytes() + self.graph.bytes()
    }

    /// Add a vector and return its slot; none if it has not as many dimensions as the others, or if there
    /// is no number left.
    pub fn push(&mut self, vector: &[f32]) -> Option<u32> {
        if vector.len() != self.dims || self.vectors.len() >= u32::MAX as usize {
            return None;
        }
        self.vectors.push(unit(vector).map(narrow));
        Some(self.len() - 1)
    }

    /// How to link the oldest slot that the graph does not hold; none if it holds all.
    pub fn plan(&self) -> Option<Plan> {
        (self.linked() < self.len()).then(|| self.graph.plan(&self.vectors))
    }

    /// Carry out the last plan made.
    pub fn apply(&mut self, plan: Plan) {
        self.graph.apply(plan);
    }

    /// The nearest `keep` of `slots` that are nearer than `least`, the nearest first.
    pub fn scan(
        &self,
        query: &Query,
        slots: impl IntoIterator<Item = u32>,
        keep: usize,
        least: f32,
    ) -> Vec<Scored> {
        let mut top = Top::new(keep, least);
        self.scan_into(query, slots, &mut top);
        top.into_sorted()
    }

    /// The nearest `keep` that are allowed and nearer than `least`, the nearest first, from the graph and
    /// a scan of what it does not hold. None if the graph cannot tell: too many slots are not allowed.
    pub fn search(
        &self,
        query: &Query,
        keep: usize,
        least: f32,
        allowed: impl Fn(u32) -> bool,
    ) -> Option<Vec<Scored>> {
        let ask = Ask {
            vectors: &self.vectors,
            query: &query.0,
            visits_max: VISITS_MAX,
        };
        let near = self
            .graph
            .search(&ask, keep.max(SEARCH_WIDTH_MIN), &allowed)?;
        let mut top = Top::new(keep, least);
        for scored in near {
            top.offer(scored);
        }
        let rest = (self.linked()..self.len()).filter(|slot| allowed(*slot));
        self.scan_into(query, rest, &mut top);
        Some(top.into_sorted())
    }

    fn scan_into(&self, query: &Query, slots: impl IntoIterator<Item = u32>, top: &mut Top) {
        for slot in slots {
            let similarity = dot(&query.0, self.vectors.get(slot as usize));
            top.offer(Scored { slot, similarity });
        }
    }
}

/// A vector of length one in the same direction; of zeros if it has none.
fn unit(vector: &[f32]) -> impl Iterator<Item = f32> {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    let scale = if length.is_normal() {
        1.0 / length
    } else {
        0.0
    };
    vector.iter().map(move |x| x * scale)
}
