//! Many services from one file: all of them or none, and every fault with its row.

use serde_json::{Value, json};

use super::harness::{Answer, Client, Host};

const CSV: &str = "\
name,type,url,tags,consumes,ttl_s
weather,api,https://weather.example,forecast;public,action-requests/weather.asked,60
lamp,device,,home,,0
";

impl Client {
    async fn import(&self, query: &str, media: &str, file: &str) -> Answer {
        let headers = [("content-type", media)];
        let path = format!("/v1/services/import{query}");
        self.send("POST", &path, &headers, file.to_owned()).await
    }

    async fn services(&self) -> Vec<Value> {
        let page = self.get("/v1/services").await.ok();
        page["items"].as_array().unwrap().clone()
    }
}

fn counts(view: &Value) -> (bool, [u64; 4]) {
    let count = |name: &str| view[name].as_u64().unwrap();
    let counts = ["rows", "created", "changed", "unchanged"].map(count);
    (view["dry_run"].as_bool().unwrap(), counts)
}

#[tokio::test]
async fn a_file_is_tried_taken_and_taken_again() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let tried = acme.import("?dry_run=true", "text/csv", CSV).await.ok();
    assert_eq!(counts(&tried), (true, [2, 2, 0, 0]));
    assert_eq!(acme.services().await, [json!(null); 0], "nothing was done");
    let done = acme.import("", "text/csv; charset=utf-8", CSV).await.ok();
    assert_eq!(counts(&done), (false, [2, 2, 0, 0]));
    let services = acme.services().await;
    let names: Vec<&Value> = services.iter().map(|service| &service["name"]).collect();
    assert_eq!(names, ["lamp", "weather"]);
    assert_eq!(
        services[1]["definition"]["subscriptions"][0]["type"],
        "weather.asked"
    );
    let other = CSV.replace("home", "garden");
    let tried = acme.import("?dry_run=true", "text/csv", &other).await.ok();
    assert_eq!(counts(&tried), (true, [2, 0, 1, 1]));
    let done = acme.import("", "text/csv", &other).await.ok();
    assert_eq!(counts(&done), (false, [2, 0, 1, 1]));
    let list = json!({ "services": [{ "name": "third", "type": "tool" }] }).to_string();
    let done = acme.import("", "application/json", &list).await.ok();
    assert_eq!(counts(&done), (false, [1, 1, 0, 0]));
}

#[tokio::test]
async fn every_fault_is_told_with_its_row_and_nothing_is_imported() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    let other = host.another_key("acme", "other").await;
    acme.push("angry", "reject", &["ask"]).await.ok();
    let taken = json!({ "name": "taken", "type": "api" });
    other.post("/v1/services", &taken).await.ok();
    let file = "\
name,type,url,ttl_s
good,api,https://a,
Bad Name,api,https://a,
teapot,teapot,https://a,
nowhere,api,weather,
good,api,https://b,
slow,api,https://a,86401
angry,agent,https://a,
taken,api,https://a,
short,api
";
    let refused = acme.import("", "text/csv", file).await;
    let problem = refused.problem(422, "invalid");
    let told: Vec<(u64, u64, &str)> = problem["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let number = |name: &str| row[name].as_u64().unwrap();
            (
                number("row"),
                number("line"),
                row["field"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (2, 3, "service"),
            (3, 4, "service"),
            (4, 5, "url"),
            (5, 6, "name"),
            (6, 7, "ttl_s"),
            (7, 8, "service"),
            (8, 9, "service"),
            (9, 10, "row"),
        ]
    );
    let names: Vec<Value> = acme.services().await;
    let names: Vec<&Value> = names.iter().map(|service| &service["name"]).collect();
    assert_eq!(names, ["angry", "taken"], "not even the good row");
    let dry = acme.import("?dry_run=true", "text/csv", file).await;
    assert_eq!(dry.problem(422, "invalid")["rows"], problem["rows"]);
}

#[tokio::test]
async fn what_is_no_file_of_services_is_refused_as_a_whole() {
    let host = Host::start().await;
    let acme = host.tenant("acme").await;
    for (media, file) in [
        ("text/csv", "name,colour\na,red\n"),
        ("text/csv", "type\napi\n"),
        ("application/json", "{\"agents\": []}"),
        ("application/json", "name,type"),
    ] {
        let refused = acme.import("", media, file).await;
        let problem = refused.problem(422, "invalid");
        assert_eq!(problem["rows"], Value::Null, "{file}");
    }
    let refused = acme.import("", "text/plain", CSV).await;
    refused.problem(415, "unsupported_media_type");
    let file = |rows: usize| {
        let rows = (0..rows).map(|n| json!({ "name": format!("s{n}"), "type": "api" }));
        rows.collect::<Value>().to_string()
    };
    let tried = async |rows| {
        let (query, media) = ("?dry_run=true", "application/json");
        acme.import(query, media, &file(rows)).await
    };
    assert_eq!(tried(1_000).await.ok()["created"], 1_000);
    let over = tried(1_001).await.problem(413, "too_large");
    assert_eq!(over["limit"], "bootstrap_rows_max");
}
