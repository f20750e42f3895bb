//! The guests that tests run, built by `cargo xtask guests`.

use std::path::Path;

/// The scripted guest, as its compiler left it.
pub(crate) fn probe() -> Vec<u8> {
    bytes("probe")
}

/// The guest of this name.
pub(crate) fn bytes(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../target/guests/{name}.wasm"));
    std::fs::read(&path)
        .unwrap_or_else(|e| panic!("{}: {e}; `cargo xtask guests` builds it", path.display()))
}
