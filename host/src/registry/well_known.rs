//! Event types that mean the same in every tenant: billing, notifications, and what the system says.
//!
//! Invariant: they are data, `wit/well-known/`; a type is well-known on its topic only. Their schemas are
//! found in every tenant under [`RESERVED_PREFIX`] and the type, and cannot be registered by anybody.

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::events::{Json, Topic};

use super::compatibility::Compatibility;
use super::{EventDefinition, Schema};

/// What the names of schemas begin with that are the host's own.
pub const RESERVED_PREFIX: &str = "warren.";

/// An event type that means the same everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WellKnown {
    /// Its topic.
    pub topic: Topic,
    /// Its type.
    pub event_type: &'static str,
    /// What it means.
    pub description: &'static str,
    body: &'static str,
}

macro_rules! well_known {
    ($topic:ident $event_type:literal $description:literal) => {
        WellKnown {
            topic: Topic::$topic,
            event_type: $event_type,
            description: $description,
            body: include_str!(concat!(
                "../../../wit/well-known/",
                $event_type,
                ".schema.json"
            )),
        }
    };
}

/// All of them, by topic and type.
pub const WELL_KNOWN: &[WellKnown] = &[
    well_known!(BillingEvents "billing.charge" "Somebody owes money; a negative amount is a credit."),
    well_known!(BillingEvents "billing.usage" "Something was used that is paid for."),
    well_known!(NotificationEvents "notification.delivered" "Somebody was told."),
    well_known!(NotificationEvents "notification.failed" "Somebody could not be told."),
    well_known!(NotificationEvents "notification.requested" "Somebody should be told."),
    well_known!(SystemEvents "system.alert" "Something needs a look."),
    well_known!(SystemEvents "system.health" "How a part of the system does."),
];

impl WellKnown {
    /// The one of this type.
    pub fn of_type(event_type: &str) -> Option<&'static Self> {
        WELL_KNOWN
            .iter()
            .find(|known| known.event_type == event_type)
    }

    /// The one of this type on this topic.
    pub fn get(topic: Topic, event_type: &str) -> Option<&'static Self> {
        WELL_KNOWN
            .iter()
            .find(|known| known.topic == topic && known.event_type == event_type)
    }

    /// The name of its schema.
    pub fn schema_name(&self) -> String {
        format!("{RESERVED_PREFIX}{}", self.event_type)
    }

    /// Its schema.
    pub fn schema(&self) -> Schema {
        Schema {
            name: self.schema_name(),
            version: 1,
            body: Json::from_stored(self.body),
            owner: "host".to_owned(),
            compatibility: Compatibility::Backward,
            created: Timestamp(0),
        }
    }
}

/// The host's own schema of this name. Some name is the host's if it begins with [`RESERVED_PREFIX`].
pub fn own_schema(name: &str, version: Option<u32>) -> Option<Schema> {
    let event_type = name.strip_prefix(RESERVED_PREFIX)?;
    let known = WellKnown::of_type(event_type)?;
    version
        .is_none_or(|version| version == 1)
        .then(|| known.schema())
}

/// Refuse to register a schema under a name of the host's.
///
/// # Errors
/// `Conflict`.
pub fn check_schema_name(name: &str) -> Result<()> {
    if name.starts_with(RESERVED_PREFIX) {
        return Err(Error::conflict(
            "schema",
            format!("names that begin with `{RESERVED_PREFIX}` are the host's: choose another"),
        ));
    }
    Ok(())
}

/// Refuse to define a well-known type anew.
///
/// # Errors
/// `Conflict`.
pub fn check_definition(definition: &EventDefinition) -> Result<()> {
    match WellKnown::get(definition.topic, definition.event_type.as_str()) {
        None => Ok(()),
        Some(known) => Err(Error::conflict(
            "event definition",
            format!(
                "`{}` on {} is well-known and means the same in every tenant; choose another type",
                known.event_type, known.topic
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::SchemaCache;
    use super::*;

    #[test]
    fn each_schema_takes_the_least_and_names_what_it_refuses() {
        let cache = SchemaCache::default();
        let table = [
            (
                "billing.usage",
                json!({ "meter": "tokens", "quantity": 12.5 }),
                json!({ "meter": "tokens", "quantity": -1 }),
                "/quantity",
            ),
            (
                "billing.charge",
                json!({ "amount": "-3.50", "currency": "EUR" }),
                json!({ "amount": 3.5, "currency": "EUR" }),
                "/amount",
            ),
            (
                "notification.requested",
                json!({ "body": "Hello" }),
                json!({ "body": "Hello", "channel": "pigeon" }),
                "/channel",
            ),
            (
                "notification.delivered",
                json!({ "notification": "evt_1", "time": "2026-01-01T00:00:00Z" }),
                json!({ "notification": "evt_1", "time": "noon" }),
                "/time",
            ),
            (
                "notification.failed",
                json!({ "notification": "evt_1", "reason": "full" }),
                json!({ "notification": "evt_1", "reason": "" }),
                "/reason",
            ),
            (
                "system.alert",
                json!({ "severity": "warning", "message": "hot" }),
                json!({ "severity": "loud", "message": "hot" }),
                "/severity",
            ),
            (
                "system.health",
                json!({ "component": "db", "status": "offline" }),
                json!({ "component": "db", "status": "gone" }),
                "/status",
            ),
        ];
        assert_eq!(table.len(), WELL_KNOWN.len());
        for (event_type, good, bad, pointer) in table {
            let known = WellKnown::of_type(event_type).unwrap();
            let schema = own_schema(&known.schema_name(), Some(1)).unwrap();
            let found = |value| {
                let value = Json::from_value("value", &value).unwrap();
                cache.violations(&schema, &value).unwrap()
            };
            assert_eq!(found(good), [], "{event_type}");
            let found = found(bad);
            assert_eq!(found.len(), 1, "{event_type}: {found:?}");
            assert_eq!(found[0].pointer, pointer, "{event_type}");
        }
        assert_eq!(own_schema("warren.billing.usage", Some(2)), None);
        assert_eq!(own_schema("billing.usage", None), None);
        assert!(check_schema_name("warren.mine").is_err());
    }
}
