//! `procedures`: how things are done.

use crate::memory;
use crate::sandbox::bindings::warren::agent::procedures::{self, Draft, Procedure, ProcedureKind};
use crate::turn::NewProcedure;

use super::{Fault, TurnView};

impl procedures::Host for TurnView<'_> {
    async fn put(&mut self, procedure: Draft) -> Result<u32, Fault> {
        let bytes = procedure.name.len() + procedure.body.len() + procedure.metadata.len();
        let turn = self
            .desk
            .enter(bytes + super::listed(&procedure.triggers))?;
        Ok(turn.put_procedure(new_procedure(procedure)).await?)
    }

    async fn get(&mut self, name: String, version: Option<u32>) -> Result<Procedure, Fault> {
        let turn = self.desk.enter(name.len())?;
        Ok(lowered(turn.get_procedure(&name, version).await?, 1.0))
    }

    async fn activate(&mut self, name: String, version: u32) -> Result<(), Fault> {
        let turn = self.desk.enter(name.len())?;
        Ok(turn.activate_procedure(&name, version).await?)
    }

    async fn roll_back(&mut self, name: String) -> Result<u32, Fault> {
        let turn = self.desk.enter(name.len())?;
        Ok(turn.roll_back_procedure(&name).await?)
    }

    async fn match_situation(
        &mut self,
        situation: String,
        limit: u32,
    ) -> Result<Vec<Procedure>, Fault> {
        let turn = self.desk.enter(situation.len())?;
        let found = turn.match_procedures(&situation, limit).await?;
        let lowered = found
            .into_iter()
            .map(|(found, score)| lowered(found, score));
        Ok(lowered.collect())
    }
}

fn new_procedure(given: Draft) -> NewProcedure {
    NewProcedure {
        name: given.name,
        kind: match given.kind {
            ProcedureKind::Prompt => memory::ProcedureKind::Prompt,
            ProcedureKind::Rule => memory::ProcedureKind::Rule,
            ProcedureKind::Skill => memory::ProcedureKind::Skill,
        },
        body: given.body,
        triggers: given.triggers,
        metadata: given.metadata,
    }
}

fn lowered(found: memory::Procedure, score: f64) -> Procedure {
    Procedure {
        name: found.name.to_string(),
        version: found.version,
        kind: match found.kind {
            memory::ProcedureKind::Prompt => ProcedureKind::Prompt,
            memory::ProcedureKind::Rule => ProcedureKind::Rule,
            memory::ProcedureKind::Skill => ProcedureKind::Skill,
        },
        body: found.body.to_string(),
        triggers: found.triggers,
        metadata: found.metadata.as_str().to_owned(),
        writer: found.writer.to_string(),
        created: found.created.to_string(),
        score,
    }
}
