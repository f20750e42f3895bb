//! What a guest asks of the outside: where it may, how much, and what stands on record of it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use warren::clock::SystemClock;
use warren::host::HostSettings;
use warren::identity::TenantChange;
use warren::quota::Quota;
use warren::registry::{AnyGrant, GrantSet};
use warren::turn::{TurnOutcome, TurnRecord};

use crate::guests;
use crate::harness::TestHost;

mod limits;
mod secrets;
mod server;
mod tls;

use server::{HERE, Names, Server};

/// A host whose first tenant has the asker.
struct Desk {
    host: TestHost,
    server: Server,
    names: Arc<Names>,
}

impl Desk {
    /// One that may dial this machine.
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut HostSettings)) -> Self {
        Self::before(Server::plain(), |settings| {
            settings.egress.allow_private = vec![HERE.to_string()];
            change(settings);
        })
        .await
    }

    async fn before(server: Server, change: impl FnOnce(&mut HostSettings)) -> Self {
        let names = Arc::new(Names::default());
        names.set("a.test", &[HERE]);
        names.set("b.a.test", &[HERE]);
        let resolver = Arc::clone(&names);
        let port = server.port;
        let host = TestHost::with(Arc::new(SystemClock), |settings| {
            settings.resolver = resolver;
            let hosts = [
                format!("http://*.test:{port}"),
                format!("*.test:{port}"),
                "http://a.test:1".to_owned(),
            ];
            settings.egress.hosts = hosts.to_vec();
            change(settings);
        })
        .await;
        let desk = Self {
            host,
            server,
            names,
        };
        let all = [
            format!("http:http://*.test:{}", desk.server.port),
            format!("http:*.test:{}", desk.server.port),
        ];
        desk.grant(&all.join(" ")).await;
        desk
    }

    /// Deploy the asker with these hosts.
    async fn grant(&self, hosts: &str) {
        let words = format!("working:read working:write {hosts}");
        let grants = words.split_whitespace().map(str::parse::<AnyGrant>);
        let grants: GrantSet = grants.map(Result::unwrap).collect();
        let asker = guests::bytes("asker");
        self.host
            .push_component(&self.host.tenant, "asker", asker, grants)
            .await;
    }

    /// A request in the clear for a path of `a.test`, with more members.
    fn ask(&self, path: &str, more: Value) -> Value {
        let authority = format!("a.test:{}", self.server.port);
        let mut ask = json!({ "scheme": "http", "authority": authority, "path": path });
        let more = more.as_object().unwrap().clone();
        ask.as_object_mut().unwrap().extend(more);
        ask
    }

    /// Have these sent in one turn: what came of each, and the turn's record.
    async fn send(&self, asks: Vec<Value>) -> (Vec<Value>, TurnRecord) {
        let event = self.host.event("asker.ask", Value::Array(asks));
        let id = self.host.publish(&self.host.tenant, event).await;
        let record = self.host.turn(&id).await;
        let reason = &record.reason;
        assert_eq!(record.outcome, TurnOutcome::Committed, "{reason:?}");
        let tenant = &self.host.tenant;
        let answers = self.host.working_of(tenant, "asker", "answers").await;
        (answers.as_array().unwrap().clone(), record)
    }

    /// What came of one: its status, else its error.
    async fn came(&self, ask: Value) -> String {
        came(&self.send(vec![ask]).await.0[0])
    }

    async fn stop(self) {
        self.host.stop().await;
    }
}

