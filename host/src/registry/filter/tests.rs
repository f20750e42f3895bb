//! What filters say, what is refused, and that neither takes more than it may.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::clock::Timestamp;
use crate::id::KeyName;
use crate::registry::{
    Directory, Discovered, Service, ServiceDefinition, ServiceQuery, ServiceState, Services, Viewer,
};

const NOW: Timestamp = Timestamp(1_000);
/// Stack that the worst filter is read and evaluated in: a quarter of what a thread of the host has.
const STACK_BYTES: usize = 512 * 1024;

fn service(definition: &Value) -> Service {
    let definition: ServiceDefinition = serde_json::from_value(definition.clone()).unwrap();
    Service {
        definition: Arc::new(definition),
        owner: KeyName::new("main").unwrap(),
        signature: None,
        ttl_ms: 0,
        asked: ServiceState::Active,
        health: None,
        announced: ServiceState::Active,
        seen: NOW,
        offline_since: None,
        registered: NOW,
        updated: NOW,
    }
}

fn directory(definitions: &[Value]) -> Directory {
    let services = definitions.iter().map(service);
    Directory::new(Vec::new(), Vec::new()).with_services(Services::new(services))
}

fn query(filter: &str) -> ServiceQuery {
    ServiceQuery {
        filter: Some(filter.to_owned()),
        limit: 100,
        ..ServiceQuery::default()
    }
}

fn discover(directory: &Directory, query: &ServiceQuery) -> Result<Discovered> {
    let owner = KeyName::new("main").unwrap();
    directory.discover(Viewer::Key(&owner), query, &HashMap::new(), NOW)
}

fn names(discovered: &Discovered) -> Vec<&str> {
    let found = discovered.found.iter();
    found.map(|found| found.name().as_str()).collect()
}

/// A reader, an archive, and a lamp that says little of itself.
fn three() -> Directory {
    directory(&[
        json!({
            "name": "reader", "type": "tool", "version": "1.2", "description": "Reads web pages.", "category": "text",
            "tags": ["web", "english"], "url": "https://reader.example", "protocol": "http",
            "capabilities": [
                { "name": "summarise", "description": "Says in short.", "tasks": ["shorten", "tell"],
                  "consumes": "page.read", "produces": "page.text" },
                { "name": "count", "description": "Counts words." },
            ],
            "consumes": [{ "topic": "action-requests", "type": "page.read" }],
            "produces": [{ "topic": "action-results", "type": "page.text" }],
            "metadata": { "region": "eu", "load": 3, "rate": 0.5, "beta": false, "zones": ["a", "b"],
                          "site": { "floor": 2 }, "price-list": "x" },
        }),
        json!({
            "name": "archive", "type": "service", "tags": ["web"],
            "metadata": { "region": "us", "load": "unknown", "beta": true },
        }),
        json!({ "name": "lamp", "type": "device", "visibility": "private" }),
    ])
}

/// All three, by name.
const ALL: &[&str] = &["archive", "lamp", "reader"];
/// Filters, and of which of the three they are true.
const TRUE_OF: &[(&str, &[&str])] = &[
    ("true", ALL),
    ("false", &[]),
    ("name == 'reader'", &["reader"]),
    ("'reader' == name", &["reader"]),
    ("name != 'reader'", &["archive", "lamp"]),
    ("name < 'lamp'", &["archive"]),
    ("type == 'tool'", &["reader"]),
    ("type in ['tool', 'device']", &["lamp", "reader"]),
    ("state == 'active' && visibility == 'private'", &["lamp"]),
    ("hosted", &[]),
    ("!hosted && owner == 'main'", ALL),
    ("version == '1.2'", &["reader"]),
    ("category == ''", &["archive", "lamp"]),
    (
        "protocol == 'http' ? true : name == 'lamp'",
        &["lamp", "reader"],
    ),
    (
        "url.startsWith('https://') && url.endsWith('.example')",
        &["reader"],
    ),
    ("description.contains('pages')", &["reader"]),
    ("'web' in tags", &["archive", "reader"]),
    ("tags == ['english', 'web']", &["reader"]),
    ("tags[0] == 'web'", &["archive"]),
    ("size(tags) > 1", &["reader"]),
    ("tags.size() == 0", &["lamp"]),
    ("'tell' in tasks", &["reader"]),
    (
        "'page.read' in consumes && 'page.text' in produces",
        &["reader"],
    ),
    ("tags.all(tag, tag == 'web')", &["archive", "lamp"]),
    ("tags.exists_one(tag, tag.startsWith('e'))", &["reader"]),
    (
        "capabilities.exists(c, c.name == 'count' && size(c.tasks) == 0)",
        &["reader"],
    ),
    (
        "capabilities.exists(c, 'shorten' in c.tasks && 'page.read' in c.consumes)",
        &["reader"],
    ),
    (
        "capabilities.exists(c, c.description.contains('short') && c.produces[0] == 'page.text')",
        &["reader"],
    ),
    ("metadata.region == 'eu'", &["reader"]),
    ("metadata.region != 'eu'", &["archive"]),
    ("has(metadata.region)", &["archive", "reader"]),
    (
        "!has(metadata.region) || metadata.region == 'us'",
        &["archive", "lamp"],
    ),
    ("'region' in metadata", &["archive", "reader"]),
    ("metadata['price-list'] == 'x'", &["reader"]),
    ("metadata.load < 5", &["reader"]),
    (
        "metadata.rate == 0.5 && metadata.site.floor == 2",
        &["reader"],
    ),
    ("metadata.beta", &["archive"]),
    ("metadata.zones.exists(zone, zone == 'b')", &["reader"]),
    (
        "metadata.exists(key, key.startsWith('re'))",
        &["archive", "reader"],
    ),
    (
        "// what is cheap\n metadata.load == -3 ||\n metadata.load == 3",
        &["reader"],
    ),
];

