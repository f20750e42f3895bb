//! The embedder against an endpoint on this machine that does as it is told.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::super::{EmbedderKey, EmbedderKind};
use super::*;

/// What the endpoint does with one request.
enum Act {
    /// Answers as it should: the vector of `a` is (1, 0, 0), of anything else (0, 1, 0).
    Well,
    /// Answers with this status and body.
    With(u16, String),
    /// Lets the client wait for longer than it does.
    Sleep,
}

/// An endpoint. Ends with its runtime.
struct Endpoint {
    address: SocketAddr,
    told: Arc<Told>,
    _runtime: tokio::runtime::Runtime,
}

/// What it is told and was asked. Without a word it does well.
#[derive(Default)]
struct Told {
    acts: Mutex<VecDeque<Act>>,
    asked: Mutex<Vec<(Option<String>, Value)>>,
}

impl Endpoint {
    fn told(acts: impl IntoIterator<Item = Act>) -> Self {
        let told = Arc::new(Told {
            acts: Mutex::new(acts.into_iter().collect()),
            asked: Mutex::default(),
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/v1/embeddings", post(answer))
            .with_state(Arc::clone(&told));
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self {
            address,
            told,
            _runtime: runtime,
        }
    }

    fn client(&self, change: impl FnOnce(&mut EmbedderSettings)) -> OpenAi {
        let mut settings = EmbedderSettings {
            kind: EmbedderKind::Openai,
            url: format!("http://{}/v1/", self.address),
            model: "m".to_owned(),
            dims: 3,
            timeout: Duration::from_secs(20),
            question_timeout: Duration::from_secs(20),
            ..EmbedderSettings::default()
        };
        change(&mut settings);
        OpenAi::new(&settings)
    }

    fn asked(&self) -> usize {
        self.told.asked.lock().len()
    }
}

async fn answer(State(told): State<Arc<Told>>, headers: HeaderMap, body: String) -> Response {
    let request: Value = serde_json::from_str(&body).unwrap();
    let key = headers.get("authorization");
    let key = key.map(|key| key.to_str().unwrap().to_owned());
    told.asked.lock().push((key, request.clone()));
    let act = told.acts.lock().pop_front().unwrap_or(Act::Well);
    match act {
        Act::Well => well(&request).to_string().into_response(),
        Act::With(status, body) => (StatusCode::from_u16(status).unwrap(), body).into_response(),
        Act::Sleep => std::future::pending().await,
    }
}

/// The last text first: clients go by the index.
fn well(request: &Value) -> Value {
    let texts = request["input"].as_array().unwrap().iter().enumerate();
    let data: Vec<Value> = texts
        .map(|(index, text)| {
            let vector = if text == "a" {
                [1.0, 0.0, 0.0]
            } else {
                [0.0, 1.0, 0.0]
            };
            json!({ "index": index, "embedding": vector, "object": "embedding" })
        })
        .rev()
        .collect();
    json!({ "object": "list", "data": data, "usage": { "total_tokens": 1 } })
}

fn with(status: u16, body: impl Into<String>) -> Act {
    Act::With(status, body.into())
}

fn vectors(of: &[(usize, Value)]) -> Act {
    let data: Vec<Value> = of
        .iter()
        .map(|(index, vector)| json!({ "index": index, "embedding": vector }))
        .collect();
    with(200, json!({ "data": data }).to_string())
}

#[test]
fn texts_become_vectors_in_their_order() {
    let endpoint = Endpoint::told([]);
    let client = endpoint.client(|s| {
        s.key = Some(EmbedderKey::new("sk-1").unwrap());
        s.text_bytes_max = 1;
    });
    let made = client.embed(&["a", "b", "aé"]).unwrap();
    let values: Vec<&[f32]> = made.iter().map(Embedding::values).collect();
    assert_eq!(values, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]);
    assert_eq!(client.embed_question("a").unwrap(), made[0]);
    let asked = endpoint.told.asked.lock();
    let expect = json!({ "model": "m", "input": ["a", "b", "a"], "encoding_format": "float" });
    assert_eq!(asked[0], (Some("Bearer sk-1".to_owned()), expect));
}

#[test]
fn fewer_dimensions_are_asked_for_if_wanted() {
    let endpoint = Endpoint::told([]);
    let client = endpoint.client(|s| s.shorten = true);
    client.embed(&["a"]).unwrap();
    let asked = endpoint.told.asked.lock();
    assert_eq!(asked[0].1["dimensions"], 3);
    assert_eq!(asked[0].0, None, "no key, no header");
}

#[test]
fn what_may_pass_is_tried_again_and_given_up() {
    for status in [408, 429, 500, 503] {
        let endpoint = Endpoint::told([with(status, ""), with(status, "")]);
        let client = endpoint.client(|_| {});
        assert!(client.embed(&["a"]).is_ok(), "{status}");
        assert_eq!(endpoint.asked(), 3, "{status}");
    }
    let endpoint = Endpoint::told((0..3).map(|_| with(503, "")));
    let error = endpoint.client(|_| {}).embed(&["a"]).unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("503") && text.contains("3 tries"), "{text}");
    assert_eq!(endpoint.asked(), 3);
}

