//! `warren usage`, `warren tenants set` and the operator's switches against a host that the binary itself runs.

use rustix::process::Signal;

use super::Place;
use super::identity::{client, served};

#[test]
fn cli_what_a_tenant_may_use_is_set_shown_and_switched_off() {
    let place = Place::new();
    let (host, ready) = served(&place);
    let admin_key = ready["admin_key"].as_str().unwrap();
    let operator = client(&place, &ready, "WARREN_ADMIN_KEY", admin_key);
    operator.says(&["tenants", "create", "acme"], &["acme"]);
    let key = operator.says(&["keys", "create", "acme", "main"], &["wrn_"]);
    let acme = client(&place, &ready, "WARREN_KEY", &key);

    let set = |quota| ["tenants", "set", "acme", "--quota", quota];
    operator.says(&set("tenant_bytes_max=1073741824"), &["acme"]);
    let (_, bad) = operator.run(2, &set("events_a_second=1"));
    assert!(bad.contains("events_per_second"), "{bad}");
    let unused = [
        "tenant_bytes_max",
        "1.0 GiB",
        "no limit",
        "nothing was used yet",
    ];
    acme.says(&["usage"], &unused);
    let publish = ["publish", "order.placed", "{}", "--topic", "business-facts"];
    acme.says(&publish, &[]);
    let used = ["BEGAN (UTC)", "EVENTS", "2 B"];
    operator.says(&["usage", "--tenant", "acme", "--by", "hour"], &used);
    acme.json(&["usage"], "/items/0/events", "1");

    let why = ["--reason", "the invoice of October is open"];
    let suspend = [["tenants", "suspend", "acme"].as_slice(), &why].concat();
    operator.says(&suspend, &["acme"]);
    let (_, refused) = acme.run(4, &publish);
    assert!(refused.contains(why[1]), "{refused}");
    acme.says(&["usage"], &[why[1]]);
    operator.says(&["tenants", "list"], &["suspended"]);
    operator.says(&["tenants", "resume", "acme"], &["acme"]);
    acme.says(&publish, &[]);
    acme.says(&["audit", "list"], &["suspend", why[1]]);

    let digest = format!("sha256:{}", "0".repeat(64));
    operator.says(&["components"], &["no component is suspended"]);
    let why = ["--reason", "it mines coins"];
    let suspend = [["components", "suspend", &digest].as_slice(), &why].concat();
    operator.says(&suspend, &["suspended"]);
    operator.says(&["components"], &[&digest, why[1]]);
    operator.says(&["components", "resume", &digest], &["resumed"]);
    host.stop(Signal::TERM);
}
