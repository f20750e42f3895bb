//! Which turns run right now, in a file that survives the death of the process.
//!
//! A component that kills the host would kill it again at every start, unless the attempt is on record
//! before the guest runs. The record must survive the process, not the power: no component can cut that.
//! So a slot is one small write to a file, without fsync: about a microsecond, and no commit.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::error::{Error, Result};
use crate::id::{AgentId, Position, TenantId};

/// Bytes of a slot: state, whether alone, tenant, agent, position, padding.
const SLOT_BYTES: usize = 64;
const EMPTY: u8 = 0;
const RUNNING: u8 = 1;

/// A turn that was running when the host died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interrupted {
    pub(super) tenant: TenantId,
    pub(super) agent: AgentId,
    pub(super) position: Position,
    /// Whether it ran alone: then it and nothing else was running.
    pub(super) alone: bool,
}

/// The file of slots.
#[derive(Debug)]
pub(super) struct SlotFile(File);

impl SlotFile {
    /// Open the file, say what was running when the host last died. It stays there until
    /// [`Self::clear`]: a death before that counts it again.
    pub(super) fn open(path: &Path) -> Result<(Self, Vec<Interrupted>)> {
        let internal = |e| Error::internal("opening the file of running turns", e);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(internal)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(internal)?;
        Ok((
            Self(file),
            bytes.chunks_exact(SLOT_BYTES).filter_map(decode).collect(),
        ))
    }

    /// Forget what was running before: it has been counted.
    pub(super) fn clear(&self) -> Result<()> {
        self.0
            .set_len(0)
            .map_err(|e| Error::internal("clearing the file of running turns", e))
    }

    /// Record that a worker is about to run a turn.
    pub(super) fn begin(&self, worker: usize, turn: &Interrupted) -> Result<()> {
        self.0
            .write_all_at(&encode(turn), (worker * SLOT_BYTES) as u64)
            .map_err(|e| Error::internal("recording a running turn", e))
    }

    /// Record that the worker's guest has returned.
    pub(super) fn end(&self, worker: usize) -> Result<()> {
        self.0
            .write_all_at(&[EMPTY], (worker * SLOT_BYTES) as u64)
            .map_err(|e| Error::internal("clearing a running turn", e))
    }
}

fn encode(turn: &Interrupted) -> [u8; SLOT_BYTES] {
    let mut slot = [0; SLOT_BYTES];
    let fields: [&[u8]; 5] = [
        &[RUNNING],
        &[u8::from(turn.alone)],
        turn.tenant.as_bytes(),
        &turn.agent.0.to_le_bytes(),
        &turn.position.0.to_le_bytes(),
    ];
    for (to, from) in slot.iter_mut().zip(fields.concat()) {
        *to = from;
    }
    slot
}

fn decode(slot: &[u8]) -> Option<Interrupted> {
    let (state, rest) = slot.split_first()?;
    let (alone, rest) = rest.split_first()?;
    let (tenant, rest) = rest.split_first_chunk::<16>()?;
    let (agent, rest) = rest.split_first_chunk::<8>()?;
    let (position, _) = rest.split_first_chunk::<8>()?;
    (*state == RUNNING).then(|| Interrupted {
        tenant: TenantId::from_bytes(*tenant),
        agent: AgentId(i64::from_le_bytes(*agent)),
        position: Position(i64::from_le_bytes(*position)),
        alone: *alone == 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_running_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("turns");
        let turn = |position, alone| Interrupted {
            tenant: TenantId::generate(),
            agent: AgentId(3),
            position: Position(position),
            alone,
        };
        let (first, second, third) = (turn(1, false), turn(2, true), turn(3, false));
        let (file, before) = SlotFile::open(&path).unwrap();
        assert_eq!(before, []);
        file.begin(0, &first).unwrap();
        file.begin(5, &second).unwrap();
        file.begin(2, &third).unwrap();
        file.end(0).unwrap();
        let (file, running) = SlotFile::open(&path).unwrap();
        assert_eq!(running, [third, second]);
        file.clear().unwrap();
        assert_eq!(SlotFile::open(&path).unwrap().1, []);
    }
}
