//! Small guests, written by hand: a core module that carries the metadata of a world, and the component
//! that the encoder makes of it.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, SourceMap, WorldId};

/// The manifest of [`module`].
pub(super) const MANIFEST: &str = r#"{"name":"tiny","kind":"agent","subscriptions":[{"topic":"business-facts","type":"order.placed"}]}"#;

/// The contract, with some text of it replaced.
pub(super) fn world_with(replace: &[(&str, &str)]) -> (Resolve, WorldId) {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit");
    let mut files = SourceMap::new();
    for name in ["events", "host", "memory", "registry", "types", "world"] {
        let mut text = std::fs::read_to_string(format!("{dir}/{name}.wit")).unwrap();
        for (from, to) in replace {
            text = text.replace(from, to);
        }
        files.push_str(&format!("{name}.wit"), text);
    }
    resolve(files)
}

fn resolve(files: SourceMap) -> (Resolve, WorldId) {
    let package = files.parse().map_err(|(_, e)| e.to_string()).unwrap();
    let mut resolve = Resolve::default();
    let package = resolve.push_group(package).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    (resolve, world)
}

/// A core module with metadata: `describe` returns `manifest`, `handle` does nothing. `extra` is more
/// WebAssembly text of it.
pub(super) fn module(manifest: &str, extra: &str) -> Vec<u8> {
    module_of(&world_with(&[]), manifest, extra)
}

/// The same for another world.
pub(super) fn module_of(
    (resolve, world): &(Resolve, WorldId),
    manifest: &str,
    extra: &str,
) -> Vec<u8> {
    let mut module = wat::parse_str(text(manifest, extra)).unwrap();
    embed_component_metadata(&mut module, resolve, *world, StringEncoding::UTF8).unwrap();
    module
}

/// [`module`] before it is given metadata.
pub(super) fn text(manifest: &str, extra: &str) -> String {
    let escaped = bytes(manifest.as_bytes());
    let len = bytes(&(manifest.len() as u32).to_le_bytes());
    format!(
        r#"(module
            {extra}
            (memory (export "memory") 2)
            (global $free (mut i32) (i32.const 65536))
            (data (i32.const 0) "\10\00\00\00{len}")
            (data (i32.const 16) "{escaped}")
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (global.set $free (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
                global.get $free
                (global.set $free (i32.add (global.get $free) (local.get 3))))
            (func (export "describe") (result i32) i32.const 0)
            (func (export "handle") (param i32) (result i32) i32.const 32768))"#
    )
}

/// Bytes as a string of WebAssembly text.
fn bytes(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string().replace("\\x", "\\")
}

/// The component of a module with metadata.
pub(super) fn component(module: &[u8]) -> Vec<u8> {
    ComponentEncoder::default()
        .module(module)
        .unwrap()
        .encode()
        .unwrap()
}