/// Filters that are refused, and what is said of them.
const REFUSED: &[(&str, &str)] = &[
    ("", "line 1, column 1: "),
    ("type ==", "line 1, column 8: "),
    ("type = 'tool'", "line 1, column "),
    ("type == 'tool", "line 1, column 9: "),
    ("name == 'a')", "line 1, column 12: "),
    ("for == 1", "line 1, column 1: reserved identifier"),
    (
        "hosted &&\n  nmae == 'x'",
        "line 2, column 3: an entry has no `nmae`; it has name, version, type,",
    ),
    ("type == tool", "line 1, column 9: an entry has no `tool`"),
    (".name == 'x'", "an entry has no `.name`"),
    (
        "name",
        "line 1, column 1: this is a text, and a filter says true or false",
    ),
    ("tags", "this is a list, and"),
    ("metadata", "this is an object, and"),
    ("'yes'", "this is a value, and"),
    ("size(tags)", "this is a number, and"),
    (
        "name.matches('a+')",
        "line 1, column 13: there are no regular expressions; there are &&",
    ),
    (
        "name + 'x' == 'readerx'",
        "line 1, column 6: `+` cannot be used so",
    ),
    ("metadata.load * 2 == 6", "`*` cannot be used so"),
    ("type(name) == 'x'", "`type` cannot be used so"),
    ("string(1) == '1'", "`string` cannot be used so"),
    ("duration('1h') == 1", "`duration` cannot be used so"),
    ("name.contains('a', 'b')", "`contains` cannot be used so"),
    ("contains(name, 'a')", "`contains` cannot be used so"),
    ("name.?x == 'a'", "unsupported syntax"),
    (
        "name == owner",
        "line 1, column 6: one side is a value that is written out",
    ),
    (
        "metadata == metadata",
        "one side is a value that is written out",
    ),
    ("name in tags", "one side is a value that is written out"),
    (
        "type in [name]",
        "line 1, column 10: a list in a filter is of values that are written out",
    ),
    (
        "metadata == {'a': 1}",
        "line 1, column 13: a filter makes no objects",
    ),
    ("{'a': true}.a", "a filter makes no objects"),
    ("name == b'reader'", "no value of an entry is bytes"),
    ("name{a: 1}.a", "a filter makes no objects"),
    (
        "tags.map(t, t) == ['web']",
        "line 1, column 9: `map` and `filter` make lists; there are",
    ),
    (
        "size(tags.filter(t, t == 'web')) == 1",
        "`map` and `filter` make lists",
    ),
    (
        "['a', 'b'].all(x, x == 'a')",
        "line 1, column 1: only a list of the entry can be walked",
    ),
    (
        "[1, 2].exists(x, true)",
        "only a list of the entry can be walked",
    ),
    (
        "capabilities.exists(c, c.tasks.exists(t, t == 'tell'))",
        "line 1, column 38: what is asked of each value of a list cannot walk another",
    ),
    (
        "has(name)",
        "line 1, column 5: invalid argument to has() macro",
    ),
    // It is of the right form, and of no entry can it be told.
    ("name.x == 1", "it can be told of no entry; of `archive`: "),
    (
        "metadata.region",
        "it can be told of no entry; of `archive`: it says string, not true or false",
    ),
];

