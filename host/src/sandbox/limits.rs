//! Every limit of a sandbox: its name, unit, default and the reason for that default.
//!
//! Invariant: no other file of `sandbox` holds a number that bounds a guest. Limits of what a turn may
//! stage (events, writes, bytes, host calls) are `turn`'s and are counted there.

use serde::{Deserialize, Serialize};

/// What one sandbox may use, and how many there are.
///
/// All of it is fixed when the host starts. Engine settings that shape machine code are not here: they
/// are constants of [`super::engine`], since changing one makes every compiled artifact useless.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SandboxLimits {
    /// Turns that run at once, nested calls not counted. Every one may hold `memory_bytes_max`, so 256
    /// of them and the reserves cannot need more than 20 GiB, and far more than the cores can keep busy.
    pub turns_max: u32,
    /// Sandboxes kept aside for nested calls. A nested call never waits for a slot that its own
    /// ancestors hold: it takes one of these or fails with `exhausted`.
    pub nested_max: u32,
    /// Sandboxes kept aside for `describe` at intake, where at most a few uploads are accepted at once.
    pub describe_max: u32,

    /// Bytes of linear memory, summed over all memories of a sandbox. A bulk instruction cannot be
    /// interrupted: filling 64 MiB takes up to 30 ms (measured), 1 GiB half a second.
    pub memory_bytes_max: usize,
    /// Linear memories of a sandbox: one for the program, one for an adapter, two to spare.
    pub memories_max: u32,
    /// Core instances of a sandbox: an honest componentised module has four, a Python component 38; each
    /// costs time to make.
    pub instances_max: u32,
    /// Tables of a sandbox, as many as intake lets through.
    pub tables_max: u32,
    /// Elements of tables, summed over a sandbox. The largest honest table seen has some 12,000.
    pub table_elements_max: usize,
    /// Bytes of metadata that one component instance may need: the library's own default.
    pub instance_bytes_max: usize,

    /// Bytes that one host call may lift out of the guest. The largest honest call carries a few JSON
    /// values of 256 KiB; the library's default is 128 MiB a call.
    pub hostcall_bytes_max: usize,
    /// Live resource handles of a sandbox, borrows included. The library's default is 100,000.
    pub handles_max: usize,
    /// Host objects behind handles: streams, pollables, directory iterators.
    pub resources_max: usize,
    /// Bytes that one call of `random` may ask for, WASI's or ours.
    pub random_bytes_max: u64,
    /// Bytes of one set of headers in memory, what the host keeps with each of them included: several times what servers
    /// take. The library's default is four times as much.
    pub field_bytes_max: usize,

    /// CPU time of a turn in milliseconds, nested calls included. A turn thinks for microseconds and
    /// waits for others; a second is a thousand times the median and lets an interpreter start, parse a
    /// large payload and answer, while a loop costs its tenant's neighbours no more than that.
    pub cpu_ms_max: u64,
    /// CPU time of `describe` in milliseconds: it returns a constant, and an interpreter may start for it.
    pub describe_cpu_ms_max: u64,
    /// Wall clock of `describe` in milliseconds: has the same work to do on a machine that is busy.
    pub describe_ms_max: u64,

    /// Bytes of a guest's memory that stay resident in a free slot: an honest agent's image and working
    /// heap. Below that a fresh sandbox pays for page faults (measured: 2.6 times the time on one core,
    /// and two cores get slower than one).
    pub keep_resident_bytes: usize,
    /// Bytes of a table that stay resident in a free slot: some 4,000 functions.
    pub keep_resident_table_bytes: usize,
    /// Bytes of a stack that are zeroed in place before the next guest; what lies below goes back to the
    /// kernel. Zeroing costs every turn, so it covers what an honest turn touches, not the whole stack.
    pub keep_resident_stack_bytes: usize,
    /// Free slots that keep the image of the component that used them last: each saves a remap.
    pub warm_slots_max: u32,

    /// Loaded components. Some 85 KiB of private memory and four memory maps each for a small one
    /// (measured), so that a thousand are 85 MiB; loading one again takes a fraction of a millisecond.
    pub loaded_max: usize,
}

impl Default for SandboxLimits {
    fn default() -> Self {
        Self {
            turns_max: 256,
            nested_max: 56,
            describe_max: 8,
            memory_bytes_max: 64 << 20,
            memories_max: 4,
            instances_max: 64,
            tables_max: 16,
            table_elements_max: 20_000,
            instance_bytes_max: 1 << 20,
            hostcall_bytes_max: 2 << 20,
            handles_max: 1_024,
            resources_max: 1_024,
            random_bytes_max: 64 << 10,
            field_bytes_max: 32 << 10,
            cpu_ms_max: 1_000,
            describe_cpu_ms_max: 1_000,
            describe_ms_max: 5_000,
            keep_resident_bytes: 2 << 20,
            keep_resident_table_bytes: 64 << 10,
            keep_resident_stack_bytes: 16 << 10,
            warm_slots_max: 100,
            loaded_max: 1_000,
        }
    }
}

impl SandboxLimits {
    /// Sandboxes that exist at once: whoever holds a permit for one of the three kinds finds a free
    /// slot of everything that it may need.
    pub fn sandboxes_max(&self) -> u32 {
        self.turns_max
            .saturating_add(self.nested_max)
            .saturating_add(self.describe_max)
    }
}
