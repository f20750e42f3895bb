//! What a component imports and exports, against the worlds that are linked.
//!
//! Invariant: what is refused here is refused in words that name the interface, its version and what
//! there is instead. Signatures of the contract are compared here; those of WASI are left to the linker,
//! whose word is final for both. It knows names and types, never what a function does.

mod name;
mod signature;

use std::collections::BTreeMap;

use wasmparser::Validator;
use wasmparser::component_types::{ComponentAnyTypeId, ComponentEntityType};
use wasmparser::types::TypesRef;
use wit_component::StringEncoding;
use wit_parser::{Resolve, SourceMap, WorldId};

use crate::error::{Error, Result};
use crate::registry::GrantSet;

use super::precheck::{Checked, FEATURES};
use name::{InterfaceName, Version};
use signature::look_up;

/// The contract, as files that are part of this program.
const CONTRACT: [(&str, &str); 6] = [
    ("events.wit", include_str!("../../../../wit/events.wit")),
    ("host.wit", include_str!("../../../../wit/host.wit")),
    ("memory.wit", include_str!("../../../../wit/memory.wit")),
    ("registry.wit", include_str!("../../../../wit/registry.wit")),
    ("types.wit", include_str!("../../../../wit/types.wit")),
    ("world.wit", include_str!("../../../../wit/world.wit")),
];
/// Its package, and the world that an agent targets.
const PACKAGE: &str = "warren:agent";
const WORLD: &str = "agent";

/// What there is of WASI, all of it in this version.
const WASI_VERSION: Version = Version {
    major: 0,
    minor: 2,
    patch: 0,
};
const WASI: &[(&str, &[&str])] = &[
    (
        "wasi:cli",
        &[
            "environment",
            "exit",
            "stderr",
            "stdin",
            "stdout",
            "terminal-input",
            "terminal-output",
            "terminal-stderr",
            "terminal-stdin",
            "terminal-stdout",
        ],
    ),
    ("wasi:clocks", &["monotonic-clock", "wall-clock"]),
    ("wasi:filesystem", &["preopens", "types"]),
    ("wasi:http", &["outgoing-handler", "types"]),
    ("wasi:io", &["error", "poll", "streams"]),
    ("wasi:random", &["insecure", "insecure-seed", "random"]),
];

/// A package that people try to import and that nothing gives, with what to say.
const SOCKETS: &str = "wasi:sockets";
/// What nobody imports without asking for a host.
const HTTP: &str = "wasi:http/outgoing-handler@";

/// Check that a component which can ask over HTTP says whom: what is imported bounds what an agent can do, and its manifest
/// is what it asks for.
///
/// # Errors
/// `Denied` that names the import.
pub(super) fn check_asked(imports: &[String], grants: &GrantSet) -> Result<()> {
    let import = imports.iter().find(|import| import.starts_with(HTTP));
    match import.filter(|_| grants.http().len() == 0) {
        None => Ok(()),
        Some(import) => Err(Error::Denied {
            what: format!(
                "import `{import}` (outgoing HTTP), for which the manifest asks for no host,"
            )
            .into(),
            grant: "http:HOST".into(),
        }),
    }
}

/// The signatures of an interface's functions, by name.
type Functions = BTreeMap<String, String>;

/// The contract's files and the world in them that an agent targets.
pub(super) fn contract() -> std::result::Result<(Resolve, WorldId), String> {
    let mut files = SourceMap::new();
    for (name, text) in CONTRACT {
        files.push_str(name, text);
    }
    let package = files.parse().map_err(|(_, e)| e.to_string())?;
    let mut resolve = Resolve::default();
    let package = resolve.push_group(package).map_err(|e| e.to_string())?;
    let world = resolve
        .select_world(&[package], Some(WORLD))
        .map_err(|e| e.to_string())?;
    Ok((resolve, world))
}

/// The world `agent` as the host links it.
#[derive(Debug)]
pub(super) struct Contract {
    version: Version,
    /// By the interface's name within the package.
    interfaces: BTreeMap<String, Functions>,
    exports: Functions,
}

impl Contract {
    /// Read the contract that this program carries.
    ///
    /// # Errors
    /// `Internal` if it is not WIT, which a test rules out.
    pub(super) fn load() -> Result<Self> {
        let broken = |e: String| Error::internal("reading the embedded WIT", e);
        let (resolve, world) = contract().map_err(broken)?;
        let encoded = wit_component::metadata::encode(&resolve, world, StringEncoding::UTF8, None)
            .map_err(|e| broken(e.to_string()))?;
        let types = Validator::new_with_features(FEATURES)
            .validate_all(&encoded)
            .map_err(|e| broken(e.to_string()))?;
        Self::of(types.as_ref())
            .ok_or_else(|| broken("the world is not encoded as expected".into()))
    }

    /// The encoding is a component that exports one type: that of a component which exports the world.
    fn of(types: TypesRef<'_>) -> Option<Self> {
        let ComponentEntityType::Type {
            referenced: ComponentAnyTypeId::Component(outer),
            ..
        } = types.component_item_for_export(WORLD)?.ty
        else {
            return None;
        };
        let (name, world) = look_up(&types, outer).exports.iter().next()?;
        let ComponentEntityType::Component(world) = world.ty else {
            return None;
        };
        let version = InterfaceName::parse(name)?.version?;
        let mut interfaces = BTreeMap::new();
        for (name, item) in &look_up(&types, world).imports {
            if let (Some(name), ComponentEntityType::Instance(id)) =
                (InterfaceName::parse(name), item.ty)
            {
                let functions = signature::functions(types, &look_up(&types, id).exports);
                interfaces.insert(name.interface.to_owned(), functions);
            }
        }
        Some(Self {
            version,
            interfaces,
            exports: signature::functions(types, &look_up(&types, world).exports),
        })
    }

