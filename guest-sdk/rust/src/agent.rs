//! The declaration of an agent: what it is, what it handles and with which function, what it asks for.
//!
//! Invariant: the manifest and the dispatch come from one declaration, so an agent is never sent what it
//! has no handler for.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::Context;
use crate::error::{Error, Failure};
use crate::event::Event;
use crate::grant::Grant;
use crate::payload::Payload;
use crate::topic::Topic;

mod capability;
mod manifest;

pub use capability::Capability;
pub(crate) use manifest::EventEntry;
use manifest::{Manifest, Settings};

/// What sort of agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Answers a request in one turn; may be called inside another agent's turn.
    Tool,
    /// Carries a task over several turns.
    Worker,
    /// Drives a plan.
    Planner,
    /// Anything else.
    Agent,
}

impl Kind {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Worker => "worker",
            Self::Planner => "planner",
            Self::Agent => "agent",
        }
    }
}

type Handler = Box<dyn Fn(&Context, Event) -> Result<(), Failure>>;

/// A declared agent.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use warren_agent::{Agent, Context, Event, Failure, Grant, payload};
///
/// #[derive(Serialize, Deserialize)]
/// struct Placed { order: String }
/// payload!(Placed: BusinessFacts, "order.placed");
///
/// #[derive(Serialize, Deserialize)]
/// struct Issued { order: String, number: f64 }
/// payload!(Issued: BusinessFacts, "invoice.issued");
///
/// fn invoice(ctx: &Context, placed: Event<Placed>) -> Result<(), Failure> {
///     let number = ctx.working().increment("number", 1)?;
///     ctx.publish(&Issued { order: placed.data.order, number })?;
///     Ok(())
/// }
///
/// fn agent() -> Agent {
///     Agent::new("invoices")
///         .describe("Writes an invoice for each order.")
///         .on(invoice)
///         .produces::<Issued>()
///         .grants(Grant::WORKING)
/// }
/// assert!(agent().manifest().contains(r#""grants":["events:publish","working:read","working:write"]"#));
/// ```
#[must_use]
pub struct Agent {
    manifest: Manifest,
    handlers: Vec<Handler>,
}

impl Agent {
    /// An agent of no special sort. Names are `[a-z][a-z0-9-]*` of at most 63 bytes.
    pub fn new(name: impl Into<String>) -> Self {
        Self::of(Kind::Agent, name)
    }

    /// A tool: answers a request in one turn, and may be called inside another agent's turn.
    pub fn tool(name: impl Into<String>) -> Self {
        Self::of(Kind::Tool, name)
    }

    /// A worker: carries a task over several turns.
    pub fn worker(name: impl Into<String>) -> Self {
        Self::of(Kind::Worker, name)
    }

    /// A planner: drives a plan.
    pub fn planner(name: impl Into<String>) -> Self {
        Self::of(Kind::Planner, name)
    }

    /// An agent of this sort.
    pub fn of(kind: Kind, name: impl Into<String>) -> Self {
        Self {
            manifest: Manifest::new(name.into(), kind),
            handlers: Vec::new(),
        }
    }

    /// What it is for, in the words of whoever looks for it; at most 4 KiB.
    pub fn describe(mut self, description: impl Into<String>) -> Self {
        self.manifest.description = description.into();
        self
    }

