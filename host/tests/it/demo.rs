//! `warren demo` as people run it: both tenants' work is complete, and neither sees the other's.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The chain that an order sets off, in both tenants.
const ORDER: [&str; 4] = [
    "order.placed",
    "invoice.issued",
    "parcel.shipped",
    "customer.told",
];

#[test]
fn demo_shows_both_tenants_complete_and_apart() {
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/guests");
    let mut command = Command::new(env!("CARGO_BIN_EXE_warren"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("WARREN_") {
            command.env_remove(name);
        }
    }
    command.args(["demo", "--json", "--guests"]).arg(guests);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["faults"], Value::Array(Vec::new()), "{report}");
    assert_eq!(report.get("keys"), None, "keys are for --keep alone");

    let tenants = report["tenants"].as_array().unwrap();
    let names: Vec<&Value> = tenants.iter().map(|tenant| &tenant["name"]).collect();
    assert_eq!(names, ["acme", "globex"]);
    for (tenant, order) in tenants.iter().zip(["A-1", "G-1"]) {
        let traces = tenant["traces"].as_array().unwrap();
        assert!(
            traces.iter().all(|trace| trace["complete"] == true),
            "{tenant}"
        );
        let chain = chain(&traces[0]["root"]);
        let types: Vec<&str> = chain
            .iter()
            .map(|event| event["type"].as_str().unwrap())
            .collect();
        assert_eq!(types, ORDER);
        let text = format!("Your order {order} is on its way as parcel PAR-{order}.");
        assert_eq!(chain[3]["data"]["text"], text.as_str());
        let seats = &tenant["seats"];
        let outcome = [&seats["sold"], &seats["refused"], &seats["left"]];
        assert_eq!(outcome.map(ToString::to_string), ["8", "2", "\"4\""]);
    }

    let isolation = &report["isolation"];
    assert_eq!(isolation["owner_status"], 200);
    assert_eq!(isolation["stranger_status"], 404);
    assert_eq!(isolation["problem"]["code"], "not_found");
    assert_eq!(isolation["same_as_absent"], true);
    assert_eq!(isolation["turn_status"], 404);
    assert_eq!(isolation["events_of_trace"], 0);
}

/// The events of a tree that does not fork, from its root.
fn chain(node: &Value) -> Vec<&Value> {
    let mut events = vec![&node["event"]];
    let next = &node["turns"][0]["led_to"][0];
    if next.is_object() {
        events.extend(chain(next));
    }
    events
}

#[test]
fn demo_without_agents_says_how_to_build_them() {
    let empty = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_warren"))
        .args(["demo", "--guests"])
        .arg(empty.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("cargo xtask demo"), "{said}");
}
