//! Component-level types: how many parts they have, and how deep reading them descends.
//!
//! Invariant: [`levels_at_most`] is asked before the parser reads a section, since the parser descends
//! once a level on the stack of its thread, and three bytes of an upload open a level.

use wasmparser::{
    ComponentDefinedType, ComponentType, ComponentTypeDeclaration, CoreType,
    InstanceTypeDeclaration, ModuleTypeDeclaration,
};

/// What declares a type inside a component or instance type, …
const DECLARES_TYPE: u8 = 0x01;
/// … and the two forms of type that hold declarations.
const COMPONENT_FORM: u8 = 0x41;
const INSTANCE_FORM: u8 = 0x42;

/// An upper bound of the levels of a section: one, and each pair of bytes that could open another.
pub(super) fn levels_at_most(section: &[u8]) -> u64 {
    let opens = |pair: &&[u8]| matches!(pair, [DECLARES_TYPE, COMPONENT_FORM | INSTANCE_FORM]);
    1 + section.windows(2).filter(opens).count() as u64
}

/// Definitions, fields, cases and parameters of a type.
pub(super) fn parts(ty: &ComponentType<'_>) -> u64 {
    1 + match ty {
        ComponentType::Defined(defined) => defined_parts(defined),
        ComponentType::Func(func) => func.params.len() as u64 + 1,
        ComponentType::Component(declarations) => declarations.iter().map(declared).sum(),
        ComponentType::Instance(declarations) => {
            declarations.iter().map(declared_by_instance).sum()
        }
        ComponentType::Resource { .. } => 0,
    }
}

fn defined_parts(ty: &ComponentDefinedType<'_>) -> u64 {
    match ty {
        ComponentDefinedType::Record(fields) => fields.len() as u64,
        ComponentDefinedType::Variant(cases) => cases.len() as u64,
        ComponentDefinedType::Tuple(types) => types.len() as u64,
        ComponentDefinedType::Flags(names) | ComponentDefinedType::Enum(names) => {
            names.len() as u64
        }
        _ => 1,
    }
}

fn declared(declaration: &ComponentTypeDeclaration<'_>) -> u64 {
    match declaration {
        ComponentTypeDeclaration::CoreType(ty) => core_parts(ty),
        ComponentTypeDeclaration::Type(ty) => parts(ty),
        ComponentTypeDeclaration::Alias(_)
        | ComponentTypeDeclaration::Export { .. }
        | ComponentTypeDeclaration::Import(_) => 1,
    }
}

fn declared_by_instance(declaration: &InstanceTypeDeclaration<'_>) -> u64 {
    match declaration {
        InstanceTypeDeclaration::CoreType(ty) => core_parts(ty),
        InstanceTypeDeclaration::Type(ty) => parts(ty),
        InstanceTypeDeclaration::Alias(_) | InstanceTypeDeclaration::Export { .. } => 1,
    }
}

/// The same of a core type inside a component.
pub(super) fn core_parts(ty: &CoreType<'_>) -> u64 {
    match ty {
        CoreType::Rec(group) => group.types().len() as u64,
        CoreType::Module(declarations) => declarations
            .iter()
            .map(|declaration| match declaration {
                ModuleTypeDeclaration::Type(group) => group.types().len() as u64,
                ModuleTypeDeclaration::Export { .. }
                | ModuleTypeDeclaration::OuterAlias { .. }
                | ModuleTypeDeclaration::Import(_) => 1,
            })
            .sum(),
    }
}
