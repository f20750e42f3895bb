//! Procedural memory inside a turn: versions, which one is current, and what fits a situation.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::memory::{
    MATCH_LIMIT_MAX, NewProcedure, Procedure, ProcedureState, ProcedureWrite, QUERY_BYTES_MAX,
    check,
};
use crate::registry::Grant;

use super::recall::within;
use super::{Effect, Read, Turn};

impl Turn {
    /// Keep a new version of a procedure and make it current. Returns its number.
    pub async fn put_procedure(&mut self, given: NewProcedure) -> Result<u32> {
        self.require(Grant::ProceduresWrite)?;
        let writer = self.agent().name.as_str().into();
        let mut write = given.check(writer, self.now())?;
        write.version = self.procedure_state(&write.name).await?.latest + 1;
        let version = write.version;
        self.push(Effect::ProcedurePut(Box::new(write)))?;
        Ok(version)
    }

    /// This version of a procedure, or the current one.
    pub async fn get_procedure(&mut self, name: &str, version: Option<u32>) -> Result<Procedure> {
        self.require(Grant::ProceduresRead)?;
        let name = check::procedure_name(name)?;
        let version = match version {
            Some(version) => version,
            None => self.procedure_state(&name).await?.current(),
        };
        let staged = self.staged.effects.iter().find_map(|effect| match effect {
            Effect::ProcedurePut(write) if write.name == name && write.version == version => {
                Some(as_stored(write))
            }
            _ => None,
        });
        if let Some(procedure) = staged {
            return Ok(procedure);
        }
        let procedures = &self.services.procedures;
        let found = procedures.get(self.scope(), &name, Some(version)).await?;
        found.ok_or_else(|| Error::not_found("procedure", &*name))
    }

    /// Make a version that is there the current one.
    pub async fn activate_procedure(&mut self, name: &str, version: u32) -> Result<()> {
        self.require(Grant::ProceduresWrite)?;
        let name = check::procedure_name(name)?;
        let state = self.procedure_state(&name).await?;
        if version == 0 || version > state.latest {
            let shown = format!("{name}, version {version}");
            return Err(Error::not_found("procedure", shown));
        }
        if version == state.current() {
            return Ok(());
        }
        self.push(Effect::ProcedureActivate { name, version })
    }

    /// Make the version current that was so before this one. Returns its number.
    pub async fn roll_back_procedure(&mut self, name: &str) -> Result<u32> {
        self.require(Grant::ProceduresWrite)?;
        let name = check::procedure_name(name)?;
        let mut state = self.procedure_state(&name).await?;
        if state.latest == 0 {
            return Err(Error::not_found("procedure", &*name));
        }
        state.roll_back(&name)?;
        self.push(Effect::ProcedureRollBack { name })?;
        Ok(state.current())
    }

    /// Current procedures whose triggers fit a situation, as of the last commit.
    pub async fn match_procedures(
        &mut self,
        situation: &str,
        limit: u32,
    ) -> Result<Vec<(Procedure, f64)>> {
        self.require(Grant::ProceduresRead)?;
        within("situation", situation.len(), QUERY_BYTES_MAX)?;
        within("limit", limit as usize, MATCH_LIMIT_MAX as usize)?;
        self.services
            .procedures
            .matching(self.scope(), situation, limit)
            .await
    }

    /// A procedure's versions as this turn sees them.
    async fn procedure_state(&mut self, name: &Arc<str>) -> Result<ProcedureState> {
        let procedures = Arc::clone(&self.services.procedures);
        let mut state = procedures.state(self.scope(), name).await?;
        self.note_read(Read::Procedure {
            name: Arc::clone(name),
            changes: state.changes,
        });
        for effect in &self.staged.effects {
            match effect {
                Effect::ProcedurePut(write) if write.name == *name => {
                    state.latest = write.version;
                    state.activate(write.version);
                }
                Effect::ProcedureActivate { name: of, version } if of == name => {
                    state.activate(*version);
                }
                Effect::ProcedureRollBack { name: of } if of == name => state.roll_back(name)?,
                _ => {}
            }
        }
        Ok(state)
    }
}

fn as_stored(write: &ProcedureWrite) -> Procedure {
    Procedure {
        name: Arc::clone(&write.name),
        version: write.version,
        kind: write.kind,
        body: Arc::clone(&write.body),
        triggers: write.triggers.clone(),
        metadata: write.metadata.clone(),
        writer: Arc::clone(&write.writer),
        created: write.now,
    }
}
