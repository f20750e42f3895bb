//! The checker as a table: old, new, and what breaks in either direction.

use super::*;

fn json(text: &str) -> Json {
    Json::parse("schema", text).unwrap()
}

fn told(mode: Compatibility, old: &str, new: &str) -> Vec<String> {
    let found = breaking(mode, &json(old), &json(new)).unwrap();
    found
        .iter()
        .map(|breaking| format!("{}: {}", breaking.path, breaking.what))
        .collect()
}

/// What breaks when the new one reads the old one's, and the other way round; `""` for nothing.
#[track_caller]
fn check(old: &str, new: &str, backward: &str, forward: &str) {
    for (mode, expect) in [
        (Compatibility::Backward, backward),
        (Compatibility::Forward, forward),
    ] {
        let got = told(mode, old, new).join("; ");
        assert_eq!(got, expect, "{}: {old} → {new}", mode.as_str());
    }
    assert_eq!(told(Compatibility::None, old, new), [""; 0]);
    let full = told(Compatibility::Full, old, new).is_empty();
    assert_eq!(
        full,
        backward.is_empty() && forward.is_empty(),
        "{old} → {new}"
    );
}

#[test]
fn types_may_widen_for_readers_and_narrow_for_writers() {
    check(
        r#"{"type":"object","properties":{"total":{"type":"number"}}}"#,
        r#"{"type":"object","properties":{"total":{"type":"string"}}}"#,
        r#"/properties/total/type: "number" became "string""#,
        r#"/properties/total/type: "number" became "string""#,
    );
    check(
        r#"{"type":"integer"}"#,
        r#"{"type":"number"}"#,
        "",
        r#"/type: "integer" became "number""#,
    );
    check(
        r#"{"type":"string"}"#,
        r#"{"type":["string","null"]}"#,
        "",
        r#"/type: "string" became "string" or "null""#,
    );
    check(
        "{}",
        r#"{"type":"string"}"#,
        r#"/type: any type became "string""#,
        "",
    );
    check("true", "{}", "", "");
    check("true", "false", ": takes nothing any more", "");
    check("false", "true", "", ": took nothing before");
    check(
        r#"{"title":"a","format":"email"}"#,
        r#"{"description":"b"}"#,
        "",
        "",
    );
}

