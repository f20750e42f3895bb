//! Runs of whole guests: what each limit does at it and one past it, and what comes out of every end.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::clock::{Clock as _, SystemClock};
use crate::events::{Event, Json, NewEvent, ReplyAddress, Topic};
use crate::id::{AgentId, AgentName, Digest, EventId, EventType, Label, Position, TenantId};
use crate::identity::TenantScope;
use crate::registry::{Agent, AgentStatus, GrantSet, Manifest};
use crate::turn::{Services, Turn, TurnEnd, TurnInput, TurnLimits};

use super::{Sandbox, SandboxLimits, SandboxRun};
use guest::{Artifacts, Guest};

mod attacking;
mod cutting;
mod describing;
pub(super) mod guest;
mod limits;
mod lying;
mod nested;
mod residue;
mod staging;
mod stores;
mod wasi;

/// Long enough that no honest run here meets it, short enough that a hang fails.
const DEADLINE_MS: u64 = 60_000;

/// A host with one agent, `probe`, and perhaps tools that it calls.
struct Bench {
    sandbox: Arc<Sandbox>,
    artifacts: Arc<Artifacts>,
    services: Arc<Services>,
    probe: Arc<Agent>,
    deadline_ms: u64,
}

fn small() -> SandboxLimits {
    SandboxLimits {
        turns_max: 4,
        nested_max: 4,
        describe_max: 2,
        cpu_ms_max: 100,
        describe_cpu_ms_max: 100,
        ..SandboxLimits::default()
    }
}

impl Bench {
    fn new(guest: Guest) -> Self {
        Self::with(guest, &[], small())
    }

    fn with(guest: Guest, tools: &[(&'static str, Guest)], limits: SandboxLimits) -> Self {
        let artifacts = Arc::new(Artifacts::default());
        let probe = agent("probe", "agent", artifacts.add(&guest.component()));
        let tools = tools.iter().map(|(name, tool)| {
            let digest = artifacts.add(&tool.component());
            agent(name, "tool", digest)
        });
        let services = stores::services(tools.chain([probe.clone()]).collect());
        Self {
            sandbox: Sandbox::new(limits, Arc::new(Arc::clone(&artifacts)), None).expect("sandbox"),
            artifacts,
            services,
            probe: Arc::new(probe),
            deadline_ms: DEADLINE_MS,
        }
    }

    fn turn(&self) -> Box<Turn> {
        self.turn_within(TurnLimits::default())
    }

    fn turn_within(&self, limits: TurnLimits) -> Box<Turn> {
        let input = TurnInput {
            scope: TenantScope::for_turn(TenantId::generate(), self.probe.name.clone(), None, None),
            turn: self
                .services
                .ids
                .turn(TenantId::generate(), Position(1), self.probe.id),
            agent: Arc::clone(&self.probe),
            event: Arc::new(event()),
            attempt: 1,
            deadline: SystemClock.now().plus_ms(self.deadline_ms),
        };
        Box::new(Turn::new(
            Arc::clone(&self.services),
            Arc::new(limits),
            input,
        ))
    }

    async fn run(&self) -> SandboxRun {
        let token = CancellationToken::new();
        self.sandbox
            .run(self.probe.digest, self.turn(), token)
            .await
    }
}

fn agent(name: &str, kind: &str, digest: Digest) -> Agent {
    let manifest = format!(
        r#"{{"name": "{name}", "kind": "{kind}", "subscriptions":
            [{{"topic": "action-requests", "type": "{name}.asked"}}]}}"#
    );
    let now = SystemClock.now();
    Agent {
        id: AgentId(i64::from(name.as_bytes()[0])),
        name: AgentName::new(name).expect("name"),
        status: AgentStatus::Active,
        version: 1,
        digest,
        manifest: Arc::new(Manifest::parse(&manifest).expect("manifest")),
        grants: GrantSet::all(),
        config: Arc::default(),
        created: now,
        updated: now,
    }
}

fn event() -> Event {
    let id = EventId::new("evt_1").expect("id");
    let event_type = EventType::new("probe.asked").expect("type");
    let label = Label::of_event(&id);
    Event {
        position: Position(1),
        body: NewEvent {
            source: "client/test".into(),
            topic: Topic::ActionRequests,
            time: SystemClock.now(),
            subject: None,
            data: Json::parse("data", r#"{"n": 1}"#).expect("json"),
            schema: None,
            correlation: label.clone(),
            trace: label,
            parent: None,
            session: None,
            goal: None,
            plan: None,
            task: None,
            customer: None,
            user: None,
            reply_to: Some(ReplyAddress {
                topic: Topic::ActionResults,
                event_type: event_type.clone(),
            }),
            extensions: Vec::new(),
            hops: 0,
            root: None,
            id,
            event_type,
        },
    }
}

fn limit(text: &str) -> TurnEnd {
    TurnEnd::LimitReached(text.into())
}

fn trapped(text: &str) -> TurnEnd {
    TurnEnd::Trapped(text.into())
}

/// Runs each guest and compares its end.
async fn check(cases: &[(&str, Guest, TurnEnd)]) {
    for (name, guest, end) in cases {
        let run = Bench::new(*guest).run().await;
        assert_eq!(run.end, *end, "{name}");
        assert_eq!(run.turn.depth(), 0, "{name}");
    }
}

#[tokio::test]
async fn a_guest_returns() {
    let failed = |retry_ms, reason: Option<&str>| TurnEnd::Failed {
        retry_ms,
        reason: reason.map(str::to_owned),
    };
    check(&[
        ("ok", Guest::default(), TurnEnd::Done),
        (
            "rejects, with a control character in its reason",
            Guest::returning(r"\01\00\00\00\01\00\00\00\10\10\00\00\04\00\00\00why\07"),
            TurnEnd::Rejected("why\\u{7}".into()),
        ),
        (
            "asks for a retry after 515 ms",
            Guest::returning(r"\01\00\00\00\00\00\00\00\01\00\00\00\03\02\00\00"),
            failed(Some(515), None),
        ),
        (
            "fails",
            Guest::returning(r"\01\00\00\00\02\00\00\00\10\10\00\00\02\00\00\00no"),
            failed(None, Some("no")),
        ),
        (
            "returns a failure that does not exist",
            Guest::returning(r"\01\00\00\00\09"),
            trapped("unexpected discriminant: 9"),
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_guest_is_ended() {
    let deeper = Guest {
        fields: "(func $deeper (call $deeper) (call $deeper))",
        ..Guest::handling("(call $deeper) (i32.const 16)")
    };
    check(&[
        (
            "traps",
            Guest::handling("unreachable"),
            trapped("unreachable: wasm trap: wasm `unreachable` instruction executed"),
        ),
        (
            "reads past its memory",
            Guest::handling("(i32.load (i32.const -8))"),
            trapped("memory-out-of-bounds: wasm trap: out of bounds memory access"),
        ),
        (
            "recurses for ever",
            deeper,
            trapped("stack-overflow: wasm trap: call stack exhausted"),
        ),
        (
            "loops for ever",
            Guest::handling("(loop $again (br $again)) (i32.const 16)"),
            TurnEnd::CpuExhausted,
        ),
    ])
    .await;
}
