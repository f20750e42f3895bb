//! A service as somebody hands it in: a JSON document, perhaps with its signature beside it.
//!
//! Invariant: what is signed is the document without the member `signature`, exactly as it was handed in,
//! defaults and order of members left as they were.

use serde_json::Value;

use crate::error::{Error, Result};

use super::ServiceDefinition;

/// The member that holds the signature.
const SIGNATURE: &str = "signature";

/// A document that was read and checked; its signature was not.
#[derive(Debug, Clone)]
pub struct ServiceDocument {
    /// What the service says of itself.
    pub definition: ServiceDefinition,
    /// The compact JWS that came with it.
    pub signature: Option<String>,
    /// The document that was signed.
    pub document: Value,
}

impl ServiceDocument {
    /// Read a document.
    ///
    /// # Errors
    /// `Invalid` or `TooLarge` that names the member, its value and the rule.
    pub fn read(mut document: Value) -> Result<Self> {
        let Some(members) = document.as_object_mut() else {
            return Err(Error::invalid("service", "it is not a JSON object"));
        };
        let signature = match members.shift_remove(SIGNATURE) {
            None | Some(Value::Null) => None,
            Some(Value::String(jws)) => Some(jws),
            Some(_) => return Err(Error::invalid(SIGNATURE, "it is not a string")),
        };
        let definition: ServiceDefinition = serde_json::from_value(document.clone())
            .map_err(|e| Error::invalid("service", e.to_string()))?;
        definition.check()?;
        Ok(Self {
            definition,
            signature,
            document,
        })
    }
}