#[test]
fn enumerations_may_grow_for_readers() {
    let two = r#"{"enum":["red","blue"]}"#;
    check(
        two,
        r#"{"enum":["red","blue","green"]}"#,
        "",
        r#"/enum: "green" is new"#,
    );
    check(two, r#"{"enum":["red"]}"#, r#"/enum: "blue" is gone"#, "");
    check(
        two,
        r#"{"type":"string"}"#,
        "",
        "/enum: one of 2 became any value",
    );
    check(
        two,
        r#"{"type":"string","minLength":4}"#,
        "/minLength: 0 became 4",
        "/enum: one of 2 became any value",
    );
    check(
        two,
        r#"{"type":"string","maxLength":4}"#,
        "",
        "/enum: one of 2 became any value",
    );
    check(
        r#"{"enum":["red",1]}"#,
        r#"{"type":"string"}"#,
        r#"/type: "integer" or "string" became "string""#,
        "/enum: one of 2 became any value",
    );
    check(
        r#"{"const":1}"#,
        r#"{"const":2}"#,
        "/const: 1 is gone",
        "/const: 2 is new",
    );
    check(
        r#"{"const":1}"#,
        r#"{"enum":[1,2]}"#,
        "",
        "/const: 2 is new",
    );
    check(r#"{"type":"boolean"}"#, r#"{"enum":[true,false]}"#, "", "");
}

#[test]
fn members_may_be_added_if_they_are_optional() {
    let old = r#"{"type":"object","required":["a"],"properties":{"a":{"type":"string"}}}"#;
    check(
        old,
        r#"{"type":"object","required":["a"],"properties":{"a":{"type":"string"},"b":{"type":"string"}}}"#,
        "",
        "",
    );
    check(
        old,
        r#"{"type":"object","required":["a","b"],"properties":{"a":{"type":"string"}}}"#,
        r#"/required: "b" became required"#,
        "",
    );
    check(
        old,
        r#"{"type":"object","properties":{"a":{"type":"string"}}}"#,
        "",
        r#"/required: "a" is no longer required"#,
    );
    let closed = r#"{"type":"object","properties":{"a":{},"b":{}},"additionalProperties":false}"#;
    check(
        closed,
        r#"{"type":"object","properties":{"a":{}},"additionalProperties":false}"#,
        r#"/properties/b: "b" is gone and no others are allowed"#,
        "",
    );
    check(
        r#"{"type":"object","properties":{"a":{}},"additionalProperties":false}"#,
        closed,
        "",
        r#"/properties/b: "b" is new and no others were allowed"#,
    );
    check(
        r#"{"type":"object"}"#,
        r#"{"type":"object","additionalProperties":false}"#,
        "/additionalProperties: allowed became forbidden",
        "",
    );
    check(
        r#"{"type":"object","additionalProperties":{"type":"number"}}"#,
        r#"{"type":"object","properties":{"x/y":{"type":"string"}},"additionalProperties":{"type":"number"}}"#,
        r#"/properties/x~1y/type: "number" became "string""#,
        r#"/additionalProperties/type: "number" became "string""#,
    );
    check(
        r#"{"type":"string"}"#,
        r#"{"type":"string","required":["a"]}"#,
        "",
        "",
    );
}

#[test]
fn bounds_may_loosen_for_readers() {
    for (old, new, backward) in [
        (r#"{"minimum":1}"#, r#"{"minimum":0}"#, ""),
        (
            r#"{"minimum":0}"#,
            r#"{"minimum":1}"#,
            "/minimum: 0 became 1",
        ),
        (
            r#"{"minimum":0}"#,
            r#"{"exclusiveMinimum":0}"#,
            "/exclusiveMinimum: minimum 0 became 0",
        ),
        (r#"{"exclusiveMinimum":0}"#, r#"{"minimum":0}"#, ""),
        ("{}", r#"{"maximum":9}"#, "/maximum: no bound became 9"),
        (r#"{"maximum":9}"#, r#"{"maximum":9.5}"#, ""),
        (r#"{"enum":[1,9]}"#, r#"{"maximum":9}"#, ""),
        (
            r#"{"enum":[1,9]}"#,
            r#"{"exclusiveMaximum":9}"#,
            "/exclusiveMaximum: no bound became 9",
        ),
        (r#"{"multipleOf":10}"#, r#"{"multipleOf":5}"#, ""),
        (
            r#"{"multipleOf":5}"#,
            r#"{"multipleOf":10}"#,
            "/multipleOf: 5 became 10",
        ),
        (
            r#"{"minLength":1}"#,
            r#"{"minLength":2}"#,
            "/minLength: 1 became 2",
        ),
        (
            r#"{"maxLength":5}"#,
            r#"{"maxLength":4}"#,
            "/maxLength: 5 became 4",
        ),
        (r#"{"maxItems":5}"#, "{}", ""),
        ("{}", r#"{"minItems":1}"#, "/minItems: 0 became 1"),
        (
            "{}",
            r#"{"maxProperties":3}"#,
            "/maxProperties: no bound became 3",
        ),
        (
            r#"{"type":"string"}"#,
            r#"{"type":"string","minimum":3,"minItems":1}"#,
            "",
        ),
    ] {
        let got = told(Compatibility::Backward, old, new).join("; ");
        assert_eq!(got, backward, "{old} → {new}");
    }
}

#[test]
fn items_are_compared_place_by_place() {
    check(
        r#"{"items":{"type":"string"}}"#,
        r#"{"items":{"type":"integer"}}"#,
        r#"/items/type: "string" became "integer""#,
        r#"/items/type: "string" became "integer""#,
    );
    check(
        r#"{"prefixItems":[{"type":"string"}],"items":{"type":"integer"}}"#,
        r#"{"prefixItems":[{"type":"string"},{"type":"string"}],"items":{"type":"integer"}}"#,
        r#"/prefixItems/1/type: "integer" became "string""#,
        r#"/prefixItems/1/type: "integer" became "string""#,
    );
    check(
        "{}",
        r#"{"uniqueItems":true}"#,
        "/uniqueItems: false became true",
        "",
    );
}

#[test]
fn alternatives_may_be_added_and_parts_dropped() {
    let one = r#"{"type":"string"}"#;
    let or_null = r#"{"anyOf":[{"type":"string"},{"type":"null"}]}"#;
    check(
        one,
        or_null,
        "",
        r#"/type: "string" became "string" or "null""#,
    );
    check(
        or_null,
        r#"{"anyOf":[{"type":"string"},{"type":"null"},{"type":"integer"}]}"#,
        "",
        "/anyOf: not all that fits now fitted one of these before",
    );
    check(
        or_null,
        r#"{"type":["string","null"]}"#,
        "",
        "/anyOf: not all that fits now fitted one of these before",
    );
    let both = r#"{"allOf":[{"type":"object","required":["a"]},{"required":["b"]}]}"#;
    check(both, both, "", "");
    check(
        both,
        r#"{"allOf":[{"type":"object","required":["a"]}]}"#,
        "",
        r#"/allOf/1/required: "b" is no longer required"#,
    );
    check(
        r#"{"allOf":[{"required":["a"]}]}"#,
        r#"{"allOf":[{"required":["a"]}],"required":["c"]}"#,
        r#"/required: "c" became required"#,
        "",
    );
}

#[test]
fn references_are_followed_and_circles_end() {
    let tree = |leaf: &str| {
        format!(
            r##"{{"$defs":{{"node":{{"type":"object","properties":{{"leaf":{leaf},"next":{{"$ref":"#/$defs/node"}}}}}}}},"$ref":"#/$defs/node"}}"##
        )
    };
    let (number, text) = (tree(r#"{"type":"number"}"#), tree(r#"{"type":"string"}"#));
    check(&number, &number, "", "");
    let broken = r#"/$defs/node/properties/leaf/type: "number" became "string""#;
    check(&number, &text, broken, broken);
    check(r##"{"$ref":"#"}"##, r##"{"$ref":"#"}"##, "", "");
    check(
        r##"{"$defs":{"m":{"type":"number"}},"items":{"$ref":"#/$defs/m"}}"##,
        r#"{"items":{"type":"number"}}"#,
        "",
        "",
    );
}

#[test]
fn what_is_not_judged_says_so() {
    let said = |keyword: &str| {
        format!("/{keyword}: it changed, and what a change of `{keyword}` means is not judged")
    };
    check(r#"{"pattern":"^a"}"#, r#"{"pattern":"^a"}"#, "", "");
    check(r#"{"pattern":"^a"}"#, "{}", "", &said("pattern"));
    check(
        r#"{"pattern":"^a"}"#,
        r#"{"pattern":"^b"}"#,
        &said("pattern"),
        &said("pattern"),
    );
    check(
        r#"{"patternProperties":{"^x":{}},"additionalProperties":false}"#,
        r#"{"additionalProperties":false}"#,
        &said("patternProperties"),
        &said("patternProperties"),
    );
    let one_of =
        |second: &str| format!(r#"{{"oneOf":[{{"type":"string"}},{{"type":"{second}"}}]}}"#);
    check(&one_of("null"), &one_of("null"), "", "");
    check(
        &one_of("null"),
        &one_of("integer"),
        &said("oneOf"),
        &said("oneOf"),
    );
    // The words are the same, but what they refer to is not.
    let not = |kind: &str| {
        format!(r##"{{"$defs":{{"a":{{"type":"{kind}"}}}},"not":{{"$ref":"#/$defs/a"}}}}"##)
    };
    check(&not("null"), &not("null"), "", "");
    check(&not("null"), &not("string"), &said("not"), &said("not"));
}

#[test]
fn a_pair_that_multiplies_is_given_up_in_words() {
    let any_of = |values: &mut dyn Iterator<Item = usize>| {
        let all: Vec<String> = values.map(|i| format!(r#"{{"const":{i}}}"#)).collect();
        format!(r#"{{"anyOf":[{}]}}"#, all.join(","))
    };
    // Each is looked for among all of the other's: half of them, on average.
    let compared = |n: usize| {
        let (old, new) = (any_of(&mut (0..n)), any_of(&mut (0..n).rev()));
        told(Compatibility::Full, &old, &new)
    };
    assert_eq!(compared(100), [""; 0]);
    let found = compared(500);
    assert!(
        !found.is_empty() && found.len() <= BREAKING_MAX,
        "{found:?}"
    );
}

#[test]
fn at_most_so_many_places_are_named() {
    let schema = |kind: &str| {
        let members: Vec<String> = (0..=BREAKING_MAX)
            .map(|n| format!(r#""p{n}":{{"type":"{kind}"}}"#))
            .collect();
        format!(r#"{{"properties":{{{}}}}}"#, members.join(","))
    };
    let found = told(Compatibility::Backward, &schema("string"), &schema("null"));
    assert_eq!(found.len(), BREAKING_MAX);
}

#[test]
fn an_error_names_schema_version_and_path() {
    let (old, new) = (json(r#"{"type":"number"}"#), json(r#"{"type":"string"}"#));
    let error = require_compatible(Compatibility::Backward, "order", 2, &old, &new).unwrap_err();
    assert_eq!(
        error.to_string(),
        "schema: version 2 of `order` is not backward compatible with the one before it: \
         /type: \"number\" became \"string\"; change it, or register it with compatibility `none`"
    );
    for mode in ["none", "backward", "forward", "full"] {
        assert_eq!(mode.parse::<Compatibility>().unwrap().as_str(), mode);
    }
    assert!("sideways".parse::<Compatibility>().is_err());
}
