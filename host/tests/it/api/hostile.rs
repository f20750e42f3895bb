//! Clients that mean harm: names that are more than names, bodies that are more than they say, too much at once.

use serde_json::{Value, json};
use warren::app::ApiLimits;

use super::harness::{Client, Host, Setup, encoded};

/// What is no name: paths, devices, patterns of buses and databases, look-alikes, headers.
const NO_NAMES: [&str; 34] = [
    "",
    ".",
    "..",
    "../x",
    "..\\x",
    "a/b",
    "/etc/passwd",
    "%2e%2e",
    "%2e%2e%2fx",
    "a\0",
    "a\r\nx-admin: 1",
    "a b",
    " a",
    "a\t",
    "A",
    "CON",
    "NUL.txt",
    ".a",
    "-a",
    "1a",
    "a.b",
    "a_b",
    "*",
    "a*",
    ">",
    "a.>",
    "$SYS",
    "_INBOX",
    "a'; set role postgres; --",
    "a\" or \"\"=\"",
    "а",
    "ａ",
    "e\u{301}",
    "a\u{202e}",
];

#[tokio::test]
async fn names_that_are_more_than_names() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let longest = "a".repeat(63);
    let longer = ["a".repeat(64), "a".repeat(300), "a".repeat(10_000)];
    for name in NO_NAMES
        .into_iter()
        .chain(longer.iter().map(String::as_str))
    {
        let tenant = json!({ "name": name });
        let tenant = host.operator().post("/v1/tenants", &tenant).await;
        tenant.problem(422, "invalid");
        let key = json!({ "name": name });
        let key = host.operator().post("/v1/tenants/acme/keys", &key).await;
        key.problem(422, "invalid");
        // An empty segment is another route.
        if !name.is_empty() {
            let pushed = acme.push(&encoded(name), "echo", &["ask"]).await;
            assert!(
                (400..500).contains(&pushed.status),
                "{name}: {}",
                pushed.status
            );
        }
    }
    // Of an event's type some of these are words.
    for name in [
        "", "*", ">", "a.*", "a.>", "a..b", ".a", "a.", "a b", "a\r\nb", "$SYS.>", "а.b",
    ] {
        let event = json!({ "type": name, "topic": "business-facts" });
        acme.post("/v1/events", &event)
            .await
            .problem(422, "invalid");
        let pushed = acme.push("pattern", "echo", &[name]).await;
        pushed.problem(422, "invalid");
    }
    for topic in ["*", ">", "business-facts.>", "Business-Facts", "$JS.API.>"] {
        let event = json!({ "type": "a", "topic": topic });
        acme.post("/v1/events", &event)
            .await
            .problem(422, "invalid");
    }
    let there = acme.get("/v1/agents").await.ok();
    assert_eq!(there["items"], json!([]));
    let tenants = host.operator().get("/v1/tenants").await.ok();
    assert_eq!(tenants["items"].as_array().unwrap().len(), 1);
    acme.push(&longest, "echo", &["ask"]).await.ok();
}

/// A gzip file that holds these bytes as they are.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let crc = bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(crc & 1))
        })
    });
    let len = bytes.len() as u16;
    let mut file = b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x01".to_vec();
    file.extend(len.to_le_bytes());
    file.extend((!len).to_le_bytes());
    file.extend(bytes);
    file.extend((!crc).to_le_bytes());
    file.extend(u32::from(len).to_le_bytes());
    file
}

#[tokio::test]
async fn a_body_is_never_unpacked() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let event = json!({ "type": "a", "topic": "business-facts" }).to_string();
    for encoding in [
        "gzip",
        "x-gzip",
        "deflate",
        "br",
        "zstd",
        "gzip, gzip",
        "identity",
    ] {
        let headers = [
            ("content-type", "application/json"),
            ("content-encoding", encoding),
        ];
        let body = gzip(event.as_bytes());
        let answer = acme.send("POST", "/v1/events", &headers, body).await;
        assert!(
            (400..500).contains(&answer.status),
            "{encoding}: {}",
            answer.text()
        );
    }
    let events = acme.get("/v1/events").await.ok();
    assert_eq!(events["items"], json!([]));
}

