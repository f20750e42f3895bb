//! The catalogue: what lives elsewhere is there, is found, goes down, and is its owner's alone.

use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use warren::dispatch::ServiceSweeper;

use super::harness::{Client, Host, eventually};

/// The default time to live.
const TTL_MS: u64 = 300_000;

fn weather() -> Value {
    json!({
        "name": "weather",
        "version": "1.2",
        "type": "api",
        "description": "Tells the weather of tomorrow.",
        "category": "data",
        "tags": ["forecast", "public"],
        "url": "https://weather.example/v2",
        "protocol": "http",
        "auth": { "type": "api-key", "hint": "ask ops" },
        "endpoints": [{ "method": "GET", "path": "/tomorrow" }],
        "capabilities": [{ "name": "forecast", "description": "Looks ahead." }],
        "consumes": [{ "topic": "action-requests", "type": "weather.asked" }],
        "produces": [{ "topic": "action-results", "type": "weather.told" }],
        "metadata": { "region": "north" },
    })
}

fn with(name: &str, more: &Value) -> Value {
    let mut body = json!({ "name": name, "type": "service" });
    for (member, value) in more.as_object().into_iter().flatten() {
        body[member] = value.clone();
    }
    body
}

impl Client {
    async fn state(&self, name: &str) -> Value {
        let view = self.get(&format!("/v1/services/{name}")).await.ok();
        view["state"].clone()
    }

