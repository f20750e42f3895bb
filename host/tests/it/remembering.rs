//! Memory as agents have it: whose it is, and what each function of it does, through a component.

use serde_json::{Value, json};
use warren::events::NewEvent;
use warren::id::UserId;
use warren::turn::TurnOutcome;

use crate::harness::TestHost;

/// Run a script on behalf of a user and return what its last command left.
async fn run_for(host: &TestHost, user: &str, mut script: Vec<Value>) -> Value {
    script.push(json!({ "publish": { "type": "script.ended", "last": true } }));
    let event = NewEvent {
        user: Some(UserId::new(user).unwrap()),
        ..host.event("probe.run", Value::Array(script))
    };
    let id = host.publish(&host.tenant, event).await;
    let record = host.turn(&id).await;
    let reason = &record.reason;
    assert_eq!(record.outcome, TurnOutcome::Committed, "{reason:?}");
    let ended = host.events("script.ended").await;
    serde_json::from_str(ended.last().unwrap().body.data.as_str()).unwrap()
}

/// One agent serves two users: whatever it asks on behalf of one, it meets nothing of the other.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_serves_two_users_reads_two_memories() {
    let host = TestHost::start().await;
    let entry = json!({ "remember": { "content": "the secret lamp", "external_id": "x" } });
    let entry = run_for(&host, "ann", vec![entry]).await;
    let episode = json!({ "add_episode": { "role": "user", "content": "a secret lamp" } });
    let episode = run_for(&host, "ann", vec![episode]).await;
    let lamp = |more: Value| {
        let mut remember = json!({ "content": "my own lamp" });
        remember
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({ "try": { "remember": remember } })
    };
    let nothing = [
        (
            json!({ "search": { "text": "lamp", "mode": "keyword" } }),
            json!([]),
        ),
        (
            json!({ "search": { "text": "lamp", "mode": "vector" } }),
            json!([]),
        ),
        (
            json!({ "search": { "text": "lamp", "mode": "hybrid" } }),
            json!([]),
        ),
        (
            json!({ "list_knowledge": {} }),
            json!({ "items": [], "next": null }),
        ),
        (json!({ "recent_episodes": {} }), json!([])),
        (json!({ "search_episodes": { "text": "lamp" } }), json!([])),
        (json!({ "unconsolidated": 10 }), json!([])),
    ];
    for (command, expected) in nothing {
        let got = run_for(&host, "bob", vec![command.clone()]).await;
        assert_eq!(got, expected, "{command}");
        let own = run_for(&host, "ann", vec![command.clone()]).await;
        assert_ne!(own, expected, "{command} finds the user's own");
    }
    let forgot = run_for(&host, "bob", vec![json!({ "forget": entry })]).await;
    assert_eq!(forgot, json!(false));
    let refused = [
        (json!({ "try": { "get_knowledge": entry } }), "not-found"),
        (json!({ "try": { "consolidate": episode } }), "not-found"),
        (lamp(json!({ "supersedes": entry })), "not-found"),
        (lamp(json!({ "derived_from": [entry] })), "invalid"),
        (lamp(json!({ "derived_from": [episode] })), "invalid"),
    ];
    for (command, error) in refused {
        let expected = json!({ "expect_error": error });
        run_for(&host, "bob", vec![command, expected]).await;
    }
    // The same external id and the same text are each user's own.
    let same = json!({ "remember": { "content": "the secret lamp", "external_id": "x" } });
    let others = run_for(&host, "bob", vec![same]).await;
    assert_ne!(others, entry);
    host.stop().await;
}

