//! What is refused, by name and place, and what is bounded.

use super::prepare;
use crate::SchemaError;
use serde_json::{Value, json};

#[track_caller]
fn assert_unsupported(schema: &Value, keyword: &str, pointer: &str) {
    match prepare(schema) {
        Err(SchemaError::Unsupported { keyword: found, pointer: place, advice }) => {
            assert_eq!((found.as_str(), place.as_str()), (keyword, pointer), "{schema}");
            assert!(!advice.is_empty());
        }
        other => panic!("{schema} gave {other:?}"),
    }
}

#[test]
fn what_is_not_enforced_is_refused_by_name_and_place() {
    for (keyword, value) in [
        ("not", json!({"const": 1})),
        ("if", json!({"type": "string"})),
        ("then", json!({})),
        ("else", json!({})),
        ("patternProperties", json!({"^a": {"type": "string"}})),
        ("propertyNames", json!({"maxLength": 3})),
        ("contains", json!({"type": "string"})),
        ("minContains", json!(2)),
        ("$dynamicRef", json!("#a")),
        ("x-span", json!(true)),
        ("x-guidance", json!({})),
        ("minimun", json!(3)),
    ] {
        let mut inner = json!({"type": "string"});
        inner[keyword] = value;
        assert_unsupported(&inner, keyword, "#");
        let outer = json!({"type": "object", "properties": {"a/b": {"type": "array", "items": inner}}});
        assert_unsupported(&outer, keyword, "#/properties/a~1b/items");
    }
}

#[test]
fn literals_that_cannot_be_written_are_refused() {
    assert_unsupported(&json!({"const": "hello\u{0}there"}), "const", "#");
    assert_unsupported(&json!({"enum": [1, ["a", {"b\u{1b}": 2}]]}), "enum", "#");
    let object = json!({"type": "object", "properties": {"a\u{1}": {"type": "null"}}});
    assert_unsupported(&object, "properties", "#");
    assert!(prepare(&json!({"enum": ["line\nend\r", "tab\there", "\u{8}\u{c}", "\"\\\u{7f}é"]})).is_ok());
}

#[test]
fn what_is_enforced_only_in_part_is_refused_for_the_rest() {
    assert_unsupported(&json!({"type": "string", "format": "regex"}), "format", "#");
    assert_unsupported(&json!({"type": "number", "multipleOf": 0.1}), "multipleOf", "#");
    assert_unsupported(&json!({"type": "array", "items": {"type": "string"}, "uniqueItems": true}), "uniqueItems", "#");
    let weekdays = json!({"enum": [1, 2, 3, 4, 5, 6, 7]});
    assert_unsupported(&json!({"type": "array", "items": weekdays, "uniqueItems": true}), "uniqueItems", "#");
    assert_unsupported(&json!({"$ref": "https://example.com/schema"}), "$ref", "#");
    assert_unsupported(&json!({"$ref": "#anchor", "$defs": {"a": {"$anchor": "anchor"}}}), "$ref", "#");
    assert_unsupported(&json!({"allOf": [{"pattern": "a"}, {"pattern": "b"}]}), "allOf", "#");
    assert_unsupported(&json!({"type": "array", "items": {"$id": "b", "type": "null"}}), "$id", "#/items");
    let map = json!({"type": "object", "additionalProperties": {"type": "null"}, "minProperties": 2});
    assert_unsupported(&map, "minProperties", "#");
}

#[test]
fn what_nothing_satisfies_is_refused() {
    for schema in [
        json!({"type": "integer", "minimum": 2, "maximum": 1}),
        json!({"type": "number", "exclusiveMinimum": 1, "maximum": 1}),
        json!({"type": "string", "minLength": 3, "maxLength": 2}),
        json!({"type": "array", "items": {"type": "null"}, "minItems": 3, "maxItems": 2}),
        json!({"enum": []}),
        json!({"type": "array", "items": {"enum": [1, 2]}, "uniqueItems": true, "minItems": 3}),
        json!({"type": "object", "properties": {"a": false}, "required": ["a"]}),
        json!({"type": "object", "additionalProperties": {"type": "null"}, "minProperties": 1, "maxProperties": 0}),
        json!({"allOf": [{"type": "string"}, {"type": "integer"}], "anyOf": [true]}),
        json!({"type": "object", "properties": {"a": {"enum": [1], "const": 2, "anyOf": [true]}}, "required": ["a"]}),
        json!({"type": "integer", "anyOf": [{"type": "string"}, {"minimum": 3, "maximum": 2}]}),
    ] {
        let result = prepare(&schema);
        assert!(matches!(result, Err(SchemaError::Unsatisfiable { .. })), "{schema} gave {result:?}");
    }
}

