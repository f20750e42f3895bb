//! The guests that are measured, built by `cargo xtask guests`, and how uploads are compiled.

use std::path::Path;

use anyhow::{Context, Result};
use warren::sandbox::intake::IntakeSettings;

/// The operator's key of the benchmark's hosts.
pub(crate) const ADMIN_KEY: &str = "benchmark-benchmark-benchmark-benchmark";

/// A guest as its compiler left it.
pub(crate) fn bytes(name: &str) -> Result<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../target/guests/{name}.wasm"));
    std::fs::read(&path)
        .with_context(|| format!("reading {}: run `cargo xtask guests` first", path.display()))
}

/// The same component under another digest: a custom section is all that differs.
pub(crate) fn variant(component: &[u8], number: u32) -> Vec<u8> {
    let name = b"variant";
    let payload_len = 1 + name.len() + 4;
    let mut bytes = component.to_vec();
    // A custom section: id 0, its length, the length of its name, its name, its contents.
    bytes.extend([0, payload_len as u8, name.len() as u8]);
    bytes.extend(name);
    bytes.extend(number.to_le_bytes());
    bytes
}

/// Uploads are compiled by the `warren` binary that lies beside this one.
pub(crate) fn intake_settings() -> Result<IntakeSettings> {
    let here = std::env::current_exe().context("finding this program")?;
    let compiler = here.with_file_name("warren");
    anyhow::ensure!(
        compiler.exists(),
        "{} is missing: `cargo xtask bench` builds it",
        compiler.display()
    );
    Ok(IntakeSettings {
        compiler,
        ..IntakeSettings::default()
    })
}