    /// The author's version, for people: `.version(env!("CARGO_PKG_VERSION"))`.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.manifest.version = Some(version.into());
        self
    }

    /// Handle events whose payload is `P` with this function.
    ///
    /// An event whose payload does not fit `P` is rejected before the handler: trying again cannot help.
    pub fn on<P>(
        mut self,
        handler: impl Fn(&Context, Event<P>) -> Result<(), Failure> + 'static,
    ) -> Self
    where
        P: Payload + DeserializeOwned,
    {
        self.manifest.subscriptions.push(EventEntry::of::<P>());
        self.handlers.push(decoded(handler));
        self
    }

    /// Handle events of a topic and type that no [`Payload`] describes.
    ///
    /// With `Event<Json>` the handler takes any payload.
    pub fn on_type<D: DeserializeOwned>(
        mut self,
        topic: Topic,
        event_type: impl Into<String>,
        handler: impl Fn(&Context, Event<D>) -> Result<(), Failure> + 'static,
    ) -> Self {
        let entry = EventEntry::new(topic, event_type.into());
        self.manifest.subscriptions.push(entry);
        self.handlers.push(decoded(handler));
        self
    }

    /// Answer requests whose payload is `Q` with what this function returns.
    ///
    /// The answer goes to whoever called, or to the reply address of the request; a request that asks for
    /// no answer gets none. Asks for [`Grant::EventsPublish`] and declares `A` as produced.
    pub fn answers<Q, A>(
        self,
        handler: impl Fn(&Context, Event<Q>) -> Result<A, Failure> + 'static,
    ) -> Self
    where
        Q: Payload + DeserializeOwned,
        A: Payload + Serialize,
    {
        self.produces::<A>()
            .on(move |ctx: &Context, request: Event<Q>| {
                let answer = handler(ctx, request)?;
                match ctx.respond(&answer) {
                    Ok(_) | Err(Error::NotFound) => Ok(()),
                    Err(error) => Err(error.into()),
                }
            })
    }

    /// Declare that it publishes `P`. Asks for [`Grant::EventsPublish`].
    pub fn produces<P: Payload>(mut self) -> Self {
        self.manifest.produces.push(EventEntry::of::<P>());
        self.grants([Grant::EventsPublish])
    }

    /// Declare that it publishes events of a type that no [`Payload`] describes. Asks for
    /// [`Grant::EventsPublish`].
    pub fn produces_type(mut self, topic: Topic, event_type: impl Into<String>) -> Self {
        let entry = EventEntry::new(topic, event_type.into());
        self.manifest.produces.push(entry);
        self.grants([Grant::EventsPublish])
    }

    /// Declare that it calls tool agents. Asks for [`Grant::EventsCall`].
    pub fn calls(self) -> Self {
        self.grants([Grant::EventsCall])
    }

    /// Ask for these grants too.
    ///
    /// What no method asks for, the host denies, even where the tenant would allow it.
    pub fn grants(mut self, grants: impl IntoIterator<Item = Grant>) -> Self {
        for grant in grants {
            // An agent has a dozen grants at most; a sorted list needs no map's code in the component.
            let words = &mut self.manifest.grants.words;
            if let Err(at) = words.binary_search(&grant) {
                words.insert(at, grant);
            }
        }
        self
    }

    /// Ask for leave to send HTTP requests to a host: `api.example.com`, `api.example.com:8443`, `*.example.com` for all
    /// below it, or `http://printer.example` without TLS. A tenant grants each by name; the requests themselves are made
    /// with `wasi:http/outgoing-handler`.
    pub fn http(mut self, host: impl Into<String>) -> Self {
        self.manifest.grants.http.push(host.into());
        self
    }

    /// Declare something it can do, by a name that others look for, such as `summarise-page`.
    pub fn capability(self, name: impl Into<String>, description: impl Into<String>) -> Self {
        self.can(Capability::new(name, description))
    }

    /// Declare something it can do, with the events that ask for it and those that answer.
    pub fn can(mut self, capability: Capability) -> Self {
        self.manifest.capabilities.push(capability);
        self
    }

    /// A shelf to find it on.
    pub fn category(mut self, category: impl Into<String>) -> Self {
        self.manifest.category = Some(category.into());
        self
    }

    /// Words to find it by.
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.manifest.tags.extend(tags.into_iter().map(T::into));
        self
    }

    /// Whose it is: a team, a person.
    pub fn owner(mut self, owner: impl Into<String>) -> Self {
        self.manifest.owner = Some(owner.into());
        self
    }

    /// The wall clock of a turn in milliseconds, 1 to 300,000; 30,000 if nothing is said.
    pub fn timeout_ms(mut self, timeout_ms: u32) -> Self {
        self.settings().timeout_ms = Some(timeout_ms);
        self
    }

    /// Turns at once, 1 to 256; 16 if nothing is said.
    pub fn concurrency(mut self, concurrency: u32) -> Self {
        self.settings().concurrency = Some(concurrency);
        self
    }

    /// Attempts at one event before it is a dead letter, 1 to 50; 5 if nothing is said.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.settings().attempts = Some(attempts);
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    /// The grants it asks for, in order.
    pub fn wanted_grants(&self) -> &[Grant] {
        &self.manifest.grants.words
    }

    /// Whether it handles events of this type on this topic.
    pub fn handles(&self, topic: Topic, event_type: &str) -> bool {
        self.handler(topic, event_type).is_some()
    }

    /// The manifest: JSON that follows `manifest.schema.json` of the contract.
    pub fn manifest(&self) -> String {
        self.manifest.to_json()
    }

    /// Run the handler of an event.
    ///
    /// # Errors
    /// What the handler returns; `Reject` if there is none, or if the payload does not fit it.
    pub fn handle(&self, ctx: &Context, event: Event) -> Result<(), Failure> {
        match self.handler(event.topic, &event.event_type) {
            Some(handler) => handler(ctx, event),
            None => Err(Failure::reject(format!(
                "`{}` has no handler for `{}` on {}",
                self.manifest.name, event.event_type, event.topic
            ))),
        }
    }

    fn handler(&self, topic: Topic, event_type: &str) -> Option<&Handler> {
        let of = |entry: &EventEntry| entry.topic == topic && entry.event_type == event_type;
        self.handlers
            .get(self.manifest.subscriptions.iter().position(of)?)
    }

    fn settings(&mut self) -> &mut Settings {
        self.manifest.settings.get_or_insert_default()
    }
}

/// What the registry of the test host shows.
#[cfg(not(target_family = "wasm"))]
impl Agent {
    pub(crate) fn kind(&self) -> Kind {
        self.manifest.kind
    }

    pub(crate) fn description(&self) -> &str {
        &self.manifest.description
    }

    pub(crate) fn subscriptions(&self) -> &[EventEntry] {
        &self.manifest.subscriptions
    }

    pub(crate) fn produced(&self) -> &[EventEntry] {
        &self.manifest.produces
    }

    pub(crate) fn has_capability(&self, capability: &str) -> bool {
        let mut capabilities = self.manifest.capabilities.iter();
        capabilities.any(|known| known.name() == capability)
    }
}

fn decoded<D: DeserializeOwned>(
    handler: impl Fn(&Context, Event<D>) -> Result<(), Failure> + 'static,
) -> Handler {
    Box::new(move |ctx, event| match event.data.read() {
        Ok(data) => handler(ctx, event.with_data(data)),
        Err(error) => Err(Failure::reject(format!(
            "the payload of `{}` does not fit: {error}",
            event.event_type
        ))),
    })
}
