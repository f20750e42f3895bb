//! Finding agents and services by what they say of themselves, and what a capability promises.

use serde_json::{Value, json};

use super::harness::{Client, Host, encoded};

/// A reader, a writer and a logger who overlap here and there.
async fn furnish(client: &Client) {
    let page = json!({ "type": "object", "required": ["url"], "properties": { "url": { "type": "string" } } });
    let event = |topic: &str, event_type: &str| json!({ "topic": topic, "type": event_type });
    let reader = json!({
        "name": "reader", "kind": "tool", "description": "Reads web pages.", "category": "text",
        "tags": ["web", "english"], "owner": "content",
        "subscriptions": [{ "topic": "action-requests", "type": "page.read", "schema": page }],
        "produces": [event("action-results", "page.text"), event("business-facts", "page.seen")],
        "capabilities": [{
            "name": "summarise-page", "description": "Says in short what is on a page.",
            "tasks": ["summarise"], "consumes": "page.read", "produces": ["page.text"],
        }],
    });
    let writer = json!({
        "name": "writer", "kind": "worker", "description": "Writes letters.", "category": "text",
        "tags": ["english"], "owner": "office",
        "subscriptions": [event("business-facts", "order.placed")],
        "produces": [event("action-requests", "stamp.wanted"), event("action-requests", "page.read")],
    });
    let logger = json!({
        "name": "logger", "kind": "agent", "description": "Keeps what was seen.",
        "subscriptions": [event("business-facts", "page.seen")],
        "produces": [event("business-facts", "page.kept")],
    });
    for manifest in [reader, writer, logger] {
        let path = format!("/v1/agents/{}", manifest["name"].as_str().unwrap());
        let wasm = [("content-type", "application/wasm")];
        client
            .send("PUT", &path, &wasm, manifest.to_string())
            .await
            .ok();
    }
}

/// Two services beside them, one of which only its owner's key sees.
async fn furnish_services(client: &Client) {
    let archive = json!({
        "name": "archive", "version": "2.0", "type": "service", "category": "text", "tags": ["slow", "web"],
        "description": "Keeps copies of what was on the web.", "url": "https://archive.example",
        "capabilities": [{
            "name": "find-copy", "description": "Finds an old copy of a page.", "tasks": ["find"],
            "consumes": { "topic": "action-requests", "type": "copy.find", "schema": {
                "type": "object", "required": ["url"],
                "properties": { "url": { "type": "string" }, "year": { "type": "integer" } },
            } },
            "produces": "page.text",
        }],
        "consumes": [{ "topic": "action-requests", "type": "copy.find" }],
        "produces": [{ "topic": "action-results", "type": "page.text" }],
    });
    let safe = json!({
        "name": "safe", "type": "device", "visibility": "private",
        "description": "Keeps copies of secret pages.",
    });
    for service in [archive, safe] {
        client.post("/v1/services", &service).await.ok();
    }
}