/// Bodies that are fine, for what they are sent to.
fn bodies() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        (
            "POST",
            "/v1/events",
            json!({ "type": "a", "topic": "business-facts" }),
        ),
        (
            "PUT",
            "/v1/event-definitions/a",
            json!({ "topic": "business-facts" }),
        ),
        ("POST", "/v1/agents/echo/call", json!({ "type": "ask" })),
        ("POST", "/v1/agents/echo/rollback", json!({ "version": 1 })),
        ("POST", "/v1/memory/knowledge", json!({ "content": "a" })),
        (
            "POST",
            "/v1/memory/knowledge/search",
            json!({ "text": "a" }),
        ),
        (
            "POST",
            "/v1/services",
            json!({ "name": "weather", "type": "api", "url": "https://weather.example" }),
        ),
    ]
}

#[tokio::test]
async fn members_that_nobody_asked_for() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let beta = host.tenant("beta").await;
    acme.push("echo", "echo", &["ask"]).await.ok();
    let send = async |client: &Client, method, path, body: &Value| {
        let json = [("content-type", "application/json")];
        client.send(method, path, &json, body.to_string()).await
    };
    let theirs = beta.get("/v1/events").await.text();
    for (method, path, body) in bodies() {
        for (member, value) in [
            ("tenant", json!("beta")),
            ("tenant_id", json!("00000000-0000-0000-0000-000000000000")),
            ("role", json!("admin")),
            ("scopes", json!(["*"])),
            ("quota", json!(1_000_000)),
            ("weight", json!(100)),
            ("__proto__", json!({ "admin": true })),
        ] {
            let mut more = body.clone();
            more[member] = value;
            let answer = send(&acme, method, path, &more).await;
            assert!(
                (400..500).contains(&answer.status),
                "{path} {member}: {}",
                answer.text()
            );
        }
        let fine = send(&acme, method, path, &body).await;
        assert!(
            fine.status < 500 && fine.status != 422,
            "{path}: {}",
            fine.text()
        );
    }
    // A tenant is what its key says, whatever headers say.
    for header in [
        "x-tenant-id",
        "x-tenant",
        "warren-tenant",
        "x-original-user",
    ] {
        let headers = [(header, "beta")];
        let agents = acme.send("GET", "/v1/agents", &headers, "").await.ok();
        assert_eq!(agents["items"][0]["name"], "echo", "{header}");
    }
    assert_eq!(beta.get("/v1/events").await.text(), theirs);
}

/// None at once is what each limit at 0 allows, and one is what it allows at 1.
#[tokio::test]
async fn each_kind_of_request_has_its_limit() {
    for max in [0, 1] {
        let limits = ApiLimits {
            uploads_per_tenant_max: max,
            calls_per_tenant_max: max,
            streams_per_tenant_max: max,
            ..ApiLimits::default()
        };
        let setup = Setup {
            limits,
            ..Setup::default()
        };
        let host = Host::with(setup).await;
        let acme = host.tenant("acme").await;
        let answers = [
            (
                "uploads_per_tenant_max",
                acme.push("echo", "echo", &["ask"]).await,
            ),
            (
                "calls_per_tenant_max",
                acme.post("/v1/agents/echo/call", &json!({})).await,
            ),
        ];
        for (limit, answer) in answers {
            if max == 0 {
                assert_eq!(answer.problem(429, "exhausted")["limit"], limit);
                assert_eq!(answer.headers["retry-after"], "1", "{limit}");
            } else {
                answer.ok();
            }
        }
    }
    let limits = ApiLimits {
        requests_per_tenant_max: 0,
        ..ApiLimits::default()
    };
    let setup = Setup {
        limits,
        ..Setup::default()
    };
    let host = Host::with(setup).await;
    let (acme, other) = (
        host.tenant("acme").await,
        host.another_key("acme", "other").await,
    );
    for key in [acme, other] {
        let refused = key.get("/v1/agents").await.problem(429, "exhausted");
        assert_eq!(
            refused["limit"], "requests_per_tenant_max",
            "whatever key it is"
        );
    }
}
