//! Loaded components by digest.

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::error::{Error, Result};

/// Map verified machine code.
///
/// The bytes must be an artifact that this host's compile child wrote and whose keyed MAC was checked
/// after it was read into memory, see [`super::ArtifactSource`]: crafted bytes would run as they are.
#[expect(
    unsafe_code,
    reason = "the one place where machine code becomes callable; the caller vouches for the bytes"
)]
pub(super) fn map_artifact(engine: &Engine, verified: &[u8]) -> Result<Component> {
    // SAFETY: an `ArtifactSource` gives only bytes that our compile child wrote, proven by a keyed MAC
    // over the bytes in memory. The library checks version, target and settings itself.
    unsafe { Component::deserialize(engine, verified) }
        .map_err(|e| Error::internal("loading a compiled component", e))
}
