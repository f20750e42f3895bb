//! What is kept: written whole, proven before use, made again when it cannot be used.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use warren::error::Error;
use warren::id::Digest;
use warren::sandbox::ArtifactSource as _;
use warren::sandbox::intake::{Accepted, Artifacts};

use super::{Desk, MAC_KEY, guest, settings};

async fn one(desk: &Desk) -> Accepted {
    desk.accept(&guest::module(guest::MANIFEST, ""))
        .await
        .unwrap()
}

fn file(desk: &Desk, digest: Digest, name: &str) -> PathBuf {
    desk.dir
        .path()
        .join("components")
        .join(digest.hex())
        .join(name)
}

#[tokio::test]
async fn is_the_upload_its_machine_code_and_the_proof() {
    let desk = Desk::new();
    let upload = guest::module(guest::MANIFEST, "");
    let accepted = desk.accept(&upload).await.unwrap();
    assert_eq!(desk.artifacts.upload(accepted.digest).unwrap(), upload);
    let artifact = fs::read(file(&desk, accepted.digest, "artifact.cwasm")).unwrap();
    assert_eq!(artifact.len() as u64, accepted.artifact_bytes);
    assert_eq!(desk.artifacts.load(accepted.digest).unwrap(), artifact);
    assert_eq!(
        fs::read(file(&desk, accepted.digest, "artifact.mac"))
            .unwrap()
            .len(),
        32
    );
    let unknown = Digest::of(b"something else");
    assert!(matches!(
        desk.artifacts.load(unknown),
        Err(Error::NotFound { .. })
    ));
    assert!(matches!(
        desk.artifacts.upload(unknown),
        Err(Error::NotFound { .. })
    ));
}

#[tokio::test]
async fn that_was_changed_is_never_given_out_but_made_again() {
    let desk = Desk::new();
    let digest = one(&desk).await.digest;
    let (code, mac) = (
        file(&desk, digest, "artifact.cwasm"),
        file(&desk, digest, "artifact.mac"),
    );
    let (good_code, good_mac) = (fs::read(&code).unwrap(), fs::read(&mac).unwrap());
    let flipped = |bytes: &[u8], at: usize| {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= 1;
        bytes
    };
    let last = good_code.len() - 1;
    let damages: &[(&str, &PathBuf, Option<Vec<u8>>)] = &[
        ("first bit", &code, Some(flipped(&good_code, 0))),
        (
            "a bit in the middle",
            &code,
            Some(flipped(&good_code, last / 2)),
        ),
        ("last bit", &code, Some(flipped(&good_code, last))),
        ("cut", &code, Some(good_code[..last].to_vec())),
        ("empty", &code, Some(Vec::new())),
        ("longer", &code, Some([good_code.clone(), vec![0]].concat())),
        ("gone", &code, None),
        ("MAC bit", &mac, Some(flipped(&good_mac, 31))),
        ("MAC cut", &mac, Some(good_mac[..31].to_vec())),
        (
            "MAC longer",
            &mac,
            Some([good_mac.clone(), vec![0]].concat()),
        ),
        ("MAC gone", &mac, None),
    ];
    for (name, path, bytes) in damages {
        match bytes {
            Some(bytes) => fs::write(path, bytes).unwrap(),
            None => fs::remove_file(path).unwrap(),
        }
        assert_eq!(desk.artifacts.load(digest).unwrap(), good_code, "{name}");
        assert_eq!(fs::read(&code).unwrap(), good_code, "{name}");
        assert_eq!(fs::read(&mac).unwrap(), good_mac, "{name}");
    }
}

#[tokio::test]
async fn of_another_component_or_another_key_is_no_proof() {
    let desk = Desk::new();
    let first = one(&desk).await.digest;
    let other = guest::module(&guest::MANIFEST.replace("tiny", "other"), "");
    let other = desk.accept(&other).await.unwrap().digest;
    let good = fs::read(file(&desk, first, "artifact.cwasm")).unwrap();
    for name in ["artifact.cwasm", "artifact.mac"] {
        fs::copy(file(&desk, other, name), file(&desk, first, name)).unwrap();
    }
    assert_eq!(desk.artifacts.load(first).unwrap(), good);

    let before = fs::read(file(&desk, first, "artifact.mac")).unwrap();
    let reopened = Artifacts::open(desk.dir.path(), [8; 32], settings()).unwrap();
    assert_eq!(reopened.load(first).unwrap(), good);
    assert_ne!(
        fs::read(file(&desk, first, "artifact.mac")).unwrap(),
        before
    );
}

#[tokio::test]
async fn is_not_rebuilt_from_bytes_that_were_not_uploaded() {
    let desk = Desk::new();
    let digest = one(&desk).await.digest;
    let other = guest::module(&guest::MANIFEST.replace("tiny", "other"), "");
    fs::write(file(&desk, digest, "component.wasm"), other).unwrap();
    assert!(
        desk.artifacts.load(digest).is_ok(),
        "the machine code is still proven"
    );
    fs::remove_file(file(&desk, digest, "artifact.mac")).unwrap();
    assert!(matches!(
        desk.artifacts.load(digest),
        Err(Error::Internal { .. })
    ));
}

#[tokio::test]
async fn survives_a_restart_and_leaves_nothing_unfinished() {
    let desk = Desk::new();
    let digest = one(&desk).await.digest;
    let good = desk.artifacts.load(digest).unwrap();
    fs::write(desk.dir.path().join("components/.unfinished/half"), b"half").unwrap();
    let reopened = Artifacts::open(desk.dir.path(), MAC_KEY, settings()).unwrap();
    assert_eq!(reopened.load(digest).unwrap(), good);
    assert_eq!(desk.kept(), 1);
    reopened.remove(digest).unwrap();
    reopened.remove(digest).unwrap();
    assert_eq!(desk.kept(), 0);
}

#[tokio::test]
async fn that_cannot_be_kept_is_told_apart_from_one_that_is_wrong() {
    let desk = Desk::new();
    fs::remove_dir_all(desk.dir.path().join("components")).unwrap();
    let error = desk
        .accept(&guest::module(guest::MANIFEST, ""))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
    let path = desk.dir.path().display().to_string();
    assert!(!error.to_string().contains(&path), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn is_the_same_for_everybody_who_uploads_the_same() {
    let desk = Arc::new(Desk::new());
    let upload = guest::component(&guest::module(guest::MANIFEST, ""));
    let first = desk.accept(&upload).await.unwrap();
    let (a, b) = tokio::join!(desk.accept(&upload), desk.accept(&upload));
    for again in [a.unwrap(), b.unwrap()] {
        assert_eq!(again.digest, first.digest);
        assert_eq!(again.component_bytes, first.component_bytes);
        assert_eq!(again.artifact_bytes, first.artifact_bytes);
        assert_eq!(again.imports, first.imports);
        assert_eq!(again.manifest, first.manifest);
        assert!(again.compile_ms > 0, "it was compiled as if it were new");
    }
    assert_eq!(desk.kept(), 1);
}