#[test]
fn a_filter_finds_what_it_is_true_of() {
    let three = three();
    let mut wrong = Vec::new();
    for (filter, expect) in TRUE_OF {
        match discover(&three, &query(filter)) {
            Ok(found) if names(&found) == *expect && found.stopped_at.is_none() => {}
            other => wrong.push((filter, other.map(|found| format!("{:?}", names(&found))))),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_cannot_stand_in_a_filter_is_refused_with_its_place() {
    let three = three();
    let mut wrong = Vec::new();
    for (filter, expect) in REFUSED {
        match discover(&three, &query(filter)) {
            Err(Error::Invalid { field, reason })
                if field == "filter" && reason.contains(expect) => {}
            other => wrong.push((filter, other.map(|found| format!("{:?}", names(&found))))),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn one_entry_of_which_it_cannot_be_told_is_left_out() {
    let three = three();
    // `archive` has a text there, `lamp` nothing.
    let found = discover(&three, &query("metadata.load > 1")).unwrap();
    assert_eq!(names(&found), ["reader"]);
    let found = discover(&three, &query("metadata.nobody.has.it == 1")).unwrap();
    assert_eq!(names(&found), [""; 0]);
    let nothing = directory(&[]);
    assert_eq!(
        names(&discover(&nothing, &query("name.x == 1")).unwrap()),
        [""; 0]
    );
    discover(&nothing, &query("nmae == 'x'")).unwrap_err();
}

/// Each limit by a filter at it and one past it.
#[test]
fn limits_hold_at_and_one_past() {
    let padded = |bytes: usize| format!("{:<bytes$}", "true");
    let deep = |depth: usize| format!("{}hosted{}", "!(".repeat(depth - 1), ")".repeat(depth - 1));
    let depth = usize::from(FILTER_DEPTH_MAX);
    for (at, past, limit) in [
        (
            padded(FILTER_BYTES_MAX),
            padded(FILTER_BYTES_MAX + 1),
            "1025 bytes, filter_bytes_max is 1024",
        ),
        (deep(depth), deep(depth + 1), "filter_depth_max"),
    ] {
        Filter::compile(&at).unwrap();
        let error = Filter::compile(&past).unwrap_err().to_string();
        assert!(error.contains(limit), "{error}");
    }
    // Literals in a list are a part each, so that any number of parts can be written in few bytes.
    let list = |parts: u64| {
        let values = vec!["1"; (parts - 3) as usize].join(",");
        format!("metadata in[{values}]")
    };
    Filter::compile(&list(FILTER_NODES_MAX)).unwrap();
    let error = Filter::compile(&list(FILTER_NODES_MAX + 1)).unwrap_err();
    assert!(
        error.to_string().contains("filter_nodes_max, 256"),
        "{error}"
    );
}

#[test]
fn a_question_ends_after_its_steps_and_goes_on_from_there() {
    // Each takes a little less than a tenth of all steps: ten are looked at, and the eleventh begins a page.
    let zones = |count: usize| vec!["a"; count];
    let walk = "metadata.zones.all(zone, zone.startsWith('a') && zone.endsWith('a'))";
    let filter = Filter::compile(walk).unwrap();
    let entry = |name: &str, count: usize| json!({ "name": name, "type": "node", "metadata": { "zones": zones(count) } });
    let steps = |count: usize| {
        let one = directory(&[entry("one", count)]);
        let all = discover(
            &one,
            &ServiceQuery {
                limit: 1,
                ..ServiceQuery::default()
            },
        )
        .unwrap();
        filter.steps(&all.found[0])
    };
    let count = (1..4_000)
        .take_while(|count| steps(*count) < FILTER_STEPS_MAX / 10)
        .last()
        .unwrap();
    let names_of: Vec<String> = (0..25).map(|i| format!("n{i:02}")).collect();
    let many: Vec<Value> = names_of.iter().map(|name| entry(name, count)).collect();
    let many = directory(&many);
    let mut seen = Vec::new();
    let mut asked = query(walk);
    let mut pages = 0;
    loop {
        let page = discover(&many, &asked).unwrap();
        seen.extend(names(&page).into_iter().map(str::to_owned));
        pages += 1;
        match page.stopped_at {
            Some(name) => asked.after = Some(name.to_string()),
            None => break,
        }
    }
    assert_eq!((seen, pages), (names_of, 3));
    // What is ranked is looked at whole.
    let ranked = ServiceQuery {
        about: Some("a node".to_owned()),
        ..query(walk)
    };
    let error = discover(&many, &ranked).unwrap_err().to_string();
    assert!(error.contains("filter_steps_max"), "{error}");
    let few = ServiceQuery {
        about: Some("n01".to_owned()),
        name: Some("n0".to_owned()),
        ..query(walk)
    };
    assert_eq!(names(&discover(&many, &few).unwrap())[0], "n01");
}

#[test]
fn an_entry_that_takes_too_long_is_left_out_and_keeps_nobody_from_being_found() {
    let long = json!({ "name": "long", "type": "node", "metadata": { "zones": vec![0; 8_000] } });
    let short = json!({ "name": "short", "type": "node", "metadata": { "zones": [0] } });
    let asked: Vec<String> = (0..30).map(|i| format!("zone == {i}")).collect();
    let walk = format!("metadata.zones.exists(zone, {})", asked.join("||"));
    let both = directory(&[long.clone(), short]);
    assert_eq!(names(&discover(&both, &query(&walk)).unwrap()), ["short"]);
    let error = discover(&directory(&[long]), &query(&walk))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("steps, filter_steps_max is 1000000"),
        "{error}"
    );
}

/// On a thread with a stack that is a quarter of the host's.
fn on_a_small_stack(run: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    thread.spawn(run).unwrap().join().unwrap();
}

#[test]
fn whatever_is_typed_is_read_on_a_small_stack() {
    on_a_small_stack(|| {
        let three = three();
        let fill = |text: &str| text.repeat(FILTER_BYTES_MAX / text.len());
        for piece in [
            "(",
            "[",
            "{",
            "((",
            "!",
            "-",
            "!-",
            "!(",
            "-(",
            "a.",
            "a[",
            "a(",
            "a{b:",
            "true?",
            "a?b:",
            "a?",
            "a||",
            "a&&",
            "a==",
            "a+",
            "a in ",
            "[a,",
            "{a:",
            "a.b(",
            "tags.all(t,",
            "has(",
            "has(a.",
            "?",
            ":",
            ",",
            ")",
            "]",
            "}",
            "'",
            "\"\"\"",
            "`",
            "`a`.",
            "b'",
            "r'\\",
            "\\",
            "//",
            "\n",
            "0x",
            "1e",
            "1.",
            ".1",
            "-9223372036854775808",
            "18446744073709551615u ",
            "\u{0}",
            "é",
            "🦀",
            "a.?b",
            "[?a,",
            "null ",
            "as ",
        ] {
            for source in [
                fill(piece),
                format!("hosted&&{}", piece.repeat(200)),
                format!("{}hosted{}", piece.repeat(60), ")".repeat(60)),
                format!("{}hosted{}", piece.repeat(20), "]".repeat(20)),
            ] {
                // Refused or not, it ends.
                let _ = discover(&three, &query(&source));
            }
        }
    });
}

#[test]
fn random_words_of_the_language_are_read_or_refused() {
    const WORDS: [&str; 44] = [
        "name",
        "tags",
        "metadata",
        "capabilities",
        "hosted",
        "t",
        "==",
        "!=",
        "<",
        "in",
        "&&",
        "||",
        "!",
        "-",
        "+",
        "?",
        ":",
        "(",
        ")",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ".",
        ".x",
        ".all(t,",
        ".exists(",
        ".map(",
        "has(",
        "size(",
        ".contains(",
        "'web'",
        "'",
        "1",
        "2.5",
        "7u",
        "true",
        "null",
        "b'x'",
        "`q`",
        "\n",
    ];
    on_a_small_stack(|| {
        let three = three();
        let mut random = fastrand::Rng::with_seed(7);
        let mut read = 0;
        for _ in 0..20_000 {
            let words = (0..random.usize(1..24)).map(|_| WORDS[random.usize(..WORDS.len())]);
            let source = words
                .collect::<Vec<_>>()
                .join(if random.bool() { " " } else { "" });
            match discover(&three, &query(&source)) {
                Ok(_) => read += 1,
                Err(Error::Invalid { reason, .. }) => {
                    assert!(!reason.is_empty(), "{source}");
                }
                Err(error) => panic!("{source}: {error}"),
            }
        }
        assert!(read > 20, "only {read} were expressions");
    });
}

#[test]
fn a_filter_stands_beside_everything_else_that_is_asked() {
    let three = three();
    let kind = ServiceQuery {
        tags: vec!["web".to_owned()],
        ..query("type != 'tool'")
    };
    assert_eq!(names(&discover(&three, &kind).unwrap()), ["archive"]);
    let first = ServiceQuery {
        limit: 1,
        ..query("'web' in tags")
    };
    assert_eq!(names(&discover(&three, &first).unwrap()), ["archive"]);
    let next = ServiceQuery {
        after: Some("archive".to_owned()),
        ..first
    };
    assert_eq!(names(&discover(&three, &next).unwrap()), ["reader"]);
    let ranked = ServiceQuery {
        about: Some("who reads web pages".to_owned()),
        ..query("'web' in tags")
    };
    assert_eq!(names(&discover(&three, &ranked).unwrap())[0], "reader");
    // What a viewer may not see is told to nobody, whatever is asked of it.
    let key = KeyName::new("other").unwrap();
    let seen = three
        .discover(Viewer::Key(&key), &query("true"), &HashMap::new(), NOW)
        .unwrap();
    assert_eq!(names(&seen), ["archive", "reader"]);
    let error = three.discover(
        Viewer::Key(&key),
        &query("visibility.x == 1"),
        &HashMap::new(),
        NOW,
    );
    assert!(!error.unwrap_err().to_string().contains("lamp"));
}
