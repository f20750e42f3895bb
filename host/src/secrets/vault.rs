//! Seals secrets for the store.
//!
//! Invariant: ChaCha20-Poly1305 under a key of the tenant's own, which is derived from the host's; a fresh random nonce
//! each time; the tenant and the name are authenticated, so that what was sealed for one opens for no other.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::error::{Error, Result};
use crate::id::{SecretName, TenantId};

use super::SecretValue;

/// Tells this use of the host's key from any other.
const CONTEXT: &str = "warren 2026-11 secrets of a tenant";

/// How values are sealed: the first byte of what is kept, so that another way can come.
const WAY: u8 = 1;

/// Seals and opens.
#[derive(Clone)]
pub struct Vault([u8; 32]);

impl Vault {
    /// With the host's key for secrets.
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// Seal a value for its tenant and name.
    ///
    /// # Errors
    /// `Internal` if the machine has no randomness.
    pub fn seal(
        &self,
        tenant: TenantId,
        name: &SecretName,
        value: &SecretValue,
    ) -> Result<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce)
            .map_err(|e| Error::internal("reading the machine's randomness", e))?;
        let mut text = value.reveal().as_bytes().to_vec();
        let about = Aad::from(about(tenant, name));
        let unique = Nonce::assume_unique_for_key(nonce);
        self.key(tenant)?
            .seal_in_place_append_tag(unique, about, &mut text)
            .map_err(|_| Error::internal("sealing a secret", "it is too long"))?;
        Ok([&[WAY][..], &nonce, &text].concat())
    }

    /// Open what was sealed for this tenant and name.
    ///
    /// # Errors
    /// `Internal` if it was not.
    pub fn open(&self, tenant: TenantId, name: &SecretName, sealed: &[u8]) -> Result<SecretValue> {
        let wrong = || {
            let why = "it was sealed for another, by another host, or changed";
            Error::internal("opening a secret", why)
        };
        let sealed = sealed.strip_prefix(&[WAY]).ok_or_else(wrong)?;
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or_else(wrong)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| wrong())?;
        let mut text = text.to_vec();
        let about = Aad::from(about(tenant, name));
        let opened = self.key(tenant)?.open_in_place(nonce, about, &mut text);
        let opened = opened.map_err(|_| wrong())?.to_vec();
        SecretValue::new(String::from_utf8(opened).map_err(|_| wrong())?)
    }

    fn key(&self, tenant: TenantId) -> Result<LessSafeKey> {
        let mut material = self.0.to_vec();
        material.extend(tenant.to_string().as_bytes());
        let key = blake3::derive_key(CONTEXT, &material);
        let key = UnboundKey::new(&CHACHA20_POLY1305, &key);
        key.map(LessSafeKey::new)
            .map_err(|_| Error::internal("making a key", "it has another length"))
    }
}

fn about(tenant: TenantId, name: &SecretName) -> Vec<u8> {
    format!("{tenant}/{name}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_for_its_tenant_and_name_and_nobody_else() {
        let vault = Vault::new([7; 32]);
        let (a, b) = (TenantId::generate(), TenantId::generate());
        let name = |text: &str| SecretName::new(text).unwrap();
        let value = SecretValue::new("open-sesame-1".to_owned()).unwrap();
        let sealed = vault.seal(a, &name("key"), &value).unwrap();
        let again = vault.seal(a, &name("key"), &value).unwrap();
        assert_ne!(sealed, again, "never the same bytes");
        let found = |bytes: &[u8]| bytes.windows(6).any(|window| window == b"sesame");
        assert!(!found(&sealed));
        assert_eq!(vault.open(a, &name("key"), &sealed).unwrap(), value);
        assert!(vault.open(b, &name("key"), &sealed).is_err());
        assert!(vault.open(a, &name("other"), &sealed).is_err());
        assert!(Vault::new([8; 32]).open(a, &name("key"), &sealed).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(vault.open(a, &name("key"), &changed).is_err(), "{at}");
            assert!(vault.open(a, &name("key"), &sealed[..at]).is_err(), "{at}");
        }
    }
}