#[test]
fn a_question_is_asked_once() {
    let endpoint = Endpoint::told([with(503, "")]);
    assert!(endpoint.client(|_| {}).embed_question("a").is_err());
    assert_eq!(endpoint.asked(), 1);
}

#[test]
fn an_endpoint_that_is_slow_is_given_up_in_time() {
    let endpoint = Endpoint::told([Act::Sleep]);
    let client = endpoint.client(|s| s.question_timeout = Duration::from_millis(50));
    let began = Instant::now();
    let error = client.embed_question("a").unwrap_err().to_string();
    assert!(error.contains("50 ms"), "{error}");
    // The endpoint would never answer: that this line is reached is the point.
    assert!(began.elapsed() >= Duration::from_millis(50));
}

#[test]
fn an_endpoint_that_is_not_there_is_told() {
    let endpoint = Endpoint::told([]);
    let client = endpoint.client(|_| {});
    drop(endpoint);
    let error = client.embed_question("a").unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
}

#[test]
fn what_will_not_pass_is_told_with_what_to_do_and_not_tried_again() {
    let check = |act: Act, words: &[&str]| {
        let endpoint = Endpoint::told([act]);
        let error = endpoint.client(|_| {}).embed(&["a", "b"]).unwrap_err();
        assert!(matches!(error, Error::Unavailable { .. }), "{error}");
        for word in words {
            assert!(
                error.to_string().contains(word),
                "{error} should say {word}"
            );
        }
        assert_eq!(endpoint.asked(), 1, "{error}");
    };
    check(
        with(
            401,
            r#"{"error":{"code":"invalid_api_key","message":"sk-1 is bad"}}"#,
        ),
        &["401", "invalid_api_key", EMBEDDER_KEY_VARIABLE],
    );
    check(with(404, ""), &["404", "memory.embedder.model"]);
    check(with(302, ""), &["302"]);
    check(with(200, "<html>"), &["no vectors", "line 1"]);
    check(with(200, "{}"), &["no vectors"]);
    let three = || json!([1, 0, 0]);
    check(vectors(&[(0, three())]), &["1 vectors for 2 texts"]);
    check(
        vectors(&[(0, three()), (0, three())]),
        &["index 0 twice or past"],
    );
    check(vectors(&[(0, three()), (2, three())]), &["index 2"]);
    check(
        vectors(&[(0, three()), (1, json!([1, 0]))]),
        &["2 dimensions", "memory.embedder.dims is 3"],
    );
    check(
        vectors(&[(0, three()), (1, json!([1, 0, 0, 0]))]),
        &["4 dimensions"],
    );
    let number = |text: &str| {
        with(
            200,
            format!(
                r#"{{"data":[{{"index":0,"embedding":[1,0,0]}},{{"index":1,"embedding":[{text},0,0]}}]}}"#
            ),
        )
    };
    check(number("NaN"), &["no vectors"]);
    check(number("null"), &["no vectors"]);
    check(number("1e999"), &["vector"]);
    check(number("1e300"), &["vector"]);
    let endless = format!(
        "{{\"data\":[{}]}}",
        " ".repeat(REST_BYTES + 6 * NUMBER_BYTES)
    );
    check(with(200, endless), &["more than"]);
}

#[test]
fn a_refused_text_is_told_from_an_endpoint_that_refuses_all() {
    for status in [400, 413, 422] {
        let endpoint = Endpoint::told([with(status, "")]);
        let client = endpoint.client(|_| {});
        let error = client.embed(&["a", "b"]).unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{error}");
        assert_eq!(endpoint.asked(), 1, "who asked finds the text");

        let endpoint = Endpoint::told([with(status, "")]);
        let error = endpoint.client(|_| {}).embed(&["a"]).unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{error}");

        let endpoint = Endpoint::told([with(status, ""), with(status, "")]);
        let error = endpoint.client(|_| {}).embed(&["a"]).unwrap_err();
        assert!(matches!(error, Error::Unavailable { .. }), "{error}");
    }
}

#[test]
fn errors_repeat_neither_texts_nor_sentences() {
    let secret = json!({ "error": { "code": "the text was: hunter2", "type": "bad_input" } });
    let endpoint = Endpoint::told([with(400, secret.to_string()), with(500, "hunter2")]);
    let client = endpoint.client(|_| {});
    let error = client.embed(&["hunter2", "b"]).unwrap_err().to_string();
    assert!(error.contains("bad_input"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
    let error = client.embed_question("hunter2").unwrap_err().to_string();
    assert!(!error.contains("hunter2"), "{error}");
}
