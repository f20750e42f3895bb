//! Files that are wrong, and a renewal while the host runs.

use std::fs;
use std::fs::FileTimes;

use rcgen::{CertifiedKey as Made, generate_simple_self_signed};

use super::*;

struct Files {
    _dir: tempfile::TempDir,
    chain: PathBuf,
    key: PathBuf,
}

impl Files {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (chain, key) = (dir.path().join("chain.pem"), dir.path().join("key.pem"));
        Self {
            _dir: dir,
            chain,
            key,
        }
    }

    /// Write both, as changed at this second.
    fn write(&self, chain: &str, key: &str, second: u64) {
        for (file, text) in [(&self.chain, chain), (&self.key, key)] {
            fs::write(file, text).unwrap();
            let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
            let open = fs::File::options().write(true).open(file).unwrap();
            open.set_times(FileTimes::new().set_modified(changed))
                .unwrap();
        }
    }

    fn read(&self) -> Result<Arc<Certificate>> {
        Certificate::read(&(self.chain.clone(), self.key.clone()))
    }
}

fn made() -> (String, String) {
    let Made { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    (cert.pem(), signing_key.serialize_pem())
}

#[test]
fn what_is_wrong_with_the_files_is_told() {
    let (chain, key) = made();
    let (_, other) = made();
    for (chain, key, words) in [
        (chain.as_str(), key.as_str(), ""),
        ("", key.as_str(), "http.tls_certificate"),
        ("nonsense", key.as_str(), "http.tls_certificate"),
        (chain.as_str(), "", "http.tls_key"),
        (chain.as_str(), other.as_str(), "keys may not be consistent"),
    ] {
        let files = Files::new();
        files.write(chain, key, 1);
        let got = files
            .read()
            .map_or_else(|e| e.to_string(), |_| String::new());
        assert!(
            got.contains(words) && got.is_empty() == words.is_empty(),
            "{words}: {got}"
        );
    }
    let error = Files::new().read().unwrap_err().to_string();
    assert!(error.contains("chain.pem"), "{error}");
}

#[test]
fn a_renewal_is_taken_and_a_bad_one_is_not() {
    let files = Files::new();
    let (chain, key) = made();
    files.write(&chain, &key, 1);
    let certificate = files.read().unwrap();
    let current = || certificate.current.read().cert.clone();
    let first = current();
    assert!(!certificate.look(), "nothing changed");

    let (chain, key) = made();
    files.write(&chain, "half of a k", 2);
    assert!(!certificate.look());
    assert_eq!(current(), first);
    files.write(&chain, &key, 3);
    assert!(certificate.look());
    assert_ne!(current(), first);
    assert!(!certificate.look());
}
