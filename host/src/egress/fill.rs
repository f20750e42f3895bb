//! Puts secrets where a guest wrote their placeholders.
//!
//! Invariant: a value is put into a header that it may be sent in, of a request to a host that it may be sent to, after
//! both were judged; anything else is refused whole. A request with a secret cannot ask for a part of an answer, or for one
//! that is packed: an echo would not be found in it.

use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, HeaderValue, IF_RANGE, RANGE, TRANSFER_ENCODING,
};

use crate::id::SecretName;
use crate::identity::TenantScope;
use crate::registry::Origin;
use crate::secrets::{PLACEHOLDER_BEGIN, PLACEHOLDER_END, SecretStore};

use super::fault::{Fault, FaultKind};
use super::redact::Redactor;

/// Most placeholders of a request.
pub(super) const PLACEHOLDERS_MAX: usize = 8;
/// What an answer to a request with secrets may be packed with: nothing.
const UNPACKED: HeaderValue = HeaderValue::from_static("identity");

/// Fill in a head what its placeholders stand for, and give what looks for it in the answer.
///
/// # Errors
/// For a secret that there is not, that may not be sent so, or a head that could hide an echo.
pub(super) async fn fill(
    headers: &mut HeaderMap,
    origin: &Origin,
    scope: &TenantScope,
    secrets: &dyn SecretStore,
) -> Result<Redactor, Fault> {
    let mut redactor = Redactor::default();
    let mut filled = Vec::new();
    let mut count = 0;
    for (header, value) in &*headers {
        let Ok(text) = value.to_str() else {
            filled.push((header.clone(), value.clone()));
            continue;
        };
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, name, after)) = next(rest) {
            count += 1;
            if count > PLACEHOLDERS_MAX {
                let why = format!("it has more than {PLACEHOLDERS_MAX} placeholders of secrets");
                return Err(denied(why));
            }
            let value = reveal(name, (header.as_str(), origin), scope, secrets).await?;
            redactor.add(name, &value);
            out.push_str(before);
            out.push_str(&value);
            rest = after;
        }
        out.push_str(rest);
        let mut value = HeaderValue::from_str(&out)
            .map_err(|_| denied("a secret does not fit into a header".to_owned()))?;
        value.set_sensitive(true);
        filled.push((header.clone(), value));
    }
    if redactor.is_empty() {
        return Ok(redactor);
    }
    if headers.contains_key(RANGE) || headers.contains_key(IF_RANGE) {
        let why = "a request with a secret cannot ask for a part of an answer (`range`)";
        return Err(denied(why.to_owned()));
    }
    headers.clear();
    for (name, value) in filled {
        headers.append(name, value);
    }
    headers.insert(ACCEPT_ENCODING, UNPACKED);
    Ok(redactor)
}

/// Check that an answer can be looked through.
///
/// # Errors
/// If it is packed.
pub(super) fn check_unpacked(headers: &HeaderMap) -> Result<(), Fault> {
    let packed = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|coding| *coding != UNPACKED);
    // What HTTP itself undoes, and no more: the guest could undo the rest.
    let wrapped = headers
        .get_all(TRANSFER_ENCODING)
        .iter()
        .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked"));
    if packed || wrapped {
        let why = "the answer to a request with a secret is packed: it cannot be looked through";
        return Err(Fault::new(FaultKind::Protocol, why));
    }
    Ok(())
}

/// What stands before the next placeholder, its name, and what stands after it.
fn next(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once(PLACEHOLDER_BEGIN)?;
    let (name, after) = rest.split_once(PLACEHOLDER_END)?;
    Some((before, name, after))
}

async fn reveal(
    name: &str,
    (header, origin): (&str, &Origin),
    scope: &TenantScope,
    secrets: &dyn SecretStore,
) -> Result<String, Fault> {
    let name = SecretName::new(name).map_err(|error| denied(error.to_string()))?;
    let found = secrets.reveal(scope, &name).await.map_err(|error| {
        tracing::error!(tenant.id = %scope.tenant(), %error, "a secret cannot be read");
        Fault::new(FaultKind::Internal, "a secret cannot be read")
    })?;
    let secret = found.ok_or_else(|| denied(format!("there is no secret `{name}`")))?;
    if !secret.rules.allow(origin, header) {
        let why = format!("the secret `{name}` may not be sent to {origin} in `{header}`");
        return Err(denied(why));
    }
    Ok(secret.value.reveal().to_owned())
}

fn denied(why: String) -> Fault {
    Fault::new(FaultKind::Denied, why)
}
