//! `warren services` against a host that the binary itself runs.

use rustix::process::Signal;

use super::Place;
use super::tour::{Client, Host};

const GOOD: &str = "name,type,url,tags\nlamp,device,,home\nclock,device,,home\n";
const BAD: &str = "name,type,url,tags\nfan,device,,home\nBad,device,,\nstove,oven,,\n";

#[test]
fn cli_services_come_live_and_go() {
    let place = Place::new();
    let folder = place.0.path().to_owned();
    for (name, text) in [
        ("good.csv", GOOD),
        ("bad.csv", BAD),
        (
            "weather.json",
            r#"{"name": "weather", "type": "api", "url": "https://weather.example/v2",
                "capabilities": [{"name": "forecast", "description": "Looks ahead."}]}"#,
        ),
    ] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let mut host = Host::start(&place, &["dev"]);
    host.json_line();
    let dev = Client {
        place: &place,
        variables: Vec::new(),
    };
    dev.says(&["services"], &["nothing matches", "register"]);
    let register = ["services", "register", "@weather.json"];
    dev.says(&register, &["done:", "weather is active"]);
    dev.says(
        &["services"],
        &[
            "NAME",
            "STATE",
            "weather",
            "active",
            "https://weather.example/v2",
        ],
    );
    dev.json(&["services", "show", "weather"], "/state", "active");
    dev.says(
        &["services", "show", "weather"],
        &["forecast: Looks ahead."],
    );
    find(&dev);
    keys(&dev);
    let busy = r#"{"cpu_percent": 99}"#;
    dev.says(&["services", "heartbeat", "weather", busy], &["degraded"]);
    dev.says(&["services", "heartbeat", "weather"], &["degraded"]);
    let found = dev.says(&["services", "resolve", "klp://weather/now"], &[]);
    assert_eq!(found.trim(), "https://weather.example/v2/now");
    let found = dev.says(&["services", "resolve", "--capability", "forecast"], &[]);
    assert_eq!(found.trim(), "https://weather.example/v2");
    dev.says(&["services", "status", "weather", "paused"], &["paused"]);
    let (_, refused) = dev.run(1, &["services", "status", "weather", "degraded"]);
    assert!(
        refused.contains("it may become active, offline"),
        "{refused}"
    );
    dev.run(2, &["services", "status", "weather", "asleep"]);

    runs(&dev);
    import(&dev);
    schemas(&dev);

    let (_, asked) = dev.run(2, &["services", "remove", "weather"]);
    assert!(asked.contains("--yes"), "{asked}");
    dev.says(&["services", "remove", "weather", "--yes"], &["removed"]);
    dev.run(5, &["services", "heartbeat", "weather"]);
    let watch = ["services", "watch", "--since", "0", "--count", "3"];
    dev.says(
        &watch,
        &["service.registered", "service.degraded", "service.paused"],
    );
    host.stop(Signal::TERM);
}

/// A service is there while its program runs, and is taken out however that ends.
fn runs(dev: &Client<'_>) {
    let beacon = r#"{"name": "beacon", "type": "device"}"#;
    let run = |program: &[&'static str]| {
        let words = ["services", "run", beacon, "--"];
        [&words[..], program].concat()
    };
    let shows = concat!(env!("CARGO_BIN_EXE_warren"), " services show beacon");
    dev.says(&run(&["sh", "-c", shows]), &["beacon", "active"]);
    for (program, exit, said) in [
        (&["true"][..], 0, "removed service beacon"),
        (&["sh", "-c", "exit 3"], 1, "exit status: 3"),
        (&["no-such-program"], 1, "cannot start `no-such-program`"),
        // The program asks for the stop: both end, and so does its sleep.
        (
            &["sh", "-c", "kill $PPID; exec sleep 60"],
            0,
            "removed service beacon",
        ),
    ] {
        let (_, told) = dev.run(exit, &run(program));
        assert!(told.contains(said), "{program:?}: {told}");
        dev.run(5, &["services", "show", "beacon"]);
    }
}

fn find(dev: &Client<'_>) {
    let asked = ["services", "list", "who knows the forecast?"];
    dev.says(&asked, &["SCORE", "weather", "forecast"]);
    dev.says(
        &[&asked[..], &["--brief"]].concat(),
        &["weather (api, active)", "at: https://"],
    );
    dev.says(&["agents", "--find", "the forecast"], &["SCORE", "weather"]);
    let filter = "type == 'api' && capabilities.exists(c, c.name == 'forecast')";
    dev.says(&["services", "list", "--filter", filter], &["weather"]);
    dev.says(&["services", "overview"], &["entries by type", "1 api"]);
}

fn keys(dev: &Client<'_>) {
    let jwk =
        r#"{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    dev.says(&["services", "keys"], &["no signing keys"]);
    dev.says(
        &["services", "keys", "add", "k1", jwk],
        &["done:", "k1 signs"],
    );
    dev.says(&["services", "keys", "list"], &["k1", "11qYAYKx"]);
    dev.says(&["services", "keys", "remove", "k1"], &["removed"]);
    dev.run(5, &["services", "keys", "remove", "k1"]);
}

fn schemas(dev: &Client<'_>) {
    let register = ["schemas", "register", "order"];
    let order = |total: &str| {
        format!(r#"{{"type": "object", "properties": {{"total": {{"type": "{total}"}}}}}}"#)
    };
    dev.says(&["schemas"], &["no schemas"]);
    dev.says(
        &[&register[..], &[&order("integer"), "--owner", "shop"]].concat(),
        &["done:", "order version 1"],
    );
    let (_, refused) = dev.run(1, &[&register[..], &[&order("string")]].concat());
    assert!(refused.contains("/properties/total/type"), "{refused}");
    let wider = order("number");
    let wider = [&register[..], &[&wider]].concat();
    dev.says(
        &[&wider[..], &["--dry-run"]].concat(),
        &["would be:", "order version 2"],
    );
    dev.says(&wider, &["done:", "order version 2"]);
    dev.says(
        &["schemas", "list", "--owner", "shop"],
        &["order", "2", "backward"],
    );
    dev.says(&["schemas", "versions", "order"], &["1", "2"]);
    let first = dev.says(&["schemas", "show", "order", "--version", "1"], &[]);
    assert_eq!(first.trim(), order("integer"));
    dev.says(&["schemas", "unknown"], &["allow"]);
    dev.says(&["schemas", "unknown", "refuse"], &["refuse"]);
    dev.run(
        2,
        &["publish", "never.heard", "{}", "--topic", "business-facts"],
    );
    dev.says(&["schemas", "unknown", "allow"], &["allow"]);
}

fn import(dev: &Client<'_>) {
    let (_, faults) = dev.run(2, &["services", "import", "bad.csv"]);
    for words in ["row 2 (line 3)", "row 3 (line 4) stove", "hint:"] {
        assert!(faults.contains(words), "{faults}");
    }
    dev.run(5, &["services", "show", "fan"]);
    let import = ["services", "import", "good.csv"];
    let tried = [&import[..], &["--dry-run"]].concat();
    dev.says(&tried, &["would do:", "2 rows: 2 new"]);
    dev.run(5, &["services", "show", "lamp"]);
    dev.says(&import, &["done:", "2 rows: 2 new"]);
    dev.json(&import, "/unchanged", "2");
    dev.json(
        &["services", "list", "--tags", "home"],
        "/items/1/name",
        "lamp",
    );
    dev.run(2, &["services", "import", "weather.txt"]);
}
