//! A call of a host function with every argument as it should be, and with the places where it could be otherwise.

use wit_parser::Type;
use wit_parser::abi::WasmType;

use super::{ARGUMENTS, Contract, Import, RESULT, Shape, tag_bytes};

/// Bytes that each text has room for, whatever it is: what replaces it may be longer.
const TEXT_ROOM: usize = 32;

/// What texts say.
pub(in crate::hostile) struct Words {
    /// What a text of this name is. Empty: there is none, where it may be absent or is an item of a list.
    pub(in crate::hostile) of: fn(&str, &str) -> String,
    /// Handed to `of`.
    pub(in crate::hostile) mark: &'static str,
    /// Whether what may be absent is there.
    pub(in crate::hostile) full: bool,
}

/// Where something that is passed lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::hostile) enum Place {
    /// An argument of the call.
    Argument(usize),
    /// So many bytes at this address.
    Memory { at: u32, bytes: u8 },
}

/// In which way something can be wrong.
#[derive(Debug, Clone)]
pub(in crate::hostile) enum Weak {
    /// It points to something of this alignment and size. The spot after that of a list is its length.
    Pointer {
        align: u32,
        bytes: u32,
    },
    /// It counts elements of this size at `at`.
    Length {
        element: u32,
        at: u32,
    },
    /// It counts the bytes of the text at `at`, where there is room for as many as this.
    Text {
        at: u32,
        room: u32,
    },
    /// It is one of so many cases.
    Cases(u32),
    Bool,
    Char,
    Integer,
    F32,
    F64,
    Handle,
    /// Where the result goes. The host looks at it when it has done what was asked.
    Result {
        align: u32,
        bytes: u32,
    },
}

/// A place and its weakness.
#[derive(Debug, Clone)]
pub(in crate::hostile) struct Spot {
    /// As `query.tags.0`.
    pub(in crate::hostile) path: String,
    pub(in crate::hostile) place: Place,
    pub(in crate::hostile) weak: Weak,
}

/// A call.
#[derive(Debug, Clone)]
pub(in crate::hostile) struct Call {
    pub(in crate::hostile) import: Import,
    pub(in crate::hostile) params: Vec<WasmType>,
    pub(in crate::hostile) results: usize,
    /// The bits of each argument.
    pub(in crate::hostile) args: Vec<u64>,
    /// What lies at [`ARGUMENTS`].
    pub(in crate::hostile) memory: Vec<u8>,
    pub(in crate::hostile) spots: Vec<Spot>,
    /// Where an error of it lies, if it may answer with one: its place, and which of its cases have a text.
    pub(in crate::hostile) error: Option<(u32, Vec<bool>)>,
}

/// A value that is passed flat.
struct Flat {
    bits: u64,
    weak: Option<(String, Weak)>,
}

struct Maker<'a> {
    contract: &'a Contract,
    words: &'a Words,
    memory: Vec<u8>,
    spots: Vec<Spot>,
}

impl Contract {
    /// Call a function as it should be called.
    pub(in crate::hostile) fn call(&self, import: &Import, words: &Words) -> Call {
        let function = &import.function;
        let signature = self.signature(function);
        let mut maker = Maker {
            contract: self,
            words,
            memory: Vec::new(),
            spots: Vec::new(),
        };
        let mut args = Vec::new();
        if signature.indirect_params {
            args.push(maker.indirect(import));
        } else {
            for param in &function.params {
                let path = param.name.clone();
                for flat in maker.flat(&path, &param.name, &param.ty) {
                    maker.note(Place::Argument(args.len()), flat.weak);
                    args.push(flat.bits);
                }
            }
        }
        if signature.retptr {
            let ty = function.result.as_ref().unwrap();
            let (align, bytes) = (self.align(ty), self.size(ty));
            let weak = Weak::Result { align, bytes };
            maker.note(Place::Argument(args.len()), Some(("result".into(), weak)));
            args.push(u64::from(RESULT));
        }
        assert_eq!(args.len(), signature.params.len(), "{}", import.name());
        Call {
            import: import.clone(),
            params: signature.params,
            results: signature.results.len(),
            args,
            memory: maker.memory,
            spots: maker.spots,
            error: self.error(function.result.as_ref()),
        }
    }

