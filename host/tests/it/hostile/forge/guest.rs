//! A guest whose every event is the number of a call that it makes.

use std::fmt::Write as _;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::abi::WasmType;

use super::evil::{Change, Evil};
use super::good::{Call, Place};
use super::{ARGUMENTS, Contract, HEAP, MEMORY, RESULT};

/// Where the manifest lies, and its address and length.
const MANIFEST: u32 = 1024;
const DESCRIPTION: u32 = 512;
/// Where an `ok` is found, and anything else that is all zero.
const OK: u32 = 16;

/// Call the function of `call`, changed as `evil` says.
pub(in crate::hostile) struct Case<'a> {
    pub(in crate::hostile) call: &'a Call,
    pub(in crate::hostile) evil: &'a Evil,
}

/// What the guest looks for after each call, in all that the host has put into its memory. Where it finds
/// it, its run ends in a trap.
pub(in crate::hostile) struct Look(pub(in crate::hostile) &'static str);

/// The component: an agent named `forged`, which handles events of the type `forged.run` whose payload is
/// the number of a case, and describes itself so.
pub(in crate::hostile) fn component(
    contract: &Contract,
    description: &str,
    cases: &[Case<'_>],
    look: Option<&Look>,
) -> Vec<u8> {
    let text = module(contract, description, cases, look);
    let mut module = wat::parse_str(text).unwrap_or_else(|e| panic!("{e}"));
    let (resolve, world) = (&contract.resolve, contract.world);
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8).unwrap();
    let mut encoder = ComponentEncoder::default().module(&module).unwrap();
    encoder.encode().unwrap_or_else(|e| panic!("{e:?}"))
}

fn module(
    contract: &Contract,
    description: &str,
    cases: &[Case<'_>],
    look: Option<&Look>,
) -> String {
    let manifest = serde_json::json!({
        "name": "forged",
        "kind": "agent",
        "description": description,
        "subscriptions": [{ "topic": "business-facts", "type": "forged.run" }],
        "settings": { "attempts": 1, "concurrency": 64 },
    })
    .to_string();
    let mut functions = Functions::default();
    let log = functions.of_log(contract);
    let mut code = String::new();
    let mut items = String::new();
    let mut images = Images::default();
    for (number, case) in cases.iter().enumerate() {
        let function = functions.of(case.call);
        let _ = write!(items, "$c{number} ");
        let _ = write!(code, "(func $c{number}");
        write_case(&mut code, case, images.of(&case.call.memory), function);
        if let Some(error) = &case.call.error {
            write_error(&mut code, error, log);
        }
        if look.is_some() {
            code.push_str("(call $look)");
        }
        code.push_str(")\n");
    }
    let look = look.map(|look| looking(look.0)).unwrap_or_default();
    format!(
        r#"(module {imports}
            (type $case (func))
            (memory (export "memory") {pages})
            (table {count} funcref) (elem (i32.const 0) {items})
            (global $heap (mut i32) (i32.const {HEAP}))
            (global $evil (mut i32) (i32.const 0))
            (global $place (mut i32) (i32.const 0))
            (data (i32.const {DESCRIPTION}) "{at}{length}")
            (data (i32.const {MANIFEST}) "{manifest}")
            (data $images "{images}")
            {look} {code} {FIXED}
            (func (export "describe") (result i32) (i32.const {DESCRIPTION}))
            (func (export "handle") (param $event i32) (result i32)
                (call_indirect (type $case)
                    (call $number (i32.load offset={data} (local.get $event))
                                  (i32.load offset={data_length} (local.get $event))))
                (i32.const {OK})))"#,
        imports = functions.imports,
        pages = MEMORY >> 16,
        count = cases.len(),
        at = text(&MANIFEST.to_le_bytes()),
        length = text(&(manifest.len() as u32).to_le_bytes()),
        manifest = text(manifest.as_bytes()),
        images = text(&images.bytes),
        data = contract.data_of_event(),
        data_length = contract.data_of_event() + 4,
    )
}

/// An allocator that lies when it is told to, and the number that a text says.
const FIXED: &str = r#"
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        (local $at i32)
        (if (global.get $evil) (then (return (global.get $place))))
        (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
        (global.set $heap (i32.add (local.get $at) (local.get 3)))
        (block $fits
            (br_if $fits (i32.le_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536))))
            (br_if $fits (i32.ge_s (memory.grow (i32.const 32)) (i32.const 0)))
            unreachable)
        (local.get $at))
    (func $number (param $at i32) (param $left i32) (result i32)
        (local $number i32)
        (loop $more
            (local.set $number (i32.add
                (i32.mul (local.get $number) (i32.const 10))
                (i32.sub (i32.load8_u (local.get $at)) (i32.const 48))))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (br_if $more (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
        (local.get $number))"#;

/// A function that ends the run if these sixteen bytes are in what the host brought. As numbers they are
/// in the code, and not in the memory that is looked through.
fn looking(mark: &str) -> String {
    let half = |at: usize| {
        let bytes = mark.as_bytes()[at..at + 8].try_into().unwrap();
        u64::from_le_bytes(bytes)
    };
    format!(
        r"(func $look (local $at i32)
            (local.set $at (i32.const {HEAP}))
            (loop $more
                (if (i64.eq (i64.load (local.get $at)) (i64.const {:#x}))
                    (then (if (i64.eq (i64.load offset=8 (local.get $at)) (i64.const {:#x}))
                        (then unreachable))))
                (br_if $more (i32.lt_u
                    (local.tee $at (i32.add (local.get $at) (i32.const 1)))
                    (i32.sub (global.get $heap) (i32.const 15))))))",
        half(0),
        half(8)
    )
}

/// The functions that are imported, each once.
#[derive(Default)]
struct Functions {
    names: Vec<String>,
    imports: String,
}

impl Functions {
    fn of(&mut self, call: &Call) -> usize {
        let name = call.import.name();
        if let Some(at) = self.names.iter().position(|known| *known == name) {
            return at;
        }
        let number = self.names.len();
        let params: String = call.params.iter().map(|ty| core_type(*ty)).collect();
        let result = if call.results == 1 {
            "(result i32)"
        } else {
            ""
        };
        let _ = writeln!(
            self.imports,
            r#"(import "{}" "{}" (func $f{number} (param {params}) {result}))"#,
            call.import.interface, call.import.function.name,
        );
        self.names.push(name);
        number
    }

    /// The agent's log, which errors are written to.
    fn of_log(&mut self, contract: &Contract) -> usize {
        let imports = contract.imports();
        let log = imports.iter().find(|import| import.name() == "log.log");
        let words = super::Words {
            of: |_, _| String::new(),
            mark: "",
            full: false,
        };
        self.of(&contract.call(log.unwrap(), &words))
    }
}

fn core_type(ty: WasmType) -> &'static str {
    match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32 ",
        WasmType::I64 | WasmType::PointerOrI64 => "i64 ",
        WasmType::F32 => "f32 ",
        WasmType::F64 => "f64 ",
    }
}

/// What lies in memory, each image once.
#[derive(Default)]
struct Images {
    bytes: Vec<u8>,
    known: Vec<(usize, Vec<u8>)>,
}

impl Images {
    fn of(&mut self, image: &[u8]) -> usize {
        if let Some((at, _)) = self.known.iter().find(|(_, known)| known == image) {
            return *at;
        }
        let at = self.bytes.len();
        self.bytes.extend(image);
        self.known.push((at, image.to_vec()));
        at
    }
}

fn write_case(code: &mut String, case: &Case<'_>, image: usize, function: usize) {
    let bytes = case.call.memory.len();
    let _ = write!(
        code,
        "(memory.init $images (i32.const {ARGUMENTS}) (i32.const {image}) (i32.const {bytes}))"
    );
    let mut args = case.call.args.clone();
    for change in &case.evil.changes {
        match change {
            Change::Value(Place::Argument(index), value) => args[*index] = *value,
            Change::Value(Place::Memory { at, bytes }, value) => {
                let value = value.to_le_bytes();
                write_bytes(code, *at, &value[..usize::from(*bytes)]);
            }
            Change::Bytes(at, bytes) => write_bytes(code, *at, bytes),
        }
    }
    if let Some(place) = case.evil.realloc {
        let _ = write!(
            code,
            "(global.set $place (i32.const {place:#x})) (global.set $evil (i32.const 1))"
        );
    }
    for (bits, ty) in args.iter().zip(&case.call.params) {
        let low = *bits as u32;
        let _ = match core_type(*ty).trim() {
            "i64" => write!(code, "(i64.const {bits:#x})"),
            "f32" => write!(code, "(f32.reinterpret_i32 (i32.const {low:#x}))"),
            "f64" => write!(code, "(f64.reinterpret_i64 (i64.const {bits:#x}))"),
            _ => write!(code, "(i32.const {low:#x})"),
        };
    }
    let _ = write!(code, "(call $f{function})");
    code.push_str(&"(drop)".repeat(case.call.results));
    if case.evil.realloc.is_some() {
        code.push_str("(global.set $evil (i32.const 0))");
    }
}

fn write_bytes(code: &mut String, at: u32, bytes: &[u8]) {
    for (at, byte) in (at..).zip(bytes) {
        let _ = write!(code, "(i32.store8 (i32.const {at}) (i32.const {byte}))");
    }
}

/// Log what an error says. The case of an error is its first byte, its text lies behind that.
fn write_error(code: &mut String, (payload, texts): &(u32, Vec<bool>), log: usize) {
    let error = RESULT + payload;
    let cases = texts.iter().enumerate().filter(|(_, text)| **text);
    let mask = cases.fold(0, |mask, (case, _)| mask | 1 << case);
    let _ = write!(
        code,
        "(if (i32.and (i32.load8_u (i32.const {RESULT}))
                (i32.shr_u (i32.const {mask}) (i32.load8_u (i32.const {error}))))
            (then (call $f{log} (i32.const 2)
                (i32.load (i32.const {})) (i32.load (i32.const {})) (i32.const 0) (i32.const 0))))",
        error + 4,
        error + 8,
    );
}

/// Bytes as a string of WebAssembly text.
fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 3);
    for byte in bytes {
        let _ = write!(text, "\\{byte:02x}");
    }
    text
}