/// Everybody may read what is shared; only its owner writes it, whichever function is tried.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_shared_is_read_by_all_and_written_by_its_owner() {
    let host = TestHost::start().await;
    let shared = json!({ "remember": {
        "content": "the office closes at six", "external_id": "hours", "visibility": "tenant"
    } });
    let id = run_for(&host, "ann", vec![shared.clone()]).await;
    let same = run_for(&host, "ann", vec![shared]).await;
    assert_eq!(id, same, "again is the same entry");
    let seen = run_for(&host, "bob", vec![json!({ "get_knowledge": id })]).await;
    assert_eq!(seen["content"], "the office closes at six");
    assert_eq!(seen["writer"], "probe");
    assert!(seen["turn"].as_str().unwrap().starts_with("trn_"), "{seen}");
    for attempt in [
        json!({ "forget": id }),
        json!({ "remember": { "content": "never", "external_id": "hours", "visibility": "tenant" } }),
        json!({ "remember": { "content": "never", "supersedes": id } }),
    ] {
        let script = vec![
            json!({ "try": attempt }),
            json!({ "expect_error": "denied" }),
        ];
        run_for(&host, "bob", script).await;
    }
    // Equal text without a name is nobody's affair but the writer's own.
    let own =
        json!({ "remember": { "content": "the office closes at six", "visibility": "tenant" } });
    let first = run_for(&host, "bob", vec![own.clone()]).await;
    assert_eq!(run_for(&host, "bob", vec![own]).await, first);
    host.stop().await;
}

/// A turn sees its own writes in all that is not a search, and a commit keeps them.
#[tokio::test(flavor = "multi_thread")]
async fn a_turn_sees_what_it_wrote() {
    let host = TestHost::start().await;
    let text = "One sentence of a handbook. ".repeat(100);
    let seen = run_for(
        &host,
        "ann",
        vec![
            json!({ "remember": { "content": text, "external_id": "book", "chunk_bytes": 256 } }),
            json!({ "get_knowledge_last": true }),
        ],
    )
    .await;
    assert_eq!(seen["part"][1], 0);
    let parts = seen["part"][2].as_u64().unwrap();
    assert!(parts > 5, "{seen}");
    let document = seen["part"][0].clone();
    let chunks = json!({ "list_knowledge": { "document": document, "limit": 100 } });
    let chunks = run_for(&host, "ann", vec![chunks]).await;
    assert_eq!(chunks["items"].as_array().unwrap().len() as u64, parts);

    let now =
        json!({ "remember": { "content": "not true yet", "valid_from": "2999-01-01T00:00:00Z" } });
    let id = run_for(&host, "ann", vec![now]).await;
    let there = run_for(&host, "ann", vec![json!({ "get_knowledge": id })]).await;
    assert_eq!(there["valid_from"], "2999-01-01T00:00:00.000Z");
    let found = json!({ "search": { "text": "true yet", "mode": "keyword" } });
    assert_eq!(run_for(&host, "ann", vec![found]).await, json!([]));

    let say = |text: &str| json!({ "add_episode": { "role": "user", "content": text } });
    let script = vec![
        say("one"),
        say("two"),
        json!({ "unconsolidated": 1 }),
        json!({ "consolidate_last": true }),
        json!({ "unconsolidated": 10 }),
    ];
    let left = run_for(&host, "ann", script).await;
    assert_eq!(left.as_array().unwrap().len(), 1);
    assert_eq!(left[0]["content"], "two");
    let again = run_for(&host, "ann", vec![json!({ "unconsolidated": 10 })]).await;
    assert_eq!(again[0]["content"], "two", "as the commit kept it");

    let put = |body: &str| json!({ "put_procedure": { "name": "greet", "body": body } });
    let script = vec![
        put("first"),
        put("second"),
        json!({ "activate_procedure": { "name": "greet", "version": 1 } }),
        json!({ "get_procedure": { "name": "greet" } }),
    ];
    assert_eq!(run_for(&host, "ann", script).await["body"], "first");
    let back = run_for(
        &host,
        "bob",
        vec![json!({ "roll_back_procedure": "greet" })],
    )
    .await;
    assert_eq!(back, json!(2), "procedures are the tenant's");
    let script = vec![
        json!({ "roll_back_procedure": "greet" }),
        json!({ "try": { "roll_back_procedure": "greet" } }),
        json!({ "expect_error": "conflict" }),
    ];
    run_for(&host, "ann", script).await;
    host.stop().await;
}
