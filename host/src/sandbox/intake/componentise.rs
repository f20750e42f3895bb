//! A core module → the component that it wants to be.
//!
//! It says so in metadata that its compiler embedded, or by its exports: compilers without a way to embed any (Go's, C's
//! without an extra object file) name imports and exports as the contract does, and then it is the world `agent`.
//!
//! Invariant: it runs in the child only ([`super::child`]): the encoder and the readers under it were
//! written for the output of compilers, not for that of attackers. It decides nothing about worlds.

use std::borrow::Cow;

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding};

use super::world;

/// Custom sections that carry what the module's component imports and exports begin with this.
const METADATA_SECTION: &str = "component-type";
/// What older toolchains call WASI preview 1.
const WASI_UNSTABLE: &str = "wasi_unstable";
/// What a program that runs and exits exports instead of functions to call.
const COMMAND_EXPORT: &str = "_start";
/// What an agent exports.
const AGENT_EXPORTS: [&str; 2] = ["describe", "handle"];
/// How many names of imports an error lists.
const NAMES_SHOWN: usize = 5;

/// Make a component of a core module, with the adapter for WASI preview 1 where it imports that.
///
/// # Errors
/// One sentence for its author: what is wrong and what to do.
pub(super) fn componentise(module: &[u8]) -> Result<Vec<u8>, String> {
    let parts = Parts::read(module)?;
    parts.check()?;
    let failed = |error| format!("no component can be made of this core module: {error:#}");
    let mut module = Cow::Borrowed(module);
    if !parts.metadata {
        let (resolve, world) = world::contract()?;
        let encoding = StringEncoding::UTF8;
        wit_component::embed_component_metadata(module.to_mut(), &resolve, world, encoding)
            .map_err(failed)?;
    }
    let mut encoder = ComponentEncoder::default()
        .module(&module)
        .map_err(failed)?;
    if parts.wasi {
        encoder = encoder
            .adapter(
                WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
                WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
            )
            .map_err(failed)?;
    }
    encoder.encode().map_err(failed)
}

/// What of a module decides whether the encoder can do anything with it.
#[derive(Default)]
struct Parts {
    metadata: bool,
    wasi: bool,
    wasi_unstable: bool,
    command: bool,
    /// How many of an agent's exports it has.
    agent_exports: usize,
    /// Imports whose module is no name that a component could give.
    strangers: Vec<String>,
}

impl Parts {
    fn read(module: &[u8]) -> Result<Self, String> {
        let mut parts = Self::default();
        let malformed = |e| format!("not valid: {e}");
        for payload in Parser::new(0).parse_all(module) {
            match payload.map_err(malformed)? {
                Payload::CustomSection(section) => {
                    parts.metadata |= section.name().starts_with(METADATA_SECTION);
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import.map_err(malformed)?;
                        parts.import(import.module, import.name);
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let name = export.map_err(malformed)?.name;
                        parts.command |= name == COMMAND_EXPORT;
                        parts.agent_exports += usize::from(AGENT_EXPORTS.contains(&name));
                    }
                }
                _ => {}
            }
        }
        Ok(parts)
    }

    fn import(&mut self, module: &str, name: &str) {
        if module == WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME {
            self.wasi = true;
        } else if module == WASI_UNSTABLE {
            self.wasi_unstable = true;
        } else if !could_be_of_a_component(module) {
            self.strangers.push(format!("`{module}` `{name}`"));
        }
    }

    fn check(&self) -> Result<(), String> {
        if !self.metadata && !self.command && self.agent_exports < AGENT_EXPORTS.len() {
            return Err(
                "this is a core module without component metadata, and it does not export `describe` and `handle`: \
                 build it with wit-bindgen or an SDK, \
                 or make a component of it with `wasm-tools component embed` and `component new`"
                    .into(),
            );
        }
        if self.command {
            return Err(format!(
                "this is a WASI command (it exports `{COMMAND_EXPORT}`), which runs once and exits: build it as a \
                 reactor or library that exports `describe` and `handle`"
            ));
        }
        if self.wasi_unstable {
            return Err(format!(
                "it imports `{WASI_UNSTABLE}`, which came before `{WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME}`: \
                 build it with a newer toolchain"
            ));
        }
        if self.strangers.is_empty() {
            return Ok(());
        }
        let shown: Vec<&str> = self
            .strangers
            .iter()
            .take(NAMES_SHOWN)
            .map(String::as_str)
            .collect();
        let more = self.strangers.len().saturating_sub(NAMES_SHOWN);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        Err(format!(
            "it imports {}{more}, which no WIT interface provides: symbols that were left undefined when it was \
             linked end up there",
            shown.join(", ")
        ))
    }
}

/// Whether the encoder gives meaning to imports from a module of this name: an interface (`a:b/c`), the
/// world itself (`$root`), functions that the encoder makes (`[export]…`), the newer mangling (`cm32p2…`).
fn could_be_of_a_component(module: &str) -> bool {
    module.contains(':')
        || module.starts_with('$')
        || module.starts_with('[')
        || module.starts_with("cm32p2")
}
