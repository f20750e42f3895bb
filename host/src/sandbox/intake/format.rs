//! What was uploaded, told from its first bytes.
//!
//! Invariant: nothing but a WebAssembly binary of the two layers we know passes, and machine code (ELF,
//! `.cwasm`) is refused here by name: no path of the host takes compiled code from anyone.

use crate::error::{Error, Result};

use super::precheck::IntakeLimits;

/// `\0asm`.
const WASM_MAGIC: &[u8; 4] = b"\0asm";
/// Version 1 of layer 0: a core module.
const MODULE_VERSION: &[u8; 4] = &[0x01, 0x00, 0x00, 0x00];
/// Version 0x0d of layer 1: a component.
const COMPONENT_VERSION: &[u8; 4] = &[0x0d, 0x00, 0x01, 0x00];
/// Where an ELF header names its system, and what wasmtime writes there.
const ELF_SYSTEM_BYTE: usize = 7;
const ELF_SYSTEM_WASMTIME: u8 = 200;
/// How much of a file tells whether it is text.
const TEXT_SAMPLE_BYTES: usize = 512;

/// The two kinds of WebAssembly binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A component.
    Component,
    /// A core module, which may carry what it takes to make a component of it.
    Module,
}

/// Check the size and tell the kind of an upload.
///
/// # Errors
/// `TooLarge` over `upload_bytes_max`; `Invalid` that names what was found instead of WebAssembly.
pub(super) fn recognise(upload: &[u8], limits: &IntakeLimits) -> Result<Kind> {
    if upload.len() as u64 > limits.upload_bytes_max {
        return Err(Error::TooLarge {
            limit: "intake.limits.upload_bytes_max",
            unit: "bytes",
            max: limits.upload_bytes_max,
            got: upload.len() as u64,
        });
    }
    kind(upload)
}

/// Tell the kind of an upload of any size.
///
/// # Errors
/// `Invalid` that names what was found instead of WebAssembly.
pub(super) fn kind(upload: &[u8]) -> Result<Kind> {
    let Some(rest) = upload.strip_prefix(WASM_MAGIC) else {
        return Err(refuse(&format!("this is {}", foreign(upload))));
    };
    match rest.get(..4) {
        Some(version) if version == COMPONENT_VERSION => Ok(Kind::Component),
        Some(version) if version == MODULE_VERSION => Ok(Kind::Module),
        Some(version) => Err(refuse(&format!(
            "this is WebAssembly of an encoding that no released tool writes (version bytes {version:02x?}; \
             a component has {COMPONENT_VERSION:02x?}, a core module {MODULE_VERSION:02x?})"
        ))),
        None => Err(refuse("the file ends inside its header")),
    }
}

fn refuse(what: &str) -> Error {
    Error::invalid(
        "component",
        format!("{what}; upload a WebAssembly component, or a core module with component metadata"),
    )
}

/// The name of a kind of file that people upload by mistake.
fn foreign(upload: &[u8]) -> &'static str {
    const SIGNATURES: &[(&[u8], &str)] = &[
        (b"\x1f\x8b", "a gzip archive (unpack it first)"),
        (b"PK\x03\x04", "a zip archive (unpack it first)"),
        (b"\x28\xb5\x2f\xfd", "a zstd archive (unpack it first)"),
        (b"\xfd7zXZ\x00", "an xz archive (unpack it first)"),
        (b"BZh", "a bzip2 archive (unpack it first)"),
        (b"MZ", "a Windows program"),
        (b"\xcf\xfa\xed\xfe", "a macOS program"),
        (b"\xca\xfe\xba\xbe", "a macOS program or a Java class"),
        (b"!<arch>", "an archive of object files"),
        (b"#!", "a script"),
    ];
    if upload.is_empty() {
        return "an empty file";
    }
    if upload.starts_with(b"\x7fELF") {
        return match upload.get(ELF_SYSTEM_BYTE) {
            Some(&ELF_SYSTEM_WASMTIME) => {
                "a precompiled component (`.cwasm`), which is never accepted: upload the component it was made from"
            }
            _ => "an ELF program or library",
        };
    }
    if let Some((_, name)) = SIGNATURES.iter().find(|(sig, _)| upload.starts_with(sig)) {
        return name;
    }
    text(upload).unwrap_or("not WebAssembly (its first four bytes are not `\\0asm`)")
}

fn text(upload: &[u8]) -> Option<&'static str> {
    let sample = upload.get(..TEXT_SAMPLE_BYTES).unwrap_or(upload);
    let text = match std::str::from_utf8(sample) {
        Ok(text) => text,
        // A character cut at the end of the sample is still text.
        Err(e) if e.error_len().is_none() => {
            std::str::from_utf8(sample.get(..e.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    if text.chars().any(|c| c.is_control() && !c.is_whitespace()) {
        return None;
    }
    let start = text.trim_start_matches('\u{feff}').trim_start();
    Some(if start.starts_with('(') || start.starts_with(";;") {
        "WebAssembly text (convert it with `wasm-tools parse`)"
    } else if start.starts_with("package ") || start.starts_with("interface ") {
        "WIT (upload the component that was built with it)"
    } else {
        "a text file"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_was_uploaded() {
        let check = |bytes: &[u8], expect: &str| {
            let got = match recognise(bytes, &IntakeLimits::default()) {
                Ok(kind) => format!("{kind:?}"),
                Err(e) => e.to_string(),
            };
            assert!(got.contains(expect), "{bytes:02x?}: {got}");
        };
        let mut cwasm = *b"\x7fELF\x02\x01\x01\x00";
        check(b"\0asm\x0d\0\x01\0", "Component");
        check(b"\0asm\x01\0\0\0", "Module");
        check(b"\0asm\x0d\0\x02\0", "version bytes [0d, 00, 02, 00]");
        check(b"\0asm\x0d", "ends inside its header");
        check(b"\0as", "first four bytes");
        check(b"", "an empty file");
        check(&cwasm, "an ELF program");
        cwasm[7] = 200;
        check(
            &cwasm,
            "precompiled component (`.cwasm`), which is never accepted",
        );
        check(b"\x1f\x8b\x08", "a gzip archive");
        check(b"PK\x03\x04....", "a zip archive");
        check(b"  ;; hello\n(module)", "WebAssembly text");
        check(b"(component)", "WebAssembly text");
        check(b"package warren:agent;", "WIT");
        check(b"{\"name\": \"agent\"}", "a text file");
        check("é".repeat(257).as_bytes(), "a text file");
        check(b"\x01\x02\x03\x04", "not WebAssembly");
    }

    #[test]
    fn holds_the_size_limit() {
        let limits = IntakeLimits {
            upload_bytes_max: 8,
            ..IntakeLimits::default()
        };
        assert!(recognise(b"\0asm\x0d\0\x01\0", &limits).is_ok());
        let error = recognise(b"\0asm\x0d\0\x01\0.", &limits).unwrap_err();
        assert_eq!(
            error.to_string(),
            "intake.limits.upload_bytes_max is 8 bytes, got 9"
        );
    }
}
