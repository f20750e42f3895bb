//! What somebody new does wrong once there is a component, and what he is told: in no language it differs. What the toolchains
//! of languages tell is in `languages::mistakes`.

use rustix::process::Signal;

use super::Place;
use super::tour::{Client, Host};
use crate::guests;

/// A mistake: the command, how it ends, and words that are said.
struct Mistake {
    name: &'static str,
    command: &'static [&'static str],
    code: i32,
    says: &'static [&'static str],
}

/// In this order, after `hello` and the probe were pushed: those of Rust, and what is told of them is of no language.
const MISTAKES: [Mistake; 12] = [
    Mistake {
        name: "the name of an event is misspelt",
        command: &["publish", "hello.requsted", "{}"],
        code: 2,
        says: &[
            "no agent consumes `hello.requsted`",
            "did you mean `hello.requested`?",
        ],
    },
    Mistake {
        name: "a payload is no JSON",
        command: &["publish", "hello.requested", "{name: Ada}"],
        code: 2,
        says: &["JSON", "column 2"],
    },
    Mistake {
        name: "a payload is not what the handler takes",
        command: &["publish", "hello.requested", r#"{"name": 7}"#, "--wait"],
        code: 1,
        says: &[
            "hello rejected on hello.requested",
            "name: 7 is not a string",
            "warren dead-letters",
        ],
    },
    Mistake {
        name: "a handler fails",
        command: &["publish", "hello.broken", "{}", "--wait"],
        code: 1,
        says: &[
            "hello failed on hello.broken",
            "broken on purpose",
            "warren dead-letters",
        ],
    },
    Mistake {
        name: "a handler panics",
        command: &[
            "publish",
            "probe.run",
            r#"[{"panic": "no such order"}]"#,
            "--wait",
        ],
        code: 1,
        says: &[
            "probe trapped on probe.run",
            "panicked: no such order",
            "end.rs:",
        ],
    },
    Mistake {
        name: "a handler never ends",
        command: &["publish", "probe.run", r#"[{"spin": true}]"#, "--wait"],
        code: 1,
        says: &[
            "probe cpu-exhausted on probe.run",
            "`sandbox.cpu_ms_max`",
            "does a loop not end?",
            "warren dead-letters",
        ],
    },
    Mistake {
        name: "what never ended is looked up later",
        command: &["dead-letters"],
        code: 0,
        says: &["probe.run", "cpu-exhausted", "more CPU time than"],
    },
    Mistake {
        name: "what an agent asks for is withheld",
        command: &["push", "hello.wasm", "--grant", "events:publish"],
        code: 0,
        says: &["withheld working:read working:write"],
    },
    Mistake {
        name: "and then used",
        command: &["publish", "hello.requested", r#"{"name": "Ada"}"#, "--wait"],
        code: 1,
        says: &[
            "denied: ",
            "needs the grant `working:write`",
            "be pushed with it",
        ],
    },
    Mistake {
        name: "a component is too large",
        command: &["push", "large.wasm"],
        code: 2,
        says: &["component_bytes_max", "33554432", "leave packages out"],
    },
    Mistake {
        name: "an interface is imported that no grant gives",
        command: &["push", "sockets.wasm"],
        code: 2,
        says: &[
            "wasi:sockets/tcp@0.2.0",
            "agents have no sockets",
            "leave them out",
        ],
    },
    Mistake {
        name: "the sources are pushed",
        command: &["push", "agent.js"],
        code: 2,
        says: &["a text file", "`warren build` makes one"],
    },
];

#[test]
fn cli_mistakes_are_told_with_what_to_do() {
    let place = Place::new();
    write_components(&place);
    let mut dev = place.command();
    // What never ends need not take long to be ended.
    let dev = dev.arg("dev").env("WARREN_SANDBOX_CPU_MS_MAX", "100");
    let mut host = Host::spawn(dev);
    host.json_line();
    let client = Client {
        place: &place,
        variables: Vec::new(),
    };
    client.says(&["push", "hello.wasm"], &["pushed hello version 1"]);
    client.says(&["push", "probe.wasm"], &["pushed probe version 1"]);
    let mut wrong = Vec::new();
    for mistake in &MISTAKES {
        let output = place.run(mistake.command);
        let said = format!("{}{}", super::stdout(&output), super::stderr(&output));
        let is_told = mistake.says.iter().all(|words| said.contains(words));
        if output.status.code() != Some(mistake.code) || !is_told {
            wrong.push(format!("{}: {}\n{said}", mistake.name, output.status));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    host.stop(Signal::INT);
}

fn write_components(place: &Place) {
    let write =
        |name: &str, bytes: &[u8]| std::fs::write(place.0.path().join(name), bytes).unwrap();
    let hello = guests::bytes("hello-rust");
    write("probe.wasm", &guests::probe());
    // A custom section with a name of one byte and 40 MB of nothing, its length in five bytes.
    let mut large = hello.clone();
    let filler = 40_000_000_u32;
    let length = filler + 2;
    large.push(0);
    large
        .extend((0..5).map(|at| (length >> (7 * at)) as u8 & 0x7f | if at < 4 { 0x80 } else { 0 }));
    large.extend([1, b'x']);
    large.resize(large.len() + filler as usize, 0);
    write("large.wasm", &large);
    write("hello.wasm", &hello);
    let sockets = r#"(component (import "wasi:sockets/tcp@0.2.0" (instance)))"#;
    write("sockets.wasm", &wat::parse_str(sockets).unwrap());
    write("agent.js", b"export default {};\n");
}