async fn found(client: &Client, path: &str) -> Vec<String> {
    let page = client.get(path).await.ok();
    let items = page["items"].as_array().unwrap().iter();
    items
        .map(|item| item["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn agents_and_services_are_found_in_one_list() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    furnish(&acme).await;
    furnish_services(&acme).await;
    acme.post("/v1/agents/logger/pause", &json!({})).await.ok();
    let table: [(&str, &[&str]); 24] = [
        ("", &["archive", "logger", "reader", "safe", "writer"]),
        ("id=archive", &["archive"]),
        ("id=archive:2.0", &["archive"]),
        ("id=archive:1.0", &[]),
        ("id=arch", &[]),
        ("name=EA", &["reader"]),
        ("type=tool", &["reader"]),
        ("type=service", &["archive"]),
        ("category=text", &["archive", "reader", "writer"]),
        ("tags=web", &["archive", "reader"]),
        ("tags=web,english", &["reader"]),
        ("capability=find-copy", &["archive"]),
        ("capability=summarise-page", &["reader"]),
        ("task=find", &["archive"]),
        ("capability=find-copy&task=summarise", &[]),
        ("consumes=copy.find", &["archive"]),
        ("produces=page.text", &["archive", "reader"]),
        ("owner=content", &["reader"]),
        ("owner=main", &["archive", "safe"]),
        ("state=paused", &["logger"]),
        ("text=old%20page", &["archive"]),
        ("hosted=false&category=text", &["archive"]),
        ("hosted=true&produces=page.text&state=active", &["reader"]),
        (
            "type=service&category=text&tags=slow&capability=find-copy&task=find&consumes=copy.find\
             &produces=page.text&owner=main&state=active&name=arch&text=copies",
            &["archive"],
        ),
    ];
    for (query, expect) in table {
        let names = found(&acme, &format!("/v1/services?{query}")).await;
        assert_eq!(names, expect, "{query}");
    }
    let other = host.another_key("acme", "other").await;
    let seen = found(&other, "/v1/services?hosted=false").await;
    assert_eq!(seen, ["archive"]);
    let archive = acme.get("/v1/services/archive").await.ok();
    let capability = &archive["capabilities"][0];
    assert_eq!(
        capability["consumes"][0]["schema"]["required"],
        json!(["url"])
    );
    assert_eq!(capability["produces"][0]["topic"], "action-results");
    // Pages go on where the last one ended.
    let page = acme.get("/v1/services?limit=2").await.ok();
    assert_eq!(page["next"], "logger");
    let rest = found(&acme, "/v1/services?limit=2&after=logger").await;
    assert_eq!(rest, ["reader", "safe"]);
}

#[tokio::test]
async fn a_filter_finds_what_parameters_cannot_say() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    furnish(&acme).await;
    furnish_services(&acme).await;
    let path = |filter: &str| format!("/v1/services?filter={}", encoded(filter));
    let table: [(&str, &[&str]); 4] = [
        (
            "hosted || type == 'device'",
            &["logger", "reader", "safe", "writer"],
        ),
        ("!hosted && visibility != 'private'", &["archive"]),
        (
            "capabilities.exists(c, 'page.read' in c.consumes)",
            &["reader"],
        ),
        ("category == 'text' && !('web' in tags)", &["writer"]),
    ];
    for (filter, expect) in table {
        assert_eq!(found(&acme, &path(filter)).await, expect, "{filter}");
    }
    let other = host.another_key("acme", "other").await;
    let seen = found(&other, &path("visibility == 'private'")).await;
    assert_eq!(seen, [""; 0], "what one may not see, one may not ask of");
    let both = format!("{}&tags=english&limit=1", path("category == 'text'"));
    let page = acme.get(&both).await.ok();
    assert_eq!(
        (&page["items"][0]["name"], &page["next"]),
        (&json!("reader"), &json!("reader"))
    );
    let next = found(&acme, &format!("{both}&after=reader")).await;
    assert_eq!(next, ["writer"]);
    let best = found(&acme, &format!("{}&about=web%20pages", path("hosted"))).await;
    assert_eq!(best[0], "reader");
    let refused = acme.get(&path("hosted &&\n nmae == 'x'")).await;
    let problem = refused.problem(422, "invalid");
    assert_eq!(problem["field"], "filter");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("line 2, column 2: an entry has no `nmae`"),
        "{detail}"
    );
}