#[test]
fn what_is_no_schema_is_refused() {
    for schema in [
        json!(3),
        json!({"type": "text"}),
        json!({"type": []}),
        json!({"type": "string", "maxLength": -1}),
        json!({"type": "integer", "minimum": "1"}),
        json!({"anyOf": []}),
        json!({"$ref": "#/$defs/Missing"}),
        json!({"$ref": "#/$defs/Missing", "type": "string"}),
        json!({"type": "object", "properties": 3}),
        json!({"allOf": {}}),
    ] {
        let result = prepare(&schema);
        assert!(matches!(result, Err(SchemaError::Malformed { .. })), "{schema} gave {result:?}");
    }
}

#[test]
fn what_is_left_open_is_bounded() {
    let prepared = prepare(&json!({"type": "object", "properties": {
        "text": {"type": "string"},
        "count": {"type": "integer", "minimum": 3},
        "list": {"type": "array", "items": {"type": "string", "maxLength": 9}},
    }}))
    .unwrap();
    assert_eq!(prepared["additionalProperties"], json!(false));
    let properties = &prepared["properties"];
    assert_eq!(properties["text"]["maxLength"], json!(crate::limits::STRING_CHARACTERS));
    assert_eq!(properties["count"], json!({"type": "integer", "minimum": 3, "maximum": crate::limits::INTEGER}));
    assert_eq!(properties["list"]["maxItems"], json!(crate::limits::LIST_ITEMS));
    assert_eq!(properties["list"]["items"]["maxLength"], json!(9));
}

#[test]
fn lists_without_repetition_are_spelt_out() {
    let prepared = prepare(&json!({
        "type": "array", "uniqueItems": true, "minItems": 1, "maxItems": 2,
        "items": {"$ref": "#/$defs/Letter"}, "$defs": {"Letter": {"enum": ["a", "b"]}},
    }))
    .unwrap();
    assert_eq!(prepared["enum"], json!([["a"], ["a", "b"], ["b"], ["b", "a"]]));
}

#[test]
fn types_are_those_that_the_keywords_speak_of() {
    for (schema, types) in [
        (json!({"minLength": 1}), json!(["string"])),
        (json!({"multipleOf": 2, "pattern": "a"}), json!(["string", "number"])),
        (json!({"items": {"type": "null"}}), json!(["array"])),
        (json!({"required": ["a"]}), json!(["object"])),
    ] {
        assert_eq!(prepare(&schema).unwrap()["type"], types, "{schema}");
    }
    for schema in [json!(true), json!({}), json!({"description": "anything"})] {
        let prepared = prepare(&schema).unwrap();
        assert_eq!(prepared["type"], json!(["string", "number", "boolean", "null", "array", "object"]), "{schema}");
        assert_eq!(prepared["items"]["items"]["type"], json!(["string", "number", "boolean", "null"]));
    }
    let without_arguments = prepare(&json!({"type": "object", "properties": {}})).unwrap();
    assert_eq!(without_arguments["additionalProperties"], json!(false));
    assert!(without_arguments.get("patternProperties").is_none());
}

#[test]
fn what_a_value_has_to_satisfy_at_once_is_written_together() {
    let prepared = prepare(&json!({
        "$ref": "#/$defs/Named",
        "allOf": [
            {"properties": {"age": {"minimum": 0}}, "required": ["age"]},
            {"properties": {"age": {"type": "integer", "maximum": 120}}, "additionalProperties": {"maxLength": 9}},
        ],
        "$defs": {"Named": {"type": "object", "properties": {"name": {"const": "Ada"}}, "required": ["name"]}},
    }))
    .unwrap();
    assert_eq!(prepared["properties"]["age"], json!({"minimum": 0, "type": "integer", "maximum": 120}));
    // The last schema does not name it, and says what such properties are to be.
    assert_eq!(prepared["properties"]["name"], json!({"const": "Ada", "maxLength": 9}));
    assert_eq!(prepared["required"], json!(["age", "name"]));
}

