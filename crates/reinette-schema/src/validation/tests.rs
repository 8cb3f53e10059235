//! Values held against schemas, with another implementation for the truth.

use super::{ValidationError, validate};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn oracle(schema: &Value, value: &Value) -> bool {
    let options = jsonschema::options().with_draft(jsonschema::Draft::Draft202012).should_validate_formats(true);
    options.build(schema).unwrap_or_else(|error| panic!("{schema} is none: {error}")).is_valid(value)
}

fn assert_agrees(schema: &Value, value: &Value) {
    let outcome = validate(schema, value);
    assert!(!matches!(outcome, Err(ValidationError::Schema(_))), "{outcome:?} for {schema}");
    assert_eq!(outcome.is_ok(), oracle(schema, value), "{value} under {schema}: {outcome:?}");
}

/// Small values that are often equal to each other and to what schemas name.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..6).prop_map(Value::from),
        (-6_i32..12).prop_map(|halves| json!(f64::from(halves) / 2.0)),
        prop::sample::select(vec![json!(1e30), json!(u64::MAX), json!(i64::MIN), json!(0.3), json!(-0.0)]),
        prop::sample::select(vec!["", "a", "ab", "é", "a1", "b", "2026-02-29", "x@y.example"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name(), inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "a1", "c~/d"]).prop_map(str::to_owned)
}

fn type_name() -> impl Strategy<Value = Value> {
    prop::sample::select(vec!["null", "boolean", "integer", "number", "string", "array", "object"])
        .prop_map(Value::from)
}

/// One keyword with what may stand under it.
fn keyword(schema: BoxedStrategy<Value>) -> impl Strategy<Value = (String, Value)> {
    let named =
        |keyword: &'static str, value: BoxedStrategy<Value>| value.prop_map(move |value| (keyword.to_owned(), value));
    let number = || prop_oneof![(0_i64..4).prop_map(Value::from), Just(json!(0.5)), Just(json!(1.0))].boxed();
    let step = || prop::sample::select(vec![json!(1), json!(2), json!(0.1), json!(0.5)]).boxed();
    let list = prop::collection::vec(schema.clone(), 1..3).prop_map(Value::from).boxed();
    let map = prop::collection::btree_map(name(), schema.clone(), 0..3)
        .prop_map(|map| Value::Object(map.into_iter().collect()))
        .boxed();
    let patterns = (prop::sample::select(vec!["^a", "\\d", "[^\\w]"]), schema.clone())
        .prop_map(|(pattern, schema)| json!({pattern: schema}))
        .boxed();
    let names = prop::collection::btree_set(name(), 0..3).prop_map(|names| json!(names)).boxed();
    let dependent = (name(), names.clone()).prop_map(|(name, names)| json!({name: names})).boxed();
    let sizes = ["minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"];
    let size = (prop::sample::select(sizes.to_vec()), 0_u8..4).prop_map(|(name, size)| (name.to_owned(), json!(size)));
    let bounds = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];
    let bound = (prop::sample::select(bounds.to_vec()), number()).prop_map(|(name, bound)| (name.to_owned(), bound));
    let one = |keywords: Vec<&'static str>, schema: BoxedStrategy<Value>| {
        (prop::sample::select(keywords), schema).prop_map(|(name, schema)| (name.to_owned(), schema))
    };
    prop_oneof![
        named(
            "type",
            prop_oneof![type_name(), prop::collection::btree_set("null|string", 1..3).prop_map(|set| json!(set))]
                .boxed()
        ),
        named("enum", prop::collection::vec(value(), 1..4).prop_map(Value::from).boxed()),
        named("const", value().boxed()),
        size,
        bound,
        named("multipleOf", step()),
        named("uniqueItems", any::<bool>().prop_map(Value::from).boxed()),
        named("pattern", prop::sample::select(vec![json!("^a?.$"), json!("\\d$"), json!("[\\w]")]).boxed()),
        named("required", names),
        named("dependentRequired", dependent),
        one(vec!["items", "additionalProperties", "propertyNames", "contains", "not"], schema.clone()),
        one(vec!["if", "then", "else", "unevaluatedProperties", "unevaluatedItems"], schema),
        one(vec!["allOf", "anyOf", "oneOf", "prefixItems"], list),
        one(vec!["properties", "dependentSchemas"], map),
        named("patternProperties", patterns),
        named("$ref", Just(json!("#/$defs/leaf")).boxed()),
    ]
}

fn schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![any::<bool>().prop_map(Value::from), type_name().prop_map(|name| json!({"type": name}))];
    leaf.prop_recursive(3, 32, 4, |inner| {
        let keywords = prop::collection::vec(keyword(inner.boxed()), 0..5);
        keywords.prop_map(|keywords| Value::Object(keywords.into_iter().collect::<Map<_, _>>()))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]
    #[test]
    fn every_schema_means_what_another_implementation_says(schema in schema(), values in prop::collection::vec(value(), 1..6)) {
        let mut schema = schema;
        if let Some(keywords) = schema.as_object_mut() {
            keywords.insert("$defs".to_owned(), json!({"leaf": {"type": ["integer", "string"]}}));
        }
        for value in values {
            assert_agrees(&schema, &value);
        }
    }
}