    /// Where the error of a function lies, counted from its result.
    fn error(&self, result: Option<&Type>) -> Option<(u32, Vec<bool>)> {
        let Shape::Cases(cases) = self.shape("result", result?) else {
            return None;
        };
        let [_, Some(error)] = cases.as_slice() else {
            return None;
        };
        let Shape::Cases(errors) = self.shape("error", error) else {
            return None;
        };
        let texts = errors.iter().map(|case| *case == Some(Type::String));
        Some((self.payload(&cases), texts.collect()))
    }
}

impl Maker<'_> {
    /// All parameters in memory, because they are too many.
    fn indirect(&mut self, import: &Import) -> u64 {
        let contract = self.contract;
        let params = &import.function.params;
        let types = || params.iter().map(|param| &param.ty);
        let info = contract.sizes.params(types());
        let (align, bytes) = (
            info.align.align_wasm32() as u32,
            info.size.size_wasm32() as u32,
        );
        let base = self.room(align, bytes);
        let offsets = contract.sizes.field_offsets(types());
        for (param, (offset, _)) in params.iter().zip(offsets) {
            let at = base + offset.size_wasm32() as u32;
            self.store(&param.name, &param.name, &param.ty, at);
        }
        let weak = Weak::Pointer { align, bytes };
        self.note(Place::Argument(0), Some(("parameters".into(), weak)));
        u64::from(base)
    }

    fn note(&mut self, place: Place, weak: Option<(String, Weak)>) {
        if let Some((path, weak)) = weak {
            self.spots.push(Spot { path, place, weak });
        }
    }

    /// Room for so many bytes: its address.
    fn room(&mut self, align: u32, bytes: u32) -> u32 {
        let at = self.memory.len().next_multiple_of(align.max(1) as usize);
        self.memory.resize(at + bytes as usize, 0);
        ARGUMENTS + at as u32
    }

    fn write(&mut self, at: u32, bytes: &[u8]) {
        let at = (at - ARGUMENTS) as usize;
        self.memory[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// A text's bytes: where they are and how many.
    fn text(&mut self, name: &str) -> (u32, u32) {
        let text = (self.words.of)(name, self.words.mark);
        let at = self.room(1, text.len().max(TEXT_ROOM) as u32);
        self.write(at, text.as_bytes());
        (at, text.len() as u32)
    }

    /// The one element of a list: where it is, and how many there are.
    fn elements(&mut self, path: &str, name: &str, ty: &Type) -> (u32, u32) {
        let (align, bytes) = (self.contract.align(ty), self.contract.size(ty));
        let at = self.room(align, bytes);
        if self.is_none(name, ty) {
            return (at, 0);
        }
        self.store(&format!("{path}.0"), name, ty, at);
        (at, 1)
    }

    /// Which case is chosen: what may be absent is absent or there, an error is none.
    fn chosen(&self, name: &str, cases: &[Option<Type>]) -> usize {
        match cases {
            [None, Some(some)] if self.words.full && !self.is_none(name, some) => 1,
            _ => 0,
        }
    }

    /// Whether there is no text that would fit.
    fn is_none(&self, name: &str, ty: &Type) -> bool {
        match self.contract.shape(name, ty) {
            Shape::Text(meaning) => (self.words.of)(&meaning, self.words.mark).is_empty(),
            _ => false,
        }
    }

    /// How address and length of a list can be wrong; of a text, if it has no elements.
    fn weak_list(&self, (at, len): (u32, u32), of: Option<&Type>) -> [Option<Weak>; 2] {
        let Some(ty) = of else {
            let room = len.max(TEXT_ROOM as u32);
            let text = Weak::Text { at, room };
            return [Some(Weak::Pointer { align: 1, bytes: 1 }), Some(text)];
        };
        let (align, bytes) = (self.contract.align(ty), self.contract.size(ty));
        // Where a list without items lies means nothing.
        let pointer = (len > 0).then_some(Weak::Pointer { align, bytes });
        let element = bytes;
        [pointer, Some(Weak::Length { element, at })]
    }

    /// Lay a value out in memory.
    fn store(&mut self, path: &str, name: &str, ty: &Type, at: u32) {
        let memory = |at, bytes| Place::Memory { at, bytes };
        match self.contract.shape(name, ty) {
            Shape::Scalar(scalar) => {
                let (bits, weak) = scalar_of(&scalar, name);
                let bytes = self.contract.size(ty) as u8;
                self.write(at, &bits.to_le_bytes()[..usize::from(bytes)]);
                self.note(memory(at, bytes), Some((path.to_owned(), weak)));
            }
            Shape::Text(meaning) => {
                let text = self.text(&meaning);
                self.list(path, at, text, None);
            }
            Shape::List(element) => {
                let list = self.elements(path, name, &element);
                self.list(path, at, list, Some(&element));
            }
            Shape::Fields(fields) => {
                let types = fields.iter().map(|(_, ty)| ty);
                let offsets = self.contract.sizes.field_offsets(types);
                let offsets: Vec<u32> = offsets.iter().map(|o| o.0.size_wasm32() as u32).collect();
                for ((field, ty), offset) in fields.iter().zip(offsets) {
                    self.store(&format!("{path}.{field}"), field, ty, at + offset);
                }
            }
            Shape::Cases(cases) => {
                let case = self.chosen(name, &cases);
                let bytes = tag_bytes(cases.len());
                self.write(at, &(case as u32).to_le_bytes()[..usize::from(bytes)]);
                let weak = Weak::Cases(cases.len() as u32);
                self.note(memory(at, bytes), Some((path.to_owned(), weak)));
                if let Some(payload) = &cases[case] {
                    let offset = self.contract.payload(&cases);
                    self.store(path, name, payload, at + offset);
                }
            }
            Shape::Handle => self.note(memory(at, 4), Some((path.to_owned(), Weak::Handle))),
            Shape::Flags => {
                let bytes = self.contract.size(ty) as u8;
                self.note(memory(at, bytes), Some((path.to_owned(), Weak::Integer)));
            }
        }
    }

    /// Address and length of a list or a text, in memory.
    fn list(&mut self, path: &str, at: u32, list: (u32, u32), of: Option<&Type>) {
        for (weak, (at, value)) in self
            .weak_list(list, of)
            .into_iter()
            .zip([(at, list.0), (at + 4, list.1)])
        {
            self.write(at, &value.to_le_bytes());
            let place = Place::Memory { at, bytes: 4 };
            self.note(place, weak.map(|weak| (path.to_owned(), weak)));
        }
    }

    /// The arguments that a value is passed as. Their places are the next ones, in order.
    fn flat(&mut self, path: &str, name: &str, ty: &Type) -> Vec<Flat> {
        let one = |bits, weak| {
            vec![Flat {
                bits,
                weak: Some((path.to_owned(), weak)),
            }]
        };
        match self.contract.shape(name, ty) {
            Shape::Scalar(scalar) => {
                let (bits, weak) = scalar_of(&scalar, name);
                one(bits, weak)
            }
            Shape::Text(meaning) => {
                let text = self.text(&meaning);
                self.flat_list(path, text, None)
            }
            Shape::List(element) => {
                let list = self.elements(path, name, &element);
                self.flat_list(path, list, Some(&element))
            }
            Shape::Fields(fields) => {
                let mut all = Vec::new();
                for (field, ty) in &fields {
                    all.extend(self.flat(&format!("{path}.{field}"), field, ty));
                }
                all
            }
            Shape::Cases(cases) => {
                let case = self.chosen(name, &cases);
                let mut all = one(case as u64, Weak::Cases(cases.len() as u32));
                if let Some(payload) = &cases[case] {
                    all.extend(self.flat(path, name, payload));
                }
                let nothing = || Flat {
                    bits: 0,
                    weak: None,
                };
                all.resize_with(self.contract.flat(ty).len(), nothing);
                all
            }
            Shape::Handle => one(1, Weak::Handle),
            Shape::Flags => one(0, Weak::Integer),
        }
    }

    fn flat_list(&self, path: &str, list: (u32, u32), of: Option<&Type>) -> Vec<Flat> {
        let flat = |(weak, bits): (Option<Weak>, u32)| Flat {
            bits: u64::from(bits),
            weak: weak.map(|weak| (path.to_owned(), weak)),
        };
        let weak = self.weak_list(list, of).into_iter();
        weak.zip([list.0, list.1]).map(flat).collect()
    }
}

/// A number that means little, and how it can be wrong.
fn scalar_of(ty: &Type, name: &str) -> (u64, Weak) {
    let small = match name {
        "limit" => 10,
        "offset" => 0,
        _ => 1,
    };
    match ty {
        Type::Bool => (1, Weak::Bool),
        Type::Char => (u64::from('a'), Weak::Char),
        Type::F32 => (u64::from(1f32.to_bits()), Weak::F32),
        Type::F64 => (1f64.to_bits(), Weak::F64),
        _ => (small, Weak::Integer),
    }
}