#[tokio::test]
async fn a_question_finds_whoever_can_the_best_first() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    furnish(&acme).await;
    furnish_services(&acme).await;
    let ask = async |client: &Client, question: &str| {
        let question = question.replace(' ', "%20");
        found(client, &format!("/v1/services?about={question}")).await
    };
    let best = ask(&acme, "who can summarise a web page").await;
    assert_eq!(best[0], "reader");
    assert_eq!(ask(&acme, "I need an old copy").await[0], "archive");
    assert_eq!(ask(&acme, "write a letter").await[0], "writer");
    assert_eq!(ask(&acme, "qqq zzz").await, [""; 0]);
    let secret = "secret pages";
    assert_eq!(ask(&acme, secret).await[0], "safe");
    let other = host.another_key("acme", "other").await;
    assert!(!ask(&other, secret).await.contains(&"safe".to_owned()));
    let page = acme
        .get("/v1/services?about=summarise&hosted=true&limit=1")
        .await
        .ok();
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    assert!(page["items"][0]["score"].as_f64().unwrap() > 0.5);
    for refused in [
        "about=a&after=b".to_owned(),
        format!("about={}", "x".repeat(1_025)),
    ] {
        let answer = acme.get(&format!("/v1/services?{refused}")).await;
        answer.problem(422, "invalid");
    }
    let longest = format!("/v1/services?about={}", "x".repeat(1_024));
    acme.get(&longest).await.ok();

    // What is not there is not found; what comes back is.
    acme.post("/v1/agents/reader/pause", &json!({})).await.ok();
    let working = "/v1/services?about=summarise&state=active";
    assert!(!found(&acme, working).await.contains(&"reader".to_owned()));
    acme.post("/v1/agents/reader/resume", &json!({})).await.ok();
    assert_eq!(found(&acme, working).await[0], "reader");
}

#[tokio::test]
async fn a_brief_says_what_to_send_and_what_comes_back() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    furnish(&acme).await;
    furnish_services(&acme).await;
    let brief = acme.get("/v1/services/brief?tags=web").await;
    assert_eq!(brief.headers["content-type"], "text/plain; charset=utf-8");
    let expect = "\
archive (service, active): Keeps copies of what was on the web.
  at: https://archive.example
  find-copy: Finds an old copy of a page.
    ask: action-requests copy.find {url: string, year?: integer}
    get: action-results page.text
reader (tool, active): Reads web pages.
  summarise-page: Says in short what is on a page.
    ask: action-requests page.read {url: string}
    get: action-results page.text
";
    assert_eq!(brief.text(), expect);
}

#[tokio::test]
async fn events_are_actionable_while_somebody_works_who_consumes_them() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    furnish(&acme).await;
    furnish_services(&acme).await;
    let actionable = async || {
        let page = acme.get("/v1/event-definitions?actionable=true").await.ok();
        let items = page["items"].as_array().unwrap().iter();
        let types: Vec<String> = items
            .map(|item| item["type"].as_str().unwrap().to_owned())
            .collect();
        types
    };
    let all = ["copy.find", "order.placed", "page.read", "page.seen"];
    assert_eq!(actionable().await, all);
    let text = acme.get("/v1/event-definitions/page.text").await.ok();
    assert_eq!(text["producers"], json!(["reader", "archive"]));
    acme.post("/v1/agents/reader/pause", &json!({})).await.ok();
    let paused = json!({ "state": "paused" });
    acme.put("/v1/services/archive/status", &paused).await.ok();
    assert_eq!(actionable().await, ["order.placed", "page.seen"]);
}

#[tokio::test]
async fn agents_are_found_by_each_word_and_by_all_together() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    furnish(&acme).await;
    acme.post("/v1/agents/logger/pause", &json!({})).await.ok();
    let table: [(&str, &[&str]); 17] = [
        ("", &["logger", "reader", "writer"]),
        ("id=reader", &["reader"]),
        ("id=read", &[]),
        ("name=READ", &["reader"]),
        ("kind=worker", &["writer"]),
        ("category=text", &["reader", "writer"]),
        ("tags=english", &["reader", "writer"]),
        ("tags=english,web", &["reader"]),
        ("owner=office", &["writer"]),
        ("capability=summarise-page", &["reader"]),
        ("task=summarise", &["reader"]),
        ("consumes=page.seen", &["logger"]),
        ("produces=page.read", &["writer"]),
        ("status=paused", &["logger"]),
        ("text=short%20page", &["reader"]),
        (
            "category=text&tags=english&kind=tool&status=active&produces=page.text&task=summarise",
            &["reader"],
        ),
        ("category=text&owner=nobody", &[]),
    ];
    for (query, expect) in table {
        let page = acme.get(&format!("/v1/agents?{query}")).await.ok();
        let items = page["items"].as_array().unwrap().iter();
        let names: Vec<&str> = items.map(|item| item["name"].as_str().unwrap()).collect();
        assert_eq!(names, expect, "{query}");
    }
}

