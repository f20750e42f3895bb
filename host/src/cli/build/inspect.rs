//! What is in a WebAssembly file: its kind, and the interfaces it asks the host for.
//!
//! Reads only the outermost level. Whether the host takes it, the host says.

use std::collections::BTreeSet;

use serde::Serialize;
use wasmparser::{ComponentTypeRef, Encoding, Parser, Payload};

use crate::cli::failure::{Failure, Result};
use crate::sandbox::intake;

/// What is in a file.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Contents {
    /// `component` or `module`.
    pub(crate) kind: &'static str,
    /// The interfaces it imports, once each, by name.
    pub(crate) imports: Vec<String>,
}

/// Look into a file.
///
/// # Errors
/// `Usage` if it is not WebAssembly.
pub(crate) fn contents(bytes: &[u8]) -> Result<Contents> {
    // In the words of the host: the parser would say so byte by byte, over a dozen lines.
    intake::check_format(bytes)
        .map_err(|error| Failure::from(error).hint("`warren build` makes one; nothing was sent"))?;
    read(bytes).map_err(|error| {
        Failure::usage(format!("the WebAssembly file is damaged: {error}"))
            .hint("build it again, or copy it again if it was cut short on its way here")
    })
}

fn read(bytes: &[u8]) -> wasmparser::Result<Contents> {
    let mut kind = "module";
    let mut imports = BTreeSet::new();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::Version {
                encoding: Encoding::Component,
                ..
            } if depth == 0 => kind = "component",
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ImportSection(section) if depth == 0 => {
                for import in section.into_imports() {
                    imports.insert(import?.module.to_owned());
                }
            }
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let import = import?;
                    // Types are no more than words for what is imported with them.
                    if !matches!(import.ty, ComponentTypeRef::Type(_)) {
                        imports.insert(import.name.name.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    Ok(Contents {
        kind,
        imports: imports.into_iter().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::failure::Exit;

    #[test]
    fn imports_are_listed_once_and_inner_ones_left_out() {
        let check = |text: &str, kind: &str, imports: &[&str]| {
            let got = contents(&wat::parse_str(text).unwrap()).unwrap();
            assert_eq!(
                (got.kind, got.imports.as_slice()),
                (kind, imports.map_owned().as_slice())
            );
        };
        check("(module)", "module", &[]);
        check(
            r#"(module (import "warren:agent/log@0.1.0" "log" (func))
                       (import "warren:agent/log@0.1.0" "other" (func))
                       (import "a" "b" (func)))"#,
            "module",
            &["a", "warren:agent/log@0.1.0"],
        );
        check(
            r#"(component (core module (import "inner" "x" (func))) (import "host:a/b" (instance))
                          (import "event" (type (sub resource))))"#,
            "component",
            &["host:a/b"],
        );
    }

    #[test]
    fn what_is_not_webassembly_is_a_usage_error() {
        let check = |bad: &[u8], words: &str| {
            let failure = contents(bad).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage, "{bad:?}");
            let told = failure.to_string();
            assert!(told.contains(words) && !told.contains('\n'), "{told}");
        };
        check(b"", "an empty file");
        check(b"hello", "a text file");
        check(b"\0asm", "ends inside its header");
        check(b"\x7fELF\x02\x01\x01\0", "an ELF program");
        check(b"\0asm\x01\0\0\0\x01", "damaged");
    }

    trait MapOwned {
        fn map_owned(&self) -> Vec<String>;
    }

    impl MapOwned for [&str] {
        fn map_owned(&self) -> Vec<String> {
            self.iter().map(|text| (*text).to_owned()).collect()
        }
    }
}