    /// Check a component's imports and exports, and list the interfaces that it imports.
    ///
    /// # Errors
    /// `Invalid` that names what does not fit.
    pub(super) fn check(&self, component: &Checked) -> Result<Vec<String>> {
        let types = component.types.as_ref();
        let mut imports = Vec::new();
        for import in &component.imports {
            let item = types.component_item_for_import(import);
            match item.map(|item| item.ty) {
                // What a world's `use` leaves: a name for a type of an interface.
                Some(ComponentEntityType::Type { .. }) => {}
                Some(ComponentEntityType::Instance(id)) => {
                    let functions = signature::functions(types, &look_up(&types, id).exports);
                    self.check_import(import, &functions)?;
                    imports.push(import.clone());
                }
                _ => {
                    return Err(refuse(format!(
                        "it imports `{import}`, which belongs to no interface; {}",
                        self.available()
                    )));
                }
            }
        }
        self.check_exports(component)?;
        Ok(imports)
    }

    fn check_import(&self, import: &str, functions: &Functions) -> Result<()> {
        let Some(name) = InterfaceName::parse(import) else {
            return Err(self.unknown(import));
        };
        if name.package == PACKAGE {
            return self.check_own(import, &name, functions);
        }
        let linked = WASI.iter().any(|(package, interfaces)| {
            *package == name.package && interfaces.contains(&name.interface)
        });
        if linked {
            return check_version(import, &name, WASI_VERSION);
        }
        match name.package {
            SOCKETS => Err(refuse(format!(
                "it imports `{import}`: agents have no sockets and no grant gives them any; leave them out of \
                 the build (componentize-py: `--stub-wasi`)"
            ))),
            _ => Err(self.unknown(import)),
        }
    }

    fn check_own(&self, import: &str, name: &InterfaceName<'_>, wanted: &Functions) -> Result<()> {
        let Some(linked) = self.interfaces.get(name.interface) else {
            return Err(self.unknown(import));
        };
        check_version(import, name, self.version)?;
        for (function, wanted) in wanted {
            let Some(linked) = linked.get(function) else {
                return Err(refuse(format!(
                    "it imports `{function}` of `{import}`, which `{PACKAGE}/{}@{}` of this host does not have",
                    name.interface, self.version
                )));
            };
            if wanted != linked {
                return Err(refuse(format!(
                    "it imports `{function}` of `{import}` with another signature: {}",
                    signature::difference(wanted, linked)
                )));
            }
        }
        Ok(())
    }

    fn check_exports(&self, component: &Checked) -> Result<()> {
        let types = component.types.as_ref();
        let world = format!("{PACKAGE}/{WORLD}@{}", self.version);
        for (function, wanted) in &self.exports {
            let got = match types
                .component_item_for_export(function)
                .map(|item| item.ty)
            {
                Some(ComponentEntityType::Func(id)) => signature::function(types, id),
                Some(_) => {
                    return Err(refuse(format!(
                        "its export `{function}` is not a function; the world `{world}` wants one"
                    )));
                }
                None => return Err(missing(function, &world, &component.exports)),
            };
            if got != *wanted {
                return Err(refuse(format!(
                    "its export `{function}` has another signature than in the world `{world}`: {}",
                    signature::difference(&got, wanted)
                )));
            }
        }
        Ok(())
    }

    fn unknown(&self, import: &str) -> Error {
        refuse(format!(
            "it imports `{import}`, which this host does not have; {}",
            self.available()
        ))
    }

    fn available(&self) -> String {
        let own: Vec<&str> = self.interfaces.keys().map(String::as_str).collect();
        let wasi: Vec<String> = WASI
            .iter()
            .map(|(package, interfaces)| format!("{package}/{{{}}}", interfaces.join(", ")))
            .collect();
        format!(
            "there are {PACKAGE}/{{{}}}@{} and, in version {}.{}, {}",
            own.join(", "),
            self.version,
            WASI_VERSION.major,
            WASI_VERSION.minor,
            wasi.join(", ")
        )
    }
}

fn check_version(import: &str, name: &InterfaceName<'_>, linked: Version) -> Result<()> {
    let Some(wanted) = name.version else {
        return Err(refuse(format!(
            "it imports `{import}` without a version; this host has version {linked}"
        )));
    };
    if linked.serves(wanted) {
        return Ok(());
    }
    Err(refuse(format!(
        "it imports `{import}`, and this host has `{}/{}@{linked}`: build it against WIT of version {}",
        name.package,
        name.interface,
        linked.series()
    )))
}

fn missing(function: &str, world: &str, exports: &[String]) -> Error {
    if exports
        .iter()
        .any(|export| export.starts_with("wasi:cli/run@"))
    {
        return refuse(format!(
            "it is a WASI command (it exports `wasi:cli/run`), which runs once and exits: build it as a library that \
             targets the world `{world}`"
        ));
    }
    let shown: Vec<String> = exports
        .iter()
        .take(8)
        .map(|name| format!("`{name}`"))
        .collect();
    let there = if shown.is_empty() {
        "nothing".to_owned()
    } else {
        shown.join(", ")
    };
    refuse(format!(
        "it does not export `{function}`, which the world `{world}` wants; it exports {there}"
    ))
}

fn refuse(reason: String) -> Error {
    Error::invalid("component", reason)
}

#[cfg(test)]
mod tests;