#[tokio::test]
async fn a_capability_carries_its_full_contract() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    furnish(&acme).await;
    let reader = acme.get("/v1/agents/reader").await.ok();
    let capability = &reader["capabilities"][0];
    assert_eq!(capability["tasks"], json!(["summarise"]));
    let asked = &capability["consumes"][0];
    assert_eq!(
        (&asked["topic"], &asked["type"]),
        (&json!("action-requests"), &json!("page.read"))
    );
    assert_eq!(asked["schema"]["required"], json!(["url"]));
    assert_eq!(capability["produces"][0]["type"], "page.text");
    // Whoever asks is held to the words of whoever answers.
    let ask =
        |data: Value| json!({ "topic": "action-requests", "type": "page.read", "data": data });
    let refused = acme.post("/v1/events", &ask(json!({ "url": 7 }))).await;
    assert_eq!(refused.problem(422, "invalid")["field"], "data/url");
    acme.post("/v1/events", &ask(json!({ "url": "https://example.com" })))
        .await
        .ok();
    let named = json!({
        "name": "late", "kind": "agent",
        "subscriptions": [{ "topic": "business-facts", "type": "x", "schema": "nobody-registered" }],
    });
    let wasm = [("content-type", "application/wasm")];
    let push = async || {
        acme.send("PUT", "/v1/agents/late", &wasm, named.to_string())
            .await
    };
    push().await.problem(422, "invalid");
    acme.put("/v1/schemas/nobody-registered", &json!({}))
        .await
        .ok();
    push().await.ok();
}

#[tokio::test]
async fn the_overview_agrees_with_the_lists() {
    let host = Host::start().await;
    let (acme, beta) = (host.tenant("acme").await, host.tenant("beta").await);
    furnish(&acme).await;
    furnish_services(&acme).await;
    acme.post("/v1/agents/logger/pause", &json!({})).await.ok();
    let told = json!({ "cpu_percent": 40, "errors": 3 });
    acme.post("/v1/services/archive/heartbeat", &told)
        .await
        .ok();
    let told = json!({ "cpu_percent": 20 });
    acme.post("/v1/services/safe/heartbeat", &told).await.ok();
    let all = acme.get("/v1/services/overview").await.ok();
    for (pointer, expect) in [
        ("/entries", json!(5)),
        ("/hosted", json!(3)),
        (
            "/by_type",
            json!({ "agent": 2, "device": 1, "service": 1, "tool": 1 }),
        ),
        ("/by_state", json!({ "active": 4, "paused": 1 })),
        ("/agents_by_state", json!({ "loaded": 2, "paused": 1 })),
        ("/by_category", json!({ "text": 3 })),
        ("/by_owner", json!({ "content": 1, "main": 2, "office": 1 })),
        ("/capabilities", json!(2)),
        ("/health/reporting", json!(2)),
        ("/health/cpu_percent_mean", json!(30.0)),
        ("/health/errors", json!(3)),
        ("/events/declared", json!(7)),
        ("/events/by_topic/business-facts", json!(3)),
        (
            "/events/dangling",
            json!({ "nobody-answers": 1, "nobody-consumes": 1, "nobody-produces": 2 }),
        ),
    ] {
        assert_eq!(all.pointer(pointer), Some(&expect), "{pointer}");
    }
    // Whoever may not see the device does not count it, and another tenant counts nothing.
    let other = host.another_key("acme", "other").await;
    assert_eq!(other.get("/v1/services/overview").await.ok()["entries"], 4);
    assert_eq!(beta.get("/v1/services/overview").await.ok()["entries"], 0);
}