#[test]
fn choices_take_what_stands_next_to_them() {
    let prepared = prepare(&json!({
        "type": "object",
        "properties": {"kind": {"type": "string", "maxLength": 3}},
        "required": ["kind"],
        "anyOf": [
            {"properties": {"kind": {"const": "far"}, "miles": {"type": "integer", "minimum": 9, "maximum": 99}}},
            {"properties": {"kind": {"type": "integer"}}},
        ],
    }))
    .unwrap();
    let choices = prepared["anyOf"].as_array().unwrap();
    assert_eq!(choices.len(), 1, "the other one needs a kind that is a string and a number: {prepared}");
    assert_eq!(choices[0]["properties"]["kind"]["const"], json!("far"));
    assert_eq!(choices[0]["required"], json!(["kind"]));
}

#[test]
fn one_of_is_any_of_where_no_value_satisfies_two() {
    let tagged = |tag: &str| json!({"type": "object", "properties": {"tag": {"const": tag}}, "required": ["tag"]});
    let closed = |name: &str| json!({"type": "object", "properties": {name: {"type": "null"}}, "required": [name], "additionalProperties": false});
    for choices in [
        json!([{"type": "string"}, {"type": ["integer", "null"]}]),
        json!([{"enum": ["a", 1]}, {"const": "b"}, {"type": "object", "properties": {}}]),
        json!([tagged("a"), tagged("b"), {"$ref": "#/$defs/tagged"}]),
        json!([closed("a"), closed("b")]),
    ] {
        let schema = json!({"oneOf": choices, "$defs": {"tagged": tagged("c")}});
        let prepared = prepare(&schema).unwrap();
        assert_eq!(prepared["anyOf"].as_array().map(Vec::len), choices.as_array().map(Vec::len), "{schema}");
    }
    for choices in [
        json!([{"type": "integer"}, {"type": "number"}]),
        json!([{"const": 1}, {"const": 1.0}]),
        json!([{"minLength": 2}, {"maxLength": 5}]),
        // An object with both names satisfies both, although neither lets the model say so.
        json!([
            {"type": "object", "properties": {"a": {"type": "null"}}, "required": ["a"]},
            {"type": "object", "properties": {"b": {"type": "null"}}},
        ]),
    ] {
        assert_unsupported(&json!({ "oneOf": choices }), "oneOf", "#");
    }
}

#[test]
fn references_are_followed_wherever_they_lead_and_unused_definitions_are_not_read() {
    let prepared = prepare(&json!({
        "type": "object",
        "properties": {"a%": {"type": "boolean"}, "b": {"$ref": "#/properties/a%25"}, "c": {"$ref": "#"}},
        "$defs": {"unused": {"not": {}}},
    }))
    .unwrap();
    assert_eq!(prepared["properties"]["b"], json!({"$ref": "#/$defs/0"}));
    assert_eq!(prepared["properties"]["c"], json!({"$ref": "#"}));
    assert_eq!(prepared["$defs"], json!({"0": {"type": "boolean"}}));
}