#[test]
fn formats_are_what_they_are_elsewhere() {
    let texts = [
        ("date", "2026-02-28 2026-02-29 2024-02-29 2026-13-01 2026-1-1 +2026-01-01 20260101 2026-01-011"),
        (
            "time",
            "12:00:00Z 12:00:00 24:00:00Z 23:59:60Z 22:59:60Z 23:59:60+01:00 00:59:60+01:00 12:00:00.5Z 12:00:00.Z 1:00:00Z 12:00:00+24:00",
        ),
        (
            "date-time",
            "2026-02-28T12:00:00Z 2026-02-28t12:00:00z 2026-02-28 2026-02-30T12:00:00Z 2026-02-28T12:00:00.123+05:30",
        ),
        ("duration", "P1D PT1H P1W P P1Y2M3DT4H5M6S P1H PT P1DT P1Y3D P1W1D PT1H5S 1D"),
        (
            "email",
            "a@b.example a.b@c.example .a@b.example a..b@c.example a@ @b a@[127.0.0.1] a@[127.0.0.300] a@-b.example",
        ),
        ("hostname", "a a.b a-b.example -a a- a..b a_b"),
        ("ipv4", "127.0.0.1 256.0.0.1 1.2.3 01.2.3.4 1.2.3.4.5"),
        ("ipv6", "::1 ::ffff:1.2.3.4 1:2:3:4:5:6:7:8 1:2 12345:: fe80::1%eth0"),
        (
            "uuid",
            "00000000-0000-0000-0000-000000000000 2EB8AA08-AA98-11EA-B4AA-73B441D16380 2eb8aa08aa9811eab4aa73b441d16380 2eb8-aa08-aa98-11ea-b4aa73b44-1d16380",
        ),
        (
            "uri",
            "http://a.example/x?y=z#f //a.example /x a:b http://[::1]/ http://[::1 http://a|b http://a/%zz urn:isbn:0 :x 1http://x http://a:port/",
        ),
        ("uri-reference", "http://a.example/x #f /x x \\\\x a%2"),
        ("iri", "http://é.example/ü ü"),
        ("json-pointer", "/a/b /a~1b /a~2b a"),
        ("regex", "a+ ( [a-z] \\d{2}"),
        ("unheard-of", "anything"),
    ];
    for (format, texts) in texts {
        for text in texts.split(' ') {
            assert_agrees(&json!({"type": "string", "format": format}), &json!(text));
        }
    }
}

#[test]
fn the_first_rule_that_is_broken_is_told_with_its_place() {
    let schema = json!({"type": "object", "required": ["a"], "additionalProperties": false, "properties": {
        "a": {"type": "array", "items": {"type": "integer", "maximum": 5}},
        "b/c": {"enum": ["x", "y"]},
    }});
    let cases = [
        (json!({}), "\"a\" is a required property, at ``"),
        (json!({"a": [1, 9]}), "9 is greater than the maximum of 5, at `/a/1`"),
        (json!({"a": [1, "2"]}), "\"2\" is not of type \"integer\", at `/a/1`"),
        (json!({"a": [], "b/c": "z"}), "\"z\" is not one of [\"x\",\"y\"], at `/b~1c`"),
        (json!({"a": [], "d": 1}), "additional properties are not allowed (\"d\" was unexpected), at ``"),
    ];
    for (value, told) in cases {
        assert_eq!(validate(&schema, &value).unwrap_err().to_string(), told);
    }
    let long = validate(&json!({"type": "null"}), &json!("é".repeat(10_000))).unwrap_err().to_string();
    assert!(long.len() < 1_000, "{long}");
}

#[test]
fn null_is_a_value_of_what_is_nullable() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "string", "nullable": true}}});
    assert_eq!(validate(&schema, &json!({"a": null})), Ok(()));
    assert!(validate(&schema, &json!({"a": 1})).is_err());
}

#[test]
fn references_lead_within_the_document() {
    let schema = json!({
        "$ref": "#/$defs/a%20b",
        "$defs": {"a b": {"type": "array", "items": {"$ref": "#node"}}, "c": {"$anchor": "node", "anyOf": [{"$ref": "#"}, {"const": 1}]}},
    });
    for (value, is_valid) in [(json!([1, [1, []]]), true), (json!([1, [2]]), false), (json!(1), false)] {
        assert_eq!(validate(&schema, &value).is_ok(), is_valid, "{value}");
        assert_agrees(&schema, &value);
    }
}

#[test]
fn schemas_that_are_none_are_errors() {
    let endless = json!({"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}});
    let broken = [
        endless,
        json!(1),
        json!({"type": "text"}),
        json!({"type": 1}),
        json!({"$ref": "#/nowhere"}),
        json!({"$ref": "https://elsewhere.example/"}),
        json!({"pattern": "("}),
        json!({"minLength": -1}),
        json!({"multipleOf": 0}),
        json!({"minimum": "1"}),
        json!({"enum": 1}),
        json!({"not": 1}),
    ];
    for schema in broken {
        for value in [json!("text"), json!(1), json!({}), json!([])] {
            match validate(&schema, &value) {
                Err(ValidationError::Schema(_)) => break,
                outcome => assert!(outcome.is_ok() && value != json!([]), "{schema}: {outcome:?}"),
            }
        }
    }
}
