//! Which event a Rust type is the payload of.

use crate::topic::Topic;

/// A type whose values travel as the payload of one type of event.
///
/// Written by [`payload!`](crate::payload!); how the value looks as JSON is serde's part.
pub trait Payload {
    /// The topic of the event.
    const TOPIC: Topic;
    /// The type of the event, for example `order.placed`.
    const TYPE: &'static str;
    /// What the event means; goes to the manifest, where others find it.
    const DESCRIPTION: &'static str = "";
    /// JSON schema (draft 2020-12) of the payload, as JSON text; goes to the manifest. The host checks
    /// requests against the schemas of whoever answers them, other events against that of the agent which
    /// publishes them; the schema of an event definition, where a tenant registered one, comes first.
    const SCHEMA: Option<&'static str> = None;
}

/// Says which event a type is the payload of.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use warren_agent::{Payload, Topic, payload};
///
/// #[derive(Serialize, Deserialize)]
/// struct OrderPlaced {
///     order: String,
///     total: f64,
/// }
/// payload!(OrderPlaced: BusinessFacts, "order.placed");
///
/// #[derive(Serialize, Deserialize)]
/// struct Greet {
///     name: String,
/// }
/// payload!(
///     Greet: ActionRequests,
///     "greet.requested",
///     description = "Somebody would like to be greeted.",
///     schema = r#"{"type": "object", "required": ["name"]}"#,
/// );
///
/// assert_eq!(OrderPlaced::TOPIC, Topic::BusinessFacts);
/// assert_eq!(Greet::TYPE, "greet.requested");
/// ```
#[macro_export]
macro_rules! payload {
    ($name:ty : $topic:ident, $event_type:literal
        $(, description = $description:expr)? $(, schema = $schema:expr)? $(,)?) => {
        impl $crate::Payload for $name {
            const TOPIC: $crate::Topic = $crate::Topic::$topic;
            const TYPE: &'static str = $event_type;
            $(const DESCRIPTION: &'static str = $description;)?
            $(const SCHEMA: ::core::option::Option<&'static str> =
                ::core::option::Option::Some($schema);)?
        }
    };
}
