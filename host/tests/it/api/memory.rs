//! Memory over HTTP: each operation, on behalf of whom, and what another user and another tenant see.

use serde_json::{Value, json};

use super::harness::{Client, Host};

async fn remember(client: &Client, entry: Value) -> String {
    let view = client.post("/v1/memory/knowledge", &entry).await.ok();
    view["id"].as_str().unwrap().to_owned()
}

/// The members of this name in the rows of a page.
fn column(page: &Value, name: &str) -> Vec<String> {
    let items = page["items"].as_array().unwrap().iter();
    items
        .map(|item| item[name].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn an_entry_is_remembered_found_and_forgotten_by_its_owner() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let ann = acme.of(Some("c1"), Some("ann"));
    let entry = json!({
        "content": "The lamp is in the cellar.", "external_id": "lamp", "tags": ["house"],
        "metadata": { "floor": -1 }, "source": "a note", "visibility": "customer"
    });
    let id = remember(&ann, entry.clone()).await;
    assert_eq!(
        remember(&ann, entry).await,
        id,
        "again is the same entry, not an error"
    );
    let path = format!("/v1/memory/knowledge/{id}");
    let got = ann.get(&path).await.ok();
    for (name, expected) in [
        ("content", json!("The lamp is in the cellar.")),
        ("external_id", json!("lamp")),
        ("metadata", json!({ "floor": -1 })),
        ("visibility", json!("customer")),
        ("customer", json!("c1")),
        ("user", json!("ann")),
        ("score", Value::Null),
    ] {
        assert_eq!(got[name], expected, "{name}");
    }
    assert!(got["writer"].as_str().unwrap().starts_with("client/"));
    let query = json!({ "text": "where is the lamp?", "tags": ["house"], "limit": 5 });
    let hits = ann.post("/v1/memory/knowledge/search", &query).await.ok();
    assert_eq!(column(&hits, "id"), std::slice::from_ref(&id));
    assert!(hits["items"][0]["score"].as_f64().unwrap() > 0.0);
    assert_eq!(hits["items"][0]["why"], Value::Null, "was not asked for");
    let query = json!({ "text": "where is the lamp?", "explain": true });
    let hits = ann.post("/v1/memory/knowledge/search", &query).await.ok();
    for list in ["words", "vector"] {
        let place = &hits["items"][0]["why"][list];
        assert_eq!(place["rank"], 1, "{list}");
        assert!(place["score"].as_f64().unwrap() > 0.0, "{list}");
    }
    let list = "/v1/memory/knowledge?tag=house&metadata=%7B%22floor%22%3A-1%7D";
    assert_eq!(
        column(&ann.get(list).await.ok(), "id"),
        std::slice::from_ref(&id)
    );

    let bob = acme.of(Some("c1"), Some("bob"));
    assert_eq!(bob.get(&path).await.ok()["id"], json!(id), "may read");
    bob.delete(&path).await.problem(403, "denied");
    let over = json!({ "content": "No.", "external_id": "lamp", "visibility": "customer" });
    bob.post("/v1/memory/knowledge", &over)
        .await
        .problem(403, "denied");
    assert_eq!(ann.delete(&path).await.status, 204);
    ann.delete(&path).await.problem(404, "not_found");
    ann.get(&path).await.problem(404, "not_found");
}

#[tokio::test]
async fn another_user_and_another_tenant_see_nothing() {
    let host = Host::start().await;
    let (acme, beta) = (host.tenant("acme").await, host.tenant("beta").await);
    let ann = acme.of(None, Some("ann"));
    let id = remember(&ann, json!({ "content": "A secret." })).await;
    let episode = json!({ "agent": "scribe", "role": "user", "content": "hello", "session": "s" });
    ann.post("/v1/memory/episodes", &episode).await.ok();
    let rule = json!({ "kind": "rule", "body": "Be kind.", "triggers": ["a greeting"] });
    acme.put("/v1/memory/procedures/greet", &rule).await.ok();
    let tenant_wide = json!({ "content": "Open until six.", "visibility": "tenant" });
    remember(&ann, tenant_wide).await;

    let strangers = [
        ("another user", acme.of(None, Some("bob"))),
        ("nobody in particular", acme.clone()),
        ("a user of that name elsewhere", beta.of(None, Some("ann"))),
    ];
    for (who, stranger) in strangers {
        for path in [
            format!("/v1/memory/knowledge/{id}"),
            "/v1/memory/sessions/s".to_owned(),
        ] {
            stranger.get(&path).await.problem(404, "not_found");
            stranger.delete(&path).await.problem(404, "not_found");
        }
        let found = json!({ "text": "secret" });
        let hits = stranger.post("/v1/memory/knowledge/search", &found).await;
        let texts = column(&hits.ok(), "content");
        assert!(!texts.contains(&"A secret.".to_owned()), "{who}");
        for list in [
            "episodes?agent=scribe",
            "episodes?agent=scribe&text=hello",
            "sessions",
        ] {
            let page = stranger.get(&format!("/v1/memory/{list}")).await.ok();
            assert_eq!(page["items"], json!([]), "{who}: {list}");
        }
    }
    let page = beta.get("/v1/memory/knowledge").await.ok();
    assert_eq!(page["items"], json!([]), "not even what is for everybody");
    let page = beta.get("/v1/memory/export").await.ok();
    assert_eq!(page["items"], json!([]));
    for (method, path, body) in [
        ("GET", "/v1/memory/procedures/greet", "{}"),
        ("POST", "/v1/memory/procedures/greet/rollback", "{}"),
        (
            "POST",
            "/v1/memory/procedures/greet/activate",
            r#"{"version":1}"#,
        ),
    ] {
        let json = [("content-type", "application/json")];
        let answer = beta.send(method, path, &json, body).await;
        answer.problem(404, "not_found");
    }
    assert_eq!(ann.get("/v1/memory/sessions/s").await.ok()["id"], "s");
}

#[tokio::test]
async fn an_export_is_imported_as_it_was_and_only_by_who_speaks_for_it() {
    let host = Host::start().await;
    let (acme, beta) = (host.tenant("acme").await, host.tenant("beta").await);
    for user in ["ann", "bob"] {
        let client = acme.of(Some("c1"), Some(user));
        for n in 0..3 {
            let entry =
                json!({ "content": format!("{user} knows {n}"), "external_id": n.to_string() });
            remember(&client, entry).await;
        }
    }
    let mut records = Vec::new();
    let mut after = String::new();
    loop {
        let page = acme
            .get(&format!("/v1/memory/export?limit=2{after}"))
            .await
            .ok();
        records.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else {
            break;
        };
        after = format!("&after={next}");
    }
    assert_eq!(records.len(), 6);
    let of_ann = acme
        .of(Some("c1"), Some("ann"))
        .get("/v1/memory/export")
        .await;
    assert_eq!(of_ann.ok()["items"].as_array().unwrap().len(), 3);

    let all = json!({ "records": records });
    let narrow = beta.of(Some("c1"), Some("ann"));
    let outcomes = narrow.post("/v1/memory/import", &all).await.ok();
    let words: Vec<&str> = outcomes["outcomes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|outcome| outcome["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(words.iter().filter(|word| **word == "created").count(), 3);
    assert_eq!(words.iter().filter(|word| **word == "refused").count(), 3);
    beta.post("/v1/memory/import", &all).await.ok();
    let there = beta.get("/v1/memory/export").await.ok();
    assert_eq!(column(&there, "content").len(), 6);
    assert_eq!(there["items"][0]["user"], "ann");

    let many = |count| json!({ "records": vec![json!({ "content": "x" }); count] });
    beta.post("/v1/memory/import", &many(256)).await.ok();
    let past = beta.post("/v1/memory/import", &many(257)).await;
    past.problem(413, "too_large");
}

#[tokio::test]
async fn episodes_are_added_listed_and_forgotten_with_their_session() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let ann = acme.of(None, Some("ann"));
    for (role, content, session) in [
        ("user", "hello there", "s"),
        ("assistant", "good day", "s"),
        ("user", "something else", "t"),
    ] {
        let episode = json!({
            "agent": "scribe", "role": role, "content": content, "session": session,
            "metadata": { "n": 1 }
        });
        ann.post("/v1/memory/episodes", &episode).await.ok();
        host.clock.advance_ms(10);
    }
    for (query, expected) in [
        ("", &["something else", "good day", "hello there"][..]),
        ("&session=s", &["good day", "hello there"]),
        ("&session=s&role=user", &["hello there"]),
        ("&text=day", &["good day"]),
        ("&limit=1", &["something else"]),
    ] {
        let page = ann
            .get(&format!("/v1/memory/episodes?agent=scribe{query}"))
            .await
            .ok();
        assert_eq!(column(&page, "content"), expected, "{query}");
    }
    assert_eq!(
        column(&ann.get("/v1/memory/sessions").await.ok(), "id"),
        ["t", "s"]
    );
    let title = json!({ "metadata": { "title": "greetings" } });
    let put = ann.put("/v1/memory/sessions/s", &title).await.ok();
    assert_eq!(put["metadata"], title["metadata"]);
    assert_eq!(ann.delete("/v1/memory/sessions/s").await.status, 204);
    let page = ann.get("/v1/memory/episodes?agent=scribe").await.ok();
    assert_eq!(column(&page, "content"), ["something else"]);
}

#[tokio::test]
async fn procedures_are_put_activated_rolled_back_and_matched() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let path = "/v1/memory/procedures/refund";
    for (version, body) in [(1, "first"), (2, "second")] {
        let rule =
            json!({ "kind": "rule", "body": body, "triggers": ["a customer wants a refund"] });
        let kept = acme.put(path, &rule).await.ok();
        assert_eq!(
            (&kept["version"], &kept["body"]),
            (&json!(version), &json!(body))
        );
        assert!(kept["writer"].as_str().unwrap().starts_with("client/"));
    }
    let current = async || acme.get(path).await.ok()["version"].clone();
    assert_eq!(current().await, json!(2));
    let activate = format!("{path}/activate");
    let answer = acme.post(&activate, &json!({ "version": 1 })).await;
    assert_eq!(answer.status, 204);
    assert_eq!(current().await, json!(1));
    let none = acme.post(&activate, &json!({ "version": 3 })).await;
    none.problem(404, "not_found");
    let back = acme.post(&format!("{path}/rollback"), &json!({})).await;
    assert_eq!(back.ok()["version"], json!(2));
    acme.post(&format!("{path}/rollback"), &json!({}))
        .await
        .ok();
    let past = acme.post(&format!("{path}/rollback"), &json!({})).await;
    past.problem(409, "conflict");
    assert_eq!(
        acme.get(&format!("{path}?version=2")).await.ok()["body"],
        "second"
    );
    let situation = json!({ "situation": "she wants her refund" });
    let found = acme
        .post("/v1/memory/procedures/match", &situation)
        .await
        .ok();
    assert_eq!(column(&found, "name"), ["refund"]);
    let listed = acme.get("/v1/memory/procedures").await.ok();
    assert_eq!(column(&listed, "body"), ["first"]);
}

