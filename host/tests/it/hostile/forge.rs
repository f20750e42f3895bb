//! Makes hostile guests of the contract itself: each function that a guest may import, called well and called
//! with each single thing that a guest could pass wrongly.
//!
//! Invariant: nothing here lists functions or types of the contract. A function that is added to `wit/` is
//! attacked from then on; a kind of type that this file does not know stops the test and says so.

use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{Function, Resolve, SizeAlign, Type, TypeDefKind, WorldId, WorldItem};

mod evil;
mod good;
mod guest;

pub(super) use evil::{Expect, cases_of};
pub(super) use good::{Call, Words};
pub(super) use guest::{Case, Look, component};

/// Where arguments lie in the guest's memory, where results go, and where what the host brings begins.
const ARGUMENTS: u32 = 8 << 10;
const RESULT: u32 = 32 << 10;
const HEAP: u32 = 64 << 10;
/// Bytes of the guest's memory when its run begins: its end, for pointers beyond it.
const MEMORY: u32 = 256 << 10;

/// The contract, as the files in `wit/` say it.
pub(super) struct Contract {
    resolve: Resolve,
    world: WorldId,
    sizes: SizeAlign,
}

/// A function that guests may import.
#[derive(Debug, Clone)]
pub(super) struct Import {
    /// As `warren:agent/clock@0.1.0`.
    pub(super) interface: String,
    pub(super) function: Function,
}

impl Import {
    /// As `clock.now`.
    pub(super) fn name(&self) -> String {
        let interface = self.interface.split(['/', '@']).nth(1).unwrap();
        format!("{interface}.{}", self.function.name)
    }
}

impl Contract {
    pub(super) fn read() -> Self {
        let mut resolve = Resolve::default();
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit");
        let (package, _) = resolve.push_dir(dir).unwrap();
        let world = resolve.select_world(&[package], Some("agent")).unwrap();
        let mut sizes = SizeAlign::default();
        sizes.fill(&resolve);
        Self {
            resolve,
            world,
            sizes,
        }
    }

    /// Every function that guests may import.
    pub(super) fn imports(&self) -> Vec<Import> {
        let mut all = Vec::new();
        for (key, item) in &self.resolve.worlds[self.world].imports {
            let id = match item {
                WorldItem::Interface { id, .. } => id,
                // What a `use` of the world leaves.
                WorldItem::Type { .. } => continue,
                WorldItem::Function(_) => {
                    panic!("the world imports a bare function: teach this test to call it")
                }
            };
            for function in self.resolve.interfaces[*id].functions.values() {
                all.push(Import {
                    interface: self.resolve.name_world_key(key),
                    function: function.clone(),
                });
            }
        }
        all
    }

    fn size(&self, ty: &Type) -> u32 {
        self.sizes.size(ty).size_wasm32() as u32
    }

    fn align(&self, ty: &Type) -> u32 {
        self.sizes.align(ty).align_wasm32() as u32
    }

    /// What the payload of a discriminated type is aligned to, from its beginning.
    fn payload(&self, cases: &[Option<Type>]) -> u32 {
        let aligns = cases.iter().flatten().map(|ty| self.align(ty));
        let tag = u32::from(tag_bytes(cases.len()));
        aligns.max().unwrap_or(1).max(tag)
    }

    /// Where the payload of the event lies in the argument of `handle`.
    fn data_of_event(&self) -> u32 {
        let world = &self.resolve.worlds[self.world];
        let handle = world.exports.values().find_map(|item| match item {
            WorldItem::Function(function) if function.name == "handle" => Some(function),
            _ => None,
        });
        let event = self.shape("event", &handle.unwrap().params[0].ty);
        let Shape::Fields(fields) = event else {
            panic!("the event is no record");
        };
        let types = fields.iter().map(|(_, ty)| ty);
        let offsets = self.sizes.field_offsets(types);
        let place = fields.iter().position(|(name, _)| name == "data").unwrap();
        offsets[place].0.size_wasm32() as u32
    }

    /// Core types of a value that is passed flat.
    fn flat(&self, ty: &Type) -> Vec<WasmType> {
        let mut types = [WasmType::I32; 64];
        let mut flat = wit_parser::abi::FlatTypes::new(&mut types);
        assert!(self.resolve.push_flat(ty, &mut flat), "too wide: {ty:?}");
        flat.to_vec()
    }

    fn signature(&self, function: &Function) -> wit_parser::abi::WasmSignature {
        self.resolve
            .wasm_signature(AbiVariant::GuestImport, function)
    }

    /// What a type is made of. `name` is that of the field or parameter.
    fn shape(&self, name: &str, ty: &Type) -> Shape {
        let id = match ty {
            Type::Id(id) => *id,
            Type::String => return Shape::Text(name.to_owned()),
            other => return Shape::Scalar(*other),
        };
        let def = &self.resolve.types[id];
        match &def.kind {
            // `json` and `instant` are texts that mean something: they go by their type's name.
            TypeDefKind::Type(Type::String) => Shape::Text(def.name.clone().unwrap()),
            TypeDefKind::Type(inner) => self.shape(name, inner),
            TypeDefKind::Record(record) => {
                let fields = record.fields.iter().map(|f| (f.name.clone(), f.ty));
                Shape::Fields(fields.collect())
            }
            TypeDefKind::Tuple(tuple) => {
                let fields = tuple.types.iter().map(|ty| (name.to_owned(), *ty));
                Shape::Fields(fields.collect())
            }
            TypeDefKind::Variant(variant) => {
                Shape::Cases(variant.cases.iter().map(|case| case.ty).collect())
            }
            TypeDefKind::Enum(cases) => Shape::Cases(vec![None; cases.cases.len()]),
            TypeDefKind::Option(some) => Shape::Cases(vec![None, Some(*some)]),
            TypeDefKind::Result(result) => Shape::Cases(vec![result.ok, result.err]),
            TypeDefKind::List(element) => Shape::List(*element),
            TypeDefKind::Handle(_) => Shape::Handle,
            TypeDefKind::Flags(_) => Shape::Flags,
            other => panic!(
                "`{name}` is a {}: teach this test to pass one, well and badly",
                other.as_str()
            ),
        }
    }
}

/// What a type is made of.
enum Shape {
    Scalar(Type),
    /// With the name that says what it means.
    Text(String),
    List(Type),
    Fields(Vec<(String, Type)>),
    Cases(Vec<Option<Type>>),
    Handle,
    Flags,
}

/// Bytes of a discriminant in memory.
fn tag_bytes(cases: usize) -> u8 {
    match cases {
        0..=0x100 => 1,
        0x101..=0x1_0000 => 2,
        _ => 4,
    }
}