    async fn names(&self, query: &str) -> Vec<String> {
        let page = self.get(&format!("/v1/services?{query}")).await.ok();
        let items = page["items"].as_array().unwrap().iter();
        items
            .map(|item| item["name"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Host {
    async fn sweep(&self) {
        let sweeper = ServiceSweeper {
            admin: self.app.admin.clone(),
            services: self.app.services.clone(),
            clock: self.app.clock.clone(),
            settings: self.app.registry,
        };
        sweeper.sweep().await.unwrap();
    }
}

#[tokio::test]
async fn what_registers_is_present() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let made = acme.post("/v1/services", &weather()).await;
    assert_eq!(made.status, 201);
    let again = acme.post("/v1/services", &weather()).await;
    assert_eq!(again.status, 200, "to register again renews");
    let read = acme.get("/v1/services/weather").await.ok();
    assert_eq!(read, again.ok());
    for (member, expect) in [
        ("id", json!("weather:1.2")),
        ("type", json!("api")),
        ("state", json!("active")),
        ("hosted", json!(false)),
        ("owner", json!("main")),
        ("missed_beats", json!(0)),
    ] {
        assert_eq!(read[member], expect, "{member}");
    }
    for (member, value) in weather().as_object().unwrap() {
        if !matches!(member.as_str(), "consumes" | "capabilities" | "produces") {
            assert_eq!(read["definition"][member], *value, "{member}");
        }
    }
    let consumed = &read["definition"]["subscriptions"][0];
    assert_eq!(consumed["type"], "weather.asked", "the whole contract");

    assert_eq!(acme.delete("/v1/services/weather").await.status, 204);
    let gone = acme.get("/v1/services/weather").await;
    gone.problem(404, "not_found");
    let beat = "/v1/services/weather/heartbeat";
    acme.post(beat, &json!({})).await.problem(404, "not_found");
}

#[tokio::test]
async fn services_are_filtered_by_all_that_they_are() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    acme.push("angry", "reject", &["weather.asked"]).await.ok();
    acme.post("/v1/services", &weather()).await.ok();
    let lamp = json!({ "type": "device", "tags": ["home"], "description": "Shines." });
    acme.post("/v1/services", &with("lamp", &lamp)).await.ok();
    let other = host.another_key("acme", "other").await;
    let relay = with(
        "relay",
        &json!({ "type": "node", "tags": ["home", "public"] }),
    );
    other.post("/v1/services", &relay).await.ok();
    acme.put("/v1/services/lamp/status", &json!({ "state": "degraded" }))
        .await
        .ok();
    for (query, expect) in [
        ("", &["angry", "lamp", "relay", "weather"][..]),
        ("name=EA", &["weather"]),
        ("type=device", &["lamp"]),
        ("category=data", &["weather"]),
        ("tags=home", &["lamp", "relay"]),
        ("tag=home,public", &["relay"]),
        ("capability=forecast", &["weather"]),
        ("consumes=weather.asked", &["angry", "weather"]),
        ("produces=weather.told", &["weather"]),
        ("owner=other", &["relay"]),
        ("state=degraded", &["lamp"]),
        ("text=tomorrow%20tells", &["weather"]),
        ("hosted=true", &["angry"]),
        ("hosted=false&tags=public&type=api", &["weather"]),
        ("tags=home&state=active", &["relay"]),
        ("limit=2", &["angry", "lamp"]),
        ("limit=2&after=lamp", &["relay", "weather"]),
        ("type=device&tags=public", &[]),
    ] {
        assert_eq!(acme.names(query).await, expect, "{query}");
    }
    let refused = acme.get("/v1/services?type=teapot").await;
    assert!((400..500).contains(&refused.status));
    let refused = acme.get("/v1/services?colour=red").await;
    assert!((400..500).contains(&refused.status));
}

#[tokio::test]
async fn a_killed_service_goes_offline_and_a_heartbeat_brings_it_back() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    acme.post("/v1/services", &weather()).await.ok();
    let mut feed = acme.follow("/v1/services/stream", &[]).await;
    assert_eq!(feed.next().await.unwrap().event, "connected");
    for (missed, state) in [
        (1, "active"),
        (2, "degraded"),
        (3, "degraded"),
        (4, "unhealthy"),
        (5, "offline"),
    ] {
        host.clock.advance_ms(TTL_MS / 5);
        let view = acme.get("/v1/services/weather").await.ok();
        assert_eq!(view["state"], state, "told before anybody has swept");
        assert_eq!(view["missed_beats"], missed);
        host.sweep().await;
    }
    for told in ["degraded", "unhealthy", "offline"] {
        let event = feed.event().await;
        assert_eq!(event.data["type"], format!("service.{told}"));
        assert_eq!(event.data["topic"], "system-events");
        assert_eq!(event.data["source"], "host");
        assert_eq!(event.data["data"]["state"], told);
    }
    assert_eq!(acme.names("").await, [""; 0]);
    assert_eq!(acme.names("include_expired=true").await, ["weather"]);
    let status = "/v1/services/weather/status";
    let refused = acme.put(status, &json!({ "state": "active" })).await;
    let problem = refused.problem(409, "conflict");
    assert!(problem["detail"].as_str().unwrap().contains("heartbeat"));

    let health = json!({ "cpu_percent": 95, "connections": 3, "uptime_s": 7 });
    let beat = acme.put("/v1/services/weather/heartbeat", &health).await;
    assert_eq!(beat.ok()["state"], "degraded", "it tells of too much load");
    assert_eq!(
        feed.event().await.data["type"],
        "service.degraded",
        "not of a recovery that is none"
    );
    let health = json!({ "status": "ok" });
    let beat = acme.post("/v1/services/weather/heartbeat", &health).await;
    assert_eq!(beat.ok()["state"], "active");
    assert_eq!(feed.event().await.data["type"], "service.recovered");
    let wrong = json!({ "memory_percent": 101 });
    let refused = acme.post("/v1/services/weather/heartbeat", &wrong).await;
    refused.problem(422, "invalid");

    host.clock.advance_ms(2 * TTL_MS);
    host.sweep().await;
    assert_eq!(feed.event().await.data["type"], "service.offline");
    host.clock.advance_ms(host.app.registry.retention_ms());
    host.sweep().await;
    assert_eq!(feed.event().await.data["type"], "service.deregistered");
    acme.get("/v1/services/weather")
        .await
        .problem(404, "not_found");
}

/// The compact JWS over a document by the key of this seed.
fn signed(document: &Value, kid: &str, seed: u8) -> Value {
    let header = json!({ "alg": "EdDSA", "kid": kid }).to_string();
    let text = format!("{}.{}", encode(header), encode(document.to_string()));
    let raw = SigningKey::from_bytes(&[seed; 32]).sign(text.as_bytes());
    let mut body = document.clone();
    body["signature"] = json!(format!("{text}.{}", encode(raw.to_bytes())));
    body
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[tokio::test]
async fn a_bad_signature_is_refused_and_a_good_one_says_so() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let public = SigningKey::from_bytes(&[1; 32]).verifying_key().to_bytes();
    let jwk = json!({ "jwk": { "kty": "OKP", "crv": "Ed25519", "x": encode(public) } });
    acme.put("/v1/signing-keys/k1", &jwk).await.ok();

    let document = weather();
    let mut forged = signed(&document, "k1", 1);
    forged["url"] = json!("https://evil.example");
    for (what, body) in [
        ("another key's", signed(&document, "k1", 2)),
        ("an unknown key's", signed(&document, "k2", 1)),
        ("of another document", forged),
        ("none at all", {
            let mut body = document.clone();
            body["signature"] = json!("a.b.c");
            body
        }),
    ] {
        let refused = acme.post("/v1/services", &body).await;
        let problem = refused.problem(422, "invalid");
        assert_eq!(problem["field"], "signature", "{what}");
    }
    acme.get("/v1/services/weather")
        .await
        .problem(404, "not_found");

    let body = signed(&document, "k1", 1);
    let made = acme.post("/v1/services", &body).await.ok();
    assert_eq!(made["signature"]["verified"], true);
    assert_eq!(made["signature"]["jws"], body["signature"]);
    let unsigned = acme.post("/v1/services", &document).await;
    unsigned.problem(409, "conflict");

    let other = host.another_key("acme", "other").await;
    let foreign = signed(&with("x", &json!({})), "k1", 1);
    let refused = other.post("/v1/services", &foreign).await;
    refused.problem(422, "invalid");
    let delete = other.delete("/v1/signing-keys/k1").await;
    delete.problem(404, "not_found");
    assert_eq!(acme.delete("/v1/signing-keys/k1").await.status, 204);
    let left = acme.get("/v1/services/weather").await.ok();
    assert_eq!(left["signature"]["verified"], false, "its key is gone");
}

#[tokio::test]
async fn nobody_but_its_owner_changes_a_service_or_sees_a_private_one() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let (other, friend) = (
        host.another_key("acme", "other").await,
        host.another_key("acme", "friend").await,
    );
    let beta = host.tenant("beta").await;
    acme.post("/v1/services", &weather()).await.ok();
    let secret = json!({ "visibility": "private", "readers": ["friend"] });
    acme.post("/v1/services", &with("secret", &secret))
        .await
        .ok();
    let inner = json!({ "visibility": "internal" });
    acme.post("/v1/services", &with("inner", &inner)).await.ok();