#[test]
fn what_never_ends_is_refused() {
    let both = |side: &str| json!({"allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}, {"description": side}]});
    let schema = json!({
        "allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}],
        "$defs": {
            "a": {"type": "object", "properties": {"l": {"$ref": "#/$defs/a"}, "r": {"$ref": "#/$defs/a"}}},
            "b": {"type": "object", "properties": {"l": {"$ref": "#/$defs/b"}, "r": both("b")}},
        },
    });
    let result = prepare(&schema);
    assert!(matches!(result, Err(SchemaError::Unsupported { .. })), "{result:?}");
    let result = prepare(&json!({"$ref": "#/$defs/a", "type": "null", "$defs": {"a": {"$ref": "#/$defs/a"}}}));
    assert!(matches!(result, Err(SchemaError::Unsupported { .. })), "{result:?}");
}

#[test]
fn elements_and_properties_that_only_another_schema_names_are_held_to_both() {
    let prepared = prepare(&json!({
        "allOf": [{"prefixItems": [{"type": "integer", "minimum": 1}]}, {"items": {"type": "integer", "maximum": 5}}],
    }))
    .unwrap();
    assert_eq!(prepared["prefixItems"][0], json!({"type": "integer", "minimum": 1, "maximum": 5}));
    assert_eq!(prepared["items"]["maximum"], json!(5));
    let prepared = prepare(&json!({
        "anyOf": [{"properties": {"a": {"const": 1}}}, {"properties": {"b": {"const": 2}}}],
        "properties": {"c": {"const": 3}},
        "required": ["d"],
        "unevaluatedProperties": {"const": 4},
        "dependentRequired": {"a": ["c"]},
    }))
    .unwrap();
    // Each choice is one of the other: with `c`, or without `a`.
    let choices = prepared["anyOf"].as_array().unwrap();
    let inner: Vec<&Value> = choices.iter().flat_map(|choice| choice["anyOf"].as_array().unwrap()).collect();
    assert_eq!(inner.len(), 4, "{prepared}");
    for choice in inner {
        assert_eq!(choice["properties"]["d"], json!({"const": 4}), "{prepared}");
        let (a, is_required) =
            (&choice["properties"]["a"], choice["required"].as_array().unwrap().contains(&json!("c")));
        assert!(is_required || a == &json!(false), "{prepared}");
    }
}

#[test]
fn annotations_turn_no_schema_away() {
    let mut annotated = json!({"type": "string", "maxLength": 9});
    for (keyword, value) in [
        ("discriminator", json!({"propertyName": "kind", "mapping": {"a": "#/$defs/a"}})),
        ("example", json!("a")),
        ("examples", json!(["a"])),
        ("xml", json!({"name": "a"})),
        ("externalDocs", json!({"url": "https://example.com"})),
        ("deprecated", json!(true)),
        ("readOnly", json!(true)),
        ("writeOnly", json!(false)),
        ("title", json!("A")),
        ("description", json!("a")),
        ("$comment", json!("a")),
        ("default", json!("a")),
        ("contentMediaType", json!("text/plain")),
        ("contentEncoding", json!("base64")),
        ("nullable", json!(false)),
        ("x-order", json!(1)),
        ("propertyOrdering", json!(["a"])),
        ("enumDescriptions", json!(["a"])),
        ("markdownDescription", json!("a")),
        ("format", json!("password")),
    ] {
        annotated[keyword] = value;
    }
    assert_eq!(prepare(&annotated).unwrap()["maxLength"], json!(9));
    let prepared = prepare(&json!({"type": "object", "properties": {"a": annotated}, "example": {"a": "b"}})).unwrap();
    assert_eq!(prepared["properties"]["a"], json!({"type": "string", "maxLength": 9}));
}

#[test]
fn formats_that_the_standard_does_not_define_are_annotations() {
    for format in ["int64", "float", "double", "byte", "binary", "password", "color", "phone"] {
        for name in ["string", "number", "integer"] {
            let prepared = prepare(&json!({"type": name, "format": format})).unwrap();
            assert!(prepared.get("format").is_none() && prepared.get("pattern").is_none(), "{prepared}");
        }
    }
    assert_unsupported(&json!({"type": "string", "format": "json-pointer"}), "format", "#");
    assert!(prepare(&json!({"type": "string", "format": "date"})).unwrap()["pattern"].is_string());
    let prepared = prepare(&json!({"type": "string", "format": "phone", "pattern": "^[0-9]+$"})).unwrap();
    assert_eq!(prepared["pattern"], json!("^[0-9]+$"));
    let prepared = prepare(&json!({"type": "integer", "format": "int32", "minimum": 0})).unwrap();
    assert_eq!([&prepared["minimum"], &prepared["maximum"]], [&json!(0), &json!(i32::MAX)]);
    assert!(prepare(&json!({"type": "string", "format": 3})).is_err());
}

#[test]
fn what_is_nullable_may_be_null() {
    let prepared = prepare(&json!({"type": "object", "properties": {
        "a": {"type": "string", "maxLength": 3, "nullable": true},
        "b": {"$ref": "#/$defs/b", "nullable": true},
        "nullable": {"type": "boolean"},
    }, "$defs": {"b": {"type": "integer", "minimum": 1, "maximum": 2}}}))
    .unwrap();
    assert_eq!(prepared["properties"]["a"], json!({"type": ["string", "null"], "maxLength": 3}));
    assert_eq!(prepared["properties"]["b"]["anyOf"], json!([{"$ref": "#/$defs/0"}, {"type": "null"}]));
    assert_eq!(prepared["properties"]["nullable"], json!({"type": "boolean"}));
}

#[test]
fn a_refused_pattern_names_its_place() {
    for pattern in ["^(?!x)[a-z]+$", "(?<=a)b", r"(a)\1", r"\bword\b", "("] {
        assert_unsupported(&json!({"type": "string", "pattern": pattern}), "pattern", "#/pattern");
        let tool = json!({"type": "object", "properties": {"code": {"type": "string", "pattern": pattern}}});
        assert_unsupported(&tool, "pattern", "#/properties/code/pattern");
    }
    let error = prepare(&json!({"type": "string", "pattern": "^(?!x)"})).unwrap_err().to_string();
    assert!(error.contains("look-around"), "{error}");
    let error = prepare(&json!({"type": "object", "properties": {"a": {"type": "string", "pattern": 3}}})).unwrap_err();
    assert!(error.to_string().contains("#/properties/a"), "{error}");
}

#[track_caller]
fn assert_too_large(schema: &Value, pointer: &str, reason: &str) {
    match prepare(schema) {
        Err(SchemaError::TooLarge { pointer: place, reason: found }) => {
            assert_eq!(place, pointer);
            assert!(found.contains(reason), "{found}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_would_take_long_is_refused_before_it_is_worked_on() {
    let words = |count: usize| (0..count).map(|number| json!(format!("w{number}"))).collect::<Vec<_>>();
    let outer = |inner: Value| json!({"type": "object", "properties": {"a": inner}});
    assert_too_large(&outer(json!({"enum": words(1_000_000)})), "#/properties/a", "10000 values under `enum`");
    let several = json!({"anyOf": [{"enum": words(6_000)}, {"enum": words(6_000)}]});
    assert_too_large(&several, "#/anyOf/0", "10000 values under `enum`");
    let choices = vec![json!({"type": "null"}); 10_000];
    assert_too_large(&outer(json!({ "oneOf": choices })), "#/properties/a", "`oneOf`");
    assert_too_large(&json!({"const": "a".repeat(5 << 20)}), "#", "bytes");
    let properties: serde_json::Map<String, Value> = (0..300_000).map(|n| (format!("p{n}"), json!({}))).collect();
    assert_too_large(&json!({"type": "object", "properties": properties}), "#/properties", "values");
    let mut nested = json!({"type": "null"});
    for _ in 0..1_000 {
        nested = Value::Object([("items".to_owned(), nested)].into_iter().collect());
    }
    assert_too_large(&nested, &format!("#{}", "/items".repeat(257)), "levels");
    let optional: serde_json::Map<String, Value> = (0..2_000).map(|n| (format!("p{n}"), json!({"const": n}))).collect();
    assert_too_large(
        &outer(json!({"type": "object", "properties": optional})),
        "#/properties/a",
        "optional properties",
    );
    // Each choice would take the words with it.
    let beside =
        json!({"enum": words(5_000), "anyOf": (0..1_000).map(|_| json!({"maxLength": 3})).collect::<Vec<_>>()});
    assert_too_large(&beside, "#", "put together");
    let inlined: serde_json::Map<String, Value> =
        (0..1_000).map(|n| (format!("p{n}"), json!({"$ref": "#/$defs/words", "maxLength": n}))).collect();
    let schema = json!({"type": "object", "properties": inlined, "$defs": {"words": {"enum": words(5_000)}}});
    assert!(matches!(prepare(&schema), Err(SchemaError::TooLarge { .. })));
    let deep = (0..100).fold(json!({"type": "null"}), |inner, _| json!({"type": "array", "items": inner}));
    assert!(matches!(prepare(&deep), Err(SchemaError::Unsupported { .. })));
    assert_unsupported(&outer(json!({"pattern": "a".repeat(100_000)})), "pattern", "#/properties/a/pattern");
    let many = 1_000_000_000_u64;
    assert_unsupported(&outer(json!({"type": "string", "minLength": many})), "minLength", "#/properties/a");
    let list = json!({"type": "array", "items": {"type": "null"}, "minItems": many});
    assert_unsupported(&outer(list), "minItems", "#/properties/a");
    let unique = json!({"type": "array", "items": {"enum": words(9_000)}, "uniqueItems": true, "minItems": 900});
    assert_unsupported(&unique, "uniqueItems", "#");
}

#[test]
fn what_may_be_longer_than_can_be_held_to_is_bounded() {
    let prepared = prepare(&json!({"type": "string", "maxLength": 1_000_000_000_000_u64})).unwrap();
    assert_eq!(prepared["maxLength"], json!(crate::limits::LONGEST_STRING));
    let list = json!({"type": "array", "items": {"type": "null"}, "maxItems": 1_000_000_000_000_u64});
    assert_eq!(prepare(&list).unwrap()["maxItems"], json!(crate::limits::LONGEST_LIST));
}
