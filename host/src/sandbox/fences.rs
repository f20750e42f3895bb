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
    memory_bytes: usize,
    memory_bytes_max: usize,
    table_elements: usize,
    table_elements_max: usize,
    memories_max: usize,
    tables_max: usize,
    instances_max: usize,
    /// The growth that was allowed last, taken back if it then fails for another reason.
    last_growth: usize,
    refused: Option<LimitPassed>,
}

impl Fences {
    pub(super) fn new(limits: &SandboxLimits) -> Self {
        Self {
            memory_bytes: 0,
            memory_bytes_max: limits.memory_bytes_max,
            table_elements: 0,
            table_elements_max: limits.table_elements_max,
            memories_max: limits.memories_max as usize,
            tables_max: limits.tables_max as usize,
            instances_max: limits.instances_max as usize,
            last_growth: 0,
            refused: None,
        }
    }

    /// The limit that refused a growth, if any did.
    pub(super) fn refused(&self) -> Option<&LimitPassed> {
        self.refused.as_ref()
    }
}

impl ResourceLimiter for Fences {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let growth = desired.saturating_sub(current);
        let sum = self.memory_bytes.saturating_add(growth);
        if sum > self.memory_bytes_max {
            self.refused = Some(LimitPassed {
                limit: "sandbox_memory_bytes_max",
                unit: "bytes",
                max: self.memory_bytes_max as u64,
            });
            return Ok(false);
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.memory_bytes = sum;
        self.last_growth = growth;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory_bytes = self.memory_bytes.saturating_sub(self.last_growth);
        self.last_growth = 0;
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let growth = desired.saturating_sub(current);
        let sum = self.table_elements.saturating_add(growth);
        if sum > self.table_elements_max {
            self.refused = Some(LimitPassed {
                limit: "sandbox_table_elements_max",
                unit: "elements",
                max: self.table_elements_max as u64,
            });
            return Ok(false);
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.table_elements = sum;
        self.last_growth = growth;
        Ok(true)
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.table_elements = self.table_elements.saturating_sub(self.last_growth);
        self.last_growth = 0;
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
        assert_eq!(refused, "sandbox_memory_bytes_max is 100 bytes");
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
        assert_eq!(refused, "sandbox_table_elements_max is 10 elements");
    }
}