    let beat = "/v1/services/weather/heartbeat";
    let nobody = host.nobody();
    nobody
        .post("/v1/services", &weather())
        .await
        .problem(401, "unauthenticated");
    nobody
        .post(beat, &json!({}))
        .await
        .problem(401, "unauthenticated");
    other.post(beat, &json!({})).await.problem(403, "denied");
    let offline = json!({ "state": "offline" });
    other
        .put("/v1/services/weather/status", &offline)
        .await
        .problem(403, "denied");
    other
        .delete("/v1/services/weather")
        .await
        .problem(403, "denied");
    other
        .post("/v1/services", &weather())
        .await
        .problem(409, "conflict");
    for name in ["secret", "inner"] {
        let path = format!("/v1/services/{name}");
        other.get(&path).await.problem(404, "not_found");
        other.delete(&path).await.problem(404, "not_found");
    }
    beta.get("/v1/services/weather")
        .await
        .problem(404, "not_found");
    for (client, expect) in [
        (&acme, &["inner", "secret", "weather"][..]),
        (&friend, &["secret", "weather"]),
        (&other, &["weather"]),
        (&beta, &[]),
    ] {
        assert_eq!(client.names("").await, expect);
    }
    let page = host.operator().get("/v1/tenants/acme/services").await.ok();
    let names: Vec<&Value> = page["items"].as_array().unwrap().iter().collect();
    let names: Vec<&Value> = names.into_iter().map(|item| &item["name"]).collect();
    assert_eq!(names, ["inner", "weather"]);
}

#[tokio::test]
async fn the_state_of_a_hosted_agent_is_what_the_host_sees() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let hosted = async |name: &str| {
        let view = acme.get(&format!("/v1/services/{name}")).await.ok();
        (
            view["hosted_state"].as_str().unwrap().to_owned(),
            view["state"].as_str().unwrap().to_owned(),
        )
    };
    let is = |hosted: &str, state: &str| (hosted.to_owned(), state.to_owned());
    acme.push("stuck", "hang", &["wait"]).await.ok();
    acme.push("angry", "reject", &["ask"]).await.ok();
    acme.push("calm", "silent", &["say"]).await.ok();
    assert_eq!(hosted("stuck").await, is("loaded", "active"));
    let requests = json!({ "topic": "action-requests" });
    acme.publish("wait", &requests).await;
    eventually(async || hosted("stuck").await == is("running", "active")).await;
    acme.publish("ask", &requests).await;
    eventually(async || hosted("angry").await == is("failing", "degraded")).await;
    let call = json!({ "topic": "action-requests", "id": "e-1" });
    acme.publish("say", &call).await;
    eventually(async || {
        let event = acme.get("/v1/events/e-1").await.ok();
        event["deliveries"][0]["state"] == "done"
    })
    .await;
    eventually(async || hosted("calm").await == is("loaded", "active")).await;
    acme.post("/v1/agents/angry/pause", &json!({})).await.ok();
    assert_eq!(hosted("angry").await, is("paused", "paused"));

    // Nobody tells the host what its own agents are like.
    for (method, path, body) in [
        (
            "POST",
            "/v1/services",
            json!({ "name": "angry", "type": "agent" }),
        ),
        (
            "PUT",
            "/v1/services/angry/status",
            json!({ "state": "active" }),
        ),
        (
            "POST",
            "/v1/services/angry/heartbeat",
            json!({ "status": "ok" }),
        ),
        ("DELETE", "/v1/services/angry", json!({})),
    ] {
        let json = [("content-type", "application/json")];
        let refused = acme.send(method, path, &json, body.to_string()).await;
        let problem = refused.problem(409, "conflict");
        let words = problem["detail"].as_str().unwrap();
        assert!(words.contains("agent of this host"), "{method} {words}");
    }
    let name = acme.post("/v1/services", &weather()).await;
    name.ok();
    let taken = acme.push("weather", "echo", &["x"]).await;
    taken.problem(409, "conflict");
}

