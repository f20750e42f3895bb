//! `warren keys` and `warren audit` against a host that the binary itself runs.

use rustix::process::Signal;
use serde_json::Value;

use super::Place;
use super::tour::{Client, Host};

pub(super) fn served(place: &Place) -> (Host, Value) {
    let mut host = Host::start(place, &["serve", "--data-dir", "data"]);
    let ready = host.json_line();
    (host, ready)
}

pub(super) fn client<'a>(
    place: &'a Place,
    ready: &Value,
    variable: &'static str,
    key: &str,
) -> Client<'a> {
    let url = ready["url"].as_str().unwrap().to_owned();
    Client {
        place,
        variables: vec![("WARREN_URL", url), (variable, key.trim().to_owned())],
    }
}

#[test]
fn cli_keys_are_narrowed_rotated_and_handed_on() {
    let place = Place::new();
    let (host, ready) = served(&place);
    let admin_key = ready["admin_key"].as_str().unwrap();
    let operator = client(&place, &ready, "WARREN_ADMIN_KEY", admin_key);
    operator.says(&["tenants", "create", "acme"], &["acme"]);
    let make = [
        "keys",
        "create",
        "acme",
        "shop",
        "--scope",
        "agents:read,events:read",
        "--expires",
        "30d",
    ];
    let key = operator.says(&make, &["wrn_"]);
    operator.says(
        &["keys", "list", "acme"],
        &["shop", "until", "events:read agents:read"],
    );
    let (_, bad) = operator.run(2, &["keys", "create", "acme", "x", "--scope", "everything"]);
    assert!(bad.contains("events:publish"), "{bad}");

    let shop = client(&place, &ready, "WARREN_KEY", &key);
    shop.says(&["agents"], &["no agents"]);
    let (_, refused) = shop.run(4, &["turns"]);
    assert!(refused.contains("turns:read"), "{refused}");
    let delegate = [
        "keys",
        "delegate",
        "--scope",
        "agents:read",
        "--expires",
        "15m",
    ];
    let token = shop.says(&delegate, &["wrd_", "agents:read"]);
    let given = client(&place, &ready, "WARREN_KEY", &token);
    given.says(&["agents"], &["no agents"]);
    given.run(4, &["events"]);

    let rotate = ["keys", "rotate", "acme", "shop", "--grace", "0s"];
    let fresh = operator.says(&rotate, &["wrn_", "this once"]);
    shop.run(4, &["agents"]);
    given.run(4, &["agents"]);
    client(&place, &ready, "WARREN_KEY", &fresh).says(&["agents"], &["no agents"]);
    host.stop(Signal::TERM);
}

#[test]
fn cli_the_audit_log_is_verified_and_tampering_is_named() {
    let place = Place::new();
    let (host, ready) = served(&place);
    let admin_key = ready["admin_key"].as_str().unwrap();
    let operator = client(&place, &ready, "WARREN_ADMIN_KEY", admin_key);
    operator.says(&["tenants", "create", "acme"], &["acme"]);
    let key = operator.says(&["keys", "create", "acme", "shop"], &["wrn_"]);
    let shop = client(&place, &ready, "WARREN_KEY", &key);
    for _ in 0..3 {
        shop.says(&["keys", "delegate"], &["wrd_"]);
    }
    shop.says(
        &["audit", "list"],
        &["operator", "client/shop", "POST /v1/tokens", "allowed"],
    );
    let head = shop.says(&["audit", "verify"], &["4 rows", "4:"]);
    shop.says(&["keys", "delegate"], &["wrd_"]);
    shop.says(&["audit", "verify", "--head", head.trim()], &["5 rows"]);
    let other = format!("4:{}", "0".repeat(64));
    let (_, words) = shop.run(1, &["audit", "verify", "--head", &other]);
    assert!(words.contains("row 4"), "{words}");
    host.stop(Signal::TERM);

    let tenants = place.0.path().join("data/tenants");
    let tenant = std::fs::read_dir(tenants).unwrap().next().unwrap().unwrap();
    let database = rusqlite::Connection::open(tenant.path().join("state.db")).unwrap();
    let change = "DROP TRIGGER audit_unchanged;
        UPDATE audit SET record = replace(record, 'shop', 'else') WHERE seq = 3;";
    database.execute_batch(change).unwrap();
    database.close().unwrap();
    let (host, ready) = served(&place);
    let shop = client(&place, &ready, "WARREN_KEY", &key);
    let (_, words) = shop.run(1, &["audit", "verify"]);
    assert!(
        words.contains("row 3 was changed") && words.contains("hint:"),
        "{words}"
    );
    host.stop(Signal::TERM);
}
