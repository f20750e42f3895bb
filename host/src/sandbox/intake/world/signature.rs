//! Component-level types written out as text, so that two can be compared and the difference shown.
//!
//! Invariant: types that share parts can be exponentially longer written out than they are: what is
//! written is cut, and what was cut equals nothing.

use std::collections::BTreeMap;

use wasmparser::collections::IndexMap;
use wasmparser::component_types::{
    ComponentDefinedType, ComponentEntityType, ComponentFuncTypeId, ComponentItem, ComponentValType,
};
use wasmparser::types::{TypeIdentifier, TypesRef};

/// Longest signature written out: the longest of the contract is a tenth of it.
const SIGNATURE_BYTES_MAX: usize = 16 << 10;
/// How much of two signatures is shown around their first difference.
const SHOWN_BEFORE: usize = 48;
const SHOWN_AFTER: usize = 64;

/// What a type is. An id indexes the types that it came from, and there is no other way to get one.
pub(super) fn look_up<'a, T: TypeIdentifier>(types: &'a TypesRef<'_>, id: T) -> &'a T::Data {
    &types[id]
}

/// The signatures of all functions among these.
pub(super) fn functions(
    types: TypesRef<'_>,
    items: &IndexMap<String, ComponentItem>,
) -> BTreeMap<String, String> {
    items
        .iter()
        .filter_map(|(name, item)| match item.ty {
            ComponentEntityType::Func(id) => Some((name.clone(), function(types, id))),
            _ => None,
        })
        .collect()
}

/// The signature of a function.
pub(super) fn function(types: TypesRef<'_>, id: ComponentFuncTypeId) -> String {
    let function = look_up(&types, id);
    let mut text = Text {
        types,
        written: String::new(),
    };
    text.push(if function.async_ {
        "async func"
    } else {
        "func"
    });
    text.list(("(", ")"), &function.params, |text, (name, ty)| {
        text.push(name.as_str());
        text.push(": ");
        text.value(*ty);
    });
    if let Some(result) = function.result {
        text.push(" -> ");
        text.value(result);
    }
    text.finish()
}

/// Where two signatures part.
pub(super) fn difference(got: &str, wanted: &str) -> String {
    let common = got
        .char_indices()
        .zip(wanted.chars())
        .find(|((_, a), b)| a != b)
        .map_or(got.len().min(wanted.len()), |((at, _), _)| at);
    let window = |text: &str| {
        let from = text.floor_char_boundary(common.saturating_sub(SHOWN_BEFORE));
        let to = text.floor_char_boundary(common + SHOWN_AFTER);
        let before = if from > 0 { "…" } else { "" };
        let after = if to < text.len() { "…" } else { "" };
        format!(
            "`{before}{}{after}`",
            text.get(from..to).unwrap_or_default()
        )
    };
    format!("it has {}, this host {}", window(got), window(wanted))
}

struct Text<'a> {
    types: TypesRef<'a>,
    written: String,
}

impl Text<'_> {
    fn push(&mut self, text: &str) {
        if !self.full() {
            self.written.push_str(text);
        }
    }

    fn full(&self) -> bool {
        self.written.len() > SIGNATURE_BYTES_MAX
    }

    fn finish(mut self) -> String {
        if self.full() {
            // No signature of the contract holds this character.
            self.written.push('…');
        }
        self.written
    }

    fn list<'t, T: 't>(
        &mut self,
        (open, close): (&str, &str),
        items: impl IntoIterator<Item = &'t T>,
        write: impl Fn(&mut Self, &T),
    ) {
        self.push(open);
        for (index, item) in items.into_iter().enumerate() {
            if self.full() {
                return;
            }
            if index > 0 {
                self.push(", ");
            }
            write(self, item);
        }
        self.push(close);
    }

    /// The validator has bounded how deep types nest.
    fn value(&mut self, ty: ComponentValType) {
        match ty {
            ComponentValType::Primitive(primitive) => self.push(&primitive.to_string()),
            ComponentValType::Type(id) if !self.full() => {
                let types = self.types;
                self.defined(look_up(&types, id));
            }
            ComponentValType::Type(_) => {}
        }
    }

    fn defined(&mut self, ty: &ComponentDefinedType) {
        match ty {
            ComponentDefinedType::Primitive(primitive) => self.push(&primitive.to_string()),
            ComponentDefinedType::Record(record) => {
                let fields: Vec<_> = record.fields.iter().collect();
                self.list(("record{", "}"), &fields, |text, (name, ty)| {
                    text.push(name.as_str());
                    text.push(": ");
                    text.value(**ty);
                });
            }
            ComponentDefinedType::Variant(variant) => {
                let cases: Vec<_> = variant.cases.iter().collect();
                self.list(("variant{", "}"), &cases, |text, (name, case)| {
                    text.push(name.as_str());
                    if let Some(ty) = case.ty {
                        text.list(("(", ")"), [&ty], |text, ty| text.value(*ty));
                    }
                });
            }
            ComponentDefinedType::Tuple(tuple) => {
                self.list(("tuple<", ">"), &tuple.types, |text, ty| text.value(*ty));
            }
            ComponentDefinedType::Flags(names) => {
                let names: Vec<_> = names.iter().collect();
                self.list(("flags{", "}"), &names, |text, name| {
                    text.push(name.as_str());
                });
            }
            ComponentDefinedType::Enum(names) => {
                let names: Vec<_> = names.iter().collect();
                self.list(("enum{", "}"), &names, |text, name| {
                    text.push(name.as_str());
                });
            }
            ComponentDefinedType::List { element, .. } => self.wrapped("list", &[Some(*element)]),
            ComponentDefinedType::Option { ty, .. } => self.wrapped("option", &[Some(*ty)]),
            ComponentDefinedType::Result { ok, err, .. } => self.wrapped("result", &[*ok, *err]),
            ComponentDefinedType::Map { key, value, .. } => {
                self.wrapped("map", &[Some(*key), Some(*value)]);
            }
            ComponentDefinedType::FixedLengthList {
                element, length, ..
            } => {
                self.wrapped("list", &[Some(*element)]);
                self.push(&format!("[{length}]"));
            }
            // The contract has none: enough to differ from everything in it.
            ComponentDefinedType::Own(_) => self.push("own<resource>"),
            ComponentDefinedType::Borrow(_) => self.push("borrow<resource>"),
            ComponentDefinedType::Future { ty, .. } => self.wrapped("future", &[*ty]),
            ComponentDefinedType::Stream { ty, .. } => self.wrapped("stream", &[*ty]),
        }
    }

    fn wrapped(&mut self, word: &str, of: &[Option<ComponentValType>]) {
        self.push(word);
        self.list(("<", ">"), of, |text, ty| match ty {
            Some(ty) => text.value(*ty),
            None => text.push("_"),
        });
    }
}