#[tokio::test]
async fn an_address_or_a_wish_leads_to_what_works_now() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    acme.push("echo", "echo", &["say"]).await.ok();
    acme.post("/v1/services", &weather()).await.ok();
    let can =
        json!({ "url": "http://b", "capabilities": [{ "name": "forecast", "description": "" }] });
    acme.post("/v1/services", &with("busy", &can)).await.ok();
    let load = json!({ "cpu_percent": 80 });
    acme.post("/v1/services/busy/heartbeat", &load).await.ok();

    let resolve = async |query: &str| acme.get(&format!("/v1/services/resolve?{query}")).await;
    let found = resolve("address=klp://weather/tomorrow").await.ok();
    assert_eq!(found["url"], "https://weather.example/v2/tomorrow");
    let found = resolve("address=klp://echo").await.ok();
    assert_eq!(found["url"], "/v1/agents/echo/call");
    let found = resolve("capability=forecast").await.ok();
    assert_eq!(
        (&found["name"], &found["others"]),
        (&json!("weather"), &json!(["busy"]))
    );
    let pause = json!({ "state": "paused" });
    acme.put("/v1/services/weather/status", &pause).await.ok();
    assert_eq!(resolve("capability=forecast").await.ok()["name"], "busy");
    // An agent of the host that can is as good as any other, and goes first before one that is busy.
    let able = json!({
        "name": "oracle", "kind": "tool", "description": "silent",
        "capabilities": [{ "name": "forecast", "description": "Tells the weather." }],
    });
    let wasm = [("content-type", "application/wasm")];
    let pushed = acme.send("PUT", "/v1/agents/oracle", &wasm, able.to_string());
    pushed.await.ok();
    let found = resolve("capability=forecast").await.ok();
    assert_eq!(
        (&found["name"], &found["url"], &found["others"]),
        (
            &json!("oracle"),
            &json!("/v1/agents/oracle/call"),
            &json!(["busy"])
        )
    );
    acme.post("/v1/agents/oracle/pause", &json!({})).await.ok();
    assert_eq!(resolve("capability=forecast").await.ok()["name"], "busy");
    let paused = resolve("address=klp://weather").await;
    paused.problem(503, "unavailable");
    resolve("capability=magic")
        .await
        .problem(503, "unavailable");
    resolve("address=klp://nobody")
        .await
        .problem(404, "not_found");
    resolve("address=weather").await.problem(422, "invalid");
    resolve("").await.problem(422, "invalid");
    let words = acme
        .post("/v1/services", &with("resolve", &json!({})))
        .await;
    words.problem(422, "invalid");
}

#[tokio::test]
async fn other_registries_routes_mean_the_same() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let service = json!({
        "id": "w-1", "name": "Weather", "type": "service", "tags": ["x"], "url": "https://a",
        "status": "active", "owner": "somebody", "visibility": "public",
    });
    let made = acme.post("/api/services/register", &service).await;
    assert_eq!((made.status, &made.ok()["owner"]), (201, &json!("main")));
    let beat = acme
        .post("/api/services/w-1/heartbeat", &json!({}))
        .await
        .ok();
    assert_eq!(beat["status"], "active");
    let found = acme.get("/api/services?tag=x&status=active").await.ok();
    assert_eq!(found[0]["id"], "w-1");
    assert_eq!(acme.get("/api/services/w-1").await.ok()["url"], "https://a");

    let agent = json!({ "name": "Summer", "capabilities": ["add"], "endpoint": "https://b" });
    let made = acme.post("/agents/register", &agent).await.ok();
    assert_eq!(
        (&made["id"], &made["type"]),
        (&json!("summer"), &json!("agent"))
    );
    let health = json!({ "cpu": 12.5, "memory": 40, "uptime": 9 });
    let beat = acme.post("/agents/summer/heartbeat", &health).await.ok();
    assert_eq!(beat["health"]["cpu_percent"], 12.5);
    let pause = json!({ "status": "paused" });
    let paused = acme.put("/agents/summer/status", &pause).await.ok();
    assert_eq!(paused["status"], "paused");
    assert_eq!(acme.state("summer").await, "paused");
    let found = acme.get("/agents?capability=add").await.ok();
    assert_eq!(found[0]["id"], "summer");
    assert_eq!(acme.delete("/agents/summer").await.status, 204);
    assert_eq!(acme.delete("/api/services/w-1").await.status, 204);
    assert_eq!(acme.names("include_expired=true").await, [""; 0]);
}
