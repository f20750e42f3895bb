//! What a store may allocate, summed over everything in it.
//!
//! Invariant: the library's own limits look at each memory and table alone; these sums are what bounds
//! a sandbox. A refused growth is an answer the guest may handle, and is remembered for the record.

use wasmtime::ResourceLimiter;

use crate::turn::LimitPassed;

use super::SandboxLimits;

/// The sums of one store, and what was refused last.
#[derive(Debug)]
pub(super) struct Fences {
    memory: Sum,
    table: Sum,
    memories_max: usize,
    tables_max: usize,
    instances_max: usize,
    refused: Option<LimitPassed>,
}

/// One sum and what it may come to.
#[derive(Debug)]
struct Sum {
    now: usize,
    max: usize,
    limit: &'static str,
    unit: &'static str,
    /// The growth that was allowed last, taken back if it then fails for another reason.
    last: usize,
}

impl Sum {
    const fn new(limit: &'static str, unit: &'static str, max: usize) -> Self {
        Self {
            now: 0,
            max,
            limit,
            unit,
            last: 0,
        }
    }

    /// Whether something may grow: beyond the sum's limit is an error, beyond its own maximum is not.
    fn grow(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool, LimitPassed> {
        let growth = desired.saturating_sub(current);
        let sum = self.now.saturating_add(growth);
        if sum > self.max {
            return Err(LimitPassed {
                limit: self.limit,
                unit: self.unit,
                max: self.max as u64,
            });
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.now = sum;
        self.last = growth;
        Ok(true)
    }

    /// What was allowed last did not happen.
    fn take_back(&mut self) {
        self.now = self.now.saturating_sub(std::mem::take(&mut self.last));
    }
}

impl Fences {
    pub(super) fn new(limits: &SandboxLimits) -> Self {
        Self {
            memory: Sum::new("sandbox.memory_bytes_max", "bytes", limits.memory_bytes_max),
            table: Sum::new(
                "sandbox.table_elements_max",
                "elements",
                limits.table_elements_max,
            ),
            memories_max: limits.memories_max as usize,
            tables_max: limits.tables_max as usize,
            instances_max: limits.instances_max as usize,
            refused: None,
        }
    }

    /// The limit that refused a growth, if any did.
    pub(super) fn refused(&self) -> Option<&LimitPassed> {
        self.refused.as_ref()
    }

    /// Remember a refusal; to the guest it is an answer like any other.
    fn answer(&mut self, grown: Result<bool, LimitPassed>) -> bool {
        grown.unwrap_or_else(|limit| {
            self.refused = Some(limit);
            false
        })
    }
}

impl ResourceLimiter for Fences {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let grown = self.memory.grow(current, desired, maximum);
        Ok(self.answer(grown))
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory.take_back();
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let grown = self.table.grow(current, desired, maximum);
        Ok(self.answer(grown))
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.table.take_back();
        Ok(())
    }

    fn instances(&self) -> usize {
        self.instances_max
    }

    fn tables(&self) -> usize {
        self.tables_max
    }

    fn memories(&self) -> usize {
        self.memories_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fences() -> Fences {
        Fences::new(&SandboxLimits {
            memory_bytes_max: 100,
            table_elements_max: 10,
            ..SandboxLimits::default()
        })
    }

    #[test]
    fn memories_are_summed_up_to_the_limit_and_no_byte_further() {
        let mut fences = fences();
        // current, desired, maximum, allowed
        for (current, desired, maximum, allowed) in [
            (0, 60, None, true),
            (0, 40, None, true),
            (40, 41, None, false),
            (60, 61, Some(1_000), false),
            (40, 40, None, true),
        ] {
            let got = fences.memory_growing(current, desired, maximum);
            assert_eq!(got.expect("no trap"), allowed, "{current} to {desired}");
        }
        let refused = fences.refused().expect("refused").to_string();
        assert_eq!(refused, "sandbox.memory_bytes_max is 100 bytes");
    }

    #[test]
    fn a_growth_that_fails_later_is_not_counted() {
        let mut fences = fences();
        assert!(fences.memory_growing(0, 100, None).expect("no trap"));
        let failure = wasmtime::Error::msg("no pages left");
        fences.memory_grow_failed(failure).expect("no trap");
        assert!(!fences.memory_growing(0, 90, Some(80)).expect("no trap"));
        assert!(fences.memory_growing(0, 100, None).expect("no trap"));
        assert!(fences.refused().is_none());
    }

    #[test]
    fn tables_are_summed_up_to_the_limit_and_no_element_further() {
        let mut fences = fences();
        assert!(fences.table_growing(0, 6, None).expect("no trap"));
        assert!(fences.table_growing(0, 4, None).expect("no trap"));
        assert!(!fences.table_growing(4, 5, None).expect("no trap"));
        let refused = fences.refused().expect("refused").to_string();
        assert_eq!(refused, "sandbox.table_elements_max is 10 elements");
    }
}
