//! What a file may say, and how its faults are told.

use serde_json::json;

use super::*;
use crate::registry::ServiceKind;

fn csv(text: &str) -> Bootstrap {
    Bootstrap::read(BootstrapFormat::Csv, text.as_bytes()).unwrap()
}

/// Row, line, name and field of each fault.
fn faults(read: &Bootstrap) -> Vec<(u64, Option<u64>, Option<&str>, &str)> {
    let told = |fault: &'_ RowFault| (fault.row, fault.line, fault.field.clone());
    read.faults
        .iter()
        .map(|fault| {
            let (row, line, _) = told(fault);
            (row, line, fault.name.as_deref(), fault.field.as_str())
        })
        .collect()
}

#[test]
fn a_row_says_all_that_a_document_says() {
    let read = csv(
        "\u{feff}name,type,version,tags,auth,endpoints,capabilities,consumes,produces,metadata,ttl_s,visibility\n\
         weather,api,1.2,eu; wind,jwt,POST /ask;/now,forecast,action-requests/weather.asked,\
         \"[{\"\"topic\"\":\"\"action-results\"\",\"\"type\"\":\"\"weather.told\"\"}]\",\"{\"\"a\"\":1}\",0,internal\n",
    );
    assert_eq!(read.faults, []);
    let definition = serde_json::to_value(&read.services[0].1.definition).unwrap();
    let expect = json!({
        "name": "weather", "version": "1.2", "type": "api", "description": "",
        "tags": ["eu", "wind"], "auth": { "type": "jwt" },
        "endpoints": [{ "path": "/ask", "method": "POST" }, { "path": "/now" }],
        "capabilities": [{ "name": "forecast" }],
        "subscriptions": [{ "topic": "action-requests", "type": "weather.asked", "description": "" }],
        "produces": [{ "topic": "action-results", "type": "weather.told", "description": "" }],
        "metadata": { "a": 1 }, "visibility": "internal", "ttl_s": 0,
    });
    for (member, value) in expect.as_object().unwrap() {
        if let Some(list) = value
            .as_array()
            .filter(|list| list.iter().all(Value::is_object))
        {
            let got = definition[member].as_array().unwrap();
            assert_eq!(got.len(), list.len(), "{member}");
            for (got, item) in got.iter().zip(list) {
                for (name, value) in item.as_object().unwrap() {
                    assert_eq!(&got[name], value, "{member}.{name}");
                }
            }
        } else {
            assert_eq!(&definition[member], value, "{member}");
        }
    }
}

#[test]
fn every_fault_of_a_file_is_told_with_its_row_and_line() {
    let read = csv("name,type,url,ttl_s\n\
         good,api,https://a,\n\
         bad-kind,robot,,\n\
         bad-url,api,nowhere,\n\
         \n\
         \"Bad Name\",api,,\n\
         bad-ttl,api,,soon\n\
         good,tool,,\n\
         short,api\n");
    assert_eq!((read.rows, read.services.len()), (7, 1));
    assert_eq!(read.services[0].1.definition.kind, ServiceKind::Api);
    assert_eq!(
        faults(&read),
        [
            (2, Some(3), Some("bad-kind"), "service"),
            (3, Some(4), Some("bad-url"), "url"),
            (4, Some(6), Some("Bad Name"), "service"),
            (5, Some(7), Some("bad-ttl"), "ttl_s"),
            (6, Some(8), Some("good"), "name"),
            (7, Some(9), Some("short"), "row"),
        ]
    );
}

#[test]
fn a_header_that_cannot_be_used_is_refused_by_column() {
    for (text, words) in [
        ("", "no column `name`"),
        ("name\nweather\n", "no column `type`"),
        ("name,type,colour\n", "`colour` is no column"),
        ("name,type,name\n", "`name` is there twice"),
    ] {
        let told = Bootstrap::read(BootstrapFormat::Csv, text.as_bytes())
            .unwrap_err()
            .to_string();
        assert!(told.contains(words), "{told}");
    }
}

#[test]
fn json_comes_as_a_list_or_under_a_name() {
    let good = json!({ "name": "weather", "type": "api" });
    let bad = json!({ "name": "b", "type": "api", "colour": 1 });
    for file in [json!([good, bad, 7]), json!({ "services": [good, bad, 7] })] {
        let read = Bootstrap::read(BootstrapFormat::Json, file.to_string().as_bytes()).unwrap();
        assert_eq!(read.services.len(), 1);
        assert_eq!(
            faults(&read),
            [(2, None, Some("b"), "service"), (3, None, None, "service")]
        );
    }
    for bad in ["", "{", "7", "{\"things\":[]}"] {
        assert!(
            Bootstrap::read(BootstrapFormat::Json, bad.as_bytes()).is_err(),
            "{bad}"
        );
    }
}

#[test]
fn rows_and_faults_hold_at_their_limits_and_one_past() {
    let file = |rows: usize, kind: &str| {
        (0..rows).fold("name,type\n".to_owned(), |text, i| {
            format!("{text}s{i},{kind}\n")
        })
    };
    let read = |text: &str| Bootstrap::read(BootstrapFormat::Csv, text.as_bytes());
    assert_eq!(
        read(&file(BOOTSTRAP_ROWS_MAX, "api"))
            .unwrap()
            .services
            .len(),
        BOOTSTRAP_ROWS_MAX
    );
    let past = read(&file(BOOTSTRAP_ROWS_MAX + 1, "api"));
    assert!(matches!(
        past,
        Err(Error::TooLarge {
            limit: "bootstrap_rows_max",
            ..
        })
    ));
    for rows in [BOOTSTRAP_FAULTS_MAX, BOOTSTRAP_FAULTS_MAX + 1] {
        assert_eq!(
            read(&file(rows, "robot")).unwrap().faults.len(),
            BOOTSTRAP_FAULTS_MAX
        );
    }
}
