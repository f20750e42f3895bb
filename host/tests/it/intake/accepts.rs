//! What honest toolchains make is taken.

use warren::id::Digest;

use super::{Desk, guest};

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
