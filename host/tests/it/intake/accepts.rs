//! What honest toolchains make is taken.

use warren::id::Digest;

use super::{Desk, guest};
use crate::guests;

#[tokio::test]
async fn a_component_and_the_module_it_is_made_of() {
    let desk = Desk::new();
    let module = guest::module(guest::MANIFEST, "");
    for upload in [guest::component(&module), module] {
        let accepted = desk.accept(&upload).await.unwrap();
        assert_eq!(accepted.digest, Digest::of(&upload));
        assert_eq!(accepted.component_bytes, upload.len() as u64);
        assert_eq!(accepted.manifest.name.as_str(), "tiny");
        assert!(accepted.artifact_bytes > 0);
    }
    assert_eq!(desk.kept(), 2);
}

#[tokio::test]
async fn a_guest_as_its_compiler_left_it() {
    let desk = Desk::new();
    let accepted = desk.accept(&guests::probe()).await.unwrap();
    assert_eq!(accepted.manifest.name.as_str(), "probe");
    let own = accepted
        .imports
        .iter()
        .filter(|name| name.starts_with("warren:agent/"));
    assert!(own.count() > 5, "{:?}", accepted.imports);
}
