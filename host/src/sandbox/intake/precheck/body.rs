//! One function's body: what its compilation costs beyond its size, and its validity, in one pass.
//!
//! Invariant: an instruction is measured before it is validated; nothing here grows faster than the
//! nesting limit. The instructions that cost nothing beyond their size are not even decoded twice.

use wasmparser::{BlockType, FuncValidator, FunctionBody, Operator, ValidatorResources};

use crate::error::Result;

use super::limits::{Meter, Place};
use super::{FuncShape, malformed};

/// The instructions that are measured: `block`, `loop`, `if`, `end`, `br_table`.
const MEASURED: [u8; 5] = [0x02, 0x03, 0x04, 0x0b, 0x0e];

/// Check what a body declares before its first instruction.
pub(super) fn check_declarations(
    body: &FunctionBody<'_>,
    meter: &mut Meter<'_>,
    place: Place,
) -> Result<()> {
    meter.body_bytes_max(body.range().len() as u64, place)?;
    let mut own = 0_u64;
    for group in body.get_locals_reader().map_err(malformed)? {
        let (count, _) = group.map_err(malformed)?;
        own += u64::from(count);
        meter.locals_max(own, place)?;
    }
    let sum = meter.seen.locals_sum_max + own;
    meter.locals_sum_max(sum, Place::Upload)
}

/// What is measured while a body is read.
pub(super) struct Shape<'a, 'limits> {
    /// The function types of its module.
    pub(super) types: &'a [Option<FuncShape>],
    /// The function's own type.
    pub(super) own: Option<FuncShape>,
    /// Against which limits.
    pub(super) meter: &'a mut Meter<'limits>,
    /// Where it is.
    pub(super) place: Place,
}

impl Shape<'_, '_> {
    /// Measure and validate the instructions.
    pub(super) fn check(
        mut self,
        function: &mut FuncValidator<ValidatorResources>,
        body: &FunctionBody<'_>,
    ) -> Result<()> {
        let (bytes, base) = (body.as_bytes(), body.range().start);
        let mut reader = body.get_binary_reader();
        function.read_locals(&mut reader).map_err(malformed)?;
        let mut open = Open::new(self.own);
        while !reader.eof() {
            let offset = reader.original_position();
            let opcode = bytes.get(offset.saturating_sub(base));
            if opcode.is_some_and(|opcode| MEASURED.contains(opcode)) {
                let operator = reader
                    .peek_operator(&function.visitor(offset))
                    .map_err(malformed)?;
                self.measure(&operator, &mut open)?;
            }
            reader
                .visit_operator(&mut function.visitor(offset))
                .and_then(|valid| valid)
                .map_err(malformed)?;
        }
        reader
            .finish_expression(&function.visitor(reader.original_position()))
            .map_err(malformed)
    }

    fn measure(&mut self, operator: &Operator<'_>, open: &mut Open) -> Result<()> {
        match operator {
            Operator::Loop { blockty } => {
                open.loops += 1;
                self.meter.loops_max(open.loops, self.place)?;
                let carried = self.shape(*blockty).params;
                self.enter(open, carried)
            }
            Operator::Block { blockty } | Operator::If { blockty } => {
                let carried = self.shape(*blockty).results;
                self.enter(open, carried)
            }
            Operator::End => {
                open.labels.pop();
                Ok(())
            }
            Operator::BrTable { targets } => {
                for target in targets.targets() {
                    open.branch_values += open.carried_to(target.map_err(malformed)?);
                }
                open.branch_values += open.carried_to(targets.default());
                self.meter.branch_values_max(open.branch_values, self.place)
            }
            _ => Ok(()),
        }
    }

    fn enter(&mut self, open: &mut Open, carried: u64) -> Result<()> {
        open.labels.push(carried);
        self.meter
            .nesting_max(open.labels.len() as u64 - 1, self.place)
    }

    fn shape(&self, block: BlockType) -> FuncShape {
        match block {
            BlockType::Empty => FuncShape::default(),
            BlockType::Type(_) => FuncShape {
                params: 0,
                results: 1,
            },
            BlockType::FuncType(index) => self
                .types
                .get(index as usize)
                .copied()
                .flatten()
                .unwrap_or_default(),
        }
    }
}

/// What is open at an instruction, and what came before it.
struct Open {
    /// For each block that is open, how many values a branch to it carries.
    labels: Vec<u64>,
    loops: u64,
    branch_values: u64,
}

impl Open {
    fn new(own: Option<FuncShape>) -> Self {
        Self {
            labels: vec![own.unwrap_or_default().results],
            loops: 0,
            branch_values: 0,
        }
    }

    /// What a branch `depth` blocks out carries. One out of range is the validator's to refuse.
    fn carried_to(&self, depth: u32) -> u64 {
        self.labels
            .iter()
            .rev()
            .nth(depth as usize)
            .copied()
            .unwrap_or(0)
    }
}