/// The status of an answer, else its error.
fn came(answer: &Value) -> String {
    match &answer["error"] {
        Value::String(error) => error.clone(),
        _ => answer["status"].to_string(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_sent_as_it_was_judged_and_is_on_record() {
    let desk = Desk::new().await;
    let post = json!({ "method": "POST", "body": "hello", "headers": [["x-a", "1"], ["content-length", "5"]] });
    let (answers, record) = desk.send(vec![desk.ask("/echo?q=1", post)]).await;
    let listens_at = desk.server.port;
    let turn = record.turn.as_str();
    let agent = concat!("warren/", env!("CARGO_PKG_VERSION"));
    let sent = format!(
        "POST /echo?q=1 HTTP/1.1\r\nx-a: 1\r\ncontent-length: 5\r\nhost: a.test:{listens_at}\r\nuser-agent: {agent}\r\n\
         idempotency-key: {turn}-1\r\n\r\nhello"
    );
    assert_eq!(desk.server.seen(), [sent.as_str()]);
    let answer = &answers[0];
    assert_eq!(
        (came(answer).as_str(), answer["body"].as_str()),
        ("200", Some(sent.as_str()))
    );
    let http = &record.http[0];
    let origin = format!("http://a.test:{listens_at}");
    assert_eq!(
        (http.method.as_str(), &http.origin, http.status, &http.error),
        ("POST", &origin, Some(200), &None)
    );
    assert_eq!(http.agent.as_str(), "asker");
    assert!(
        http.sent_bytes > 5 && http.received_bytes > sent.len() as u64,
        "{http:?}"
    );
    assert_eq!((desk.names.asked(), desk.server.connections()), (1, 1));
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let desk = Desk::new().await;
    assert_eq!(desk.came(desk.ask("/redirect", json!({}))).await, "302");
    assert_eq!(desk.server.connections(), 1);
    desk.stop().await;
}

/// A89: what a granted name may resolve to. Nothing of it is dialled.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_inside_is_not_dialled() {
    let desk = Desk::before(Server::plain(), |_| {}).await;
    for address in [
        "127.0.0.1",
        "127.0.0.2",
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.0.192",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::127.0.0.1",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::",
        "2001:0:7f00:1::",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "ff02::1",
    ] {
        let addresses: [IpAddr; 1] = [address.parse().unwrap()];
        desk.names.set("a.test", &addresses);
        let (answers, record) = desk.send(vec![desk.ask("/echo", json!({}))]).await;
        assert_eq!(came(&answers[0]), "DestinationIpProhibited", "{address}");
        let why = record.http[0].error.as_deref().unwrap();
        assert!(why.contains("not on the public internet"), "{why}");
        assert!(!why.contains(address), "what is inside is not told: {why}");
        let logged = record.logs.iter().any(|line| line.message.contains(why));
        assert!(logged, "{:?}", record.logs);
    }
    assert_eq!(desk.server.connections(), 0);
    desk.stop().await;
}

/// A90: a name is resolved once a request, each address is judged, and what was judged is dialled.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_addresses_those_that_may_be_are_dialled() {
    let desk = Desk::new().await;
    let inside: IpAddr = "10.0.0.1".parse().unwrap();
    desk.names.set("a.test", &[inside, HERE, inside]);
    assert_eq!(desk.came(desk.ask("/echo", json!({}))).await, "200");
    assert_eq!(desk.names.asked(), 1, "no second look");
    let mut many = vec![inside; 1_000];
    many.push(HERE);
    desk.names.set("a.test", &many);
    let came = desk.came(desk.ask("/echo", json!({}))).await;
    assert_eq!(
        came, "DestinationIpProhibited",
        "a thousand are not looked at"
    );
    desk.names.set("a.test", &[]);
    assert_eq!(
        desk.came(desk.ask("/echo", json!({}))).await,
        "DestinationNotFound"
    );
    desk.stop().await;
}

/// Scheme, authority, path, and what comes of it where `PORT` is the server's; `!` is any refusal.
const ADDRESSES: &str = "
http  a.test:PORT         /echo               200
http  A.TEST:PORT         /echo               200
https a.test:PORT         /echo               HttpRequestDenied
http  a.test              /echo               HttpRequestDenied
http  b.a.test:PORT       /echo               200
http  a.a.test:PORT0      /echo               !
http  b.test:PORT         /echo               HttpRequestDenied
http  evil-a.test:PORT    /echo               HttpRequestDenied
http  127.0.0.1:PORT      /echo               HttpRequestDenied
http  [::1]:PORT          /echo               HttpRequestDenied
http  a.test.:PORT        /echo               HttpRequestUriInvalid
http  2130706433:PORT     /echo               HttpRequestUriInvalid
http  0x7f.1:PORT         /echo               HttpRequestUriInvalid
http  0177.0.0.1:PORT     /echo               HttpRequestUriInvalid
http  x@a.test:PORT       /echo               !
http  a.test:PORT@b.test  /echo               !
http  a.test:0            /echo               !
http  a.test:PORT#x       /echo               !
http  a.test:PORT         http://b.test/echo  !
http  a.test:PORT         echo                !
ftp   a.test:PORT         /echo               HttpProtocolError
";

/// A89: addresses that mean one thing to whoever checks and another to whoever dials.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_granted_or_could_mean_two_things_is_refused() {
    let desk = Desk::new().await;
    let port = desk.server.port.to_string();
    let grants = "http:http://a.test:PORT http:http://*.a.test:PORT";
    desk.grant(&grants.replace("PORT", &port)).await;
    for line in ADDRESSES.trim().lines() {
        let line = line.replace("PORT", &port);
        let words: Vec<&str> = line.split_whitespace().collect();
        let [scheme, authority, path, expect] = words[..] else {
            panic!("{line}");
        };
        let before = desk.server.connections();
        let ask = json!({ "scheme": scheme, "authority": authority, "path": path });
        let got = desk.came(ask).await;
        let good = expect == "200";
        assert!(
            got == expect || (expect == "!" && got != "200"),
            "{line}: {got}"
        );
        let dialled = desk.server.connections() - before;
        assert_eq!(dialled, usize::from(good), "{line}");
    }
    let mut lines = desk.ask("/echo HTTP/1.1\r\nx: y", json!({}));
    lines["authority"] = json!(format!("a.test:{port}"));
    assert_ne!(desk.came(lines).await, "200");
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_that_are_the_hosts_to_write_are_refused() {
    let desk = Desk::new().await;
    for (name, value) in [
        ("host", "b.test"),
        ("connection", "close"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "websocket"),
        ("te", "trailers"),
        ("trailer", "x"),
        ("expect", "100-continue"),
        ("proxy-authorization", "x"),
        ("keep-alive", "1"),
    ] {
        let more = json!({ "headers": [[name, value]] });
        let came = desk.came(desk.ask("/echo", more)).await;
        assert_eq!(came, "HeaderError::Forbidden", "{name}");
    }
    for method in ["CONNECT", "TRACE"] {
        let came = desk
            .came(desk.ask("/echo", json!({ "method": method })))
            .await;
        assert_eq!(came, "HttpRequestMethodInvalid", "{method}");
    }
    let more = json!({ "headers": [["content-length", "1"], ["content-length", "2"]] });
    let came = desk.came(desk.ask("/echo", more)).await;
    assert_ne!(came, "200");
    assert_eq!(desk.server.connections(), 0);
    desk.stop().await;
}

/// A grant that is taken back is felt by the next turn, and the audit log tells who was refused what.
#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_was_taken_back_is_felt_by_the_next_turn() {
    let desk = Desk::new().await;
    assert_eq!(desk.came(desk.ask("/echo", json!({}))).await, "200");
    desk.grant("").await;
    let (answers, record) = desk.send(vec![desk.ask("/echo", json!({}))]).await;
    assert_eq!(came(&answers[0]), "HttpRequestDenied");
    let grant = format!("http:http://a.test:{}", desk.server.port);
    let why = record.http[0].error.as_deref().unwrap();
    assert!(why.contains(&format!("needs the grant `{grant}`")), "{why}");
    let audit = &desk.host.host.app.audit;
    let rows = audit.rows(&desk.host.tenant, 0, 10).await.unwrap();
    let rows = format!("{rows:?}");
    assert!(rows.contains(&format!("grant {grant}")), "{rows}");
    desk.grant(&grant).await;
    assert_eq!(desk.came(desk.ask("/echo", json!({}))).await, "200");
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_bounds_what_any_tenant_may_grant() {
    let desk = Desk::with(|settings| settings.egress.hosts = vec!["api.example".to_owned()]).await;
    let (answers, record) = desk.send(vec![desk.ask("/echo", json!({}))]).await;
    assert_eq!(came(&answers[0]), "HttpRequestDenied");
    let why = record.http[0].error.as_deref().unwrap();
    assert!(why.contains("egress.hosts"), "{why}");
    assert_eq!(desk.server.connections(), 0);
    desk.stop().await;
}

/// A turn that ends takes its connections along, and what it asked is on record.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_ends_with_its_turn() {
    let desk = Desk::with(|settings| settings.egress.tenant_connections_max = 1).await;
    let mut asker = guests::bytes("asker");
    asker.extend(b"\x00\x06\x05other");
    let grant = format!("http:http://a.test:{}", desk.server.port);
    let grants: GrantSet = [grant.parse::<AnyGrant>().unwrap()].into_iter().collect();
    let tenant = &desk.host.tenant;
    let change = |manifest: &mut warren::registry::Manifest| {
        (manifest.settings.timeout_ms, manifest.settings.attempts) = (200, 1);
    };
    desk.host
        .push_changed(tenant, "asker", asker, grants, change)
        .await;
    let silent = json!([desk.ask("/silent", json!({}))]);
    let event = desk.host.event("asker.ask", silent);
    let id = desk.host.publish(tenant, event).await;
    let record = desk.host.turn(&id).await;
    assert_eq!(record.outcome, TurnOutcome::TimedOut);
    assert_eq!((record.http.len(), record.http[0].status), (1, None));
    desk.server.wait_for_an_end();
    desk.grant(&grant).await;
    let again = desk.came(desk.ask("/bytes/1", json!({}))).await;
    assert_eq!(again, "200", "its place is free");
    desk.stop().await;
}
