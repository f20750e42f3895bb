//! Secrets: placed where they may go, taken out of what comes back, and seen by nobody on the way.

use warren::clock::Timestamp;
use warren::id::SecretName;
use warren::identity::TenantScope;
use warren::secrets::{Secret, SecretRules, SecretValue};

use super::*;

const VALUE: &str = "s3cr3t-4f9a\"b/c";
/// The value as it stands in text of JSON.
const AS_JSON: &str = "s3cr3t-4f9a\\\"b/c";

/// All files below a directory.
fn files(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let below = |path: std::path::PathBuf| {
        if path.is_dir() {
            files(&path)
        } else {
            vec![path]
        }
    };
    entries.flat_map(below).collect()
}

impl Desk {
    async fn keep(&self, scope: &TenantScope, name: &str, hosts: &[String], headers: &[&str]) {
        let headers: Vec<String> = headers.iter().map(|name| (*name).to_owned()).collect();
        let secret = Secret {
            rules: SecretRules::new(hosts, &headers).unwrap(),
            value: SecretValue::new(VALUE.to_owned()).unwrap(),
        };
        let name = SecretName::new(name).unwrap();
        let secrets = &self.host.host.app.secrets;
        secrets
            .put(scope, name, secret, Timestamp(1))
            .await
            .unwrap();
    }

    /// Keep `key` for `a.test`, in `authorization`.
    async fn keep_key(&self) {
        let hosts = [format!("http://a.test:{}", self.server.port)];
        self.keep(&self.host.tenant, "key", &hosts, &[]).await;
    }

    fn with_header(&self, path: &str, name: &str, value: &str) -> Value {
        self.ask(path, json!({ "headers": [[name, value]] }))
    }
}

/// A94: the server is told it, and nothing that comes back, is kept or is logged holds it.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_sent_and_never_seen() {
    let desk = Desk::new().await;
    desk.keep_key().await;
    let ask = desk.with_header("/echo", "authorization", "Bearer {{secret:key}}");
    let (answers, record) = desk.send(vec![ask]).await;
    let seen = desk.server.seen();
    assert!(
        seen[0].contains(&format!("authorization: Bearer {VALUE}\r\n")),
        "{seen:?}"
    );
    let answer = &answers[0];
    assert_eq!(came(answer), "200");
    let body = answer["body"].as_str().unwrap();
    assert!(
        body.contains("authorization: Bearer {{secret:key}}\r\n"),
        "{body}"
    );
    let headers = answer["headers"].to_string();
    assert!(headers.contains("Bearer {{secret:key}}"), "{headers}");
    assert!(!headers.contains("content-length"), "{headers}");
    let list = desk.host.host.app.secrets.list(&desk.host.tenant).await;
    let audit = desk
        .host
        .host
        .app
        .audit
        .rows(&desk.host.tenant, 0, 100)
        .await;
    let all = format!("{answers:?} {record:?} {list:?} {audit:?}");
    assert!(!all.contains(VALUE) && !all.contains(AS_JSON), "{all}");
    let root = desk.host.host.store.data_dir().root().to_owned();
    let files = files(&root);
    assert!(files.len() > 3, "{files:?}");
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        let found = bytes
            .windows(VALUE.len())
            .any(|window| window == VALUE.as_bytes());
        assert!(!found, "{}", file.display());
    }
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_goes_where_it_may_and_nowhere_else() {
    let desk = Desk::new().await;
    desk.keep_key().await;
    let port = desk.server.port;
    let own = |host: &str| vec![format!("http://{host}:{port}")];
    let tenant = desk.host.tenant.clone();
    desk.keep(&tenant, "of-b", &own("b.a.test"), &[]).await;
    desk.keep(&tenant, "tls", &[format!("a.test:{port}")], &[])
        .await;
    desk.keep(&tenant, "in-x", &own("a.test"), &["X-Api-Key"])
        .await;
    desk.keep(&tenant, "below", &own("*.test"), &["x-a"]).await;
    let other = desk.host.another("other").await;
    desk.keep(&other, "theirs", &own("a.test"), &[]).await;
    for (header, value, good) in [
        ("authorization", "Bearer {{secret:key}}", true),
        ("x-api-key", "{{secret:in-x}}", true),
        ("x-a", "{{secret:below}}", true),
        ("authorization", "{{secret:of-b}}", false),
        ("authorization", "{{secret:tls}}", false),
        ("authorization", "{{secret:in-x}}", false),
        ("x-b", "{{secret:key}}", false),
        ("authorization", "{{secret:none}}", false),
        ("authorization", "{{secret:theirs}}", false),
        ("authorization", "{{secret:../key}}", false),
        ("authorization", "{{secret:}}", false),
        ("authorization", "{{secret:key", true),
    ] {
        let before = desk.server.connections();
        let ask = desk.with_header("/bytes/1", header, value);
        let (answers, record) = desk.send(vec![ask]).await;
        let expect = if good { "200" } else { "HttpRequestDenied" };
        let why = &record.http[0].error;
        assert_eq!(came(&answers[0]), expect, "{header} {value} {why:?}");
        let dialled = desk.server.connections() - before;
        assert_eq!(dialled, usize::from(good), "{header} {value}");
    }
    let name = SecretName::new("key").unwrap();
    let secrets = &desk.host.host.app.secrets;
    secrets.delete(&tenant, &name).await.unwrap();
    let ask = desk.with_header("/bytes/1", "authorization", "{{secret:key}}");
    assert_eq!(desk.came(ask).await, "HttpRequestDenied", "felt at once");
    desk.stop().await;
}

/// What would hide an echo from whoever looks for it.
#[tokio::test(flavor = "multi_thread")]
async fn an_echo_that_could_not_be_seen_is_refused() {
    let desk = Desk::new().await;
    desk.keep_key().await;
    let key = ["authorization", "{{secret:key}}"];
    for (path, more, expect) in [
        ("/echo", ["accept-encoding", "gzip"], "200"),
        ("/echo", ["range", "bytes=1-"], "HttpRequestDenied"),
        ("/echo", ["if-range", "x"], "HttpRequestDenied"),
        ("/packed", ["x-a", "1"], "HttpProtocolError"),
    ] {
        let ask = desk.ask(path, json!({ "headers": [key, more] }));
        assert_eq!(desk.came(ask).await, expect, "{path} {more:?}");
    }
    let seen = desk.server.seen();
    assert!(
        seen[0].contains("accept-encoding: identity\r\n"),
        "{seen:?}"
    );
    assert!(!seen[0].contains("gzip"), "{seen:?}");
    let plain = desk.with_header("/packed", "x-a", "1");
    assert_eq!(
        desk.came(plain).await,
        "200",
        "without a secret it is the guest's affair"
    );
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn placeholders_hold_at_their_limit_and_one_past() {
    let desk = Desk::new().await;
    desk.keep_key().await;
    for (count, expect) in [(8, "200"), (9, "HttpRequestDenied")] {
        let value = "{{secret:key}} ".repeat(count);
        let ask = desk.with_header("/bytes/1", "authorization", value.trim());
        assert_eq!(desk.came(ask).await, expect, "{count}");
    }
    desk.stop().await;
}
