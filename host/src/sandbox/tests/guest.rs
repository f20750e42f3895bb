//! Guests written as text: a core module of a few instructions, made a component of the contract's world.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::error::{Error, Result};
use crate::id::Digest;
use crate::sandbox::{ArtifactSource, engine};

/// Where a handler finds an `ok` result, and anything else that is all zero.
pub(in crate::sandbox) const OK: &str = "(i32.const 16)";
/// Where [`Guest::data`] begins.
pub(in crate::sandbox) const DATA: u32 = 4096;

/// As much of WASI as the guests here import.
const WASI: &str = r"
    package wasi:io@0.2.6;
    interface poll { resource pollable { block: func(); } }
    interface error { resource error; }
    interface streams {
        use error.{error};
        variant stream-error { last-operation-failed(error), closed }
        resource output-stream {
            blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>;
        }
    }";
const WASI_CLOCKS: &str = r"
    package wasi:clocks@0.2.6;
    interface monotonic-clock {
        use wasi:io/poll@0.2.6.{pollable};
        now: func() -> u64;
        subscribe-duration: func(when: u64) -> pollable;
    }";
const WASI_REST: &[&str] = &[
    "package wasi:cli@0.2.6;
     interface exit { exit: func(status: result); }
     interface environment {
         get-arguments: func() -> list<string>;
         get-environment: func() -> list<tuple<string, string>>;
     }
     interface stdout { use wasi:io/streams@0.2.6.{output-stream}; get-stdout: func() -> output-stream; }",
    "package wasi:filesystem@0.2.6;
     interface types { resource descriptor; }
     interface preopens {
         use types.{descriptor};
         get-directories: func() -> list<tuple<descriptor, string>>;
     }",
    "package wasi:random@0.2.6; interface random { get-random-bytes: func(len: u64) -> list<u8>; }",
    "package wasi:sockets@0.2.6; interface instance-network {
         resource network; instance-network: func() -> network; }",
];
const WORLD: &str = r"
    package test:guest;
    world guest {
        include warren:agent/agent@0.1.0;
        import wasi:clocks/monotonic-clock@0.2.6;
        import wasi:cli/exit@0.2.6;
        import wasi:cli/environment@0.2.6;
        import wasi:cli/stdout@0.2.6;
        import wasi:filesystem/preopens@0.2.6;
        import wasi:random/random@0.2.6;
        import wasi:sockets/instance-network@0.2.6;
    }";

/// What a guest is made of.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::sandbox) struct Guest {
    /// Imports and further functions.
    pub(in crate::sandbox) fields: &'static str,
    /// Instructions of `handle`: `$event` is the event, what is left is where the result is. Empty: ok.
    pub(in crate::sandbox) handle: &'static str,
    /// Instructions of `describe`. Empty: answers `{}`.
    pub(in crate::sandbox) describe: &'static str,
    /// Bytes at [`DATA`], as a WAT string.
    pub(in crate::sandbox) data: &'static str,
    /// Instructions of `cabi_realloc`, before its honest ones.
    pub(in crate::sandbox) realloc: &'static str,
    /// How its texts are encoded.
    pub(in crate::sandbox) encoding: StringEncoding,
}

impl Guest {
    /// A guest whose `handle` runs these instructions.
    pub(in crate::sandbox) fn handling(handle: &'static str) -> Self {
        Self {
            handle,
            ..Self::default()
        }
    }

    /// A guest whose `handle` returns what these bytes are.
    pub(in crate::sandbox) fn returning(data: &'static str) -> Self {
        Self {
            data,
            ..Self::handling("(i32.const 4096)")
        }
    }

    fn module(&self) -> String {
        let or = |text: &'static str, default| if text.is_empty() { default } else { text };
        format!(
            r#"(module
                {fields}
                (memory (export "memory") 4)
                (global $heap (mut i32) (i32.const 65536))
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                    (local $at i32)
                    {realloc}
                    (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
                    (global.set $heap (i32.add (local.get $at) (local.get 3)))
                    (block $fits
                        (br_if $fits (i32.le_u (global.get $heap)
                            (i32.mul (memory.size) (i32.const 65536))))
                        (br_if $fits (i32.ge_s (memory.grow (i32.const 32)) (i32.const 0)))
                        unreachable)
                    (local.get $at))
                (data (i32.const 2048) "{{}}")
                (data (i32.const 2056) "\00\08\00\00\02\00\00\00")
                (data (i32.const {DATA}) "{data}")
                (func (export "describe") (result i32) {describe})
                (func (export "handle") (param $event i32) (result i32) (local $i i32) {handle}))"#,
            fields = self.fields,
            data = self.data,
            realloc = self.realloc,
            describe = or(self.describe, "(i32.const 2056)"),
            handle = or(self.handle, OK),
        )
    }

    /// The component's bytes.
    pub(in crate::sandbox) fn component(&self) -> Vec<u8> {
        let mut resolve = Resolve::default();
        let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit");
        resolve.push_dir(wit).expect("the contract");
        for (number, text) in [WASI, WASI_CLOCKS].iter().chain(WASI_REST).enumerate() {
            let name = format!("wasi{number}.wit");
            resolve.push_str(name, text).expect("the part of WASI");
        }
        let package = resolve.push_str("world.wit", WORLD).expect("the world");
        let world = resolve.select_world(&[package], None).expect("one world");
        let mut module = wat::parse_str(self.module()).unwrap_or_else(|e| panic!("{e}"));
        embed_component_metadata(&mut module, &resolve, world, self.encoding).expect("meta");
        let mut encoder = ComponentEncoder::default().module(&module).expect("module");
        encoder.encode().unwrap_or_else(|e| panic!("{e:?}"))
    }
}

/// Artifacts made in this process, with nothing to prove: tests trust themselves.
#[derive(Default)]
pub(in crate::sandbox) struct Artifacts {
    made: Mutex<HashMap<Digest, Vec<u8>>>,
    pub(in crate::sandbox) loads: AtomicUsize,
}

impl Artifacts {
    /// Compile a component and keep its machine code.
    pub(in crate::sandbox) fn add(&self, component: &[u8]) -> Digest {
        let digest = Digest::of(component);
        let compiler = engine::compile_engine().expect("compiler");
        let artifact = compiler.precompile_component(component).expect("compiles");
        self.made.lock().insert(digest, artifact);
        digest
    }
}

impl ArtifactSource for Arc<Artifacts> {
    fn load(&self, digest: Digest) -> Result<Vec<u8>> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        let made = self.made.lock();
        let artifact = made.get(&digest).cloned();
        artifact.ok_or_else(|| Error::not_found("component", digest.hex()))
    }
}