#[tokio::test]
async fn working_memory_is_tidied_up() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    acme.push("notes", "remember", &["note"]).await.ok();
    acme.publish("note", &json!({ "topic": "action-requests" }))
        .await;
    host.dispatcher.settle().await;
    let space = "/v1/memory/working/agent:notes";
    let keys = column(&acme.get(space).await.ok(), "key");
    let key = format!("{space}/{}", keys[0]);
    assert_eq!(acme.delete(&key).await.status, 204);
    acme.get(&key).await.problem(404, "not_found");
    acme.delete(&key).await.problem(404, "not_found");
    acme.publish("note", &json!({ "topic": "action-requests" }))
        .await;
    host.dispatcher.settle().await;
    assert_eq!(acme.delete(space).await.ok()["cleared"], json!(keys.len()));
    assert_eq!(acme.get(space).await.ok()["items"], json!([]));
    assert_eq!(acme.delete(space).await.ok()["cleared"], json!(0));
}

#[tokio::test]
async fn a_user_is_erased_by_the_tenant_or_on_the_users_behalf() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let (ann, bob) = (acme.of(None, Some("ann")), acme.of(None, Some("bob")));
    for client in [&ann, &bob] {
        remember(client, json!({ "content": "mine" })).await;
        let event = json!({ "type": "said", "topic": "business-facts" });
        client.post("/v1/events", &event).await.ok();
    }
    let erase = "/v1/memory/erase";
    let of_ann = json!({ "user": "ann" });
    bob.post(erase, &of_ann).await.problem(403, "denied");
    acme.post(erase, &json!({})).await.problem(422, "invalid");
    let erased = ann.post(erase, &of_ann).await.ok();
    assert_eq!(
        (&erased["knowledge"], &erased["events"]),
        (&json!(1), &json!(1))
    );
    let page = ann.get("/v1/memory/knowledge").await.ok();
    assert_eq!(page["items"], json!([]));
    let erased = acme.post(erase, &json!({ "user": "bob" })).await.ok();
    assert_eq!(erased["knowledge"], json!(1));
    let events = acme.get("/v1/events").await.ok();
    assert!(!events.to_string().contains("bob"));
}
