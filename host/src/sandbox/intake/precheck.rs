//! What an upload is made of, before anything is built from it: every limit on its shape, then its
//! validity.
//!
//! Invariant: each part is measured before it is validated, and no step here takes time or memory that
//! is not linear in the bytes read so far. It knows nothing of worlds or of what an import means.

mod body;
mod limits;
mod types;

use wasmparser::{
    BinaryReaderError, ComponentImport, CompositeInnerType, DataKind, ElementItems, Encoding,
    FuncValidatorAllocations, Parser, Payload, TypeRef, ValidPayload, Validator, WasmFeatures,
};

use crate::error::{Error, Result};

pub use limits::IntakeLimits;
use limits::{Meter, Place};

/// A page of linear memory.
const PAGE_BYTES: u64 = 64 << 10;

/// What guests may use of WebAssembly: 2.0 with relaxed vector instructions and extended constant
/// expressions, and the component model without its asynchronous half. The engine has the rest off.
pub(super) const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::RELAXED_SIMD)
    .union(WasmFeatures::FLOATS)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::COMPONENT_MODEL);

/// An upload that broke no limit and is valid.
pub(super) struct Checked {
    /// Names of the component's own imports, in order. Empty for a core module.
    pub(super) imports: Vec<String>,
    /// Names of the component's own exports, in order. Empty for a core module.
    pub(super) exports: Vec<String>,
    /// Types of both.
    pub(super) types: wasmparser::types::Types,
    /// The sum or the largest value seen, by the name of its limit.
    pub(super) seen: IntakeLimits,
}

/// Check an upload.
///
/// # Errors
/// `Invalid` that names the limit, its value, what was found and where; or what is not valid.
pub(super) fn check(upload: &[u8], limits: &IntakeLimits) -> Result<Checked> {
    let mut pass = Pass {
        upload,
        meter: Meter::new(limits),
        validator: Validator::new_with_features(FEATURES),
        allocations: FuncValidatorAllocations::default(),
        open: Vec::new(),
        module: Module::default(),
        imports: Vec::new(),
        exports: Vec::new(),
    };
    pass.meter
        .upload_bytes_max(upload.len() as u64, Place::Upload)?;
    let mut parser = Parser::new(0);
    parser.set_features(FEATURES);
    let mut types = None;
    for payload in parser.parse_all(upload) {
        let payload = payload.map_err(malformed)?;
        pass.measure(&payload)?;
        if let Some(ended) = pass.validate(&payload)? {
            types = Some(ended);
        }
    }
    Ok(Checked {
        imports: pass.imports,
        exports: pass.exports,
        types: types.ok_or_else(|| Error::invalid("component", "the file ends too early"))?,
        seen: pass.meter.seen,
    })
}

/// Parameters and results of a core function type.
#[derive(Debug, Clone, Copy, Default)]
struct FuncShape {
    params: u64,
    results: u64,
}

/// What is remembered of the core module being read.
#[derive(Debug, Default)]
struct Module {
    types: Vec<Option<FuncShape>>,
    functions: Vec<u32>,
    imported_functions: u64,
    bodies_read: usize,
}

impl Module {
    /// The type of the function whose body is being read.
    fn shape_of_body(&self) -> Option<FuncShape> {
        let ty = *self.functions.get(self.bodies_read)?;
        self.types.get(ty as usize).copied().flatten()
    }
}

struct Pass<'a> {
    upload: &'a [u8],
    meter: Meter<'a>,
    validator: Validator,
    allocations: FuncValidatorAllocations,
    /// The modules and components that are being read, outermost first.
    open: Vec<Encoding>,
    module: Module,
    imports: Vec<String>,
    exports: Vec<String>,
}

impl Pass<'_> {
    fn measure(&mut self, payload: &Payload<'_>) -> Result<()> {
        match payload {
            Payload::Version { encoding, .. } => self.begin(*encoding),
            Payload::End(_) => {
                self.open.pop();
                Ok(())
            }
            Payload::CustomSection(section) => {
                let sum = self.meter.seen.custom_bytes_max + section.data().len() as u64;
                self.meter.custom_bytes_max(sum, Place::Upload)
            }
            Payload::CodeSectionEntry(body) => {
                let place = self.function();
                body::check_declarations(body, &mut self.meter, place)
            }
            _ if self.open.last() == Some(&Encoding::Component) => self.measure_component(payload),
            _ => self.measure_module(payload),
        }
    }

    fn validate(&mut self, payload: &Payload<'_>) -> Result<Option<wasmparser::types::Types>> {
        match self.validator.payload(payload).map_err(malformed)? {
            ValidPayload::Func(function, body) => {
                let allocations = std::mem::take(&mut self.allocations);
                let mut function = function.into_validator(allocations);
                let place = self.function();
                let shape = body::Shape {
                    types: &self.module.types,
                    own: self.module.shape_of_body(),
                    meter: &mut self.meter,
                    place,
                };
                shape.check(&mut function, &body)?;
                self.module.bodies_read += 1;
                self.allocations = function.into_allocations();
                Ok(None)
            }
            ValidPayload::End(types) => Ok(Some(types)),
            ValidPayload::Ok | ValidPayload::Parser(_) => Ok(None),
        }
    }

    fn begin(&mut self, encoding: Encoding) -> Result<()> {
        match encoding {
            Encoding::Module => {
                self.module = Module::default();
                let modules = self.meter.seen.modules_max + 1;
                self.meter.modules_max(modules, Place::Upload)?;
            }
            Encoding::Component => {
                let depth = self.open.len() as u64;
                self.meter.component_depth_max(depth, Place::Upload)?;
                if depth > 0 {
                    let components = self.meter.seen.components_max + 1;
                    self.meter.components_max(components, Place::Upload)?;
                }
            }
        }
        self.open.push(encoding);
        Ok(())
    }

    /// Where the module being read is.
    fn place(&self) -> Place {
        Place::Module(self.meter.seen.modules_max.saturating_sub(1))
    }

    /// Where the function whose body is being read is.
    fn function(&self) -> Place {
        Place::Function {
            module: self.meter.seen.modules_max.saturating_sub(1),
            index: self.module.imported_functions + self.module.bodies_read as u64,
        }
    }

    fn measure_module(&mut self, payload: &Payload<'_>) -> Result<()> {
        let place = self.place();
        let seen = &self.meter.seen;
        match payload {
            Payload::TypeSection(section) => self.measure_types(section.clone()),
            Payload::ImportSection(section) => self.measure_imports(section.clone()),
            Payload::FunctionSection(section) => {
                let sum = seen.functions_max + u64::from(section.count());
                self.meter.functions_max(sum, place)?;
                for ty in section.clone() {
                    self.module.functions.push(ty.map_err(malformed)?);
                }
                Ok(())
            }
            Payload::TableSection(section) => self.measure_tables(section.clone()),
            Payload::MemorySection(section) => self.measure_memories(section.clone()),
            Payload::GlobalSection(section) => {
                let sum = seen.globals_max + u64::from(section.count());
                self.meter.globals_max(sum, place)
            }
            Payload::ExportSection(section) => {
                let sum = seen.exports_max + u64::from(section.count());
                self.meter.exports_max(sum, place)
            }
            Payload::ElementSection(section) => self.measure_elements(section.clone()),
            Payload::DataSection(section) => self.measure_data(section.clone()),
            _ => Ok(()),
        }
    }

    fn measure_types(&mut self, section: wasmparser::TypeSectionReader<'_>) -> Result<()> {
        let place = self.place();
        for group in section {
            for ty in group.map_err(malformed)?.types() {
                let types = self.meter.seen.types_max + 1;
                self.meter.types_max(types, place)?;
                let shape = match &ty.composite_type.inner {
                    CompositeInnerType::Func(func) => Some(FuncShape {
                        params: func.params().len() as u64,
                        results: func.results().len() as u64,
                    }),
                    // Of proposals that are off: the validator refuses it by name.
                    _ => None,
                };
                let width = shape.map_or(0, |shape| shape.params + shape.results);
                self.meter.params_results_max(width, place)?;
                self.module.types.push(shape);
            }
        }
        Ok(())
    }

    fn measure_imports(&mut self, section: wasmparser::ImportSectionReader<'_>) -> Result<()> {
        let sum = self.meter.seen.imports_max + u64::from(section.count());
        self.meter.imports_max(sum, self.place())?;
        for import in section.into_imports() {
            if let TypeRef::Func(_) = import.map_err(malformed)?.ty {
                self.module.imported_functions += 1;
            }
        }
        Ok(())
    }

    fn measure_tables(&mut self, section: wasmparser::TableSectionReader<'_>) -> Result<()> {
        let place = self.place();
        let sum = self.meter.seen.tables_max + u64::from(section.count());
        self.meter.tables_max(sum, place)?;
        for table in section {
            let elements = table.map_err(malformed)?.ty.initial;
            let sum = self.meter.seen.table_elements_max.saturating_add(elements);
            self.meter.table_elements_max(sum, place)?;
        }
        Ok(())
    }

    fn measure_memories(&mut self, section: wasmparser::MemorySectionReader<'_>) -> Result<()> {
        let place = self.place();
        let sum = self.meter.seen.memories_max + u64::from(section.count());
        self.meter.memories_max(sum, place)?;
        for memory in section {
            let bytes = memory
                .map_err(malformed)?
                .initial
                .saturating_mul(PAGE_BYTES);
            let sum = self.meter.seen.memory_bytes_max.saturating_add(bytes);
            self.meter.memory_bytes_max(sum, place)?;
        }
        Ok(())
    }

    fn measure_elements(&mut self, section: wasmparser::ElementSectionReader<'_>) -> Result<()> {
        let place = self.place();
        let sum = self.meter.seen.element_segments_max + u64::from(section.count());
        self.meter.element_segments_max(sum, place)?;
        for element in section {
            let items = match element.map_err(malformed)?.items {
                ElementItems::Functions(items) => items.count(),
                ElementItems::Expressions(_, items) => items.count(),
            };
            let sum = self.meter.seen.elements_max + u64::from(items);
            self.meter.elements_max(sum, place)?;
        }
        Ok(())
    }

    fn measure_data(&mut self, section: wasmparser::DataSectionReader<'_>) -> Result<()> {
        let place = self.place();
        for data in section {
            let data = data.map_err(malformed)?;
            match data.kind {
                DataKind::Passive => {
                    let sum = self.meter.seen.data_segments_max + 1;
                    self.meter.data_segments_max(sum, place)?;
                }
                DataKind::Active { .. } => {
                    let sum = self.meter.seen.initial_segments_max + 1;
                    self.meter.initial_segments_max(sum, place)?;
                }
            }
            let sum = self.meter.seen.data_bytes_max + data.data.len() as u64;
            self.meter.data_bytes_max(sum, place)?;
        }
        Ok(())
    }

    fn measure_component(&mut self, payload: &Payload<'_>) -> Result<()> {
        match payload {
            Payload::ComponentTypeSection(section) => {
                // Before the reader descends into it, once a level.
                let types = section.original_position()..section.range().end;
                let bytes = self.upload.get(types).unwrap_or_default();
                let levels = types::levels_at_most(bytes);
                self.meter.type_depth_max(levels, Place::Upload)?;
                for ty in section.clone() {
                    self.count_parts(types::parts(&ty.map_err(malformed)?))?;
                }
                Ok(())
            }
            Payload::CoreTypeSection(section) => {
                for ty in section.clone() {
                    self.count_parts(types::core_parts(&ty.map_err(malformed)?))?;
                }
                Ok(())
            }
            Payload::InstanceSection(section) => {
                for instance in section.clone() {
                    if let wasmparser::Instance::Instantiate { .. } = instance.map_err(malformed)? {
                        let instances = self.meter.seen.instances_max + 1;
                        self.meter.instances_max(instances, Place::Upload)?;
                    }
                }
                Ok(())
            }
            Payload::ComponentAliasSection(section) => self.count_items(section.count()),
            Payload::ComponentCanonicalSection(section) => self.count_items(section.count()),
            Payload::ComponentInstanceSection(section) => self.count_items(section.count()),
            Payload::ComponentImportSection(section) => {
                self.count_items(section.count())?;
                let names = section
                    .clone()
                    .into_iter()
                    .map(|import| import.map(|ComponentImport { name, .. }| name.name.to_owned()));
                self.note(names.collect(), |pass| &mut pass.imports)
            }
            Payload::ComponentExportSection(section) => {
                self.count_items(section.count())?;
                let names = section
                    .clone()
                    .into_iter()
                    .map(|export| export.map(|export| export.name.name.to_owned()));
                self.note(names.collect(), |pass| &mut pass.exports)
            }
            _ => Ok(()),
        }
    }

    fn count_parts(&mut self, parts: u64) -> Result<()> {
        let sum = self.meter.seen.type_parts_max + parts;
        self.meter.type_parts_max(sum, Place::Upload)
    }

    fn count_items(&mut self, items: u32) -> Result<()> {
        let sum = self.meter.seen.component_items_max + u64::from(items);
        self.meter.component_items_max(sum, Place::Upload)
    }

    /// Keep the names that are the outermost component's own.
    fn note(
        &mut self,
        names: std::result::Result<Vec<String>, BinaryReaderError>,
        list: fn(&mut Self) -> &mut Vec<String>,
    ) -> Result<()> {
        let names = names.map_err(malformed)?;
        if self.open.len() == 1 {
            list(self).extend(names);
        }
        Ok(())
    }
}

/// The parser's words, with the offset in the file that they end in.
#[expect(clippy::needless_pass_by_value, reason = "it is given to `map_err`")]
fn malformed(error: BinaryReaderError) -> Error {
    Error::invalid("component", format!("not valid: {error}"))
}

#[cfg(test)]
mod tests;
